"""A secret stands nowhere in the clear: not in what any command prints, and in no file that it leaves."""

import base64
import gzip
import json
import sys

import click
import pytest
from pulumi_embedded.commands.main import main

from tests import warm_python

CANARY = "CanaryInTheCoalMine"
PROGRAM = """
token = pulumi.Config().require_secret("token")
Thing("a", size={size}, key=token, box=token.apply(lambda t: {{"in": [t]}}), zone="{zone}",
    opts=ResourceOptions(replacement_trigger=token.apply(lambda t: t + "{zone}")))
box = Box("box")
box.register_outputs({{"inner": token}})
pulumi.export("token", token)
pulumi.export("nested", {{"list": [{{"deep": token}}], "plain": 1}})
"""
UP = ("up", "--yes", "--skip-preview")
THING = "urn:pulumi:dev::test::lab:index:Thing::a"

# What each command is run with, in this order; a command that is not listed runs without arguments.
LIFE = [
    ("config", "set", "--secret", "token", CANARY),
    ("config", "set", "--secret", "--path", "box.deep[0]", CANARY),
    ("config",),
    ("config", "--json"),
    ("preview", "--diff"),
    ("preview", "--json"),
    UP,
    ("stack", "output"),
    ("stack", "output", "--json"),
    ("stack", "output", "token"),
    ("stack", "output", "token", "--json"),
    ("stack", "output", "nested"),
    ("stack", "output", "nested", "--json"),
    ("stack", "export"),
    ("stack", "history", "--json"),
    "change",
    ("preview", "--diff"),
    ("preview", "--json"),
    (*UP, "--json"),
    ("refresh", "--yes", "--diff"),
    ("refresh", "--yes", "--skip-preview", "--json"),
    ("state", "unprotect", "--all", "--yes"),
    "export and import",
    ("import", "--file", "import.json", "--yes", "--diff"),
    "everything else",
    "fail",
    ("preview", "--json"),
    (*UP, "--diff"),
    ("destroy", "--yes", "--diff"),
]
# These show a secret because that is what they are for.
SHOWING = {("config", "get")}


def shapes():
    """The canary as it is, and within base64 of anything, at each of the three alignments."""
    yield CANARY.encode()
    for shift in range(3):
        yield base64.b64encode(b"x" * shift + CANARY.encode())[4:-4]


def holds_canary(data):
    data = gzip.decompress(data) if data.startswith(b"\x1f\x8b") else data
    return any(shape in data for shape in shapes())


def leaves(command, path=()):
    """Every command with its path."""
    if path and (not isinstance(command, click.Group) or command.invoke_without_command):
        yield path
    if isinstance(command, click.Group):
        for name, child in command.commands.items():
            yield from leaves(child, (*path, name))


class Life:
    """One stack, its commands run in this process, and the looking after each."""

    def __init__(self, project, capfd):
        self.project, self.capfd = project, capfd
        self.ran = set()

    def run(self, *arguments, shows=False):
        self.ran.add(next(path for path in sorted(leaves(main), reverse=True) if arguments[: len(path)] == path))
        with pytest.raises(SystemExit) as ended:
            main(list(arguments))
        captured = self.capfd.readouterr()
        text = captured.out + captured.err
        assert holds_canary(text.encode()) is shows, f"{arguments}: {text}"
        self.look(arguments)
        return ended.value.code, captured.out

    def look(self, after):
        for path in self.project.folder.rglob("*"):
            if path.is_file() and self.project.lab not in path.parents:
                assert not holds_canary(path.read_bytes()), f"{path}, after {after}"

    def export_and_import(self):
        code, exported = self.run("stack", "export", "--show-secrets", shows=True)
        assert code == 0
        document = json.loads(exported)
        assert document["deployment"].pop("secrets_providers")
        for text in (exported, json.dumps(document)):
            # The file that the user wrote is not looked at; what the import makes of it is.
            path = self.project.folder.parent / "exported.json"
            path.write_text(text)
            code, _ = self.run("stack", "import", "--file", str(path))
            assert code == 0
        code, _ = self.run("stack", "output", "token", "--show-secrets", shows=True)
        assert code == 0

    def everything_else(self):
        for path in sorted({*leaves(main)} - self.ran - {tuple(c) for c in LIFE if isinstance(c, tuple)}):
            if path not in SHOWING and path != ("destroy",):
                self.run(*path)


@pytest.fixture
def life(project, monkeypatch, capfd):
    # The commands run in this process, and what they start in the warm Python.
    monkeypatch.setattr(sys, "executable", warm_python.executable())
    for name, value in (project.environment | {"LAB_PYTHON": sys.executable}).items():
        monkeypatch.setenv(name, value)
    monkeypatch.chdir(project.folder)
    return Life(project, capfd)


def test_no_command_leaves_or_prints_a_secret(life):
    project = life.project
    project.program(PROGRAM.format(size=1, zone="here"))
    entry = {"type": "lab:index:Thing", "name": "told", "id": "x-1", "inputs": {}, "outputs": {}}
    (project.folder / "import.json").write_text(json.dumps({"resources": [entry]}))
    likely = "1415fc1f4eaeb5e096ee58c1480016638fff29bf"
    assert life.run("config", "set", "apiToken", likely)[0] == 1
    assert life.run("config", "set", "--plaintext", "apiToken", likely)[0] == 0
    for step in LIFE:
        if step == "change":
            project.program(PROGRAM.format(size=2, zone="there"))
        elif step == "fail":
            fails = 'Thing("b", key=token, fail="partial")\nraise SystemExit(token)'
            project.program(PROGRAM.format(size=3, zone="there") + fails)
        elif step == "export and import":
            life.export_and_import()
        elif step == "everything else":
            life.everything_else()
        else:
            code, out = life.run(*step)
            assert code in (0, None) or step in LIFE[LIFE.index("fail") :], (step, out)
    assert {path for path in leaves(main)} - SHOWING <= life.ran
    assert any(path.suffix == ".bak" for path in project.folder.rglob("*"))


def test_the_looking_finds_what_there_is():
    document = json.dumps({"text": base64.b64encode(f"token: {CANARY}".encode()).decode()}).encode()
    assert holds_canary(document) and holds_canary(gzip.compress(document))
    assert not holds_canary(document.replace(b"ana", b"___").lower())
