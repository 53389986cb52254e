"""Exit codes of commands, which run in this process; and no mistake of a user is an internal error."""

import json
import os

import pytest
from click.testing import CliRunner
from pulumi_embedded.commands import deploy, exit_codes
from pulumi_embedded.commands.exit_codes import exit_code_of
from pulumi_embedded.commands.main import main
from pulumi_embedded.commands.workspace import Workspace
from pulumi_embedded.deployment import program_host
from pulumi_embedded.deployment.target import Outcome
from pulumi_embedded.errors import EngineError, LockedError, ProjectError, SecretsError, StackNotFound, StateError


@pytest.fixture
def run(tmp_path, monkeypatch):
    """Runs a command in a project with the stack `dev`; returns exit code and output."""
    for name in [name for name in os.environ if name.startswith("PULUMI_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("PULUMI_HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    (tmp_path / "Pulumi.yaml").write_text("name: test\nruntime: python\n")

    def command(*arguments):
        result = CliRunner().invoke(main, arguments)
        return result.exit_code, result.output

    command("stack", "init", "dev")
    return command


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (EngineError(""), 1),
        (StateError(""), 1),
        (LockedError(""), 1),
        (ProjectError(""), 1),
        (SecretsError(""), 1),
        (StackNotFound(""), 6),
        (exit_codes.NotConfirmed(""), 2),
        (exit_codes.UnexpectedChanges(""), 7),
    ],
)
def test_the_code_of_every_error(error, code):
    assert exit_code_of(error) == code


@pytest.mark.parametrize(
    ("command", "code", "words"),
    [
        ("stack ls", 0, "NAME  LAST UPDATE"),
        ("config rm-all", 1, "KEYS"),
        ("stack select nobody", 6, "no stack named 'nobody'"),
        ("stack rm nobody --yes", 6, "no stack named 'nobody'"),
        ("up --stack nobody --yes", 6, "no stack named 'nobody'"),
        ("stack export --stack nobody", 6, "no stack named 'nobody'"),
        ("config get key --stack nobody", 6, "no stack named 'nobody'"),
        ("cancel nobody", 6, "no stack named 'nobody'"),
        ("destroy --exclude-protected --yes", 6, "has no state"),
        ("up", 2, "--yes"),
        ("refresh", 2, "--yes"),
        ("destroy", 2, "--yes"),
        ("stack init dev", 1, "already exists"),
        ("stack rm dev", 1, "--yes"),
        ("stack init a/b/c/d", 1, "not a valid stack name"),
        ("config get nothing", 1, "not found"),
        ("config set --path a[ 1", 1, "not a property path"),
        ("config set --path a[-1] 1", 1, "negative index"),
        ("stack output nothing", 1, "does not have output property"),
        ("stack export --file missing/folder", 1, "No such file or directory"),
        ("state delete nothing", 1, "has no resources"),
        ("up --bogus", 1, "error: No such option '--bogus'."),
        ("up --parallel many", 1, "not a valid integer"),
        ("bogus", 1, "unknown command"),
        ("preview --target a --exclude b", 1, "cannot be used together"),
        ("destroy --target a --exclude-protected", 1, "cannot be used together"),
        ("destroy --yes --target urn:nobody", 1, "no resource named 'urn:nobody'"),
        ("refresh --yes --exclude urn:nobody", 1, "no resource named 'urn:nobody'"),
    ],
)
def test_exit_codes_of_commands(run, command, code, words):
    found, output = run(*command.split())
    assert (found, "internal error" in output) == (code, False), output
    assert words in output and "Traceback" not in output


def test_without_a_selected_stack(run, tmp_path):
    run("stack", "rm", "dev", "--yes")
    assert run("preview")[0] == 1
    assert run("stack", "select")[0] == 6


def test_the_removal_of_another_stack_leaves_the_selected_one_selected(run, tmp_path, monkeypatch):
    monkeypatch.setenv("PULUMI_CONFIG_PASSPHRASE", "test")
    run("stack", "select", "--create", "other")
    assert "encryptionsalt" in (tmp_path / "Pulumi.other.yaml").read_text()
    monkeypatch.setattr(deploy, "_deploy", lambda kind, given: Workspace.open(tmp_path).stack(given["stack_name"]))
    assert run("destroy", "--remove", "--yes", "--stack", "dev")[0] == 0
    assert run("stack", "--show-name") == (0, "other\n")
    assert run("destroy", "--remove", "--yes")[0] == 0 and not (tmp_path / "Pulumi.other.yaml").exists()
    assert run("stack")[0] == 1


@pytest.mark.parametrize(("changes", "code"), [({"same": 3, "create": 0}, 0), ({"update": 1}, 7)])
def test_unexpected_changes(run, monkeypatch, changes, code):
    monkeypatch.setattr(deploy.Operation, "preview", lambda operation: Outcome("succeeded", changes, 0))
    assert run("preview", "--expect-no-changes")[0] == code
    assert run("preview")[0] == 0


def test_what_the_engine_did_not_expect_is_an_internal_error(run, monkeypatch):
    def broken(operation):
        raise IndexError("gone")

    monkeypatch.setattr(deploy.Operation, "preview", broken)
    code, output = run("preview")
    assert code == 255 and "internal error of pulumi-embedded: IndexError: gone" in output


SECRET = {"4dabf18193072939515e22adb298388d": "1b47061264138c4ac30d75fd1eb44270", "ciphertext": "v1:"}
IMPORTED = {"type": "a:b:C", "name": "a", "id": "x"}
BOX = {"type": "a:b:Box", "name": "a", "component": True}


@pytest.mark.parametrize(
    ("document", "words"),
    [
        ([], "not a JSON object"),
        ({}, "no `resources`"),
        ({"resources": [{"type": "a:b:C", "name": "a"}]}, "resources[0] of the import file has no 'id'"),
        ({"resources": [IMPORTED | {"parent": "p"}]}, "is not in the import file's nameTable"),
        ({"resources": [IMPORTED | {"component": True}]}, "has an 'id', but is marked as a component"),
        ({"resources": [IMPORTED | {"component": True, "remote": True}]}, "is marked as a remote component"),
        ({"resources": [IMPORTED | {"type": "pulumi:providers:a"}]}, "is a provider"),
        ({"resources": [BOX | {"parent": "a"}]}, "'a' is among its own parents"),
        ({"resources": [BOX, BOX]}, "duplicate import 'a' of type 'a:b:Box'"),
        (
            {"resources": [BOX, BOX | {"logicalName": "b"}, IMPORTED | {"name": "c", "parent": "a"}]},
            "several resources",
        ),
        ({"resources": [IMPORTED | {"inputs": {"k": SECRET}}]}, "must have its plaintext"),
        ({"resources": 5}, "no `resources`"),
        ({"resources": [5]}, "resources[0] of the import file is not an object"),
        ({"resources": [{"name": "a", "id": "x"}]}, "resources[0] of the import file has no 'type'"),
        ({"resources": [IMPORTED | {"type": 5}]}, "'type' of resources[0] of the import file is not a string"),
        ({"resources": [IMPORTED | {"component": 1}]}, "'component' of resources[0] of the import file is not true or"),
        ({"resources": [IMPORTED | {"inputs": 5}]}, "'inputs' of resources[0] of the import file is not an object"),
        ({"resources": [IMPORTED | {"outputs": []}]}, "'outputs' of resources[0] of the import file is not an object"),
        (
            {"resources": [IMPORTED | {"properties": 5}]},
            "'properties' of resources[0] of the import file is not",
        ),
        ({"resources": [IMPORTED | {"version": 5}]}, "'version' of resources[0] of the import file is not a string"),
        ({"resources": [IMPORTED | {"parent": ["p"]}]}, "'parent' of resources[0] of the import file is not a string"),
        ({"resources": [IMPORTED], "nameTable": 5}, "the nameTable of the import file is not an object"),
        ({"resources": [IMPORTED | {"parent": "p"}], "nameTable": {"p": 5}}, "is not in the import file's nameTable"),
        (
            {"resources": [IMPORTED | {"parent": "p"}], "nameTable": {"p": "q"}},
            "the parent q of 'a' is not in",
        ),
    ],
)
def test_a_malformed_import_file_is_no_internal_error(run, tmp_path, monkeypatch, document, words):
    monkeypatch.setenv("PULUMI_CONFIG_PASSPHRASE", "test")
    (tmp_path / "import.json").write_text(json.dumps(document))
    code, output = run("import", "--file", "import.json", "--yes", "--skip-preview")
    assert code == 1 and words in output and "internal error" not in output


def test_an_exception_that_is_its_own_cause_is_told_once():
    first, second = ValueError("one"), ValueError("two")
    first.__cause__ = first
    assert program_host._explain(first) == "ValueError: one\n"
    first.__cause__, second.__cause__ = second, first
    assert program_host._explain(first) == "ValueError: two\n\nValueError: one\n"
