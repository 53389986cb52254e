"""`RunMemory`: what one run has met of one kind of resource, and the rules that follow from it.

A provider is asked about one resource at a time. What protects an id from being taken over by another resource, and a
prepaid term or data from a replacement that the engine decides by itself, follows from the calls that came before.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from gpufleet_provider.model.errors import CloudError, Refusal
from gpufleet_provider.model.fields import Failure, Properties

QUIET_SECONDS = 1.5
"""How long a run has to have met no resource before it has probably met all that its state holds."""


@dataclass
class RunMemory:
    """What this run has met of one kind of resource. URNs are empty on a server that does not tell them."""

    token: str
    known_ids: dict[str, str] = field(default_factory=dict[str, str])
    """Ids that the state holds, or held, each with its URN."""
    deleted_ids: set[str] = field(default_factory=set[str])
    """Ids that this run has deleted."""
    adopted_ids: set[str] = field(default_factory=set[str])
    """Ids that this run has taken over or imported."""
    last_seen_at: float = float("-inf")
    """When the run last met a resource, by `time.monotonic`."""
    refreshed_urns: set[str] = field(default_factory=set[str])
    """URNs that were read and neither checked nor compared since."""
    losses: dict[str, Failure] = field(default_factory=dict[str, Failure])
    """Per URN of a resource that its diff does not replace: what a replacement would lose without consent."""
    pending_creates: dict[str, Properties] = field(default_factory=dict[str, Properties])
    """Per URN that was last checked as a new resource: its inputs."""
    accounts: dict[str, str] = field(default_factory=dict[str, str])
    """Per id that the state holds: the mark of the account (a key at an address) that it was last written with."""
    same_accounts: set[tuple[str, str]] = field(default_factory=set[tuple[str, str]])
    """Marks of accounts, each with the mark of another through which this run has seen an id of the first."""
    unanswered_look: CloudError | None = None
    """Why this run could not look at what runs now; None if it could, or has not tried."""
    claimed_names: dict[tuple[Any, ...], str] = field(default_factory=dict[tuple[Any, ...], str])
    """Names, each with its account and place, under which this run creates something, and the URN of that."""
    said: set[tuple[str, str]] = field(default_factory=set[tuple[str, str]])
    """Ids, each with what was said to be wrong with it."""
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    # --- Checks and diffs ---

    def record_check(self, urn: str, inputs: Properties, *, is_new: bool) -> Failure | None:
        """Record that a resource is declared; `is_new` says that it is checked without old inputs.

        Returns what is lost if the engine is about to replace it although its diff does not (replace_on_changes,
        a replacement trigger): a check as of a new resource that follows a diff says so.
        """
        self.last_seen_at = time.monotonic()
        self.refreshed_urns.discard(urn)
        if not is_new:
            self.pending_creates.pop(urn, None)
        elif urn:
            self.pending_creates[urn] = inputs
            return self.losses.get(urn)
        return None

    def record_diff(self, id: str, urn: str) -> None:
        """Record that the state holds an id under a URN; raises Refusal if another resource has taken it over."""
        self.last_seen_at = time.monotonic()
        if id in self.adopted_ids:
            raise Refusal(
                f"{self.token} {id}: another resource of this run has taken it over, since it runs under the name "
                "of that one. Remove that one from the state with `pulumi state delete`, and give it a name of its own"
            )
        self.remember(id, urn)

    def record_plan(self, urn: str, loss: Failure | None) -> None:
        """Record what would be lost if the engine replaced a resource against its diff; None if nothing."""
        self.losses.pop(urn, None)
        if loss is not None and urn:
            self.losses[urn] = loss

    # --- Reads, creates and deletes ---

    def record_read(self, urn: str) -> None:
        """Record that a resource is read."""
        self.last_seen_at = time.monotonic()
        self.refreshed_urns.add(urn)

    def end_refresh_view(self, urn: str) -> bool:
        """Say whether the diff at hand only shows what has drifted, because it is the first after a read."""
        is_view = urn in self.refreshed_urns
        self.refreshed_urns.discard(urn)
        return is_view

    def record_create(self, urn: str) -> None:
        """Record that the create of a resource has come: a delete that follows replaces nothing any more."""
        self.pending_creates.pop(urn, None)

    def record_delete(self, urn: str) -> Properties | None:
        """Record that the engine deletes a resource; returns the inputs of what it creates in its place, if any."""
        self.last_seen_at = time.monotonic()
        self.losses.pop(urn, None)
        return self.pending_creates.get(urn)

    def record_gone(self, id: str) -> None:
        """Record that this run has deleted an id."""
        self.deleted_ids.add(id)

    def is_news(self, id: str, said: str) -> bool:
        """Record what is said to be wrong with a resource; False if this run has said it before."""
        with self._lock:
            is_new = (id, said) not in self.said
            self.said.add((id, said))
            return is_new

    # --- Which account an id is in ---

    def record_account(self, id: str, mark: str) -> None:
        """Record the mark of the account that the state has of an id."""
        self.accounts[id] = mark

    def record_shown(self, id: str, through: str) -> None:
        """Record that the account with the mark `through` shows an id, whatever mark the state has of it."""
        self.same_accounts.add((self.accounts.get(id, through), through))

    def is_same_account(self, mark: str, through: str, shown_ids: Iterable[str]) -> bool:
        """Say whether two marks are of one account: the second shows, or has shown, an id that has the first."""
        return (mark, through) in self.same_accounts or any(self.accounts.get(id) == mark for id in shown_ids)

    # --- Whose an id is ---

    def remember(self, id: str, urn: str) -> None:
        """Remember that the state holds an id under a URN."""
        self.known_ids[id] = urn

    def knows(self, id: str) -> bool:
        """Say whether the state holds, or held, an id."""
        return id in self.known_ids

    def holder(self, id: str) -> str:
        """Return the URN under which the state holds an id; empty if it does not, or where no URN is told."""
        return self.known_ids.get(id, "")

    def knows_resource(self, urn: str) -> bool:
        """Say whether the state holds, or held, an id under a URN."""
        return urn != "" and urn in self.known_ids.values()

    def expected_ids(self) -> set[str]:
        """Return the ids that a complete list of the account would show."""
        return {*self.known_ids} - self.deleted_ids

    def is_replaced(self, id: str, urn: str) -> bool:
        """Say whether what runs, or ran, under an id is being replaced by the resource with that URN."""
        return id in self.deleted_ids or (urn != "" and self.known_ids.get(id) == urn)

    # --- Adoption ---

    def is_quiet(self) -> bool:
        """Say whether the run has stopped meeting what its state holds."""
        return time.monotonic() >= self.last_seen_at + QUIET_SECONDS

    def record_adopted(self, id: str) -> None:
        """Record that a resource of this run takes over an id."""
        self.adopted_ids.add(id)

    def is_adopted(self, id: str) -> bool:
        """Say whether a resource of this run has taken over, or imported, an id."""
        return id in self.adopted_ids

    def claim_import(self, id: str, urn: str) -> bool:
        """Take over an id that the state does not hold; False if it does, or another import was faster."""
        with self._lock:
            if id in self.known_ids:
                return False
            self.remember(id, urn)
            self.adopted_ids.add(id)
            return True

    def claim_name(self, name: tuple[Any, ...], urn: str) -> str:
        """Keep a name, with its account and place, for a resource; returns the URN of the first that asked for it."""
        with self._lock:
            return self.claimed_names.setdefault(name, urn)
