"""Decides what to do about each resource that the program declares: the steps from its old state to its goal.

Decisions are taken as registrations come in, many at a time: where one waits for a provider, others go on. What was
decided is therefore recorded at once, and looked at again after every wait.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from . import urn as urns
from .aliases import AliasResolver
from .dependencies import DependencyGraph
from .goals import Goal, ReadGoal, carried_over, state_of
from .property_paths import MalformedPath, contains, keep_old, parse
from .provider_api import Checked, Diff, DiffUnavailable, Provider, ProviderError
from .steps import (
    Create,
    CreateReplacement,
    DeleteForReplacement,
    Import,
    ImportReplacement,
    Read,
    ReadReplacement,
    Replace,
    Same,
    SkippedCreate,
    Step,
    Untargeted,
    Update,
    diff_resource,
)
from .values import UNKNOWN, equal, has_unknowns, plain

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .checkpoint import ResourceState
    from .events import Events
    from .provider_api import CheckFailure
    from .registry import ProviderRegistry
    from .targets import Targets

_INIT_ERROR_KEY = "#initerror"


class Refused(Exception):
    """The deployment cannot go on; every reason was told to the user already."""


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
    urns: set[str] = field(default_factory=set[str])
    decided: dict[str, str] = field(default_factory=dict[str, str])
    """What was decided about each URN: same, create, update, replace, read, import."""
    deletes: set[str] = field(default_factory=set[str])
    replaced: set[str] = field(default_factory=set[str])
    skipped_creates: set[str] = field(default_factory=set[str])
    condemned: dict[int, ResourceState] = field(default_factory=dict[int, "ResourceState"])
    """Old states that are deleted before their replacement, by identity."""
    provider_states: dict[str, ResourceState] = field(default_factory=dict[str, "ResourceState"])
    goals: dict[str, Goal] = field(default_factory=dict[str, Goal])
    aliased: dict[str, str] = field(default_factory=dict[str, str])
    """Present URN by the old one under which the resource was found."""
    matched: dict[str, str] = field(default_factory=dict[str, str])
    """Old URN by present one."""
    _replace_keys: dict[str, list[str]] = field(default_factory=dict[str, list[str]])

    # --- what is asked --------------------------------------------------------------------------------------------------

    async def register(self, goal: Goal) -> tuple[ResourceState, Sequence[Step]]:
        """The steps towards the goal and the state that they lead to. Raises `Refused` or `ProviderError`."""
        urn = self._claim(goal.parent, goal.type, goal.name)
        old, alias = self._find_old(urn, goal.name, goal.type, goal.parent, goal)
        self.goals[urn] = goal
        new = state_of(goal, urn, old, alias)
        if urns.is_provider_type(goal.type):
            self.provider_states[urn] = new
            if alias:
                self.provider_states[alias] = new
                self.registry.rename(alias, urn)
        return new, await self._steps(goal, urn, old, new)

    def read(self, goal: ReadGoal) -> tuple[ResourceState, Sequence[Step]]:
        """The steps to look at somebody else's resource."""
        from .checkpoint import ResourceState

        urn = self._claim(goal.parent, goal.type, goal.name)
        old, alias = self._find_old(urn, goal.name, goal.type, goal.parent, None)
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

    def is_operated_on(self, urn: str) -> bool:
        """Whether this run has met the resource, under its present name or an earlier one."""
        return self.decided.get(self.aliased.get(urn, urn), "create") != "create"

    # --- which resource is it -------------------------------------------------------------------------------------------

    def _claim(self, parent: str, type_: str, name: str) -> str:
        if parent and parent not in self.urns:
            self._refuse(f"could not find parent resource {parent}", "")
        urn = urns.make(self.stack, self.project, parent, type_, name)
        if urn in self.urns:
            self._refuse(f"Duplicate resource URN '{urn}'; try giving it a unique name", urn)
        self.urns.add(urn)
        return urn

    def _find_old(
        self, urn: str, name: str, type_: str, parent: str, goal: Goal | None
    ) -> tuple[ResourceState | None, str]:
        if urn in self.aliased:
            self._refuse(
                f"Duplicate resource URN '{urn}' conflicting with alias on resource with URN '{self.aliased[urn]}'", urn
            )
        if urn in self.olds:
            return self.olds[urn], ""
        resolver = AliasResolver(self.stack, self.project, self.matched)
        for alias in resolver.candidates(name, type_, parent, goal.aliases if goal else []):
            if alias == urn or alias not in self.olds:
                continue
            other = alias if alias in self.urns else self.aliased.get(alias)
            if other is not None:
                self._refuse(
                    f"Duplicate resource alias '{alias}' applied to resource with URN '{urn}' "
                    f"conflicting with resource with URN '{other}'",
                    urn,
                )
            self.aliased[alias], self.matched[urn] = urn, alias
            return self.olds[alias], alias
        return None, ""

    # --- what to do about it --------------------------------------------------------------------------------------------

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
                self.events.error(_check_message(new, failure), new.urn)
            raise Refused
        new.inputs = checked.inputs

    def _without_ignored(self, urn: str, goal: Goal, old: ResourceState) -> dict[str, object]:
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
        if self.aliased.get(old_urn) == new_urn:
            return False
        old_state, new_state = self.olds.get(old_urn), self.provider_states.get(new_urn)
        provider = self.registry.find(new.provider)
        if provider is None or old_state is None or new_state is None:
            return False
        from .registry import public_config

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
                f"please remove the `import` declaration from your program; it differs in {', '.join(diff.replace_keys)}"
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
        steps: list[Step] = [*await self._delete_dependents(urn, old)]
        if not old.pending_replacement:
            await self._ensure_provider(old)
            self.deletes.add(urn)
            self.condemned[id(old)] = old
            steps.append(DeleteForReplacement(old, None))
        return [
            *steps,
            Replace(old, new, keys=diff.replace_keys, diff=diff),
            CreateReplacement(old, new, keys=diff.replace_keys, diff=diff),
        ]

    def _decide_replace(self, urn: str) -> None:
        self.decided[urn] = "replace"
        self.replaced.add(urn)

    # --- replacements that take others along ----------------------------------------------------------------------------

    async def _delete_dependents(self, urn: str, old: ResourceState) -> Sequence[Step]:
        dependents = await self._dependents_to_replace(old)
        taken = {id(state) for state, _ in dependents}
        dependents += [
            (state, list[str]())
            for state in self.olds.values()
            if (urn in state.replace_with or state.deleted_with == urn) and id(state) not in taken
        ]
        steps: list[Step] = []
        for state, keys in reversed(dependents):
            if id(state) in self.condemned or self.aliased.get(state.urn, state.urn) in self.decided:
                continue
            if state.protect:
                self._refuse(
                    f'unable to replace resource "{state.urn}" as part of replacing "{urn}" as it is currently marked '
                    "for protection. To unprotect the resource, remove the `protect` flag from the resource in your "
                    f"Pulumi program and run `pulumi up`, or use the command:\n`pulumi state unprotect '{state.urn}'`",
                    urn,
                )
            self._replace_keys[state.urn] = keys
            self.deletes.add(state.urn)
            self.condemned[id(state)] = state
            steps.append(DeleteForReplacement(state, None))
        return steps

    async def _dependents_to_replace(self, root: ResourceState) -> list[tuple[ResourceState, list[str]]]:
        """The resources that cannot outlive `root`: a change of what they take from it would replace them."""
        if root not in self.graph:
            return []
        going = {root.urn}
        result: list[tuple[ResourceState, list[str]]] = []
        for state in self.graph.depending_on(root, self.decided.keys() | self.deletes):
            replaces, keys = await self._would_be_replaced(state, going)
            if replaces:
                going.add(state.urn)
                result.append((state, keys))
        return result

    async def _would_be_replaced(self, state: ResourceState, going: set[str]) -> tuple[bool, list[str]]:
        if not state.custom or state.external:
            return False, []
        if state.provider and urns.split_reference(state.provider)[0] in going:
            await self._ensure_provider(state)
            return True, []
        if state.deleted_with in going:
            return True, []
        inputs = {
            key: UNKNOWN if going.intersection(state.property_dependencies.get(key, ())) else value
            for key, value in state.inputs.items()
        }
        if not any(value is UNKNOWN for value in inputs.values()):
            return False, []
        provider = await self._ensure_provider(state)
        diff = await diff_resource(
            provider, state.urn, state.id, state.inputs, state.outputs, inputs, state.ignore_changes
        )
        diff = with_replace_on_changes(diff, state.replace_on_changes, has_init_errors=False)
        return diff.replaces, diff.replace_keys

    async def _ensure_provider(self, state: ResourceState) -> Provider:
        if urns.is_provider_type(state.type):
            await self.registry.same(state, state.inputs)
            return self.registry
        urn, _ = urns.split_reference(state.provider)
        return await self.registry.ensure(state.provider, self.olds.get(urn))

    # --- imports --------------------------------------------------------------------------------------------------------

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

    # --- targets --------------------------------------------------------------------------------------------------------

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
            if old is None or self.aliased.get(urn, urn) in self.decided:
                continue
            self.urns.add(urn)
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

    # --- small print ----------------------------------------------------------------------------------------------------

    async def _provider_of(self, state: ResourceState) -> Provider | None:
        if not state.custom:
            return None
        if urns.is_provider_type(state.type):
            return self.registry
        urn, _ = urns.split_reference(state.provider)
        return await self.registry.ensure(state.provider, self.olds.get(urn))

    def _refuse(self, message: str, urn: str) -> None:
        self.events.error(message, urn)
        raise Refused

    def _refuse_in_update(self, message: str, urn: str) -> None:
        self.events.error(message, urn)
        if not self.options.preview:
            raise Refused
        self.failed = True


def with_replace_on_changes(diff: Diff, replace_on_changes: Sequence[str], has_init_errors: bool) -> Diff:
    """The diff, with changes that the user wants to replace the resource doing so."""
    if not replace_on_changes or (diff.changes != "some" and not has_init_errors):
        return diff
    paths = []
    for text in replace_on_changes:
        try:
            paths.append(parse(text))
        except MalformedPath:
            continue

    def replaces(text: str) -> bool:
        try:
            path = parse(text)
        except MalformedPath:
            return False
        return any(contains(wanted, path) for wanted in paths)

    keys = dict.fromkeys([*diff.replace_keys, *(key for key in diff.changed_keys if replaces(key))])
    changes = diff.changes
    if has_init_errors and replaces(_INIT_ERROR_KEY):
        keys[_INIT_ERROR_KEY] = None
        changes = "some"
    detailed = diff.detailed
    if detailed is not None:
        detailed = {
            path: replace(item, kind=_REPLACING.get(item.kind, item.kind)) if replaces(path) else item
            for path, item in detailed.items()
        }
    return replace(diff, changes=changes, replace_keys=list(keys), detailed=detailed)


_REPLACING = {"add": "add-replace", "delete": "delete-replace", "update": "update-replace"}


def _check_message(new: ResourceState, failure: CheckFailure) -> str:
    name = urns.name_of(new.urn)
    if not failure.property:
        return f"{new.type} resource '{name}' has a problem: {failure.reason}"
    value = shown(new.inputs.get(failure.property))
    return f"{new.type} resource '{name}': property {failure.property} value {value} has a problem: {failure.reason}"


def shown(value: object) -> str:
    """A value as it stands in a check failure: `{8}`."""
    from .values import Secret, Unknown

    if isinstance(value, Secret):
        return "[secret]"
    if isinstance(value, Unknown):
        return "{<unknown>}"
    if isinstance(value, bool):
        return "{true}" if value else "{false}"
    if value is None:
        return "{<nil>}"
    return f"{{{value}}}"
