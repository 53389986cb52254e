"""What goes wrong, on demand: rules that say which calls fail, how, and how often."""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, PrivateAttr

FateKind = Literal["provisioning_failed", "degraded", "paused", "vanished", "stuck"]
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
    "sold_out",
    "provisioning_failed",
    "degraded",
    "paused",
    "vanished",
    "stuck",
]

_FATES = ("provisioning_failed", "degraded", "paused", "vanished", "stuck")
_AFTER_THE_ACT = ("reply_lost", "garbage", "empty", "empty_list", "truncated")


@dataclass(frozen=True)
class Fate:
    """What will become of a cluster that is being created."""

    kind: FateKind
    phase: str | None
    """Where it gets stuck or fails, in the vendor's words; None leaves it to the cloud."""
    after_seconds: float | None
    """Cloud time after the creation; None means when it would have been ready."""


class FaultRule(BaseModel):
    """One rule.

    Which calls: `cloud`, `method`, `path` (a glob, with or without the cloud's prefix, over the route's template or the
    real path) and `name` (a glob over the name in the body). Without `path`, the faults of a cluster's life
    (`provisioning_failed`, `degraded`, `paused`, `vanished`, `stuck`, `sold_out`) match the calls that create a
    cluster.

    Which of those: the `nth` (from 1; one or several), all `after` the first so many, every `every`th, or each with a
    `probability` (seeded); at most `times` in all, by default once, and without end where `nth`, `every` or
    `probability` says how often. `times: 0` means without end.

    What: `status` (with `body` and `headers`), `rate_limited` (429 with `Retry-After`), `slow` (`delay_seconds` of wall
    time), `reset` (a TCP reset before anything is done), `reply_lost` (done, then a TCP reset), `garbage` (200 and
    nonsense), `empty` (200 and no body), `empty_list` (200 and every list empty), `truncated` (200, cut off), or a
    cluster's fate. `accepted` says whether the call is carried out all the same; for `slow`, before the delay.
    """

    model_config = ConfigDict(extra="forbid")

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
    headers: dict[str, str] = Field(default_factory=dict[str, str])
    retry_after_seconds: float = Field(default=1, ge=0)
    delay_seconds: float = Field(default=1, ge=0)
    phase: str | None = None
    after_seconds: float | None = Field(default=None, ge=0)

    matched: int = 0
    hits: int = 0

    _random: random.Random = PrivateAttr(default_factory=random.Random)

    def model_post_init(self, context: Any, /) -> None:
        """Seed the rule's own dice."""
        self._random.seed(self.seed)

    @property
    def is_fate(self) -> bool:
        """Whether the rule changes a cluster's life instead of a reply."""
        return self.fault in _FATES

    @property
    def carried_out(self) -> bool:
        """Whether the call takes effect although its reply is spoilt."""
        if self.fault == "slow":
            return True
        return self.accepted if self.accepted is not None else self.fault in _AFTER_THE_ACT

    @property
    def _limit(self) -> int | None:
        if self.times is not None:
            return self.times or None
        return None if self.nth is not None or self.every is not None or self.probability is not None else 1

    def strikes(self, facts: CallFacts) -> bool:
        """Whether this call is hit; counts it either way."""
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
        if self.is_fate or self.fault == "sold_out":
            return facts.creates == "cluster"
        return True


@dataclass(frozen=True)
class CallFacts:
    """What rules look at."""

    cloud: str
    method: str
    paths: tuple[str, ...]
    name: str
    creates: str | None


class FaultBook:
    """All rules, in the order in which they were made; the first that spoils a reply wins."""

    def __init__(self) -> None:
        self._rules: list[FaultRule] = []
        self._made = 0

    def add(self, rule: Mapping[str, Any]) -> FaultRule:
        """Make a rule; raises pydantic's `ValidationError` where it is none."""
        made = FaultRule.model_validate(rule)
        self._made += 1
        made.id = made.id or f"fault-{self._made}"
        self._rules.append(made)
        return made

    def strike(self, facts: CallFacts) -> tuple[FaultRule | None, list[Fate]]:
        """The rule that spoils this call's reply, and what awaits the cluster that it creates."""
        spoilt: FaultRule | None = None
        fates: list[Fate] = []
        for rule in self._rules:
            if spoilt is not None and not rule.is_fate:
                continue
            if not rule.strikes(facts):
                continue
            if rule.is_fate:
                fates.append(Fate(rule.fault, rule.phase, rule.after_seconds))  # pyright: ignore[reportArgumentType]
            else:
                spoilt = rule
        return spoilt, fates

    @property
    def is_empty(self) -> bool:
        """Whether there is no rule at all."""
        return not self._rules

    def report(self) -> list[dict[str, Any]]:
        """Every rule with the calls it has matched and those it really hit."""
        return [rule.model_dump(exclude_defaults=True) | _counts(rule) for rule in self._rules]

    def clear(self, rule_id: str | None = None) -> None:
        """Forget one rule, or all."""
        self._rules = [rule for rule in self._rules if rule_id is not None and rule.id != rule_id]


def _counts(rule: FaultRule) -> dict[str, Any]:
    return {"id": rule.id, "matched": rule.matched, "hits": rule.hits}
