"""Says where what runs is not what the state says, each time that a run compares the two, until it is settled.

A change that was sent by a run which was killed stands in no state. Where the program takes it back afterwards, its
inputs are those of the state again: there is nothing to do, while something else runs. Without a key nothing is asked,
so that previews of forks work; with one, a list answers for everything of its kind.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from gpufleet_provider.model.comparing import differences
from gpufleet_provider.model.errors import CloudError, NotFound
from gpufleet_provider.model.fields import Info, Properties
from gpufleet_provider.model.lifecycle import Lifecycle
from gpufleet_provider.model.planning import Plan
from gpufleet_provider.model.replies import parse_info
from gpufleet_provider.model.state_properties import ENDED, INPUTS, WAIT
from gpufleet_provider.operations.adoption import shown_in_place
from gpufleet_provider.operations.look import look
from gpufleet_provider.operations.operation import Operation

LOOK_SECONDS = 60.0
"""How old a list may be that is looked at: a run asks for one a minute, whatever its size."""


def warn_of_unsettled(connect: Callable[[], Operation], id: str, olds: Properties, planned: Plan) -> None:
    """Warn of what runs otherwise than the state says, in inputs that this plan does not change anyway. Never raises.

    `connect` returns the operation in the account, or raises CloudError.
    """
    inputs: Properties | None = olds.get(INPUTS)
    if inputs is None or planned.replaces or WAIT in olds or ENDED in inputs:
        return
    try:
        operation = connect()
        info = look(operation, id, olds, lambda: _seen(operation, id))
    except CloudError:
        return
    found = list(_unsettled(operation.lifecycle, info, inputs, planned))
    if found:
        operation.call.warn(f"{operation.token} {id}: {'; '.join(found)}")


def _seen(operation: Operation, id: str) -> Info | None:
    """Return what the cloud shows of a resource; None if it is gone."""
    try:
        return parse_info(operation.lifecycle.info_body, operation.watcher.glance(id, within_seconds=LOOK_SECONDS))
    except NotFound:
        return None


def _unsettled(lifecycle: Lifecycle[Any], info: Info | None, inputs: Properties, planned: Plan) -> Iterable[str]:
    if info is None:
        yield "it is gone. `pulumi refresh` takes it out of the state, and the next `pulumi up` creates it again"
        return
    changing = {path.partition(".")[0].partition("[")[0] for path in planned.detailed}
    shown = lifecycle.observed(info, inputs)
    now = shown_in_place(lifecycle, {name: shown[name] for name in shown if name not in changing}, inputs)
    for where in differences(lifecycle.create_body, now, inputs).values():
        for difference in where:
            yield (
                f"{difference.message()}, by an interrupted run or from outside. `pulumi refresh` takes it into the "
                "state, and the next `pulumi up` brings it to what the program declares"
            )
