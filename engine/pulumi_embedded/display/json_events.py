"""A deployment in the CLI's JSON: one object per event (`up --json`), or one document (`preview --json`)."""

from __future__ import annotations

import math
import re
import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from pulumi_embedded import urn as urns
from pulumi_embedded.display.stdout import json_text
from pulumi_embedded.steps.events import Diagnostic, Event, Prelude, StepBegins, StepEnds, StepFails, Summary
from pulumi_embedded.storage.checkpoint import dump_resource
from pulumi_embedded.values import OutputValue, Properties, PropertyValue, Secret, lower, to_checkpoint_json

if TYPE_CHECKING:
    from pulumi_embedded.display.plain import Writer
    from pulumi_embedded.steps.steps import Step
    from pulumi_embedded.storage.snapshot import ResourceState

SECRET_TEXT: Final = "[secret]"
_ESCAPES: Final = re.compile(r"\x1b\[[0-9;]*[mK]")


class EventStream:
    """Writes every event as a line of JSON; with `with_internal`, those of default providers too."""

    def __init__(self, out: Writer, *, with_internal: bool = False) -> None:
        self._out = out
        self._with_internal = with_internal
        self._sequence = 0

    def __call__(self, event: Event) -> None:
        """Write the event."""
        document = event_json(event, with_internal=self._with_internal)
        if document is not None:
            self._write(document)

    def close(self) -> None:
        """Write the event that ends the stream."""
        self._write({"cancelEvent": {}})

    def _write(self, document: dict[str, Any]) -> None:
        stamped = {"sequence": self._sequence, "timestamp": int(time.time())} | document
        self._sequence += 1
        self._out.write(json_text(stamped) + "\n")
        self._out.flush()


def event_json(event: Event, *, with_internal: bool = False) -> dict[str, Any] | None:
    """The event as the CLI writes it; None for one that it does not write."""
    if isinstance(event, Diagnostic):
        return None if event.severity == "debug" else {"diagnosticEvent": _diagnostic(event)}
    if isinstance(event, Prelude):
        return {"preludeEvent": {"config": event.config}}
    if isinstance(event, Summary):
        return {
            "summaryEvent": {
                "maybeCorrupt": event.maybe_corrupt,
                "durationSeconds": math.ceil(event.duration_seconds),
                "resourceChanges": dict(sorted(event.changes.items())),
                "PolicyPacks": {},
                "isPreview": event.is_preview,
                "result": event.result,
            }
        }
    if event.step.internal and not with_internal:
        return None
    if isinstance(event, StepFails):
        metadata = _metadata(event.step, event.step.op)
        return {"resOpFailedEvent": {"metadata": metadata, "status": event.status, "steps": event.steps_done}}
    planning = {"planning": True} if event.planning else {}
    if isinstance(event, StepBegins):
        return {"resourcePreEvent": {"metadata": _metadata(event.step, event.step.op)} | planning}
    return {"resOutputsEvent": {"metadata": _metadata(event.step, event.op)} | planning}


def _diagnostic(event: Diagnostic) -> dict[str, Any]:
    document: dict[str, Any] = {
        "urn": event.urn,
        "prefix": event.prefix,
        "message": _ESCAPES.sub("", event.message) + "\n",
        "color": "never",
        "severity": event.severity,
        "streamID": event.stream_id,
        "ephemeral": event.ephemeral,
    }
    return {key: value for key, value in document.items() if value not in ("", 0, False)}


def _metadata(step: Step, op: str) -> dict[str, Any]:
    document: dict[str, Any] = {
        "op": op,
        "urn": step.urn,
        "type": step.resource.type,
        "old": _state(step.old),
        "new": _state(step.new),
        "keys": step.keys,
        "diffs": step.diff.changed_keys,
        "detailedDiff": _detailed_diff(step, "diffKind"),
        "logical": step.logical,
        "provider": step.provider,
    }
    return {key: value for key, value in document.items() if key not in ("keys", "diffs", "logical") or value}


def _detailed_diff(step: Step, kind: str) -> dict[str, Any] | None:
    detailed = step.diff.detailed
    if detailed is None:
        return None
    return {path: {kind: diff.kind, "inputDiff": diff.input_diff} for path, diff in detailed.items()}


def _state(state: ResourceState | None) -> dict[str, Any] | None:
    if state is None:
        return None
    document: dict[str, Any] = {
        "type": state.type,
        "urn": state.urn,
        "custom": state.custom,
        "delete": state.delete,
        "id": state.id,
        "parent": state.parent,
        "protect": state.protect,
        "taint": state.taint,
        "external": state.external,
        "retainOnDelete": state.retain_on_delete,
        "inputs": to_checkpoint_json(state.inputs, _blind),
        "outputs": to_checkpoint_json(state.outputs, _blind),
        "provider": state.provider,
        "initErrors": state.init_errors,
        "hideDiffs": state.hide_diff,
    }
    always = ("type", "urn", "id", "parent", "inputs", "outputs", "provider")
    return {key: value for key, value in document.items() if key in always or value}


def _blind(_: str) -> str:
    return SECRET_TEXT


# --- the preview document ---------------------------------------------------------------------------------------------


class PreviewDigest:
    """Collects the events of a preview into the document of `preview --json`."""

    def __init__(self) -> None:
        self._document: dict[str, Any] = {"config": {}}
        self._steps: list[dict[str, Any]] = []
        self._diagnostics: list[dict[str, Any]] = []
        self._refreshes: dict[str, int] = {}

    def __call__(self, event: Event) -> None:
        """Add the event to the document."""
        if isinstance(event, Prelude):
            self._document["config"] = event.config
        elif isinstance(event, Diagnostic):
            if not event.ephemeral and event.severity != "debug":
                self._diagnose(event)
        elif isinstance(event, StepBegins):
            if _is_shown(event.step):
                if event.step.op == "refresh":
                    self._refreshes[event.step.urn] = len(self._steps)
                self._steps.append(_preview_step(event.step, event.step.op))
        elif isinstance(event, StepEnds):
            index = self._refreshes.get(event.step.urn) if event.step.op == "refresh" else None
            drifted = event.op == "delete" or (event.op == "update" and event.step.diff.detailed is not None)
            if index is not None and drifted:
                self._steps[index] = _preview_step(event.step, event.op)
        elif isinstance(event, Summary):
            self._document["duration"] = int(event.duration_seconds * 1e9)
            self._document["changeSummary"] = dict(sorted(event.changes.items()))

    def _diagnose(self, event: Diagnostic) -> None:
        entry = {"urn": event.urn, "message": f"{event.prefix}{event.message}\n", "severity": event.severity}
        self._diagnostics.append({key: value for key, value in entry.items() if value})

    def document(self) -> dict[str, Any]:
        """The document of the events so far."""
        lists = {"steps": self._steps, "diagnostics": self._diagnostics}
        first = {"config": self._document["config"]} | {key: value for key, value in lists.items() if value}
        return {key: value for key, value in (first | self._document).items() if value}


def _is_shown(step: Step) -> bool:
    if step.internal:
        return False
    if step.op == "same":
        changed = step.old is not None and step.new is not None and step.old.protect != step.new.protect
        return changed or step.resource.type == urns.ROOT_TYPE
    replacement = step.op in (
        "create-replacement",
        "delete-replaced",
        "read-replacement",
        "discard-replaced",
        "import-replacement",
    )
    return step.logical or not replacement


def _preview_step(step: Step, op: str) -> dict[str, Any]:
    document: dict[str, Any] = {
        "op": op,
        "urn": step.urn,
        "provider": step.provider,
        "oldState": _shown_state(step.old),
        "newState": _shown_state(step.new),
        "diffReasons": step.diff.changed_keys,
        "replaceReasons": step.keys,
    }
    return {key: value for key, value in document.items() if value} | {"detailedDiff": _detailed_diff(step, "kind")}


def _shown_state(state: ResourceState | None) -> dict[str, Any] | None:
    if state is None:
        return None
    shown = replace(
        state,
        inputs=masked(state.inputs),
        outputs=masked(state.outputs),
        replacement_trigger=_masked(state.replacement_trigger),
    )
    return dump_resource(shown, None)


def masked(properties: Properties) -> Properties:
    """The properties with `[secret]` for every secret."""
    return {key: _masked(value) for key, value in properties.items()}


def _masked(value: PropertyValue) -> PropertyValue:
    if isinstance(value, OutputValue):
        value = lower(value)
    if isinstance(value, Secret):
        return SECRET_TEXT
    if isinstance(value, dict):
        return masked(value)
    if isinstance(value, list):
        return [_masked(item) for item in value]
    return value
