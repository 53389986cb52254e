"""Decides which steps bring each resource that the program declares from its old state to its goal.

Resources are registered concurrently: while one registration waits for a provider, others are decided. A decision is
therefore recorded before anything is awaited, and checked again after every wait.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, NoReturn

from pulumi_embedded import urn as urns
from pulumi_embedded.providers.provider_api import Diff, Provider, ProviderError
from pulumi_embedded.providers.registry import ProviderRegistry, public_config
from pulumi_embedded.steps.dependencies import DependencyGraph
from pulumi_embedded.steps.diffs import with_replace_on_changes
from pulumi_embedded.steps.events import Events, Refused
from pulumi_embedded.steps.goals import Goal, ReadGoal, carried_over, state_of
from pulumi_embedded.steps.identities import Conflict, Identities
from pulumi_embedded.steps.options import Options
from pulumi_embedded.steps.reading_steps import Import, ImportReplacement, Read, ReadReplacement
from pulumi_embedded.steps.replacements import Dependents
from pulumi_embedded.steps.selection import Selection
from pulumi_embedded.steps.steps import (
    Create,
    CreateReplacement,
    DeleteForReplacement,
    DeleteReplaced,
    Replace,
    Same,
    SkippedCreate,
    Step,
    Untargeted,
    Update,
)
from pulumi_embedded.steps.transition import Transition
from pulumi_embedded.storage.snapshot import ResourceState

if TYPE_CHECKING:
    from collections.abc import Container, Sequence

    from pulumi_embedded.steps.goals import Alias


class _AnyOf:
    """A live union of sets; a copy of them would take time in proportion to the stack."""

    def __init__(self, *sets: Container[str]) -> None:
        self._sets = sets

    def __contains__(self, urn: str, /) -> bool:
        return any(urn in each for each in self._sets)


@dataclass(slots=True)
class StepGenerator:
    """The decisions of one deployment. `olds` has the old resources by URN, without those that await deletion."""

    stack: str
    project: str
    options: Options
    olds: dict[str, ResourceState]
    graph: DependencyGraph
    registry: ProviderRegistry
    events: Events
    failed: bool = False
    """Whether a preview has reported an error that an update would stop at."""
    decided: dict[str, str] = field(default_factory=dict[str, str])
    """The decision about each URN: same, create, update, replace, read or import."""
    deletes: set[str] = field(default_factory=set[str])
    replaced: set[str] = field(default_factory=set[str])
    skipped_creates: set[str] = field(default_factory=set[str])
    pending_deletion: dict[int, asyncio.Event] = field(default_factory=dict[int, asyncio.Event])
    """Old states that are deleted before their replacement, by `id()`; set once the deletion has ended."""
    provider_states: dict[str, ResourceState] = field(default_factory=dict[str, "ResourceState"])
    identities: Identities = field(init=False)
    selection: Selection = field(init=False)
    _replace_keys: dict[str, list[str]] = field(default_factory=dict[str, list[str]])
    _dependents: Dependents = field(init=False)

    def __post_init__(self) -> None:
        self.identities = Identities(self.stack, self.project, self.olds)
        self.selection = Selection(self.options)
        self._dependents = Dependents(self.graph, self.olds, self.registry)

    # --- requests of the program --------------------------------------------------------------------------------------

    async def register(self, goal: Goal) -> tuple[ResourceState, Sequence[Step]]:
        """The state that the goal leads to and the steps to it. Raises `Refused` or `ProviderError`."""
        urn, old, alias = self._identify(goal.parent, goal.type, goal.name, goal.aliases)
        new = state_of(goal, urn, old, alias)
        if urns.is_provider_type(goal.type):
            self.provider_states[urn] = new
            if alias:
                self.provider_states[alias] = new
                self.registry.rename(alias, urn)
        return new, await self._steps(goal, old, new)

    def read(self, goal: ReadGoal) -> tuple[ResourceState, Sequence[Step]]:
        """The state of an external resource, and the steps that read it. Raises `Refused`."""
        urn, old, alias = self._identify(goal.parent, goal.type, goal.name, ())
        new = ResourceState(
            urn=urn,
            type=goal.type,
            custom=True,
            external=True,
            id=goal.id,
            inputs=goal.properties,
            parent=goal.parent,
            dependencies=goal.dependencies,
            provider=goal.provider,
            additional_secret_outputs=goal.additional_secret_outputs,
            aliases=[alias] if alias else [],
            source_position=goal.source_position,
            stack_trace=goal.stack_trace,
        )
        if old is not None and not old.external and old.id != goal.id:
            self._decide_replace(urn)
            return new, [ReadReplacement(old, new), Replace(old, new)]
        self.decided[urn] = "read"
        return new, [Read(old, new)]

    def _identify(
        self, parent: str, type_: str, name: str, aliases: Sequence[Alias]
    ) -> tuple[str, ResourceState | None, str]:
        try:
            urn = self.identities.claim(parent, type_, name)
            return urn, *self.identities.find_old(urn, parent, aliases)
        except Conflict as conflict:
            self._refuse(str(conflict), conflict.urn)

    def is_operated_on(self, urn: str) -> bool:
        """Whether this deployment has a decision, other than create, about an old resource."""
        return self.decided.get(self.identities.present(urn), "create") != "create"

    # --- decisions ----------------------------------------------------------------------------------------------------

    async def _steps(self, goal: Goal, old: ResourceState | None, new: ResourceState) -> Sequence[Step]:
        transition = Transition(goal, old, new, await self._provider_of(new), self.events)
        urn = new.urn
        if self.options.run_program and (steps := self._steps_to_keep(old, new)):
            return steps
        if not self.selection.includes(new):
            return self._steps_untargeted(old, new)
        previous_id = (old.import_id or old.id) if old else ""
        if goal.custom and goal.import_id and (old is None or old.external or previous_id != goal.import_id):
            self.selection.extend_to_dependents(new)
            return self._steps_to_import(old, new)
        await transition.check(as_new=self._is_checked_as_new(urn, old))
        if urn in self.deletes and old is not None:
            return self._steps_to_recreate(old, new)
        self.selection.extend_to_dependents(new)
        if old is None:
            self.decided[urn] = "create"
            return [Create(None, new)]
        if old.external:
            self.decided[urn] = "replace"
            return [CreateReplacement(old, new), Replace(old, new)]
        diff = await self._diff(transition, old)
        if urn in self.deletes:
            # While the provider compared, the replacement of a dependency came to include this resource.
            return self._steps_to_recreate(old, new)
        return await self._steps_for_diff(transition, old, diff)

    def _steps_to_keep(self, old: ResourceState | None, new: ResourceState) -> Sequence[Step]:
        """The step that leaves a resource as it is until the program's end, where it is deleted.

        None for components and providers, which the program configures anew.
        """
        urn = new.urn
        skips = any(dependency in self.skipped_creates for dependency in new.dependency_urns)
        if not skips and (not new.custom or urns.is_provider_type(new.type)):
            return []
        if skips or old is None:
            self.skipped_creates.add(urn)
            new.outputs = old.outputs if old else {}
            return [SkippedCreate(None, new)]
        self.decided[urn] = "same"
        new.inputs = old.inputs
        return [Same(old, new)]

    def _is_checked_as_new(self, urn: str, old: ResourceState | None) -> bool:
        return old is None or old.external or urn in self.deletes or self.options.forces_replacement(urn, old)

    def _steps_to_recreate(self, old: ResourceState, new: ResourceState) -> Sequence[Step]:
        self.deletes.discard(new.urn)
        self._decide_replace(new.urn)
        keys = self._replace_keys.get(new.urn, [])
        return [Replace(old, new), CreateReplacement(old, new, keys=keys)]

    async def _diff(self, transition: Transition, old: ResourceState) -> Diff:
        goal = transition.goal
        if transition.trigger_changed(old):
            return Diff("some", replace_keys=["replacementTrigger"])
        if self.options.forces_replacement(transition.urn, old):
            return Diff("some", replace_keys=["id"])
        if any(other in self.replaced for other in goal.replace_with):
            return Diff("some", replace_keys=["replaceWith"])
        if goal.deleted_with in self.replaced:
            return Diff("some", replace_keys=["deletedWith"])
        if await self._provider_changed(old, transition.new):
            return Diff("some", replace_keys=["provider"])
        return await transition.diff(old)

    async def _provider_changed(self, old: ResourceState, new: ResourceState) -> bool:
        if old.provider == new.provider:
            return False
        if not old.provider or not new.provider:
            return True
        old_urn, _ = urns.split_reference(old.provider)
        new_urn, _ = urns.split_reference(new.provider)
        if old_urn != new_urn and self.identities.present(old_urn) == new_urn:
            return False
        old_state, new_state = self.olds.get(old_urn), self.provider_states.get(new_urn)
        provider = self.registry.find(new.provider)
        if provider is None or old_state is None or new_state is None:
            return False
        diff = await provider.diff_config(
            new_urn, public_config(old_state.inputs), old_state.outputs, public_config(new_state.inputs)
        )
        return diff.replaces

    async def _steps_for_diff(self, transition: Transition, old: ResourceState, diff: Diff) -> Sequence[Step]:
        urn, new = transition.urn, transition.new
        diff = with_replace_on_changes(diff, transition.goal.replace_on_changes, bool(old.init_errors))
        if not old.pending_replacement and diff.changes != "some":
            if not old.init_errors:
                self.decided[urn] = "same"
                return [Same(old, new)]
            # Nothing differs, but the resource never became ready: an update continues to wait for it.
            self.decided[urn] = "update"
            return [Update(old, new, diff=diff)]
        if not diff.replaces and not old.pending_replacement:
            self.decided[urn] = "update"
            return [Update(old, new, diff=diff)]
        return await self._steps_to_replace(transition, old, diff)

    # --- replacements -------------------------------------------------------------------------------------------------

    async def _steps_to_replace(self, transition: Transition, old: ResourceState, diff: Diff) -> Sequence[Step]:
        urn, goal, new = transition.urn, transition.goal, transition.new
        if new.protect and old.protect:
            self._refuse_in_update(
                f'unable to replace resource "{urn}"\nas it is currently marked for protection. To unprotect the '
                "resource, remove the `protect` flag from the resource in your Pulumi program and run `pulumi up`",
                urn,
            )
        if goal.import_id:
            message = (
                "previously-imported resources that still specify an ID may not be replaced; "
                "please remove the `import` declaration from your program; "
                f"it differs in {', '.join(diff.replace_keys)}"
            )
            if not self.options.preview:
                self._refuse(message, urn)
            self.events.warning(message, urn)
        # Before anything is awaited: a registration that looks now must see that this resource is replaced.
        self._decide_replace(urn)
        if transition.provider is not None and not self.options.forces_replacement(urn, old):
            # The old resource's defaults are not the new one's.
            await transition.check(as_new=True)
        delete_first = diff.delete_before_replace if goal.delete_before_replace is None else goal.delete_before_replace
        if not delete_first:
            return [
                CreateReplacement(old, new, keys=diff.replace_keys, diff=diff),
                Replace(old, new, keys=diff.replace_keys, diff=diff),
            ]
        steps = await self._delete_dependents(urn, old)
        if not old.pending_replacement:
            await self._dependents.provider_of(old)
            steps.append(self._delete_for_replacement(old))
        return [
            *steps,
            Replace(old, new, keys=diff.replace_keys, diff=diff),
            CreateReplacement(old, new, keys=diff.replace_keys, diff=diff),
        ]

    async def _delete_dependents(self, urn: str, old: ResourceState) -> list[Step]:
        steps: list[Step] = []
        for state, keys in reversed(await self._dependents.of(old, _AnyOf(self.decided, self.deletes))):
            if id(state) in self.pending_deletion or self.identities.present(state.urn) in self.decided:
                continue
            if state.pending_replacement:
                # An earlier deployment has deleted it; its replacement is still due.
                continue
            if state.delete:
                # It was replaced before, and only its deletion was left to do.
                self.pending_deletion[id(state)] = asyncio.Event()
                steps.append(DeleteReplaced(state, None))
                continue
            if state.protect:
                self._refuse(
                    f'unable to replace resource "{state.urn}" as part of replacing "{urn}" as it is currently marked '
                    "for protection. To unprotect the resource, remove the `protect` flag from the resource in your "
                    f"Pulumi program and run `pulumi up`, or use the command:\n`pulumi state unprotect '{state.urn}'`",
                    urn,
                )
            self._replace_keys[state.urn] = keys
            steps.append(self._delete_for_replacement(state))
        return steps

    def _delete_for_replacement(self, state: ResourceState) -> Step:
        self.deletes.add(state.urn)
        self.pending_deletion[id(state)] = asyncio.Event()
        return DeleteForReplacement(state, None)

    def _decide_replace(self, urn: str) -> None:
        self.decided[urn] = "replace"
        self.replaced.add(urn)

    # --- imports ------------------------------------------------------------------------------------------------------

    def _steps_to_import(self, old: ResourceState | None, new: ResourceState) -> Sequence[Step]:
        self.decided[new.urn] = "import"
        if old is None or new.urn in self.deletes:
            return [Import(None, new)]
        self.replaced.add(new.urn)
        return [ImportReplacement(old, new), Replace(old, new)]

    async def after_import(self, goal: Goal, imported: ResourceState) -> tuple[ResourceState, Sequence[Step]]:
        """The state that the goal leads to and the steps to it from an imported resource; none if nothing differs.

        Raises `Refused`, or `ProviderError` if the resource would have to be replaced.
        """
        new = replace(
            state_of(goal, imported.urn, imported, ""), aliases=imported.aliases, import_id=imported.import_id
        )
        transition = Transition(goal, imported, new, await self._provider_of(new), self.events)
        await transition.check(as_new=self._is_checked_as_new(new.urn, imported))
        diff = await self._diff(transition, imported)
        steps = await self._steps_for_diff(transition, imported, diff)
        if any(isinstance(step, Replace) for step in steps):
            raise ProviderError(
                f"the imported resource differs in {', '.join(diff.replace_keys)}, which cannot be changed in place"
            )
        return (imported, []) if isinstance(steps[0], Same) else (new, steps)

    # --- targets ------------------------------------------------------------------------------------------------------

    def _steps_untargeted(self, old: ResourceState | None, new: ResourceState) -> Sequence[Step]:
        if old is not None and id(old) in self.pending_deletion:
            # It was deleted for the replacement of something that it depends on; it comes back as it was.
            new.inputs, new.dependencies, new.property_dependencies = (
                old.inputs,
                old.dependencies,
                old.property_dependencies,
            )
            return [*self._carry_dependencies(old), *self._steps_to_recreate(old, new)]
        self.selection.extend_to_dependents(new)
        self.decided[new.urn] = "same"
        if old is not None:
            return [*self._carry_dependencies(old), Untargeted(old, carried_over(old))]
        self.skipped_creates.add(new.urn)
        return [SkippedCreate(None, new)]

    def _carry_dependencies(self, state: ResourceState) -> list[Step]:
        """Steps that keep the dependencies of an untargeted resource that the program no longer declares."""
        steps: list[Step] = []
        for urn in state.dependency_urns:
            old = self.olds.get(urn)
            if old is None or self.identities.present(urn) in self.decided:
                continue
            self.identities.claimed.add(urn)
            self.decided[urn] = "same"
            steps += [*self._carry_dependencies(old), Untargeted(old, carried_over(old))]
        return steps

    def check_skipped(self, step: Step) -> None:
        """Refuse a step whose resource needs one that is not to be created. Raises `Refused` in an update."""
        if not self.skipped_creates or step.new is None or isinstance(step, SkippedCreate):
            return
        for urn in dict.fromkeys(step.new.dependency_urns):
            if urn in self.skipped_creates:
                why = "was excluded" if self.options.targets is None else "was not specified in --target list"
                self._refuse_in_update(f"Resource '{step.urn}' depends on '{urn}' which {why}.", step.urn)

    # ------------------------------------------------------------------------------------------------------------------

    async def _provider_of(self, state: ResourceState) -> Provider | None:
        if not state.custom:
            return None
        if urns.is_provider_type(state.type):
            return self.registry
        return await self.registry.ensure(state.provider)

    def _refuse(self, message: str, urn: str) -> NoReturn:
        self.events.error(message, urn)
        raise Refused

    def _refuse_in_update(self, message: str, urn: str) -> None:
        self.events.error(message, urn)
        if not self.options.preview:
            raise Refused
        self.failed = True
