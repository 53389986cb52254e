"""Reads the states that the user names: every id in them, and every create that has not finished.

A state that cannot be read completely is an error: the resources that it holds would look like orphans.
"""

from __future__ import annotations

import gzip
import json
import re
import zlib
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import click
from gpufleet_provider.http.accounts import Setting
from gpufleet_provider.model.fields import Properties

from pulumi_gpufleet.cli.accounts.running import Running, strings
from pulumi_gpufleet.cli.accounts.stacks import UnreadableState, configuration, exported

_GZIP_MAGIC = b"\x1f\x8b"
_VERSIONS = (3, 4)
"""Versions of a deployment that can be read: 4 only adds features to 3."""
_TYPE = re.compile(r"pulumi-python:dynamic/([^:/]+):")
"""The type token of a dynamic resource, with the name of its cloud."""


@dataclass
class Known:
    """What some states hold; a resource is known if its id is anywhere in them."""

    values: set[str] = field(default_factory=set[str])
    """Every string in them; ids of resources, of their volumes and machines, and of references are among them."""
    unfinished: set[str] = field(default_factory=set[str])
    """Every string in the inputs of creates that have not finished; the physical names are among them."""
    held: Counter[str] = field(default_factory=Counter[str])
    """How many resources of each cloud they hold, by its name in CLOUDS."""

    def knows(self, found: Running) -> bool:
        """Say whether a state holds the resource, or a create that has not finished may be making it."""
        return found.id in self.values or self.creates(found)

    def creates(self, found: Running) -> bool:
        """Say whether the resource is known only by the name in a create that has not finished.

        A run is creating it now, or was killed while it did.
        """
        return found.id not in self.values and found.name != "" and found.name in self.unfinished


@dataclass(frozen=True)
class States:
    """The states that the user named; `read` reads them anew."""

    files: tuple[Path, ...] = ()
    stacks: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.files or self.stacks)

    def settings(self) -> list[Setting]:
        """Return the configuration of each stack, to look up keys and addresses in; raises UnreadableState.

        Where a configuration has no key, the environment counts, as in a run of the stack.
        """
        configurations: list[dict[str, str]] = [configuration(stack) for stack in self.stacks]
        if self.files or not configurations:
            configurations.append({})
        return [each.get for each in configurations]

    def read(self) -> Known:
        """Read all of them now, and return what they hold together; raises UnreadableState."""
        known = Known()
        for path in self.files:
            _add(known, _deployment(_read(path), str(path)))
        for stack in self.stacks:
            _add(known, _deployment(exported(stack), f"stack {stack}"))
        return known


def state_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add `--stack-state` and `--stack`, as `stack_states` and `stacks`, to a command."""
    command = click.option(
        "--stack",
        "stacks",
        multiple=True,
        metavar="NAME",
        help="A stack whose state counts, as `pulumi stack export --stack NAME` shows it; its configuration names the "
        "accounts. Can be given several times.",
    )(command)
    return click.option(
        "--stack-state",
        "stack_states",
        multiple=True,
        metavar="FILE",
        type=click.Path(path_type=Path),
        help="A state that counts: what `pulumi stack export` wrote, or a checkpoint of a file backend. "
        "Can be given several times.",
    )(command)


# --- Reading ----------------------------------------------------------------------------------------------------------


def _read(path: Path) -> bytes:
    _refuse_outdated(path)
    try:
        content = path.read_bytes()
        return gzip.decompress(content) if content.startswith(_GZIP_MAGIC) else content
    except (OSError, EOFError, zlib.error) as error:
        raise UnreadableState(
            f"{path}: the state cannot be read: {getattr(error, 'strerror', None) or error}"
        ) from None


def _refuse_outdated(path: Path) -> None:
    """Raise UnreadableState for a checkpoint that lacks steps which its stack has already taken."""
    stem = path.name.removesuffix(".gz").removesuffix(".json")
    if path.with_name(f"{stem}.journal").exists():
        raise UnreadableState(
            f"{path}: {stem}.journal beside it holds newer steps; wait for the run that writes it, "
            f"or name the stack itself with --stack {stem}"
        )
    stacks = path.absolute().parent.parent
    locks = stacks.parent / "locks" / "organization" / path.absolute().parent.name / stem
    if stacks.name == "stacks" and any(locks.glob("*.json")):
        raise UnreadableState(
            f"{path}: an update of that stack is running, or was killed; wait for it, or release its lock with "
            f"`pulumi cancel --stack {stem}`"
        )


# --- Parsing ----------------------------------------------------------------------------------------------------------


def _deployment(content: bytes, source: str) -> Properties:
    """Return the deployment in an export or a checkpoint; raises UnreadableState for anything else."""
    try:
        document: Any = json.loads(content)
    except (ValueError, RecursionError):
        raise UnreadableState(f"{source}: this is not JSON, so it is not the state of a stack") from None
    outer = _object(document)
    if outer is None or not ("deployment" in outer or "checkpoint" in outer):
        raise UnreadableState(
            f"{source}: this is not the state of a stack; expected what `pulumi stack export` writes, or a checkpoint"
        )
    if outer.get("version") not in _VERSIONS:
        raise UnreadableState(
            f"{source}: this state has version {json.dumps(outer.get('version'))}, and versions 3 and 4 can be read; "
            "export it with a newer Pulumi"
        )
    found = _object(outer.get("deployment"))
    checkpoint = _object(outer.get("checkpoint"))
    if checkpoint is not None and checkpoint.get("stack"):
        # A stack that was never updated has no deployment at all.
        found = _object(checkpoint.get("latest") or {"manifest": {}})
    rows = [found.get(key, []) for key in ("resources", "pending_operations")] if found and "manifest" in found else []
    if found is None or not rows or not all(_objects(row) for row in rows):
        raise UnreadableState(f"{source}: the state is incomplete: it has no readable list of resources")
    return found


def _add(known: Known, deployment: Properties) -> None:
    resources = cast("list[Properties]", deployment.get("resources") or [])
    pending = cast("list[Properties]", deployment.get("pending_operations") or [])
    known.values.update(strings(resources), strings(pending))
    creating: Iterable[Any] = (_object(operation.get("resource")) or {} for operation in pending)
    types = (_TYPE.match(str(row.get("type"))) for row in resources if row.get("id"))
    known.held.update(Counter(found[1] for found in types if found is not None))
    unfinished = [*creating, *(row for row in resources if row.get("custom") and not row.get("id"))]
    known.unfinished.update(strings([row.get("inputs") for row in unfinished]))


def _object(value: Any) -> Properties | None:
    return cast(Properties, value) if isinstance(value, dict) else None


def _objects(value: Any) -> bool:
    """Say whether a value is a list of objects, or null in place of one."""
    return value is None or (
        isinstance(value, list) and all(isinstance(entry, dict) for entry in cast("list[Any]", value))
    )
