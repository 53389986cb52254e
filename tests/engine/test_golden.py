"""The recorded runs of the Pulumi CLI, step by step, on the embedded engine (and on the CLI itself, where it is there).

`golden/README.md` says what was recorded and how. The 32 steps run once per engine, each on the state that the one
before left; then every step is compared in four respects. What is compared with less than equality is listed in
`RACES` and `NOT_OURS`, with the reason.
"""

import copy
import io
import json
import os
import re
import shutil
import subprocess
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import pytest
from pulumi_embedded.commands.operation import Operation
from pulumi_embedded.commands.workspace import Workspace
from pulumi_embedded.display.json_events import EventStream
from pulumi_embedded.steps.options import Options

from tests import warm_python
from tests.warm_python import PASSPHRASE, SALT

GOLDEN = Path(__file__).parent / "golden"
STEPS = sorted(path.stem for path in (GOLDEN / "recorded").glob("*.json"))
TOKEN = "s3cr3t-token"

RACES = {
    "19-up-protected-replace-refused": "how many resources were found unchanged before the refusal came",
    "20-preview-check-failure": "how many resources were found unchanged before the refusal came",
    "21-preview-check-failure-text": "how many resources were found unchanged before the refusal came",
    "22-up-create-failure": "whether the step beside the failing one had begun, and what was found unchanged before",
    "29-destroy-protected-refused": "in which order independent deletions run",
}
"""Steps that end in a failure: what else had happened by then differs from run to run of the CLI, too."""

NOT_OURS = {
    "__pulumi_raw_state_delta": "an output that the plugin of `random` keeps for its Terraform bridge alone",
    "diagnostics about pulumi-resource-random": "a warning that the plugin was found on PATH",
    "empty propertyDependencies": "a refresh of the CLI drops those entries, and its next update brings them back",
    "lines about a component's end": "the CLI's progress display leaves out some that take no time",
    "traceback lines": "the CLI interrupts the program's process, which then prints where it was interrupted",
}
"""What the recordings hold besides the engine's own doing."""

_UUID = re.compile(r"\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b")
_CIPHERTEXT = re.compile(r"v1:[A-Za-z0-9+/]{16}:[A-Za-z0-9+/=]+")
_VOLATILE = {"time", "magic", "created", "modified", "sourcePosition", "stackTrace", "duration", "durationSeconds"}
_SALT_KEYS = {"salt"}
_RANDOM_OUTPUTS = {"id", "b64Std", "b64Url", "dec", "hex"}


@dataclass
class Step:
    """One step as an engine did it, in the shape of the recordings."""

    exit_code: int
    stdout: str
    stderr: str
    state: dict
    secrets: dict


class Engine:
    """Runs commands of one engine in a copy of the program."""

    def __init__(self, command, folder):
        self._command = command
        self.folder = folder
        shutil.copytree(GOLDEN / "program", folder)
        (folder / "state").mkdir()
        (folder / "Pulumi.dev.yaml").write_text(f"encryptionsalt: {SALT}\n")
        self._environment = {
            **{key: value for key, value in os.environ.items() if not key.startswith(("PULUMI_", "GOLDEN_"))},
            "PULUMI_CONFIG_PASSPHRASE": PASSPHRASE,
            "PULUMI_BACKEND_URL": f"file://{folder / 'state'}",
            "PULUMI_HOME": str(folder / "home"),
            "PULUMI_SKIP_UPDATE_CHECK": "true",
            "NO_COLOR": "1",
        }

    def run(self, arguments, environment=None, check=False):
        """Run one command; `check` means that it must succeed."""
        done = subprocess.run(
            [*self._command, *arguments],
            cwd=self.folder,
            env=self._environment | (environment or {}),
            capture_output=True,
            text=True,
            timeout=240,
            check=False,
        )
        assert not check or done.returncode == 0, done.stdout + done.stderr
        return done

    def export(self, *flags):
        """The stack's state."""
        return json.loads(self.run(["stack", "export", *flags], check=True).stdout)


def _engines():
    yield pytest.param("embedded", marks=pytest.mark.xdist_group("golden-embedded"))
    missing = shutil.which("pulumi") is None
    yield pytest.param(
        "cli",
        marks=[
            pytest.mark.slow,
            pytest.mark.xdist_group("golden-cli"),
            pytest.mark.skipif(missing, reason="the Pulumi CLI is not on PATH"),
        ],
    )


@pytest.fixture(scope="module", params=_engines())
def steps(request, tmp_path_factory):
    """All steps, run in order."""
    command = ["pulumi"] if request.param == "cli" else [warm_python.executable(), "-m", "pulumi_embedded"]
    engine = Engine(command, tmp_path_factory.mktemp("golden") / "program")
    engine.run(["stack", "init", "dev"], check=True)
    engine.run(["config", "set", "--secret", "token", TOKEN], check=True)
    results = {}
    for name in STEPS:
        recorded = _recorded(name)
        done = engine.run(recorded["command"].split()[1:], recorded["env"])
        results[name] = Step(
            done.returncode, done.stdout, done.stderr, engine.export(), engine.export("--show-secrets")
        )
    return results


def _recorded(name):
    return json.loads((GOLDEN / "recorded" / f"{name}.json").read_text())


# --- what is left when everything that differs from run to run is taken out -------------------------------------------


def _normal(value, key=""):
    if isinstance(value, dict):
        cleaned = {k: _normal(v, k) for k, v in value.items() if k not in _VOLATILE and k not in NOT_OURS}
        return _without_random(cleaned)
    if isinstance(value, list):
        return [_normal(item) for item in value]
    if isinstance(value, str):
        if key in _SALT_KEYS:
            return "<salt>"
        return _CIPHERTEXT.sub("<ciphertext>", _UUID.sub("<uuid>", value))
    return value


def _without_random(value):
    if str(value.get("type", "")).startswith("random:") and "urn" in value:
        value = dict(value)
        if value.get("id") not in (None, ""):
            value["id"] = "<random>"
        outputs = value.get("outputs") or {}
        value["outputs"] = {k: "<random>" if k in _RANDOM_OUTPUTS and v != "<uuid>" else v for k, v in outputs.items()}
        if not value["outputs"]:
            value.pop("outputs")
    if "pet" in value and isinstance(value["pet"], str):
        value = value | {"pet": "<random>"}
    return value


def _resources(state):
    """The resources by what tells them apart."""
    resources = _normal(state)["deployment"].get("resources") or []
    return {(r["urn"], r.get("delete", False), r.get("pendingReplacement", False)): r for r in resources}


def _events(lines):
    return [json.loads(line) for line in lines.splitlines() if line.startswith("{")]


def _operations(events):
    """How often each operation on each resource began and ended, and for what properties."""
    found = Counter()
    for event in events:
        for kind in ("resourcePreEvent", "resOutputsEvent", "resOpFailedEvent"):
            if kind in event:
                step = event[kind]["metadata"]
                found[kind, step["op"], step["urn"], tuple(step.get("keys") or ()), step.get("logical", False)] += 1
    return found


def _metadata(events):
    """What the events say of each operation on each resource, whole."""
    found = {}
    for event in events:
        for kind in ("resourcePreEvent", "resOutputsEvent"):
            if kind in event and "pulumi:providers:" not in event[kind]["metadata"]["type"]:
                step = event[kind]["metadata"]
                found.setdefault((kind, step["op"], step["urn"]), []).append(_normal(event[kind]))
    return found


def _others(events):
    """The events that are not about one operation, in their order."""
    kept = [{k: v for k, v in event.items() if k not in ("sequence", "timestamp")} for event in events]
    return [_normal(event) for event in kept if not {"resourcePreEvent", "resOutputsEvent"} & set(event)]


def _diagnostics(diagnostics):
    """The errors and warnings; what a process printed while it was interrupted is none."""
    kept = [d["message"] for d in diagnostics if d["severity"] != "info#err"]
    return [message for message in kept if "pulumi-resource-random from $PATH" not in message]


def _text_lines(lines):
    """What the text form says of each resource, without times and order, and its errors."""
    found = set()
    for line in lines:
        step = re.match(r"\s[+~\-><= ]{2} (\S+) (\S+) (created|updated|deleted)\b", line)
        if step and step[1] != "lab:index:Pair":
            found.add(step.groups())
        if "has a problem" in line or "cannot be deleted" in line:
            found.add(line[line.index("error:") :].strip())
        if "OUT_OF_STOCK" in line and "raise" not in line:
            found.add("OUT_OF_STOCK: nothing left in a")
    return found


# --- the comparisons --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", STEPS)
def test_exit_code(steps, name):
    step = steps[name]
    assert step.exit_code == _recorded(name)["exit_code"], step.stdout + step.stderr


@pytest.mark.parametrize("name", STEPS)
def test_state(steps, name):
    recorded, state = _recorded(name)["state"], steps[name].state
    expected, found = _resources(recorded), _resources(state)
    if "refresh" in name:
        for resource in [*expected.values(), *found.values()]:
            dependencies = resource.pop("propertyDependencies", {})
            resource["propertyDependencies"] = {key: urns for key, urns in dependencies.items() if urns}
    assert found == expected
    rest = [copy.deepcopy(_normal(document)) for document in (state, recorded)]
    for document in rest:
        document["deployment"].pop("resources", None)
        document["deployment"].pop("manifest")  # The version of the engine that wrote it.
    assert rest[0] == rest[1]


@pytest.mark.parametrize("name", STEPS)
def test_state_lists_dependencies_before_dependents(steps, name):
    seen = set()
    for resource in steps[name].state["deployment"].get("resources") or []:
        needed = {resource.get("parent", ""), *resource.get("dependencies", [])} - {""}
        needed |= {urn for urns in resource.get("propertyDependencies", {}).values() for urn in urns}
        if resource.get("provider"):
            needed.add(resource["provider"].rpartition("::")[0])
        assert needed <= seen, resource["urn"]
        seen.add(resource["urn"])


@pytest.mark.parametrize("name", STEPS)
def test_secrets_hold_what_they_should(steps, name):
    for resource in steps[name].secrets["deployment"].get("resources") or []:
        outputs = resource.get("outputs", {})
        if resource["type"].startswith("pulumi-python:dynamic"):
            assert json.loads(outputs["credentials"]["plaintext"]) == f"key-of-{outputs['name']}"
        for properties in (resource.get("inputs", {}), outputs):
            if "token" in properties:
                assert json.loads(properties["token"]["plaintext"]) == TOKEN
    assert TOKEN not in json.dumps(steps[name].state)
    assert TOKEN not in steps[name].stdout or "--show-secrets" in _recorded(name)["command"]


@pytest.mark.parametrize("name", [name for name in STEPS if _recorded(name).get("events")])
def test_events(steps, name):
    recorded, events = _recorded(name)["events"], _events(steps[name].stdout)
    expected, found = _operations(recorded), _operations(events)
    errors = [
        [e["diagnosticEvent"]["message"] for e in stream if e.get("diagnosticEvent", {}).get("severity") == "error"]
        for stream in (events, recorded)
    ]
    assert errors[0] == errors[1]
    summaries = [
        _normal(next(e["summaryEvent"] for e in stream if "summaryEvent" in e)) for stream in (events, recorded)
    ]
    if name in RACES:
        extra = (found - expected) + (expected - found)
        assert {op for _, op, *_ in extra} <= {"same"}
        for summary in summaries:
            summary.pop("resourceChanges")
    else:
        assert found == expected
        assert _metadata(events) == _metadata(recorded)
    assert summaries[0] == summaries[1]


@pytest.mark.parametrize("name", [name for name in STEPS if isinstance(_recorded(name).get("stdout"), dict)])
def test_json_document(steps, name):
    expected, found = _normal(_recorded(name)["stdout"]), _normal(json.loads(steps[name].stdout))
    if "steps" in expected:
        diagnostics = [_diagnostics(doc.pop("diagnostics", [])) for doc in (found, expected)]
        assert diagnostics[0] == diagnostics[1]
        by_step = [{(s["op"], s["urn"]): s for s in doc.pop("steps")} for doc in (found, expected)]
        assert by_step[0] == by_step[1]
        if name in RACES:
            assert set(found.pop("changeSummary")) == set(expected.pop("changeSummary")) == {"same"}
    assert found == expected


@pytest.mark.parametrize("name", [name for name in STEPS if isinstance(_recorded(name).get("stdout"), list)])
def test_text(steps, name):
    assert _text_lines(steps[name].stdout.splitlines()) == _text_lines(_recorded(name)["stdout"])


# --- event logs -------------------------------------------------------------------------------------------------------


def test_the_events_of_a_preview_are_those_of_the_clis_event_log(tmp_path, monkeypatch):
    """`preview --json` prints a document; the events behind it are in the log of `--event-log` alone."""
    folder = tmp_path / "program"
    shutil.copytree(GOLDEN / "program", folder)
    shutil.copyfile(GOLDEN / "event_logs" / "program.py", folder / "__main__.py")
    (folder / "Pulumi.dev.yaml").write_text(f"encryptionsalt: {SALT}\n")
    monkeypatch.setenv("PULUMI_CONFIG_PASSPHRASE", PASSPHRASE)
    monkeypatch.setenv("PULUMI_BACKEND_URL", f"file://{tmp_path}")
    workspace = Workspace.open(folder)
    workspace.backend.create(workspace.reference("dev"))
    stack = workspace.stack("dev")
    stack.config.set("region", "r", None)
    stack.config.set("token", TOKEN, stack.crypter.encrypt)
    stack.config.save()
    for log in sorted((GOLDEN / "event_logs").glob("*.json")):
        recorded = json.loads(log.read_text())
        for key, value in recorded["env"].items():
            monkeypatch.setenv(key, value)
        out = io.StringIO()
        stream = EventStream(out)
        operation = Operation(stack, "update", Options(preview=True), [stream])
        outcome = operation.preview() if recorded["command"].startswith("pulumi preview") else operation.execute()
        stream.close()
        events = _events(out.getvalue())
        assert outcome.result == "succeeded"
        assert _metadata(events) == _metadata(recorded["events"])
        assert _others(events) == _others(recorded["events"])
