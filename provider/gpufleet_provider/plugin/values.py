"""Values on the wire: from a request's Struct to Python and back."""

from __future__ import annotations

from typing import Any, cast

from google.protobuf import struct_pb2
from pulumi.output import Unknown
from pulumi.runtime import rpc

from gpufleet_provider.model.fields import Properties


def properties_of(struct: struct_pb2.Struct) -> Properties:
    """Return the values of a Struct, hidden ones included; nulls are absent, unknown values are `Unknown`."""
    # The SDK's own function leaves out hidden properties in some versions, and nested ones in more.
    return {key: _plain(value) for key, value in struct.fields.items() if not value.HasField("null_value")}


def _plain(value: struct_pb2.Value) -> Any:
    kind = value.WhichOneof("kind")
    if kind == "struct_value":
        return properties_of(value.struct_value)
    if kind == "list_value":
        return [_plain(entry) for entry in value.list_value.values]
    if kind == "string_value":
        return Unknown() if value.string_value == rpc.UNKNOWN else value.string_value
    return value.number_value if kind == "number_value" else value.bool_value if kind == "bool_value" else None


def struct_of(values: Properties) -> struct_pb2.Struct:
    """Return a Struct of values; nulls are left out."""
    return struct_pb2.Struct(fields={key: _value(value) for key, value in values.items() if value is not None})


def _value(value: Any) -> struct_pb2.Value:
    if value is None:
        return struct_pb2.Value(null_value=struct_pb2.NULL_VALUE)
    if isinstance(value, bool):
        return struct_pb2.Value(bool_value=value)
    if isinstance(value, (int, float)):
        return struct_pb2.Value(number_value=value)
    if isinstance(value, str):
        return struct_pb2.Value(string_value=value)
    if isinstance(value, Unknown):
        return struct_pb2.Value(string_value=rpc.UNKNOWN)
    if isinstance(value, dict):
        return struct_pb2.Value(struct_value=struct_of(cast(Properties, value)))
    return struct_pb2.Value(list_value=struct_pb2.ListValue(values=[_value(entry) for entry in value]))
