"""What is started with the warm Python is what a fresh one would be: the same code sees the same of its process."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests import warm_python

LOOK = """
import json, os, sys
json.dump({
    "name": __name__, "arguments": sys.argv, "first on the path": sys.path[0], "directory": os.getcwd(),
    "environment": dict(os.environ), "input": sys.stdin.read(), "main": vars(sys.modules["__main__"])["__name__"],
}, sys.stdout)
print("said", file=sys.stderr)
sys.exit(7)
"""


def started(python: str, *words: str, folder: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    command, env = [python, *words], {"PATH": "/usr/bin:/bin", **environment}
    return subprocess.run(command, cwd=folder, env=env, input="given", capture_output=True, text=True, check=False)


@pytest.mark.parametrize("words", [["look.py", "one", "two"], ["-u", "-m", "look", "one"]], ids=["script", "module"])
def test_it_sees_what_a_fresh_one_sees(tmp_path: Path, words: list[str]) -> None:
    (tmp_path / "look.py").write_text(LOOK)
    runs = [started(each, *words, folder=tmp_path, SAID="x") for each in (sys.executable, warm_python.executable())]
    fresh, warm = (json.loads(run.stdout) for run in runs)
    for seen in (fresh, warm):
        # What a shell or a locale leaves behind is not ours.
        seen["environment"] = {name: seen["environment"].get(name) for name in ("PATH", "SAID", "HOME")}
    assert warm == fresh
    assert [(run.returncode, run.stderr) for run in runs] == [(7, "said\n")] * 2


@pytest.mark.parametrize(
    ("text", "code", "said"),
    [
        ("raise SystemExit('the reason')", 1, "the reason\n"),
        ("raise ValueError('a fault')", 1, "ValueError: a fault\n"),
        ("import atexit, sys; atexit.register(print, 'the end', file=sys.stderr)", 0, "the end\n"),
        ("import os; os._exit(9)", 9, ""),
        ("import os; os.kill(os.getpid(), 9)", -signal.SIGKILL, ""),
    ],
)
def test_it_ends_as_a_fresh_one_ends(tmp_path: Path, text: str, code: int, said: str) -> None:
    (tmp_path / "ends.py").write_text(text)
    for python in (sys.executable, warm_python.executable()):
        run = started(python, "ends.py", folder=tmp_path)
        assert (run.returncode, run.stdout) == (code, "") and run.stderr.endswith(said)


def test_it_is_killed_with_its_stand_in(tmp_path: Path) -> None:
    (tmp_path / "waits.py").write_text("import os, time\nprint(os.getpid(), flush=True)\ntime.sleep(600)")
    stand_in = subprocess.Popen([warm_python.executable(), "waits.py"], cwd=tmp_path, stdout=subprocess.PIPE, text=True)
    assert stand_in.stdout is not None
    with stand_in.stdout as stdout:
        pid = int(stdout.readline())
        stand_in.terminate()
        assert stand_in.wait() == -signal.SIGTERM
        # Closed once nobody is left who could write to it.
        assert stdout.read() == ""
    deadline = time.monotonic() + 60
    with contextlib.suppress(ProcessLookupError):
        while time.monotonic() < deadline:
            os.kill(pid, 0)
            time.sleep(0.01)
        raise AssertionError("it outlives its stand-in")


def test_what_a_fork_could_not_honour_is_run_afresh(tmp_path: Path) -> None:
    (tmp_path / "sitecustomize.py").write_text("print('customised')")
    (tmp_path / "nothing.py").touch()
    run = started(warm_python.executable(), "nothing.py", folder=tmp_path, PYTHONPATH=str(tmp_path))
    assert run.stdout == "customised\n"
    run = started(warm_python.executable(), "-c", "import sys; print(sys.executable)", folder=tmp_path)
    assert run.stdout == f"{sys.executable}\n"


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="a zombie is seen in /proc")
def test_it_goes_on_when_a_process_and_its_stand_in_are_killed_at_once(tmp_path: Path) -> None:
    (tmp_path / "waits.py").write_text("import os, time\nprint(os.getpid(), flush=True)\ntime.sleep(600)")
    (tmp_path / "ends.py").touch()
    stand_in = subprocess.Popen([warm_python.executable(), "waits.py"], cwd=tmp_path, stdout=subprocess.PIPE, text=True)
    assert stand_in.stdout is not None
    with stand_in.stdout as stdout, socket.socket(socket.AF_UNIX) as talker:
        pid = int(stdout.readline())
        # While it listens to another, it is told first of the one end and then of the other.
        talker.connect(str(Path(warm_python.executable()).with_name("socket")))
        talker.sendall((9).to_bytes(4, "big"))
        os.kill(pid, signal.SIGKILL)
        while ") Z " not in Path(f"/proc/{pid}/stat").read_text():
            time.sleep(0.01)
        stand_in.kill()
        stand_in.wait()
    assert started(warm_python.executable(), "ends.py", folder=tmp_path).returncode == 0


@pytest.mark.parametrize("sent", [b"", (9).to_bytes(4, "big") + b"cut"])
def test_it_goes_on_when_a_stand_in_is_killed_before_it_has_spoken(tmp_path: Path, sent: bytes) -> None:
    (tmp_path / "ends.py").touch()
    with socket.socket(socket.AF_UNIX) as client:
        client.connect(str(Path(warm_python.executable()).with_name("socket")))
        client.sendall(sent)
    assert started(warm_python.executable(), "ends.py", folder=tmp_path).returncode == 0
