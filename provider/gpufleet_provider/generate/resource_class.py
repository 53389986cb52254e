"""The SDK's module of one resource: its arguments, its class, and the look-up of a living one by its id."""

from __future__ import annotations

import inspect
import types
import typing
from collections.abc import Iterator, Sequence
from typing import Any

from pydantic import BaseModel

from gpufleet_provider.generate.declarations import (
    OUTPUTS,
    CloudTypes,
    Property,
    args_class,
    documented,
    output_class,
    snake_case,
    typed_dict,
)
from gpufleet_provider.generate.docstrings import docstring, sentence, with_parameters
from gpufleet_provider.model.fields import CreateOnly, GrowOnly, Local, Refused, Required, Secret, mark, nested_body
from gpufleet_provider.model.lifecycle import Lifecycle

_OF_EVERY_RESOURCE = ("id", "urn")
"""Outputs that Pulumi itself gives to every resource."""
_OF_EVERY_CONSTRUCTOR = ("resource_name", "args", "opts")
"""Parameters that every resource class has besides its inputs."""


def declare_resource(lifecycle: Lifecycle[Any], sdk: CloudTypes) -> None:
    """Declare a resource's module, with all types that it needs; raises TypeError for what the SDK cannot express."""
    _refuse_ambiguous(lifecycle)
    resource = _resource(lifecycle)
    module, noun, create_body = snake_case(resource), _noun(lifecycle), lifecycle.create_body
    folder = create_body.__module__.partition(".")[2].replace(".", "/")
    sdk.headings[module] = (f"{folder}.py", f"{sdk.title}: the resource `{resource}`.")
    inputs, outputs = list(_inputs(lifecycle, sdk)), sdk.properties(lifecycle.info_body, "output")
    set_of_arguments = f"The set of arguments for constructing a {resource} resource."
    sdk.declare(module, f"{resource}ArgsDict", typed_dict(f"{resource}ArgsDict", set_of_arguments, inputs))
    sdk.declare(module, f"{resource}Args", args_class(f"{resource}Args", set_of_arguments, inputs))
    result = f"Get{resource}Result"
    sdk.declare(OUTPUTS, result, output_class(result, f"A {noun} as the cloud shows it.", outputs))
    sdk.declare(module, resource, _resource_class(lifecycle, inputs, list(_attributes(lifecycle, sdk))))
    for name, text in _lookups(lifecycle).items():
        sdk.declare(module, name, text)


# --- Inputs ----------------------------------------------------------------------------------------------------------


def _inputs(lifecycle: Lifecycle[Any], sdk: CloudTypes) -> Iterator[Property]:
    """The create body's fields; the physical name is optional, since the resource class offers one."""
    for found in sdk.properties(lifecycle.create_body, "input"):
        doc = " ".join((found.doc, *_effect_of_a_change(lifecycle, found.name, found.doc))).strip()
        required = found.required and found.name != lifecycle.name_field
        yield Property(found.name, found.type, required, doc)


def _effect_of_a_change(lifecycle: Lifecycle[Any], name: str, doc: str) -> Iterator[str]:
    """What a change of an input does, as sentences for the editor, where its own documentation does not say it."""
    body, noun = lifecycle.create_body, _noun(lifecycle)
    if mark(body, name, Local) is not None:
        return
    if (create_only := mark(body, name, CreateOnly)) is not None:
        yield f"Changing it later only warns. {_as_sentence(create_only.reason)}"
    elif (refused := mark(body, name, Refused)) is not None:
        yield f"Changing it later is refused. {_as_sentence(refused.advice)}"
    elif (grow_only := mark(body, name, GrowOnly)) is not None:
        yield f"It can grow in place; making it smaller is refused. {_as_sentence(grow_only.advice)}"
    elif "in place" not in doc and "replaces" not in doc:
        in_place = name in lifecycle.update_body.model_fields
        yield (f"Changing it updates the {noun} in place." if in_place else f"Changing it replaces the {noun}.")
    if (required := mark(body, name, Required)) is not None:
        yield f"Removing it is refused. {_as_sentence(required.advice)}"


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
    for name in inputs:
        if name in _OF_EVERY_CONSTRUCTOR:
            raise TypeError(f"{lifecycle.token}: the input {name} has the name of a parameter of every resource class")
        if name in outputs:
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


def _attributes(lifecycle: Lifecycle[Any], sdk: CloudTypes) -> Iterator[tuple[Property, bool]]:
    """Every input and every output as an attribute, and whether it is an output; of both, the output's type wins."""
    inputs, outputs = lifecycle.create_body, lifecycle.info_body
    for name in dict.fromkeys((*inputs.model_fields, *outputs.model_fields)):
        if name not in _OF_EVERY_RESOURCE:
            is_output = name in outputs.model_fields
            yield sdk.property(outputs if is_output else inputs, name, "attribute"), is_output


def _resource_class(
    lifecycle: Lifecycle[Any], inputs: Sequence[Property], attributes: Sequence[tuple[Property, bool]]
) -> str:
    resource = _resource(lifecycle)
    about = {
        "module": repr(lifecycle.token.partition(":")[0]),
        "name": repr(resource),
        "args_type": f"{resource}Args",
        "physical_name": repr(lifecycle.name_field),
        "secret_inputs": repr(_secrets(lifecycle.create_body)),
        "secret_outputs": repr(_secrets(lifecycle.info_body)),
    }
    create = f"Create a {resource} resource with the given unique name, props, and options."
    name = ("str", "resource_name", "The name of the resource.")
    opts = ("pulumi.ResourceOptions", "opts", "Options for the resource.")
    args = (f"{resource}Args", "args", "The arguments to use to populate this resource's properties.")
    options = "opts: pulumi.ResourceOptions | None = None,"
    stated = ", ".join(f"{key}={value}" for key, value in about.items() if value != "()")
    lines = [
        f"class {resource}(CloudResource, {stated}):",
        docstring(inspect.cleandoc(lifecycle.create_body.__doc__ or f"A {_noun(lifecycle)}."), 4),
        "",
        "    @overload",
        f"    def __init__(self, resource_name: str, {options} *,",
        *(f"        {found.parameter}" for found in inputs),
        "    ) -> None:",
        docstring(with_parameters(create, (name, opts, *documented(inputs))), 8),
        "    @overload",
        f"    def __init__(self, resource_name: str, args: {resource}Args, {options}) -> None:",
        docstring(with_parameters(create, (name, args, opts)), 8),
        "    def __init__(self, resource_name: str, *args: Any, **kwargs: Any) -> None:",
        docstring(f"{create}\n\nGive the arguments as keywords, or all of them as one `{resource}Args`.", 8),
        "        super().__init__(resource_name, *args, **kwargs)",
        "",
    ]
    for found, is_output in attributes:
        lines += [
            "    @property",
            "    @pulumi.getter",
            f"    def {found.name}(self) -> pulumi.Output[{found.output_type}]:",
            docstring(found.doc or sentence(found.name), 8),
            f'        return self._output("{found.name}")'
            if is_output
            else f'        return self._input("{found.name}", {found.type})',
            "",
        ]
    return "\n".join(lines)


def _lookups(lifecycle: Lifecycle[Any]) -> dict[str, str]:
    """The look-up of a living resource by its id, and its twin that takes and returns outputs."""
    resource, noun, token = _resource(lifecycle), _noun(lifecycle), lifecycle.token
    secrets = _secrets(lifecycle.info_body)
    result, name = f"{OUTPUTS}.Get{resource}Result", f"get_{snake_case(resource)}"
    asked = "pulumi.Output.secret(id)" if secrets else "id"
    in_clear = f", its {', '.join(secrets)} in clear" if secrets else ""
    secret = f"; all of it is secret, since its {', '.join(secrets)} is" if secrets else ""
    return {
        name: "\n".join(
            [
                f"def {name}(id: str) -> {result}:",
                docstring(f"Return a living {noun} by its id{in_clear}; raises pulumi.RunError.", 4),
                f"    return get_resource({token!r}, id, {result})",
                "",
            ]
        ),
        f"{name}_output": "\n".join(
            [
                f"def {name}_output(id: pulumi.Input[str]) -> pulumi.Output[{result}]:",
                docstring(f"Return a living {noun} by its id{secret}.", 4),
                f"    return get_resource_output({token!r}, {asked}, {result})",
                "",
            ]
        ),
    }


def _resource(lifecycle: Lifecycle[Any]) -> str:
    return lifecycle.token.partition(":")[2]


def _noun(lifecycle: Lifecycle[Any]) -> str:
    return snake_case(_resource(lifecycle)).replace("_", " ")


def _as_sentence(clause: str) -> str:
    return f"{clause[:1].upper()}{clause[1:].rstrip('.')}."
