"""One resource on its way from its old state to its goal: its inputs are checked and compared with the old ones."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from pulumi_embedded.property_paths import keep_old
from pulumi_embedded.providers.provider_api import Diff, DiffUnavailable, Provider
from pulumi_embedded.steps.check_messages import check_message
from pulumi_embedded.steps.diffs import diff_resource
from pulumi_embedded.steps.events import Events, Refused
from pulumi_embedded.values import Properties, equal, has_unknowns, plain

if TYPE_CHECKING:
    from pulumi_embedded.steps.goals import Goal
    from pulumi_embedded.storage.snapshot import ResourceState


@dataclass(slots=True)
class Transition:
    """A resource that the program declares. `new` starts as the goal says; checks and steps complete it."""

    goal: Goal
    old: ResourceState | None
    new: ResourceState
    provider: Provider | None
    """None for a component."""
    events: Events
    random_seed: bytes = field(default_factory=lambda: os.urandom(32))
    """The same for all checks of the resource, so that they generate the same names."""

    @property
    def urn(self) -> str:
        """The URN of the resource."""
        return self.new.urn

    async def check(self, *, as_new: bool) -> None:
        """Check the inputs and keep the checked ones in `new`; `as_new` ignores the old inputs and their defaults.

        Raises `Refused` or `ProviderError`.
        """
        if self.provider is None:
            if self.old is not None:
                self.new.inputs = self._inputs_with_ignored_changes(self.old)
            return
        if as_new or self.old is None:
            checked = await self.provider.check(self.urn, {}, self.goal.properties, self.random_seed)
        else:
            inputs = self._inputs_with_ignored_changes(self.old)
            checked = await self.provider.check(self.urn, self.old.inputs, inputs, self.random_seed)
        if checked.failures:
            for failure in checked.failures:
                self.events.error(check_message(self.new, failure), self.urn)
            raise Refused
        self.new.inputs = checked.inputs

    def _inputs_with_ignored_changes(self, old: ResourceState) -> Properties:
        if not self.goal.ignore_changes:
            return self.goal.properties
        kept, invalid = keep_old(self.goal.ignore_changes, old.inputs, self.goal.properties)
        if invalid:
            paths = ", ".join(invalid)
            self.events.info(f'cannot ignore changes in added or removed elements of the path: "{paths}"', self.urn)
        return kept

    def trigger_changed(self, old: ResourceState) -> bool:
        """Whether the replacement trigger has another value than at the last update, or an unknown one."""
        if self.goal.replacement_trigger is None or old.replacement_trigger is None:
            return False
        trigger = plain(self.goal.replacement_trigger)
        return has_unknowns(trigger) or not equal(trigger, plain(old.replacement_trigger))

    async def diff(self, old: ResourceState) -> Diff:
        """The difference between the old state and the checked inputs. Raises `ProviderError`."""
        new = self.new
        if self.provider is None:
            return Diff("none" if equal(old.inputs, new.inputs) else "some")
        try:
            return await diff_resource(
                self.provider, self.urn, old.id, old.inputs, old.outputs, new.inputs, self.goal.ignore_changes
            )
        except DiffUnavailable as error:
            self.events.warning(str(error), self.urn)
            return Diff("some")
