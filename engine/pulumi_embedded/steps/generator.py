"""Decides what to do about each resource that the program declares: the steps from its old state to its goal.

Decisions are taken as registrations come in, many at a time: where one waits for a provider, others go on. What was
decided is therefore recorded at once, and looked at again after every wait.
"""

from __future__ import annotations

import asyncio
import os
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, NoReturn

from pulumi_embedded import urn as urns
from pulumi_embedded.property_paths import keep_old
from pulumi_embedded.providers.provider_api import Checked, Diff, DiffUnavailable, Provider, ProviderError
from pulumi_embedded.providers.registry import ProviderRegistry, public_config
from pulumi_embedded.steps.check_messages import check_message
from pulumi_embedded.steps.dependencies import DependencyGraph
from pulumi_embedded.steps.diffs import diff_resource, with_replace_on_changes
from pulumi_embedded.steps.goals import Goal, ReadGoal, carried_over, state_of
from pulumi_embedded.steps.identities import Conflict, Identities
from pulumi_embedded.steps.reading_steps import Import, ImportReplacement, Read, ReadReplacement
from pulumi_embedded.steps.replacements import Companions
from pulumi_embedded.steps.steps import (
    Create,
    CreateReplacement,
    DeleteForReplacement,
    Replace,
    Same,
    SkippedCreate,
    Step,
    Untargeted,
    Update,
)
from pulumi_embedded.storage.snapshot import ResourceState
from pulumi_embedded.values import Properties, equal, has_unknowns, plain

if TYPE_CHECKING:
    from collections.abc import Container, Sequence

    from pulumi_embedded.steps.events import Events
    from pulumi_embedded.steps.goals import Alias
    from pulumi_embedded.steps.imports import ImportEntry
    from pulumi_embedded.steps.targets import Targets


class Refused(Exception):
    """The deployment cannot go on; every reason was told to the user already."""


class _Settled:
    """What was decided about already: a live view, for sets of it would cost as much as the stack is large."""

    def __init__(self, *parts: Container[str]) -> None:
        self._parts = parts

    def __contains__(self, urn: str, /) -> bool:
        return any(urn in part for part in self._parts)


@dataclass(slots=True)
class Options:
    """What the user asked of the deployment."""

    preview: bool
    parallel: int = 0
    """How many operations at once; 0 is as many as there are."""
    refresh: bool = False
    continue_on_error: bool = False
    target_dependents: bool = False
    targets: Targets | None = None
    replace_targets: Targets | None = None
    imports: Sequence[ImportEntry] = ()
    protect_imports: bool = True


@dataclass(slots=True)
class StepGenerator:
    """The decisions of one deployment, from the old resources (`olds`, by URN, without those that await deletion)."""

    stack: str
    project: str
    options: Options
    olds: dict[str, ResourceState]
    graph: DependencyGraph
    registry: ProviderRegistry
    events: Events
    failed: bool = False
    """Whether something was refused in a preview, which goes on to show the rest."""
    decided: dict[str, str] = field(default_factory=dict[str, str])
    """What was decided about each URN: same, create, update, replace, read, import."""
    deletes: set[str] = field(default_factory=set[str])
    replaced: set[str] = field(default_factory=set[str])
    skipped_creates: set[str] = field(default_factory=set[str])
    condemned: dict[int, asyncio.Event] = field(default_factory=dict[int, asyncio.Event])
    """Old states that are deleted before their replacement, by identity; set when that is over."""
    provider_states: dict[str, ResourceState] = field(default_factory=dict[str, "ResourceState"])
    _replace_keys: dict[str, list[str]] = field(default_factory=dict[str, list[str]])
    identities: Identities = field(init=False)
    _companions: Companions = field(init=False)

    def __post_init__(self) -> None:
        self.identities = Identities(self.stack, self.project, self.olds)
        self._companions = Companions(self.graph, self.olds, self.registry)

    # --- what is asked -----------------------------------------------------------------------------------------------

    async def register(self, goal: Goal) -> tuple[ResourceState, Sequence[Step]]:
        """The steps towards the goal and the state that they lead to. Raises `Refused` or `ProviderError`."""
        urn, old, alias = self._identify(goal.parent, goal.type, goal.name, goal.aliases)
        new = state_of(goal, urn, old, alias)
        if urns.is_provider_type(goal.type):
            self.provider_states[urn] = new
            if alias:
                self.provider_states[alias] = new
                self.registry.rename(alias, urn)
        return new, await self._steps(goal, urn, old, new)

    def read(self, goal: ReadGoal) -> tuple[ResourceState, Sequence[Step]]:
        """The steps to look at somebody else's resource."""
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
            self.decided[urn] = "replace"
            self.replaced.add(urn)
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
        """Whether this run has met the resource, under its present name or an earlier one."""
        return self.decided.get(self.identities.present(urn), "create") != "create"

    # --- what to do about it -----------------------------------------------------------------------------------------

    async def _steps(self, goal: Goal, urn: str, old: ResourceState | None, new: ResourceState) -> Sequence[Step]:
        provider = await self._provider_of(new)
        if not self._is_targeted(new):
            return self._steps_untargeted(urn, old, new)
        previous_id = (old.import_id or old.id) if old else ""
        if goal.custom and goal.import_id and (old is None or old.external or previous_id != goal.import_id):
            return self._steps_to_import(goal, urn, old, new)
        seed = os.urandom(32)
        await self._check(provider, goal, urn, old, new, seed)
        if self.options.targets and self.options.target_dependents:
            self.options.targets.add(urn)
        if urn in self.deletes and old is not None:
            return self._steps_to_recreate(urn, old, new)
        if old is None:
            self.decided[urn] = "create"
            return [Create(None, new)]
        if old.external:
            self.decided[urn] = "replace"
            return [CreateReplacement(old, new), Replace(old, new)]
        diff = await self._diff(provider, goal, urn, old, new)
        if urn in self.deletes:
            # While the provider compared, a dependency was found to need a replacement that takes this one along.
            return self._steps_to_recreate(urn, old, new)
        return await self._steps_for_diff(provider, goal, urn, old, new, diff, seed)

    def _steps_to_recreate(self, urn: str, old: ResourceState, new: ResourceState) -> Sequence[Step]:
        self.deletes.discard(urn)
        self._decide_replace(urn)
        keys = self._replace_keys.get(urn, [])
        return [Replace(old, new), CreateReplacement(old, new, keys=keys)]

    async def _check(
        self,
        provider: Provider | None,
        goal: Goal,
        urn: str,
        old: ResourceState | None,
        new: ResourceState,
        seed: bytes,
    ) -> None:
        if provider is None:
            if old is not None:
                new.inputs = self._without_ignored(urn, goal, old)
            return
        fresh = old is None or old.external or urn in self.deletes or self._is_replace_target(urn, old)
        if fresh or old is None:
            checked = await provider.check(urn, {}, goal.properties, seed)
        else:
            checked = await provider.check(urn, old.inputs, self._without_ignored(urn, goal, old), seed)
        self._accept(checked, new)

    def _accept(self, checked: Checked, new: ResourceState) -> None:
        if checked.failures:
            for failure in checked.failures:
                self.events.error(check_message(new, failure), new.urn)
            raise Refused
        new.inputs = checked.inputs

    def _without_ignored(self, urn: str, goal: Goal, old: ResourceState) -> Properties:
        if not goal.ignore_changes:
            return goal.properties
        kept, invalid = keep_old(goal.ignore_changes, old.inputs, goal.properties)
        if invalid:
            paths = ", ".join(invalid)
            self.events.info(f'cannot ignore changes in added or removed elements of the path: "{paths}"', urn)
        return kept

    async def _diff(
        self, provider: Provider | None, goal: Goal, urn: str, old: ResourceState, new: ResourceState
    ) -> Diff:
        if goal.replacement_trigger is not None and old.replacement_trigger is not None:
            trigger = plain(goal.replacement_trigger)
            if has_unknowns(trigger) or not equal(trigger, plain(old.replacement_trigger)):
                return Diff("some", replace_keys=["replacementTrigger"])
        if self._is_replace_target(urn, old):
            return Diff("some", replace_keys=["id"])
        if any(other in self.replaced for other in goal.replace_with):
            return Diff("some", replace_keys=["replaceWith"])
        if goal.deleted_with in self.replaced:
            return Diff("some", replace_keys=["deletedWith"])
        if await self._provider_changed(old, new):
            return Diff("some", replace_keys=["provider"])
        if provider is None:
            return Diff("none" if equal(old.inputs, new.inputs) else "some")
        try:
            return await diff_resource(provider, urn, old.id, old.inputs, old.outputs, new.inputs, goal.ignore_changes)
        except DiffUnavailable as error:
            self.events.warning(str(error), urn)
            return Diff("some")

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

    async def _steps_for_diff(
        self,
        provider: Provider | None,
        goal: Goal,
        urn: str,
        old: ResourceState,
        new: ResourceState,
        diff: Diff,
        seed: bytes,
    ) -> Sequence[Step]:
        diff = with_replace_on_changes(diff, goal.replace_on_changes, bool(old.init_errors))
        if not old.pending_replacement and diff.changes != "some":
            if not old.init_errors:
                self.decided[urn] = "same"
                return [Same(old, new)]
            # Nothing differs, but the resource never became ready: an update goes on waiting for it.
            self.decided[urn] = "update"
            return [Update(old, new, diff=diff)]
        if not diff.replaces and not old.pending_replacement:
            self.decided[urn] = "update"
            return [Update(old, new, diff=diff)]
        return await self._steps_to_replace(provider, goal, urn, old, new, diff, seed)

    async def _steps_to_replace(
        self,
        provider: Provider | None,
        goal: Goal,
        urn: str,
        old: ResourceState,
        new: ResourceState,
        diff: Diff,
        seed: bytes,
    ) -> Sequence[Step]:
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
        # Before anything is awaited: whoever looks now must see that this one is being replaced.
        self._decide_replace(urn)
        if provider is not None and not self._is_replace_target(urn, old):
            # The old resource's defaults are not the new one's.
            self._accept(await provider.check(urn, {}, goal.properties, seed), new)
        delete_first = diff.delete_before_replace if goal.delete_before_replace is None else goal.delete_before_replace
        if not delete_first:
            return [
                CreateReplacement(old, new, keys=diff.replace_keys, diff=diff),
                Replace(old, new, keys=diff.replace_keys, diff=diff),
            ]
        steps = await self._delete_companions(urn, old)
        if not old.pending_replacement:
            await self._companions.provider_of(old)
            steps.append(self._condemn(old))
        return [
            *steps,
            Replace(old, new, keys=diff.replace_keys, diff=diff),
            CreateReplacement(old, new, keys=diff.replace_keys, diff=diff),
        ]

    async def _delete_companions(self, urn: str, old: ResourceState) -> list[Step]:
        steps: list[Step] = []
        for state, keys in reversed(await self._companions.of(old, _Settled(self.decided, self.deletes))):
            if id(state) in self.condemned or self.identities.present(state.urn) in self.decided:
                continue
            if state.protect:
                self._refuse(
                    f'unable to replace resource "{state.urn}" as part of replacing "{urn}" as it is currently marked '
                    "for protection. To unprotect the resource, remove the `protect` flag from the resource in your "
                    f"Pulumi program and run `pulumi up`, or use the command:\n`pulumi state unprotect '{state.urn}'`",
                    urn,
                )
            self._replace_keys[state.urn] = keys
            steps.append(self._condemn(state))
        return steps

    def _condemn(self, state: ResourceState) -> Step:
        self.deletes.add(state.urn)
        self.condemned[id(state)] = asyncio.Event()
        return DeleteForReplacement(state, None)

    def _decide_replace(self, urn: str) -> None:
        self.decided[urn] = "replace"
        self.replaced.add(urn)

    # --- imports -----------------------------------------------------------------------------------------------------

    def _steps_to_import(self, goal: Goal, urn: str, old: ResourceState | None, new: ResourceState) -> Sequence[Step]:
        self.decided[urn] = "import"
        if old is None or urn in self.deletes:
            return [Import(None, new)]
        self.replaced.add(urn)
        return [ImportReplacement(old, new), Replace(old, new)]

    async def after_import(self, goal: Goal, imported: ResourceState) -> tuple[ResourceState, Sequence[Step]]:
        """The steps from an imported resource to its goal; none if it is as the program declares it."""
        new = replace(
            state_of(goal, imported.urn, imported, ""), aliases=imported.aliases, import_id=imported.import_id
        )
        provider = await self._provider_of(new)
        seed = os.urandom(32)
        await self._check(provider, goal, new.urn, imported, new, seed)
        diff = await self._diff(provider, goal, new.urn, imported, new)
        steps = await self._steps_for_diff(provider, goal, new.urn, imported, new, diff, seed)
        if any(isinstance(step, Replace) for step in steps):
            raise ProviderError(
                f"the imported resource differs in {', '.join(diff.replace_keys)}, which cannot be changed in place"
            )
        return (imported, []) if isinstance(steps[0], Same) else (new, steps)

    # --- targets -----------------------------------------------------------------------------------------------------

    def _is_targeted(self, new: ResourceState) -> bool:
        if self.options.targets is None or urns.is_provider_type(new.type) or new.type == urns.ROOT_TYPE:
            return True
        return new.urn in self.options.targets or (
            self.options.target_dependents and any(urn in self.options.targets for urn in new.dependency_urns)
        )

    def _is_replace_target(self, urn: str, old: ResourceState | None) -> bool:
        targets = self.options.replace_targets
        return (targets is not None and urn in targets) or (old is not None and old.taint)

    def _steps_untargeted(self, urn: str, old: ResourceState | None, new: ResourceState) -> Sequence[Step]:
        self.decided[urn] = "same"
        if old is not None:
            return [*self._carry_dependencies(old), Untargeted(old, carried_over(old))]
        self.skipped_creates.add(urn)
        return [SkippedCreate(None, new)]

    def _carry_dependencies(self, state: ResourceState) -> list[Step]:
        """Steps that keep what an untargeted resource depends on, where the program has dropped it."""
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
        """Refuse a step that needs a resource which `--target` leaves out. Raises `Refused` in an update."""
        if not self.skipped_creates or step.new is None or isinstance(step, SkippedCreate):
            return
        for urn in step.new.dependency_urns:
            if urn in self.skipped_creates:
                self._refuse_in_update(
                    f"Resource '{step.urn}' depends on '{urn}' which was not specified in --target list.", step.urn
                )

    # --- small print -------------------------------------------------------------------------------------------------

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
