"""Requests whose replies have a known shape, and `parse_info`, which fills an info body whatever a reply gets wrong.

Both vendors add fields, leave out required ones and have new statuses before their schemas say so. A poll parses every
cluster of an account, so the readers of a model are made once and the model's own validation is not run.
"""

from __future__ import annotations

import functools
import math
import re
import types
import typing
from collections.abc import Callable
from typing import Any, Literal, cast

from pydantic import BaseModel

from gpufleet_provider.model.errors import Ambiguous, Unavailable
from gpufleet_provider.model.fields import InfoT, Properties
from gpufleet_provider.model.lifecycle import Client

Reader = Callable[[Any], Any]
"""From what a reply has to what a field holds; None where that is nothing."""


# --- Requests -------------------------------------------------------------------------------------------------------


def fetch_rows(client: Client, path: str, key: str) -> list[Properties]:
    """Get the objects of the list that a reply holds under a key; raises Unavailable where it holds no list.

    No list is not an empty one: everything that it lacks would read as gone.
    """
    reply = client.request("GET", path)
    rows: Any = cast(Properties, reply).get(key) if isinstance(reply, dict) else None
    if not isinstance(rows, list):
        raise Unavailable(f"{client.cloud.title}: the answer holds no list of {key}. Run it again in a few minutes.")
    return [cast(Properties, entry) for entry in cast("list[Any]", rows) if isinstance(entry, dict)]


def fetch_object(client: Client, path: str, id_field: str) -> Properties:
    """Get an object that has an id; raises Unavailable for any other answer, from which nothing follows."""
    reply = client.request("GET", path)
    if not isinstance(reply, dict) or not cast(Properties, reply).get(id_field):
        raise Unavailable(
            f"{client.cloud.title}: the answer is not an object that has {id_field}. Run it again in a few minutes."
        )
    return cast(Properties, reply)


def post_create(client: Client, path: str, body: Properties, id_field: str) -> str:
    """Post a create, never twice, and return the new id, or an empty string where the reply holds none.

    Of a reply that is accepted and cannot be read as a whole, the id is taken if it has only one. Raises CloudError.
    """
    try:
        id = client.request("POST", path, json=body, creates=True).get(id_field)
    except Ambiguous as unreadable:
        found = set(re.findall(rf'"{re.escape(id_field)}"\s*:\s*"([\w.:-]+)"', unreadable.reply))
        if len(found) != 1:
            raise
        return found.pop()
    return id if isinstance(id, str) else ""


# --- Parsing --------------------------------------------------------------------------------------------------------


def parse_info(model: type[InfoT], raw: Any) -> InfoT:
    """Fill an info body from a reply; never raises.

    Unknown keys are dropped; what is missing is None, required or not; a value of another type is converted where that
    is harmless (8.0 and "8" to 8) and None where it is not; entries of lists that cannot be read are dropped.
    """
    return cast(InfoT, _read_model(model, cast("dict[str, Any]", raw) if isinstance(raw, dict) else {}))


def unreadable(model: type[BaseModel], raw: Properties) -> set[str]:
    """Return the fields that a reply has and that hold nothing of their type, from which nothing follows."""
    return {name for name, read in _readers(model) if (value := raw.get(name)) is not None and read(value) is None}


def _read_model(model: type[BaseModel], raw: dict[str, Any]) -> BaseModel:
    values = {name: None if (value := raw.get(name)) is None else read(value) for name, read in _readers(model)}
    return model.model_construct(None, **values)


@functools.cache
def _readers(model: type[BaseModel]) -> tuple[tuple[str, Reader], ...]:
    return tuple((name, _reader(field.annotation)) for name, field in model.model_fields.items())


def _reader(annotation: Any) -> Reader:
    origin, arguments = typing.get_origin(annotation), typing.get_args(annotation)
    if origin is typing.Annotated:
        return _reader(arguments[0])
    if origin in (typing.Union, types.UnionType):
        (inner,) = (argument for argument in arguments if argument is not type(None))
        return _reader(inner)
    if origin is list:
        return _list_reader(_reader(arguments[0]))
    if origin is dict:
        return _dict_reader(_reader(arguments[1]))
    if origin is Literal:
        return _text
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return _model_reader(annotation)
    return _SCALARS[annotation]


# --- Containers -----------------------------------------------------------------------------------------------------


def _model_reader(model: type[BaseModel]) -> Reader:
    return lambda value: _read_model(model, cast("dict[str, Any]", value)) if isinstance(value, dict) else None


def _list_reader(read: Reader) -> Reader:
    def entries(value: Any) -> list[Any] | None:
        if not isinstance(value, list):
            return None
        return [entry for raw in cast("list[Any]", value) if (entry := read(raw)) is not None]

    return entries


def _dict_reader(read: Reader) -> Reader:
    def entries(value: Any) -> dict[str, Any] | None:
        if not isinstance(value, dict):
            return None
        raws = cast("dict[str, Any]", value)
        return {key: entry for key, raw in raws.items() if (entry := read(raw)) is not None}

    return entries


_LARGEST = 2**63


# --- Scalars --------------------------------------------------------------------------------------------------------


def _text(value: Any) -> str | None:
    if isinstance(value, str):
        return value
    return str(value) if isinstance(value, (int, float)) and not isinstance(value, bool) else None


def _number(value: Any) -> float | None:
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        return None
    try:
        number = float(value)
    except (ValueError, OverflowError):
        return None
    return number if math.isfinite(number) else None


def _whole_number(value: Any) -> int | None:
    if isinstance(value, int) and not isinstance(value, bool):
        number: float | None = value
    else:
        number = _number(value)
    # No field counts so far, and a number that large can be kept in no state.
    if number is None or abs(number) > _LARGEST or number != int(number):
        return None
    return int(number)


def _truth(value: Any) -> bool | None:
    if isinstance(value, bool):
        return value
    return {"true": True, "false": False}.get(value.lower()) if isinstance(value, str) else None


_SCALARS: dict[Any, Reader] = {str: _text, int: _whole_number, float: _number, bool: _truth}
