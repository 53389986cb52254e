import asyncio
import dataclasses
import errno
import json
import os
import random
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pulumi_embedded.errors import StateError, StorageFull
from pulumi_embedded.storage import journal_file
from pulumi_embedded.storage.backend import FileBackend
from pulumi_embedded.storage.journal import Journal
from pulumi_embedded.storage.secrets import PassphraseCrypter, crypter_of
from pulumi_embedded.storage.snapshot import Operation, ResourceState, Snapshot
from pulumi_embedded.storage.stack_reference import StackReference

from .conftest import machine, snapshot_of, urn_of


def crash(backend: FileBackend, stack: StackReference, crypter: PassphraseCrypter, run: "Run") -> None:
    """Let an engine do something and die: its journal stays, its lock on the journal does not."""

    async def go() -> None:
        journal = backend.start_journal(stack, backend.load(stack, crypter_of), crypter)
        try:
            await run(journal)
        finally:
            journal.close(remove=False)

    asyncio.run(go())


Run = Callable[[Journal], Coroutine[Any, Any, None]]


def reload(backend: FileBackend, stack: StackReference) -> Snapshot:
    snapshot = backend.load(stack, crypter_of)
    assert snapshot is not None
    return snapshot


def names(snapshot: Snapshot) -> list[str]:
    return [state.urn.rpartition("::")[2] for state in snapshot.resources]


def pending(snapshot: Snapshot) -> list[tuple[str, str]]:
    return [(operation.type, operation.resource.urn.rpartition("::")[2]) for operation in snapshot.pending_operations]


# --- what each kind of step leaves ------------------------------------------------------------------------------------


def test_created_updated_and_deleted_resources_are_rebuilt(
    backend: FileBackend, stack: StackReference, crypter: PassphraseCrypter
) -> None:
    backend.save(stack, snapshot_of(machine("keep"), machine("change"), machine("drop")), crypter)

    async def run(journal: Journal) -> None:
        _, change, drop = journal.snapshot().resources
        new = machine("new", dependencies=[urn_of("keep")])
        await journal.end(await journal.begin("creating", new), new)
        changed = machine("change", outputs={"size": 2})
        await journal.end(await journal.begin("updating", changed), changed, removes=change)
        await journal.end(await journal.begin("deleting", drop), removes=drop)

    crash(backend, stack, crypter, run)
    note = backend.recover(stack)
    assert note is not None
    assert "rebuilt the state" in note
    assert "3 resources, 0 pending" in note
    snapshot = reload(backend, stack)
    assert sorted(names(snapshot)) == ["change", "keep", "new"]
    assert next(s for s in snapshot.resources if s.urn == urn_of("change")).outputs == {"size": 2}
    assert next(s for s in snapshot.resources if s.urn == urn_of("new")) == machine(
        "new", dependencies=[urn_of("keep")]
    )
    assert not backend.journal_path(stack).exists()
    assert backend.recover(stack) is None


def test_what_was_under_way_is_pending(backend: FileBackend, stack: StackReference, crypter: PassphraseCrypter) -> None:
    backend.save(stack, snapshot_of(machine("a"), machine("b")), crypter)

    async def run(journal: Journal) -> None:
        a, b = journal.snapshot().resources
        await journal.begin("creating", machine("new", id=""))
        await journal.begin("updating", machine("a", inputs={"name": "a", "size": 2}))
        await journal.begin("deleting", b)
        failed = await journal.begin("creating", machine("failed", id=""))
        await journal.fail(failed)
        assert a.inputs == {"name": "a"}

    crash(backend, stack, crypter, run)
    snapshot = reload(backend, stack)
    assert names(snapshot) == ["a", "b"]
    assert pending(snapshot) == [("creating", "new"), ("updating", "a"), ("deleting", "b")]


def test_a_replacement_that_creates_first(
    backend: FileBackend, stack: StackReference, crypter: PassphraseCrypter
) -> None:
    backend.save(stack, snapshot_of(machine("a"), machine("b", dependencies=[urn_of("a")])), crypter)

    async def run(journal: Journal) -> None:
        old = journal.snapshot().resources[0]
        new = machine("a", id="m-2")
        number = await journal.begin("creating", new)
        old.delete = True
        journal.rewrite(old)
        await journal.end(number, new)

    crash(backend, stack, crypter, run)
    snapshot = reload(backend, stack)
    assert sorted((s.id, s.delete) for s in snapshot.resources) == [("m-2", False), ("m-a", True), ("m-b", False)]
    snapshot.verify()

    async def delete(journal: Journal) -> None:
        old = next(state for state in journal.snapshot().resources if state.delete)
        await journal.end(await journal.begin("deleting", old), removes=old)

    backend.recover(stack)
    crash(backend, stack, crypter, delete)
    assert sorted((s.id, s.delete) for s in reload(backend, stack).resources) == [("m-2", False), ("m-b", False)]


def test_a_replacement_that_deletes_first(
    backend: FileBackend, stack: StackReference, crypter: PassphraseCrypter
) -> None:
    backend.save(stack, snapshot_of(machine("a")), crypter)

    async def run(journal: Journal) -> None:
        (old,) = journal.snapshot().resources
        number = await journal.begin("deleting", old)
        old.pending_replacement = True
        await journal.end(number, old, removes=old)
        await journal.begin("creating", machine("a", id=""))

    crash(backend, stack, crypter, run)
    snapshot = reload(backend, stack)
    assert [(s.id, s.pending_replacement) for s in snapshot.resources] == [("m-a", True)]
    assert pending(snapshot) == [("creating", "a")]


def test_unchanged_resources_cost_no_line_and_changed_options_do(
    backend: FileBackend, stack: StackReference, crypter: PassphraseCrypter
) -> None:
    backend.save(stack, snapshot_of(machine("a"), machine("b"), machine("c")), crypter)

    async def run(journal: Journal) -> None:
        a, b, c = journal.snapshot().resources
        same = dataclasses.replace(a, source_position="project:///elsewhere.py#9")
        journal.record(same, removes=a)
        journal.record(dataclasses.replace(b, protect=True), removes=b)
        journal.record(None, removes=c)
        same.outputs = {"done": True}
        journal.outputs(same)

    crash(backend, stack, crypter, run)
    assert len(journal_file.read(backend.journal_path(stack)).entries) == 3
    snapshot = reload(backend, stack)
    assert {s.urn: (s.protect, s.outputs.get("done")) for s in snapshot.resources} == {
        urn_of("a"): (False, True),
        urn_of("b"): (True, None),
    }


def test_interrupted_creates_stay_until_they_are_resolved(
    backend: FileBackend, stack: StackReference, crypter: PassphraseCrypter
) -> None:
    snapshot = snapshot_of(machine("a"))
    snapshot.pending_operations = [Operation(machine(n, id=""), "creating") for n in ("x", "y")]
    snapshot.pending_operations.append(Operation(machine("a"), "updating"))
    backend.save(stack, snapshot, crypter)

    async def run(journal: Journal) -> None:
        journal.resolve(urn_of("x"))

    crash(backend, stack, crypter, run)
    assert pending(reload(backend, stack)) == [("creating", "y")]


def test_a_rename_with_an_alias_takes_dependents_along(
    backend: FileBackend, stack: StackReference, crypter: PassphraseCrypter
) -> None:
    component = ResourceState(urn="urn:pulumi:dev::fleet::lab:index:Pair::p", type="lab:index:Pair")
    child_urn = "urn:pulumi:dev::fleet::lab:index:Pair$lab:index:Machine::child"
    child = ResourceState(urn=child_urn, type="lab:index:Machine", custom=True, id="c", parent=component.urn)
    dependent = machine("d", dependencies=[child_urn], deleted_with=component.urn)
    backend.save(stack, snapshot_of(component, child, dependent), crypter)
    renamed = "urn:pulumi:dev::fleet::lab:index:Duo::p"

    async def run(journal: Journal) -> None:
        old = journal.snapshot().resources[0]
        new = dataclasses.replace(old, urn=renamed, type="lab:index:Duo", aliases=[component.urn])
        journal.record(new, removes=old)

    crash(backend, stack, crypter, run)
    snapshot = reload(backend, stack)
    new_child = "urn:pulumi:dev::fleet::lab:index:Duo$lab:index:Machine::child"
    assert [(s.urn, s.parent, s.dependencies, s.deleted_with, s.aliases) for s in snapshot.resources] == [
        (renamed, "", [], "", []),
        (new_child, renamed, [], "", []),
        (urn_of("d"), "", [new_child], renamed, []),
    ]


def test_what_depends_on_something_gone_stays_without_the_dependency(
    backend: FileBackend, stack: StackReference, crypter: PassphraseCrypter
) -> None:
    gone = urn_of("gone")
    dependent = machine("d", dependencies=[gone, urn_of("a")], property_dependencies={"x": [gone], "y": [urn_of("a")]})
    backend.save(stack, snapshot_of(machine("gone"), machine("a"), dependent), crypter)

    async def run(journal: Journal) -> None:
        journal.record(None, removes=journal.snapshot().resources[0])

    crash(backend, stack, crypter, run)
    state = reload(backend, stack).resources[-1]
    assert state.dependencies == [urn_of("a")]
    assert state.property_dependencies == {"x": [], "y": [urn_of("a")]}


def test_the_snapshot_of_a_run_is_what_its_journal_rebuilds(
    backend: FileBackend, stack: StackReference, crypter: PassphraseCrypter
) -> None:
    backend.save(stack, snapshot_of(machine("a"), machine("b")), crypter)
    live: list[Snapshot] = []

    async def run(journal: Journal) -> None:
        a, b = journal.snapshot().resources
        new = machine("new")
        await journal.end(await journal.begin("creating", new), new)
        # `a` now depends on something newer than itself.
        changed = machine("a", dependencies=[urn_of("new")])
        await journal.end(await journal.begin("updating", changed), changed, removes=a)
        await journal.begin("deleting", b)
        live.append(journal.snapshot())

    crash(backend, stack, crypter, run)
    rebuilt = reload(backend, stack)
    live[0].verify()
    key = lambda state: state.urn  # noqa: E731
    assert sorted(rebuilt.resources, key=key) == sorted(live[0].resources, key=key)
    assert rebuilt.pending_operations == live[0].pending_operations


# --- ends of a run ----------------------------------------------------------------------------------------------------


def test_a_run_that_ends_well_leaves_a_checkpoint_and_no_journal(
    backend: FileBackend, stack: StackReference, crypter: PassphraseCrypter
) -> None:
    async def go() -> None:
        journal = backend.start_journal(stack, None, crypter)
        new = machine("a")
        await journal.end(await journal.begin("creating", new), new)
        backend.finish(stack, journal, crypter)

    asyncio.run(go())
    assert not backend.journal_path(stack).exists()
    assert names(reload(backend, stack)) == ["a"]
    assert backend.recover(stack) is None


def test_a_journal_whose_checkpoint_was_written_is_dropped(
    backend: FileBackend, stack: StackReference, crypter: PassphraseCrypter, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def run(journal: Journal) -> None:
        new = machine("a")
        await journal.end(await journal.begin("creating", new), new)
        with monkeypatch.context() as patch:
            patch.setattr(journal, "close", lambda *, remove: None)  # the engine dies between write and removal
            backend.finish(stack, journal, crypter)

    crash(backend, stack, crypter, run)
    assert backend.journal_path(stack).exists()
    assert names(reload(backend, stack)) == ["a"]
    assert backend.recover(stack) is None
    assert not backend.journal_path(stack).exists()
    assert names(reload(backend, stack)) == ["a"]


def test_a_checkpoint_that_cannot_be_written_is_rebuilt_later(
    backend: FileBackend, stack: StackReference, crypter: PassphraseCrypter, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def go() -> None:
        journal = backend.start_journal(stack, None, crypter)
        new = machine("a")
        await journal.end(await journal.begin("creating", new), new)

        def refuse(*_: Any) -> None:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

        monkeypatch.setattr(os, "replace", refuse)
        backend.finish(stack, journal, crypter)

    with monkeypatch.context() as monkeypatch, pytest.raises(StorageFull):
        asyncio.run(go())
    assert names(reload(backend, stack)) == ["a"]
    assert "1 resources" in (backend.recover(stack) or "")
    assert names(reload(backend, stack)) == ["a"]


def test_a_running_engine_is_not_recovered_from_but_its_work_is_seen(
    backend: FileBackend, stack: StackReference, crypter: PassphraseCrypter
) -> None:
    async def go() -> None:
        journal = backend.start_journal(stack, None, crypter)
        new = machine("a")
        await journal.end(await journal.begin("creating", new), new)
        await journal.begin("creating", machine("b", id=""))
        assert backend.recover(stack) is None
        assert backend.journal_path(stack).exists()
        seen = reload(backend, stack)
        assert (names(seen), pending(seen)) == (["a"], [("creating", "b")])
        assert backend.export(stack)["deployment"]["resources"][0]["id"] == "m-a"
        journal.close(remove=True)

    asyncio.run(go())


def test_nothing_is_recovered_while_another_engine_holds_the_stack(
    backend: FileBackend, stack: StackReference, crypter: PassphraseCrypter
) -> None:
    async def run(journal: Journal) -> None:
        new = machine("a")
        await journal.end(await journal.begin("creating", new), new)

    crash(backend, stack, crypter, run)
    folder = backend.folder / ".pulumi/locks/organization/fleet/dev"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "x.json").write_text('{"pid": 1, "hostname": "elsewhere"}')
    assert backend.recover(stack) is None
    assert backend.journal_path(stack).exists()
    backend.cancel(stack)
    assert backend.recover(stack) is not None


def test_a_state_that_another_engine_wrote_stands_and_learns_what_it_lacks(
    backend: FileBackend, stack: StackReference, crypter: PassphraseCrypter
) -> None:
    backend.save(stack, snapshot_of(machine("a")), crypter)

    async def run(journal: Journal) -> None:
        for name in ("made", "known"):
            new = machine(name)
            await journal.end(await journal.begin("creating", new), new)
        await journal.begin("creating", machine("half", id=""))

    crash(backend, stack, crypter, run)
    journal = backend.journal_path(stack).read_bytes()
    backend.journal_path(stack).unlink()
    backend.save(stack, snapshot_of(machine("other"), machine("known")), crypter)
    backend.journal_path(stack).write_bytes(journal)
    note = backend.recover(stack)
    assert note is not None
    assert "2 resources that are not in the state" in note
    snapshot = reload(backend, stack)
    assert names(snapshot) == ["other", "known"]
    assert pending(snapshot) == [("creating", "made"), ("creating", "half")]
    assert snapshot.pending_operations[0].resource.id == "m-made"


def test_a_state_under_another_key_is_rewritten_before_its_run(
    backend: FileBackend, stack: StackReference, passphrase: str
) -> None:
    old, new = PassphraseCrypter.create(passphrase), PassphraseCrypter.create(passphrase)
    backend.save(stack, snapshot_of(machine("a")), old)

    async def run(journal: Journal) -> None:
        state = machine("b")
        await journal.end(await journal.begin("creating", state), state)

    crash(backend, stack, new, run)
    snapshot = reload(backend, stack)
    assert snapshot.secrets_providers is not None
    assert snapshot.secrets_providers.state == new.provider_state
    assert {s.urn: s.outputs for s in snapshot.resources} == {
        urn_of("a"): machine("a").outputs,
        urn_of("b"): machine("b").outputs,
    }


def test_rebuilding_needs_no_passphrase_and_the_journal_shows_no_secret(
    backend: FileBackend, stack: StackReference, crypter: PassphraseCrypter, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def run(journal: Journal) -> None:
        new = machine("a")
        await journal.end(await journal.begin("creating", new), new)

    crash(backend, stack, crypter, run)
    assert b"key of a" not in backend.journal_path(stack).read_bytes()
    assert backend.journal_path(stack).stat().st_mode & 0o777 == 0o600
    with monkeypatch.context() as patch:
        patch.delenv("PULUMI_CONFIG_PASSPHRASE")
        assert backend.recover(stack)
    assert reload(backend, stack).resources == [machine("a")]


def test_without_a_passphrase_a_secret_result_is_refused_before_it_is_made_or_stays_pending(
    backend: FileBackend, stack: StackReference
) -> None:
    async def go() -> None:
        journal = backend.start_journal(stack, None, None)
        with pytest.raises(StateError, match="PULUMI_CONFIG_PASSPHRASE"):
            await journal.begin("creating", machine("a", outputs={}, additional_secret_outputs=["key"]))
        surprising = machine("b")
        number = await journal.begin("creating", machine("b", id="", outputs={}))
        with pytest.raises(StateError, match="PULUMI_CONFIG_PASSPHRASE"):
            await journal.end(number, surprising)
        backend.finish(stack, journal, None)

    asyncio.run(go())
    snapshot = reload(backend, stack)
    assert (names(snapshot), pending(snapshot)) == ([], [("creating", "b")])


# --- damage -----------------------------------------------------------------------------------------------------------


@dataclass
class Model:
    """What a run promised after each of its writes: file size, ids that must be known, URNs that must be pending."""

    promises: list[tuple[int, set[str], set[str], set[str]]] = field(
        default_factory=list[tuple[int, set[str], set[str], set[str]]]
    )


async def wander(journal: Journal, path: Path, chance: random.Random, steps: int, model: Model) -> None:
    alive = {state.id: state for state in journal.snapshot().resources}
    gone: set[str] = set()
    under_way: set[str] = set()

    def promise() -> None:
        size = len(path.read_bytes().rstrip(b"\0"))
        model.promises.append((size, set(alive), set(under_way), set(gone)))

    for number in range(steps):
        kind = chance.choice(["create", "create", "update", "delete", "replace", "fail"])
        if kind in ("create", "fail") or not alive:
            needed = chance.sample(sorted(s.urn for s in alive.values()), min(len(alive), chance.randrange(3)))
            state = machine(f"r{number}", dependencies=needed)
            begun = await journal.begin("creating", dataclasses.replace(state, id=""))
            under_way.add(state.urn)
            promise()
            if kind == "fail":
                await journal.fail(begun)
            else:
                await journal.end(begun, state)
                alive[state.id] = state
            under_way.discard(state.urn)
        else:
            old = alive[chance.choice(sorted(alive))]
            if kind == "delete":
                begun = await journal.begin("deleting", old)
                promise()
                await journal.end(begun, removes=old)
            else:
                new = machine(old.urn.rpartition("::")[2], id=old.id, outputs={"step": number})
                new.dependencies = old.dependencies
                if kind == "replace":
                    new.id = f"m-again-{number}"
                begun = await journal.begin("updating" if kind == "update" else "creating", new)
                promise()
                await journal.end(begun, new, removes=old)
                alive[new.id] = new
            if kind != "update":
                del alive[old.id]
                gone.add(old.id)
        promise()


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 2**32), steps=st.integers(1, 8), data=st.data())
def test_cut_off_anywhere_a_journal_loses_nothing(
    seed: int, steps: int, data: st.DataObject, tmp_path_factory: pytest.TempPathFactory, crypter: PassphraseCrypter
) -> None:
    backend, stack = FileBackend(tmp_path_factory.mktemp("state")), StackReference("fleet", "dev")
    backend.create(stack)
    backend.save(stack, snapshot_of(machine("base"), machine("second", dependencies=[urn_of("base")])), crypter)
    path, model = backend.journal_path(stack), Model()
    crash(backend, stack, crypter, lambda journal: wander(journal, path, random.Random(seed), steps, model))
    whole = path.read_bytes().rstrip(b"\0")
    cuts = {promise[0] for promise in model.promises} | {data.draw(st.integers(0, len(whole))) for _ in range(5)}
    for cut in sorted(cuts):
        filling = data.draw(st.sampled_from([b"", b"\0" * 100, b"garbage", b"\n0000 torn"]))
        path.write_bytes(whole[:cut] + filling)
        snapshot = reload(backend, stack)
        snapshot.verify()
        kept = [promise for promise in model.promises if promise[0] <= cut]
        if kept:
            size, alive, under_way, gone = kept[-1]
            operations = snapshot.pending_operations
            known = {s.id for s in snapshot.resources} | {op.resource.id for op in operations}
            # Between this promise and the cut, something may have ended already.
            ended = {id_ for promise in model.promises if promise[0] > cut for id_ in promise[3]}
            assert alive - known <= ended
            assert cut > size or under_way <= {op.resource.urn for op in operations}
            assert not gone & {s.id for s in snapshot.resources}


def test_a_torn_tail_is_noted(backend: FileBackend, stack: StackReference, crypter: PassphraseCrypter) -> None:
    async def run(journal: Journal) -> None:
        for name in "ab":
            state = machine(name)
            await journal.end(await journal.begin("creating", state), state)

    crash(backend, stack, crypter, run)
    path = backend.journal_path(stack)
    path.write_bytes(path.read_bytes().rstrip(b"\0")[:-20])
    note = backend.recover(stack)
    assert note is not None
    assert note.endswith("1 resources, 1 pending operations; its last line was cut off")
    assert pending(reload(backend, stack)) == [("creating", "b")]


@pytest.mark.parametrize("damage", ["flip", "drop", "blank"])
def test_a_damaged_middle_is_refused_by_name(
    backend: FileBackend, stack: StackReference, crypter: PassphraseCrypter, damage: str
) -> None:
    async def run(journal: Journal) -> None:
        for name in "ab":
            state = machine(name)
            await journal.end(await journal.begin("creating", state), state)

    crash(backend, stack, crypter, run)
    path = backend.journal_path(stack)
    lines = path.read_bytes().rstrip(b"\0").split(b"\n")
    lines[2] = {"flip": lines[2].replace(b"m-a", b"m-z"), "drop": b"", "blank": b"\0" * len(lines[2])}[damage]
    damaged = b"\n".join(lines)
    path.write_bytes(damaged)
    for attempt in (lambda: backend.recover(stack), lambda: backend.load(stack, crypter_of)):
        with pytest.raises(StateError, match=r"dev\.journal: damaged in batch 3 of 5; .*Move the file away"):
            attempt()
    assert path.read_bytes() == damaged


def test_a_journal_that_never_began_is_nothing(
    backend: FileBackend, stack: StackReference, crypter: PassphraseCrypter
) -> None:
    backend.save(stack, snapshot_of(machine("a")), crypter)
    for content in (b"", b"\0" * 4096, b"12345678 1 0/1 {"):
        backend.journal_path(stack).write_bytes(content)
        assert names(reload(backend, stack)) == ["a"]
        assert backend.recover(stack) is None
        assert not backend.journal_path(stack).exists()


# --- full disks, and how much is written ------------------------------------------------------------------------------


def test_a_run_does_not_begin_without_room_for_its_first_steps(
    backend: FileBackend, stack: StackReference, crypter: PassphraseCrypter, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: Any) -> None:
        raise OSError(errno.EFBIG, os.strerror(errno.EFBIG))

    with monkeypatch.context() as patch:
        patch.setattr(os, "posix_fallocate", refuse)
        with pytest.raises(StorageFull, match=r"cannot write .*dev\.journal"):
            backend.start_journal(stack, None, crypter)
    # Nothing is left that could not be read back.
    assert not backend.journal_path(stack).exists()
    assert backend.recover(stack) is None


def test_a_step_does_not_begin_when_its_intention_cannot_be_written(
    backend: FileBackend, stack: StackReference, crypter: PassphraseCrypter, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def run(journal: Journal) -> None:
        first = machine("first")
        number = await journal.begin("creating", first)

        def refuse(*_: Any) -> None:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

        with monkeypatch.context() as patch:
            patch.setattr(os, "posix_fallocate", refuse)
            with pytest.raises(StorageFull, match=r"cannot write .*dev\.journal"):
                for index in range(200):
                    await journal.begin("creating", machine(f"r{index}", id=""))
            # What is under way still has room for its result.
            await journal.end(number, first)
        await journal.begin("creating", machine("later", id=""))

    crash(backend, stack, crypter, run)
    snapshot = reload(backend, stack)
    assert names(snapshot) == ["first"]
    begun = [name for _, name in pending(snapshot)]
    assert begun[-1] == "later"
    assert begun[:-1] == [f"r{index}" for index in range(len(begun) - 1)]


def test_a_write_that_fails_is_not_there_later(
    backend: FileBackend, stack: StackReference, crypter: PassphraseCrypter, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def run(journal: Journal) -> None:
        await journal.begin("creating", machine("a", id=""))

        def refuse(_: int) -> None:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

        with monkeypatch.context() as patch:
            patch.setattr(os, "fsync", refuse)
            with pytest.raises(StorageFull):
                await journal.begin("creating", machine("b", id=""))
        # Nobody knows what the disk holds after a failed sync, so nothing goes on.
        with pytest.raises(StorageFull):
            await journal.begin("creating", machine("c", id=""))

    crash(backend, stack, crypter, run)
    assert pending(reload(backend, stack)) == [("creating", "a")]


def test_a_disk_that_is_really_full_refuses_new_steps_and_keeps_results(
    tmp_path: Path, stack: StackReference, crypter: PassphraseCrypter
) -> None:
    mount = ["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", str(tmp_path)]
    if os.geteuid() != 0 or subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("mounting a small tmpfs needs root")
    try:
        backend = FileBackend(tmp_path / "state")
        backend.create(stack)
        started: list[tuple[int, ResourceState]] = []

        async def run(journal: Journal) -> None:
            with pytest.raises(StorageFull, match="No space left on device"):
                for index in range(1000):
                    state = machine(f"r{index}")
                    started.append((await journal.begin("creating", state), state))
            (tmp_path / "hog").write_bytes(b"x" * 64)
            for number, state in started:
                await journal.end(number, state)

        crash(backend, stack, crypter, run)
        assert len(started) > 10
        (tmp_path / "hog").unlink()
        snapshot = reload(backend, stack)
        assert {s.id for s in snapshot.resources} == {state.id for _, state in started}
        assert snapshot.pending_operations == []
    finally:
        subprocess.run(["umount", str(tmp_path)], check=True)


def test_many_steps_at_once_share_their_syncs(
    backend: FileBackend, stack: StackReference, crypter: PassphraseCrypter, monkeypatch: pytest.MonkeyPatch
) -> None:
    syncs = 0
    real = os.fsync

    def slow(descriptor: int) -> None:
        nonlocal syncs
        syncs += 1
        time.sleep(0.02)
        real(descriptor)

    async def run(journal: Journal) -> None:
        async def step(index: int) -> None:
            state = machine(f"r{index}")
            await journal.end(await journal.begin("creating", state), state)

        monkeypatch.setattr(os, "fsync", slow)
        await asyncio.gather(*(step(index) for index in range(200)))
        monkeypatch.setattr(os, "fsync", real)

    crash(backend, stack, crypter, run)
    assert 2 <= syncs < 40
    assert len(reload(backend, stack).resources) == 200


def test_a_step_writes_the_same_in_a_stack_of_any_size(
    backend: FileBackend, stack: StackReference, crypter: PassphraseCrypter
) -> None:
    written: list[int] = []

    async def run(journal: Journal) -> None:
        state = machine("new")
        await journal.end(await journal.begin("creating", state), state)

    for count in (1, 500):
        backend.save(stack, snapshot_of(*(machine(f"r{index}") for index in range(count))), crypter)
        crash(backend, stack, crypter, run)
        written.append(len(backend.journal_path(stack).read_bytes().rstrip(b"\0")))
        backend.journal_path(stack).unlink()
    assert abs(written[0] - written[1]) < 64


# --- a real death -----------------------------------------------------------------------------------------------------

VICTIM = """
    import asyncio, os, sys
    from pathlib import Path
    from pulumi_embedded.storage.backend import FileBackend
    from pulumi_embedded.storage.snapshot import ResourceState
    from pulumi_embedded.storage.secrets import PassphraseCrypter, crypter_of
    from pulumi_embedded.storage.stack_reference import StackReference
    from pulumi_embedded.values import Secret

    backend, stack = FileBackend(Path(sys.argv[1])), StackReference("fleet", "dev")
    crypter = PassphraseCrypter.unlock(sys.argv[2], os.environ["PULUMI_CONFIG_PASSPHRASE"])

    async def main():
        with backend.lock(stack):
            journal = backend.start_journal(stack, backend.load(stack, crypter_of), crypter)
            made = os.open(sys.argv[3], os.O_WRONLY | os.O_APPEND)

            async def step(index):
                urn = f"urn:pulumi:dev::fleet::lab:index:Machine::r{index}"
                outputs = {"k": Secret("s")}
                state = ResourceState(urn, "lab:index:Machine", custom=True, id=f"m-{index}", outputs=outputs)
                number = await journal.begin("creating", state)
                os.write(made, b"%d\\n" % index)  # the cloud has it now
                await asyncio.sleep(0)
                await journal.end(number, state)

            for first in range(0, 4000, 20):
                await asyncio.gather(*(step(index) for index in range(first, first + 20)))
            backend.finish(stack, journal, crypter)

    asyncio.run(main())
"""


@pytest.mark.parametrize("seed", range(6))
def test_after_kill_9_every_created_resource_is_known(
    backend: FileBackend, stack: StackReference, crypter: PassphraseCrypter, tmp_path: Path, seed: int
) -> None:
    backend.save(stack, snapshot_of(machine("base")), crypter)
    cloud = tmp_path / "cloud"
    cloud.touch()
    arguments = [str(backend.folder), crypter.salt_state, str(cloud)]
    victim = subprocess.Popen([sys.executable, "-c", textwrap.dedent(VICTIM), *arguments])
    wanted = random.Random(seed).randrange(1, 2000)
    while cloud.stat().st_size < wanted and victim.poll() is None:
        time.sleep(0.001)
    victim.send_signal(signal.SIGKILL)
    assert victim.wait() == -signal.SIGKILL
    assert backend.recover(stack)
    assert backend.locks(stack)[0].owner_is_dead
    snapshot = reload(backend, stack)
    snapshot.verify()
    known = {s.urn for s in snapshot.resources} | {op.resource.urn for op in snapshot.pending_operations}
    made = [int(line) for line in cloud.read_text().split()]
    assert made
    assert {urn_of(f"r{index}") for index in made} | {urn_of("base")} <= known
    json.dumps(backend.export(stack))
