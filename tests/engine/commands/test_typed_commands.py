"""Commands as people type them: by other names, with `=true`, misspelt, and those that look at a state or edit it."""

import click
import pytest
from click.testing import CliRunner
from pulumi_embedded.commands.forgiving import ForgivingCommand, ForgivingGroup
from pulumi_embedded.commands.main import main

SELF = "urn:pulumi:dev::test::lab:index:"


@pytest.mark.parametrize(
    ("arguments", "heard"),
    [
        ([], None),
        (["--loud"], True),
        (["--loud=true"], True),
        (["--loud=T"], True),
        (["--loud=false"], False),
        (["--loud=0"], False),
        (["--", "--loud=true"], None),
    ],
)
def test_a_flag_may_have_a_value(arguments, heard):
    got = []

    @click.command(cls=ForgivingCommand)
    @click.option("--loud", is_flag=True, default=None)
    @click.argument("rest", nargs=-1)
    def say(loud, rest):
        got.append(loud)

    say(arguments, standalone_mode=False)
    assert got == [heard]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["uq"], "unknown command 'uq'"),
        (["up", "--refresh=perhaps"], "'perhaps' is neither true nor false"),
        (["stack", "exprot"], "did you mean 'export'?"),
        (["confg"], "did you mean 'config'?"),
        (["state", "qqq"], "known are delete, protect, rename, taint, unprotect, untaint"),
        (["up", "--taget", "x"], "--target"),
    ],
)
def test_what_is_unknown_is_refused_with_the_nearest_name(arguments, said):
    refused = CliRunner().invoke(main, arguments)
    assert refused.exit_code == 1 and said in refused.output


def test_other_names_of_the_cli_are_known():
    for group in [main, *(command for command in main.commands.values() if isinstance(command, click.Group))]:
        assert isinstance(group, ForgivingGroup)
        with click.Context(group) as context:
            for other, name in group.other_names.items():
                assert group.get_command(context, other) is group.commands[name]


def test_a_stack_is_shown_and_its_state_is_edited(project):
    assert "No resources currently in this stack" in project.run("stack", check=True).out
    project.program("""
    box = Box("box")
    a = Thing("a", opts=ResourceOptions(parent=box))
    Thing("b", of=a.id, opts=ResourceOptions(depends_on=[a]))
    pulumi.export("key", Output.secret("hush"))
    pulumi.export("size", pulumi.Config().get("size"))
    """)
    project.run("up", "--yes", "--skip-preview=true", "-c", "size=8", check=True)
    a, b = f"{SELF}Box$lab:index:Thing::a", f"{SELF}Thing::b"
    shown = project.run("stack", "--show-urns", "--show-ids", check=True).out
    identifier = project.resources()["a"]["id"]
    lines = [line.rstrip() for line in shown.splitlines()]
    top = lines.index("Current stack resources (5):")
    assert [" ".join(line.split()) for line in lines[top + 1 :] if "URN" not in line and "ID" not in line][:5] == [
        "TYPE NAME",
        "pulumi:pulumi:Stack test-dev",
        "├─ lab:index:Box box",
        "│ └─ lab:index:Thing a",
        "├─ pulumi:providers:lab default",
    ]
    assert f"    │        URN: {a}" in lines and f"    │        ID: {identifier}" in lines
    assert "    key     [secret]" in lines and "    size    8" in lines and "hush" not in shown
    assert project.run("stack", "--show-name", check=True).out == "dev\n"
    assert project.outputs() == {"key": "[secret]", "size": "8"}

    assert project.run("state", "protect", a, b, "--yes", check=True).out == "2 resources protected\n"
    assert [project.resources()[name]["protect"] for name in "ab"] == [True, True]
    project.run("state", "unprotect", "--all", "--yes", check=True)
    project.run("state", "taint", b, check=True)
    assert project.preview().operations == ["replace b"]
    project.run("state", "untaint", b, check=True)
    assert "no such resource" in project.run("state", "taint", a + "x").err
    assert "no resource is named" in project.run("state", "taint").err

    project.run("state", "rename", a, "c", check=True)
    resources = project.resources()
    assert resources["b"]["dependencies"] == [f"{a[:-1]}c"] and resources["c"]["id"] == identifier
    project.run("state", "rename", f"{SELF}Box::box", "crate", check=True)
    assert project.resources()["c"]["parent"] == f"{SELF}Box::crate"

    assert "Stack was unselected" in project.run("stack", "unselect", check=True).out
    assert "no stack selected" in project.run("stack").err


def test_import_of_one_resource(project):
    project.program('Thing("a", size=1, opts=ResourceOptions(retain_on_delete=True))')
    project.up()
    identifier = project.resources()["a"]["id"]
    project.destroy()
    asked = ("import", "lab:index:Thing", "read", identifier, "--protect=false", "--json", "--yes", "--skip-preview")
    assert project.run(*asked, check=True).operations == ["create test-dev", "import read"]
    resource = project.resources()["read"]
    assert resource["inputs"] == {"size": 1} and "protect" not in resource
    refused = project.run("import", "pulumi-python:dynamic:Resource", "x", "1", "--yes")
    assert "gpufleet import" in refused.err and refused.code != 0
    assert "pass the TYPE, NAME and ID" in project.run("import", "lab:index:Thing", "--yes").err
