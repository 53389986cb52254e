"""Reads the state and the configuration of stacks through Pulumi's own command line."""

from __future__ import annotations

import glob
import json
import os
import shutil
import subprocess
import sys
import urllib.parse
from pathlib import Path
from typing import cast

import click
from gpufleet_provider.model.errors import redacted
from gpufleet_provider.model.fields import Properties


class UnreadableState(click.ClickException):
    """A state or a configuration that the user named could not be read completely."""


def exported(stack: str) -> bytes:
    """Return the state of a stack as `pulumi stack export` writes it; raises UnreadableState."""
    return _output(stack, "its state cannot be exported", ["stack", "export"])


def configuration(stack: str) -> dict[str, str]:
    """Return the configuration of a stack, secrets in the clear; raises UnreadableState."""
    failure = "its configuration cannot be read"
    try:
        rows = json.loads(_output(stack, failure, ["config", "--show-secrets", "--json"]))
        return {key: str(row["value"]) for key, row in cast("dict[str, Properties]", rows).items() if "value" in row}
    except (ValueError, TypeError, AttributeError):
        raise UnreadableState(f"stack {stack}: {failure}: the output is not what `config --json` prints") from None


def _output(stack: str, failure: str, arguments: list[str]) -> bytes:
    """Run the Pulumi CLI, or the embedded engine where there is no CLI or it would not see all of the stack."""
    # While the embedded engine's journal is there, the checkpoint lags behind, and the CLI sees nothing else.
    tool = shutil.which("pulumi") if _journal(stack) is None else None
    engine = [tool, "--non-interactive"] if tool else [sys.executable, "-m", "pulumi_embedded"]
    try:
        ran = subprocess.run(
            [*engine, *arguments, "--stack", stack], capture_output=True, check=False, stdin=subprocess.DEVNULL
        )
    except OSError as error:
        raise UnreadableState(f"{engine[0]} cannot be run: {error.strerror}") from None
    if ran.returncode != 0:
        lines = [line.strip() for line in ran.stderr.decode(errors="replace").splitlines() if line.strip()]
        errors = [line for line in lines if line.lower().startswith("error:")] or lines[-1:] or ["no message"]
        message = redacted(errors[0].partition("rror:")[2] or errors[0])
        raise UnreadableState(f"stack {stack}: {failure}: {message}")
    return ran.stdout


def _journal(stack: str) -> Path | None:
    """Return the embedded engine's journal of steps that the checkpoint does not have yet, if there is one."""
    url = os.environ.get("PULUMI_BACKEND_URL") or "file://.pulumi-state"
    folder = Path(urllib.parse.unquote(url.removeprefix("file://"))).expanduser() / ".pulumi" / "stacks"
    *_, project, name = ["*", *map(glob.escape, stack.split("/")[-2:])]
    return next(folder.glob(f"{project}/{name}.journal"), None) if url.startswith("file://") else None
