"""What replaces a resource, in which order, and what a failure on the way leaves due."""

SELF = "urn:pulumi:dev::test::lab:index:Thing::"


def test_replacement_creates_first_and_deletes_last(project):
    project.program('a = Thing("a", zone="x")\nThing("b", of=a.id)')
    project.up()
    project.forget_calls()
    project.program('a = Thing("a", zone="y")\nThing("b", of=a.id)')
    preview = project.preview().document
    step = next(s for s in preview["steps"] if s["op"] == "replace")
    assert step["replaceReasons"] == ["zone"]
    assert step["detailedDiff"] == {"zone": {"kind": "update-replace", "inputDiff": True}}
    project.up()
    assert project.calls() == [("Create", "a"), ("Update", "b"), ("Delete", "a")]


def test_delete_first_takes_along_what_it_would_replace_and_nothing_else(project):
    text = """
    a = Thing("a", name="{name}")
    b = Thing("b", zone=a.id)
    c = Thing("c", of=b.id)
    d = Thing("d", opts=ResourceOptions(depends_on=[a]))
    """
    project.program(text.format(name="one"))
    project.up()
    project.forget_calls()
    project.program(text.format(name="two"))
    project.up()
    assert project.calls() == [
        ("Delete", "b"),
        ("Delete", "a"),
        ("Create", "a"),
        ("Create", "b"),
        ("Update", "c"),
    ]
    assert not any(r.get("delete") or r.get("pendingReplacement") for r in project.resources().values())


def test_a_dependent_that_the_program_dropped_is_deleted_for_good(project):
    project.program('a = Thing("a", name="one")\nb = Thing("b", zone=a.id)')
    project.up()
    project.forget_calls()
    project.program('a = Thing("a", name="two")')
    project.up()
    assert project.calls() == [("Delete", "b"), ("Delete", "a"), ("Create", "a")]
    assert set(project.resources()) == {"test-dev", "default", "a"}


def test_a_failed_recreation_stays_due(project):
    project.program('Thing("a", name="one")')
    project.up()
    project.program('Thing("a", name="two", fail="create")')
    assert project.up(check=False).code == 1
    assert project.resources()["a"]["pendingReplacement"] is True
    project.program('Thing("a", name="two")')
    assert project.up().operations == ["create-replacement a", "replace a"]
    assert "pendingReplacement" not in project.resources()["a"]
    assert len([c for c in project.calls() if c == ("Delete", "a")]) == 1


def test_a_pending_replacement_that_is_no_longer_wanted_is_forgotten(project):
    project.program('Thing("a", name="one")')
    project.up()
    project.program('Thing("a", name="two", fail="create")')
    project.up(check=False)
    project.program("")
    project.up()
    assert set(project.resources()) == {"test-dev"}


def test_a_failed_deletion_of_a_replaced_resource_is_tried_again(project):
    project.program('Thing("a", zone="x", fail="delete")')
    project.up()
    project.program('Thing("a", zone="y")')
    assert project.up(check=False).code == 1
    assert sorted(r.get("delete", False) for r in project.deployment()["resources"] if r["urn"] == SELF + "a") == [
        False,
        True,
    ]
    assert project.up(check=False).operations == ["delete-replaced a"]


def test_options_decide_about_replacement(project):
    text = """
    Thing("first", zone="{0}", opts=ResourceOptions(delete_before_replace=True))
    Thing("last", name="{0}", opts=ResourceOptions(delete_before_replace=False))
    Thing("changed", size="{0}", opts=ResourceOptions(replace_on_changes=["size"]))
    Thing("nested", box={{"in": {{"x": "{0}"}}, "y": 1}}, opts=ResourceOptions(replace_on_changes=["box.in"]))
    Thing("ignored", size="{0}", box={{"x": "{0}"}}, opts=ResourceOptions(ignore_changes=["size", "box.x"]))
    """
    project.program(text.format("one"))
    project.up()
    project.forget_calls()
    project.program(text.format("two"))
    project.up()
    calls = project.calls()
    assert calls.index(("Delete", "first")) < calls.index(("Create", "first"))
    assert calls.index(("Create", "last")) < calls.index(("Delete", "last"))
    assert calls.index(("Create", "changed")) < calls.index(("Delete", "changed"))
    assert ("Update", "nested") in calls  # The provider's own diff speaks of `box`, which is more than `box.in`.
    assert not [call for call in calls if call[1] == "ignored"]
    assert project.resources()["ignored"]["inputs"] == {"size": "one", "box": {"x": "one"}}


def test_replace_replaces_what_did_not_change(project):
    project.program('Thing("a")')
    project.up()
    assert project.up("--replace", SELF + "a").operations == ["create-replacement a", "delete-replaced a", "replace a"]
