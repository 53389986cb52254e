"""State machine of one wait: turns poll results into progress, a result, or another wait.

It starts no thread, reads no clock and sends no request.
"""

from __future__ import annotations

from collections.abc import Callable

from gpufleet_provider.model.errors import (
    CloudError,
    Forbidden,
    NotFound,
    Unauthorized,
    WaitBlocked,
    WaitCancelled,
    WaitFailed,
    WaitTimedOut,
    WaitUnanswered,
)
from gpufleet_provider.model.fields import Properties
from gpufleet_provider.model.lifecycle import Readiness
from gpufleet_provider.model.text import one_line

Judge = Callable[[Properties | None], Readiness]
"""Judges a raw reply; None stands for a resource that is certainly gone."""

GRACE_SECONDS = 60.0
"""How long after the start of a wait a 404 is taken to mean that the cloud does not show yet what it has accepted."""
MISSES = 3
"""404s in a row, after that time, before a resource that nobody deleted counts as gone."""
REFUSALS = 3
"""401s or 403s in a row that end a wait: trying the same key again would not help."""
FAULTS, FAULTY_SECONDS = 5, 300.0
"""Failed polls in a row, and how long they must have lasted, that end a wait; the client retried each for a minute."""
MISSING_SECONDS = 300.0
"""How long a resource that is ready but for one thing, and does not change, is waited for; then it is a warning."""
REPEAT_SECONDS = 60.0
"""How often a progress line is repeated in which only the age has changed."""


class Wait:
    """One wait. Times are seconds of one monotonic clock, given by the caller."""

    def __init__(
        self, subject: str, judge: Judge, now: float, deadline_seconds: float, gone_is_expected: bool = False
    ) -> None:
        self._subject = subject
        self._judge = judge
        self._started = now
        self._deadline_seconds = deadline_seconds
        self._gone_is_expected = gone_is_expected
        self._raw: Properties | None = None
        self._unjudged = True
        self._message = "not seen yet"
        self._message_since = now
        self._missing = ""
        self._misses = 0
        self._faults = 0
        self._refusals = 0
        self._faulty_since = now
        self._fault: CloudError | None = None
        self._shown: str = ""
        self._shown_at = now

    # --- Poll results ---

    def record(self, answer: Properties | CloudError, now: float) -> bool:
        """Record the result of one poll: a reply, or the error instead of one; returns True when the wait is over.

        NotFound says for certain that there is no such resource; any other error says nothing about it. Raises
        WaitFailed when the resource will never be ready, WaitBlocked when it is held up by something that waiting does
        not cure, WaitUnanswered when there has been no reply for long.
        """
        if isinstance(answer, CloudError) and not isinstance(answer, NotFound):
            return self._record_fault(answer, now)
        self._faults = self._refusals = 0
        self._fault = None
        if isinstance(answer, NotFound):
            return self._record_miss(now)
        self._misses = 0
        if not self._unjudged and answer == self._raw:
            return False
        self._raw, self._unjudged = answer, False
        return self._record_judgement(answer, now)

    def _record_miss(self, now: float) -> bool:
        self._misses += 1
        if self._gone_is_expected or (self._misses >= MISSES and now - self._started >= GRACE_SECONDS):
            return self._record_judgement(None, now)
        self._unjudged = True
        self._set_message("the cloud does not show it yet" if self._raw is None else "the cloud does not show it", now)
        return False

    def _record_fault(self, error: CloudError, now: float) -> bool:
        if self._faults == 0:
            self._faulty_since = now
        self._faults += 1
        self._refusals = self._refusals + 1 if isinstance(error, Unauthorized | Forbidden) else 0
        self._fault = error
        if self._refusals >= REFUSALS or (self._faults >= FAULTS and now - self._faulty_since >= FAULTY_SECONDS):
            raise WaitUnanswered(
                f"{self._subject} could not be read any more after {age(now - self._started)} "
                f"(last seen: {self._message}): {error}. {self._resume_hint()}",
                self._message,
                self._raw,
            )
        return False

    def _record_judgement(self, raw: Properties | None, now: float) -> bool:
        try:
            readiness = self._judge(raw)
        except Exception as error:
            # Our own mistake, perhaps over a reply of a shape that nobody has seen: the id must outlive it.
            raise WaitUnanswered(
                f"the reply for {self._subject} could not be read ({type(error).__name__}). {self._resume_hint()}",
                self._message,
                self._raw,
            ) from error
        # A cloud's own words are in it, of any length.
        message = one_line(readiness.message)
        self._set_message(message, now)
        if readiness.state == "failed":
            raise WaitFailed(f"{self._subject} failed: {message}", message, self._raw)
        if readiness.state == "blocked":
            raise WaitBlocked(f"{self._subject} is held up: {message}", message, self._raw)
        self._missing = readiness.missing if readiness.state == "pending" else ""
        return readiness.state == "ready"

    @property
    def is_ready_but_for_one_thing(self) -> bool:
        """Whether the last reply lacked one thing alone."""
        return bool(self._missing)

    def missing_for_long(self, now: float) -> str | None:
        """Return what is still missing once it is not to be waited for any longer; None before, or if nothing is."""
        if not self._missing or now - self._message_since < MISSING_SECONDS:
            return None
        return f"{self._missing} after {age(now - self._message_since)}"

    def _set_message(self, message: str, now: float) -> None:
        if message != self._message:
            self._message, self._message_since = message, now

    # --- Time ---

    def seconds_until_due(self, now: float) -> float:
        """Return the time until the deadline, the next progress line or the end of patience, whichever is first."""
        due = min(self._started + self._deadline_seconds, self._shown_at + REPEAT_SECONDS)
        if self._missing:
            due = min(due, self._message_since + MISSING_SECONDS)
        return max(0.0, due - now)

    def check_deadline(self, now: float) -> None:
        """Raise WaitTimedOut when the time is up."""
        if now - self._started >= self._deadline_seconds:
            fault = f"; the last poll failed: {self._fault}" if self._fault is not None else ""
            goal = "gone" if self._gone_is_expected else "ready"
            raise WaitTimedOut(
                f"{self._subject} is not {goal} after {age(self._deadline_seconds)}: {self._message}, "
                f"unchanged for {age(now - self._message_since)}{fault}. {self._resume_hint()}",
                self._message,
                self._raw,
            )

    def cancelled(self, reason: str) -> WaitCancelled:
        """Return the error for a wait that is cancelled."""
        message = f"{self._subject}: wait interrupted: {reason} (last seen: {self._message}). {self._resume_hint()}"
        return WaitCancelled(message, self._message, self._raw)

    def next_line(self, now: float) -> str | None:
        """Return the progress line to show now; None where it would repeat the last one too soon.

        For example `InstallingDrivers · 3 of 8 nodes running · 12 min`.
        """
        fault = f" · no answer for {age(now - self._faulty_since)}: {self._fault}" if self._fault is not None else ""
        shown = self._message + (" · no answer" if fault else "")
        if shown == self._shown and now - self._shown_at < REPEAT_SECONDS:
            return None
        self._shown, self._shown_at = shown, now
        return f"{self._message} · {age(now - self._started)}{fault}"

    def _resume_hint(self) -> str:
        if self._gone_is_expected:
            return "It may still cost money; run the same command again to go on waiting"
        return "It may cost money already; `pulumi up` resumes"


def age(seconds: float) -> str:
    """Return a length of time in readable form: `40 s`, `12 min`, `2 h 5 min`."""
    if seconds < 60:
        return f"{max(0, int(seconds))} s"
    hours, minutes = divmod(int(seconds // 60), 60)
    return (f"{hours} h " if hours else "") + f"{minutes} min"
