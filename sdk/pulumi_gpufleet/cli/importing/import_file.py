"""The file for `pulumi import --file`: its entries are complete, so that the engine asks no provider for them.

Inputs and outputs are what a create would have left. Secrets are marked as such: the engine stores any other value in
plain text.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from gpufleet_provider.dynamic import DynamicProvider
from gpufleet_provider.model.fields import Properties, Secret, marked
from gpufleet_provider.model.state_properties import ACCOUNT, INPUTS
from pulumi.dynamic.dynamic import serialize_provider  # pyright: ignore[reportUnknownVariableType]  (no types)

from pulumi_gpufleet.cli.importing.program import Declaration

_SIGNATURE = "4dabf18193072939515e22adb298388d"
_SECRET = "1b47061264138c4ac30d75fd1eb44270"


def import_text(declared: Iterable[Declaration]) -> str:
    """Return the text of the import file for resources that have every required input."""
    return json.dumps({"nameTable": {}, "resources": [_entry(each) for each in declared]}, indent=2) + "\n"


def _entry(each: Declaration) -> Properties:
    lifecycle = each.found.lifecycle
    provider = {"__provider": serialize_provider(DynamicProvider(lifecycle.token))}
    secret_inputs = marked(lifecycle.create_body, Secret)
    outputs = {**lifecycle.outputs(each.found.info), INPUTS: each.inputs, ACCOUNT: each.found.client.mark}
    hidden = {*marked(lifecycle.info_body, Secret), *secret_inputs, INPUTS}
    return {
        "type": f"pulumi-python:dynamic/{lifecycle.token}",
        "name": each.logical_name,
        "id": each.found.id,
        "inputs": {**_wrapped(each.inputs, secret_inputs), **provider},
        "outputs": {**_wrapped(outputs, hidden), **provider},
    }


def _wrapped(values: Properties, secrets: Iterable[str]) -> Properties:
    return {name: _secret(value) if name in secrets else value for name, value in values.items()}


def _secret(value: Any) -> Properties:
    return {_SIGNATURE: _SECRET, "plaintext": json.dumps(value)}
