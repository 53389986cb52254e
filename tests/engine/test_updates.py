"""What `up` does to resources: the semantics of Pulumi's engine, with a plugin that keeps a record of every call."""

import json

import pytest

SELF = "urn:pulumi:dev::test::lab:index:Thing::"


def test_create_update_delete(project):
    project.program('a = Thing("a", size=1)\nb = Thing("b", of=a.id)\npulumi.export("status", b.status)')
    assert project.up().operations == ["create a", "create b", "create test-dev"]
    assert project.outputs() == {"status": "ready"}
    project.program('a = Thing("a", size=2)\nb = Thing("b", of=a.id)\npulumi.export("status", b.status)')
    assert project.up().operations == ["update a"]
    project.program('a = Thing("a", size=2)')
    assert project.up().operations == ["delete b"]
    assert project.outputs() == {}
    assert project.preview().operations == []
    project.destroy()
    assert [name for method, name in project.calls() if method == "Delete"] == ["b", "a"]
    assert project.deployment().get("resources", []) == []


def test_a_preview_knows_what_a_provider_that_supports_previews_tells(project):
    project.program('a = Thing("a", size=1)\npulumi.export("size", a.status.apply(lambda s: 1 / 0))')
    assert project.preview().operations == ["create a", "create test-dev"]
    assert project.calls() == []


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


def test_protected_resources_survive(project):
    project.program('Thing("a", zone="x", opts=ResourceOptions(protect=True))')
    project.up()
    project.program('Thing("a", zone="y", opts=ResourceOptions(protect=True))')
    refused = project.up(check=False)
    assert refused.code == 1 and "unable to replace" in refused.errors[0]
    assert project.preview(check=False).code == 1
    project.program("")
    refused = project.up(check=False)
    assert refused.code == 1 and "cannot be deleted" in refused.errors[0]
    assert project.destroy(check=False).code == 1
    project.program('Thing("a", zone="x")')
    project.up()
    project.destroy()
    assert project.calls().count(("Delete", "a")) == 1


def test_retained_and_external_resources_are_not_deleted(project):
    project.program('Thing("kept", opts=ResourceOptions(retain_on_delete=True))')
    project.up()
    identifier = project.resources()["kept"]["id"]
    project.program(f'a = Thing("seen", opts=ResourceOptions(id="{identifier}"))\npulumi.export("status", a.status)')
    project.up()
    assert project.outputs() == {"status": "ready"}
    assert project.resources()["seen"]["external"] is True
    project.destroy()
    assert ("Delete", "kept") not in project.calls() and ("Delete", "seen") not in project.calls()


def test_reading_what_is_not_there_fails(project):
    project.program('Thing("seen", opts=ResourceOptions(id="nothing"))')
    refused = project.up(check=False)
    assert refused.code == 1
    assert "resource 'nothing' does not exist" in refused.errors


def test_what_is_deleted_with_another_resource_is_not_deleted_itself(project):
    text = 'a = Thing("a", zone="{}")\nThing("b", opts=ResourceOptions(deleted_with=a))'
    project.program(text.format("x"))
    project.up()
    project.program(text.format("y"))
    replaced = project.up()
    assert "replace b" in replaced.operations
    project.destroy()
    deleted = [name for method, name in project.calls() if method == "Delete"]
    assert deleted == ["a", "a"]


def test_names_parents_and_types_may_change_with_aliases(project):
    project.program('Thing("a")\nbox = Box("box")\nThing("box-in", opts=ResourceOptions(parent=box))\nThing("loose")')
    project.up()
    project.forget_calls()
    project.program("""
    Other("a", opts=ResourceOptions(aliases=[Alias(type_="lab:index:Thing")]))
    crate = Box("crate", opts=ResourceOptions(aliases=[Alias(name="box")]))
    Thing("crate-in", opts=ResourceOptions(parent=crate))
    Thing("loose", opts=ResourceOptions(parent=crate, aliases=[Alias(parent=pulumi.ROOT_STACK_RESOURCE)]))
    """)
    assert project.up().operations == []
    assert project.calls() == []
    resources = project.deployment()["resources"]
    assert {r["urn"].split("::", 2)[2] for r in resources} == {
        "pulumi:pulumi:Stack::test-dev",
        "pulumi:providers:lab::default",
        "lab:index:Other::a",
        "lab:index:Box::crate",
        "lab:index:Box$lab:index:Thing::crate-in",
        "lab:index:Box$lab:index:Thing::loose",
    }
    assert not any("aliases" in r for r in resources)
    assert project.preview().operations == []


def test_an_alias_given_as_a_urn(project):
    project.program('Thing("a")')
    project.up()
    project.program(f'Thing("b", opts=ResourceOptions(aliases=["{SELF}a"]))')
    assert project.up().operations == []
    assert set(project.resources()) == {"test-dev", "default", "b"}


def test_two_resources_of_one_name_are_refused(project):
    project.program('Thing("a")\nThing("a")')
    refused = project.up(check=False)
    assert refused.code == 1
    assert refused.errors == [f"Duplicate resource URN '{SELF}a'; try giving it a unique name"]


def test_check_failures_name_the_property(project):
    project.program('Thing("a", invalid=8)\n')
    refused = project.up(check=False)
    assert refused.errors == [
        "lab:index:Thing resource 'a': property invalid value {8} has a problem: must not be there"
    ]
    project.program('Thing("a", fail="check-all")\n')
    assert project.up(check=False).errors == ["lab:index:Thing resource 'a' has a problem: nothing is right"]
    assert project.calls() == []


def test_partial_failure_keeps_the_resource_and_the_next_update_goes_on(project):
    project.program('a = Thing("a", fail="partial")\nThing("b", of=a.id)')
    failed = project.up(check=False)
    assert failed.code == 1
    assert "not ready yet" in failed.errors
    state = project.resources()["a"]
    assert state["initErrors"] == ["not ready yet"] and state["id"] and state["outputs"]["status"] == "ready"
    assert "b" not in project.resources()
    again = project.up(check=False)
    assert again.code == 1 and again.operations == ["update a"]
    assert project.resources()["a"]["initErrors"] == ["still not ready"]
    project.program('a = Thing("a")\nThing("b", of=a.id)')
    healed = project.up()
    assert healed.operations == ["create b", "update a"]
    assert "initErrors" not in project.resources()["a"]


def test_an_unchanged_resource_with_init_errors_is_updated(project):
    project.program('Thing("a", hold="gate")')
    process = project.start("up", "--yes", "--skip-preview")
    project.await_call("Create", "a")
    project.interrupt(process)
    canceled = project.finish(process)
    assert canceled.code == 1
    assert project.resources()["a"]["initErrors"] == ["cancelled while waiting"]
    assert project.up().operations == ["update a"]
    assert "initErrors" not in project.resources()["a"]


def test_a_failed_partial_update_keeps_the_old_inputs(project):
    project.program('Thing("a", size=1)')
    project.up()
    project.program('Thing("a", size=2, fail="partial")')
    project.up(check=False)
    state = project.resources()["a"]
    assert state["inputs"] == {"size": 1}
    assert state["outputs"]["size"] == 2


def test_after_a_failure_nothing_new_begins(project):
    project.program("""
    a = Thing("a", fail="create")
    b = Thing("b", of=a.id)
    """)
    failed = project.up(check=False)
    assert failed.code == 1
    assert failed.errors == ["the create failed, as it was told to", "update failed"]
    assert ("Create", "b") not in project.calls()
    summary = next(e["summaryEvent"] for e in failed.events if "summaryEvent" in e)
    assert summary["result"] == "failed"


def test_continue_on_error_does_what_does_not_depend_on_the_failure(project):
    project.program("""
    a = Thing("a", fail="create")
    b = Thing("b", of=a.id)
    c = Thing("c")
    d = Thing("d", of=c.id)
    pulumi.export("d", d.status)
    """)
    failed = project.up("--continue-on-error", check=False)
    assert failed.code == 1
    assert {name for _, name in project.calls()} == {"a", "c", "d"}
    assert {"c", "d"} <= set(project.resources()) and not {"a", "b"} & set(project.resources())


def test_only_what_is_targeted_changes(project):
    text = 'a = Thing("a", size={0})\nb = Thing("b", size={0})\nc = Thing("c", of=b.status, size={0})'
    project.program(text.format(1))
    project.up()
    project.program(text.format(2))
    assert project.up("--target", SELF + "a").operations == ["update a"]
    assert project.up("--target", SELF + "b", "--target-dependents").operations == ["update b", "update c"]
    project.program(text.format(2) + '\nThing("new")\nThing("old")')
    assert project.up("--target", SELF + "n**").operations == ["create new"]
    project.program(text.format(3))
    assert project.up("--target", SELF + "new").operations == ["delete new"]
    assert project.up("--target", SELF + "nobody", check=False).code == 1


def test_a_target_that_needs_what_is_not_targeted_is_refused(project):
    project.program('a = Thing("a")\nb = Thing("b", of=a.id)')
    refused = project.up("--target", SELF + "b", check=False)
    assert refused.code == 1
    assert "not specified in --target list" in refused.errors[0]


def test_replace_replaces_what_did_not_change(project):
    project.program('Thing("a")')
    project.up()
    assert project.up("--replace", SELF + "a").operations == ["create-replacement a", "delete-replaced a", "replace a"]


def test_import_takes_over_what_is_as_declared(project):
    project.program('Thing("a", size=1, opts=ResourceOptions(retain_on_delete=True))')
    project.up()
    identifier = project.resources()["a"]["id"]
    project.program("")
    project.up()
    project.program(f'Thing("b", size=1, opts=ResourceOptions(import_="{identifier}"))')
    assert project.up().operations == ["import b"]
    assert project.resources()["b"]["id"] == identifier
    assert project.preview().operations == []
    project.program(f'Thing("b", size=2, opts=ResourceOptions(import_="{identifier}"))')
    assert project.up().operations == ["update b"]


def test_import_of_what_is_not_there_fails(project):
    project.program('Thing("b", opts=ResourceOptions(import_="nothing"))')
    refused = project.up(check=False)
    assert refused.code == 1
    assert "resource 'nothing' does not exist" in refused.errors


def test_timeouts_reach_the_plugin_but_not_through_components(project):
    project.program("""
    timeouts = pulumi.CustomTimeouts(create="1h30m", update="90s", delete="2m")
    Thing("a", size=1, opts=ResourceOptions(custom_timeouts=timeouts))
    box = Box("box", ResourceOptions(custom_timeouts=timeouts))
    Thing("b", opts=ResourceOptions(parent=box))
    """)
    project.up()
    assert {c["name"]: c["timeout"] for c in project.calls("Create")} == {"a": 5400, "b": 0}
    assert project.resources()["a"]["customTimeouts"] == {"create": 5400, "update": 90, "delete": 120}
    project.destroy()
    assert {c["name"]: c["timeout"] for c in project.calls("Delete")} == {"a": 120, "b": 0}


def test_children_inherit_protection(project):
    project.program("""
    box = Box("box", ResourceOptions(protect=True, retain_on_delete=True))
    Thing("a", opts=ResourceOptions(parent=box))
    Thing("b", opts=ResourceOptions(parent=box, protect=False, retain_on_delete=False))
    """)
    project.up()
    resources = project.resources()
    assert resources["a"]["protect"] and resources["a"]["retainOnDelete"]
    assert "protect" not in resources["b"] and "retainOnDelete" not in resources["b"]


def test_explicit_providers(project):
    text = """
    lab = Lab("mine", word="{word}", region="{region}", key=Output.secret("hush"))
    a = Thing("a", opts=ResourceOptions(provider=lab))
    box = Box("box", ResourceOptions(providers=[lab]))
    b = Thing("b", opts=ResourceOptions(parent=box))
    c = Thing("c")
    pulumi.export("said", Output.all(a.greeting, b.greeting, c.greeting))
    pulumi.export("echo", pulumi.runtime.invoke("lab:index:echo", {{"say": "x"}}, pulumi.InvokeOptions(provider=lab)))
    """
    project.program(text.format(word="hello", region="one"))
    project.up()
    assert project.outputs("--show-secrets")["said"] == ["hello", "hello", ""]
    assert project.outputs()["echo"]["echo"] == "x"
    assert "hush" not in json.dumps(project.deployment())
    assert project.preview().operations == []
    project.program(text.format(word="bye", region="one"))
    assert project.up().operations == ["update mine"]
    project.program(text.format(word="bye", region="two"))
    replaced = project.up().operations
    assert {"replace mine", "replace a", "replace b"} <= set(replaced) and "replace c" not in replaced
    project.program('Lab("mine", endpoint="nowhere")')
    assert "there is nothing there" in project.up(check=False).errors[0]


def test_the_default_provider_takes_the_stack_config(project):
    project.run("config", "set", "lab:word", "from the stack", check=True)
    project.run("config", "set", "--secret", "lab:key", "hush", check=True)
    project.program('a = Thing("a")\npulumi.export("said", a.greeting)')
    project.up()
    assert project.outputs("--show-secrets")["said"] == "from the stack"
    assert "hush" not in json.dumps(project.deployment())


def test_default_providers_can_be_disabled(project):
    project.run("config", "set", "--path", "pulumi:disable-default-providers[0]", "lab", check=True)
    project.program('Thing("a")')
    refused = project.up(check=False)
    assert refused.code == 1
    assert refused.errors == ["Default provider for 'lab' disabled. 'lab:index:Thing' must use an explicit provider."]


def test_secrets_stay_secret(project):
    project.program("""
    a = Thing("a", key=Output.secret("hush"), box={"deep": Output.secret("hush")})
    b = Thing("b", opts=ResourceOptions(additional_secret_outputs=["status"]))
    pulumi.export("key", a.__dict__["status"].apply(lambda s: s))
    pulumi.export("b", b.status)
    pulumi.export("mine", Output.secret({"list": [1, "hush"]}))
    """)
    done = project.up()
    assert "hush" not in done.text
    assert "hush" not in json.dumps(project.deployment())
    assert project.outputs()["b"] == "[secret]"
    assert project.outputs("--show-secrets")["mine"] == {"list": [1, "hush"]}
    plain = project.deployment("--show-secrets")
    assert '"hush"' in next(r for r in plain["resources"] if r["urn"] == SELF + "a")["inputs"]["key"]["plaintext"]
    assert project.preview().operations == []


def test_stack_references_read_other_stacks(project):
    project.run("stack", "init", "base", "--no-select", check=True)
    project.program('pulumi.export("open", "sesame")\npulumi.export("hidden", Output.secret("hush"))')
    project.up("--stack", "base")
    project.program("""
    base = pulumi.StackReference("organization/test/base")
    pulumi.export("open", base.get_output("open"))
    pulumi.export("hidden", base.get_output("hidden"))
    """)
    project.up()
    assert project.outputs() == {"open": "sesame", "hidden": "[secret]"}
    assert project.outputs("--show-secrets")["hidden"] == "hush"
    project.program('pulumi.StackReference("organization/test/nowhere")')
    refused = project.up(check=False)
    assert refused.code == 1 and "unknown stack 'organization/test/nowhere'" in refused.errors[0]
    about = [e["diagnosticEvent"]["urn"] for e in refused.events if "unknown stack" in str(e.get("diagnosticEvent"))]
    assert about == ["urn:pulumi:dev::test::pulumi:pulumi:StackReference::organization/test/nowhere"]


def test_functions(project):
    project.program("""
    pulumi.export("echo", pulumi.runtime.invoke("lab:index:echo", {"say": "hello"}).value)
    """)
    project.up()
    assert project.outputs() == {"echo": {"echo": "hello", "word": ""}}
    project.program('pulumi.runtime.invoke("lab:index:echo", {"fail": True})')
    refused = project.up(check=False)
    assert refused.code == 1
    assert "invocation of lab:index:echo returned an error: no answer to that" in refused.errors[0]


def test_component_outputs(project):
    project.program("""
    box = Box("box")
    thing = Thing("in", opts=ResourceOptions(parent=box))
    box.register_outputs({"status": thing.status, "key": Output.secret("hush"), "thing": thing})
    """)
    project.up()
    outputs = project.resources()["box"]["outputs"]
    assert outputs["status"] == "ready" and "ciphertext" in outputs["key"]
    assert outputs["thing"]["urn"].endswith("Thing::in")
    assert project.preview().operations == []


def test_many_creates_run_at_the_same_time(project):
    """Each create waits until all of them have come, so that a limit anywhere would hang."""
    project.program('for i in range(120):\n    Thing(f"t{i}", together=120)')
    project.up()
    assert len(project.calls("Create")) == 120


def test_thousands_of_resources_may_be_declared_at_once(project):
    """gRPC drops what waits behind the thousandth request, unless it is told not to."""
    project.program('for i in range(2000):\n    Box(f"b{i}")')
    project.up()
    assert len(project.resources()) == 2001


def test_parallel_limits(project):
    project.program('for i in range(4):\n    Thing(f"t{i}", together=2)')
    process = project.start("up", "--yes", "--skip-preview", "--parallel", "2")
    assert project.finish(process).code == 0


def test_expect_no_changes(project):
    project.program('Thing("a")')
    assert project.preview("--expect-no-changes", check=False).code == 7
    project.up()
    assert project.preview("--expect-no-changes").code == 0


@pytest.mark.parametrize("when", ["preview", "update"])
def test_a_plugin_that_dies_is_named(project, when):
    project.program('Thing("a", fail="die")')
    if when == "preview":
        assert project.preview().code == 0
        return
    failed = project.up(check=False)
    assert failed.code == 1
    assert failed.errors[0].startswith("the plugin lab exited with code 9; its last output: the lab is open")
    # Nobody knows what became of it.
    pending = project.deployment()["pending_operations"]
    assert [(op["type"], op["resource"]["urn"]) for op in pending] == [("creating", SELF + "a")]


def test_continue_on_error_keeps_what_a_failed_resource_needs(project):
    project.program('a = Thing("a")\nb = Thing("b", of=a.id)\nThing("c")')
    project.up()
    project.program('Thing("b", fail="update")')
    failed = project.up("--continue-on-error", check=False)
    assert failed.code == 1
    assert set(project.resources()) == {"test-dev", "default", "a", "b"}
