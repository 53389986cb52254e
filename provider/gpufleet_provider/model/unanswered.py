"""Updates whose answer was lost: what they asked for is kept beside the inputs until it is known what became of it.

A call that changes a resource and is not answered may have been carried out. Its resource then has either what it had,
or what was asked for, and a program that is taken back must not read as unchanged.
"""

from __future__ import annotations

from typing import Any, cast

from pydantic import BaseModel

from gpufleet_provider.model.comparing import changes, corrected, differences
from gpufleet_provider.model.fields import KeyedBy, Properties, mark
from gpufleet_provider.model.lifecycle import Lifecycle
from gpufleet_provider.model.state_properties import ASKED


def with_asked(lifecycle: Lifecycle[Any], prior: Properties, inputs: Properties) -> Properties:
    """Return prior inputs that remember what an update has asked for, besides what earlier ones have."""
    asked = {name: inputs[name] for name in lifecycle.update_body.model_fields if name in inputs}
    return {**prior, ASKED: [*(entry for entry in prior.get(ASKED) or () if entry != asked), asked]}


def without_asked(inputs: Properties) -> Properties:
    """Return inputs without what unanswered updates have asked for."""
    return {name: value for name, value in inputs.items() if name != ASKED}


def possible_inputs(lifecycle: Lifecycle[Any], prior: Properties) -> list[Properties]:
    """Return every version of its inputs that a resource may have: what it was surely given first, the newest last."""
    in_place = lifecycle.update_body.model_fields
    fixed = {name: value for name, value in prior.items() if name not in in_place and name != ASKED}
    return [without_asked(prior), *({**fixed, **asked} for asked in prior.get(ASKED) or ())]


def unsettled(lifecycle: Lifecycle[Any], prior: Properties, inputs: Properties) -> dict[str, str]:
    """Return, by path, what may differ from the inputs because of an unanswered update: `add`, `delete`, `update`."""
    kinds: dict[str, str] = {}
    for possible in possible_inputs(lifecycle, prior)[1:]:
        for name, where in differences(lifecycle.create_body, possible, inputs).items():
            if name in lifecycle.update_body.model_fields:
                kinds.update({difference.path: difference.kind for difference in where})
    return kinds


def settling_changes(lifecycle: Lifecycle[Any], prior: Properties, inputs: Properties) -> Properties:
    """Return what an update sends so that a resource gets its inputs, whatever became of the unanswered ones."""
    sent: Properties = {}
    for possible in reversed(possible_inputs(lifecycle, prior)):
        sent = _merged(lifecycle.create_body, sent, changes(lifecycle, possible, inputs))
    return sent


def settled(lifecycle: Lifecycle[Any], prior: Properties, shown: Properties) -> Properties:
    """Return prior inputs with what the cloud shows to have been carried out; what it does not show stays open."""
    result, open_ones = without_asked(prior), list[Properties]()
    for asked in possible_inputs(lifecycle, prior)[1:]:
        unclear = False
        for name in differences(lifecycle.create_body, without_asked(prior), asked):
            value = {name: asked.get(name)}
            if name not in shown:
                unclear = unclear or name in asked
            elif not differences(lifecycle.create_body, value, corrected(lifecycle.create_body, value, shown)):
                result[name] = asked.get(name)
        if unclear:
            open_ones.append({name: asked[name] for name in lifecycle.update_body.model_fields if name in asked})
    if open_ones:
        result[ASKED] = open_ones
    return {name: value for name, value in result.items() if value is not None}


def _merged(body: type[BaseModel], less: Properties, more: Properties) -> Properties:
    """Merge what two comparisons would send; the values all come from one declaration, so they do not disagree."""
    result = dict(less)
    for name, value in more.items():
        keyed = mark(body, name, KeyedBy)
        before = less.get(name)
        if isinstance(value, dict) and isinstance(before, dict):
            value = _deeply_merged(cast(Properties, before), cast(Properties, value))
        elif keyed is not None and isinstance(value, list) and isinstance(before, list):
            entries = {entry[keyed.key]: entry for entry in cast("list[Properties]", before)}
            for entry in cast("list[Properties]", value):
                entries[entry[keyed.key]] = _deeply_merged(entries.get(entry[keyed.key], {}), entry)
            value = list(entries.values())
        result[name] = value
    return result


def _deeply_merged(less: Properties, more: Properties) -> Properties:
    result = dict(less)
    for name, value in more.items():
        before = result.get(name)
        nested = isinstance(value, dict) and isinstance(before, dict)
        result[name] = _deeply_merged(cast(Properties, before), cast(Properties, value)) if nested else value
    return result
