"""Property values in the three forms they take: in memory, on the wire (protobuf `Struct`) and in a checkpoint (JSON).

In memory a value is plain Python, plus the few things JSON cannot say: `Secret`, `UNKNOWN`, `OutputValue` and
`ResourceReference`. Assets and archives stay dictionaries with their signature. Whole numbers are `int`, as in the
checkpoint. Values are never changed in place, so they may be shared between states.
"""

import enum
import json
import math
import struct
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final, TypeAlias, Union

from google.protobuf import struct_pb2

SIGNATURE: Final = "4dabf18193072939515e22adb298388d"
SECRET: Final = "1b47061264138c4ac30d75fd1eb44270"
RESOURCE_REFERENCE: Final = "5cf8f73096256a8f31e491e813e4eb8e"
OUTPUT_VALUE: Final = "d0e6a833031e9bbcd3f4e8bde6ca49a4"
ASSET: Final = "c44067f5952c0a294b673a41bacd8c17"
ARCHIVE: Final = "0def7320c3a5731c473e5ecbe6d01bc7"
NON_FINITE: Final = "8ad145fe-0d11-4827-bfd7-1abcbf086f5c"

UNKNOWN_STRING: Final = "04da6b54-80e4-46f7-96ec-b56ff0331ba9"
"""How an unknown value travels and how a preview prints it, whatever its type."""

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


class Unknown(enum.Enum):
    """The type of `UNKNOWN`, a value that only a deployment, not its preview, can tell."""

    UNKNOWN = UNKNOWN_STRING


UNKNOWN: Final = Unknown.UNKNOWN


@dataclass(frozen=True, slots=True)
class Secret:
    """A value that is shown as `[secret]` and stored encrypted."""

    element: "PropertyValue"

    def __repr__(self) -> str:
        return "Secret([secret])"


@dataclass(frozen=True, slots=True)
class OutputValue:
    """A value with its dependencies, as the programs of multi-language components send it."""

    element: "PropertyValue"
    known: bool
    secret: bool
    dependencies: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ResourceReference:
    """A whole resource as a property of another one. `id` is None for a component, UNKNOWN before it exists."""

    urn: str
    id: "str | Unknown | None"
    package_version: str


PropertyValue: TypeAlias = Union[
    bool,
    int,
    float,
    str,
    "list[PropertyValue]",
    "dict[str, PropertyValue]",
    Secret,
    Unknown,
    OutputValue,
    ResourceReference,
    None,
]
Properties: TypeAlias = dict[str, PropertyValue]
Json: TypeAlias = Union[bool, int, float, str, "list[Json]", "dict[str, Json]", None]


class MalformedValue(ValueError):
    """A wire or checkpoint value whose signature is unknown or whose content does not fit its signature."""


# --- the wire ---------------------------------------------------------------------------------------------------------


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


def whole(number: float) -> int | float:
    """The number as an int if it has no fraction: 8 for 8.0."""
    return int(number) if number.is_integer() and abs(number) < 1e21 else number


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
        return _reference(fields)
    return fields


def _reference(fields: Properties) -> ResourceReference:
    urn, identifier, version = fields.get("urn"), fields.get("id"), fields.get("packageVersion", "")
    if isinstance(identifier, OutputValue):
        identifier = identifier.element if identifier.known else UNKNOWN
    if not isinstance(urn, str) or not isinstance(version, str) or not isinstance(identifier, str | Unknown | None):
        raise MalformedValue("a resource reference needs a URN, an id and a version that are strings")
    return ResourceReference(urn, UNKNOWN if identifier == "" else identifier, version)


def to_struct(
    properties: Mapping[str, PropertyValue],
    *,
    keep_secrets: bool = True,
    keep_resources: bool = True,
    keep_output_values: bool = False,
    skip_nulls: bool = False,
) -> struct_pb2.Struct:
    """The wire message for these properties; what the receiver does not understand is sent as the bare value."""
    result = struct_pb2.Struct()
    writer = _Writer(keep_secrets, keep_resources, keep_output_values)
    for key, value in properties.items():
        if value is not None or not skip_nulls:
            writer.write(result.fields[key], value)
    return result


@dataclass(frozen=True, slots=True)
class _Writer:
    keep_secrets: bool
    keep_resources: bool
    keep_output_values: bool

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
            self._output(target, value)
        else:
            self._resource(target, value)

    def _object(self, target: struct_pb2.Value, value: Properties) -> None:
        target.struct_value.SetInParent()
        fields = target.struct_value.fields
        for key, item in value.items():
            self.write(fields[key], item)

    def _output(self, target: struct_pb2.Value, value: OutputValue) -> None:
        if not self.keep_output_values:
            self.write(target, lower(value))
            return
        fields: Properties = {SIGNATURE: OUTPUT_VALUE}
        if value.known:
            fields["value"] = value.element
        if value.secret:
            fields["secret"] = True
        if value.dependencies:
            fields["dependencies"] = list(value.dependencies)
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


# --- the checkpoint ---------------------------------------------------------------------------------------------------


def to_checkpoint_json(value: PropertyValue, encrypt: Callable[[str], str] | None) -> Json:
    """The checkpoint form. `encrypt` turns the JSON of a secret into its ciphertext; None writes it as plaintext."""
    if value is None or isinstance(value, str | bool | int):
        return value
    if isinstance(value, float):
        if math.isfinite(value):
            return whole(value)
        return {SIGNATURE: NON_FINITE, "value": struct.pack(">d", value).hex()}
    if isinstance(value, dict):
        return {key: to_checkpoint_json(item, encrypt) for key, item in value.items()}
    if isinstance(value, list):
        return [to_checkpoint_json(item, encrypt) for item in value]
    if isinstance(value, Unknown):
        return UNKNOWN_STRING
    if isinstance(value, OutputValue):
        return to_checkpoint_json(lower(value), encrypt)
    if isinstance(value, Secret):
        # What lies inside is protected by the outer encryption already, so inner secrets only keep their mark.
        text = json.dumps(to_checkpoint_json(value.element, _identity), separators=(",", ":"), ensure_ascii=False)
        return (
            {SIGNATURE: SECRET, "plaintext": text}
            if encrypt is None
            else {SIGNATURE: SECRET, "ciphertext": encrypt(text)}
        )
    fields: dict[str, Json] = {
        SIGNATURE: RESOURCE_REFERENCE,
        "urn": value.urn,
        "packageVersion": value.package_version,
    }
    if value.id is not None:
        fields["id"] = "" if isinstance(value.id, Unknown) else value.id
    return fields


def from_checkpoint_json(value: Json, decrypt: Callable[[str], str]) -> PropertyValue:
    """The value of a checkpoint. `decrypt` turns a ciphertext into the JSON of the secret. Raises `MalformedValue`."""
    if isinstance(value, str):
        return UNKNOWN if value == UNKNOWN_STRING else value
    if isinstance(value, float):
        return whole(value)
    if isinstance(value, list):
        return [from_checkpoint_json(item, decrypt) for item in value]
    if not isinstance(value, dict):
        return value
    signature = value.get(SIGNATURE)
    if signature is None:
        return {key: from_checkpoint_json(item, decrypt) for key, item in value.items()}
    if signature == SECRET:
        return _secret_of_checkpoint(value, decrypt)
    if signature == NON_FINITE:
        return float(struct.unpack(">d", bytes.fromhex(str(value["value"])))[0])
    fields: Properties = {key: from_checkpoint_json(item, decrypt) for key, item in value.items()}
    return _reference(fields) if signature == RESOURCE_REFERENCE else fields


def _secret_of_checkpoint(value: dict[str, Json], decrypt: Callable[[str], str]) -> PropertyValue:
    ciphertext, plaintext = value.get("ciphertext"), value.get("plaintext")
    if isinstance(ciphertext, str) and plaintext is None:
        text = decrypt(ciphertext)
    elif isinstance(plaintext, str) and ciphertext is None:
        text = plaintext
    else:
        raise MalformedValue("a stored secret needs either a ciphertext or a plaintext")
    return Secret(from_checkpoint_json(json.loads(text), _identity))


def _identity(text: str) -> str:
    return text


# --- questions --------------------------------------------------------------------------------------------------------


def secret(value: PropertyValue) -> Secret:
    """The value as a secret, once."""
    return value if isinstance(value, Secret) else Secret(value)


def lower(value: OutputValue) -> PropertyValue:
    """An output value as what it holds: its element, secret or unknown."""
    element = value.element if value.known else UNKNOWN
    return secret(element) if value.secret else element


def plain(value: PropertyValue) -> PropertyValue:
    """The value without the marks of secrets and outputs, all the way down."""
    if isinstance(value, Secret):
        return plain(value.element)
    if isinstance(value, OutputValue):
        return plain(lower(value))
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, list):
        return [plain(item) for item in value]
    return value


def plain_properties(properties: Properties) -> Properties:
    """The properties without the marks of secrets and outputs."""
    return {key: plain(value) for key, value in properties.items()}


def nested(value: PropertyValue) -> Iterator[PropertyValue]:
    """The value and everything inside it."""
    yield value
    if isinstance(value, Secret):
        yield from nested(value.element)
    elif isinstance(value, OutputValue):
        yield from nested(lower(value))
    elif isinstance(value, dict):
        for item in value.values():
            yield from nested(item)
    elif isinstance(value, list):
        for item in value:
            yield from nested(item)


def has_unknowns(value: PropertyValue) -> bool:
    """Whether anything inside is unknown."""
    return any(isinstance(item, Unknown) for item in nested(value))


def has_secrets(value: PropertyValue) -> bool:
    """Whether anything inside is secret."""
    return any(isinstance(item, Secret) for item in nested(value))


def equal(left: PropertyValue, right: PropertyValue) -> bool:
    """Whether two values are the same to Pulumi: True is not 1, a secret is not its content, null is not absent."""
    if isinstance(left, bool) or isinstance(right, bool):
        return left is right
    if isinstance(left, dict) and isinstance(right, dict):
        return left.keys() == right.keys() and all(equal(item, right[key]) for key, item in left.items())
    if isinstance(left, list) and isinstance(right, list):
        return len(left) == len(right) and all(equal(a, b) for a, b in zip(left, right, strict=True))
    if isinstance(left, Secret) and isinstance(right, Secret):
        return equal(left.element, right.element)
    return left == right
