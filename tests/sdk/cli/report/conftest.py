"""Reports need no cloud: previews are recorded or made up here."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

RECORDED = Path(__file__).with_name("recorded")
"""One update of `program.py`, previewed by each engine; times, ids and nodes are left out, and no term is over."""
ENGINES = ("cli", "embedded")
UNKNOWN = "04da6b54-80e4-46f7-96ec-b56ff0331ba9"
"""What stands in a preview for a value that is not known yet."""
TOGETHER = {
    "region": "us-central-8",
    "gpu_type": "H100_SXM",
    "num_gpus": 8,
    "billing_type": "ON_DEMAND",
}


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No key, and a folder of the test's own."""
    for cloud in ("together", "shadeform"):
        monkeypatch.delenv(f"{cloud.upper()}_API_KEY", raising=False)
    monkeypatch.chdir(tmp_path)


def urn(name: str, token: str = "together:Cluster", stack: str = "dev") -> str:
    """The URN of a resource of a cloud, or of another type where the token has a slash."""
    kind = token if "/" in token or token.count(":") > 1 else f"pulumi-python:dynamic/{token}"
    return f"urn:pulumi:{stack}::fleet::{kind}::{name}"


def state(name: str, inputs: dict[str, Any], token: str = "together:Cluster", **more: Any) -> dict[str, Any]:
    """A resource before or after an update."""
    return {"urn": urn(name, token), "type": token, "inputs": inputs, "outputs": {}, **more}


def step(operation: str, name: str, old: Any = None, new: Any = None, **more: Any) -> dict[str, Any]:
    """A step of a preview document."""
    token = more.pop("token", "together:Cluster")
    stack = more.pop("stack", "dev")
    sides = {
        key: state(name, side["inputs"], token, **{k: v for k, v in side.items() if k != "inputs"})
        for key, side in (("oldState", old), ("newState", new))
        if side is not None
    }
    return {"op": operation, "urn": urn(name, token, stack), **sides, "detailedDiff": None, **more}


@pytest.fixture
def preview(tmp_path: Path) -> Callable[..., Path]:
    """Write the document of a preview."""

    def write(*steps: dict[str, Any], name: str = "preview.json", **more: Any) -> Path:
        path = tmp_path / name
        path.write_text(json.dumps({"config": {}, "steps": list(steps), "changeSummary": {}, **more}))
        return path

    return write
