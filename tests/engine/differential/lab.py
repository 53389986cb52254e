"""A cloud that is a folder, with one file per resource and a log of what it was asked for, and the resources in it.

A change of `zone` replaces a thing, a change of `disk` does so with the deletion first, and any other change is made in
place. `faults/<operation>-<name>` makes that operation fail with the text in it.
"""

import json
import os
import time
from pathlib import Path

import pulumi
from pulumi import Alias, Output, ResourceOptions
from pulumi.dynamic import (
    CheckFailure,
    CheckResult,
    CreateResult,
    DiffResult,
    ReadResult,
    Resource,
    ResourceProvider,
    UpdateResult,
)

__all__ = ["Alias", "Box", "Output", "ResourceOptions", "Thing", "pulumi", "step"]

CLOUD = Path(os.environ["LAB_CLOUD"])
step = int(os.environ["LAB_STEP"])
"""Which of the program's steps this is, from 1."""

_SETTLED = ("zone", "disk")


class ThingProvider(ResourceProvider):
    """Creates, reads, updates and deletes files."""

    def check(self, old_inputs, new_inputs):
        _asked("check", new_inputs["name"])
        fault = _fault("check", new_inputs["name"])
        inputs = {"tier": "small", **new_inputs}
        return CheckResult(inputs, [CheckFailure("size", fault)] if fault else [])

    def diff(self, id, old_outputs, new_inputs):
        _asked("diff", id)
        names = sorted((set(old_outputs) | set(new_inputs)) - {"serial", "address", "__provider", "name"})
        changed = [name for name in names if _plain(old_outputs.get(name)) != _plain(new_inputs.get(name))]
        return DiffResult(
            changes=bool(changed),
            replaces=[name for name in changed if name in _SETTLED],
            stables=["serial"],
            delete_before_replace="disk" in changed,
        )

    def create(self, inputs):
        name = inputs["name"]
        _asked("create", name)
        _refuse("create", name)
        _wait_while_held(name)
        serial = len(list(CLOUD.glob(f"births/{name}-*"))) + 1
        (CLOUD / "births" / f"{name}-{serial}").touch()
        id = f"{name}-{serial}"
        return CreateResult(id, _write(id, {**inputs, "serial": serial, "address": f"{id}.lab"}))

    def read(self, id, properties):
        _asked("read", id)
        _refuse("read", properties["name"])
        path = _path(id)
        if not path.exists():
            return ReadResult("", {})
        outputs = json.loads(path.read_text()) | {"__provider": properties["__provider"]}
        inputs = {name: value for name, value in outputs.items() if name not in ("serial", "address")}
        return ReadResult(id, outputs, inputs)

    def update(self, id, old_outputs, new_inputs):
        _asked("update", id)
        _refuse("update", new_inputs["name"])
        return UpdateResult(
            _write(id, {**new_inputs, "serial": old_outputs["serial"], "address": old_outputs["address"]})
        )

    def delete(self, id, properties):
        _asked("delete", id)
        _refuse("delete", properties["name"])
        _path(id).unlink(missing_ok=True)


class Thing(Resource, module="lab", name="Thing"):
    """A resource of this cloud; its properties are what is given."""

    serial: Output[int]
    address: Output[str]

    def __init__(self, resource_name, opts=None, **properties):
        super().__init__(
            ThingProvider(),
            resource_name,
            {"name": resource_name, "serial": None, "address": None, **properties},
            opts,
        )


class Box(pulumi.ComponentResource):
    """A component without inputs."""

    def __init__(self, name, opts=None):
        super().__init__("lab:index:Box", name, {}, opts)


def _path(id):
    return CLOUD / "things" / f"{id}.json"


def _write(id, properties):
    """Store a thing; returns its outputs."""
    stored = {name: value for name, value in properties.items() if name != "__provider"}
    _path(id).write_text(json.dumps(_plain(stored)))
    return properties


def _wait_while_held(name):
    """Keep a create from its end: it is there to be killed, and what outlives that creates nothing."""
    hold = CLOUD / "holds" / name
    if hold.exists():
        while hold.exists():
            time.sleep(0.05)
        raise RuntimeError("held too long")


def _plain(value):
    """A value as JSON can hold it: what an asset has inside is not looked into."""
    if isinstance(value, dict):
        return {name: _plain(item) for name, item in value.items()}
    if isinstance(value, list):
        return [_plain(item) for item in value]
    return type(value).__name__ if isinstance(value, (pulumi.Asset, pulumi.Archive)) else value


def _asked(operation, of):
    with (CLOUD / "operations.log").open("a") as log:
        log.write(f"{operation} {of}\n")


def _fault(operation, name):
    path = CLOUD / "faults" / f"{operation}-{name}"
    return path.read_text() if path.exists() else ""


def _refuse(operation, name):
    if fault := _fault(operation, name):
        raise RuntimeError(fault)
