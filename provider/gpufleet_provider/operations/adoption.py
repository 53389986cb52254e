"""Whose is a living resource: what an interrupted run left, what a lost answer made, what the user wants imported.

Neither API has an ownership mark. A name that the resource class made out of the program is one; an id that the state
holds already never is what is looked for.
"""

from __future__ import annotations

import functools
import threading
import time
from dataclasses import dataclass, field
from typing import Any

from gpufleet_provider.http.client import CloudClient
from gpufleet_provider.model.comparing import corrected, differences, verdicts
from gpufleet_provider.model.errors import Ambiguous, CloudError, NotFound, Refusal, Stopped
from gpufleet_provider.model.fields import Properties
from gpufleet_provider.model.lifecycle import Lifecycle
from gpufleet_provider.model.replies import parse_info
from gpufleet_provider.model.state_properties import CREATE_FIRST, OFFERED_NAME
from gpufleet_provider.operations.call import CALL
from gpufleet_provider.waiting.watcher import Watcher

RECONCILE_POLLS = 15
"""How often the list is read after a create whose answer was lost, before it is reported as possibly existing."""
QUIET_SECONDS, QUIET_WITHIN_SECONDS = 1.5, 60.0
"""How long a run has to have met nothing new before something is taken over, and for how long that is waited for."""


@dataclass
class KnownIds:
    """What this run has met in the state, of one kind of resource."""

    named: dict[str, str] = field(default_factory=dict[str, str])
    """Ids that the state holds, or held, each with its URN (empty on a server that tells none)."""
    deleted: set[str] = field(default_factory=set[str])
    """Those that this run has deleted."""
    taken: set[str] = field(default_factory=set[str])
    """Those that this run has taken over or imported."""
    met_at: float = float("-inf")
    """When the run last checked or compared anything, by `time.monotonic`."""
    viewed: set[str] = field(default_factory=set[str])
    """URNs that were read and neither checked nor compared since: a refresh compares next, to show what has drifted."""
    unreplaced: dict[str, str] = field(default_factory=dict[str, str])
    """Of each URN that a diff found no reason to replace and that is prepaid: why it is not to be replaced unasked."""
    anew: dict[str, Properties] = field(default_factory=dict[str, Properties])
    """The inputs of each URN that was checked last as one to be created: if it is deleted first, it is replaced."""
    claimed: dict[tuple[Any, ...], str] = field(default_factory=dict[tuple[Any, ...], str])
    """Names, each with its place, that this run creates something under, and the URN of that."""


_claims = threading.Lock()


@functools.cache
def known_ids(token: str) -> KnownIds:
    """Return what this process knows of one kind of resource; needs no key, so that a diff can add to it."""
    return KnownIds()


@dataclass(frozen=True)
class Account:
    """One kind of resource in one account."""

    lifecycle: Lifecycle[Any]
    client: CloudClient
    watcher: Watcher
    known: KnownIds

    def id_of(self, raw: Properties) -> str:
        """Return the id in a raw reply."""
        return str(raw.get(self.lifecycle.id_field, ""))

    def remember(self, id: str) -> None:
        """Remember that the state holds an id: it is never taken over as something that an interrupted run left."""
        self.known.named[id] = CALL.get().urn


# --- Import ---------------------------------------------------------------------------------------------------------


def is_replacement_of(account: Account, import_id: str) -> bool:
    """Whether what was imported under that id is being replaced now, so that the id is history."""
    urn = CALL.get().urn
    return import_id in account.known.deleted or (urn != "" and account.known.named.get(import_id) == urn)


def imported(account: Account, id: str, inputs: Properties) -> None:
    """Make sure that a living resource can become the one declared, as it is; raises Refusal otherwise."""
    subject = f"import of {account.lifecycle.token} {id}"
    if id in account.known.named:
        raise Refusal(f"{subject}: this stack manages it already, under another name")
    try:
        raw = account.watcher.fresh(id)
    except NotFound:
        raise Refusal(
            f"{subject}: the account has no such id; nothing was created. Correct import_, or take it out if what was "
            "imported is to be made anew"
        ) from None
    if not account.lifecycle.live(parse_info(account.lifecycle.info_body, raw)):
        raise Refusal(f"{subject}: it is on its way out; nothing was created")
    found = mismatches(account.lifecycle, raw, inputs)
    if found:
        raise Refusal(
            f"{subject}: inputs do not match what runs: {'; '.join(found)}; "
            "write what runs into the program, import, then change it"
        )
    with _claims:
        # Of two that import one id in one run, one comes too late.
        if id in account.known.named:
            raise Refusal(f"{subject}: this stack manages it already, under another name")
        account.remember(id)
        account.known.taken.add(id)


# --- What an interrupted run left -----------------------------------------------------------------------------------


def certain_list(account: Account) -> list[Properties]:
    """Return a fresh list to look for a name in; raises CloudError.

    A create rests on what the list does not show, so one that shows nothing, or lacks what this run has met and not
    deleted, may have come back short by a fault: it is read twice.
    """
    listed = account.watcher.fresh_list()
    shown = {account.id_of(raw) for raw in listed}
    if shown and shown.issuperset({*account.known.named} - account.known.deleted):
        return listed
    again = account.watcher.fresh_list()
    shown_again = {account.id_of(raw) for raw in again}
    return [*again, *(raw for raw in listed if account.id_of(raw) not in shown_again)]


def left_over(account: Account, listed: list[Properties], inputs: Properties) -> Properties | None:
    """Return the raw reply of what an interrupted run made under our name; None if there is nothing.

    Raises Refusal when something has the name and is not certainly ours, or cannot become what is declared.
    """
    found = _left_over(account, listed, inputs)
    if found is not None:
        # The state may hold it under a URN that this run has still to meet: a renamed resource keeps its name.
        until = time.monotonic() + QUIET_WITHIN_SECONDS
        while time.monotonic() < min(until, account.known.met_at + QUIET_SECONDS):
            account.watcher.pause()
        found = _left_over(account, listed, inputs)
    if found is not None:
        account.known.taken.add(account.id_of(found))
    return found


def _left_over(account: Account, listed: list[Properties], inputs: Properties) -> Properties | None:
    lifecycle, name = account.lifecycle, inputs[account.lifecycle.name_field]
    subject = f"create of {lifecycle.token} {name!r}"
    named = _named(account, listed, inputs)
    for id in map(account.id_of, named):
        holder = account.known.named.get(id, "")
        if holder not in ("", CALL.get().urn):
            raise Refusal(
                f"{subject}: {id} runs under that name already, as {holder.rpartition('::')[2]!r} of this stack; "
                f"nothing was created. Give one of them another {lifecycle.name_field}"
            )
    found = _unknown(account, named)
    if not found:
        return None
    ids = ", ".join(account.id_of(raw) for raw in found)
    if inputs.get(OFFERED_NAME) != name:
        raise Refusal(
            f"{subject}: {ids} runs under that name already and may belong to somebody; nothing was created. Give "
            f'another {lifecycle.name_field}, or take it over with ResourceOptions(import_="{account.id_of(found[0])}")'
        )
    if len(found) > 1:
        raise Refusal(
            f"{subject}: {len(found)} live resources have that name ({ids}); nothing was created or taken over. "
            "Delete what is not wanted, or take one over with ResourceOptions(import_=...)"
        )
    if inputs.get(CREATE_FIRST) and not _knows_what_it_replaces(account):
        # The engine replaces by its own decision (--replace, a taint) without a diff, so no id has been named.
        raise Refusal(
            f"{subject}: {ids} runs under that name, and nothing tells whether it is what is being replaced or what an "
            "interrupted run left; nothing was created. Take delete_before_replace=False out, or take it over with "
            f'ResourceOptions(import_="{ids}")'
        )
    shown = shown_inputs(lifecycle, found[0], inputs)
    fixed = [verdict for verdict in verdicts(lifecycle, shown, inputs) if verdict.action in ("replace", "refuse")]
    if fixed:
        words = "; ".join(difference.message() for verdict in fixed for difference in verdict.differences)
        raise Refusal(
            f"{subject}: {ids} is left from an interrupted run, but {words}; nothing was created. Declare what runs, "
            "or delete it"
        )
    return found[0]


def _knows_what_it_replaces(account: Account) -> bool:
    urn = CALL.get().urn
    return urn != "" and urn in account.known.named.values()


def _matches(account: Account, listed: list[Properties], inputs: Properties) -> list[Properties]:
    """Return the live resources that could be ours: under our name, unknown to the state."""
    return _unknown(account, _named(account, listed, inputs))


def _unknown(account: Account, found: list[Properties]) -> list[Properties]:
    return [raw for raw in found if account.id_of(raw) not in account.known.named]


def _named(account: Account, listed: list[Properties], inputs: Properties) -> list[Properties]:
    """Return the live resources under our name.

    A name of our own making is the ownership mark, wherever the resource stands; a name that the user gave counts
    in its place only.
    """
    lifecycle = account.lifecycle
    ours = inputs.get(OFFERED_NAME) == inputs[lifecycle.name_field]
    places = () if ours else lifecycle.place_fields
    found: list[Properties] = []
    for raw in listed:
        # The raw name is looked at first: parsing a thousand replies for each of a thousand creates is a million.
        if raw.get(lifecycle.name_field) != inputs[lifecycle.name_field]:
            continue
        info = parse_info(lifecycle.info_body, raw)
        shown = lifecycle.observed(info, inputs)
        if lifecycle.live(info) and all(shown.get(name) in (None, inputs.get(name)) for name in places):
            found.append(raw)
    return found


def claim_name(account: Account, inputs: Properties) -> None:
    """Keep a name for the resource that is being created; raises Refusal where another of this run has it.

    Two of them would both find nothing under it, and of two posts nobody could tell whose answer was lost.
    """
    lifecycle, urn = account.lifecycle, CALL.get().urn
    if not urn:
        return
    name = inputs[lifecycle.name_field]
    with _claims:
        holder = account.known.claimed.setdefault((name, *(inputs.get(place) for place in lifecycle.place_fields)), urn)
    if holder != urn:
        raise Refusal(
            f"create of {lifecycle.token} {name!r}: {holder.rpartition('::')[2]!r} of this program has that name, too; "
            f"nothing was created. Give one of them another {lifecycle.name_field}"
        )


def warn_of_twins(account: Account, id: str, inputs: Properties) -> None:
    """Warn of what lives under the name that is this resource's alone, by the list that was read last.

    No API has an idempotency key: a create that a killed run had sent may be carried out, or shown, only after the
    next run has looked for it, and created another. From then on nobody knew of it, if this did not say so.
    """
    lifecycle, name = account.lifecycle, inputs.get(account.lifecycle.name_field)
    if name is None or inputs.get(OFFERED_NAME) != name:
        return
    twins = [raw for raw in _matches(account, account.watcher.newest_list(), inputs) if account.id_of(raw) != id]
    for twin in map(account.id_of, twins):
        CALL.get().warn(
            f"{lifecycle.token} {twin} runs as {name!r} beside {id}, and costs money: an interrupted run has made it, "
            "and this state does not hold it. `gpufleet orphans --stack NAME --delete` deletes what no stack holds"
        )


# --- What a lost answer made ----------------------------------------------------------------------------------------


def reconciled(account: Account, before: list[Properties], inputs: Properties, ambiguous: Ambiguous) -> str:
    """Return the id of what a create made whose answer was lost; `before` is the list that was read ahead of it.

    Raises Refusal, with what may exist, when nothing or more than one thing has appeared by the end.
    """
    name = inputs[account.lifecycle.name_field]
    seen = {account.id_of(raw) for raw in before}
    CALL.get().progress("the answer to the create was lost; reading the list to see what became of it")
    trouble = ""
    for attempt in range(RECONCILE_POLLS):
        try:
            if attempt:
                account.watcher.pause()
            listed, last = account.watcher.fresh_list(), False
        except Stopped:
            # One look past the end of the run: an id in the state is worth more than a second of it.
            listed, last = _last_look(account), True
        except CloudError as error:
            trouble = f" (the list could not be read either: {error})"
            continue
        trouble = ""
        found = [raw for raw in _matches(account, listed, inputs) if account.id_of(raw) not in seen]
        if len(found) == 1:
            return account.id_of(found[0])
        if found:
            ids = ", ".join(account.id_of(raw) for raw in found)
            raise Refusal(f"{ambiguous}; several resources named {name!r} have appeared: {ids}; delete all but one")
        if last:
            break
    raise Refusal(
        f"{ambiguous}; no resource named {name!r} has appeared since{trouble}. It may still: run `pulumi up` again, "
        "which looks for it before it creates anything"
    )


def _last_look(account: Account) -> list[Properties]:
    try:
        return account.lifecycle.list_all(account.client)
    except Exception:
        return []


# --- Declared and shown ---------------------------------------------------------------------------------------------


def shown_inputs(lifecycle: Lifecycle[Any], raw: Properties, inputs: Properties) -> Properties:
    """Return the declared inputs with what the cloud shows written in."""
    return corrected(lifecycle.create_body, inputs, lifecycle.observed(parse_info(lifecycle.info_body, raw), inputs))


def mismatches(lifecycle: Lifecycle[Any], raw: Properties, inputs: Properties) -> list[str]:
    """Say of every declared input that the cloud shows to be different what it is and what is declared."""
    found = differences(lifecycle.create_body, shown_inputs(lifecycle, raw, inputs), inputs)
    return [difference.message() for where in found.values() for difference in where]
