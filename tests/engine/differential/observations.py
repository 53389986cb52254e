"""What is compared of a command: without times, paths, random ids, and the order of what runs side by side."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import yaml
from pulumi_embedded.storage.secrets import PassphraseCrypter

from tests.warm_python import PASSPHRASE, SALT

_SIGNATURE = "4dabf18193072939515e22adb298388d"
_SECRET = "1b47061264138c4ac30d75fd1eb44270"
_UUID = re.compile(r"\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b")
_NOT_OURS = {"created", "modified", "sourcePosition", "stackTrace", "urn", "custom", "type", "__provider"}
_NOT_OURS |= {"startTime", "endTime", "lastUpdate", "environment", "encryptedkey"}
"""What differs from run to run, or stands in the resource's key already."""


def shortened(text: str) -> str:
    """Text with URNs cut to `Type::name`, and without ids of providers, versions of packages and folders."""
    text = re.sub(r"urn:pulumi:dev::lab::", "", text)
    text = text.replace("pulumi-python:dynamic/lab:", "").replace("pulumi:pulumi:", "").replace("lab:index:", "")
    text = _UUID.sub("<uuid>", text)
    text = re.sub(r"(?<!\w)(/[\w.+-]+)+/(?=[\w.]+)", "", text) if "/tmp" in text else text
    text = re.sub(r"unknown stack '([^']+)': it is not in the backend \S+", r'unknown stack "\1"', text)
    # A slip in a message of the CLI, and its way of storing a wildcard.
    return text.replace("was was", "was").replace('["*"]', "[*]")


def events_of(stdout: str) -> list[dict[str, Any]]:
    """The events of `--json`."""
    return [json.loads(line) for line in stdout.splitlines() if line.startswith("{")]


def observed(words: list[str], code: int, stdout: str, stderr: str) -> dict[str, Any]:
    """What a command said."""
    found: dict[str, Any] = {"exit_code": code}
    if "--json" in words and stdout.startswith("{\n") and words[0] in ("preview", "up", "refresh", "destroy", "import"):
        found |= _of_preview(json.loads(stdout), code)
    elif "--json" in words and words[0] in ("up", "refresh", "destroy", "import"):
        found |= _of_events(events_of(stdout), code)
    elif words[0] in ("up", "preview", "refresh", "destroy"):
        # Of a destroy, the CLI shows the outputs that go only if it has refreshed.
        found["rows"] = [row for row in rows_of(stdout) if words[0] != "destroy" or not row.startswith("output ")]
    elif words[:2] in (["stack", "output"], ["config", "get"], ["stack", "export"]) or "--json" in words:
        found["stdout"] = _document(stdout)
    elif words[0] == "python":
        found["stdout"] = shortened(stdout).splitlines()
    return found


def _document(text: str) -> Any:
    try:
        return short(json.loads(text))
    except ValueError:
        return shortened(text).splitlines()


def _of_preview(document: dict[str, Any], code: int) -> dict[str, Any]:
    steps = [
        _step(step["op"], step["urn"], step.get("replaceReasons") or step.get("diffReasons"), step.get("detailedDiff"))
        for step in document.get("steps") or []
    ]
    diagnostics = document.get("diagnostics") or []
    return _without_races(
        {
            "steps": sorted(steps),
            "said": _said(diagnostics),
            "changes": document.get("changeSummary") or {},
        },
        code,
    )


def _of_events(events: list[dict[str, Any]], code: int) -> dict[str, Any]:
    begun, done, failed = [], [], []
    for event in events:
        for kind, into in (("resourcePreEvent", begun), ("resOutputsEvent", done), ("resOpFailedEvent", failed)):
            if kind in event:
                step = event[kind]["metadata"]
                detail = (step.get("diffs"), step.get("detailedDiff")) if into is begun else (None, None)
                into.append(_step(step["op"], step["urn"], *detail))
    summary = next((event["summaryEvent"] for event in events if "summaryEvent" in event), {})
    return _without_races(
        {
            "steps": sorted(begun),
            "failed": sorted(failed),
            # What a refresh found is in its end alone.
            "done": sorted(done) if any(step.startswith("refresh ") for step in begun) and not code else [],
            "said": _said([event["diagnosticEvent"] for event in events if "diagnosticEvent" in event]),
            "changes": summary.get("resourceChanges") or {},
        },
        code,
    )


def _step(op: str, urn: str, reasons: Any, detailed: Any) -> str:
    text = f"{op} {shortened(urn)}"
    if reasons:
        text += f" [{', '.join(sorted(reasons))}]"
    if detailed:
        text += " " + ", ".join(f"{path}: {entry.get('diffKind')}" for path, entry in sorted(detailed.items()))
    return text


def _without_races(found: dict[str, Any], code: int) -> dict[str, Any]:
    """What was found unchanged before a failure came differs from run to run."""
    if code:
        found["steps"] = [step for step in found["steps"] if not step.startswith("same ")]
        found["changes"] = {op: count for op, count in found["changes"].items() if op != "same"}
    return {name: value for name, value in found.items() if value}


_ENDINGS = re.compile(
    r"(error: )*(update|preview|refresh|destroy|import) failed$|an unhandled error occurred: program exited"
)
"""What the CLI adds at the end of a run that has failed, and has said why."""


_OURS = re.compile(r"(warning: )?the program ended (early, )?by sys.exit")
"""What the embedded engine says where the CLI says nothing."""


def _said(diagnostics: list[dict[str, Any]]) -> list[str]:
    """Errors and warnings, and what the program logs; of a traceback, the last line."""
    kept = []
    for diagnostic in diagnostics:
        severity, message = diagnostic.get("severity", ""), shortened(diagnostic.get("message", "")).strip()
        if (
            severity in ("debug", "info#err")
            or diagnostic.get("ephemeral")
            or _ENDINGS.match(message)
            or _OURS.match(message)
        ):
            continue
        message = message.split("These resources are in an unknown state", maxsplit=1)[0]
        lines = [line.strip() for line in message.splitlines() if line.strip()]
        if "Traceback" in message or "unhandled exception" in message:
            lines = lines[-1:]
        kept.append(f"{severity}: {' | '.join(lines)}")
    return sorted(set(kept))


_DURATION = re.compile(r"\(?\b\d+(\.\d+)?m?s\)?")
_MESSAGES = re.compile(r"( error: .*| \d+ errors?(; \d+ messages?)?| \d+ messages?)$")
_ROW = re.compile(r"(\S{1,2} )?((Thing|Box) \S+( [\w*\[].*)?|Stack \S+( \*{0,2}[a-z]+(ing|ed|te)( failed ?\*\*)?)?)$")
_BARE = re.compile(r"(Thing|Box|Stack) \S+( running)?$")
"""A row without a sign and a status says nothing of what is done."""
_COUNT = re.compile(r"(\S{1,2} ?)?\d+ [\w. ]+$")
_HEADER = re.compile(r"(Previewing|Updating|Refreshing|Destroying)\b.*:$")
_NOISE = ("KeyboardInterrupt", "Traceback", 'File "', "^^^")
"""What a process prints that the CLI interrupts at the end."""


def rows_of(stdout: str) -> list[str]:
    """What a person reads of each resource, the counts, outputs and errors; without times and spacing, sorted."""
    found: set[str] = set()
    section = ""
    for raw in stdout.splitlines():
        line = re.sub(r"\s+", " ", _DURATION.sub("", shortened(raw))).strip()
        row = _MESSAGES.sub("", line).strip().replace("failed **", "failed**")
        if any(noise in row for noise in _NOISE):
            continue
        if line in ("Outputs:", "Resources:", "Diagnostics:"):
            section = line
        elif section == "Outputs:" and line:
            found.add(f"output {line}")
        elif (
            _HEADER.match(line)
            or (section == "Diagnostics:" and line.startswith(("error:", "warning:")))
            or (section == "Resources:" and _COUNT.match(line))
        ):
            found.add(line)
        elif not section and _ROW.match(row) and not _BARE.match(row):
            found.add(row)
    return sorted(found)


def short(value: Any) -> Any:
    """A value with its secrets decrypted and everything that differs from run to run taken out."""
    if isinstance(value, dict):
        if value.get(_SIGNATURE) == _SECRET:
            plain = value.get("plaintext")
            if plain is not None:
                return {"secret in clear": short(json.loads(plain))}
            return {"secret": short(json.loads(crypter().decrypt(value["ciphertext"])))}
        return {name: short(item) for name, item in sorted(value.items()) if name not in _NOT_OURS}
    if isinstance(value, list):
        return [short(item) for item in value]
    if isinstance(value, str):
        return shortened(value)
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return value


def crypter() -> PassphraseCrypter:
    """The crypter of every stack here."""
    return PassphraseCrypter.unlock(SALT, PASSPHRASE)


def state_of(folder: Path) -> dict[str, Any]:
    """The stacks below a state folder: each one's resources by their short URNs, decrypted."""
    stacks: dict[str, Any] = {}
    for path in sorted((folder / ".pulumi" / "stacks").glob("*/*.json")):
        latest = json.loads(path.read_text())["checkpoint"].get("latest") or {}
        found: dict[str, Any] = {}
        for resource in latest.get("resources") or []:
            key = shortened(resource["urn"])
            for mark in ("delete", "pendingReplacement"):
                key += f" ({mark})" if resource.get(mark) else ""
            short_resource = {name: item for name, item in short(resource).items() if item not in ({}, [], "", None)}
            if "::default" in short_resource.get("provider", ""):
                del short_resource["provider"]
            dependencies = short_resource.get("propertyDependencies") or {}
            short_resource["propertyDependencies"] = {n: urns for n, urns in dependencies.items() if urns}
            if not short_resource["propertyDependencies"]:
                del short_resource["propertyDependencies"]
            found[key] = short_resource
        for pending in latest.get("pending_operations") or []:
            found[f"{shortened(pending['resource']['urn'])} ({pending['type']})"] = {}
        # Which of two independent resources stands first is a race; `test_golden.py` asks for an order that is valid.
        stacks[path.stem] = dict(sorted(found.items()))
    return stacks


def config_of(folder: Path) -> dict[str, Any]:
    """The stacks' config files, decrypted."""
    found: dict[str, Any] = {}
    for path in sorted(folder.glob("Pulumi.*.yaml")):
        config = (yaml.safe_load(path.read_text()) or {}).get("config")
        if config:
            found[path.name] = _plain(config)
    return found


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        if set(value) == {"secure"}:
            return {"secret": crypter().decrypt(value["secure"])}
        return {name: _plain(item) for name, item in value.items()}
    return [_plain(item) for item in value] if isinstance(value, list) else value
