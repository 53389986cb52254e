"""A project directory of one stack, and the commands that are measured on it."""

from __future__ import annotations

import json
import os
import shutil
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from .measuring import Measured, measure

Engine = Literal["embedded", "pulumi"]
PULUMI = shutil.which("pulumi")
LIMIT_SECONDS = 3600.0


@dataclass
class Project:
    """One stack named `bench` with a state of its own, on one of the two engines."""

    directory: Path
    engine: Engine
    config: dict[str, str] = field(default_factory=dict[str, str])
    environment: dict[str, str] = field(default_factory=dict[str, str])

    def __post_init__(self) -> None:
        self.directory.mkdir(parents=True, exist_ok=True)
        (self.directory / "Pulumi.yaml").write_text("name: bench\nruntime: python\n")
        (self.directory / ".state").mkdir(exist_ok=True)
        config = "".join(f"  {key}: {json.dumps(value)}\n" for key, value in self.config.items())
        (self.directory / "Pulumi.bench.yaml").write_text(f"config:\n{config}" if config else "config: {}\n")
        self.run("stack", "init", "bench")

    def run(self, *arguments: str) -> Measured:
        """Run a command of the engine and measure it."""
        command = [PULUMI or "pulumi"] if self.engine == "pulumi" else [sys.executable, "-m", "pulumi_embedded"]
        return measure([*command, *arguments], self.directory, self._environment(), LIMIT_SECONDS)

    def up(self) -> Measured:
        """Bring the stack up, without a preview."""
        return self.run("up", "--yes", "--skip-preview", "--stack", "bench")

    def preview(self) -> Measured:
        """Preview a stack that has not changed."""
        return self.run("preview", "--expect-no-changes", "--stack", "bench")

    def refresh(self) -> Measured:
        """Refresh a stack that has not changed."""
        return self.run("refresh", "--yes", "--skip-preview", "--expect-no-changes", "--stack", "bench")

    def destroy(self) -> Measured:
        """Destroy the stack."""
        return self.run("destroy", "--yes", "--skip-preview", "--stack", "bench")

    def resources(self, kind: str) -> list[dict[str, Any]]:
        """Return the exported resources whose type holds a word."""
        deployment = json.loads(self.run("stack", "export", "--stack", "bench").output)["deployment"]
        return [resource for resource in deployment.get("resources", []) if kind in resource["type"]]

    def stored_bytes(self) -> int:
        """Return the size of the stack's file in the backend."""
        return (self.directory / ".state/.pulumi/stacks/bench/bench.json").stat().st_size

    def _environment(self) -> dict[str, str]:
        foreign = ("PULUMI_", "TOGETHER_", "SHADEFORM_")
        inherited = {name: value for name, value in os.environ.items() if not name.startswith(foreign)}
        return {
            **inherited,
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
            "PULUMI_BACKEND_URL": f"file://{self.directory / '.state'}",
            "PULUMI_CONFIG_PASSPHRASE": "bench",
            "PULUMI_HOME": str(self.directory / ".pulumi-home"),
            "PULUMI_SKIP_UPDATE_CHECK": "true",
            **self.environment,
        }
