"""Updates: sends what has changed, waits until it holds, and remembers what was asked where no answer came."""

from __future__ import annotations

import contextlib

from gpufleet_provider.model.errors import CloudError, Conflict, NotFound, describe
from gpufleet_provider.model.fields import Properties
from gpufleet_provider.model.replies import parse_info
from gpufleet_provider.model.state_properties import ACCOUNT, INPUTS, WAIT
from gpufleet_provider.model.unanswered import settling_changes, with_asked
from gpufleet_provider.model.unfinished_wait import UnfinishedWait
from gpufleet_provider.operations.adoption import mismatches
from gpufleet_provider.operations.awaiting import (
    During,
    changed_of,
    during_of,
    readiness_of,
    wait_until_ready,
    without_wait,
)
from gpufleet_provider.operations.operation import Operation


def apply_changes(
    operation: Operation, id: str, olds: Properties, prior: Properties, inputs: Properties, deadline: float
) -> Properties:
    """Send what differs from the prior inputs, if anything does, and wait until it holds."""
    lifecycle, during = operation.lifecycle, during_of(olds)
    sent = settling_changes(lifecycle, prior, inputs)
    changed = changed_of(lifecycle, olds)
    if sent:
        if during == "create":
            # Clouds refuse changes while a resource comes up; of what it was declared to be, only the rest is needed.
            olds = wait_until_ready(operation, id, prior, deadline, olds, during, ())
            if WAIT in olds:
                return olds
        try:
            _send(operation, id, olds, prior, sent, deadline)
        except NotFound as error:
            raise CloudError(f"{error}. If {id} is gone, `pulumi refresh` removes it from the state") from None
        except Exception as error:
            if isinstance(error, CloudError) and not error.may_be_done:
                raise
            return _unanswered(operation, id, olds, prior, inputs, during, error)
        changed = None if changed is None else tuple(dict.fromkeys((*changed, *sent)))
    outputs = wait_until_ready(operation, id, inputs, deadline, olds, during, changed)
    if sent and WAIT not in outputs:
        # The update is done: a reply that cannot be compared is no reason to call it failed.
        with contextlib.suppress(Exception):
            _warn_of_ignored(operation, outputs, {name: inputs[name] for name in sent if name in inputs})
    return outputs


def _send(
    operation: Operation, id: str, olds: Properties, prior: Properties, sent: Properties, deadline: float
) -> None:
    """Send an update; one that is refused because the resource is at work is sent again once it is not."""
    try:
        return operation.lifecycle.update(operation.client, id, sent)
    except Conflict as refused:
        if refused.may_be_done or not _is_at_work(operation, id, prior):
            raise
        operation.call.progress("the cloud takes no changes while it is at work on it; waiting")
        if WAIT in wait_until_ready(operation, id, prior, deadline, olds, "update", ()):
            raise
    operation.lifecycle.update(operation.client, id, sent)


def _is_at_work(operation: Operation, id: str, prior: Properties) -> bool:
    try:
        info = parse_info(operation.lifecycle.info_body, operation.watcher.fresh(id))
    except CloudError:
        return False
    return readiness_of(operation.lifecycle, info, prior, ()).state == "pending"


def _unanswered(
    operation: Operation,
    id: str,
    olds: Properties,
    prior: Properties,
    inputs: Properties,
    during: During,
    error: Exception,
) -> Properties:
    """Return the outputs of what has either its prior inputs or the new ones: nobody knows which yet."""
    message = f"{describe(error)}. Whether {id} was changed is not known yet: `pulumi up` settles it"
    wait = UnfinishedWait("pending", message, during, asked=())
    return {
        **without_wait(olds),
        operation.lifecycle.id_field: id,
        INPUTS: with_asked(operation.lifecycle, prior, inputs),
        ACCOUNT: operation.client.mark,
        WAIT: wait.to_property(),
    }


def _warn_of_ignored(operation: Operation, outputs: Properties, asked: Properties) -> None:
    """Warn where the cloud accepted a change and then shows that it was not made."""
    raw = {key: value for key, value in outputs.items() if not key.startswith("__")}
    for message in mismatches(operation.lifecycle, raw, asked):
        operation.call.warn(f"{operation.token}: the cloud accepted the update, but {message}")
