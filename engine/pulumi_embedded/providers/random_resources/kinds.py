"""The resources of the package `random`: their inputs, their outputs, and how they are imported.

Source: Terraform's `random` provider 3.8 and its bridge, Pulumi `random` 4.21.
"""

from __future__ import annotations

import base64
import binascii
import os
import secrets
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final, Literal

import bcrypt

from pulumi_embedded.providers.random_resources.pet_names import pet_name
from pulumi_embedded.providers.random_resources.seeded import SeededRandom

Plain = dict[str, Any]


class CannotImport(ValueError):
    """The import id does not contain the resource's value."""


@dataclass(frozen=True)
class Input:
    """One input; changing it replaces the resource."""

    type: Literal["integer", "string", "boolean", "map", "list"]
    required: bool = False
    default: Any = None
    at_least: int | None = None


@dataclass(frozen=True)
class Kind:
    """One resource type. All functions work on plain values with the defaults filled in."""

    inputs: dict[str, Input]
    outputs: tuple[str, ...]
    """The outputs beside the id and the inputs."""
    make: Callable[[Plain], tuple[str, Plain]]
    """From inputs to id and outputs."""
    recreate: Callable[[str], tuple[str, Plain, Plain]] | None = None
    """From an import id to id, inputs and outputs; raises CannotImport. None if the kind cannot be imported."""
    problems: Callable[[Plain], list[tuple[str, str]]] = lambda _: []
    """Rules across inputs; each problem is a property and a reason."""
    secret_outputs: frozenset[str] = frozenset()
    terraform_names: dict[str, str] = field(default_factory=dict[str, str])
    """Terraform's names of the properties whose name is not the snake case of Pulumi's."""


_KEEPERS: Final = {"keepers": Input("map")}
_LETTERS: Final = "abcdefghijklmnopqrstuvwxyz"
_SPECIALS: Final = "!@#$%&*()-_=+[]{}<>:?"


# --- RandomId, RandomBytes --------------------------------------------------------------------------------------------


def _make_id(inputs: Plain) -> tuple[str, Plain]:
    return _id_of(os.urandom(inputs["byteLength"]), inputs.get("prefix") or "")


def _id_of(data: bytes, prefix: str) -> tuple[str, Plain]:
    url = base64.urlsafe_b64encode(data).rstrip(b"=").decode()
    forms = {
        "b64Std": base64.b64encode(data).decode(),
        "b64Url": url,
        "dec": str(int.from_bytes(data, "big")),
        "hex": data.hex(),
    }
    return url, {name: prefix + text for name, text in forms.items()}


def _recreate_id(id_: str) -> tuple[str, Plain, Plain]:
    prefix, _, text = id_.rpartition(",")
    data = _unbase64(text.translate(str.maketrans("-_", "+/")) + "=" * (-len(text) % 4))
    inputs: Plain = {"byteLength": len(data)} | ({"prefix": prefix} if prefix else {})
    made, outputs = _id_of(data, prefix)
    return made, inputs, outputs


def _make_bytes(inputs: Plain) -> tuple[str, Plain]:
    return "none", _bytes_of(os.urandom(inputs["length"]))


def _bytes_of(data: bytes) -> Plain:
    return {"base64": base64.b64encode(data).decode(), "hex": data.hex()}


def _recreate_bytes(id_: str) -> tuple[str, Plain, Plain]:
    data = _unbase64(id_)
    return "none", {"length": len(data)}, _bytes_of(data)


def _unbase64(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise CannotImport(f"the id is not base64: {error}") from error


# --- RandomString, RandomPassword -------------------------------------------------------------------------------------

_TEXT_INPUTS: Final = {
    "length": Input("integer", required=True, at_least=1),
    "lower": Input("boolean", default=True),
    "minLower": Input("integer", default=0, at_least=0),
    "minNumeric": Input("integer", default=0, at_least=0),
    "minSpecial": Input("integer", default=0, at_least=0),
    "minUpper": Input("integer", default=0, at_least=0),
    "number": Input("boolean", default=True),
    "numeric": Input("boolean", default=True),
    "overrideSpecial": Input("string"),
    "special": Input("boolean", default=True),
    "upper": Input("boolean", default=True),
}


def _text(inputs: Plain) -> str:
    specials = inputs.get("overrideSpecial") or _SPECIALS
    classes = {"Lower": _LETTERS, "Upper": _LETTERS.upper(), "Numeric": "0123456789", "Special": specials}
    letters = [secrets.choice(letters) for name, letters in classes.items() for _ in range(inputs[f"min{name}"])]
    allowed = "".join(letters for name, letters in classes.items() if inputs[name.lower()])
    letters += [secrets.choice(allowed) for _ in range(inputs["length"] - len(letters))]
    secrets.SystemRandom().shuffle(letters)
    return "".join(letters)


def _text_problems(inputs: Plain) -> list[tuple[str, str]]:
    problems: list[tuple[str, str]] = []
    minimums = [inputs[name] for name in ("minUpper", "minLower", "minNumeric", "minSpecial")]
    if all(isinstance(number, int) for number in (inputs["length"], *minimums)) and inputs["length"] < sum(minimums):
        problems.append(
            ("length", f"must be at least {sum(minimums)}, the sum of minUpper, minLower, minNumeric, minSpecial")
        )
    if not any(inputs[name] for name in ("upper", "lower", "numeric", "special")):
        problems.append(("numeric", "at least one of upper, lower, numeric and special must be true"))
    return problems


def _make_string(inputs: Plain) -> tuple[str, Plain]:
    text = _text(inputs)
    return text, {"result": text}


def _make_password(inputs: Plain) -> tuple[str, Plain]:
    return "none", _password_of(_text(inputs))


def _password_of(password: str) -> Plain:
    # bcrypt takes at most 72 bytes; the plugin hashes the first 72 of a longer password, and so does this.
    digest = bcrypt.hashpw(password.encode()[:72], bcrypt.gensalt(rounds=10, prefix=b"2a"))
    return {"bcryptHash": digest.decode(), "result": password}


def _recreate_string(id_: str) -> tuple[str, Plain, Plain]:
    return id_, {"length": len(id_)}, {"result": id_}


def _recreate_password(id_: str) -> tuple[str, Plain, Plain]:
    return "none", {"length": len(id_)}, _password_of(id_)


# --- RandomInteger, RandomShuffle, RandomPet --------------------------------------------------------------------------


def _make_integer(inputs: Plain) -> tuple[str, Plain]:
    number = SeededRandom(inputs.get("seed")).below(inputs["max"] + 1 - inputs["min"]) + inputs["min"]
    return str(number), {"result": number}


def _integer_problems(inputs: Plain) -> list[tuple[str, str]]:
    low, high = inputs["min"], inputs["max"]
    if not isinstance(low, int) or not isinstance(high, int):
        return []
    if high < low:
        return [("min", f"must not be greater than max, which is {high}")]
    return [("max", "must be less than 2**63 - 1 above min")] if high - low >= (1 << 63) - 1 else []


def _recreate_integer(id_: str) -> tuple[str, Plain, Plain]:
    parts = id_.split(",")
    try:
        result, low, high = (int(part) for part in parts[:3])
        (seed,) = parts[3:] or [""]
    except ValueError:
        raise CannotImport("the id must be <result>,<min>,<max> or <result>,<min>,<max>,<seed>") from None
    return parts[0], {"min": low, "max": high} | ({"seed": seed} if seed else {}), {"result": result}


def _make_shuffle(inputs: Plain) -> tuple[str, Plain]:
    items: list[str] = inputs["inputs"]
    count = inputs.get("resultCount") or len(items)
    random = SeededRandom(inputs.get("seed"))
    results: list[str] = []
    while items and len(results) < count:
        results += [items[index] for index in random.permutation(len(items))]
    return "-", {"results": results[:count]}


def _make_pet(inputs: Plain) -> tuple[str, Plain]:
    name = pet_name(inputs["length"], inputs["separator"])
    prefix = inputs.get("prefix")
    return (f"{prefix}{inputs['separator']}{name}" if prefix else name), {}


# --- UUIDs ------------------------------------------------------------------------------------------------------------


def _uuid_maker(draw: Callable[[], uuid.UUID]) -> Callable[[Plain], tuple[str, Plain]]:
    def make(_: Plain) -> tuple[str, Plain]:
        text = str(draw())
        return text, {"result": text}

    return make


def _uuid7() -> uuid.UUID:
    # RFC 9562: 48 bits of milliseconds, the version, the variant, and chance for the rest.
    number = (time.time_ns() // 1_000_000 << 80) | secrets.randbits(80)
    number = number & ~(0xF << 76) | 7 << 76
    return uuid.UUID(int=number & ~(0x3 << 62) | 2 << 62)


def _recreate_uuid(id_: str) -> tuple[str, Plain, Plain]:
    try:
        text = str(uuid.UUID(id_))
    except ValueError:
        text = ""
    if text != id_.lower():
        raise CannotImport("the id must be a UUID such as 6cf5ff3b-2a43-4b5c-a4f5-1b1d8d6f4c55")
    return text, {}, {"result": text}


def _uuid_kind(draw: Callable[[], uuid.UUID]) -> Kind:
    return Kind(_KEEPERS, ("result",), _uuid_maker(draw), _recreate_uuid)


KINDS: Final[dict[str, Kind]] = {
    "random:index/randomId:RandomId": Kind(
        {"byteLength": Input("integer", required=True, at_least=1), **_KEEPERS, "prefix": Input("string")},
        ("b64Std", "b64Url", "dec", "hex"),
        _make_id,
        _recreate_id,
    ),
    "random:index/randomBytes:RandomBytes": Kind(
        {"length": Input("integer", required=True, at_least=1), **_KEEPERS},
        ("base64", "hex"),
        _make_bytes,
        _recreate_bytes,
        secret_outputs=frozenset({"base64", "hex"}),
    ),
    "random:index/randomString:RandomString": Kind(
        {**_KEEPERS, **_TEXT_INPUTS}, ("result",), _make_string, _recreate_string, _text_problems
    ),
    "random:index/randomPassword:RandomPassword": Kind(
        {**_KEEPERS, **_TEXT_INPUTS},
        ("bcryptHash", "result"),
        _make_password,
        _recreate_password,
        _text_problems,
        secret_outputs=frozenset({"bcryptHash", "result"}),
    ),
    "random:index/randomInteger:RandomInteger": Kind(
        {
            **_KEEPERS,
            "max": Input("integer", required=True),
            "min": Input("integer", required=True),
            "seed": Input("string"),
        },
        ("result",),
        _make_integer,
        _recreate_integer,
        _integer_problems,
    ),
    "random:index/randomShuffle:RandomShuffle": Kind(
        {
            "inputs": Input("list", required=True),
            **_KEEPERS,
            "resultCount": Input("integer", at_least=0),
            "seed": Input("string"),
        },
        ("results",),
        _make_shuffle,
        terraform_names={"inputs": "input", "results": "result"},
    ),
    "random:index/randomPet:RandomPet": Kind(
        {
            **_KEEPERS,
            "length": Input("integer", default=2, at_least=1),
            "prefix": Input("string"),
            "separator": Input("string", default="-"),
        },
        (),
        _make_pet,
    ),
    "random:index/randomUuid:RandomUuid": _uuid_kind(lambda: uuid.UUID(bytes=os.urandom(16))),
    "random:index/randomUuid4:RandomUuid4": _uuid_kind(uuid.uuid4),
    "random:index/randomUuid7:RandomUuid7": _uuid_kind(_uuid7),
}
"""By type token."""
