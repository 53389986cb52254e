"""What stacks know: every id and every unfinished create in the states that the user names.

A state that cannot be read, or that is not certainly whole, is an error: what it knows would look like an orphan.
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
"""Of deployments: 4 only adds features to 3."""


@dataclass
class Known:
    """What some states know: a resource is known when its id stands anywhere in them."""

    values: set[str] = field(default_factory=set[str])
    """Every string in them, so that the id of a part (a volume, a machine) or of a reference counts as well."""
    unfinished: set[str] = field(default_factory=set[str])
    """Every string in the inputs of creates that have not come to an end: their physical names among them."""
    held: Counter[str] = field(default_factory=Counter[str])
    """How many resources of each cloud they hold."""

    def knows(self, found: Running) -> bool:
        """Say whether a state holds the resource, or is about to: its create may be under way at this moment."""
        return found.id in self.values or self.creates(found)

    def creates(self, found: Running) -> bool:
        """Say whether the resource is known by the name of an unfinished create alone.

        A run is creating it at this moment, or has been killed in the middle of that.
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
        """Return where to look up keys and addresses: each stack's configuration, and the environment for the rest.

        Raises UnreadableState. What a configuration does not say, the environment says, as in a run of the stack.
        """
        configurations: list[dict[str, str]] = [configuration(stack) for stack in self.stacks]
        if self.files or not configurations:
            configurations.append({})
        return [each.get for each in configurations]

    def read(self) -> Known:
        """Return what all of them together know now; raises UnreadableState."""
        known = Known()
        for path in self.files:
            _take(known, _deployment(_file(path), str(path)))
        for stack in self.stacks:
            _take(known, _deployment(exported(stack), f"stack {stack}"))
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


# --- Getting at a state -----------------------------------------------------------------------------------------------


def _file(path: Path) -> bytes:
    _settled(path)
    try:
        content = path.read_bytes()
        return gzip.decompress(content) if content.startswith(_GZIP_MAGIC) else content
    except (OSError, EOFError, zlib.error) as fault:
        raise UnreadableState(
            f"{path}: the state cannot be read: {getattr(fault, 'strerror', None) or fault}"
        ) from None


def _settled(path: Path) -> None:
    """Refuse a checkpoint of a file backend that lags behind what its stack has done."""
    stem = path.name.removesuffix(".gz").removesuffix(".json")
    if path.with_name(f"{stem}.journal").exists():
        raise UnreadableState(
            f"{path}: {stem}.journal beside it holds steps that it does not know yet; wait for the run that writes it, "
            f"or name the stack itself with --stack {stem}"
        )
    stacks = path.absolute().parent.parent
    locks = stacks.parent / "locks" / "organization" / path.absolute().parent.name / stem
    if stacks.name == "stacks" and any(locks.glob("*.json")):
        raise UnreadableState(
            f"{path}: an update of that stack is under way, or was killed; wait for it, or clear it with "
            f"`pulumi cancel --stack {stem}`"
        )


# --- Understanding a state --------------------------------------------------------------------------------------------


def _deployment(content: bytes, source: str) -> Properties:
    """Return the deployment in an export or a checkpoint; raises UnreadableState for anything that may be none."""
    try:
        document: Any = json.loads(content)
    except (ValueError, RecursionError):
        raise UnreadableState(f"{source}: this is no JSON, so it is no state of a stack") from None
    outer = _object(document)
    if outer is None or not ("deployment" in outer or "checkpoint" in outer):
        raise UnreadableState(
            f"{source}: this is no state of a stack; expected what `pulumi stack export` writes, or a checkpoint"
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
        raise UnreadableState(f"{source}: the state is not whole: it has no readable list of resources")
    return found


def _take(known: Known, deployment: Properties) -> None:
    resources = cast("list[Properties]", deployment.get("resources") or [])
    pending = cast("list[Properties]", deployment.get("pending_operations") or [])
    known.values.update(strings(resources), strings(pending))
    creating: Iterable[Any] = (_object(operation.get("resource")) or {} for operation in pending)
    clouds = (re.match(r"pulumi-python:dynamic/([a-z]+):", str(row.get("type"))) for row in resources if row.get("id"))
    known.held.update(Counter(found[1] for found in clouds if found is not None))
    unfinished = [*creating, *(row for row in resources if row.get("custom") and not row.get("id"))]
    known.unfinished.update(strings([row.get("inputs") for row in unfinished]))


def _object(value: Any) -> Properties | None:
    return cast(Properties, value) if isinstance(value, dict) else None


def _objects(value: Any) -> bool:
    """Whether a value is a list of objects; null stands for an empty one."""
    return value is None or (
        isinstance(value, list) and all(isinstance(entry, dict) for entry in cast("list[Any]", value))
    )
