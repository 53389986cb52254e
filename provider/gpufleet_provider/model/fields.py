"""Base classes of bodies, the marks that declare what a field does, types that bodies share, and rules across fields.

A cloud's folder declares one module per resource, always in this order: create body, update body, info body, lifecycle.
The create body is the inputs; the update body is exactly the inputs that change in place (every other changed input
replaces); the info body is the outputs. What departs from that rule is declared beside the field, as one of the marks
below inside `Annotated[...]`, with a reason.
"""

from __future__ import annotations

import datetime
import functools
import re
import types
import typing
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, TypeVar

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

Properties = dict[str, Any]
"""Property values as plain JSON: None, bool, int, float, str, list and dict."""


# --- Bodies ---------------------------------------------------------------------------------------------------------


class Body(BaseModel):
    """A request body: strict types, and an unknown key is an error, because a misspelt key is an edit that is lost."""

    model_config = ConfigDict(strict=True, extra="forbid", use_attribute_docstrings=True)


class Info(BaseModel):
    """A reply: declared as the vendor's schema has it, filled by `parse_info`, which is lenient about what arrives.

    Every field is `X | None`, since a reply may lack any. One that the schema requires has no default: the SDK shows
    it as always there.
    """

    model_config = ConfigDict(extra="ignore", use_attribute_docstrings=True)


InfoT = TypeVar("InfoT", bound=Info)


def nested_body(annotation: Any) -> type[BaseModel] | None:
    """Return the model inside an annotation (`Model | None`, `list[Model]`, `Annotated[...]`), or None."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    if typing.get_origin(annotation) in (typing.Union, types.UnionType, list, typing.Annotated):
        for argument in typing.get_args(annotation):
            if (found := nested_body(argument)) is not None:
                return found
    return None


@functools.cache
def nested_bodies(body: type[BaseModel]) -> Mapping[str, type[BaseModel] | None]:
    """Return, by field of a body, the model inside its annotation, or None."""
    return {name: nested_body(field.annotation) for name, field in body.model_fields.items()}


# --- Marks: where a field departs from the rule -----------------------------------------------------------------------


@dataclass(frozen=True)
class Suggested:
    """An open enumeration: these values are known, any other string is accepted with a warning."""

    values: tuple[str, ...]


@dataclass(frozen=True)
class Unreadable:
    """No reply shows this input: a refresh keeps the declared value."""

    reason: str


@dataclass(frozen=True)
class CreateOnly:
    """Used by the create alone: a later change is warned of and has no effect."""

    reason: str


@dataclass(frozen=True)
class Refused:
    """A change of this input on a living resource is refused with this advice."""

    advice: str


@dataclass(frozen=True)
class GrowOnly:
    """The number may grow in place; a smaller one is refused with this advice."""

    advice: str


@dataclass(frozen=True)
class WhenRemoved:
    """What an update sends when the program no longer sets this input: vendors keep the value of what a body omits."""

    value: Any


@dataclass(frozen=True)
class Default:
    """What the vendor documents that this input is when it is not set: declaring just that is no change."""

    value: Any


@dataclass(frozen=True)
class Required:
    """Cannot be unset in place: removing it from the program is refused with this advice."""

    advice: str


@dataclass(frozen=True)
class KeyedBy:
    """A list whose order means nothing: its entries are identified by this key."""

    key: str


@dataclass(frozen=True)
class Local:
    """An input for the provider itself: never sent to the cloud, and never a difference."""


@dataclass(frozen=True)
class Secret:
    """A credential: encrypted in the state, redacted everywhere else."""


@dataclass(frozen=True)
class ShownAs:
    """A reply shows this input under another name, or inside of an object: `desired_gpus`, `region_info.region`."""

    path: str


@dataclass(frozen=True)
class ComparedBy:
    """Two texts are equal where what `normalise` makes of them is; one that it raises ValueError for equals itself."""

    normalise: Callable[[str], Any]


@dataclass(frozen=True)
class MatchedBy:
    """What a reply shows is what is declared where `matches(declared, shown)` holds; an edit still compares exactly."""

    matches: Callable[[str, str], bool]


MarkT = TypeVar("MarkT")


def mark(body: type[BaseModel], name: str, kind: type[MarkT]) -> MarkT | None:
    """Return the mark of that kind on a field of a body, or None."""
    return next((found for found in _marks(body).get(name, ()) if isinstance(found, kind)), None)


def marked(body: type[BaseModel], kind: type[Any]) -> tuple[str, ...]:
    """Return the names of the fields of a body that carry a mark of that kind, in order of declaration."""
    return tuple(name for name in body.model_fields if mark(body, name, kind) is not None)


@functools.cache
def _marks(body: type[BaseModel]) -> Mapping[str, tuple[Any, ...]]:
    return {name: (*field.metadata, *_nested_marks(field.annotation)) for name, field in body.model_fields.items()}


def _nested_marks(annotation: Any) -> tuple[Any, ...]:
    """Return the marks inside `Annotated[...] | None`, which pydantic leaves in the annotation."""
    origin, arguments = typing.get_origin(annotation), typing.get_args(annotation)
    if origin is typing.Annotated:
        return (*arguments[1:], *_nested_marks(arguments[0]))
    if origin in (typing.Union, types.UnionType):
        return tuple(found for argument in arguments for found in _nested_marks(argument))
    return ()


# --- Types that several bodies share --------------------------------------------------------------------------------


def parse_instant(text: str) -> datetime.datetime:
    """Read an RFC 3339 timestamp; raises ValueError when it is none or has no offset."""
    # Python 3.10 reads neither `Z` nor a fraction of other than three or six digits.
    text = re.sub(r"[zZ]$", "+00:00", text.strip())
    text = re.sub(r"\.(\d{1,9})", lambda fraction: "." + fraction[1][:6].ljust(6, "0"), text)
    instant = datetime.datetime.fromisoformat(text)
    if instant.tzinfo is None:
        raise ValueError("has no offset")
    return instant


def _instant(text: str) -> str:
    try:
        parse_instant(text)
    except ValueError:
        raise ValueError(
            f"expected an RFC 3339 time with an offset, such as 2026-12-01T00:00:00Z, got {text!r}"
        ) from None
    return text


def same_version(declared: str, shown: str) -> bool:
    """Whether two versions agree as far as both go: `12.6`, `12.6.3` and `12.6-ubuntu-22.04` do."""
    left, right = re.findall(r"\d+", declared), re.findall(r"\d+", shown)
    common = min(len(left), len(right))
    return common > 0 and left[:common] == right[:common]


@functools.lru_cache(maxsize=100_000)
def folded(text: str) -> str:
    """Return a name without what clouds change in it: letters in lower case, all that is no letter or digit a dash."""
    return re.sub(r"[\W_]+", "-", text.casefold()).strip("-") or text


def same_name(declared: str, shown: str) -> bool:
    """Whether a cloud that respells names may show the one as the other: `My_Batch` and `my-batch` are one name."""
    return folded(declared) == folded(shown)


Text = Annotated[str, Field(min_length=1)]
"""A non-empty string."""
Name = Annotated[Text, MatchedBy(same_name)]
"""A physical name, which a reply may show in the cloud's own spelling."""
Lines = Annotated[str, ComparedBy(str.strip)]
"""Text of several lines, such as a script; white space around it means nothing."""
Instant = Annotated[str, AfterValidator(_instant), ComparedBy(parse_instant)]
"""An RFC 3339 timestamp with an offset, kept as the user wrote it; equal instants in other offsets are equal."""
Version = Annotated[Text, MatchedBy(same_version)]
"""A version, of which a reply may show more or fewer parts than were declared."""


# --- Rules across fields ----------------------------------------------------------


@dataclass(frozen=True)
class Failure:
    """One reason why inputs are refused, at a property path such as `add_ons[0].name`."""

    path: str
    reason: str


@dataclass(frozen=True)
class Rule:
    """A check across fields; it is skipped while any field that it reads is unknown or already refused."""

    fields: tuple[str, ...]
    judge: Callable[..., Iterable[Failure]]


def rule(*fields: str) -> Callable[[Callable[..., Iterable[Failure]]], Rule]:
    """Make a function of the named fields' values (None where absent; dotted names reach into objects) a rule."""
    return lambda judge: Rule(fields, judge)
