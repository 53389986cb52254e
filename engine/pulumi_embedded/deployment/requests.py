"""Translates the requests of a program to the resource monitor into goals."""

from __future__ import annotations

import contextlib
import operator
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from pulumi_embedded.errors import EngineError
from pulumi_embedded.property_paths import MalformedPath, parse
from pulumi_embedded.providers.protocol import accepts
from pulumi_embedded.providers.wire import from_struct, from_wire
from pulumi_embedded.steps.goals import Alias, Goal, ReadGoal
from pulumi_embedded.values import MalformedValue, OutputValue, PropertyValue, dependencies_in, lower

_SECONDS: Final = {"ns": 1e-9, "us": 1e-6, "µs": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0}


class Unsupported(EngineError):
    """The program uses a feature that this engine does not support."""

    def __init__(self, what: str) -> None:
        super().__init__(f"{what} not supported by pulumi-embedded; run this program with the Pulumi CLI")


def refuse_unsupported(request: Any) -> None:
    """Raise `Unsupported` for the first feature in the request that this engine does not support."""
    if request.remote:
        raise Unsupported(f"the remote component {request.type} ({request.name!r}) is")
    if accepts(request, "state_migrations") and request.state_migrations:
        raise Unsupported(f"state migrations, which {request.name!r} has, are")
    if accepts(request, "envVarMappings") and request.envVarMappings:
        raise Unsupported(f"`env_var_mappings`, which the provider {request.name!r} has, is")


class Requests:
    """Translates requests; makes their source positions relative to the project."""

    def __init__(self, root_directory: Path) -> None:
        self._root_directory = root_directory
        self._relative: dict[str, str] = {}

    def goal(self, request: Any) -> Goal:
        """The goal of a registration, with the provider that the request names, if any."""
        properties = from_struct(request.object)
        if request.propertyDependencies:
            property_dependencies = {key: sorted(deps.urns) for key, deps in request.propertyDependencies.items()}
        else:
            property_dependencies = {key: sorted(request.dependencies) for key in properties}
        for key, value in properties.items():
            property_dependencies.setdefault(key, [])
            if found := dependencies_in(value):
                property_dependencies[key] = sorted({*property_dependencies[key], *found})
        goal = Goal(
            type=request.type,
            name=request.name,
            custom=request.custom,
            properties={key: lowered(value) for key, value in properties.items()},
            parent=request.parent,
            provider=request.provider,
            dependencies=sorted(request.dependencies),
            property_dependencies=dict(sorted(property_dependencies.items())),
            protect=_optional(request, "protect"),
            retain_on_delete=_optional(request, "retainOnDelete"),
            ignore_changes=list(request.ignoreChanges),
            replace_on_changes=list(request.replaceOnChanges),
            additional_secret_outputs=list(request.additionalSecretOutputs),
            aliases=[Alias(urn=urn) for urn in request.aliasURNs] + [_alias(alias) for alias in request.aliases],
            import_id=request.importId,
            custom_timeouts=_timeouts(request.customTimeouts),
            deleted_with=request.deletedWith,
            source_position=self._position(request.sourcePosition),
        )
        if request.deleteBeforeReplaceDefined or request.deleteBeforeReplace:
            goal.delete_before_replace = request.deleteBeforeReplace
        if accepts(request, "hideDiffs"):
            goal.hide_diff = list(request.hideDiffs)
            for text in goal.hide_diff:
                try:
                    parse(text)
                except MalformedPath as error:
                    raise MalformedValue(f"hide_diffs of {request.name!r}: {error}") from None
        if accepts(request, "replace_with"):
            goal.replace_with = list(request.replace_with)
        if accepts(request, "replacement_trigger") and request.HasField("replacement_trigger"):
            goal.replacement_trigger = lowered(from_wire(request.replacement_trigger))
        if accepts(request, "stackTrace"):
            goal.stack_trace = self._trace(request.stackTrace)
        if accepts(request, "hooks"):
            bound = {_hook_type(field.name): list(names) for field, names in request.hooks.ListFields()}
            goal.resource_hooks = {kind: names for kind, names in bound.items() if names}
        return goal

    def read_goal(self, request: Any, provider: str) -> ReadGoal:
        """The goal of a read."""
        goal = ReadGoal(
            id=request.id,
            type=request.type,
            name=request.name,
            properties={key: lowered(value) for key, value in from_struct(request.properties).items()},
            parent=request.parent,
            provider=provider,
            dependencies=sorted(request.dependencies),
            additional_secret_outputs=list(request.additionalSecretOutputs),
            source_position=self._position(request.sourcePosition),
        )
        if accepts(request, "stackTrace"):
            goal.stack_trace = self._trace(request.stackTrace)
        return goal

    def _trace(self, trace: Any) -> list[str]:
        """The positions of a stack trace, up to the outermost one in the project."""
        positions = [self._position(frame.pc) for frame in trace.frames]
        while positions and not positions[-1]:
            positions.pop()
        return positions

    def _position(self, position: Any) -> str:
        """A source position relative to the project: `project:///__main__.py#12`."""
        uri: str = position.uri
        if uri not in self._relative:
            self._relative[uri] = self._relative_path(uri)
        relative = self._relative[uri]
        column = f",{position.column}" if position.column else ""
        return f"project:///{relative}#{position.line}{column}" if relative else ""

    def _relative_path(self, uri: str) -> str:
        """The path relative to the project; empty for a file elsewhere."""
        with contextlib.suppress(ValueError):
            return Path(urlsplit(uri).path).relative_to(self._root_directory).as_posix() if uri else ""
        return ""


def _hook_type(field: str) -> str:
    """`before_create` as the state has it: `BeforeCreate`."""
    return "".join(word.capitalize() for word in field.split("_"))


def _optional(request: Any, field: str) -> bool | None:
    descriptor = request.DESCRIPTOR.fields_by_name[field]
    if descriptor.has_presence:
        return getattr(request, field) if request.HasField(field) else None
    return getattr(request, field) or None


def _alias(alias: Any) -> Alias:
    if alias.WhichOneof("alias") != "spec":
        return Alias(urn=alias.urn)
    spec = alias.spec
    return Alias(
        name=spec.name,
        type=spec.type,
        stack=spec.stack,
        project=spec.project,
        parent=spec.parentUrn,
        no_parent=spec.noParent,
    )


def _timeouts(timeouts: Any) -> dict[str, float]:
    seconds: dict[str, float] = {}
    for operation in ("create", "update", "delete", "read"):
        text = getattr(timeouts, operation, "")
        if text:
            seconds[operation] = duration_seconds(text)
    return seconds


def duration_seconds(text: str) -> float:
    """The seconds of a duration such as `1h30m`. Raises `Unsupported` for another format."""
    parts = re.findall(r"(\d+(?:\.\d+)?)(ns|us|µs|ms|s|m|h)", text)
    if not parts or "".join(number + unit for number, unit in parts) != text:
        raise Unsupported(f"the timeout {text!r} is")
    total = sum((float(number) * _SECONDS[unit] for number, unit in parts), 0.0)
    return int(total) if total.is_integer() else total


def lowered(value: PropertyValue) -> PropertyValue:
    """The value with output values replaced by their elements; the goal keeps their dependencies."""
    if isinstance(value, OutputValue):
        return lowered(lower(value))
    if isinstance(value, dict):
        return {key: lowered(item) for key, item in value.items()}
    if isinstance(value, list):
        return [lowered(item) for item in value]
    return value


_COMPARISONS: Final[dict[str, Callable[[tuple[int, ...], tuple[int, ...]], bool]]] = {
    ">=": operator.ge,
    "<=": operator.le,
    ">": operator.gt,
    "<": operator.lt,
    "!=": operator.ne,
    "!": operator.ne,
    "==": operator.eq,
    "=": operator.eq,
    "": operator.eq,
}


def satisfies(version_range: str, version: str) -> bool:
    """Whether a version is in a range such as `>=3.100.0 <4.0.0 || 3.50.0`. Raises `Unsupported` for other syntax."""
    return any(
        all(_compares(condition, version_range, version) for condition in alternative.split())
        for alternative in version_range.split("||")
    )


def _compares(condition: str, version_range: str, version: str) -> bool:
    match = re.fullmatch(r"(>=|<=|>|<|!=|!|==|=|)v?(\d+)\.(\d+)\.(\d+)", condition)
    if match is None:
        raise Unsupported(f"the version range {version_range!r} is")
    wanted = tuple(int(part) for part in match.groups()[1:])
    return _COMPARISONS[match[1]](tuple(int(part) for part in version.split(".")), wanted)
