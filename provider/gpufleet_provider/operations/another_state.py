"""Recognises what another state of the same stack has made, and leaves it alone unless that state is lost.

Two clones of a repository share project and stack name. The name that is made for a resource tells them apart: its
beginning is the stack's, its end the state's.
"""

from __future__ import annotations

from typing import Any

from gpufleet_provider.http.accounts import Setting
from gpufleet_provider.model.errors import Refusal
from gpufleet_provider.model.fields import Properties
from gpufleet_provider.model.lifecycle import Lifecycle
from gpufleet_provider.model.names import is_made, is_of_stack
from gpufleet_provider.model.replies import parse_info
from gpufleet_provider.model.state_properties import OFFERED_NAME
from gpufleet_provider.operations.operation import Operation

TAKE_OVER = "gpufleet:takeOver"
"""The setting that has a run take over what a lost state of the stack has made."""
LOOK_SECONDS = 60.0
"""How old the list may be in which a check looks for what is to be taken over."""


def takes_over(setting: Setting) -> bool:
    """Return whether this run takes over what a lost state has made; raises Refusal for a setting that says neither."""
    text = setting(TAKE_OVER)
    if text not in (None, "", "true", "false"):
        raise Refusal(f"{TAKE_OVER} must be true or false, got {text!r}")
    return text == "true"


def found_by_check(operation: Operation, inputs: Properties) -> str | None:
    """Return the name of the one resource that another state has made for this one; None if there is not just one.

    Raises CloudError where the list cannot be read.
    """
    name_field = operation.lifecycle.name_field
    listed = operation.watcher.recent_list(LOOK_SECONDS)
    if any(raw.get(name_field) == inputs.get(name_field) for raw in listed):
        return None
    names = [raw[name_field] for raw in of_other_states(operation, listed, inputs)]
    return names[0] if len(names) == 1 else None


def of_other_states(operation: Operation, listed: list[Properties], inputs: Properties) -> list[Properties]:
    """Return the raw replies of what lives and was made for this resource in another state of the stack."""
    lifecycle = operation.lifecycle
    if not is_made(inputs, lifecycle.name_field):
        return []
    found = [
        raw
        for raw in listed
        if raw.get(lifecycle.name_field) != inputs[lifecycle.name_field]
        and is_of_stack(raw.get(lifecycle.name_field), inputs[OFFERED_NAME])
        and not operation.memory.knows(operation.id_of(raw))
    ]
    return [raw for raw in found if lifecycle.live(parse_info(lifecycle.info_body, raw))]


def refuse_another_state(operation: Operation, listed: list[Properties], inputs: Properties) -> None:
    """Raise Refusal if something lives that was made for this resource in another state of the stack."""
    found = of_other_states(operation, listed, inputs)
    if not found:
        return
    lifecycle = operation.lifecycle
    named = ", ".join(f"{operation.id_of(raw)} ({raw[lifecycle.name_field]})" for raw in found)
    older = ", or an older version in this one," if any(_has_no_state(lifecycle, raw, inputs) for raw in found) else ""
    made = f"another state of this stack{older} has made {named}"
    if operation.memory.knows_resource(operation.call.urn):
        # What this state has is being replaced, and deleted already: a refusal would leave nothing in its place.
        operation.call.warn(f"{operation.token}: {made}, which is left alone")
        return
    raise Refusal(
        f"create of {operation.token} {inputs[lifecycle.name_field]!r}: {made}; nothing was created or taken over. Use "
        f"another stack name; or, if that state is lost, run `pulumi config set {TAKE_OVER} true` and `pulumi up`, and "
        "remove the setting"
    )


def _has_no_state(lifecycle: Lifecycle[Any], raw: Properties, inputs: Properties) -> bool:
    """Return whether a name is without a state's part, as older versions made them."""
    return raw[lifecycle.name_field] == inputs[OFFERED_NAME]
