"""`gpufleet simulate`, as a person or a Makefile calls it."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import httpx
import pytest

GPUFLEET = [sys.executable, "-c", "from pulumi_gpufleet.cli import main; main()", "simulate"]


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def call(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*GPUFLEET, *words], capture_output=True, text=True, timeout=120)


@pytest.fixture
def background(tmp_path):
    """A port at which a simulator runs in the background until the test ends."""
    port = str(free_port())
    started = call("--background", "--port", port, "--state", str(tmp_path / "new" / "s.sqlite"), "--speed", "0")
    assert started.returncode == 0, started.stderr
    assert "started" in started.stdout
    yield port
    call("--stop", "--port", port)


def test_the_background_one_is_started_once_and_serves_until_it_is_stopped(background):
    again = call("--background", "--port", background)
    assert (again.returncode, "was running" in again.stdout) == (0, True)
    body = {
        "cluster_name": "train",
        "region": "us-central-8",
        "gpu_type": "H100_SXM",
        "num_gpus": 8,
        "billing_type": "ON_DEMAND",
        "cuda_version": "12.6",
        "nvidia_driver_version": "560",
    }
    url = f"http://127.0.0.1:{background}/together/v1/compute/clusters"
    assert httpx.post(url, json=body, headers={"Authorization": "Bearer k"}, trust_env=False).status_code == 200
    shown = call("--ledger", "--port", background)
    assert shown.returncode == 0
    assert "clusters: 1 of 1 left" in shown.stdout
    assert "train" in shown.stdout
    assert "ended" in call("--stop", "--port", background).stdout
    assert "no simulator" in call("--stop", "--port", background).stdout
    gone = call("--ledger", "--port", background)
    assert gone.returncode != 0
    assert "no simulator listens" in gone.stderr


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (["--host", "0.0.0.0", "--port", "0"], "loopback"),
        (["--speed", "-1"], "--speed"),
        (["--provisioning", "soon"], "--provisioning"),
        (["--provisioning", "40-20"], "--provisioning"),
        (["--switch", "together"], "--switch"),
        (["--switch", "mars.x=1", "--port", "0"], "mars"),
        (["--switch", "together.error_shape=xml", "--port", "0"], "error_shape"),
        (["--state", os.devnull + "/x", "--port", "0"], "state file"),
    ],
)
def test_what_it_cannot_do_ends_in_words(words, complaint):
    done = call(*words)
    assert done.returncode != 0
    assert complaint in done.stderr
    assert "Traceback" not in done.stderr


def test_a_taken_port_is_named():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        port = str(listener.getsockname()[1])
        done = call("--port", port)
    assert done.returncode != 0
    assert port in done.stderr
    assert "Traceback" not in done.stderr


def test_a_background_one_that_cannot_start_says_why(tmp_path):
    state = tmp_path / "notes.txt"
    state.write_text("no database, " * 200)
    done = call("--background", "--port", str(free_port()), "--state", str(state))
    assert done.returncode != 0
    assert "state file" in done.stderr
    assert "Traceback" not in done.stderr


def test_stop_signals_no_process_that_an_answer_names():
    """Whatever listens there: a process that it calls its own is not touched."""
    victim = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
    asked: list[str] = []

    class Impostor(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            body = json.dumps({"ok": True, "pid": victim.pid, "clouds": ["together"]}).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Keep quiet."""

    try:
        with HTTPServer(("127.0.0.1", 0), Impostor) as server:
            threading.Thread(target=server.serve_forever, daemon=True).start()
            ended = call("--stop", "--port", str(server.server_port))
            server.shutdown()
        assert asked == ["/_sim/health"]
        assert ended.returncode != 0 and "does not end: it answered 501" in ended.stderr
        assert victim.poll() is None
    finally:
        victim.kill()
        victim.wait()
