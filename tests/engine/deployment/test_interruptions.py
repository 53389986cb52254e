"""What interrupts, crashes of the engine and drift outside leave behind, and how the next command goes on."""

import os
import random
import signal
import subprocess
import sys
import textwrap
import time

import pytest

from tests import warm_python
from tests.conftest import few_at_once

SELF = "urn:pulumi:dev::test::lab:index:Thing::"


def test_the_first_interrupt_finishes_what_is_under_way(project):
    project.program("""
    a = Thing("a", hold="gate")
    b = Thing("b", of=a.id)
    """)
    process = project.start("up", "--yes", "--skip-preview", "--json")
    project.await_call("Create", "a")
    project.interrupt(process)
    canceled = project.finish(process)
    assert canceled.code == 1
    assert "cancelled while waiting" in canceled.errors
    state = project.deployment()
    assert "pending_operations" not in state
    assert [r["initErrors"] for r in state["resources"] if r["urn"] == SELF + "a"] == [["cancelled while waiting"]]
    assert ("Create", "b") not in project.calls()
    (project.lab / "gate").touch()
    assert project.up().operations == ["create b", "update a"]


def test_an_interrupt_of_the_imports_is_one_line():
    program = """
    import os, signal, sys
    class Finder:
        @staticmethod
        def find_spec(name, *_):
            if name == "pulumi_embedded.commands.main":
                os.kill(os.getpid(), signal.SIGINT)
    sys.meta_path.insert(0, Finder)
    from pulumi_embedded.__main__ import run
    run()
    """
    done = subprocess.run([sys.executable, "-c", textwrap.dedent(program)], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (130, "")
    assert done.stderr == "error: interrupted before anything was done\n"


def test_the_second_interrupt_ends_at_once_and_leaves_the_operation_pending(project):
    project.program('Thing("done")\nThing("a", together=9)')
    process = project.start("up", "--yes", "--skip-preview")
    project.await_call("Create", "a")
    plugin = int(_plugin_of(process.pid))
    os.kill(plugin, signal.SIGSTOP)
    project.interrupt(process)
    assert any("interrupt again" in line for line in process.stdout)
    project.interrupt(process)
    ended = project.finish(process)
    assert ended.code == 130
    deadline = time.monotonic() + 120
    while _runs(plugin):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    exported = project.run("stack", "export", check=True)
    pending = exported.document["deployment"]["pending_operations"]
    assert (pending[0]["type"], pending[0]["resource"]["urn"]) in [
        ("creating", SELF + "a"),
        ("creating", SELF + "done"),
    ]
    # The lock is gone with the engine.
    project.program('Thing("done")')
    again = project.run("up", "--yes", "--skip-preview")
    assert again.code == 0
    assert "pending operations from previous deployment" in again.out
    project.refresh("--clear-pending-creates")
    assert "pending_operations" not in project.deployment()


def _plugin_of(engine):
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            try:
                with open(f"/proc/{entry}/cmdline", "rb") as file:
                    line = file.read()
                _, parent, group = _stat(entry)
                # The lab is a script, so what started it stays as its parent.
                starter = _stat(group)[1]
            except OSError:
                continue
            if b"pulumi_resource_lab" in line and str(engine) in (parent, starter):
                return entry
    raise AssertionError("the plugin does not run")


def _stat(pid):
    """The state, the parent and the group of a process."""
    with open(f"/proc/{pid}/stat") as file:
        return file.read().rpartition(")")[2].split()[:3]


def _runs(pid):
    try:
        return _stat(pid)[0] != "Z"
    except OSError:
        return False


def test_a_locked_stack_names_its_owner(project):
    project.program('Thing("a", hold="gate")')
    process = project.start("up", "--yes", "--skip-preview")
    project.await_call("Create", "a")
    locked = project.up(check=False)
    assert locked.code == 1
    assert f"pid {process.pid}" in locked.err
    (project.lab / "gate").touch()
    assert project.finish(process).code == 0


def pytest_generate_tests(metafunc):
    if "seed" in metafunc.fixturenames:
        metafunc.parametrize("seed", few_at_once(range(metafunc.config.getoption("--crash-seeds"))))


@pytest.mark.crash
def test_a_killed_engine_loses_nothing(project, seed):
    project.program('for i in range(50):\n    Thing(f"t{i}", size=i)')
    process = project.start("up", "--yes", "--skip-preview", python=warm_python.executable())
    wanted = random.Random(seed).randrange(1, 50)
    while process.poll() is None and len(project.calls("Create")) < wanted:
        time.sleep(0.005)
    process.kill()
    process.communicate()
    created = {path.stem for path in project.lab.glob("t*-*.json")}
    state = project.deployment()
    known = {r["id"] for r in state.get("resources", []) if r.get("id")}
    pending = {op["resource"]["urn"].rpartition("::")[2] for op in state.get("pending_operations", [])}
    lost = {id_ for id_ in created - known if id_.rpartition("-")[0] not in pending}
    assert not lost
    project.run("cancel", "--yes")
    project.up()
    assert len([name for name in project.resources() if name.startswith("t") and name != "test-dev"]) == 50


def test_refresh_finds_drift_and_what_is_gone(project):
    project.program('a = Thing("a", size=1)\nb = Thing("b", of=a.id)\nc = Thing("c", of=b.id)')
    project.up()
    ids = {name: r.get("id") for name, r in project.resources().items()}
    (project.lab / f"{ids['b']}.json").unlink()
    record = project.lab / f"{ids['a']}.json"
    record.write_text(record.read_text().replace('"size": 1', '"size": 9').replace('"size": 1.0', '"size": 9'))
    preview = project.run("refresh", "--preview-only", "--json", check=True)
    assert preview.document["changeSummary"] == {"delete": 1, "same": 2, "update": 1}
    changed = next(s for s in preview.document["steps"] if s["op"] == "update")
    assert changed["detailedDiff"] == {"size": {"kind": "update", "inputDiff": True}}
    assert set(project.resources()) >= {"a", "b", "c"}
    project.refresh()
    resources = project.resources()
    assert "b" not in resources and resources["a"]["inputs"]["size"] == 9
    assert "dependencies" not in resources["c"]
    assert project.up().operations == ["create b", "update a", "update c"]


def test_a_refresh_that_cannot_read_keeps_what_it_knows(project):
    project.program('Thing("a", fail="read")\nThing("b")')
    project.up()
    before = project.resources()
    failed = project.refresh(check=False)
    assert failed.code == 1 and "the cloud does not answer" in failed.errors
    assert project.resources().keys() == before.keys()


def test_up_with_refresh_heals_in_one_go(project):
    project.program('Thing("a", size=1)')
    project.up()
    for path in project.lab.glob("a-*.json"):
        path.unlink()
    healed = project.up("--refresh")
    assert "create a" in healed.operations
    summary = next(event["summaryEvent"] for event in healed.events if "summaryEvent" in event)
    assert summary["resourceChanges"] == {"create": 1, "same": 1}  # What the refresh found is no change of the update.


def test_only_targeted_resources_are_refreshed(project):
    project.program('Thing("a")\nThing("b")')
    project.up()
    project.forget_calls()
    project.refresh("--target", SELF + "a")
    assert project.calls() == [("Read", "a")]


def test_up_with_refresh_goes_on_from_what_is_left(project):
    project.program('a = Thing("a")\nb = Thing("b", of=a.id)\nc = Thing("c", of=b.status)')
    project.up()
    for path in project.lab.glob("b-*.json"):
        path.unlink()
    project.program('a = Thing("a")\nc = Thing("c")')
    assert project.up("--refresh", "--continue-on-error").operations.count("update c") == 1
    assert set(project.resources()) == {"test-dev", "default", "a", "c"}
