"""One wait as a state machine: what was seen becomes words, an end, or patience. No thread, no clock, no request."""

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

Judge = Callable[[Properties | None], Readiness]
"""Judges a raw reply; None stands for a resource that is gone for certain."""

GRACE_SECONDS = 60.0
"""How long after its start a wait puts a 404 down to a cloud that does not show yet what it accepted."""
MISSES = 3
"""404s in a row that it takes, beyond that, before something is gone that was not asked to go."""
REFUSALS = 3
"""401s or 403s in a row that end a wait: the key will not get better."""
FAULTS, FAULTY_SECONDS = 5, 300.0
"""Failed polls in a row, and how long they must have lasted, that end a wait; the client retried each for a minute."""
REPEAT_SECONDS = 60.0
"""How often a line is repeated in which only the age has changed."""


class Vigil:
    """What is known of one wait. Times are seconds of one monotonic clock, given by the caller."""

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
        self._words = "not seen yet"
        self._words_since = now
        self._misses = 0
        self._faults = 0
        self._refusals = 0
        self._faulty_since = now
        self._fault: CloudError | None = None
        self._shown: str = ""
        self._shown_at = now

    # --- What the cloud says ---

    def take(self, answer: Properties | CloudError, now: float) -> bool:
        """Take a reply, or why there is none, NotFound being a definite one; True when the wait is over.

        Raises WaitFailed when the reply says that it will never be, WaitBlocked when waiting on makes no sense now,
        WaitUnanswered when there has been no reply for long.
        """
        if isinstance(answer, CloudError) and not isinstance(answer, NotFound):
            return self._take_fault(answer, now)
        self._faults = self._refusals = 0
        self._fault = None
        if isinstance(answer, NotFound):
            return self._take_miss(now)
        self._misses = 0
        if not self._unjudged and answer == self._raw:
            return False
        self._raw, self._unjudged = answer, False
        return self._judged(answer, now)

    def _take_miss(self, now: float) -> bool:
        self._misses += 1
        if self._gone_is_expected or (self._misses >= MISSES and now - self._started >= GRACE_SECONDS):
            return self._judged(None, now)
        self._unjudged = True
        self._say("the cloud does not show it yet" if self._raw is None else "the cloud does not show it", now)
        return False

    def _take_fault(self, error: CloudError, now: float) -> bool:
        if self._faults == 0:
            self._faulty_since = now
        self._faults += 1
        self._refusals = self._refusals + 1 if isinstance(error, Unauthorized | Forbidden) else 0
        self._fault = error
        if self._refusals >= REFUSALS or (self._faults >= FAULTS and now - self._faulty_since >= FAULTY_SECONDS):
            raise WaitUnanswered(
                f"{self._subject} cannot be watched any more after {age(now - self._started)} "
                f"(last seen: {self._words}): {error}. {self._way_on()}",
                self._words,
                self._raw,
            )
        return False

    def _judged(self, raw: Properties | None, now: float) -> bool:
        try:
            readiness = self._judge(raw)
        except Exception as error:
            # Our own mistake, perhaps over a reply of a shape that nobody has seen: the id must outlive it.
            raise WaitUnanswered(
                f"{self._subject} shows something that cannot be judged ({type(error).__name__}). {self._way_on()}",
                self._words,
                self._raw,
            ) from error
        self._say(readiness.message, now)
        if readiness.state == "failed":
            raise WaitFailed(f"{self._subject} failed: {readiness.message}", readiness.message, self._raw)
        if readiness.state == "blocked":
            raise WaitBlocked(f"{self._subject} is held up: {readiness.message}", readiness.message, self._raw)
        return readiness.state == "ready"

    def _say(self, words: str, now: float) -> None:
        if words != self._words:
            self._words, self._words_since = words, now

    # --- What time says ---

    def patience_seconds(self, now: float) -> float:
        """Return how long there is nothing to do unless there is news."""
        return max(0.0, min(self._started + self._deadline_seconds, self._shown_at + REPEAT_SECONDS) - now)

    def keep_to_deadline(self, now: float) -> None:
        """Raise WaitTimedOut when the time is up."""
        if now - self._started >= self._deadline_seconds:
            fault = f"; the last poll failed: {self._fault}" if self._fault is not None else ""
            goal = "gone" if self._gone_is_expected else "ready"
            raise WaitTimedOut(
                f"{self._subject} is not {goal} after {age(self._deadline_seconds)}: {self._words}, "
                f"unchanged for {age(now - self._words_since)}{fault}. {self._way_on()}",
                self._words,
                self._raw,
            )

    def cancelled(self, reason: str) -> WaitCancelled:
        """Return the error for a wait that is cancelled."""
        message = (
            f"{self._subject} was not waited for to the end: {reason} (last seen: {self._words}). {self._way_on()}"
        )
        return WaitCancelled(message, self._words, self._raw)

    def line(self, now: float) -> str | None:
        """Return the line to show now, such as `InstallingDrivers · 3 of 8 nodes running · 12 min`; None if no news."""
        fault = f" · no answer for {age(now - self._faulty_since)}: {self._fault}" if self._fault is not None else ""
        shown = self._words + (" · no answer" if fault else "")
        if shown == self._shown and now - self._shown_at < REPEAT_SECONDS:
            return None
        self._shown, self._shown_at = shown, now
        return f"{self._words} · {age(now - self._started)}{fault}"

    def _way_on(self) -> str:
        if self._gone_is_expected:
            return "It may still cost money; run the same command again to wait on"
        return "It may cost money already; `pulumi up` resumes"


def age(seconds: float) -> str:
    """Return a length of time for a reader: `40 s`, `12 min`, `2 h 5 min`."""
    if seconds < 60:
        return f"{max(0, int(seconds))} s"
    hours, minutes = divmod(int(seconds // 60), 60)
    return (f"{hours} h " if hours else "") + f"{minutes} min"
