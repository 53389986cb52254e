"""Property values in memory and, for a checkpoint, as JSON; `providers.wire` has their protobuf form.

In memory a value is plain Python, plus what JSON cannot express: `Secret`, `UNKNOWN`, `OutputValue` and
`ResourceReference`. Assets and archives stay dictionaries with their signature. Whole numbers are `int`, as in the
checkpoint. Values are never changed in place, so they may be shared between states.
"""

import enum
import json
import math
import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final, TypeAlias, Union

SIGNATURE: Final = "4dabf18193072939515e22adb298388d"
SECRET: Final = "1b47061264138c4ac30d75fd1eb44270"
ASSET: Final = "c44067f5952c0a294b673a41bacd8c17"
ARCHIVE: Final = "0def7320c3a5731c473e5ecbe6d01bc7"
RESOURCE_REFERENCE: Final = "5cf8f73096256a8f31e491e813e4eb8e"
OUTPUT_VALUE: Final = "d0e6a833031e9bbcd3f4e8bde6ca49a4"
NON_FINITE: Final = "8ad145fe-0d11-4827-bfd7-1abcbf086f5c"

UNKNOWN_STRING: Final = "04da6b54-80e4-46f7-96ec-b56ff0331ba9"
"""How an unknown value of any type is sent to a plugin and printed in a preview."""


class Unknown(enum.Enum):
    """The type of `UNKNOWN`, a value that is not known during a preview."""

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
    """A value with its dependencies, as programs send it to multi-language components."""

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
    """A wire or checkpoint value whose content does not fit its signature."""


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
        # The outer secret is encrypted as a whole, so inner secrets only keep their mark.
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
    return resource_reference(fields) if signature == RESOURCE_REFERENCE else fields


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


# --- operations -------------------------------------------------------------------------------------------------------


def whole(number: float) -> int | float:
    """The number as an int if it has no fraction: 8 for 8.0."""
    return int(number) if number.is_integer() and abs(number) < 1e21 else number


def resource_reference(fields: Properties) -> ResourceReference:
    """The reference that a signed object holds. Raises `MalformedValue`."""
    urn, identifier, version = fields.get("urn"), fields.get("id"), fields.get("packageVersion", "")
    if isinstance(identifier, OutputValue):
        identifier = identifier.element if identifier.known else UNKNOWN
    if not isinstance(urn, str) or not isinstance(version, str) or not isinstance(identifier, str | Unknown | None):
        raise MalformedValue("a resource reference needs a URN, an id and a version that are strings")
    return ResourceReference(urn, UNKNOWN if identifier == "" else identifier, version)


def secret(value: PropertyValue) -> Secret:
    """The value as a secret; a secret is returned as it is."""
    return value if isinstance(value, Secret) else Secret(value)


def lower(value: OutputValue) -> PropertyValue:
    """The element of an output value, marked secret or replaced by `UNKNOWN` where the output value says so."""
    element = value.element if value.known else UNKNOWN
    return secret(element) if value.secret else element


def dependencies_in(value: PropertyValue) -> set[str]:
    """The URNs that the output values in the value depend on, at every level."""
    if isinstance(value, OutputValue):
        return {*value.dependencies, *dependencies_in(value.element)}
    if isinstance(value, dict):
        return set[str]().union(*(dependencies_in(item) for item in value.values()))
    if isinstance(value, list):
        return set[str]().union(*(dependencies_in(item) for item in value))
    return set()


def plain(value: PropertyValue) -> PropertyValue:
    """The value with its secrets and output values replaced by their elements, at every level."""
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
    """The properties with their secrets and output values replaced by their elements, at every level."""
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
    """Whether Pulumi considers two values equal: True is not 1, a secret is not its content, null is not absent.

    Of assets and archives only the hashes count.
    """
    if isinstance(left, bool) or isinstance(right, bool):
        return left is right
    if isinstance(left, dict) and isinstance(right, dict):
        if left.get(SIGNATURE) in (ASSET, ARCHIVE) and left.get(SIGNATURE) == right.get(SIGNATURE):
            return _equal_assets(left, right)
        return left.keys() == right.keys() and all(equal(item, right[key]) for key, item in left.items())
    if isinstance(left, list) and isinstance(right, list):
        return len(left) == len(right) and all(equal(a, b) for a, b in zip(left, right, strict=True))
    if isinstance(left, Secret) and isinstance(right, Secret):
        return equal(left.element, right.element)
    return left == right


def _equal_assets(left: Properties, right: Properties) -> bool:
    if left.get("hash") and right.get("hash"):
        return left["hash"] == right["hash"]
    # An engine that made no hashes has stored one of them.
    return {**left, "hash": None} == {**right, "hash": None}
