"""Stack locks in the CLI's own format, which both engines respect.

A lock is a file `.pulumi/locks/organization/<project>/<stack>/<uuid>.json` with the pid, user, host and time of its
owner. As in the CLI, an engine checks for locks, writes its own, and checks again: of two concurrent engines, at least
one is refused. Only `cancel` removes a lock of another engine, even if its process is dead.
"""

from __future__ import annotations

import contextlib
import json
import os
import pwd
import re
import socket
import uuid
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from pulumi_embedded.errors import LockedError
from pulumi_embedded.storage.durable import make_private_folder, write_atomically

if TYPE_CHECKING:
    from collections.abc import Generator

_ZERO_TIME = datetime.fromtimestamp(0, timezone.utc)


@dataclass(frozen=True)
class Lock:
    """A lock on a stack, as its file describes it."""

    path: Path
    pid: int
    username: str
    hostname: str
    since: datetime

    @property
    def owner_is_dead(self) -> bool:
        """Whether the owner was a process on this machine that no longer runs. False if that cannot be known."""
        return self.hostname == socket.gethostname() and not _runs_since(self.pid, self.since)

    def __str__(self) -> str:
        age = _age(datetime.now(timezone.utc) - self.since) if self.since > _ZERO_TIME else "an unknown time"
        dead = ", but that process no longer runs" if self.owner_is_dead else ""
        return f"{self.username}@{self.hostname} (pid {self.pid}, for {age}{dead})"


def read_locks(folder: Path) -> list[Lock]:
    """The locks on a stack, oldest first; an unreadable one has an unknown owner."""
    try:
        paths = [path for path in folder.iterdir() if path.suffix == ".json"]
    except FileNotFoundError:
        return []
    locks = (_read(path) for path in paths)
    return sorted((lock for lock in locks if lock), key=lambda lock: (lock.since, lock.path))


@contextlib.contextmanager
def hold(folder: Path, stack: str) -> Generator[Path, None, None]:
    """Hold the stack's lock; yields the lock file. Raises LockedError if another engine holds it."""
    refuse_if_locked(folder, stack, ignoring=None)
    make_private_folder(folder)
    path = folder / f"{uuid.uuid4()}.json"
    content = {
        "pid": os.getpid(),
        "username": username(),
        "hostname": socket.gethostname(),
        "timestamp": datetime.now(timezone.utc).isoformat(),
    }
    write_atomically(path, json.dumps(content).encode())
    try:
        refuse_if_locked(folder, stack, ignoring=path)
        yield path
    finally:
        # `cancel` may have removed it meanwhile.
        path.unlink(missing_ok=True)


def refuse_if_locked(folder: Path, stack: str, ignoring: Path | None) -> None:
    """Raise LockedError if there is a lock other than the one at `ignoring`."""
    locks = [lock for lock in read_locks(folder) if lock.path != ignoring]
    if not locks:
        return
    owners = ", ".join(str(lock) for lock in locks)
    if all(lock.owner_is_dead for lock in locks):
        advice = f"remove the lock with `pulumi-embedded cancel --stack {stack}`"
    else:
        advice = f"wait for it to end, or run `pulumi-embedded cancel --stack {stack}` if it has certainly ended"
    raise LockedError(f"stack '{stack}': the stack is currently locked by {owners}; {advice}")


def clear(folder: Path) -> list[Lock]:
    """Remove and return every lock on a stack."""
    locks = read_locks(folder)
    for lock in locks:
        lock.path.unlink(missing_ok=True)
        Path(f"{lock.path}.attrs").unlink(missing_ok=True)
    return locks


def _read(path: Path) -> Lock | None:
    try:
        content: object = json.loads(path.read_bytes())
    except FileNotFoundError:
        return None
    except ValueError:
        content = None
    entries = cast("dict[str, Any]", content) if isinstance(content, dict) else {}
    pid = entries.get("pid")
    return Lock(
        path=path,
        pid=pid if isinstance(pid, int) else 0,
        username=str(entries.get("username") or "unknown"),
        hostname=str(entries.get("hostname") or "unknown"),
        since=instant(str(entries.get("timestamp"))),
    )


def instant(text: str) -> datetime:
    """The time that a text in Go's form names; 1970 for a malformed one."""
    # Go writes nanoseconds and `Z`; Python 3.10 can read neither.
    text = re.sub(r"(\.\d{1,6})\d*", lambda match: match[1].ljust(7, "0"), text.replace("Z", "+00:00"))
    try:
        instant = datetime.fromisoformat(text)
    except ValueError:
        return _ZERO_TIME
    return instant if instant.tzinfo else instant.replace(tzinfo=timezone.utc)


def _runs_since(pid: int, since: datetime) -> bool:
    """Whether this process runs and is not a later one that was given the same number."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except (OverflowError, OSError):
        return True
    try:
        started_ticks = int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19])
        boot = next(line for line in Path("/proc/stat").read_text().splitlines() if line.startswith("btime "))
    except (OSError, ValueError, IndexError, StopIteration):
        return True
    started = int(boot.split()[1]) + started_ticks / os.sysconf("SC_CLK_TCK")
    # The boot time is in whole seconds and moves with the clock: only a clearly later process is another one.
    return started <= since.timestamp() + 60 or since == _ZERO_TIME


def username() -> str:
    """The name of the user that runs the engine, or their number if they have no name."""
    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        return str(os.getuid())


def _age(duration: Any) -> str:
    seconds = max(0, int(duration.total_seconds()))
    for unit, length in (("d", 86_400), ("h", 3_600), ("min", 60)):
        if seconds >= 2 * length:
            return f"{seconds // length} {unit}"
    return f"{seconds} s"
