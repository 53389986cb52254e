"""One list request for all who ask at about the same time; no answer is older than its question."""

from __future__ import annotations

import copy
import threading
import time
from collections.abc import Callable

from gpufleet_provider.model.errors import CloudError, NotFound, Stopped, Unavailable
from gpufleet_provider.model.fields import Properties

GATHER_SECONDS = 0.05
"""How long the first to ask waits for others: a fleet's calls arrive a few milliseconds apart."""


class Listing:
    """The result of one list request. It is shared: nothing in it may be changed."""

    def __init__(self, started: float, rows: list[Properties], by_id: dict[str, Properties]) -> None:
        self.started = started
        """When the request started, by `time.monotonic`."""
        self.rows = rows
        self.by_id = by_id


class _Round:
    """One list request, before, while and after it runs."""

    def __init__(self) -> None:
        self.over = threading.Event()
        self.listing: Listing | None = None
        self.error: CloudError | None = None

    def result(self) -> Listing:
        self.over.wait()
        if self.listing is not None:
            return self.listing
        # A copy for each thread that asked: raising writes into the exception.
        raise copy.copy(self.error) if self.error is not None else Unavailable("the list was not read")


class SharedList:
    """Coalesces list requests: at most one runs and one gathers, however many threads ask.

    `list_all` makes the request, `changed_at` tells when the account was last changed from here, by `time.monotonic`;
    `subject` is what errors call it.
    """

    def __init__(
        self, subject: str, list_all: Callable[[], list[Properties]], id_field: str, changed_at: Callable[[], float]
    ) -> None:
        self._subject = subject
        self._list_all = list_all
        self._id_field = id_field
        self._changed_at = changed_at
        self._lock = threading.Lock()
        self._one_at_a_time = threading.Lock()
        self._gathering: _Round | None = None
        self._running: tuple[float, _Round] | None = None
        self._last: Listing | None = None
        self._cancelled: str | None = None

    def ask(self, within_seconds: float = 0.0, *, despite_changes: bool = False) -> Listing:
        """Return a listing whose request started at most so long before this call; raises CloudError.

        With 0 it started after this call. A listing that started before a change which this process has since made
        is never returned, whatever its age, unless `despite_changes`. Never raises NotFound: a missing list says
        nothing of its rows.
        """
        with self._lock:
            if self._cancelled is not None:
                raise self._stopped(self._cancelled)
            oldest = max(time.monotonic() - within_seconds, float("-inf") if despite_changes else self._changed_at())
            if within_seconds > 0 and self._last is not None and self._last.started >= oldest:
                return self._last
            leads = False
            if within_seconds > 0 and self._running is not None and self._running[0] >= oldest:
                joined = self._running[1]
            elif self._gathering is not None:
                joined = self._gathering
            else:
                joined = self._gathering = _Round()
                leads = True
        if leads:
            self._lead(joined)
        return joined.result()

    def last_rows(self) -> list[Properties]:
        """Return the rows of the last readable listing; sends nothing."""
        with self._lock:
            return self._last.rows if self._last is not None else []

    def last_within(self, seconds: float) -> Listing | None:
        """Return the last readable listing if its request started at most so long ago; sends nothing."""
        with self._lock:
            is_recent = self._last is not None and time.monotonic() - self._last.started <= seconds
            return self._last if is_recent else None

    def cancel(self, reason: str) -> None:
        """Raise `Stopped` for everybody who waits for a listing, now and from now on."""
        with self._lock:
            self._cancelled = reason
            waiting = [self._gathering, self._running[1] if self._running else None]
            for each in waiting:
                if each is not None and not each.over.is_set():
                    each.error = self._stopped(reason)
                    each.over.set()

    def _lead(self, round: _Round) -> None:
        round.over.wait(GATHER_SECONDS)
        with self._one_at_a_time:
            with self._lock:
                self._gathering = None
                started = time.monotonic()
                self._running = started, round
                cancelled = round.over.is_set()
            listing: Listing | None = None
            error: CloudError | None = None
            try:
                if not cancelled:
                    listing = self._listing(started, self._list_all())
            except NotFound as fault:
                error = Unavailable(str(fault), status=fault.status, code=fault.code, answer=fault.answer)
            except CloudError as fault:
                error = fault
            except Exception as fault:
                # A lifecycle that fails on a garbled reply: for whoever waits this is one failed poll.
                error = Unavailable(f"{self._subject}: the list could not be understood ({type(fault).__name__})")
            finally:
                with self._lock:
                    self._running = None
                    if not round.over.is_set():
                        round.listing, round.error = listing, error
                        self._last = listing or self._last
                        round.over.set()

    def _stopped(self, reason: str) -> Stopped:
        return Stopped(f"{self._subject}: the list was not read: {reason}")

    def _listing(self, started: float, rows: list[Properties]) -> Listing:
        """Index rows; a row that has not changed is the very object of the last listing, so that one copy stays."""
        before = self._last.by_id if self._last is not None else {}
        by_id: dict[str, Properties] = {}
        for index, row in enumerate(rows):
            id = str(row.get(self._id_field, ""))
            known = before.get(id)
            if known is not None and known == row:
                rows[index] = row = known
            by_id[id] = row
        return Listing(started, rows, by_id)
