"""Whole programs on the simulated clouds: one class that runs a stack's commands as a person would."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import textwrap
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tests import warm_python
from tests.warm_python import PASSPHRASE, SALT

KEY = "simulated-key-canary"
PULUMI = shutil.which("pulumi")
_THE_CLI = (pytest.mark.slow, pytest.mark.skipif(PULUMI is None, reason="pulumi is not on PATH"))
ENGINES = ["embedded", pytest.param("pulumi", marks=_THE_CLI)]
"""What a question is put to: `make test` asks the embedded engine, `make test-all` the Pulumi CLI."""

HEAD = """
import pulumi
import pulumi_random
from pulumi_gpufleet import shadeform, together
"""


@dataclass
class Run:
    """One finished command."""

    exit_code: int
    output: str
    stdout: str

    def json(self) -> Any:
        return json.loads(self.stdout)

    @property
    def is_clean(self) -> bool:
        """Whether nothing of ours ended in a traceback.

        The language host of the Pulumi CLI, interrupted after a failed step, prints one of its own.
        """
        by_the_host = "pulumi-language-python-exec" in self.output and "KeyboardInterrupt" in self.output
        return ("Traceback" not in self.output or by_the_host) and "/gpufleet_provider/" not in self.output


@dataclass
class Stack:
    """A project directory with one stack, run by one engine against one simulator."""

    directory: Path
    simulator: Any
    engine: str = "embedded"
    environment: dict[str, str] = field(default_factory=dict)
    name: str = "dev"

    def __post_init__(self) -> None:
        self.directory.mkdir(parents=True, exist_ok=True)
        (self.directory / "Pulumi.yaml").write_text("name: fleet\nruntime: python\n")
        self.configure()

    def configure(self, **settings: str) -> None:
        """Write the stack's configuration; what is given as an empty string is left out."""
        known = {
            "together:baseUrl": f"{self.simulator.url}/together/v1",
            "together:apiKey": KEY,
            "shadeform:baseUrl": f"{self.simulator.url}/shadeform/v1",
            "shadeform:apiKey": KEY,
            "gpufleet:pollSeconds": "0.2",
            **settings,
        }
        lines = "".join(f"  {key}: {json.dumps(value)}\n" for key, value in known.items() if value)
        (self.directory / f"Pulumi.{self.name}.yaml").write_text(f"encryptionsalt: {SALT}\nconfig:\n{lines}")

    def write(self, program: str) -> None:
        """Make this the stack's program; the usual imports stand above it."""
        (self.directory / "__main__.py").write_text(HEAD + textwrap.dedent(program))

    def _command(self, python: str) -> list[str]:
        if self.engine == "pulumi":
            assert PULUMI is not None
            return [PULUMI]
        return [python, "-m", "pulumi_embedded"]

    def env(self) -> dict[str, str]:
        state = self.directory / ".state"
        state.mkdir(exist_ok=True)
        inherited = {
            key: value
            for key, value in os.environ.items()
            if not key.startswith(("PULUMI_", "TOGETHER_", "SHADEFORM_"))
        }
        return {
            **inherited,
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
            "PULUMI_BACKEND_URL": f"file://{state}",
            "PULUMI_CONFIG_PASSPHRASE": PASSPHRASE,
            "PULUMI_SKIP_UPDATE_CHECK": "true",
            "PULUMI_HOME": str(self.directory / ".pulumi-home"),
            **self.environment,
        }

    def start(self, *arguments: str, **options: Any) -> subprocess.Popen[str]:
        """Start a command and return its process, in a process group of its own; for what is ended or interrupted."""
        return subprocess.Popen(
            [*self._command(sys.executable), *arguments],
            cwd=self.directory,
            env=self.env(),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
            **options,
        )

    def run(self, *arguments: str, env: Mapping[str, str] | None = None, seconds: float = 240) -> Run:
        """Run a command to its end."""
        done = subprocess.run(
            [*self._command(warm_python.executable()), *arguments],
            cwd=self.directory,
            env={**self.env(), **(env or {})},
            capture_output=True,
            text=True,
            timeout=seconds,
            check=False,
            stdin=subprocess.DEVNULL,
        )
        return Run(done.returncode, done.stdout + done.stderr, done.stdout)

    def init(self) -> Stack:
        """Make the stack."""
        made = self.run("stack", "init", self.name)
        assert made.exit_code == 0, made.output
        return self

    def preview(self, *arguments: str) -> Run:
        return self.run("preview", "--stack", self.name, *arguments)

    def up(self, *arguments: str) -> Run:
        return self.run("up", "--yes", "--skip-preview", "--stack", self.name, *arguments)

    def refresh(self, *arguments: str) -> Run:
        return self.run("refresh", "--yes", "--skip-preview", "--stack", self.name, *arguments)

    def destroy(self, *arguments: str) -> Run:
        return self.run("destroy", "--yes", "--skip-preview", "--stack", self.name, *arguments)

    def deployment(self, *, show_secrets: bool = False) -> dict[str, Any]:
        """Return the exported deployment."""
        flags = ["--show-secrets"] if show_secrets else []
        exported = self.run("stack", "export", "--stack", self.name, *flags)
        assert exported.exit_code == 0, exported.output
        return exported.json()["deployment"]

    def resources(self, kind: str = "") -> list[dict[str, Any]]:
        """Return the state's resources whose type holds a word."""
        return [it for it in self.deployment().get("resources", []) if kind in it["type"]]

    def outputs(self, *, show_secrets: bool = False) -> dict[str, Any]:
        """Return the stack's outputs."""
        flags = ["--show-secrets"] if show_secrets else []
        return self.run("stack", "output", "--json", "--stack", self.name, *flags).json()

    def live_clusters(self) -> list[dict[str, Any]]:
        """Return the clusters that the clouds' ledger says are alive."""
        return [it for it in self.simulator.ledger()["clusters"] if it["deleted_at"] is None]
