"""The Pulumi program for resources that already run: typed resources, with the inputs that the cloud shows."""

from __future__ import annotations

import builtins
import keyword
import re
import textwrap
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, cast

from gpufleet_provider.model.checking import check
from gpufleet_provider.model.fields import Properties, Secret, Unreadable, mark
from gpufleet_provider.model.lifecycle import Lifecycle

from pulumi_gpufleet.cli.accounts.running import Running, shown

_LINE_LENGTH = 120


@dataclass(frozen=True)
class Declaration:
    """One resource of the program."""

    found: Running
    logical_name: str
    variable: str
    inputs: Properties
    """The inputs to write into the program; valid unless something is missing."""
    missing: dict[str, str]
    """Required inputs that the cloud does not show, or not in a valid form, each with the reason."""
    left_out: dict[str, str]
    """Optional inputs that the cloud does not show in a valid form, each with the reason."""

    @property
    def resource(self) -> str:
        """The name of its class."""
        return self.found.token.partition(":")[2]


def declarations(running: Iterable[Running]) -> list[Declaration]:
    """Return what to declare; logical names and variables are unique in the program."""
    names, variables = set[str](), {"pulumi", *(found.lifecycle.token.partition(":")[0] for found in running)}
    declared: list[Declaration] = []
    for found in running:
        name = _unique(_logical_name(found), names, "-")
        variable = _unique(_identifier(found), variables, "_")
        declared.append(Declaration(found, name, variable, *accepted_inputs(found.lifecycle, found.inputs)))
    return declared


def accepted_inputs(
    lifecycle: Lifecycle[Any], observed: Properties
) -> tuple[Properties, dict[str, str], dict[str, str]]:
    """Return the observed inputs that are valid, normalised; what is missing; and what was left out.

    An optional input that is not valid is left out. Credentials are never among them.
    """
    body = lifecycle.create_body
    inputs = {name: value for name, value in observed.items() if mark(body, name, Secret) is None}
    left_out: dict[str, str] = {}
    while True:
        checked = check(lifecycle, {}, inputs, lambda _value: False)
        refused = {re.split(r"[.\[]", failure.path)[0]: failure.reason for failure in checked.failures}
        optional = {n: why for n, why in refused.items() if n in inputs and not body.model_fields[n].is_required()}
        if not optional:
            accepted = {name: value for name, value in checked.inputs.items() if name not in refused}
            return accepted, refused, {name: why for name, why in left_out.items() if name not in refused}
        left_out |= optional
        inputs = {name: value for name, value in inputs.items() if name not in optional}


# --- Names ------------------------------------------------------------------------------------------------------------


def _logical_name(found: Running) -> str:
    # `::` separates the parts of a URN.
    name = re.sub(r"::+", ":", "".join(c for c in found.name if c.isprintable()).strip())
    return name or found.id


def _identifier(found: Running) -> str:
    identifier = re.sub(r"[^a-z0-9]+", "_", found.name.lower()).strip("_") or "cluster"
    identifier = f"cluster_{identifier}" if identifier[0].isdigit() else identifier
    return f"{identifier}_" if keyword.iskeyword(identifier) or hasattr(builtins, identifier) else identifier


def _unique(wanted: str, taken: set[str], separator: str) -> str:
    name, number = wanted, 2
    while name in taken:
        name, number = f"{wanted}{separator}{number}", number + 1
    taken.add(name)
    return name


# --- Text -------------------------------------------------------------------------------------------------------------

_FILL_IN = '''

def fill_in(what: str) -> NoReturn:
    """Mark a value that the cloud does not show; the program fails until it is written here."""
    raise pulumi.RunError(f"{__file__}: fill in {what}")
'''


def program_text(cloud: str, declared: list[Declaration]) -> str:
    """Return the text of the program."""
    incomplete = any(each.missing for each in declared)
    lifecycles = {each.resource: each.found.lifecycle for each in declared}
    lines = [f'"""What already runs on {declared[0].found.client.cloud.title}, as `gpufleet import` found it."""', ""]
    if incomplete:
        lines += ["from typing import NoReturn", "", "import pulumi"]
    lines.append(f"from pulumi_gpufleet import {cloud}")
    if incomplete:
        lines += [*_FILL_IN.rstrip().split("\n"), ""]
    for resource, lifecycle in lifecycles.items():
        unseen = [name for name in lifecycle.create_body.model_fields if mark(lifecycle.create_body, name, Unreadable)]
        if unseen:
            lines += ["", f"# No reply shows these inputs of a {resource}, so they are not declared:"]
            lines += [f"# {line}" for line in textwrap.wrap(", ".join(unseen), _LINE_LENGTH - 2)]
    for each in declared:
        lines += ["", *_declaration(cloud, each)]
    return "\n".join(lines) + "\n"


def _declaration(cloud: str, each: Declaration) -> Iterable[str]:
    yield f"{each.variable} = {cloud}.{each.resource}("
    yield f"    {_text(each.logical_name)},"
    for name in each.found.lifecycle.create_body.model_fields:
        if name in each.missing:
            yield f"    # Not shown in a form that can be used: {shown(each.missing[name])}"
            yield f"    {name}=fill_in({_text(f'{name} of {each.logical_name}')}),"
        elif name in each.left_out:
            yield f"    # {name} is left out, as what runs would be refused: {shown(each.left_out[name])}"
        elif name in each.inputs:
            yield from _argument(name, each.inputs[name])
    if each.missing:
        yield f"    opts=pulumi.ResourceOptions(import_={_text(each.found.id)}),"
    yield ")"


def _argument(name: str, value: Any) -> list[str]:
    first, *rest = _literal(value, "    ", len(f"    {name}=") + 1)
    lines = [f"    {name}={first}", *rest]
    lines[-1] += ","
    return lines


def _literal(value: Any, indent: str, used: int) -> list[str]:
    """Write a value as Python: on one line if it fits after the `used` characters, else one entry per line."""
    flat = _flat(value)
    if isinstance(value, str) and "\n" in value.rstrip("\n") and used + len(flat) > _LINE_LENGTH:
        return ["(", *(f"{indent}    {_text(line)}" for line in value.splitlines(keepends=True)), f"{indent})"]
    if not value or not isinstance(value, (dict, list)) or used + len(flat) <= _LINE_LENGTH:
        return [flat]
    inner = f"{indent}    "
    entries = (
        [(f"{_text(key)}: ", entry) for key, entry in cast(Properties, value).items()]
        if isinstance(value, dict)
        else [("", entry) for entry in cast("list[Any]", value)]
    )
    lines = ["{" if isinstance(value, dict) else "["]
    for lead, entry in entries:
        first, *rest = _literal(entry, inner, len(inner) + len(lead) + 1)
        lines += [f"{inner}{lead}{first}", *rest]
        lines[-1] += ","
    return [*lines, indent + ("}" if isinstance(value, dict) else "]")]


def _flat(value: Any) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(f"{_text(key)}: {_flat(entry)}" for key, entry in cast(Properties, value).items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(_flat(entry) for entry in cast("list[Any]", value)) + "]"
    return _text(value) if isinstance(value, str) else repr(value)


def _text(text: str) -> str:
    """Write a string in double quotes, unless that needs more escapes, as formatters do."""
    plain = repr(text)
    return f'"{plain[1:-1]}"' if plain.startswith("'") and '"' not in plain else plain
