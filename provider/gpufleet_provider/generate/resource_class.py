"""The SDK's class of one resource: the create body as keyword arguments, the info body as `Output[…]` attributes."""

from __future__ import annotations

import inspect
import re
import types
import typing
from collections.abc import Iterator, Sequence
from typing import Any

from pydantic import BaseModel

from gpufleet_provider.generate.declarations import (
    CloudTypes,
    Property,
    docstring,
    output_class,
    sentence,
    typed_dict,
    with_parameters,
)
from gpufleet_provider.model.comparing import nested_body
from gpufleet_provider.model.fields import CreateOnly, GrowOnly, Local, Refused, Required, Secret, mark
from gpufleet_provider.model.lifecycle import Lifecycle

_OF_EVERY_RESOURCE = ("id", "urn")
"""Outputs that Pulumi itself gives to every resource."""


def declare_resource(lifecycle: Lifecycle[Any], sdk: CloudTypes) -> None:
    """Declare a resource's class, with all types that it needs; raises TypeError for what the SDK cannot express."""
    _refuse_ambiguous(lifecycle)
    resource = _resource(lifecycle)
    noun, body, info = _words_of(resource), lifecycle.create_body, lifecycle.info_body
    sdk.owners.update({body: resource, info: resource})
    inputs, outputs = list(_inputs(lifecycle, sdk)), sdk.properties(info, "output")
    arguments, result = f"{resource}ArgsDict", f"Get{resource}Result"
    sdk.declare(arguments, typed_dict(arguments, f"The arguments of a {noun}.", inputs), body)
    sdk.declare(result, output_class(result, f"A {noun} as the cloud shows it.", outputs), body)
    sdk.declare(resource, _resource_class(lifecycle, inputs, outputs), body)


# --- Inputs ----------------------------------------------------------------------------------------------------------


def _inputs(lifecycle: Lifecycle[Any], sdk: CloudTypes) -> Iterator[Property]:
    """The create body's fields; the physical name is optional, since the resource class offers one."""
    for found in sdk.properties(lifecycle.create_body, "input"):
        doc = " ".join((found.doc, *_behaviour(lifecycle, found.name, found.doc))).strip()
        required = found.required and found.name != lifecycle.name_field
        yield Property(found.name, found.type, required, doc)


def _behaviour(lifecycle: Lifecycle[Any], name: str, doc: str) -> Iterator[str]:
    """What a change of an input does, as sentences for the editor, where its own documentation does not say it."""
    body, noun = lifecycle.create_body, _words_of(_resource(lifecycle))
    if mark(body, name, Local) is not None:
        return
    if (create_only := mark(body, name, CreateOnly)) is not None:
        yield f"A later change only warns: {_clause(create_only.reason)}."
    elif (refused := mark(body, name, Refused)) is not None:
        yield f"A later change is refused: {_clause(refused.advice)}."
    elif (grow_only := mark(body, name, GrowOnly)) is not None:
        yield f"It grows in place, and a smaller number is refused: {_clause(grow_only.advice)}."
    elif "in place" not in doc and "replaces" not in doc:
        in_place = name in lifecycle.update_body.model_fields
        yield ("It changes in place." if in_place else f"A change replaces the {noun}.")
    if (required := mark(body, name, Required)) is not None:
        yield f"Taking it out of the program is refused: {_clause(required.advice)}."


def _secrets(body: type[BaseModel]) -> tuple[str, ...]:
    """The fields of a body that are marked as credentials, or hold one."""
    return tuple(
        name
        for name, info in body.model_fields.items()
        if mark(body, name, Secret) is not None
        or ((inner := nested_body(info.annotation)) is not None and _secrets(inner))
    )


def _refuse_ambiguous(lifecycle: Lifecycle[Any]) -> None:
    """An input and an output of one name are one attribute: Pulumi reads both with the output's type."""
    inputs, outputs = lifecycle.create_body.model_fields, lifecycle.info_body.model_fields
    for name in inputs.keys() & outputs.keys():
        goes_in, comes_out = _shape(inputs[name].annotation), _shape(outputs[name].annotation)
        if goes_in != comes_out:
            raise TypeError(f"{lifecycle.token}: {name} goes in as {goes_in} and comes out as {comes_out}")


def _shape(annotation: Any) -> str:
    """How Pulumi carries a type: as an object, a list, or a scalar."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return "an object"
    origin, arguments = typing.get_origin(annotation), typing.get_args(annotation)
    if origin in (list, dict):
        return f"a {origin.__name__} of {_shape(arguments[-1])}"
    if origin is typing.Annotated:
        return _shape(arguments[0])
    if origin in (typing.Union, types.UnionType):
        return next(_shape(argument) for argument in arguments if argument is not types.NoneType)
    return "a scalar"


# --- The class -------------------------------------------------------------------------------------------------------


def _resource_class(lifecycle: Lifecycle[Any], inputs: Sequence[Property], outputs: Sequence[Property]) -> str:
    resource, noun = _resource(lifecycle), _words_of(_resource(lifecycle))
    doc = inspect.cleandoc(lifecycle.create_body.__doc__ or f"A {noun}.")
    about = {
        "module": lifecycle.token.partition(":")[0],
        "name": resource,
        "physical_name": lifecycle.name_field,
        "secret_inputs": _secrets(lifecycle.create_body),
        "secret_outputs": _secrets(lifecycle.info_body),
    }
    bag = ", ".join(f'"{found.name}": {found.name}' for found in inputs)
    arguments = ", ".join(f"{key}={value!r}" for key, value in about.items() if value)
    lines = [
        f"class {resource}(CloudResource, {arguments}):",
        docstring(doc, 4),
        "",
        "    def __init__(self, resource_name: str, opts: pulumi.ResourceOptions | None = None, *,",
        *(f"        {found.parameter}" for found in inputs),
        "    ) -> None:",
        docstring(with_parameters(f"Declare a {noun}.", inputs), 8),
        f"        super().__init__(resource_name, {{{bag}}}, opts)",
        "",
    ]
    for found in outputs:
        if found.name not in _OF_EVERY_RESOURCE:
            lines += [
                "    @property",
                "    @pulumi.getter",
                f"    def {found.name}(self) -> pulumi.Output[{found.output_type}]:",
                docstring(found.doc or sentence(found.name), 8),
                f'        return self._output("{found.name}")',
                "",
            ]
    return "\n".join(lines)


def _resource(lifecycle: Lifecycle[Any]) -> str:
    return lifecycle.token.partition(":")[2]


def _words_of(camel: str) -> str:
    return re.sub(r"(?<=[a-z])(?=[A-Z])", " ", camel).lower()


def _clause(text: str) -> str:
    return text.rstrip(".")
