"""The life of any resource: look up before a create, take over, wait, correct, delete until gone. No Pulumi in here.

A resource whose id is known is never lost: whatever happens from then on, its id and what is known of it are returned,
with the reason under the hidden output `__wait`, and the next update goes on from there.
"""

from __future__ import annotations

import math
import time
from typing import Any, Literal

from gpufleet_provider.model.checking import ended_message, lost_term
from gpufleet_provider.model.comparing import changes, corrected
from gpufleet_provider.model.errors import (
    Ambiguous,
    CloudError,
    Conflict,
    Invalid,
    NotFound,
    Refusal,
    WaitEnded,
    WaitFailed,
    describe,
)
from gpufleet_provider.model.fields import Local, Properties, marked
from gpufleet_provider.model.lifecycle import Lifecycle, Readiness
from gpufleet_provider.model.planning import forfeited_by_the_engine, prior_inputs
from gpufleet_provider.model.replies import parse_info
from gpufleet_provider.model.state_properties import ACCOUNT, ENDED, IMPORT_ID, INPUTS, WAIT
from gpufleet_provider.model.unfinished_wait import UnfinishedWait
from gpufleet_provider.operations.adoption import (
    Account,
    certain_list,
    claim_name,
    imported,
    is_replacement_of,
    left_over,
    mismatches,
    reconciled,
    shown_inputs,
    warn_of_twins,
)
from gpufleet_provider.operations.call import CALL
from gpufleet_provider.plugin import watchdog
from gpufleet_provider.waiting.wait import GRACE_SECONDS, age

During = Literal["create", "update"]

# --- Create ---------------------------------------------------------------------------------------------------------


def create(account: Account, inputs: Properties) -> tuple[str, Properties]:
    """Make the resource, or take over the one that an interrupted run made; returns its id and outputs.

    Raises CloudError while nothing exists, or when what exists is not certainly ours; the message says which. From
    the moment that an id is known nothing is raised: an error could not carry it.
    """
    deadline = _deadline(account.lifecycle.timeouts.create_seconds)
    account.known.anew.pop(CALL.get().urn, None)
    import_id = inputs.get(IMPORT_ID)
    if import_id and not is_replacement_of(account, str(import_id)):
        imported(account, str(import_id), inputs)
        return str(import_id), _awaited(account, str(import_id), inputs, deadline, {}, "create")
    claim_name(account, inputs)
    before = certain_list(account)
    left = left_over(account, before, inputs)
    if left is None:
        id = _post(account, before, inputs)
        return id, _awaited(account, id, inputs, deadline, {}, "create")
    id = account.id_of(left)
    # Said to stay: were it another's after all (two local states of one project and stack), he has to see it.
    CALL.get().warn(f"{account.lifecycle.token}: taking over {id}, which an interrupted run has left")
    return id, _taken_over(account, id, shown_inputs(account.lifecycle, left, inputs), inputs, deadline)


def _post(account: Account, before: list[Properties], inputs: Properties) -> str:
    lifecycle = account.lifecycle
    subject = f"create of {lifecycle.token} {inputs[lifecycle.name_field]!r}"
    watchdog.look()
    try:
        id = lifecycle.create(account.client, _sendable(lifecycle, inputs))
        if id:
            return id
        ambiguous = Ambiguous(f"{subject}: it was accepted, but the answer holds no id")
    except Ambiguous as lost:
        ambiguous = lost
    except CloudError:
        raise
    except Exception as error:
        # Our own mistake, perhaps over an answer of a shape that nobody has seen: the resource may exist.
        ambiguous = Ambiguous(f"{subject}: {describe(error)}")
    return reconciled(account, before, inputs, ambiguous)


def _taken_over(account: Account, id: str, shown: Properties, inputs: Properties, deadline: float) -> Properties:
    """Wait for what was left as it was declared then, and bring it to what is declared now."""
    outputs = _awaited(account, id, shown, deadline, {}, "create")
    if WAIT in outputs:
        return outputs
    try:
        return _brought(account, id, outputs, shown, inputs, deadline, "update")
    except Exception as error:
        message = f"{id} was taken over and is as it was, because an update failed: {describe(error)}"
        return {**outputs, WAIT: UnfinishedWait("pending", message).to_property()}


# --- Read -----------------------------------------------------------------------------------------------------------


def read(account: Account, id: str, outputs: Properties) -> tuple[Properties, Properties | None] | None:
    """Return outputs and corrected inputs as they are now; None only on a definite word that the resource is gone.

    What was prepaid is never gone: taken out of the state, it would be bought again by the next run.
    """
    lifecycle = account.lifecycle
    inputs: Properties | None = outputs.get(INPUTS)
    if inputs is not None:
        # What is only referred to, by its id, is not managed here.
        account.remember(id)
    try:
        info = parse_info(lifecycle.info_body, account.watcher.fresh(id, within_seconds=1.0))
    except NotFound:
        info = None
    if info is None or lifecycle.gone(info):
        _refuse_another_account(account, id, outputs)
        if info is None and (seconds := _seconds_until_shown(outputs)) > 0:
            words = f"the cloud has accepted it and does not show it yet; it is kept for {age(seconds)} more at least"
            CALL.get().warn(f"{lifecycle.token} {id}: {words}")
            return outputs, inputs
        became = lost_term(lifecycle, inputs, outputs) if inputs is not None else None
        if inputs is None or became is None:
            for attached in lifecycle.attached_resources(inputs or {}, outputs):
                CALL.get().warn(
                    f"{lifecycle.token} {id} is gone, but {attached.description} may still exist, and cost money"
                )
            return None
        CALL.get().warn(f"{lifecycle.token} {id}: {ended_message(lifecycle, became)}")
        ended = {**inputs, ENDED: became}
        return {**_without_wait(outputs), "status": "Ended", INPUTS: ended}, ended
    if inputs is None:
        return lifecycle.outputs(info), None
    inputs = {key: value for key, value in inputs.items() if key != ENDED}
    warn_of_twins(account, id, inputs)
    now = corrected(lifecycle.create_body, inputs, lifecycle.observed(info, inputs))
    result = {**lifecycle.outputs(info), INPUTS: now, ACCOUNT: account.client.mark}
    if WAIT in outputs and (stands := lifecycle.readiness(info, now)).state != "ready":
        during = _during(outputs)
        state = "failed" if stands.state == "failed" and during == "create" else "pending"
        result[WAIT] = UnfinishedWait(state, stands.message, during).to_property()
    return result, now


def _refuse_another_account(account: Account, id: str, outputs: Properties) -> None:
    """Raise where the state was written with another key or address: that this one lacks an id proves nothing."""
    if outputs.get(ACCOUNT, account.client.mark) != account.client.mark:
        raise Refusal(
            f"{account.lifecycle.token} {id}: {account.client.cloud.title} shows no such id, but the state was written "
            "with another key or address, where it may well run. Go back to that key; or, if it is certainly deleted, "
            "take it out with `pulumi state delete`"
        )


# --- Update ---------------------------------------------------------------------------------------------------------


def update(account: Account, id: str, olds: Properties, inputs: Properties) -> Properties:
    """Send what changed, wait until it holds, and return the outputs; without a change, go on waiting.

    Raises CloudError when the change was not accepted: the state then keeps what it has.
    """
    account.remember(id)
    deadline = _deadline(account.lifecycle.timeouts.update_seconds)
    return _brought(account, id, olds, prior_inputs(account.lifecycle, olds, inputs), inputs, deadline, _during(olds))


def _brought(
    account: Account, id: str, olds: Properties, prior: Properties, inputs: Properties, deadline: float, during: During
) -> Properties:
    lifecycle = account.lifecycle
    sent = changes(lifecycle, prior, inputs)
    if sent:
        try:
            lifecycle.update(account.client, id, sent)
        except NotFound as error:
            raise CloudError(f"{error}. If {id} is gone, `pulumi refresh` takes it out of the state") from None
    outputs = _awaited(account, id, inputs, deadline, olds, during)
    if sent and WAIT not in outputs:
        _warn_of_ignored(account, outputs, {name: inputs[name] for name in sent if name in inputs})
    return outputs


def _warn_of_ignored(account: Account, outputs: Properties, asked: Properties) -> None:
    """Compare what was asked for with what the cloud shows now: an edit that it swallowed is said."""
    raw = {key: value for key, value in outputs.items() if not key.startswith("__")}
    for words in mismatches(account.lifecycle, raw, asked):
        CALL.get().warn(f"{account.lifecycle.token}: the cloud accepted the update, but {words}")


def _during(outputs: Properties) -> During:
    """Say whether a resource is still being created; a state that does not say so holds one that has been ready."""
    wait = UnfinishedWait.from_outputs(outputs)
    return wait.during if wait is not None else "update"


def _accepted_unix_seconds(outputs: Properties) -> float | None:
    wait = UnfinishedWait.from_outputs(outputs)
    return wait.accepted_unix_seconds if wait is not None else None


# --- Delete ---------------------------------------------------------------------------------------------------------


def delete(account: Account, id: str, outputs: Properties) -> None:
    """Delete the resource and what it made besides itself, and return when all of it is gone.

    Raises CloudError when the cloud refuses or the time is up; the resource then still stands in the state.
    """
    lifecycle, client = account.lifecycle, account.client
    if id in account.known.taken:
        # A resource that was renamed, and renamed back without an alias: another one of this run goes on with it.
        CALL.get().warn(f"{lifecycle.token} {id} is not deleted: another resource of this run has taken it over")
        return
    account.remember(id)
    _refuse_to_forfeit(account, id, outputs)
    deadline = _deadline(lifecycle.timeouts.delete_seconds)
    if outputs.get(ACCOUNT, client.mark) != client.mark:
        try:
            account.watcher.fresh(id)
        except NotFound:
            _refuse_another_account(account, id, outputs)
    if WAIT in outputs:
        outputs = _completed(account, id, outputs)
    _ask_to_delete(account, id, outputs)
    _await_gone(account, id, deadline)
    account.known.deleted.add(id)
    warn_of_twins(account, id, outputs.get(INPUTS) or {})
    for attached in lifecycle.attached_resources(outputs.get(INPUTS) or {}, outputs):
        CALL.get().progress(f"deleting {attached.description}")
        while not attached.delete(client):
            if time.monotonic() > deadline:
                raise CloudError(
                    f"delete of {lifecycle.token} {id}: it is gone, but {attached.description} is still there"
                )
            account.watcher.pause()


def _refuse_to_forfeit(account: Account, id: str, outputs: Properties) -> None:
    """Refuse the delete of what the engine is about to replace by a decision of its own, if a term goes with it."""
    urn = CALL.get().urn
    account.known.unreplaced.pop(urn, None)
    declared = account.known.anew.get(urn)
    words = forfeited_by_the_engine(account.lifecycle, outputs, declared) if declared is not None else None
    if words is not None:
        raise Refusal(f"{account.lifecycle.token} {id}: {words}")


def _ask_to_delete(account: Account, id: str, outputs: Properties) -> None:
    """Ask until the cloud accepts it, or knows no such id for certain."""
    may_appear_until = time.monotonic() + _seconds_until_shown(outputs)
    while True:
        try:
            return account.lifecycle.delete(account.client, id)
        except NotFound:
            if time.monotonic() >= may_appear_until:
                return None
        except (Conflict, Invalid):
            # Deleting twice is refused by some clouds: whether it is on its way out is what counts.
            if not _on_its_way_out(account, id):
                raise
            return None
        CALL.get().progress("the cloud has accepted it and does not show it yet; waiting to delete it")
        account.watcher.pause()


def _seconds_until_shown(outputs: Properties) -> float:
    """Return for how long a 404 may still mean that the cloud does not show yet what it has accepted."""
    accepted = _accepted_unix_seconds(outputs)
    return 0.0 if accepted is None else max(0.0, min(GRACE_SECONDS, accepted + GRACE_SECONDS - time.time()))


def _completed(account: Account, id: str, outputs: Properties) -> Properties:
    """Return the outputs of what was never waited for to the end with what it has made besides itself since."""
    lifecycle = account.lifecycle
    try:
        now = lifecycle.outputs(parse_info(lifecycle.info_body, account.watcher.fresh(id, within_seconds=1.0)))
    except Exception:
        # It only helps to leave nothing behind: the delete itself is what counts.
        return outputs
    return {**outputs, **now}


def _await_gone(account: Account, id: str, deadline: float) -> None:
    lifecycle = account.lifecycle

    def judge(raw: Properties | None) -> Readiness:
        info = parse_info(lifecycle.info_body, raw) if raw is not None else None
        if info is None or lifecycle.gone(info):
            return Readiness("ready", "gone")
        return Readiness("pending", f"deleting · {getattr(info, 'status', None) or 'no status'}")

    try:
        account.watcher.wait(
            id, judge, deadline_seconds=_remaining(deadline), progress=CALL.get().progress, gone_is_expected=True
        )
    except WaitEnded as ended:
        raise CloudError(f"delete of {lifecycle.token} {id} was accepted, but it is not gone yet: {ended}") from None


def _on_its_way_out(account: Account, id: str) -> bool:
    try:
        info = parse_info(account.lifecycle.info_body, account.watcher.fresh(id))
    except NotFound:
        return True
    return not account.lifecycle.live(info)


# --- Waiting until ready --------------------------------------------------------------------------------------------


def _awaited(
    account: Account, id: str, inputs: Properties, deadline: float, olds: Properties, during: During
) -> Properties:
    """Wait until the resource is ready and return its outputs; what ends the wait early stands under `__wait`.

    Never raises: the id is known, and an error would lose it. `olds` stand in where the cloud showed nothing.
    """
    lifecycle = account.lifecycle
    account.remember(id)
    gone = False

    def judge(raw: Properties | None) -> Readiness:
        nonlocal gone
        gone = raw is None
        if raw is None:
            return Readiness("failed", "it is gone: the cloud has no such id any more")
        return lifecycle.readiness(parse_info(lifecycle.info_body, raw), inputs)

    known = {**_without_wait(olds), lifecycle.id_field: id}
    kept_beside = {INPUTS: inputs, ACCOUNT: account.client.mark}
    accepted = _accepted_unix_seconds(olds) if olds else time.time()
    try:
        raw = account.watcher.wait(id, judge, deadline_seconds=_remaining(deadline), progress=CALL.get().progress)
        warn_of_twins(account, id, inputs)
        return {**lifecycle.outputs(parse_info(lifecycle.info_body, raw)), **kept_beside}
    except WaitEnded as ended:
        # What has been ready once holds work: that it fails is no reason to replace it.
        for_good = isinstance(ended, WaitFailed) and (gone or during == "create")
        kept = "" if for_good or not isinstance(ended, WaitFailed) else "; it is kept"
        since = accepted if ended.raw is None else None
        wait = UnfinishedWait("failed" if for_good else "pending", f"{describe(ended)}{kept}", during, since)
        return {**_shown(lifecycle, ended.raw, known), **kept_beside, WAIT: wait.to_property()}
    except Exception as error:
        wait = UnfinishedWait("pending", describe(error), during, accepted)
        return {**known, **kept_beside, WAIT: wait.to_property()}


def _shown(lifecycle: Lifecycle[Any], raw: Properties | None, known: Properties) -> Properties:
    if raw is None:
        return known
    try:
        return lifecycle.outputs(parse_info(lifecycle.info_body, raw))
    except Exception:
        return known


def _without_wait(outputs: Properties) -> Properties:
    return {name: value for name, value in outputs.items() if name != WAIT}


def _deadline(default_seconds: float) -> float:
    return time.monotonic() + (CALL.get().timeout_seconds or default_seconds)


def _remaining(deadline: float) -> float:
    # Whole seconds: a limit of 90 min is said as such, and not as 89.
    return max(0, math.ceil(deadline - time.monotonic()))


def _sendable(lifecycle: Lifecycle[Any], inputs: Properties) -> Properties:
    ours = marked(lifecycle.create_body, Local)
    return {name: value for name, value in inputs.items() if name not in ours and not name.startswith("__")}
