"""The commands around a deployment, as a user types them."""

import json
import sys

import click
import pytest
from pulumi_embedded.commands.command import may_ask
from pulumi_embedded.commands.main import main
from pulumi_embedded.commands.presentation import confirm
from pulumi_embedded.errors import EngineError

SELF = "urn:pulumi:dev::test::lab:index:Thing::"
SECRET = {"4dabf18193072939515e22adb298388d": "1b47061264138c4ac30d75fd1eb44270"}


def test_stacks_are_made_listed_selected_and_removed(project):
    project.run("stack", "init", "second", check=True)
    listed = json.loads(project.run("stack", "ls", "--json", check=True).out)
    assert [(s["name"], s["current"]) for s in listed] == [("dev", False), ("second", True)]
    project.run("stack", "select", "dev", check=True)
    assert "dev*" in project.run("stack", "ls", check=True).out
    assert project.run("stack", "init", "dev").code == 1
    project.program('Thing("a")')
    project.up()
    refused = project.run("stack", "rm", "dev", "--yes")
    assert refused.code == 1 and "still has" in refused.err
    project.destroy()
    project.run("stack", "rm", "dev", "--yes", check=True)
    assert [s["name"] for s in json.loads(project.run("stack", "ls", "--json", check=True).out)] == ["second"]
    assert "no stack selected" in project.run("preview").err


def test_destroy_can_remove_the_stack(project):
    project.program("")
    project.up()
    project.destroy("--remove")
    assert json.loads(project.run("stack", "ls", "--json", check=True).out) == []


def test_config_reaches_the_program(project):
    project.run("config", "set", "size", "8", check=True)
    project.run("config", "set", "--secret", "token", "hush", check=True)
    project.run("config", "set", "--path", "box.items[0]", "one", check=True)
    project.program("""
    config = pulumi.Config()
    pulumi.export("size", config.require_int("size"))
    pulumi.export("token", config.require_secret("token"))
    pulumi.export("box", config.require_object("box"))
    """)
    done = project.up()
    assert "hush" not in done.text
    assert project.outputs() == {"size": 8, "token": "[secret]", "box": {"items": ["one"]}}
    assert project.run("config", "get", "token", check=True).out == "hush\n"
    listed = project.run("config", "--json", check=True).document
    assert listed["test:token"] == {"secret": True} and listed["test:size"]["value"] == "8"
    project.run("config", "rm", "size", check=True)
    assert project.run("config", "get", "size").code == 1
    assert "hush" not in (project.folder / "Pulumi.dev.yaml").read_text()


def test_a_wrong_passphrase_is_one_line(project):
    project.run("config", "set", "--secret", "token", "hush", check=True)
    project.program("")
    refused = project.run("up", "--yes", "--skip-preview", PULUMI_CONFIG_PASSPHRASE="wrong")
    assert refused.code == 1
    assert refused.err.startswith("error: incorrect passphrase") and len(refused.err.splitlines()) == 1


def test_outputs_in_words(project):
    assert "No output values" in project.run("stack", "output", check=True).out
    project.program('pulumi.export("text", "hi")\npulumi.export("key", Output.secret("hush"))\npulumi.export("n", [1])')
    done = project.run("up", "--yes", "--skip-preview", check=True)
    assert 'text: "hi"' in done.out and "key : [secret]" in done.out
    assert project.run("stack", "output", "text", check=True).out == "hi\n"
    assert project.run("stack", "output", "key", "--show-secrets", check=True).out == "hush\n"
    assert "hush" not in project.run("stack", "output", check=True).out
    assert "does not have output property" in project.run("stack", "output", "nothing").err


def test_a_state_can_be_taken_out_and_put_back(project):
    project.program('Thing("a", key=Output.secret("hush"))')
    project.up()
    before = project.deployment()
    exported = project.folder / "state.json"
    project.run("stack", "export", "--file", str(exported), check=True)
    project.destroy()
    project.run("stack", "import", "--file", str(exported), check=True)
    assert project.deployment()["resources"] == before["resources"]
    assert project.preview().operations == []
    exported.write_text("{")
    assert "not an exported deployment" in project.run("stack", "import", "--file", str(exported)).err


def test_import_from_a_file(project):
    project.program('Thing("a", size=1, opts=ResourceOptions(retain_on_delete=True))')
    project.up()
    identifier = project.resources()["a"]["id"]
    project.destroy()
    entries = [
        {"type": "lab:index:Thing", "name": "read", "id": identifier},
        {
            "type": "lab:index:Thing",
            "name": "told",
            "id": "x-1",
            "inputs": {"size": 2},
            "outputs": {"size": 2, "status": "ready", "key": {**SECRET, "plaintext": '"hush"'}},
        },
    ]
    path = project.folder / "import.json"
    path.write_text(json.dumps({"resources": entries}))
    project.forget_calls()
    done = project.run("import", "--file", str(path), "--yes", "--json", "--skip-preview", check=True)
    assert done.operations == ["create test-dev", "import read", "import told"]
    assert project.calls() == [("Read", "read")]
    resources = project.resources()
    assert resources["read"]["inputs"] == {"size": 1} and resources["read"]["protect"] is True
    assert resources["told"]["id"] == "x-1" and "ciphertext" in resources["told"]["outputs"]["key"]
    project.program('Thing("read", size=1)\nThing("told", size=2)')
    assert project.preview().operations == []  # Only the protection goes, which touches no resource.
    again = project.run("import", "--file", str(path), "--yes", "--json", "--skip-preview", check=True)
    assert again.operations == [] and again.events[-2]["summaryEvent"]["resourceChanges"] == {"same": 3}
    path.write_text(json.dumps({"resources": [entries[1] | {"id": "x-2"}]}))
    assert "already exists" in project.run("import", "--file", str(path), "--yes", "--skip-preview").out


def test_up_asks_unless_told_not_to(project):
    project.program('Thing("a")')
    refused = project.run("up")
    assert refused.code == 2 and "--yes" in refused.err
    done = project.run("up", "--yes", check=True)
    assert done.out.index("Previewing update (dev)") < done.out.index("Updating (dev)")


def test_diffs_name_paths_and_hide_secrets(project):
    text = """
    Thing("a", size={0}, box={{"in": [1, {0}]}}, key=Output.secret("hush{0}"))
    Thing("b", zone="{0}")
    """
    project.program(text.format(1))
    project.up()
    project.program(text.format(2))
    shown = project.run("preview", "--diff", check=True).out
    assert "~ size: 1 => 2" in shown
    assert "~ box.in[1]: 1 => 2" in shown
    assert "~ key: [secret] => [secret]" in shown and "hush" not in shown
    assert "replace [replaces: zone]" in shown
    assert "__" not in shown


def test_the_state_can_be_edited(project):
    project.program('a = Thing("a", opts=ResourceOptions(protect=True))\nThing("b", of=a.id)')
    project.up()
    refused = project.run("state", "delete", SELF + "a", "--yes")
    assert refused.code == 1 and "is protected" in refused.err
    project.run("state", "unprotect", SELF + "a", "--yes", check=True)
    refused = project.run("state", "delete", SELF + "a", "--yes")
    assert refused.code == 1 and f"{SELF}b depend on it" in refused.err
    project.run("state", "delete", SELF + "b", "--yes", check=True)
    project.run("state", "delete", SELF + "a", "--yes", check=True)
    assert set(project.resources()) == {"test-dev", "default"}
    assert ("Delete", "a") not in project.calls()


def test_resources_are_chosen_by_flags(project):
    text = (
        'a = Thing("a")\nb = Thing("b", of=a.id, opts=ResourceOptions(protect=True))\nThing("c", size={0})\nThing("d")'
    )
    project.program(text.format(1))
    project.up()
    project.forget_calls()
    project.program(text.format(2))
    project.up("--exclude", SELF + "c")
    assert project.calls() == []
    project.up("--target-replace", SELF + "d")
    assert project.calls() == [("Create", "d"), ("Delete", "d")]
    done = project.run("destroy", "--yes", "--skip-preview", "--exclude-protected", check=True)
    assert "All unprotected resources were destroyed" in done.out
    assert set(project.resources()) == {"test-dev", "default", "a", "b"}
    again = project.run("destroy", "--yes", "--exclude-protected", "--remove", check=True)
    assert "no unprotected resources" in again.out and set(project.resources()) == {"test-dev", "default", "a", "b"}


def test_nobody_has_to_read_along(project):
    project.program('print("x" * 200_000)\nfor i in range(20):\n    Thing(f"t{i}")')
    process = project.start("up", "--yes", "--skip-preview")
    process.stdout.close()
    process.stderr.close()
    assert process.wait(timeout=120) == 0
    assert len(project.calls("Create")) == 20
    assert "pending_operations" not in project.deployment() and len(project.resources()) == 22


def test_the_history_tells_what_was_done(project):
    project.program('Thing("a")')
    project.up("--message", "the first")
    project.destroy()
    updates = json.loads(project.run("stack", "history", "--json", check=True).out)
    assert [(u["kind"], u["result"]) for u in updates] == [("destroy", "succeeded"), ("update", "succeeded")]
    assert updates[1]["message"] == "the first"
    assert updates[1]["resourceChanges"] == {"create": 2}
    text = project.run("stack", "history", check=True).out
    assert "UpdateKind: update\nStatus: succeeded\nMessage: the first\n+2-0~0 0 Updated " in text


def test_a_folder_without_a_project_is_named(project, tmp_path):
    refused = project.run("--cwd", str(tmp_path), "preview")
    assert refused.code == 1 and "no Pulumi.yaml project file found" in refused.err


def test_a_program_in_another_folder(project):
    project.program("")
    (project.folder / "app").mkdir()
    (project.folder / "app" / "__main__.py").write_text("import pulumi, other\npulumi.export('x', other.x)\n")
    (project.folder / "app" / "other.py").write_text("x = 5\n")
    (project.folder / "Pulumi.yaml").write_text("name: test\nruntime: python\nmain: app\n")
    project.up()
    assert project.outputs() == {"x": 5}


@pytest.mark.parametrize(("arguments", "asks"), [([], True), (["--non-interactive"], False)])
def test_only_an_interactive_command_asks(monkeypatch, arguments, asks):
    monkeypatch.setattr(sys.stdin, "isatty", lambda: True)
    asked = []

    @click.command()
    def confirm():
        asked.append(may_ask())

    monkeypatch.setitem(main.commands, "confirm", confirm)
    main([*arguments, "confirm"], standalone_mode=False)
    assert asked == [asks]


def test_before_the_answer_one_can_see_the_details(monkeypatch, capsys):
    answers = iter(["d", "later", "", "YES"])
    monkeypatch.setattr(click, "prompt", lambda *_, **__: next(answers))
    with pytest.raises(EngineError, match="not proceeding with the import"):
        confirm("resource-import", ["the details"])
    assert capsys.readouterr().out == "the details\nPlease answer yes, no or details.\n"
    confirm("update", ["the details"])
