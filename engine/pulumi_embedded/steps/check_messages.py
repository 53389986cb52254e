"""Messages for inputs that a provider refuses, worded as the Pulumi CLI words them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pulumi_embedded import urn as urns
from pulumi_embedded.values import PropertyValue, Secret, Unknown

if TYPE_CHECKING:
    from pulumi_embedded.providers.provider_api import CheckFailure
    from pulumi_embedded.storage.snapshot import ResourceState


def check_message(new: ResourceState, failure: CheckFailure) -> str:
    """One line that names the resource, the property, its value and the provider's reason."""
    name = urns.name_of(new.urn)
    if not failure.property:
        return f"{new.type} resource '{name}' has a problem: {failure.reason}"
    value = _shown(new.inputs.get(failure.property))
    return f"{new.type} resource '{name}': property {failure.property} value {value} has a problem: {failure.reason}"


def _shown(value: PropertyValue) -> str:
    if isinstance(value, Secret):
        return "[secret]"
    if isinstance(value, Unknown):
        return "{<unknown>}"
    if isinstance(value, bool):
        return "{true}" if value else "{false}"
    if value is None:
        return "{<nil>}"
    return f"{{{value}}}"
