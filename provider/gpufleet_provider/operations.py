"""The life of any resource: look up before a create, take over, wait, correct, delete until gone. No Pulumi in here.

A resource whose id is known is never lost: whatever ends a wait is returned beside the id and what is known of the
resource, under the hidden output `__wait`, and the next update goes on from there.
"""

from __future__ import annotations

import functools
import time
from dataclasses import dataclass, field
from typing import Any

from gpufleet_provider.calls import CALL
from gpufleet_provider.checking import ENDED, IMPORT_ID, OFFERED_NAME
from gpufleet_provider.comparing import changes, corrected, differences, verdicts
from gpufleet_provider.errors import Ambiguous, CloudError, Conflict, Invalid, NotFound
from gpufleet_provider.http import CloudClient
from gpufleet_provider.lifecycle import Lifecycle, Local, Properties, Readiness, marked
from gpufleet_provider.parsing import parse_info
from gpufleet_provider.waiting import WaitEnded, WaitFailed, Watcher

INPUTS = "__inputs"
"""The hidden output with the inputs that the resource was last brought to (a diff is given old outputs only)."""
WAIT = "__wait"
"""The hidden output of a resource that is not ready: `{"state": "pending" | "failed", "words": ...}`."""

RECONCILE_POLLS = 10
"""How often the list is read after a create whose answer was lost, before it is reported as possibly existing."""


class Refusal(CloudError):
    """What was asked would lose or buy something behind the user's back: nothing was done."""


@dataclass
class KnownIds:
    """The ids of one kind of resource that this run has met in the state, and those that it has deleted."""

    named: set[str] = field(default_factory=set[str])
    deleted: set[str] = field(default_factory=set[str])


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


# --- Create ---------------------------------------------------------------------------------------------------------


def create(account: Account, inputs: Properties) -> tuple[str, Properties]:
    """Make the resource, or take over the one that an interrupted run made; returns its id and outputs.

    Raises CloudError while nothing exists, or when what exists is not certainly ours; the message says which.
    """
    import_id = inputs.get(IMPORT_ID)
    if import_id and import_id not in account.known.deleted:
        id = _import(account, str(import_id), inputs)
    else:
        before = account.watcher.fresh_list()
        found = _taken_over(account, before, inputs)
        id = found if found is not None else _post(account, before, inputs)
    account.known.named.add(id)
    return id, _awaited(account, id, inputs, account.lifecycle.timeouts.create_seconds)


def _import(account: Account, id: str, inputs: Properties) -> str:
    lifecycle = account.lifecycle
    if id in account.known.named:
        raise Refusal(f"import of {lifecycle.token} {id}: this stack manages it already, under another name")
    try:
        raw = account.watcher.fresh(id)
    except NotFound:
        raise Refusal(f"import of {lifecycle.token} {id}: the account has no such id; nothing was created") from None
    mismatches = _mismatches(account, raw, inputs)
    if mismatches:
        raise Refusal(
            f"import of {lifecycle.token} {id}: inputs do not match what runs: {'; '.join(mismatches)}; "
            "write what runs into the program, import, then change it"
        )
    return id


def _taken_over(account: Account, listed: list[Properties], inputs: Properties) -> str | None:
    """Return the id of what an interrupted run left under our name, brought to the declared inputs; None if nothing."""
    lifecycle = account.lifecycle
    name = inputs[lifecycle.name_field]
    matches = _matches(account, listed, inputs)
    if not matches:
        return None
    ids = ", ".join(_id(lifecycle, raw) for raw in matches)
    if inputs.get(OFFERED_NAME) != name:
        raise Refusal(
            f"create of {lifecycle.token} {name!r}: {ids} runs under that name already and may belong to somebody; "
            f"nothing was created. Give another {lifecycle.name_field}, or take it over with "
            f'ResourceOptions(import_="{_id(lifecycle, matches[0])}")'
        )
    if len(matches) > 1:
        raise Refusal(
            f"create of {lifecycle.token} {name!r}: {len(matches)} live resources have that name ({ids}); nothing was "
            "created or taken over. Delete what is not wanted, or take one over with ResourceOptions(import_=...)"
        )
    raw = matches[0]
    id = _id(lifecycle, raw)
    shown = _shown_inputs(account, raw, inputs)
    fixed = [v for v in verdicts(lifecycle, shown, inputs) if v.action in ("replace", "refuse")]
    if fixed:
        words = "; ".join(f"{v.field} is {shown.get(v.field)!r}, declared {inputs.get(v.field)!r}" for v in fixed)
        raise Refusal(
            f"create of {lifecycle.token} {name!r}: {id} is left from an interrupted run, but {words}; nothing was "
            "created. Declare what runs, or delete it"
        )
    CALL.get().progress(f"taking over {id}, left by an interrupted run")
    sent = changes(lifecycle, shown, inputs)
    if sent:
        lifecycle.update(account.client, id, sent)
    return id


def _post(account: Account, before: list[Properties], inputs: Properties) -> str:
    lifecycle = account.lifecycle
    try:
        return lifecycle.create(account.client, _sendable(lifecycle, inputs))
    except Ambiguous as ambiguous:
        seen = {_id(lifecycle, raw) for raw in before}
        return _reconciled(account, inputs, seen, ambiguous)


def _reconciled(account: Account, inputs: Properties, seen: set[str], ambiguous: Ambiguous) -> str:
    """Find what a create made whose answer was lost; several or none is an error that says what may exist."""
    lifecycle, name = account.lifecycle, inputs[account.lifecycle.name_field]
    CALL.get().progress("the answer to the create was lost; reading the list to see what became of it")
    trouble = ""
    for attempt in range(RECONCILE_POLLS):
        if attempt:
            account.watcher.pause()
        try:
            listed = account.watcher.fresh_list()
        except CloudError as error:
            trouble = f" (the list could not be read either: {error})"
            continue
        trouble = ""
        matches = [raw for raw in _matches(account, listed, inputs) if _id(lifecycle, raw) not in seen]
        if len(matches) == 1:
            return _id(lifecycle, matches[0])
        if matches:
            ids = ", ".join(_id(lifecycle, raw) for raw in matches)
            raise Refusal(f"{ambiguous}; several resources named {name!r} have appeared: {ids}; delete all but one")
    raise Refusal(
        f"{ambiguous}; no resource named {name!r} has appeared since{trouble}. It may still: run `pulumi up` again, "
        "which looks for it before it creates anything"
    )


def _matches(account: Account, listed: list[Properties], inputs: Properties) -> list[Properties]:
    """Return the live resources that could be ours: under our name, unknown to the state.

    A name of our own making is the ownership mark, wherever the resource stands; a name that the user gave counts
    in its place only.
    """
    lifecycle = account.lifecycle
    ours = inputs.get(OFFERED_NAME) == inputs[lifecycle.name_field]
    places = () if ours else lifecycle.place_fields
    found: list[Properties] = []
    for raw in listed:
        # The raw name is looked at first: parsing a thousand replies for each of a thousand creates is a million.
        if raw.get(lifecycle.name_field) != inputs[lifecycle.name_field] or _id(lifecycle, raw) in account.known.named:
            continue
        info = parse_info(lifecycle.info_body, raw)
        shown = lifecycle.observed(info, inputs)
        if lifecycle.live(info) and all(shown.get(name) in (None, inputs.get(name)) for name in places):
            found.append(raw)
    return found


# --- Read -----------------------------------------------------------------------------------------------------------


def read(account: Account, id: str, outputs: Properties) -> tuple[Properties, Properties | None] | None:
    """Return outputs and corrected inputs as they are now; None only on a definite word that the resource is gone."""
    lifecycle = account.lifecycle
    account.known.named.add(id)
    inputs: Properties | None = outputs.get(INPUTS)
    try:
        raw = account.watcher.fresh(id, within_seconds=1.0)
        info = parse_info(lifecycle.info_body, raw)
        gone = lifecycle.gone(info)
    except NotFound:
        raw, info, gone = {}, None, True
    if gone or info is None:
        when = lifecycle.ended(inputs, outputs) if inputs is not None else None
        if inputs is None or when is None:
            return None
        ended = {**inputs, ENDED: when}
        return {**outputs, "status": "Ended", INPUTS: ended}, ended
    if inputs is None:
        return lifecycle.outputs(info), None
    inputs = {key: value for key, value in inputs.items() if key != ENDED}
    now = corrected(lifecycle.create_body, inputs, lifecycle.observed(info, inputs))
    result = {**lifecycle.outputs(info), INPUTS: now}
    if WAIT in outputs and (stands := lifecycle.readiness(info, now)).state != "ready":
        result[WAIT] = {"state": stands.state, "words": stands.words}
    return result, now


# --- Update ---------------------------------------------------------------------------------------------------------


def update(account: Account, id: str, olds: Properties, inputs: Properties) -> Properties:
    """Send what changed, wait until it holds, and return the outputs; without a change, go on waiting."""
    lifecycle = account.lifecycle
    account.known.named.add(id)
    sent = changes(lifecycle, prior_inputs(lifecycle, olds), inputs)
    if sent:
        lifecycle.update(account.client, id, sent)
    outputs = _awaited(account, id, inputs, lifecycle.timeouts.update_seconds, olds)
    if sent and WAIT not in outputs:
        _warn_of_ignored(account, outputs, inputs, set(sent))
    return outputs


def _warn_of_ignored(account: Account, outputs: Properties, inputs: Properties, sent: set[str]) -> None:
    """Compare what was asked for with what the cloud shows now: an edit that it swallowed is said."""
    raw = {key: value for key, value in outputs.items() if not key.startswith("__")}
    for words in _mismatches(account, raw, {name: inputs[name] for name in sent if name in inputs}):
        CALL.get().warn(f"{account.lifecycle.token}: the cloud accepted the update, but {words}")


def prior_inputs(lifecycle: Lifecycle[Any], olds: Properties) -> Properties:
    """Return the inputs that a resource was last brought to, from its old outputs."""
    kept: Properties | None = olds.get(INPUTS)
    return kept if kept is not None else lifecycle.observed(parse_info(lifecycle.info_body, olds))


# --- Delete ---------------------------------------------------------------------------------------------------------


def delete(account: Account, id: str, outputs: Properties) -> None:
    """Delete the resource and what it made besides itself, and return when all of it is gone.

    Raises CloudError when the cloud refuses or the time is up; the resource then still stands in the state.
    """
    lifecycle, client = account.lifecycle, account.client
    account.known.named.add(id)
    deadline = time.monotonic() + _limit_seconds(lifecycle.timeouts.delete_seconds)
    try:
        lifecycle.delete(client, id)
    except NotFound:
        pass
    except (Conflict, Invalid):
        # Deleting twice is refused by some clouds: whether it is on its way out is what counts.
        if not _on_its_way_out(account, id):
            raise

    def judge(raw: Properties | None) -> Readiness:
        info = parse_info(lifecycle.info_body, raw) if raw is not None else None
        if info is None or lifecycle.gone(info):
            return Readiness("ready", "gone")
        return Readiness("pending", f"deleting · {getattr(info, 'status', None) or 'no status'}")

    try:
        account.watcher.wait(
            id, judge, deadline_seconds=deadline - time.monotonic(), progress=CALL.get().progress, gone_is_expected=True
        )
    except WaitEnded as ended:
        raise CloudError(f"delete of {lifecycle.token} {id} was accepted, but it is not gone yet: {ended}") from None
    account.known.deleted.add(id)
    for leftover in lifecycle.leftovers(outputs.get(INPUTS) or {}, outputs):
        CALL.get().progress(f"deleting {leftover.words}")
        while not leftover.delete(client):
            if time.monotonic() > deadline:
                raise CloudError(f"delete of {lifecycle.token} {id}: it is gone, but {leftover.words} is still there")
            account.watcher.pause()


def _on_its_way_out(account: Account, id: str) -> bool:
    try:
        info = parse_info(account.lifecycle.info_body, account.watcher.fresh(id))
    except NotFound:
        return True
    return not account.lifecycle.live(info)


# --- Shared by the above --------------------------------------------------------------------------------------------


def _awaited(
    account: Account, id: str, inputs: Properties, default_seconds: float, olds: Properties | None = None
) -> Properties:
    """Wait until the resource is ready and return its outputs; what ends the wait early stands under `__wait`."""
    lifecycle = account.lifecycle

    def judge(raw: Properties | None) -> Readiness:
        if raw is None:
            return Readiness("failed", "it is gone: the cloud has no such id any more")
        return lifecycle.readiness(parse_info(lifecycle.info_body, raw), inputs)

    kept = {name: value for name, value in inputs.items() if name != "__provider"}
    try:
        raw = account.watcher.wait(
            id, judge, deadline_seconds=_limit_seconds(default_seconds), progress=CALL.get().progress
        )
    except WaitEnded as ended:
        known = ended.raw
        state = "failed" if isinstance(ended, WaitFailed) else "pending"
        wait = {"state": state, "words": str(ended)}
        if known is None:
            known_outputs = {k: v for k, v in (olds or {}).items() if k not in (INPUTS, WAIT, "__provider")}
            return {**known_outputs, lifecycle.id_field: id, INPUTS: kept, WAIT: wait}
        return {**lifecycle.outputs(parse_info(lifecycle.info_body, known)), INPUTS: kept, WAIT: wait}
    return {**lifecycle.outputs(parse_info(lifecycle.info_body, raw)), INPUTS: kept}


def _limit_seconds(default_seconds: float) -> float:
    return CALL.get().timeout_seconds or default_seconds


def _id(lifecycle: Lifecycle[Any], raw: Properties) -> str:
    return str(raw.get(lifecycle.id_field, ""))


def _sendable(lifecycle: Lifecycle[Any], inputs: Properties) -> Properties:
    ours = marked(lifecycle.create_body, Local)
    return {name: value for name, value in inputs.items() if name not in ours and not name.startswith("__")}


def _shown_inputs(account: Account, raw: Properties, inputs: Properties) -> Properties:
    lifecycle = account.lifecycle
    return corrected(lifecycle.create_body, inputs, lifecycle.observed(parse_info(lifecycle.info_body, raw), inputs))


def _mismatches(account: Account, raw: Properties, inputs: Properties) -> list[str]:
    """Name every declared input that the cloud shows to be different, with both values."""
    shown = _shown_inputs(account, raw, inputs)
    found = differences(account.lifecycle.create_body, shown, inputs)
    return [f"{name} is {shown.get(name)!r}, declared {inputs.get(name)!r}" for name in found]
