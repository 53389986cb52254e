"""An engine at work on one program: its folder, its cloud, and the process of each command."""

from __future__ import annotations

import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import yaml
from click.testing import CliRunner
from pulumi_embedded.commands.main import main

from tests import warm_python
from tests.warm_python import PASSPHRASE, SALT

HERE = Path(__file__).parent
STACK = "dev"
CLI = "cli"
EMBEDDED = "embedded"


@dataclass
class Done:
    """What a command did."""

    code: int
    stdout: str
    stderr: str


class Engine:
    """Runs commands in a folder with one program, whose stack `dev` of project `lab` is there and selected."""

    def __init__(self, kind: str, folder: Path, program: Path, project: dict) -> None:
        self.kind = kind
        self.folder = folder
        self.cloud = folder / "cloud"
        for path in ("things", "births", "faults", "holds"):
            (self.cloud / path).mkdir(parents=True)
        shutil.copy(program, folder / "__main__.py")
        shutil.copy(HERE / "lab.py", folder / "lab.py")
        driver = HERE / "drivers" / program.name
        if driver.exists():
            shutil.copy(driver, folder / "driver.py")
        (folder / "Pulumi.yaml").write_text(yaml.safe_dump({"name": "lab", "runtime": "python", **project}))
        (folder / "Pulumi.dev.yaml").write_text(f"encryptionsalt: {SALT}\n")
        (folder / "state").mkdir()
        self._step = 0
        self._command = ["pulumi"] if kind == CLI else [self._python(), "-m", "pulumi_embedded"]
        self._shims = self._write_shims()

    @staticmethod
    def _python() -> str:
        return warm_python.executable()

    def _write_shims(self) -> Path:
        """A folder with `python`, and `pulumi` too where that is not the CLI."""
        folder = self.folder / "bin"
        folder.mkdir()
        for name in ("python", "python3"):
            (folder / name).symlink_to(self._python())
        if self.kind == EMBEDDED:
            shim = folder / "pulumi"
            shim.write_text(f'#!/bin/sh\nexec {self._python()} -m pulumi_embedded "$@"\n')
            shim.chmod(0o755)
        return folder

    @property
    def environment(self) -> dict[str, str]:
        """What every command sees."""
        kept = {k: v for k, v in os.environ.items() if not k.startswith(("PULUMI_", "LAB_"))}
        path = os.environ["PATH"] if self.kind == CLI else "/usr/bin:/bin"
        return kept | {
            "PATH": f"{self._shims}:{path}",
            "LAB_CLOUD": str(self.cloud),
            "LAB_STEP": str(self._step),
            "PULUMI_CONFIG_PASSPHRASE": PASSPHRASE,
            "PULUMI_BACKEND_URL": f"file://{self.folder / 'state'}",
            "PULUMI_HOME": str(self.folder / "home"),
            "PULUMI_SKIP_UPDATE_CHECK": "true",
            "PULUMI_EMBEDDED_DEBUG": "1",
            "NO_COLOR": "1",
            "COLUMNS": "120",
        }

    def init(self) -> None:
        """Create the stack; where the project is refused, so are the commands that follow."""
        words = ["stack", "init", STACK]
        if self.kind == CLI:
            self.run(words)
            return
        # In this process: no program is run, and there are as many of these as programs.
        directory = os.getcwd()
        os.chdir(self.folder)
        try:
            CliRunner(env={name: None for name in os.environ} | self.environment).invoke(main, words)
        finally:
            os.chdir(directory)

    def next_step(self) -> None:
        """Count on, for the program."""
        self._step += 1

    def start(self, words: list[str]) -> subprocess.Popen[str]:
        """Start a command of the engine, or `python` with a script in the folder."""
        command = [self._python(), *words[1:]] if words[0] == "python" else [*self._command, *words]
        return subprocess.Popen(
            command,
            cwd=self.folder,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def run(self, words: list[str]) -> Done:
        """Run a command."""
        process = self.start(words)
        stdout, stderr = process.communicate(timeout=400)
        return Done(process.returncode, stdout, stderr)

    def asked(self) -> list[str]:
        """What the cloud was asked for since the last call."""
        log = self.cloud / "operations.log"
        lines = log.read_text().splitlines() if log.exists() else []
        log.unlink(missing_ok=True)
        return lines
