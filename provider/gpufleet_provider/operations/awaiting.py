"""Waiting for a resource: until it is ready, until it is gone, and what is kept of a wait that ended early."""

from __future__ import annotations

import math
import time
from collections.abc import Collection
from typing import Any, Literal

from gpufleet_provider.model.errors import (
    CloudError,
    NotFound,
    Stopped,
    WaitEnded,
    WaitFailed,
    describe,
)
from gpufleet_provider.model.fields import Info, Properties
from gpufleet_provider.model.lifecycle import Lifecycle, Readiness
from gpufleet_provider.model.replies import parse_info, unreadable
from gpufleet_provider.model.state_properties import ACCOUNT, INPUTS, WAIT
from gpufleet_provider.model.unfinished_wait import UnfinishedWait
from gpufleet_provider.operations.adoption import warn_of_duplicates
from gpufleet_provider.operations.call import Call
from gpufleet_provider.operations.health import warn_of_trouble
from gpufleet_provider.operations.operation import Operation
from gpufleet_provider.waiting.wait import GRACE_SECONDS

During = Literal["create", "update"]


# --- Until it is ready ----------------------------------------------------------------------------------------------


def readiness_of(
    lifecycle: Lifecycle[Any], info: Info, inputs: Properties, changed: Collection[str] | None
) -> Readiness:
    """Judge a reply against all inputs, or after an update against those that it `changed`."""
    if changed is None:
        return lifecycle.readiness(info, inputs)
    in_place = lifecycle.update_body.model_fields
    waited_for = {name: value for name, value in inputs.items() if name in changed or name not in in_place}
    return lifecycle.update_readiness(info, waited_for)


def wait_until_ready(
    operation: Operation,
    id: str,
    inputs: Properties,
    deadline: float,
    olds: Properties,
    during: During,
    changed: Collection[str] | None = None,
) -> Properties:
    """Wait until the resource is ready and return its outputs; what ends the wait early stands under `__wait`.

    Of an update only what it `changed` is waited for. Never raises: the id is known, and an error would lose it. `olds`
    stand in where the cloud showed nothing; they are empty for what has just been created.
    """
    lifecycle = operation.lifecycle
    operation.remember(id)
    gone = False

    def judge(raw: Properties | None) -> Readiness:
        nonlocal gone
        gone = raw is None
        if raw is None:
            return Readiness("failed", "it is gone: the cloud has no such id any more")
        return readiness_of(lifecycle, parse_info(lifecycle.info_body, raw), inputs, changed)

    def go_on_without(missing: str) -> None:
        operation.call.warn(f"{operation.token} {id} is ready, but {missing}; this run goes on")

    known = {**without_wait(olds), lifecycle.id_field: id}
    kept_beside = {INPUTS: inputs, ACCOUNT: operation.client.mark}
    accepted = _accepted_unix_seconds(olds) if olds else time.time()
    asked = None if changed is None else tuple(changed)
    try:
        raw = operation.watcher.wait(
            id,
            judge,
            deadline_seconds=_remaining_seconds(deadline),
            progress=operation.call.progress,
            without=go_on_without,
        )
        warn_of_duplicates(operation, id, inputs)
        info = parse_info(lifecycle.info_body, raw)
        warn_of_trouble(operation, id, info)
        return {**outputs_of(lifecycle, raw, olds), **kept_beside}
    except WaitEnded as ended:
        # What has been ready once holds work: that it fails is no reason to replace it.
        shown = parse_info(lifecycle.info_body, ended.raw) if ended.raw is not None else None
        for_good = isinstance(ended, WaitFailed) and (gone or is_given_up(lifecycle, shown, during))
        kept = "" if for_good or not isinstance(ended, WaitFailed) else "; it is kept"
        since = accepted if ended.raw is None else None
        wait = UnfinishedWait("failed" if for_good else "pending", f"{describe(ended)}{kept}", during, since, asked)
        return {**_shown_outputs(lifecycle, ended.raw, known), **kept_beside, WAIT: wait.to_property()}
    except Exception as error:
        wait = UnfinishedWait("pending", describe(error), during, accepted, asked)
        return {**known, **kept_beside, WAIT: wait.to_property()}


def is_given_up(lifecycle: Lifecycle[Any], info: Info | None, during: During) -> bool:
    """Return whether a resource that failed has never been ready, so that the next run replaces it. Never raises."""
    try:
        return during == "create" and not (info is not None and lifecycle.has_been_ready(info))
    except Exception:
        return False


def _shown_outputs(lifecycle: Lifecycle[Any], raw: Properties | None, known: Properties) -> Properties:
    if raw is None:
        return known
    try:
        return outputs_of(lifecycle, raw, known)
    except Exception:
        return known


def outputs_of(lifecycle: Lifecycle[Any], raw: Properties, olds: Properties) -> Properties:
    """Return the outputs that a reply shows; what it garbles stays as it was, since a delete goes by outputs."""
    garbled = unreadable(lifecycle.info_body, raw)
    kept = {name: olds[name] for name in garbled if name in olds}
    return {**lifecycle.outputs(parse_info(lifecycle.info_body, raw)), **kept}


# --- Until it is gone -----------------------------------------------------------------------------------------------


def request_delete(operation: Operation, id: str, outputs: Properties) -> None:
    """Ask for the delete until the cloud accepts it, or knows no such id for certain; raises CloudError.

    However a cloud refuses to delete what is gone, or being deleted already: what counts is what it shows.
    """
    may_appear_until = time.monotonic() + seconds_until_shown(outputs)
    while True:
        try:
            return operation.lifecycle.delete(operation.client, id)
        except NotFound:
            pass
        except Stopped:
            raise
        except CloudError as refusal:
            shows = _shown_after_refusal(operation, id, refusal)
            if shows is not None:
                if operation.lifecycle.live(shows):
                    raise
                return None
        if time.monotonic() >= may_appear_until:
            return None
        operation.call.progress("the cloud has accepted it and does not show it yet; waiting to delete it")
        operation.watcher.pause()


def _shown_after_refusal(operation: Operation, id: str, refusal: CloudError) -> Any:
    """Return what the cloud shows of a resource that it refused to delete; None if it has no such id for certain."""
    try:
        return parse_info(operation.lifecycle.info_body, operation.watcher.fresh(id))
    except NotFound:
        return None
    except CloudError:
        # The first error says what is wrong; this one only that nothing more is known.
        raise refusal from None


def wait_until_gone(operation: Operation, id: str, deadline: float) -> None:
    """Wait until a resource whose delete was accepted is gone; raises CloudError when the wait ends before."""
    lifecycle = operation.lifecycle

    def judge(raw: Properties | None) -> Readiness:
        info = parse_info(lifecycle.info_body, raw) if raw is not None else None
        if info is None or lifecycle.gone(info):
            return Readiness("ready", "gone")
        return Readiness("pending", f"deleting · {getattr(info, lifecycle.status_field, None) or 'no status'}")

    try:
        operation.watcher.wait(
            id,
            judge,
            deadline_seconds=_remaining_seconds(deadline),
            progress=operation.call.progress,
            gone_is_expected=True,
        )
    except WaitEnded as ended:
        raise CloudError(f"delete of {operation.token} {id} was accepted, but it is not gone yet: {ended}") from None


# --- What a state says of a wait ------------------------------------------------------------------------------------


def wait_now(lifecycle: Lifecycle[Any], info: Info, inputs: Properties, outputs: Properties) -> UnfinishedWait | None:
    """Return why a resource is not as it should be now: what it waited for is not there yet, or it is in trouble."""
    during, changed = during_of(outputs), changed_of(lifecycle, outputs)
    if WAIT in outputs and (stands := readiness_of(lifecycle, info, inputs, changed)).state != "ready":
        given_up = stands.state == "failed" and is_given_up(lifecycle, info, during)
        state = "failed" if given_up else "pending"
        return UnfinishedWait(state, stands.message, during, asked=None if changed is None else tuple(changed))
    said = lifecycle.trouble(info)
    return UnfinishedWait("pending", said, "update", asked=()) if said is not None else None


def during_of(outputs: Properties) -> During:
    """Say whether a resource is still being created; a state that does not say so holds one that has been ready."""
    wait = UnfinishedWait.from_outputs(outputs)
    return wait.during if wait is not None else "update"


def changed_of(lifecycle: Lifecycle[Any], outputs: Properties) -> Collection[str] | None:
    """Return which changed inputs an unfinished wait waits for, none if it was over; None for all of a create."""
    wait = UnfinishedWait.from_outputs(outputs)
    if wait is None:
        return ()
    if wait.during == "create":
        return None
    return wait.asked if wait.asked is not None else tuple(lifecycle.update_body.model_fields)


def without_wait(outputs: Properties) -> Properties:
    """Return outputs without an unfinished wait."""
    return {name: value for name, value in outputs.items() if name != WAIT}


def with_current_outputs(operation: Operation, id: str, outputs: Properties) -> Properties:
    """Return the outputs of a resource whose wait did not end, with what it has made besides itself since."""
    lifecycle = operation.lifecycle
    try:
        now = lifecycle.outputs(parse_info(lifecycle.info_body, operation.watcher.fresh(id, within_seconds=1.0)))
    except Exception:
        # It only helps to leave nothing behind: the delete itself is what counts.
        return outputs
    return {**outputs, **now}


def seconds_until_shown(outputs: Properties) -> float:
    """Return for how long a 404 may still mean that the cloud does not show yet what it has accepted."""
    accepted = _accepted_unix_seconds(outputs)
    return 0.0 if accepted is None else max(0.0, min(GRACE_SECONDS, accepted + GRACE_SECONDS - time.time()))


def _accepted_unix_seconds(outputs: Properties) -> float | None:
    wait = UnfinishedWait.from_outputs(outputs)
    return wait.accepted_unix_seconds if wait is not None else None


# --- Time limits ----------------------------------------------------------------------------------------------------


def deadline_of(call: Call, default_seconds: float) -> float:
    """Return when the time of a call is up, by `time.monotonic`."""
    return time.monotonic() + (call.timeout_seconds or default_seconds)


def _remaining_seconds(deadline: float) -> float:
    # Whole seconds: a limit of 90 min is said as such, and not as 89.
    return max(0, math.ceil(deadline - time.monotonic()))
