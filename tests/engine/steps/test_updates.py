"""What `up` does to resources: the semantics of Pulumi's engine, with a plugin that keeps a record of every call."""

import json

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


def test_continue_on_error_keeps_what_a_failed_resource_needs(project):
    project.program('a = Thing("a")\nb = Thing("b", of=a.id)\nThing("c")')
    project.up()
    project.program('Thing("b", fail="update")')
    failed = project.up("--continue-on-error", check=False)
    assert failed.code == 1
    assert set(project.resources()) == {"test-dev", "default", "a", "b"}
