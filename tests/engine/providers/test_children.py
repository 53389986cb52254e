"""Nothing outlives the engine: neither the program nor a plugin, whatever provider it serves."""

import os
import signal
import subprocess
import sys
import time
import uuid
from pathlib import Path

import pytest
from pulumi_embedded.providers import child_starter
from pulumi_embedded.providers.child_process import with_direct_loopback

PROGRAM = """
from pulumi.dynamic import CreateResult, Resource, ResourceProvider


class Foreign(ResourceProvider):
    def create(self, props):
        import pathlib, time
        pathlib.Path(os.environ["LAB_FOLDER"], "foreign").touch()
        time.sleep(3600)


class Machine(Resource):
    def __init__(self, name):
        super().__init__(Foreign(), name, {})


Machine("foreign")
Thing("script", hold="never")
"""


def processes(mark):
    """The command lines of all processes that have the mark in their environment, without zombies."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            if mark.encode() in (folder / "environ").read_bytes():
                found.append((folder / "cmdline").read_bytes().replace(b"\0", b" ").decode())
        except OSError:
            continue
    return found


def wait_until(condition):
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


@pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="the processes are found in /proc")
def test_nothing_outlives_an_engine_that_is_killed(project):
    mark = f"ENGINE_TEST={uuid.uuid4()}"
    project.environment |= dict([mark.split("=")])
    project.program(PROGRAM)
    engine = project.start("up", "--yes", "--skip-preview")
    project.await_call("Create", "script")
    wait_until((project.lab / "foreign").exists)
    running = "\n".join(processes(mark))
    assert all(name in running for name in ("program_host.py", "pulumi.dynamic", "pulumi_resource_lab.py")), running
    engine.kill()
    engine.communicate()
    wait_until(lambda: not processes(mark))


def start(pipe, *command, engine=None):
    return subprocess.Popen(
        [sys.executable, "-I", "-S", child_starter.__file__, str(engine or os.getpid()), str(pipe), *command],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        pass_fds=(pipe,),
        start_new_session=True,
    )


@pytest.fixture
def pipe():
    read, write = os.pipe()
    yield read, write
    os.close(read)


@pytest.fixture
def script(tmp_path):
    """A script that starts what it runs, and does not become it."""
    path = tmp_path / "script"
    path.write_text(
        '#!/bin/sh\nif [ "$1" = run ]; then sleep 3600 & echo up; wait; fi\n[ "$1" = die ] && kill -$2 $$\nexit "$1"\n'
    )
    path.chmod(0o700)
    return str(path)


def test_a_closed_pipe_ends_a_script_and_what_it_has_started(pipe, script):
    process = start(pipe[0], script, "run")
    assert process.stdout.readline() == "up\n"
    os.close(pipe[1])
    # The pipe of its output ends only when nothing is left that has it.
    process.communicate(timeout=60)
    assert process.returncode == -signal.SIGKILL


def test_the_end_is_that_of_the_command(pipe, script):
    commands = [
        (script, "3"),
        ("/bin/sh", "-c", "exit 4"),
        (script, "die", "KILL"),
        (script, "die", "TERM"),
        ("/none",),
    ]
    processes = [start(pipe[0], *command) for command in commands]
    outputs = [process.communicate(timeout=60) for process in processes]
    assert [process.returncode for process in processes] == [3, 4, -signal.SIGKILL, -signal.SIGTERM, 127]
    assert [error for _, error in outputs] == ["", "", "", "", "No such file or directory: /none\n"]
    os.close(pipe[1])


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="a death signal is Linux's")
def test_an_engine_that_has_ended_already_is_seen(pipe):
    process = start(pipe[0], "/bin/sh", "-c", "exit 4", engine=1)
    process.communicate(timeout=60)
    assert process.returncode == child_starter.NOT_STARTED
    os.close(pipe[1])


LOOPBACK = "127.0.0.1,localhost,::1"


@pytest.mark.parametrize(
    ("given", "grpc", "lower", "upper"),
    [
        ({}, "", "", ""),
        ({"https_proxy": "http://proxy:3128"}, "", "", ""),
        ({"NO_PROXY": "a"}, "a", "a", "a"),
        ({"no_proxy": "a", "NO_PROXY": "b"}, "a", "a", "b"),
        ({"no_grpc_proxy": "c", "no_proxy": "a"}, "c", "a", "a"),
        ({"no_proxy": ""}, "", "", ""),
    ],
)
def test_a_child_asks_no_proxy_for_this_machine(given: dict[str, str], grpc: str, lower: str, upper: str):
    found = with_direct_loopback({**given, "HOME": "/h"})
    expected = {"no_grpc_proxy": grpc, "no_proxy": lower, "NO_PROXY": upper}
    assert {name: found[name] for name in expected} == {
        name: f"{hosts},{LOOPBACK}" if hosts else LOOPBACK for name, hosts in expected.items()
    }
    assert found["HOME"] == "/h" and found.get("https_proxy") == given.get("https_proxy")
