"""Looks once more at what has failed before it is replaced: it may have healed since the state was written."""

from __future__ import annotations

from collections.abc import Callable

from gpufleet_provider.model.errors import Refusal
from gpufleet_provider.model.fields import Properties
from gpufleet_provider.model.planning import lost_by_the_engine, plan
from gpufleet_provider.model.replies import parse_info
from gpufleet_provider.model.state_properties import INPUTS, WAIT
from gpufleet_provider.model.unfinished_wait import UnfinishedWait
from gpufleet_provider.operations.awaiting import during_of, is_given_up
from gpufleet_provider.operations.operation import Operation


def looked_at_again(connect: Callable[[], Operation], id: str, outputs: Properties) -> Properties:
    """Return the outputs of a resource whose wait has failed as it stands now, with how it stands under `__wait`.

    They are returned as they were where the wait has not failed, where the resource is gone or still has failed, and
    where the cloud cannot be asked; `connect` returns the operation in the account, or raises CloudError. Never raises.
    """
    wait = UnfinishedWait.from_outputs(outputs)
    if wait is None or wait.state != "failed":
        return outputs
    try:
        operation = connect()
        lifecycle = operation.lifecycle
        info = parse_info(lifecycle.info_body, operation.watcher.fresh(id))
        if lifecycle.gone(info):
            return outputs
        stands, during = lifecycle.readiness(info, outputs.get(INPUTS) or {}), during_of(outputs)
        if stands.state == "failed" and is_given_up(lifecycle, info, during):
            return outputs
        stood = UnfinishedWait("pending", stands.message, during)
        return {**outputs, **lifecycle.outputs(info), WAIT: stood.to_property()}
    except Exception:
        # It only helps to spare what has healed: without an answer, what the state says holds.
        return outputs


def ensure_replaceable(operation: Operation, id: str, outputs: Properties, declared: Properties) -> Properties:
    """Make sure, right before a delete that makes room for a replacement, that it loses nothing unasked.

    Returns the outputs as they are now. Raises Refusal for what the program does not confirm, and for what was to be
    replaced because it had failed and has healed since.
    """
    now = looked_at_again(lambda: operation, id, outputs)
    if now is not outputs and not plan(operation.lifecycle, now, declared).replaces:
        raise Refusal(
            f"{operation.token} {id}: it had failed and was to be replaced, but it is not any more, so nothing was "
            "deleted. Run `pulumi up` again, which goes on with it"
        )
    loss = lost_by_the_engine(operation.lifecycle, now, declared)
    if loss is not None:
        raise Refusal(f"{operation.token} {id}: {loss.reason}")
    return now
