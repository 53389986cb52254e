"""Whole programs on the simulated clouds: one class that runs a stack's commands as a person would."""

from __future__ import annotations

import atexit
import json
import os
import shutil
import subprocess
import sys
import tempfile
import textwrap
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

PASSPHRASE = "acceptance"
KEY = "simulated-key-canary"
PULUMI = shutil.which("pulumi")

HEAD = """
import pulumi
import pulumi_random
from pulumi_gpufleet import shadeform, together
"""

_EMPTY: dict[tuple[str, str], tuple[Path, list[str]]] = {}
"""By engine and name, the state of a stack without resources, and what its config says of its passphrase."""


def _salt(config: Path) -> list[str]:
    if not config.exists():
        return []
    return [line for line in config.read_text().splitlines() if line.startswith("encryptionsalt")]


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
        path = self.directory / f"Pulumi.{self.name}.yaml"
        path.write_text("\n".join([*_salt(path), "config:", lines]))

    def write(self, program: str) -> None:
        """Make this the stack's program; the usual imports stand above it."""
        (self.directory / "__main__.py").write_text(HEAD + textwrap.dedent(program))

    @property
    def command(self) -> list[str]:
        if self.engine == "pulumi":
            assert PULUMI is not None
            return [PULUMI]
        return [sys.executable, "-m", "pulumi_embedded"]

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
        """Start a command and return its process, in a process group of its own."""
        return subprocess.Popen(
            [*self.command, *arguments],
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
            [*self.command, *arguments],
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
        """Make the stack, as the first one of this process was made: an empty stack is like any other."""
        config = self.directory / f"Pulumi.{self.name}.yaml"
        made_before = _EMPTY.get((self.engine, self.name))
        if made_before is None:
            made = self.run("stack", "init", self.name)
            assert made.exit_code == 0, made.output
            template = Path(tempfile.mkdtemp(prefix="gpufleet-empty-stack-"))
            atexit.register(shutil.rmtree, template, ignore_errors=True)
            shutil.copytree(self.directory / ".state", template / "state")
            _EMPTY[self.engine, self.name] = template, _salt(config)
        else:
            template, salt = made_before
            shutil.copytree(template / "state", self.directory / ".state", dirs_exist_ok=True)
            config.write_text("\n".join([*salt, config.read_text()]))
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
