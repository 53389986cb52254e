"""Reads previews: the document of `preview --json`, or the events of `--event-log` and `--json`, of either engine."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Any, cast

from gpufleet_provider.model.fields import Properties
from gpufleet_provider.model.state_properties import PROVIDER

UNKNOWN = "04da6b54-80e4-46f7-96ec-b56ff0331ba9"
"""Stands in a preview for a value that is not known before the update."""
SECRET = "[secret]"
"""Stands in a preview for a secret."""
_SIGNATURE = "4dabf18193072939515e22adb298388d"
"""The key that marks an object which is no object, such as a secret with its plaintext or ciphertext."""
_ROOT_TYPE = "pulumi:pulumi:Stack"
_COLORS = re.compile(r"<\{%.*?%\}>|\x1b\[[0-9;]*[mK]")
_LOGICAL_OPERATIONS = {
    "same": "same",
    "create": "create",
    "update": "update",
    "replace": "replace",
    "delete": "delete",
    "read": "read",
    "import": "import",
    "import-replacement": "replace",
    "discard": "delete",
    "refresh": "same",
}


class UnreadablePreview(Exception):
    """A text is no preview; the message says what was expected."""


@dataclass(frozen=True)
class Snapshot:
    """A resource before or after the update; what is secret or not known yet is None."""

    id: str
    inputs: Properties
    outputs: Properties
    protect: bool
    retain_on_delete: bool
    depends_on: frozenset[str]
    """URNs of what it depends on; empty where the preview does not say."""


@dataclass(frozen=True)
class Step:
    """What an update does with one resource."""

    urn: str
    operation: str
    """`same`, `create`, `update`, `replace`, `delete`, `read` or `import`."""
    old: Snapshot | None
    new: Snapshot | None
    changed: tuple[str, ...] = ()
    """Paths of the inputs that change."""
    forcing: tuple[str, ...] = ()
    """Paths of the inputs that force a replacement."""
    delete_first: bool = False
    """Whether a replacement deletes before it creates."""

    @property
    def name(self) -> str:
        """The logical name."""
        return self.urn.split("::", 3)[-1]

    @property
    def type(self) -> str:
        """The type token, without the types of its parents."""
        parts = self.urn.split("::")
        return parts[2].rsplit("$", 1)[-1] if len(parts) > 3 else ""


@dataclass(frozen=True)
class Diagnostic:
    """A warning or an error of a preview, in one line."""

    severity: str
    message: str
    urn: str = ""


@dataclass
class Preview:
    """What an update of one stack would do."""

    project: str
    stack: str
    steps: list[Step]
    diagnostics: list[Diagnostic]
    unlisted: int = 0
    """How many unchanged resources are counted in the preview but not shown."""
    failed: bool = False
    """Whether the preview ended early, so that more may change than it shows."""
    lists_unchanged: bool = field(default=False, repr=False)
    """Whether unchanged resources are among the steps."""


def read(text: str) -> list[Preview]:
    """Return the previews in a text, one for each stack; raises UnreadablePreview."""
    documents = _documents(text)
    if not documents:
        raise UnreadablePreview("it is empty: was it written by `preview --json` or with `--event-log`?")
    found = [_from_document(each) for each in documents if "steps" in each or "changeSummary" in each]
    events = [each for each in documents if any(key.endswith("Event") for key in each)]
    if events:
        found.append(_from_events(events))
    if not found:
        raise UnreadablePreview("it is JSON, but neither the document of `preview --json` nor an event log")
    return found


def merged(previews: Iterable[Preview]) -> list[Preview]:
    """Return one preview for each stack: an event log has what is unchanged, a document what depends on what."""
    stacks: dict[tuple[str, str], Preview] = {}
    for preview in previews:
        key = (preview.project, preview.stack)
        stacks[key] = _merge(stacks[key], preview) if key in stacks else preview
    return list(stacks.values())


def _merge(one: Preview, other: Preview) -> Preview:
    wide, narrow = (one, other) if one.lists_unchanged else (other, one)
    if wide.lists_unchanged == narrow.lists_unchanged:
        return other  # two of a kind: the later one counts
    details = {step.urn: step for step in narrow.steps}
    steps = [_with_dependencies(step, details.get(step.urn)) for step in wide.steps]
    return replace(wide, steps=steps, failed=wide.failed or narrow.failed)


def _with_dependencies(step: Step, detail: Step | None) -> Step:
    if detail is None:
        return step
    old, new = step.old, step.new
    if old is not None and detail.old is not None:
        old = replace(old, depends_on=detail.old.depends_on)
    if new is not None and detail.new is not None:
        new = replace(new, depends_on=detail.new.depends_on)
    return replace(step, old=old, new=new)


# --- Documents --------------------------------------------------------------------------------------------------------


def _documents(text: str) -> list[dict[str, Any]]:
    """Return the JSON objects in a text: one, one in each line, or a list of them.

    What a program or a warning has printed before the first of them is passed over.
    """
    start = text.find("{")
    bracket = text.find("[")
    if bracket >= 0 and (start < 0 or bracket < start) and text[:bracket].strip() == "":
        start = bracket
    if start < 0:
        if text.strip():
            raise UnreadablePreview("it is not JSON: was it written by `preview --json` or with `--event-log`?")
        return []
    decoder, position, found = json.JSONDecoder(), start, list[dict[str, Any]]()
    while position < len(text):
        try:
            value, position = decoder.raw_decode(text, position)
        except ValueError as error:
            if not found and text.count("\n", 0, position) == 0:
                line = text.count("\n", 0, getattr(error, "pos", 0)) + 1
                raise UnreadablePreview(f"it is not JSON (line {line})") from None
            if not found:
                raise UnreadablePreview("it is not JSON: was it written by `preview --json`?") from None
            raise UnreadablePreview("it is cut off, or something else was written into it") from None
        except RecursionError:
            raise UnreadablePreview("it is nested too deeply to be a preview") from None
        values = cast("list[Any]", value) if isinstance(value, list) else [value]
        found += [cast("dict[str, Any]", each) for each in values if isinstance(each, dict)]
        while position < len(text) and text[position].isspace():
            position += 1
    return found


def _from_document(document: dict[str, Any]) -> Preview:
    rows = _objects(document.get("steps"))
    steps = [_step(row) for row in rows if _is_shown(row)]
    project, stack = _names(str(row.get("urn", "")) for row in rows)
    diagnostics = [_diagnostic(each) for each in _objects(document.get("diagnostics"))]
    same = _object(document.get("changeSummary")).get("same")
    listed = sum(row.get("op") == "same" for row in rows)
    return Preview(
        project=project,
        stack=stack,
        steps=steps,
        diagnostics=_worth_showing(diagnostics),
        unlisted=max(same - listed, 0) if isinstance(same, int) else 0,
        failed=any(each.severity == "error" for each in diagnostics),
    )


def _step(row: dict[str, Any]) -> Step:
    old, operation = _object(row.get("oldState")), str(row.get("op"))
    detailed = _object(row.get("detailedDiff"))
    return Step(
        urn=str(row.get("urn", "")),
        operation=_LOGICAL_OPERATIONS.get(operation, operation),
        old=_snapshot(old),
        new=_snapshot(_object(row.get("newState"))),
        changed=_paths(row.get("diffReasons"), detailed, "kind"),
        forcing=_paths(row.get("replaceReasons"), _replacing(detailed, "kind"), "kind"),
        delete_first=bool(old.get("pendingReplacement")),
    )


# --- Events -----------------------------------------------------------------------------------------------------------


def _from_events(events: list[dict[str, Any]]) -> Preview:
    """Read a stream of events; of one that has a preview and its update, the preview."""
    planned = any(_object(body).get("planning") for each in events for body in each.values())
    rows: dict[str, dict[str, Any]] = {}
    deleted_first: set[str] = set()
    deletes: dict[str, dict[str, Any]] = {}
    diagnostics: list[Diagnostic] = []
    ended: str | None = None
    for event in events:
        if "diagnosticEvent" in event:
            diagnostics.append(_diagnostic(_object(event["diagnosticEvent"])))
        elif "policyEvent" in event:
            diagnostics.append(_policy_violation(_object(event["policyEvent"])))
        elif (
            "summaryEvent" in event and (summary := _object(event["summaryEvent"])).get("isPreview", planned) == planned
        ):
            ended = str(summary.get("result") or "succeeded")
        body = _object(event.get("resourcePreEvent") or event.get("resOutputsEvent"))
        row = _object(body.get("metadata"))
        if not row or (planned and not body.get("planning")):
            continue
        urn, operation = str(row.get("urn", "")), str(row.get("op"))
        if operation == "delete-replaced":
            deletes.setdefault(urn, row)
            if urn not in rows:
                deleted_first.add(urn)
        elif operation in _LOGICAL_OPERATIONS and _is_shown(row):
            rows[urn] = row
        elif operation == "create-replacement" and urn not in rows:
            rows[urn] = {**row, "op": "replace"}
    for urn, row in deletes.items():
        rows.setdefault(urn, {**row, "op": "delete"})
    project, stack = _names(
        str(_object(_object(body).get("metadata")).get("urn", "")) for each in events for body in each.values()
    )
    return Preview(
        project=project,
        stack=stack,
        steps=[_step_of_event(row, row["urn"] in deleted_first) for row in rows.values()],
        diagnostics=_worth_showing(diagnostics),
        failed=ended != "succeeded" or any(each.severity == "error" for each in diagnostics),
        lists_unchanged=True,
    )


def _step_of_event(row: dict[str, Any], deleted_first: bool) -> Step:
    operation = _LOGICAL_OPERATIONS[str(row["op"])]
    detailed = _object(row.get("detailedDiff"))
    return Step(
        urn=str(row["urn"]),
        operation=operation,
        old=_snapshot(_object(row.get("old"))),
        new=_snapshot(_object(row.get("new"))) if operation != "delete" else None,
        changed=_paths(row.get("diffs"), detailed, "diffKind"),
        forcing=_paths(row.get("keys"), _replacing(detailed, "diffKind"), "diffKind"),
        delete_first=operation == "replace" and deleted_first,
    )


def _policy_violation(body: dict[str, Any]) -> Diagnostic:
    mandatory = body.get("enforcementLevel") == "mandatory"
    message = f"policy {body.get('policyName', '?')}: {body.get('message', '')}"
    return Diagnostic("error" if mandatory else "warning", message, str(body.get("resourceUrn") or ""))


# --- Parts ------------------------------------------------------------------------------------------------------------


def _object(value: Any) -> dict[str, Any]:
    return cast("dict[str, Any]", value) if isinstance(value, dict) else {}


def _objects(value: Any) -> list[dict[str, Any]]:
    return [_object(each) for each in cast("list[Any]", value)] if isinstance(value, list) else []


def _is_shown(row: dict[str, Any]) -> bool:
    """Return whether a step is about a resource of the program: neither the stack itself nor a default provider."""
    urn = str(row.get("urn", ""))
    return f"::{_ROOT_TYPE}::" not in urn and not ("::pulumi:providers:" in urn and urn.split("::")[-1] == "default")


def _names(urns: Iterable[str]) -> tuple[str, str]:
    """Return project and stack, from the first URN that has both."""
    for urn in urns:
        parts = urn.split("::")
        if len(parts) > 3 and parts[0].startswith("urn:pulumi:"):
            return parts[1], parts[0].removeprefix("urn:pulumi:")
    return "", ""


def _snapshot(state: dict[str, Any]) -> Snapshot | None:
    if not state:
        return None
    dependencies = {str(urn) for urn in cast("list[Any]", state.get("dependencies") or [])}
    for urns in _object(state.get("propertyDependencies")).values():
        dependencies |= {str(urn) for urn in cast("list[Any]", urns or [])}
    provider = str(state.get("provider") or "")
    if provider:
        dependencies.add(provider.rpartition("::")[0])
    return Snapshot(
        id=str(state.get("id") or ""),
        inputs=_known(_object(state.get("inputs"))),
        outputs=_known(_object(state.get("outputs"))),
        protect=bool(state.get("protect")),
        retain_on_delete=bool(state.get("retainOnDelete")),
        depends_on=frozenset(dependencies),
    )


def _known(bag: dict[str, Any]) -> Properties:
    """Return the properties without the pickled provider; what is secret or unknown is None, at any depth."""
    return {key: _plain(value) for key, value in bag.items() if key != PROVIDER and value is not None}


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        each = cast("dict[str, Any]", value)
        return None if _SIGNATURE in each else {key: _plain(item) for key, item in each.items()}
    if isinstance(value, list):
        return [_plain(item) for item in cast("list[Any]", value)]
    return None if value in (UNKNOWN, SECRET) else value


def _paths(reasons: Any, detailed: dict[str, Any], kind: str) -> tuple[str, ...]:
    """Return the paths of a detailed diff, or the names of the properties where there is none."""
    inputs = [path for path, each in detailed.items() if _object(each).get(kind)]
    names = [str(each) for each in cast("list[Any]", reasons)] if isinstance(reasons, list) else []
    return tuple(sorted(path for path in {*(inputs or names)} if not path.startswith("__")))


def _replacing(detailed: dict[str, Any], kind: str) -> dict[str, Any]:
    return {path: each for path, each in detailed.items() if str(_object(each).get(kind)).endswith("replace")}


def _diagnostic(entry: dict[str, Any]) -> Diagnostic:
    message = " ".join(_COLORS.sub("", str(entry.get("message", ""))).split())
    severity = str(entry.get("severity", "info"))
    return Diagnostic(severity, message.removeprefix(f"{severity}: "), str(entry.get("urn") or ""))


def _worth_showing(diagnostics: list[Diagnostic]) -> list[Diagnostic]:
    """Return warnings and errors, each once."""
    return list(dict.fromkeys(each for each in diagnostics if each.severity in ("warning", "error")))
