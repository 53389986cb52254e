"""Explicit and default providers: their config, their functions, their death."""

import json

import pytest

SELF = "urn:pulumi:dev::test::lab:index:Thing::"


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
