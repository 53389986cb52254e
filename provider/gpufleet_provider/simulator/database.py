"""What survives a restart: every record in one SQLite file, committed before the reply that shows the change."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any


class UnusableState(Exception):
    """The state file is in use, is not a state file, or is one of another version; says in one line what to do."""


class Database:
    """Records as JSON by (kind, id) and settings by name; in memory if no file is given.

    `synchronous=OFF`: a killed process loses nothing that was committed, a power failure may. This is a simulator.
    """

    def __init__(self, file: Path | None) -> None:
        try:
            self._file = file
            self._db = sqlite3.connect(str(file) if file else ":memory:", check_same_thread=False, timeout=0.2)
            self._db.execute("PRAGMA locking_mode=EXCLUSIVE")
            self._db.execute("PRAGMA journal_mode=WAL")
            self._db.execute("PRAGMA synchronous=OFF")
            with self._db:
                self._db.execute(
                    "CREATE TABLE IF NOT EXISTS records (kind TEXT, id TEXT, body TEXT, PRIMARY KEY (kind, id))"
                )
                self._db.execute("CREATE TABLE IF NOT EXISTS settings (name TEXT PRIMARY KEY, value TEXT)")
        except sqlite3.Error as error:
            raise UnusableState(
                f"cannot use the state file {file}: {error}; is another simulator running on it?"
            ) from None

    def save(self, records: Iterable[tuple[str, str, str]]) -> None:
        """Write (kind, id, JSON) in one transaction."""
        with self._db:
            self._db.executemany(
                "INSERT INTO records VALUES (?, ?, ?) ON CONFLICT (kind, id) DO UPDATE SET body = excluded.body",
                records,
            )

    def load(self, kind: str) -> Iterator[str]:
        """The JSON of every record of one kind, in the order in which they were first saved."""
        for (body,) in self._db.execute("SELECT body FROM records WHERE kind = ? ORDER BY rowid", (kind,)):
            yield body

    def of_another_version(self, reason: str) -> UnusableState:
        """The error to raise if the file holds what this version of the simulator cannot read."""
        return UnusableState(
            f"the state file {self._file} was written by another version of the simulator ({reason}); "
            "delete it to start again without clusters, or name another file"
        )

    def set(self, name: str, value: Any) -> None:
        """Save a setting."""
        with self._db:
            self._db.execute("INSERT OR REPLACE INTO settings VALUES (?, ?)", (name, json.dumps(value)))

    def get(self, name: str) -> Any:
        """A setting, or None."""
        row: tuple[str] | None = self._db.execute("SELECT value FROM settings WHERE name = ?", (name,)).fetchone()
        return None if row is None else json.loads(row[0])

    def clear(self) -> None:
        """Delete every record and setting."""
        with self._db:
            self._db.execute("DELETE FROM records")
            self._db.execute("DELETE FROM settings")

    def close(self) -> None:
        """Release the file."""
        self._db.close()
