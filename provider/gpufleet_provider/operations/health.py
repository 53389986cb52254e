"""Health: a resource that is paused, degraded or being deleted is said so, whether anything has changed or not."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from gpufleet_provider.model.errors import CloudError
from gpufleet_provider.model.fields import Info, Properties
from gpufleet_provider.model.lifecycle import Lifecycle
from gpufleet_provider.model.replies import parse_info
from gpufleet_provider.operations.call import Call
from gpufleet_provider.operations.look import look
from gpufleet_provider.operations.operation import Operation
from gpufleet_provider.operations.run_memory import RunMemory


def warn_of_trouble(operation: Operation, id: str, info: Info) -> None:
    """Warn of what is wrong with a resource, once per run and message."""
    _warn_once(operation.lifecycle, operation.memory, operation.call, id, operation.lifecycle.trouble(info))


def warn_before_a_run(
    lifecycle: Lifecycle[Any],
    memory: RunMemory,
    call: Call,
    id: str,
    olds: Properties,
    connect: Callable[[], Operation],
) -> None:
    """Warn of what is wrong with a resource that a run compares, so that none is passed over as unchanged.

    The cloud's list says it, which one request reads for all of them; without a key, or where the list cannot be read,
    the old outputs do. Never raises.
    """
    try:
        operation = connect()
        row = look(operation, id, olds, lambda: operation.watcher.listed(id))
        said = lifecycle.trouble(parse_info(lifecycle.info_body, row)) if row is not None else None
    except CloudError:
        seen = lifecycle.trouble(parse_info(lifecycle.info_body, olds))
        said = f"{seen} (when it was last read)" if seen is not None else None
    _warn_once(lifecycle, memory, call, id, said)


def _warn_once(lifecycle: Lifecycle[Any], memory: RunMemory, call: Call, id: str, said: str | None) -> None:
    if said is not None and memory.is_news(id, said):
        call.warn(f"{lifecycle.token} {id}: {said}")
