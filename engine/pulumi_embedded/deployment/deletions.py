"""Deletions: the step that deletes a resource, and the order in which they run."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from pulumi_embedded.deployment.executor import StepExecutor, StepFailed, Stopped
from pulumi_embedded.steps.dependencies import DependencyGraph
from pulumi_embedded.steps.steps import Delete, DeleteReplaced, Discard, DiscardReplaced, RemovePendingReplace, Step

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pulumi_embedded.storage.snapshot import ResourceState, Snapshot


def deletion_of(state: ResourceState) -> Step:
    """The step that removes the resource from the state, and from the cloud if the stack owns it."""
    if state.delete:
        return DiscardReplaced(state, None) if state.external else DeleteReplaced(state, None)
    if state.pending_replacement:
        return RemovePendingReplace(state, None)
    return Discard(state, None) if state.external else Delete(state, None)


def providers_of_unresolved(base: Snapshot | None) -> set[str]:
    """Return the URNs of the providers of creates whose result is not known: they stay until it is.

    A program may tell what such a create has made by the id of its provider, and another would have another id.
    """
    pending = base.pending_operations if base is not None else []
    references = [operation.resource.provider for operation in pending if operation.type == "creating"]
    return {reference.rpartition("::")[0] for reference in references}


async def delete_in_reverse(steps: Sequence[Step], executor: StepExecutor) -> None:
    """Run each deletion once everything that depends on the resource is deleted; dependencies of a failed one are kept.

    Raises `StepFailed` if any step of the deployment has failed.
    """
    graph = DependencyGraph([step.resource for step in steps])
    done: dict[int, asyncio.Future[bool]] = {
        id(step.resource): asyncio.get_running_loop().create_future() for step in steps
    }

    async def delete(step: Step) -> None:
        dependents = graph.directly_on(step.resource, children=True)
        gone = [await done[id(state)] for state in dependents if state is not step.resource]
        ok = False
        try:
            if all(gone):
                await executor.run([step])
                ok = True
        except (StepFailed, Stopped):
            ok = False
        finally:
            done[id(step.resource)].set_result(ok)

    await asyncio.gather(*(delete(step) for step in steps))
    if executor.failed:
        raise StepFailed
