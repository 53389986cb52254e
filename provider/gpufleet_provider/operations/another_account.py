"""Tells a new key of the same account from another account, in which a missing id proves nothing."""

from __future__ import annotations

from gpufleet_provider.model.errors import Refusal
from gpufleet_provider.model.fields import Properties
from gpufleet_provider.model.state_properties import ACCOUNT
from gpufleet_provider.operations.adoption import wait_until_quiet
from gpufleet_provider.operations.operation import Operation


def remember_with_account(operation: Operation, id: str, outputs: Properties) -> None:
    """Remember that the state holds an id for this resource, and with which key it was last written."""
    operation.remember(id)
    if ACCOUNT in outputs:
        operation.memory.record_account(id, outputs[ACCOUNT])


def refuse_another_account(operation: Operation, id: str, outputs: Properties) -> None:
    """Raise Refusal if the state was written with another key or address: what this one does not show may be there.

    A new key of the same account is told by what it shows: another id that was written with the old one.
    """
    client, mark = operation.client, outputs.get(ACCOUNT, operation.client.mark)
    if mark == client.mark or _shows_others(operation, mark):
        return
    wait_until_quiet(operation)
    if not _shows_others(operation, mark):
        raise Refusal(
            f"{operation.token} {id}: {client.cloud.title} shows no such id, but the state was written with another "
            "key or address, where it may still run. Go back to that key; or, if it is certainly deleted, remove it "
            "from the state with `pulumi state delete`"
        )


def _shows_others(operation: Operation, mark: str) -> bool:
    listed = map(operation.id_of, operation.watcher.newest_list())
    return operation.memory.is_same_account(mark, operation.client.mark, listed)
