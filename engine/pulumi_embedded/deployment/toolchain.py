"""The program's Python, as `runtime.options` in Pulumi.yaml names it, and its type checker."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pulumi_embedded.errors import EngineError, ProjectError
from pulumi_embedded.providers.child_process import start_child

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pulumi_embedded.steps.events import Events

_BIN = "Scripts" if os.name == "nt" else "bin"


@dataclass(frozen=True, slots=True)
class Toolchain:
    """A Python, and the virtual environment that it belongs to; None for the Python that runs the engine."""

    python: str
    virtualenv: Path | None = None
    typechecker: str | None = None

    def environment(self, environment: Mapping[str, str]) -> dict[str, str]:
        """The environment variables with the virtual environment activated."""
        if self.virtualenv is None:
            return dict(environment)
        activated = {key: value for key, value in environment.items() if key != "PYTHONHOME"}
        activated["VIRTUAL_ENV"] = str(self.virtualenv)
        activated["PATH"] = os.pathsep.join(filter(None, [str(self.virtualenv / _BIN), environment.get("PATH")]))
        return activated


def find_toolchain(project_folder: Path, program_folder: Path, runtime_options: Mapping[str, Any]) -> Toolchain:
    """The Python that runs the program. Raises ProjectError if the one that Pulumi.yaml names is not there.

    That is the one in `virtualenv`; else that of `uv` or `poetry`, if `toolchain` or a lock file names them; else the
    one that runs the engine.
    """
    virtualenv, toolchain = runtime_options.get("virtualenv"), runtime_options.get("toolchain")
    typechecker = runtime_options.get("typechecker")
    named = toolchain
    if toolchain is None:
        toolchain = next((name for name in ("uv", "poetry") if _upwards(program_folder, f"{name}.lock")), "pip")
    if toolchain == "poetry":
        folder = _of_poetry(program_folder, required=named is not None)
    elif virtualenv:
        folder = project_folder / virtualenv
    else:
        folder = _of_uv(program_folder) if toolchain == "uv" else None
    python = folder / _BIN / ("python.exe" if os.name == "nt" else "python") if folder else None
    if python is not None and python.exists():
        return Toolchain(shutil.which(str(python)) or str(python), folder, typechecker)
    if virtualenv or (named is not None and folder):
        install = {"uv": "run `uv sync`", "poetry": "run `poetry install`"}.get(toolchain, "create it")
        source = f"the virtual environment {virtualenv}" if virtualenv else f"the toolchain {toolchain}"
        raise ProjectError(f"Pulumi.yaml names {source}, but there is no Python in {folder}; {install}")
    return Toolchain(sys.executable, None, typechecker)


def _of_uv(program_folder: Path) -> Path:
    project = _upwards(program_folder, "uv.lock") or _upwards(program_folder, "pyproject.toml") or program_folder
    return project / (os.environ.get("UV_PROJECT_ENVIRONMENT") or ".venv")


def _of_poetry(program_folder: Path, *, required: bool) -> Path | None:
    poetry = shutil.which("poetry")
    if poetry is None:
        if required:
            raise ProjectError("Pulumi.yaml names the toolchain poetry, but there is no `poetry` on PATH; install it")
        return None
    command = [poetry, "env", "info", "--path", "--no-ansi"]
    found = subprocess.run(command, cwd=program_folder, capture_output=True, text=True, check=False)
    path = found.stdout.strip()
    if not path and required:
        raise ProjectError(f"poetry has no virtual environment for {program_folder}; run `poetry install`")
    return Path(path) if path else None


def _upwards(folder: Path, name: str) -> Path | None:
    return next((parent for parent in (folder, *folder.parents) if (parent / name).is_file()), None)


async def check_types(
    toolchain: Toolchain, program_folder: Path, environment: Mapping[str, str], events: Events
) -> None:
    """Run the type checker that `runtime.options` names, if any. Raises EngineError if it finds fault."""
    name = toolchain.typechecker
    if name is None:
        return
    arguments = [toolchain.python, "-m", name]
    if name == "mypy" and toolchain.virtualenv is not None:
        arguments += ["--exclude", os.path.relpath(toolchain.virtualenv, program_folder)]
    process = await start_child([*arguments, str(program_folder)], environment, program_folder)
    lines = b"".join(await process.communicate()).decode(errors="replace").splitlines()
    if any(line.endswith(f"No module named {name}") for line in lines):
        raise EngineError(
            f"The typechecker option is set to {name}, but {name} is not installed; "
            f"run `{toolchain.python} -m pip install {name}`"
        )
    for line in lines:
        events.output("stdout", line)
    if process.returncode:
        raise EngineError(f"{name} failed with exit code {process.returncode}; what it found stands above")
