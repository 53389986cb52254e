"""Stacks as Pulumi's own command line shows them: what they hold, and how they are configured."""

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
    """A state that was named could not be read whole; nothing may be concluded from it."""


def exported(stack: str) -> bytes:
    """Return the state of a stack as `pulumi stack export` writes it; raises UnreadableState."""
    return _answer(stack, "its state cannot be exported", ["stack", "export"])


def configuration(stack: str) -> dict[str, str]:
    """Return the configuration of a stack, secrets in the clear; raises UnreadableState."""
    trouble = "its configuration cannot be read"
    try:
        rows = json.loads(_answer(stack, trouble, ["config", "--show-secrets", "--json"]))
        return {key: str(row["value"]) for key, row in cast("dict[str, Properties]", rows).items() if "value" in row}
    except (ValueError, TypeError, AttributeError):
        raise UnreadableState(f"stack {stack}: {trouble}: the answer makes no sense") from None


def _answer(stack: str, trouble: str, arguments: list[str]) -> bytes:
    """Ask the Pulumi CLI where there is one that sees all of the stack, else the embedded engine."""
    # While the embedded engine's journal is there, the checkpoint lags behind, and the CLI sees nothing else.
    tool = shutil.which("pulumi") if _journal(stack) is None else None
    engine = [tool, "--non-interactive"] if tool else [sys.executable, "-m", "pulumi_embedded"]
    try:
        ran = subprocess.run(
            [*engine, *arguments, "--stack", stack], capture_output=True, check=False, stdin=subprocess.DEVNULL
        )
    except OSError as fault:
        raise UnreadableState(f"{engine[0]} cannot be run: {fault.strerror}") from None
    if ran.returncode != 0:
        lines = [line.strip() for line in ran.stderr.decode(errors="replace").splitlines() if line.strip()]
        worded = [line for line in lines if line.lower().startswith("error:")] or lines[-1:] or ["without a word"]
        words = redacted(worded[0].partition("rror:")[2] or worded[0])
        raise UnreadableState(f"stack {stack}: {trouble}: {words}")
    return ran.stdout


def _journal(stack: str) -> Path | None:
    """Return the journal that the embedded engine keeps beside a checkpoint while that lags behind, if there is one."""
    url = os.environ.get("PULUMI_BACKEND_URL") or "file://.pulumi-state"
    folder = Path(urllib.parse.unquote(url.removeprefix("file://"))).expanduser() / ".pulumi" / "stacks"
    *_, project, name = ["*", *map(glob.escape, stack.split("/")[-2:])]
    return next(folder.glob(f"{project}/{name}.journal"), None) if url.startswith("file://") else None
