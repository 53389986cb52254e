import json
from pathlib import Path
from typing import Any

import pytest
from pulumi_embedded.storage.backend import FileBackend
from pulumi_embedded.storage.secrets import PassphraseCrypter
from pulumi_embedded.storage.snapshot import ResourceState, Snapshot, new_manifest
from pulumi_embedded.storage.stack_reference import StackReference
from pulumi_embedded.values import Secret

RECORDED = Path(__file__).parents[1] / "golden" / "recorded"
PASSPHRASE = "a passphrase for tests"


@pytest.fixture(scope="session")
def crypter() -> PassphraseCrypter:
    return PassphraseCrypter.create(PASSPHRASE)


@pytest.fixture(autouse=True)
def passphrase(monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("PULUMI_CONFIG_PASSPHRASE", PASSPHRASE)
    monkeypatch.delenv("PULUMI_CONFIG_PASSPHRASE_FILE", raising=False)
    monkeypatch.delenv("PULUMI_BACKEND_URL", raising=False)
    monkeypatch.delenv("PULUMI_STACK", raising=False)
    return PASSPHRASE


@pytest.fixture
def stack() -> StackReference:
    return StackReference("fleet", "dev")


@pytest.fixture
def backend(tmp_path: Path, stack: StackReference) -> FileBackend:
    backend = FileBackend(tmp_path / "state")
    backend.create(stack)
    return backend


def urn_of(name: str) -> str:
    return f"urn:pulumi:dev::fleet::lab:index:Machine::{name}"


def machine(name: str, **fields: Any) -> ResourceState:
    """A custom resource with a secret in its outputs."""
    defaults: dict[str, Any] = {
        "id": f"m-{name}",
        "inputs": {"name": name},
        "outputs": {"name": name, "key": Secret(f"key of {name}")},
    }
    return ResourceState(urn=urn_of(name), type="lab:index:Machine", **{"custom": True} | defaults | fields)


def snapshot_of(*states: ResourceState) -> Snapshot:
    return Snapshot(manifest=new_manifest(), resources=list(states))


def recorded_states() -> dict[str, dict[str, Any]]:
    """The states that the Pulumi CLI left after each recorded step, by the step's file name."""
    steps = {path.stem: json.loads(path.read_text()) for path in sorted(RECORDED.glob("*.json"))}
    return {name: step["state"] for name, step in steps.items()}
