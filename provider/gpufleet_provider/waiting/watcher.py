"""Waiting: one thread per account and kind of resource polls the list for everything that waits.

No thread polls by itself. A waiter sleeps until the poll thread has something new for it, judges that on its own
thread, and asks by id only when the list lacks its resource. What ends a wait early never says that a resource is gone:

- `WaitFailed`: a readable reply shows that the resource will not become what was asked for.
- `WaitTimedOut`: the time is up; `WaitUnanswered`, a kind of it: for so long that waiting on is of no use, the cloud
  has not answered or has refused the key.
- `WaitCancelled`: the run was cancelled, or its engine is gone.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable
from typing import Any

from gpufleet_provider.http.client import CloudClient
from gpufleet_provider.model.errors import CloudError, Forbidden, Invalid, NotFound, Stopped, Unavailable
from gpufleet_provider.model.fields import Properties
from gpufleet_provider.model.lifecycle import Lifecycle
from gpufleet_provider.model.replies import unreadable
from gpufleet_provider.waiting.shared_list import Listing, SharedList
from gpufleet_provider.waiting.wait import Judge, Wait

RECENT_SECONDS = 30.0
"""How old a list may be in which only the health of resources is looked up."""
LOOK_SECONDS = 10.0
"""How long such a look waits for the list."""


def interval_seconds(age_seconds: float) -> float:
    """Return the time between two polls for a wait of that age: 2 s in the first half minute, 15 s from five on."""
    return 2.0 + 13.0 * min(max((age_seconds - 30.0) / 270.0, 0.0), 1.0)


class _Absent:
    """The list was read and does not contain the resource."""


_ABSENT = _Absent()


class _Waiter:
    """One waiting thread, and the newest poll result for it."""

    def __init__(self, id: str, *, by_id: bool) -> None:
        self.id = id
        self.by_id = by_id
        """Whether its replies are read by id, because rows of the list lack fields."""
        self.since = time.monotonic()
        self.wakeup = threading.Event()
        # A newer result replaces one that has not been read yet.
        self._results: deque[Properties | _Absent | CloudError] = deque(maxlen=1)
        self._last_reply: Properties | None = None

    def publish(self, result: Properties | _Absent | CloudError) -> None:
        """Wake the thread with a result, unless the last one was the very same reply."""
        if result is not self._last_reply:
            self._last_reply = result if isinstance(result, dict) else None
            self._results.append(result)
            self.wakeup.set()

    def next(self) -> Properties | _Absent | CloudError | None:
        """Return the newest result, once."""
        self.wakeup.clear()
        return self._results.pop() if self._results else None


class Watcher:
    """Reads the resources of one kind in one account, once for every thread that asks or waits."""

    def __init__(self, lifecycle: Lifecycle[Any], client: CloudClient, poll_seconds: float | None = None) -> None:
        self._lifecycle = lifecycle
        self._client = client
        self._poll_seconds = poll_seconds
        self._lists = SharedList(
            lifecycle.token,
            self.list_everything,
            lifecycle.id_field,
            changed_at=lambda: client.changed_at,
        )
        self._scopes: tuple[str, ...] = ()
        self._required = [name for name, field in lifecycle.info_body.model_fields.items() if field.is_required()]
        self._changed = threading.Condition()
        self._waiters: set[_Waiter] = set()
        self._polling = False
        self._polled_at = float("-inf")
        self._poll_took_seconds = 0.0
        self._unreadable = False
        self._stop = threading.Event()
        self._reason = ""

    def include(self, scope: str) -> None:
        """Let every list from now on show a part of the account as well (`Lifecycle.scope_field`)."""
        with self._changed:
            if scope not in self._scopes:
                self._scopes = (*self._scopes, scope)

    def list_everything(self) -> list[Properties]:
        """Return the raw replies of a list of its own, every included part of the account in it; raises CloudError."""
        rows = self._lifecycle.list_all(self._client)
        for scope in self._scopes:
            seen = {row.get(self._lifecycle.id_field) for row in rows}
            # A part that the key may not see, or that does not exist, hides nothing from the others.
            with contextlib.suppress(Forbidden, Invalid, NotFound):
                found = self._lifecycle.list_scope(self._client, scope)
                rows = [*rows, *(row for row in found if row.get(self._lifecycle.id_field) not in seen)]
        return rows

    # --- Asking ---

    def fresh_list(self) -> list[Properties]:
        """Return the raw replies of a list that started after this call, not to be changed; raises CloudError."""
        return self._lists.ask().rows

    def newest_list(self) -> list[Properties]:
        """Return the raw replies of the last list that was read, whenever that was; sends nothing."""
        return self._lists.last_rows()

    def listed(self, id: str) -> Properties | None:
        """Return the row of one id in a recent list, not to be changed; None where the list lacks it.

        Raises CloudError, and Unavailable when the list takes long; a list that was once not to be had is not asked for
        again. It is for what is good to know: a preview works offline, too, and at its usual speed.
        """
        recent = self._lists.last_within(RECENT_SECONDS)
        if recent is not None:
            return recent.by_id.get(id)
        if self._unreadable:
            raise Unavailable(f"{self._lifecycle.token}: the list could not be read")
        found: list[Listing | CloudError] = []

        def ask() -> None:
            try:
                found.append(self._lists.ask(RECENT_SECONDS))
            except CloudError as error:
                found.append(error)

        asking = threading.Thread(target=ask, name="gpufleet-look", daemon=True)
        asking.start()
        asking.join(LOOK_SECONDS)
        listing = found[0] if found else Unavailable(f"{self._lifecycle.token}: the list took too long")
        if isinstance(listing, CloudError):
            self._unreadable = True
            raise listing
        return listing.by_id.get(id)

    def fresh(self, id: str, *, within_seconds: float = 0.0, showing: Iterable[str] = ()) -> Properties:
        """Return the raw reply for one id, out of a list that many share; not to be changed.

        The list may have started up to `within_seconds` before this call, but never before this process changed
        something. A row without a readable value for each field in `showing` is read by id: lists may leave some out.
        Raises NotFound only when a readable list lacks the id and the cloud says so by id as well.
        """
        listed = self._lists.ask(within_seconds).by_id.get(id)
        if listed is None:
            return self._get_by_id(id)
        garbled = unreadable(self._lifecycle.info_body, listed)
        is_shown = all(listed.get(name) is not None and name not in garbled for name in showing)
        return listed if self._lifecycle.list_shows_all and is_shown else self._whole(id, listed)

    def recent_list(self, within_seconds: float) -> list[Properties]:
        """Return the raw replies of a list that is at most so old, changes made here or not; raises CloudError."""
        return self._lists.ask(within_seconds, despite_changes=True).rows

    def glance(self, id: str, *, within_seconds: float) -> Properties:
        """Return the raw reply for one id as `fresh` does, out of a list that may be older than a change made here."""
        listed = self._lists.ask(within_seconds, despite_changes=True).by_id.get(id)
        return self._get_by_id(id) if listed is None else listed

    def _whole(self, id: str, listed: Properties) -> Properties:
        """Return the reply by id for a listed resource, since its row lacks fields."""
        try:
            return self._get_by_id(id)
        except NotFound:
            # What the list shows is not gone, whatever the cloud answers by id.
            return listed

    def _get_by_id(self, id: str) -> Properties:
        # A list that comes back short must not turn into a thousand requests at once.
        if self._stop.wait(self._client.by_id.turn_seconds()):
            raise Stopped(f"{self._lifecycle.token} {id} was not read: {self._reason}")
        try:
            return self._lifecycle.get(self._client, id)
        except CloudError:
            raise
        except Exception as error:
            # A lifecycle that fails on a garbled reply must not cost anybody an id.
            message = f"{self._lifecycle.token} {id}: the reply could not be understood ({type(error).__name__})"
            raise Unavailable(message) from error

    # --- Waiting ---

    def pause(self) -> None:
        """Sleep for the shortest interval between two polls; raises Stopped when it is cancelled."""
        if self._stop.wait(self._poll_seconds or interval_seconds(0)):
            raise Stopped(f"{self._lifecycle.token}: {self._reason}")

    def wait(
        self,
        id: str,
        judge: Judge,
        *,
        deadline_seconds: float,
        progress: Callable[[str], None] | None = None,
        without: Callable[[str], None] | None = None,
        gone_is_expected: bool = False,
    ) -> Properties:
        """Return the raw reply that `judge` calls ready; an empty one when that is None, the resource being gone.

        `judge`, `progress` and `without` run on the calling thread; `judge` is asked when the reply has changed, and
        `without` is told what the reply still lacks where it alone was missing for too long to wait on. Unless
        `gone_is_expected`, a resource counts as gone only after some 404s in a row and a while after the start: what
        was just created may not show yet. Raises `WaitFailed`, `WaitTimedOut`, `WaitUnanswered`, `WaitCancelled`.
        """
        wait = Wait(f"{self._lifecycle.token} {id}", judge, time.monotonic(), deadline_seconds, gone_is_expected)
        waiter = _Waiter(id, by_id=not self._lifecycle.list_shows_all)
        shown: Properties = {}
        self._enter(waiter)
        try:
            while True:
                waiter.wakeup.wait(min(wait.seconds_until_due(time.monotonic()), self._seconds_until_own_poll()))
                self._poll_without_thread()
                answer = self._answer(waiter)
                if self._stop.is_set() or isinstance(answer, Stopped):
                    raise wait.cancelled(self._reason or str(answer))
                over = answer is not None and wait.record(answer, time.monotonic())
                if over and isinstance(answer, dict) and not waiter.by_id and self._lacks_fields(answer):
                    # The row says ready and leaves out fields: from now on the reply by id is judged.
                    waiter.by_id = True
                    whole = self._by_id_or_error(waiter.id, answer)
                    over = whole == answer or wait.record(whole, time.monotonic())
                    answer = whole
                if isinstance(answer, dict):
                    shown = answer
                if over:
                    return answer if isinstance(answer, dict) else {}
                # The list may leave out just what is missing.
                waiter.by_id = waiter.by_id or wait.is_ready_but_for_one_thing
                missing = wait.missing_for_long(time.monotonic())
                if missing is not None:
                    if without is not None:
                        without(missing)
                    return shown
                line = wait.next_line(time.monotonic())
                if line is not None and progress is not None:
                    # A line that cannot be shown must not end the wait.
                    with contextlib.suppress(Exception):
                        progress(line)
                wait.check_deadline(time.monotonic())
        finally:
            self._leave(waiter)

    def _answer(self, waiter: _Waiter) -> Properties | CloudError | None:
        """Return a new reply, NotFound where both list and cloud lack the resource, or the error of a failed poll."""
        result = waiter.next()
        if isinstance(result, _Absent):
            return self._by_id_or_error(waiter.id)
        return self._by_id_or_error(waiter.id, result) if isinstance(result, dict) and waiter.by_id else result

    def _by_id_or_error(self, id: str, listed: Properties | None = None) -> Properties | CloudError:
        try:
            return self._get_by_id(id) if listed is None else self._whole(id, listed)
        except CloudError as error:
            return error

    def _lacks_fields(self, row: Properties) -> bool:
        """Say whether a row leaves out what the schema requires, as lists may do with heavy fields, or garbles any."""
        return any(row.get(name) is None for name in self._required) or bool(unreadable(self._lifecycle.info_body, row))

    def cancel_all(self, reason: str) -> None:
        """End every wait with `WaitCancelled` and every other question with `Stopped`, at once and from now on."""
        with self._changed:
            self._reason = self._reason or reason
            self._stop.set()
            for waiter in self._waiters:
                waiter.wakeup.set()
            self._changed.notify_all()
        self._lists.cancel(reason)

    # --- The poll thread, which lives while anything waits ---

    def _enter(self, waiter: _Waiter) -> None:
        with self._changed:
            self._waiters.add(waiter)
            if self._stop.is_set():
                waiter.wakeup.set()
            elif self._polling:
                self._changed.notify_all()
            else:
                self._start_polling()

    def _start_polling(self) -> None:
        """Start the poll thread; where the process may start no more threads, those that wait poll in turns."""
        thread = threading.Thread(target=self._poll, name=f"gpufleet-poll-{self._lifecycle.token}", daemon=True)
        with contextlib.suppress(RuntimeError):
            thread.start()
            self._polling = True

    def _leave(self, waiter: _Waiter) -> None:
        with self._changed:
            self._waiters.discard(waiter)
            if not self._waiters:
                self._changed.notify_all()

    def _poll(self) -> None:
        while self._wait_for_turn():
            self._polled_at = time.monotonic()
            self._poll_once(self._polled_at)

    def _poll_once(self, started: float) -> None:
        try:
            outcome = self._lists.ask()
        except Stopped:
            # What stopped it wakes whoever waits.
            return
        except CloudError as error:
            outcome = error
        self._publish(outcome)
        self._poll_took_seconds = time.monotonic() - started

    def _seconds_until_own_poll(self) -> float:
        """Return the time until a waiter has to see to the next poll itself: none needs to while the thread lives."""
        with self._changed:
            return float("inf") if self._polling else max(0.0, self._due_at() - time.monotonic())

    def _poll_without_thread(self) -> None:
        """Start the poll thread that could not be started before, or poll on this thread when it is time to."""
        with self._changed:
            if self._polling or self._stop.is_set() or self._due_at() > time.monotonic():
                return
            self._start_polling()
            if self._polling:
                return
            self._polled_at = started = time.monotonic()
        self._poll_once(started)

    def _wait_for_turn(self) -> bool:
        """Sleep until the next poll is due; False when nothing waits any more, and the thread is to end."""
        with self._changed:
            while self._waiters and not self._stop.is_set():
                seconds = self._due_at() - time.monotonic()
                if seconds <= 0:
                    return True
                self._changed.wait(seconds)
            self._polling = False
            return False

    def _due_at(self) -> float:
        if self._poll_seconds is not None:
            return self._polled_at + self._poll_seconds
        youngest = max(waiter.since for waiter in self._waiters)
        seconds = interval_seconds(time.monotonic() - youngest)
        # An account whose list takes long is not asked for it all the time.
        return self._polled_at + max(seconds, 3 * self._poll_took_seconds)

    def _publish(self, outcome: Listing | CloudError) -> None:
        with self._changed:
            for waiter in self._waiters:
                if isinstance(outcome, CloudError):
                    waiter.publish(outcome)
                elif waiter.since <= outcome.started:
                    # An older list may still show what was before the create or the update that is waited for.
                    row = outcome.by_id.get(waiter.id, _ABSENT)
                    # Where rows lack fields, an unchanged row is news as well: as a copy it is told again.
                    if isinstance(row, dict) and waiter.by_id:
                        row = dict(row)
                    waiter.publish(row)


# --- All watchers of this process -------------------------------------------------------------------------------------

_watchers: dict[tuple[CloudClient, str], Watcher] = {}
_lock = threading.Lock()
_cancelled: str | None = None


def watcher_for(lifecycle: Lifecycle[Any], client: CloudClient, poll_seconds: float | None = None) -> Watcher:
    """Return the one watcher of an account for one kind of resource; `poll_seconds` fixes its interval."""
    with _lock:
        known = (client, lifecycle.token)
        if known not in _watchers:
            _watchers[known] = Watcher(lifecycle, client, poll_seconds)
            if _cancelled is not None:
                _watchers[known].cancel_all(_cancelled)
        return _watchers[known]


def cancel_everything(reason: str) -> None:
    """End every wait of this process, now and from now on; `reason` is for users."""
    global _cancelled
    with _lock:
        _cancelled = _cancelled or reason
        watchers = list(_watchers.values())
    for watcher in watchers:
        watcher.cancel_all(reason)
