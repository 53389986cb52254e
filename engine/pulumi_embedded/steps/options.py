"""What the user asked of a deployment, apart from the program."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

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
    targets: Targets | None = None
    """The resources that `--target` names; None if it was not given."""
    target_dependents: bool = False
    excludes: Targets | None = None
    """The resources that `--exclude` names; None if it was not given."""
    exclude_dependents: bool = False
    replace_targets: Targets | None = None
    """The resources that `--replace` names; None if it was not given."""
    imports: Sequence[ImportEntry] = ()
    protect_imports: bool = True

    def forces_replacement(self, urn: str, old: ResourceState | None) -> bool:
        """Whether the resource is replaced even if nothing differs: `--replace` names it, or its state is tainted."""
        return (self.replace_targets is not None and urn in self.replace_targets) or (old is not None and old.taint)
