"""What a program says beside the inputs: protection, aliases, targets, imports, timeouts."""

SELF = "urn:pulumi:dev::test::lab:index:Thing::"


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
