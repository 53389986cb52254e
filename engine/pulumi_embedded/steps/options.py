"""The options of one deployment, and which resources they select."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pulumi_embedded import urn as urns

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pulumi_embedded.steps.imports import ImportEntry
    from pulumi_embedded.steps.targets import Targets
    from pulumi_embedded.storage.snapshot import ResourceState


@dataclass(slots=True)
class Options:
    """What the user asked of the deployment."""

    preview: bool
    parallel: int = 0
    """The number of operations that may run at once; 0 is unlimited."""
    refresh: bool = False
    continue_on_error: bool = False
    run_program: bool = False
    """In a destroy: run the program first, for its hooks and for the configuration of its providers."""
    target_dependents: bool = False
    targets: Targets | None = None
    """The resources that `--target` names; None if it was not given."""
    replace_targets: Targets | None = None
    """The resources that `--replace` names; None if it was not given."""
    imports: Sequence[ImportEntry] = ()
    protect_imports: bool = True

    def targets_resource(self, state: ResourceState) -> bool:
        """Whether `--target` includes the resource; providers and the stack itself always are."""
        if self.targets is None or urns.is_provider_type(state.type) or state.type == urns.ROOT_TYPE:
            return True
        return state.urn in self.targets or (
            self.target_dependents and any(urn in self.targets for urn in state.dependency_urns)
        )

    def forces_replacement(self, urn: str, old: ResourceState | None) -> bool:
        """Whether the resource is replaced even if nothing differs: `--replace` names it, or its state is tainted."""
        return (self.replace_targets is not None and urn in self.replace_targets) or (old is not None and old.taint)
