"""Faults on demand: rules that say which calls fail, how, and how often."""

from __future__ import annotations

import random
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, PrivateAttr, model_validator

PlannedFailureKind = Literal["provisioning_failed", "degraded", "paused", "vanished", "stuck"]
FaultKind = Literal[
    "status",
    "rate_limited",
    "slow",
    "reset",
    "reply_lost",
    "garbage",
    "empty",
    "empty_list",
    "truncated",
    "altered",
    "sold_out",
    "provisioning_failed",
    "degraded",
    "paused",
    "vanished",
    "stuck",
]

HeaderText = Annotated[str, Field(pattern="^[ -~]+$")]

_PLANNED = ("provisioning_failed", "degraded", "paused", "vanished", "stuck")
_CARRIED_OUT = ("reply_lost", "garbage", "empty", "empty_list", "truncated", "altered")


@dataclass(frozen=True)
class PlannedFailure:
    """A failure of a cluster that is being created."""

    kind: PlannedFailureKind
    phase: str | None
    """The vendor's phase or status in which the cluster gets stuck or fails; None is the cloud's usual one."""
    after_seconds: float | None
    """Cloud time from the creation to the failure; None is when the cluster would have been ready."""


class FaultRule(BaseModel):
    """A fault rule.

    Which calls: `cloud`, `method`, `path` (a glob, with or without the cloud's prefix, over the route's template or the
    real path) and `name` (a glob over the name in the body). Without `path`, `sold_out` and the planned failures
    (`provisioning_failed`, `degraded`, `paused`, `vanished`, `stuck`) match the calls that create a cluster.

    Which of those: the `nth` (from 1; one or several), all `after` the first so many, every `every`th, or each with a
    `probability` (seeded); at most `times` in all, by default once, and without end where `nth`, `every` or
    `probability` says how often. `times: 0` means without end.

    What: `status` (with `body` and `headers`), `rate_limited` (429 with `Retry-After`), `slow` (`delay_seconds` of wall
    time, or until the rule is removed), `reset` (a TCP reset before the call is carried out), `reply_lost` (carried
    out, then a TCP reset), `garbage` (200 and HTML), `empty` (200 and no body), `empty_list` (200 and every list
    empty), `truncated` (200, cut off), `altered` (the usual reply, in which every field that `body` names has the value
    that `body` gives it, however deep it stands), or a planned failure of the cluster. `accepted` says whether the call
    is carried out all the same; for `slow`, before the delay.
    """

    model_config = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False)

    id: str = ""
    fault: FaultKind
    cloud: str | None = None
    method: str | None = None
    path: str | None = None
    name: str | None = None
    nth: int | list[int] | None = None
    after: int = Field(default=0, ge=0)
    every: int | None = Field(default=None, ge=1)
    probability: float | None = Field(default=None, ge=0, le=1)
    seed: int = 0
    times: int | None = Field(default=None, ge=0)
    accepted: bool | None = None
    status: int = Field(default=503, ge=100, le=599)
    body: Any = None
    headers: dict[HeaderText, HeaderText] = Field(default_factory=dict[HeaderText, HeaderText])
    retry_after_seconds: float = Field(default=1, ge=0)
    delay_seconds: float = Field(default=1, ge=0, le=threading.TIMEOUT_MAX)
    phase: str | None = None
    after_seconds: float | None = Field(default=None, ge=0)

    matched: int = 0
    hits: int = 0

    _random: random.Random = PrivateAttr(default_factory=random.Random)
    _removed: threading.Event = PrivateAttr(default_factory=threading.Event)

    def model_post_init(self, context: Any, /) -> None:
        """Seed the rule's own random numbers."""
        self._random.seed(self.seed)

    @model_validator(mode="after")
    def _has_fields_to_alter(self) -> FaultRule:
        if self.fault == "altered" and not isinstance(self.body, dict):
            raise ValueError("altered needs a body: an object of the fields to alter")
        return self

    def delay(self) -> None:
        """Wait for `delay_seconds`, or until `end_delays`."""
        self._removed.wait(self.delay_seconds)

    def end_delays(self) -> None:
        """Let every call go on at once that this rule delays."""
        self._removed.set()

    @property
    def plans_failure(self) -> bool:
        """Whether the rule makes the created cluster fail, instead of the call."""
        return self.fault in _PLANNED

    @property
    def carried_out(self) -> bool:
        """Whether the call takes effect although its reply is not the usual one."""
        if self.fault == "slow":
            return True
        return self.accepted if self.accepted is not None else self.fault in _CARRIED_OUT

    @property
    def _limit(self) -> int | None:
        if self.times is not None:
            return self.times or None
        return None if self.nth is not None or self.every is not None or self.probability is not None else 1

    def hit(self, facts: CallFacts) -> bool:
        """Whether the rule applies to this call; counts the call in `matched` and `hits`."""
        if not self._matches(facts):
            return False
        self.matched += 1
        limit = self._limit
        if limit is not None and self.hits >= limit:
            return False
        if not self._is_due():
            return False
        self.hits += 1
        return True

    def _is_due(self) -> bool:
        if self.matched <= self.after:
            return False
        if self.nth is not None:
            return self.matched in (self.nth if isinstance(self.nth, list) else [self.nth])
        if self.every is not None:
            return (self.matched - self.after) % self.every == 0
        return self.probability is None or self._random.random() < self.probability

    def _matches(self, facts: CallFacts) -> bool:
        if self.cloud is not None and self.cloud != facts.cloud:
            return False
        if self.method is not None and self.method.upper() != facts.method:
            return False
        if self.name is not None and not fnmatchcase(facts.name, self.name):
            return False
        if self.path is not None:
            return any(fnmatchcase(path, self.path) for path in facts.paths)
        if self.plans_failure or self.fault == "sold_out":
            return facts.creates == "cluster"
        return True


@dataclass(frozen=True)
class CallFacts:
    """What a rule looks at to decide whether it matches a call."""

    cloud: str
    method: str
    paths: tuple[str, ...]
    name: str
    creates: str | None


class FaultRules:
    """All rules, in the order in which they were made; the first one that changes the reply to a call wins."""

    def __init__(self) -> None:
        self._rules: list[FaultRule] = []
        self._count = 0

    def add(self, rule: Mapping[str, Any]) -> FaultRule:
        """Add a rule; raises pydantic's `ValidationError` for one that is not valid."""
        made = FaultRule.model_validate(rule)
        self._count += 1
        made.id = made.id or f"fault-{self._count}"
        self._rules.append(made)
        return made

    def match(self, facts: CallFacts) -> tuple[FaultRule | None, list[PlannedFailure]]:
        """The rule that changes the reply to this call, if any, and the failures of the cluster that it creates.

        Counts the call in every rule that was asked.
        """
        matching: FaultRule | None = None
        planned: list[PlannedFailure] = []
        for rule in self._rules:
            if matching is not None and not rule.plans_failure:
                continue
            if not rule.hit(facts):
                continue
            if rule.plans_failure:
                failure = PlannedFailure(rule.fault, rule.phase, rule.after_seconds)  # pyright: ignore[reportArgumentType]
                planned.append(failure)
            else:
                matching = rule
        return matching, planned

    @property
    def is_empty(self) -> bool:
        """Whether there is no rule at all."""
        return not self._rules

    def report(self) -> list[dict[str, Any]]:
        """Every rule, with how many calls it matched and to how many it applied."""
        return [rule.model_dump(exclude_defaults=True) | _counts(rule) for rule in self._rules]

    def clear(self, rule_id: str | None = None) -> None:
        """Remove one rule, or all; the calls that it delays go on at once."""
        for rule in self._rules:
            if rule_id is None or rule.id == rule_id:
                rule.end_delays()
        self._rules = [rule for rule in self._rules if rule_id is not None and rule.id != rule_id]


def _counts(rule: FaultRule) -> dict[str, Any]:
    return {"id": rule.id, "matched": rule.matched, "hits": rule.hits}
