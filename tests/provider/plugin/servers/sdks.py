"""Pulumi SDKs of several versions, each in a directory of its own beside the installed packages.

Run as `python -m tests.provider.plugin_servers.sdks` to install them all ahead of the tests.
"""

from __future__ import annotations

import contextlib
import functools
import importlib.metadata
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import pulumi

INSTALLED = importlib.metadata.version("pulumi")
VERSIONS = ("3.216.0", "3.230.0", "3.246.0", "3.259.0", "3.260.0", INSTALLED)
"""The oldest that is worth supporting, both sides of the change of shape (3.259 and 3.260), and the installed one."""
CACHE = Path(sys.prefix) / "pulumi-sdks"


@functools.cache
def sdk(version: str) -> Path | None:
    """Return a directory to put on `PYTHONPATH` for a version, installing it once; None where that cannot be done."""
    if version == INSTALLED:
        return Path(pulumi.__file__).parent.parent
    home = CACHE / version
    if home.is_dir():
        return home
    CACHE.mkdir(exist_ok=True)
    unfinished = Path(tempfile.mkdtemp(dir=CACHE, prefix=f".{version}-"))
    # Only the SDK itself: what it depends on is shared with the environment.
    install = ["install", "--quiet", "--no-deps", "--no-compile", "--retries", "1", "--timeout", "10"]
    command = [sys.executable, "-m", "pip", *install, "--target", str(unfinished), f"pulumi=={version}"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode == 0 and not home.is_dir():
        # Another worker may have been faster.
        with contextlib.suppress(OSError):
            os.rename(unfinished, home)
    shutil.rmtree(unfinished, ignore_errors=True)
    return home if home.is_dir() else None


def patched(version: str, home: Path, old: str, new: str) -> Path:
    """Return a directory for a version whose plugin server reads a little differently, made under `home`."""
    source = sdk(version)
    assert source is not None
    package = home / "pulumi"
    (package / "dynamic").mkdir(parents=True)
    for entry in (source / "pulumi").iterdir():
        if entry.name not in ("dynamic", "__pycache__"):
            (package / entry.name).symlink_to(entry)
    for entry in (source / "pulumi" / "dynamic").glob("*.py"):
        text = entry.read_text()
        if entry.name == "__main__.py":
            assert old in text
            text = text.replace(old, new)
        (package / "dynamic" / entry.name).write_text(text)
    return home


if __name__ == "__main__":
    for each in VERSIONS:
        print(each, sdk(each) or "cannot be installed")
