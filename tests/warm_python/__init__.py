"""A Python that starts in a hundredth of the time, for the processes of tests.

Most of what a short `up` costs is three processes that import the same packages. `executable()` returns a program that
takes Python's own arguments (`-u`, `-m module` or a script), and whose processes are forked from one that has imported
these packages already. All else is as ever: a process of its own, with the caller's environment, directory and
standard streams, whose end and exit code the caller sees. What it starts with `sys.executable` is started the same way.

Not for what a test interrupts: the caller knows the pid of a stand-in only, and any signal that ends that kills. What a
fork could not honour (`-c`, `PYTHONPATH`) runs in a fresh Python. With `GPUFLEET_TESTS_FRESH_PYTHON` set, all does.
"""

from __future__ import annotations

import atexit
import functools
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

PASSPHRASE = "acceptance"
SALT = "v1:fXXSU1FOqnM=:v1:Lyd8F1s4WCW0JsIu:8rj8NuePIEAnvysglgMjhK5ZBBUScg=="
"""What stands in a stack's config; a million rounds of hashing make a key of the two, once and not in every command."""

_HERE = Path(__file__).parent


@functools.cache
def executable() -> str:
    """Return the path of the program, whose server lives as long as this process."""
    if "GPUFLEET_TESTS_FRESH_PYTHON" in os.environ or not hasattr(os, "fork"):
        return sys.executable
    # A socket's path may be 107 characters long: not in pytest's own folders.
    folder = Path(tempfile.mkdtemp(prefix="warm-python-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    program, address = folder / "python", folder / "socket"
    server = subprocess.Popen(
        [sys.executable, str(_HERE / "server.py"), str(address), str(program), PASSPHRASE, SALT],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    # It ends with its standard input, however this process ends.
    atexit.register(_end, server)
    assert server.stdout is not None and server.stdout.readline() == "ready\n", "the warm Python did not start"
    client = (_HERE / "client.py").read_text()
    settings = f"SOCKET = {str(address)!r}\nFRESH_PYTHON = {sys.executable!r}\n"
    program.write_text(f"#!{sys.executable} -IS\n{client.replace('# SETTINGS', settings)}")
    program.chmod(0o700)
    return str(program)


def _end(server: subprocess.Popen[str]) -> None:
    server.communicate()
