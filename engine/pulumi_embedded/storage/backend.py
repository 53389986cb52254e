"""The file backend: stacks, backups and history in the CLI's own layout, so that both engines can use them.

In the folder that the URL names:

    .pulumi/meta.yaml                                                      version: 1, stacks belong to projects
    .pulumi/stacks/<project>/<stack>.json[.gz]                             the checkpoint; .bak is the previous one
    .pulumi/stacks/<project>/<stack>.journal                               ours: changes since the checkpoint
    .pulumi/stacks/<project>/<stack>.pulumi-tags                           see `tags.py`
    .pulumi/locks/organization/<project>/<stack>/<uuid>.json               see `locks.py`
    .pulumi/history/<project>/<stack>/<stack>-<ns>.{history,checkpoint}.json   one pair per update
    .pulumi/backups/<project>/<stack>/<stack>.<ns>.json                    the checkpoint after every update

Files are 0600, folders 0700, and every file is replaced as a whole.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from pulumi_embedded.errors import ProjectError, StateError
from pulumi_embedded.storage import journal_file, locks
from pulumi_embedded.storage.checkpoint import (
    Crypter,
    CrypterOf,
    dump_checkpoint,
    encrypt_plaintext,
    has_plaintext,
    load_checkpoint,
    load_deployment,
)
from pulumi_embedded.storage.durable import copy_atomically, make_private_folder, write_atomically
from pulumi_embedded.storage.history import Update, read_history, record_update, remove_history, rename_history
from pulumi_embedded.storage.journal import Journal, Rebuilt, rebuild
from pulumi_embedded.storage.markup import read_mapping
from pulumi_embedded.storage.renaming import rename_deployment
from pulumi_embedded.storage.snapshot import Snapshot
from pulumi_embedded.storage.stack_reference import ORGANIZATION, StackReference
from pulumi_embedded.storage.state_files import backup_path, digest_of, encode_document, read_document, with_extension
from pulumi_embedded.storage.tags import read_tags, write_tags

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from contextlib import AbstractContextManager

_LAYOUT_VERSION: Final = 1
_OWNS_NOTHING = ("pulumi:pulumi:Stack", "pulumi:providers:")


@dataclass(frozen=True)
class StackSummary:
    """One stack in a list of stacks."""

    last_update: datetime
    resource_count: int


class FileBackend:
    """The stacks in one folder. Nothing is written before the first stack is created."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._root = folder / ".pulumi"
        self._check_layout()

    @property
    def url(self) -> str:
        """The backend as a URL that the CLI accepts in PULUMI_BACKEND_URL."""
        return f"file://{self.folder}"

    # --- stacks ---

    def stacks(self, project: str | None = None) -> list[StackReference]:
        """The stacks of one project or of all, by name."""
        found: set[StackReference] = set()
        for path in (self._root / "stacks").glob("*/*.json*"):
            name, dot, rest = path.name.rpartition(".json")
            if dot and rest in ("", ".gz", ".zst") and project in (None, path.parent.name):
                with contextlib.suppress(ProjectError):
                    found.add(StackReference(path.parent.name, name))
        return sorted(found)

    def exists(self, stack: StackReference) -> bool:
        """Whether the stack exists."""
        return self.checkpoint_path(stack).exists()

    def create(self, stack: StackReference) -> None:
        """Create an empty stack. Raises StateError if it exists."""
        self._write_layout()
        with self.lock(stack):
            if self.exists(stack):
                raise StateError(f"stack '{stack}' already exists")
            self._write(stack, dump_checkpoint(stack.qualified_name, None, None))

    def remove(self, stack: StackReference, *, force: bool = False) -> None:
        """Remove a stack; its last checkpoint is kept as `.bak`.

        Unless `force` is set, raises StateError if the stack still has resources or pending creates: what an
        interrupted create has created may still run, and is recorded nowhere else. (The CLI ignores pending creates.)
        """
        with self.lock(stack):
            latest = self._deployment(stack)
            resources: list[Any] = (latest or {}).get("resources") or []
            # A provider outlives a create whose result is not known, and owns nothing by itself.
            if not force and any(not str(entry.get("type")).startswith(_OWNS_NOTHING) for entry in resources):
                raise StateError(
                    f"stack '{stack}' still has {len(resources)} resources: run `pulumi-embedded destroy` first, or "
                    "remove it with --force, which does not delete them"
                )
            pending: list[Any] = (latest or {}).get("pending_operations") or []
            creates = [str(entry["resource"]["urn"]) for entry in pending if entry.get("type") == "creating"]
            if creates and not force:
                raise StateError(
                    f"stack '{stack}' has interrupted creates, whose resources may still run: "
                    f"{', '.join(creates)}. Run `pulumi-embedded up` to find out, or, if nothing runs, "
                    "`pulumi-embedded refresh --clear-pending-creates`; or remove the stack with --force"
                )
            path = self.checkpoint_path(stack)
            copy_atomically(path, backup_path(path))
            path.unlink()
            for leftover in (self.journal_path(stack), Path(f"{path}.attrs")):
                leftover.unlink(missing_ok=True)
            self.save_tags(stack, {})
            remove_history(self._history_folder(stack))

    def rename(self, stack: StackReference, new: StackReference) -> None:
        """Rename a stack: its state, its tags and its history. Raises StateError if the new name is taken."""
        with self.lock(stack), self.lock(new):
            if self.exists(new):
                raise StateError(f"a stack named {new} already exists")
            document = self._document(stack)
            checkpoint = document["checkpoint"]
            checkpoint["stack"] = new.qualified_name
            if checkpoint.get("latest"):
                rename_deployment(checkpoint["latest"], stack, new)
            self._write(new, document)
            self.save_tags(new, self.tags(stack))
            rename_history(self._history_folder(stack), stack.name, self._history_folder(new), new.name)
            path = self.checkpoint_path(stack)
            path.replace(backup_path(path))
            for leftover in (self.journal_path(stack), Path(f"{path}.attrs")):
                leftover.unlink(missing_ok=True)
            self.save_tags(stack, {})

    def tags(self, stack: StackReference) -> dict[str, str]:
        """The stack's tags. Raises StateError."""
        return read_tags(self._tags_path(stack))

    def save_tags(self, stack: StackReference, tags: Mapping[str, str]) -> None:
        """Replace the stack's tags. Raises StorageFull."""
        write_tags(self._tags_path(stack), tags)

    def summary(self, stack: StackReference) -> StackSummary:
        """When the stack was last changed, and how many resources it has."""
        latest = self._deployment(stack)
        path = self.checkpoint_path(stack)
        manifest: dict[str, Any] = (latest or {}).get("manifest") or {}
        time = str(manifest.get("time") or "")
        changed = locks.instant(time) if time else datetime.fromtimestamp(path.stat().st_mtime, timezone.utc)
        return StackSummary(changed, len((latest or {}).get("resources") or []))

    # --- state ---

    def load(self, stack: StackReference, crypter_of: CrypterOf) -> Snapshot | None:
        """The stack's current snapshot, verified; None if nothing was ever deployed. Raises StateError."""
        snapshot = load_checkpoint(self._document(stack), crypter_of)
        if snapshot is not None:
            _verify(snapshot, self.checkpoint_path(stack))
        return snapshot

    def save(self, stack: StackReference, snapshot: Snapshot, crypter: Crypter | None) -> None:
        """Replace the stack's checkpoint and keep the previous one as `.bak`. Raises StorageFull."""
        self._write(stack, dump_checkpoint(stack.qualified_name, snapshot, crypter))

    def start_journal(self, stack: StackReference, base: Snapshot | None, crypter: Crypter | None) -> Journal:
        """Start the journal of an update of the stack, whose lock is held and whose snapshot is `base`.

        Raises StorageFull.
        """
        if base and crypter and base.secrets_providers and base.secrets_providers.state != crypter.provider_state:
            # The journal is read together with the checkpoint, so both need the same key.
            self.save(stack, base, crypter)
        return Journal(self.journal_path(stack), base, digest_of(self.checkpoint_path(stack)), crypter)

    def finish(self, stack: StackReference, journal: Journal, crypter: Crypter | None) -> Snapshot:
        """End an update: write its snapshot as the checkpoint, then remove the journal. Raises StorageFull.

        If the checkpoint cannot be written, the journal is kept, and the next command rebuilds the state from it.
        """
        snapshot = journal.snapshot()
        written = False
        try:
            document = dump_checkpoint(stack.qualified_name, snapshot, crypter)
            data = encode_document(document, self.checkpoint_path(stack))
            journal.seal(hashlib.sha256(data).hexdigest())
            self._write_data(stack, data)
            written = True
        finally:
            journal.close(remove=written)
        return snapshot

    def recover(self, stack: StackReference) -> str | None:
        """Rebuild the checkpoint if there is the journal of an interrupted update; returns a line for the user then.

        Does nothing while the process that writes the journal, or one that may hold the stack's lock, is running.
        """
        if any(not lock.owner_is_dead and lock.pid != os.getpid() for lock in self.locks(stack)):
            return None
        journal = self.journal_path(stack)
        with journal_file.abandoned(journal) as abandoned:
            if not abandoned:
                return None
            rebuilt = self._rebuild(stack)
            if rebuilt:
                self._write(stack, dump_checkpoint(stack.qualified_name, rebuilt.snapshot, None))
            journal.unlink(missing_ok=True)
            return rebuilt.note if rebuilt else None

    def export(self, stack: StackReference) -> dict[str, Any]:
        """The document of `stack export`: `{"version", "deployment"}`, with secrets encrypted."""
        document = self._document(stack)
        latest = document.pop("checkpoint").get("latest")
        return document | {"deployment": latest}

    def import_deployment(
        self,
        stack: StackReference,
        document: dict[str, Any],
        crypter_of: CrypterOf,
        own_crypter: Callable[[], Crypter] | None = None,
    ) -> Snapshot:
        """Replace the stack's state with an exported deployment, whose plaintext secrets are encrypted.

        They are encrypted by the deployment's own secrets provider, or by `own_crypter` if it has none. Raises
        StateError if the deployment is invalid, and SecretsError if it has secrets and there is no passphrase.
        """
        snapshot = load_deployment(document, crypter_of)
        for state in snapshot.resources:
            _, _, rest = state.urn.partition("urn:pulumi:")
            if not rest.startswith(f"{stack.name}::{stack.project}::"):
                raise StateError(f"{state.urn} belongs to another stack or project than {stack.project}/{stack}")
        snapshot.verify()
        latest: dict[str, Any] = document["deployment"]
        if has_plaintext(latest):
            if provider := snapshot.secrets_providers:
                crypter = crypter_of(provider.type, provider.state)
            elif own_crypter:
                crypter = own_crypter()
            else:
                raise StateError("the deployment has plaintext secrets and no secrets provider to encrypt them with")
            latest = encrypt_plaintext(latest, crypter.encrypt)
            latest["secrets_providers"] = {"type": crypter.provider_type, "state": crypter.provider_state}
        with self.lock(stack):
            outer = {key: value for key, value in document.items() if key != "deployment"}
            checkpoint = {"stack": stack.qualified_name, "latest": latest}
            self._write(stack, outer | {"checkpoint": checkpoint})
        return snapshot

    # --- locks ---

    def lock(self, stack: StackReference) -> AbstractContextManager[Path]:
        """Hold the stack's lock; the context manager yields its file. Raises LockedError if another engine holds it."""
        return locks.hold(self._lock_folder(stack), stack.name)

    def locks(self, stack: StackReference) -> list[locks.Lock]:
        """The locks on the stack."""
        return locks.read_locks(self._lock_folder(stack))

    def cancel(self, stack: StackReference) -> list[locks.Lock]:
        """Remove and return every lock on the stack. An engine that still runs is not stopped."""
        return locks.clear(self._lock_folder(stack))

    # --- history ---

    def record(self, stack: StackReference, update: Update) -> None:
        """Add an update to the history, with a copy of the checkpoint there and one in the backups."""
        record_update(
            update,
            stack.name,
            self.checkpoint_path(stack),
            self._history_folder(stack),
            self._root / "backups" / stack.project / stack.name,
        )

    def history(self, stack: StackReference) -> Iterator[dict[str, Any]]:
        """The stack's updates, newest first, with the CLI's keys (`kind`, `startTime`, `result`, …)."""
        return read_history(self._history_folder(stack))

    # --- paths ---

    def checkpoint_path(self, stack: StackReference) -> Path:
        """The stack's checkpoint file: the newest of the plain and compressed ones; the plain one if there is none."""
        plain = self._root / "stacks" / stack.project / f"{stack.name}.json"
        variants = (plain, with_extension(plain, ".gz"), with_extension(plain, ".zst"))
        return max(
            (path for path in variants if path.exists()), key=lambda path: path.stat().st_mtime_ns, default=plain
        )

    def journal_path(self, stack: StackReference) -> Path:
        """The journal of an update in progress, or of an interrupted one; the CLI ignores it."""
        return self._root / "stacks" / stack.project / f"{stack.name}.journal"

    def _tags_path(self, stack: StackReference) -> Path:
        return self._root / "stacks" / stack.project / f"{stack.name}.pulumi-tags"

    def _lock_folder(self, stack: StackReference) -> Path:
        return self._root / "locks" / ORGANIZATION / stack.project / stack.name

    def _history_folder(self, stack: StackReference) -> Path:
        return self._root / "history" / stack.project / stack.name

    # --- files ---

    def _document(self, stack: StackReference) -> dict[str, Any]:
        """The checkpoint, with the changes in the journal of a running or interrupted update."""
        rebuilt = self._rebuild(stack)
        if rebuilt:
            return dump_checkpoint(stack.qualified_name, rebuilt.snapshot, None)
        return self._checkpoint(stack)

    def _rebuild(self, stack: StackReference) -> Rebuilt | None:
        path = self.checkpoint_path(stack)
        try:
            contents = journal_file.read(self.journal_path(stack))
            digest = digest_of(path)
        except FileNotFoundError:
            return None
        except OSError as error:
            raise StateError(f"cannot read {error.filename}: {error.strerror}") from error
        try:
            return rebuild(load_checkpoint(self._checkpoint(stack), None), digest, contents)
        except StateError as error:
            raise StateError(f"{self.journal_path(stack)}: {error}") from error

    def _checkpoint(self, stack: StackReference) -> dict[str, Any]:
        path = self.checkpoint_path(stack)
        if path.suffix == ".zst":
            raise StateError(
                f"{path}: zstd compression is not supported; run `pulumi up` without PULUMI_DIY_BACKEND_ZSTD first"
            )
        try:
            return read_document(path)
        except FileNotFoundError:
            raise StateError(
                f"no stack named '{stack}' found; create it with `pulumi-embedded stack init {stack}`"
            ) from None

    def _deployment(self, stack: StackReference) -> dict[str, Any] | None:
        return self._document(stack).get("checkpoint", {}).get("latest")

    def _write(self, stack: StackReference, document: dict[str, Any]) -> None:
        self._write_data(stack, encode_document(document, self.checkpoint_path(stack)))

    def _write_data(self, stack: StackReference, data: bytes) -> None:
        path = self.checkpoint_path(stack)
        make_private_folder(path.parent)
        if path.exists():
            copy_atomically(path, backup_path(path))
        write_atomically(path, data)
        # The CLI's checksum of the previous file would be wrong now.
        Path(f"{path}.attrs").unlink(missing_ok=True)

    def _check_layout(self) -> None:
        meta = self._root / "meta.yaml"
        try:
            version: object = read_mapping(meta).get("version")
        except FileNotFoundError:
            if any((self._root / "stacks").glob("*.json*")):
                raise StateError(
                    f"{self.folder}: stacks without projects are not supported; run `pulumi state upgrade`"
                ) from None
            return
        if version == 0:
            raise StateError(f"{meta}: stacks without projects are not supported; run `pulumi state upgrade`")
        if version != _LAYOUT_VERSION:
            raise StateError(f"{meta}: the layout version {version!r} is not supported; a newer Pulumi wrote it")

    def _write_layout(self) -> None:
        meta = self._root / "meta.yaml"
        if not meta.exists():
            make_private_folder(self._root)
            write_atomically(meta, f"version: {_LAYOUT_VERSION}\n".encode())


def _verify(snapshot: Snapshot, path: Path) -> None:
    """Verify the snapshot that was read from this file. Raises StateError that names the file and its backup."""
    try:
        snapshot.verify()
    except StateError as error:
        raise StateError(
            f"{path}: {error}; repair it with `pulumi state repair`, or restore {backup_path(path).name}"
        ) from error
