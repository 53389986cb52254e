"""The inputs that a reply shows: derived from the create body and the info body, so that no list of them exists."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from typing import Any, cast

from pydantic import BaseModel

from gpufleet_provider.model.fields import Body, Info, Properties, ShownAs, Unreadable, mark, nested_bodies


@functools.cache
def readable_fields(create_body: type[Body], info_body: type[Info]) -> Mapping[str, str]:
    """Return the inputs that replies show, each with the path at which they do: its own name, or its `ShownAs`.

    One that is marked `Unreadable` is never among them: what replies have under its name is something else.
    """
    paths: dict[str, str] = {}
    for name in create_body.model_fields:
        shown = mark(create_body, name, ShownAs)
        path = name if shown is None else shown.path
        if path.partition(".")[0] in info_body.model_fields and mark(create_body, name, Unreadable) is None:
            paths[name] = path
    return paths


def readable_inputs(create_body: type[Body], info: Info, declared: Properties) -> Properties:
    """Return the inputs that a reply shows, as plain JSON with the fields of the create body alone.

    Empty strings and objects stand for what is unset, so they are no inputs; nor are 0, false and empty lists where
    no such input is declared.
    """
    inputs: Properties = {}
    for name, path in readable_fields(create_body, type(info)).items():
        shown = functools.reduce(lambda value, part: getattr(value, part, None), path.split("."), cast(Any, info))
        value = _plain(shown, nested_bodies(create_body)[name])
        if value or (value not in (None, "", {}) and name in declared):
            inputs[name] = value
    return inputs


def _plain(value: Any, body: type[BaseModel] | None) -> Any:
    if isinstance(value, list):
        return [_plain(entry, body) for entry in cast("list[Any]", value)]
    if body is None or not isinstance(value, BaseModel):
        return value
    plain = {name: _plain(getattr(value, name, None), inner) for name, inner in nested_bodies(body).items()}
    return {name: entry for name, entry in plain.items() if entry not in (None, "", {})}
