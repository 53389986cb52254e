"""Asks what runs, for what a run only says before it changes anything."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from gpufleet_provider.model.errors import CloudError, Refusal
from gpufleet_provider.model.fields import Properties
from gpufleet_provider.model.state_properties import ACCOUNT
from gpufleet_provider.operations.operation import Operation

SeenT = TypeVar("SeenT")


def look(operation: Operation, id: str, olds: Properties, ask: Callable[[], SeenT]) -> SeenT:
    """Return what `ask` sees of a resource in the account that its state was written with.

    Raises CloudError where this is another account, and where the account cannot be asked. That is noted once, and not
    tried again by this run: a thousand diffs do not each wait for an address that does not answer.
    """
    memory, mark = operation.memory, operation.client.mark
    if olds.get(ACCOUNT, mark) != mark:
        raise Refusal(f"{operation.token} {id}: the state was written with another key")
    if memory.unanswered_look is not None:
        raise memory.unanswered_look
    try:
        return ask()
    except CloudError as error:
        memory.unanswered_look = error
        operation.call.note(f"{operation.token}: it was not looked at what runs now: {error}")
        raise
