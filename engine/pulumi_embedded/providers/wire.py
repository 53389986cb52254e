"""Property values as protobuf `Struct` messages, in which objects with a signature represent what JSON cannot."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from google.protobuf import struct_pb2

from pulumi_embedded.values import (
    OUTPUT_VALUE,
    RESOURCE_REFERENCE,
    SECRET,
    SIGNATURE,
    UNKNOWN,
    UNKNOWN_STRING,
    MalformedValue,
    OutputValue,
    Properties,
    PropertyValue,
    ResourceReference,
    Secret,
    Unknown,
    lower,
    resource_reference,
    secret,
    whole,
)

_UNKNOWNS: Final = frozenset(
    {
        UNKNOWN_STRING,
        "1c4a061d-8072-4f0a-a4cb-0ff528b18fe7",  # bool
        "3eeb2bf0-c639-47a8-9e75-3b44932eb421",  # number
        "6a19a0b0-7e62-4c92-b797-7f8e31da9cc2",  # array
        "030794c1-ac77-496b-92df-f27374a8bd58",  # asset
        "e48ece36-62e2-4504-bad9-02848725956a",  # archive
        "dd056dcd-154b-4c76-9bd3-c8f88648b5ff",  # object
    }
)


def from_struct(source: struct_pb2.Struct) -> Properties:
    """The properties of a wire message, with secrets, unknowns and references kept. Raises `MalformedValue`."""
    return {key: from_wire(source.fields[key]) for key in sorted(source.fields)}


def from_wire(value: struct_pb2.Value) -> PropertyValue:
    """One value of a wire message. Raises `MalformedValue`."""
    kind = value.WhichOneof("kind")
    if kind == "string_value":
        text = value.string_value
        return UNKNOWN if text in _UNKNOWNS else text
    if kind == "number_value":
        return whole(value.number_value)
    if kind == "bool_value":
        return value.bool_value
    if kind == "struct_value":
        return _signed(from_struct(value.struct_value))
    if kind == "list_value":
        return [from_wire(item) for item in value.list_value.values]
    return None


def _signed(fields: Properties) -> PropertyValue:
    signature = fields.get(SIGNATURE)
    if signature is None:
        return fields
    if signature == SECRET:
        if "value" not in fields:
            raise MalformedValue("a secret without a value")
        return secret(fields["value"])
    if signature == OUTPUT_VALUE:
        dependencies = fields.get("dependencies")
        return OutputValue(
            fields.get("value"),
            "value" in fields,
            fields.get("secret") is True,
            tuple(str(urn) for urn in dependencies) if isinstance(dependencies, list) else (),
        )
    if signature == RESOURCE_REFERENCE:
        return resource_reference(fields)
    return fields


def to_struct(
    properties: Mapping[str, PropertyValue],
    *,
    keep_secrets: bool = True,
    keep_resources: bool = True,
    keep_outputs: bool = False,
) -> struct_pb2.Struct:
    """The wire message for these properties; what the receiver does not accept, as bare values."""
    result = struct_pb2.Struct()
    writer = _Writer(keep_secrets, keep_resources, keep_outputs)
    for key, value in properties.items():
        writer.write(result.fields[key], value)
    return result


@dataclass(frozen=True, slots=True)
class _Writer:
    keep_secrets: bool
    keep_resources: bool
    keep_outputs: bool

    def write(self, target: struct_pb2.Value, value: PropertyValue) -> None:
        if value is None:
            target.null_value = struct_pb2.NULL_VALUE
        elif isinstance(value, str):
            target.string_value = value
        elif isinstance(value, bool):
            target.bool_value = value
        elif isinstance(value, int | float):
            target.number_value = value
        elif isinstance(value, dict):
            self._object(target, value)
        elif isinstance(value, list):
            items = target.list_value.values
            target.list_value.SetInParent()
            for item in value:
                self.write(items.add(), item)
        elif isinstance(value, Unknown):
            target.string_value = UNKNOWN_STRING
        elif isinstance(value, Secret):
            if self.keep_secrets:
                self._object(target, {SIGNATURE: SECRET, "value": value.element})
            else:
                self.write(target, value.element)
        elif isinstance(value, OutputValue):
            if self.keep_outputs:
                self._output(target, value)
            else:
                self.write(target, lower(value))
        else:
            self._resource(target, value)

    def _object(self, target: struct_pb2.Value, value: Properties) -> None:
        target.struct_value.SetInParent()
        fields = target.struct_value.fields
        for key, item in value.items():
            self.write(fields[key], item)

    def _output(self, target: struct_pb2.Value, value: OutputValue) -> None:
        fields: Properties = {SIGNATURE: OUTPUT_VALUE, "dependencies": list(value.dependencies)}
        if value.known:
            fields["value"] = value.element
        if value.secret:
            fields["secret"] = True
        self._object(target, fields)

    def _resource(self, target: struct_pb2.Value, value: ResourceReference) -> None:
        if not self.keep_resources:
            self.write(target, value.urn if value.id is None else value.id)
            return
        fields: Properties = {SIGNATURE: RESOURCE_REFERENCE, "urn": value.urn}
        if value.id is not None:
            fields["id"] = value.id
        if value.package_version:
            fields["packageVersion"] = value.package_version
        self._object(target, fields)
