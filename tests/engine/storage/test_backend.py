import errno
import gzip
import json
import os
import socket
import stat
import subprocess
import sys
import uuid
from pathlib import Path
from typing import Any

import pytest
from pulumi_embedded.errors import LockedError, ProjectError, StateError, StorageFull
from pulumi_embedded.storage.backend import FileBackend
from pulumi_embedded.storage.checkpoint import dump_deployment
from pulumi_embedded.storage.history import Update
from pulumi_embedded.storage.secrets import PassphraseCrypter, crypter_of
from pulumi_embedded.storage.snapshot import Operation
from pulumi_embedded.storage.stack_reference import StackReference, backend_folder

from .conftest import machine, snapshot_of

# --- layout -----------------------------------------------------------------------------------------------------------


def test_a_new_stack_has_the_clis_layout(backend: FileBackend, stack: StackReference) -> None:
    root = backend.folder / ".pulumi"
    assert (root / "meta.yaml").read_text() == "version: 1\n"
    document = json.loads((root / "stacks" / "fleet" / "dev.json").read_bytes())
    assert document == {"version": 3, "checkpoint": {"stack": "organization/fleet/dev"}}
    assert backend.load(stack, crypter_of) is None


def test_nothing_is_written_before_the_first_stack(tmp_path: Path) -> None:
    backend = FileBackend(tmp_path / "state")
    assert backend.stacks() == []
    assert not backend.folder.exists()


def test_everything_is_private(backend: FileBackend, stack: StackReference, crypter: PassphraseCrypter) -> None:
    for name in "ab":
        backend.save(stack, snapshot_of(machine(name)), crypter)
    backend.record(stack, Update("update", 1, 2, "succeeded", {}, {"create": 1}))
    with backend.lock(stack) as lock:
        modes = {path: stat.S_IMODE(path.stat().st_mode) for path in (backend.folder, *backend.folder.rglob("*"))}
        assert lock in modes
    assert {mode for path, mode in modes.items() if path.is_dir()} == {0o700}
    assert {mode for path, mode in modes.items() if path.is_file()} == {0o600}


def test_the_checkpoint_before_is_kept(backend: FileBackend, stack: StackReference, crypter: PassphraseCrypter) -> None:
    backend.save(stack, snapshot_of(machine("first")), crypter)
    first = backend.checkpoint_path(stack).read_bytes()
    backend.save(stack, snapshot_of(machine("second")), crypter)
    assert Path(f"{backend.checkpoint_path(stack)}.bak").read_bytes() == first
    loaded = backend.load(stack, crypter_of)
    assert loaded is not None
    assert [state.id for state in loaded.resources] == ["m-second"]


def test_a_stale_checksum_of_the_cli_is_removed(
    backend: FileBackend, stack: StackReference, crypter: PassphraseCrypter
) -> None:
    attributes = Path(f"{backend.checkpoint_path(stack)}.attrs")
    attributes.write_text('{"md5": "…"}')
    backend.save(stack, snapshot_of(), crypter)
    assert not attributes.exists()


def test_a_compressed_checkpoint_is_read_and_stays_compressed(
    backend: FileBackend, stack: StackReference, crypter: PassphraseCrypter
) -> None:
    backend.save(stack, snapshot_of(machine("a")), crypter)
    plain = backend.checkpoint_path(stack)
    packed = plain.with_name("dev.json.gz")
    packed.write_bytes(gzip.compress(plain.read_bytes()))
    plain.unlink()
    assert backend.stacks() == [stack]
    backend.save(stack, snapshot_of(machine("b")), crypter)
    assert not plain.exists()
    assert b"m-b" in gzip.decompress(packed.read_bytes())


@pytest.mark.parametrize("meta", ["version: 0", "version: 2", "nothing: here", "{"])
def test_another_layout_is_refused_by_name(tmp_path: Path, meta: str) -> None:
    (tmp_path / ".pulumi").mkdir()
    (tmp_path / ".pulumi" / "meta.yaml").write_text(meta)
    with pytest.raises((StateError, ProjectError), match=r"meta\.yaml"):
        FileBackend(tmp_path)


def test_a_layout_without_projects_is_refused_with_what_to_do(tmp_path: Path) -> None:
    (tmp_path / ".pulumi" / "stacks").mkdir(parents=True)
    (tmp_path / ".pulumi" / "stacks" / "dev.json").write_text("{}")
    with pytest.raises(StateError, match="pulumi state upgrade"):
        FileBackend(tmp_path)


def test_stacks_are_listed_by_project_without_backups_and_journals(backend: FileBackend) -> None:
    other = StackReference("other", "prod.eu")
    backend.create(other)
    folder = backend.checkpoint_path(other).parent
    for name in ("prod.eu.json.bak", "prod.eu.journal", "prod.eu.json.attrs", "prod.eu.pulumi-tags"):
        (folder / name).write_text("")
    assert backend.stacks() == [StackReference("fleet", "dev"), other]
    assert backend.stacks("other") == [other]


@pytest.mark.parametrize("text", ["", "a/b/c/d", "acme/dev", "a b", "../x", "x" * 101, "..", "organization/../dev"])
def test_stack_names_that_are_no_names_are_refused(text: str) -> None:
    with pytest.raises(ProjectError):
        StackReference.parse(text, "fleet")


def test_stack_names_are_understood_as_by_the_cli() -> None:
    dev = StackReference("fleet", "dev")
    assert StackReference.parse("dev", "fleet") == StackReference.parse("organization/dev", "fleet") == dev
    assert StackReference.parse("organization/other/dev", "fleet") == StackReference("other", "dev")
    assert dev.qualified_name == "organization/fleet/dev"


def test_the_backend_is_found_where_the_cli_finds_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    assert backend_folder(tmp_path / "p", None, {}) == tmp_path / "p" / ".pulumi-state"
    assert backend_folder(tmp_path / "p", "file://state", {}) == tmp_path / "state"
    url = {"PULUMI_BACKEND_URL": "file:///srv/a%20b?no_tmp_dir=true"}
    assert backend_folder(tmp_path, "file://x", url) == Path("/srv/a b")
    assert backend_folder(tmp_path, "file://~/x", {}) == tmp_path / "home" / "x"
    with pytest.raises(ProjectError, match=r"s3://… needs the Pulumi CLI"):
        backend_folder(tmp_path, None, {"PULUMI_BACKEND_URL": "s3://user:password@bucket"})


# --- stacks -----------------------------------------------------------------------------------------------------------


def test_a_stack_is_made_once(backend: FileBackend, stack: StackReference) -> None:
    with pytest.raises(StateError, match="already exists"):
        backend.create(stack)


def test_a_stack_with_resources_is_removed_only_by_force(
    backend: FileBackend, stack: StackReference, crypter: PassphraseCrypter
) -> None:
    backend.save(stack, snapshot_of(machine("a")), crypter)
    backend.record(stack, Update("update", 1, 2, "succeeded", {}, {}))
    with pytest.raises(StateError, match=r"still has 1 resources.*--force"):
        backend.remove(stack)
    backend.remove(stack, force=True)
    assert not backend.exists(stack)
    assert backend.stacks() == []
    assert Path(f"{backend.checkpoint_path(stack)}.bak").exists()
    assert list(backend.history(stack)) == []
    with pytest.raises(StateError, match="stack init dev"):
        backend.load(stack, crypter_of)


def test_a_stack_with_interrupted_creates_is_removed_only_by_force(
    backend: FileBackend, stack: StackReference, crypter: PassphraseCrypter
) -> None:
    snapshot = snapshot_of()
    snapshot.pending_operations = [Operation(machine("a", id=""), "creating")]
    backend.save(stack, snapshot, crypter)
    with pytest.raises(
        StateError, match=r"interrupted creates, whose resources may still run: urn:.*::a\. Run `pulumi-embedded up`"
    ):
        backend.remove(stack)
    backend.remove(stack, force=True)
    assert not backend.exists(stack)


def test_export_and_import(backend: FileBackend, stack: StackReference, crypter: PassphraseCrypter) -> None:
    backend.save(stack, snapshot_of(machine("a")), crypter)
    exported = backend.export(stack)
    assert "key of a" not in json.dumps(exported)
    backend.save(stack, snapshot_of(), crypter)
    backend.import_deployment(stack, exported, crypter_of)
    assert backend.export(stack) == exported


def test_an_import_that_does_not_fit_changes_nothing(
    backend: FileBackend, stack: StackReference, crypter: PassphraseCrypter
) -> None:
    backend.save(stack, snapshot_of(machine("a")), crypter)
    before = backend.checkpoint_path(stack).read_bytes()
    dangling = dump_deployment(snapshot_of(machine("b", parent="urn:pulumi:dev::fleet::x::x")), crypter)
    with pytest.raises(StateError, match="is missing"):
        backend.import_deployment(stack, dangling, crypter_of)
    other = StackReference("fleet", "other")
    backend.create(other)
    with pytest.raises(StateError, match="belongs to another stack"):
        backend.import_deployment(other, backend.export(stack), crypter_of)
    assert backend.checkpoint_path(stack).read_bytes() == before


def test_a_damaged_checkpoint_points_at_its_backup(backend: FileBackend, stack: StackReference) -> None:
    backend.checkpoint_path(stack).write_bytes(b'{"version": 3, "checkp')
    with pytest.raises(StateError, match=r"dev\.json: damaged.*dev\.json\.bak"):
        backend.load(stack, crypter_of)


def test_history_is_newest_first_with_a_checkpoint_for_each_update(
    backend: FileBackend, stack: StackReference, crypter: PassphraseCrypter
) -> None:
    for number in range(3):
        backend.save(stack, snapshot_of(machine(f"r{number}")), crypter)
        backend.record(stack, Update("update", number, number + 1, "succeeded", {"a:b": "c"}, {"create": 1}))
    entries = list(backend.history(stack))
    assert [entry["startTime"] for entry in entries] == [2, 1, 0]
    assert entries[0]["config"] == {"a:b": "c"}
    root = backend.folder / ".pulumi"
    checkpoints = sorted((root / "history" / "fleet" / "dev").glob("*.checkpoint.json"))
    assert [b"m-r%d" % number in path.read_bytes() for number, path in enumerate(checkpoints)] == [True] * 3
    assert len(list((root / "backups" / "fleet" / "dev").iterdir())) == 3


# --- locks ------------------------------------------------------------------------------------------------------------


def write_lock(backend: FileBackend, **content: Any) -> Path:
    folder = backend.folder / ".pulumi" / "locks" / "organization" / "fleet" / "dev"
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{uuid.uuid4()}.json"
    defaults = {
        "pid": os.getppid(),
        "username": "ann",
        "hostname": socket.gethostname(),
        "timestamp": "2100-01-01T00:00:00.123456789+02:00",
    }
    path.write_text(json.dumps(defaults | content))
    return path


def test_a_lock_has_the_clis_format_and_goes_away(backend: FileBackend, stack: StackReference) -> None:
    with backend.lock(stack) as path:
        assert path.parent == backend.folder / ".pulumi" / "locks" / "organization" / "fleet" / "dev"
        assert uuid.UUID(path.stem)
        content = json.loads(path.read_bytes())
        assert content["pid"] == os.getpid()
        assert content["hostname"] == socket.gethostname()
        assert content.keys() == {"pid", "username", "hostname", "timestamp"}
    assert not path.exists()


def test_a_locked_stack_names_the_owner_and_the_way_out(backend: FileBackend, stack: StackReference) -> None:
    write_lock(backend, hostname="elsewhere", pid=4711, timestamp="2020-01-01T00:00:00Z")
    with pytest.raises(LockedError) as caught, backend.lock(stack):
        raise AssertionError("entered")
    message = str(caught.value)
    assert "ann@elsewhere (pid 4711, for " in message
    assert "wait for it to end" in message
    assert "`pulumi-embedded cancel --stack dev`" in message
    assert "no longer runs" not in message
    assert "\n" not in message


def test_the_lock_of_a_dead_process_on_this_machine_says_so_and_still_holds(
    backend: FileBackend, stack: StackReference
) -> None:
    dead = subprocess.Popen([sys.executable, "-c", ""])
    dead.wait()
    path = write_lock(backend, pid=dead.pid)
    with (
        pytest.raises(LockedError, match=r"no longer runs\); remove the lock with `pulumi-embedded cancel"),
        backend.lock(stack),
    ):
        raise AssertionError("entered")
    assert path.exists()
    assert [lock.pid for lock in backend.cancel(stack)] == [dead.pid]
    with backend.lock(stack):
        pass


def test_a_process_that_was_given_the_number_of_a_dead_one_is_not_the_owner(
    backend: FileBackend, stack: StackReference
) -> None:
    write_lock(backend, pid=os.getpid(), timestamp="2001-01-01T00:00:00Z")
    with pytest.raises(LockedError, match="no longer runs"), backend.lock(stack):
        raise AssertionError("entered")


def test_a_living_owner_is_not_called_dead(backend: FileBackend, stack: StackReference) -> None:
    write_lock(backend, pid=os.getpid())
    with pytest.raises(LockedError, match="wait for it"), backend.lock(stack):
        raise AssertionError("entered")


@pytest.mark.parametrize("content", ["", "{", "[]", '{"pid": "x"}'])
def test_an_unreadable_lock_is_a_lock(backend: FileBackend, stack: StackReference, content: str) -> None:
    write_lock(backend).write_text(content)
    with pytest.raises(LockedError, match="unknown@unknown"), backend.lock(stack):
        raise AssertionError("entered")


def test_the_stack_is_locked_while_it_is_locked(backend: FileBackend, stack: StackReference) -> None:
    with backend.lock(stack):
        for change in (
            lambda: backend.remove(stack),
            lambda: backend.import_deployment(stack, {"version": 3, "deployment": {}}, crypter_of),
            lambda: backend.lock(stack).__enter__(),
        ):
            with pytest.raises(LockedError):
                change()
    assert backend.locks(stack) == []


def test_of_two_that_come_together_none_goes_on_with_the_other(
    backend: FileBackend, stack: StackReference, monkeypatch: pytest.MonkeyPatch
) -> None:
    from pulumi_embedded.storage import locks

    write = locks.write_atomically

    def write_with_company(path: Path, data: bytes) -> None:
        write(path, data)
        write_lock(backend)

    monkeypatch.setattr(locks, "write_atomically", write_with_company)
    with pytest.raises(LockedError), backend.lock(stack):
        raise AssertionError("entered")
    assert [lock.username for lock in backend.locks(stack)] == ["ann"]


# --- full disks -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("call", ["write", "fsync", "replace", "open"])
@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EDQUOT, errno.EROFS])
def test_a_disk_that_refuses_leaves_the_old_state(
    backend: FileBackend,
    stack: StackReference,
    crypter: PassphraseCrypter,
    monkeypatch: pytest.MonkeyPatch,
    call: str,
    code: int,
) -> None:
    backend.save(stack, snapshot_of(machine("old")), crypter)
    path = backend.checkpoint_path(stack)
    before = path.read_bytes()
    real = getattr(os, call)

    def refuse(*args: Any, **options: Any) -> Any:
        # The backup beside the state may be made; the state itself may not.
        if call in ("replace", "open") and ".json." not in str(args[0]):
            return real(*args, **options)
        raise OSError(code, os.strerror(code))

    with monkeypatch.context() as patch:
        patch.setattr(os, call, refuse)
        with pytest.raises(StorageFull, match=r"cannot write .*the previous content is unchanged") as caught:
            backend.save(stack, snapshot_of(machine("new")), crypter)
    assert "\n" not in str(caught.value)
    assert path.read_bytes() == before
    assert [p.name for p in path.parent.iterdir() if p.name.endswith(".new")] == []
    backend.save(stack, snapshot_of(machine("new")), crypter)
    assert path.read_bytes() != before


def test_a_disk_that_is_really_full(tmp_path: Path, stack: StackReference, crypter: PassphraseCrypter) -> None:
    mount = ["mount", "-t", "tmpfs", "-o", "size=128k", "tmpfs", str(tmp_path)]
    if os.geteuid() != 0 or subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("mounting a small tmpfs needs root")
    try:
        backend = FileBackend(tmp_path / "state")
        backend.create(stack)
        backend.save(stack, snapshot_of(machine("old")), crypter)
        before = backend.checkpoint_path(stack).read_bytes()
        with pytest.raises(StorageFull, match="No space left on device"):
            backend.save(stack, snapshot_of(machine("big", outputs={"x": "y" * 200_000})), crypter)
        assert backend.checkpoint_path(stack).read_bytes() == before
        backend.save(stack, snapshot_of(machine("small")), crypter)
    finally:
        subprocess.run(["umount", str(tmp_path)], check=True)
