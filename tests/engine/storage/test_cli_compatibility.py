"""Both engines on one state, where the Pulumi CLI is on PATH."""

import json
import os
import shutil
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from pulumi_embedded.errors import LockedError
from pulumi_embedded.storage.backend import FileBackend
from pulumi_embedded.storage.history import Update
from pulumi_embedded.storage.project import load_project
from pulumi_embedded.storage.secrets import crypter_of
from pulumi_embedded.storage.snapshot import Snapshot
from pulumi_embedded.storage.stack_config import StackConfig
from pulumi_embedded.storage.stack_reference import StackReference
from pulumi_embedded.values import Secret

pytestmark = [
    pytest.mark.skipif(
        not (shutil.which("pulumi") and shutil.which("pulumi-language-python")),
        reason="the Pulumi CLI with its Python language host is not on PATH",
    ),
    pytest.mark.timeout(600),
]

PROGRAM = """
    import os
    import time

    import pulumi
    from lab import Machine

    config = pulumi.Config()
    token = config.require_secret("token")
    while os.environ.get("WAIT_FOR") and not os.path.exists(os.environ["WAIT_FOR"]):
        time.sleep(0.05)
    first = Machine("first", size=1.5, token=token, tags={"ä <&>": [1, None, {"x": True}]})
    Machine(
        "second",
        size=8,
        token="open",
        tags={"of": first.made},
        opts=pulumi.ResourceOptions(
            depends_on=[first],
            protect=True,
            ignore_changes=["tags"],
            custom_timeouts=pulumi.CustomTimeouts(create="5m"),
            additional_secret_outputs=["made"],
        ),
    )
    pulumi.export("token", token)
    pulumi.export("object", config.require_object("object"))
"""
LAB = """
    from pulumi.dynamic import CreateResult, DiffResult, Resource, ResourceProvider, UpdateResult


    class Lab(ResourceProvider):
        serialize_as_secret_always = False

        def create(self, props):
            return CreateResult("m-" + props["name"], {**props, "made": "made of " + props["name"]})

        def diff(self, id, olds, news):
            return DiffResult(olds.get("size") != news.get("size"))

        def update(self, id, olds, news):
            return UpdateResult({**news, "made": "made of " + news["name"]})


    class Machine(Resource, module="lab", name="Machine"):
        def __init__(self, name, opts=None, **inputs):
            super().__init__(Lab(), name, {"name": name, "made": None, **inputs}, opts)
"""


@dataclass
class Both:
    """A project with one stack, and the two engines."""

    folder: Path
    environment: dict[str, str]

    def cli(self, *arguments: str, succeeds: bool = True, **environment: str) -> str:
        return self._run(["pulumi", *arguments, "--non-interactive"], succeeds, environment)

    def embedded(self, *arguments: str, succeeds: bool = True, **environment: str) -> str:
        return self._run([sys.executable, "-m", "pulumi_embedded", *arguments], succeeds, environment)

    def _run(self, command: list[str], succeeds: bool, environment: dict[str, str]) -> str:
        done = subprocess.run(
            command,
            cwd=self.folder,
            env=self.environment | environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=120,
            check=False,
        )
        assert (done.returncode == 0) is succeeds, f"{command}:\n{done.stdout}"
        return done.stdout

    @property
    def backend(self) -> FileBackend:
        return FileBackend(self.folder / "state")

    @property
    def config(self) -> StackConfig:
        return StackConfig(load_project(self.folder), "dev")

    def load(self) -> Snapshot:
        snapshot = self.backend.load(STACK, crypter_of)
        assert snapshot is not None
        return snapshot


STACK = StackReference("small", "dev")


@pytest.fixture
def both(tmp_path: Path, passphrase: str) -> Both:
    (tmp_path / "Pulumi.yaml").write_text("name: small\nruntime: python\n")
    (tmp_path / "__main__.py").write_text(textwrap.dedent(PROGRAM))
    (tmp_path / "lab.py").write_text(textwrap.dedent(LAB))
    (tmp_path / "state").mkdir()
    environment = os.environ | {
        "PULUMI_BACKEND_URL": f"file://{tmp_path}/state",
        "PULUMI_CONFIG_PASSPHRASE": passphrase,
        "PULUMI_HOME": str(tmp_path / "home"),
        "PULUMI_SKIP_UPDATE_CHECK": "true",
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "PYTHONPATH": os.pathsep.join(path for path in sys.path if path),
    }
    return Both(tmp_path, environment)


@pytest.fixture
def of_the_cli(both: Both) -> Both:
    """The stack was made and configured by the CLI."""
    both.cli("stack", "init", "dev")
    both.cli("config", "set", "--secret", "token", "hush")
    both.cli("config", "set", "--path", "object.list[0]", "8")
    both.cli("config", "set", "--path", "object.on", "true")
    both.cli("config", "set", "--path", "--secret", "object.key", "hidden")
    return both


@pytest.fixture
def of_the_embedded_engine(both: Both) -> Both:
    """The stack was made and configured by the embedded engine."""
    both.embedded("stack", "init", "dev")
    config = both.config
    crypter = config.crypter()
    config.set("token", "hush", crypter.encrypt)
    config.set("object.list[0]", "8", None, path=True)
    config.set("object.on", "true", None, path=True)
    config.set("object.key", "hidden", crypter.encrypt, path=True)
    config.save()
    return both


def test_config_of_the_cli_is_understood(of_the_cli: Both) -> None:
    config = of_the_cli.config
    given = config.for_program(config.crypter().decrypt)
    assert given.values == {"small:token": "hush", "small:object": '{"key":"hidden","list":[8],"on":true}'}
    assert given.secret_keys == {"small:token", "small:object"}


def test_the_cli_understands_our_config(of_the_embedded_engine: Both) -> None:
    shown = json.loads(of_the_embedded_engine.cli("config", "--show-secrets", "--json", "--stack", "dev"))
    assert shown["small:token"] == {"value": "hush", "secret": True}
    assert shown["small:object"]["objectValue"] == {"key": "hidden", "list": [8], "on": True}


def test_a_state_of_the_cli_is_read_and_goes_on_here(of_the_cli: Both) -> None:
    of_the_cli.cli("up", "--yes", "--skip-preview")
    first = next(state for state in of_the_cli.load().resources if state.id == "m-first")
    assert first.inputs["token"] == Secret("hush")
    assert first.inputs["tags"] == {"ä <&>": [1, None, {"x": True}]}
    of_the_cli.embedded("preview", "--expect-no-changes")
    of_the_cli.embedded("up", "--yes", "--skip-preview", "--expect-no-changes")
    of_the_cli.cli("preview", "--expect-no-changes")


def test_our_state_is_read_and_goes_on_in_the_cli(of_the_embedded_engine: Both) -> None:
    both = of_the_embedded_engine
    both.embedded("up", "--yes", "--skip-preview")
    both.cli("stack", "select", "dev")
    both.cli("preview", "--expect-no-changes")
    assert json.loads(both.cli("stack", "output", "--json", "--show-secrets"))["token"] == "hush"
    both.cli("up", "--yes", "--skip-preview", "--expect-no-changes")
    both.embedded("preview", "--expect-no-changes")
    kinds = [entry["kind"] for entry in both.backend.history(STACK)]
    assert kinds == ["update", "update"]
    assert len(json.loads(both.cli("stack", "history", "--json"))) == 2


def test_each_imports_what_the_other_exports(of_the_cli: Both) -> None:
    of_the_cli.cli("up", "--yes", "--skip-preview")
    exported = json.loads(of_the_cli.cli("stack", "export"))
    of_the_cli.backend.import_deployment(STACK, exported, crypter_of)
    ours = of_the_cli.backend.export(STACK)
    assert ours["deployment"]["resources"] == exported["deployment"]["resources"]
    file = of_the_cli.folder / "export.json"
    file.write_text(json.dumps(ours))
    of_the_cli.cli("stack", "import", "--file", str(file))
    of_the_cli.cli("preview", "--expect-no-changes")


def test_a_compressed_state_of_the_cli_goes_on_compressed(of_the_cli: Both) -> None:
    of_the_cli.cli("up", "--yes", "--skip-preview", PULUMI_DIY_BACKEND_GZIP="true")
    assert of_the_cli.backend.checkpoint_path(STACK).name == "dev.json.gz"
    snapshot = of_the_cli.load()
    of_the_cli.backend.save(STACK, snapshot, of_the_cli.config.crypter())
    of_the_cli.cli("preview", "--expect-no-changes", PULUMI_DIY_BACKEND_GZIP="true")


def test_the_cli_refuses_our_lock_and_clears_it(of_the_cli: Both) -> None:
    with of_the_cli.backend.lock(STACK) as lock:
        refused = of_the_cli.cli("up", "--yes", "--skip-preview", succeeds=False)
        assert f"(pid {os.getpid()})" in refused
        of_the_cli.cli("cancel", "--yes", "--stack", "dev")
        assert not lock.exists()
        of_the_cli.cli("up", "--yes", "--skip-preview")


@pytest.fixture
def busy_cli(of_the_cli: Both) -> Iterator[subprocess.Popen[bytes]]:
    """A CLI that holds the stack until a file appears."""
    environment = of_the_cli.environment | {"WAIT_FOR": str(of_the_cli.folder / "go")}
    command = ["pulumi", "up", "--yes", "--skip-preview", "--non-interactive"]
    process = subprocess.Popen(
        command, cwd=of_the_cli.folder, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    while not of_the_cli.backend.locks(STACK):
        assert process.poll() is None
        time.sleep(0.05)
    yield process
    (of_the_cli.folder / "go").touch()
    process.wait(60)


def test_we_refuse_the_clis_lock(of_the_cli: Both, busy_cli: subprocess.Popen[bytes]) -> None:
    with pytest.raises(LockedError, match=rf"\(pid {busy_cli.pid}, for .*wait for it"), of_the_cli.backend.lock(STACK):
        raise AssertionError("entered")
    assert "locked by" in of_the_cli.embedded("up", "--yes", "--skip-preview", succeeds=False)
    (of_the_cli.folder / "go").touch()
    assert busy_cli.wait(60) == 0
    with of_the_cli.backend.lock(STACK):
        assert [state.id for state in of_the_cli.load().resources if state.id.startswith("m-")] == [
            "m-first",
            "m-second",
        ]


def test_the_lock_of_a_cli_that_was_killed_says_so_and_is_cleared(
    of_the_cli: Both, busy_cli: subprocess.Popen[bytes]
) -> None:
    busy_cli.send_signal(signal.SIGKILL)
    busy_cli.wait()
    with pytest.raises(LockedError, match="no longer runs"), of_the_cli.backend.lock(STACK):
        raise AssertionError("entered")
    assert [lock.pid for lock in of_the_cli.backend.cancel(STACK)] == [busy_cli.pid]
    of_the_cli.embedded("up", "--yes", "--skip-preview")
    of_the_cli.cli("preview", "--expect-no-changes")


def test_what_we_record_is_history_to_the_cli(of_the_cli: Both) -> None:
    of_the_cli.cli("up", "--yes", "--skip-preview")
    stored = of_the_cli.config.as_stored()
    of_the_cli.backend.record(STACK, Update("refresh", 1_800_000_000, 1_800_000_001, "failed", stored, {"same": 2}))
    newest = json.loads(of_the_cli.cli("stack", "history", "--json", "--show-secrets"))[0]
    assert (newest["kind"], newest["result"], newest["resourceChanges"]) == ("refresh", "failed", {"same": 2})
    assert newest["config"]["small:token"] == {"value": "hush", "secret": True}
