"""The outputs of the stack and the changes to them, at the end of a deployment."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pulumi_embedded import urn as urns
from pulumi_embedded.display.property_changes import output_lines
from pulumi_embedded.steps.events import StepBegins, StepEnds, StepFails
from pulumi_embedded.values import Properties, plain_properties

if TYPE_CHECKING:
    from pulumi_embedded.display.options import DisplayOptions


class StackOutputs:
    """Keeps the outputs of the stack before and after a deployment."""

    def __init__(self, options: DisplayOptions) -> None:
        self._options = options
        self._old: Properties | None = None
        self._new: Properties | None = None

    def add(self, event: StepBegins | StepEnds | StepFails) -> None:
        """Keep the outputs, if the event is the end of the stack's own step."""
        step = event.step
        if isinstance(event, StepEnds) and urns.type_of(step.urn) == urns.ROOT_TYPE and event.op != "refresh":
            self._old = step.old.outputs if step.old else None
            self._new = step.new.outputs if step.new else {}

    def lines(self, *, preview: bool) -> list[str]:
        """The lines to print; a preview leaves out what does not change."""
        if self._new is None or self._options.suppress_outputs:
            return []
        old, new = self._old, self._new
        if self._options.show_secrets:
            old, new = old if old is None else plain_properties(old), plain_properties(new)
        return output_lines(old, new, all_=not preview)
