"""`gpufleet report`: previews of both engines, in every form."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from markdown_it import MarkdownIt

from tests.sdk.cli.conftest import CANARY, Command
from tests.sdk.cli.report.conftest import ENGINES, RECORDED, TOGETHER, step

FORMS = ("markdown", "html", "json", "table")
GOLDEN = sorted(Path(__file__).parents[3].joinpath("engine/golden/recorded").glob("*-preview-*.json"))
GOLDEN = [path for path in GOLDEN if not path.stem.endswith("-text")]


def stack_of(gpufleet: Command, *arguments: str | Path) -> dict[str, Any]:
    result = gpufleet("report", *arguments, "--format", "json")
    assert result.exit_code == 0, result.output
    (stack,) = json.loads(result.stdout)["stacks"]
    return stack


@pytest.mark.parametrize("ending", ["json", "events"])
@pytest.mark.parametrize("form", FORMS)
def test_both_engines_give_the_same_report(gpufleet: Command, form: str, ending: str) -> None:
    reports = [gpufleet("report", RECORDED / f"{engine}.{ending}", "--format", form).stdout for engine in ENGINES]
    cli, embedded = (re.sub(r"Written \S+ \S+ UTC", "Written", each) for each in reports)
    assert cli == embedded


@pytest.mark.parametrize("engine", ENGINES)
def test_a_document_and_an_event_log_say_the_same_of_what_changes(gpufleet: Command, engine: str) -> None:
    document = stack_of(gpufleet, RECORDED / f"{engine}.json")
    events = stack_of(gpufleet, RECORDED / f"{engine}.events")
    assert document["resources"] == [each for each in events["resources"] if each["operation"] != "same"]
    assert document["risks"] == events["risks"]


def test_what_changes(gpufleet: Command) -> None:
    stack = stack_of(gpufleet, RECORDED / "embedded.json")
    rows = {row["name"]: row for row in stack["resources"]}
    assert stack["counts"] == {"create": 1, "delete": 1, "replace": 3, "update": 1}
    assert rows["training"]["changes"] == [
        {"path": "region", "before": "us-central-8", "after": "us-east-1", "forces_replacement": True}
    ]
    assert rows["training"]["delete_first"] is True
    assert [each["forces_replacement"] for each in rows["serving"]["changes"]] == [False]
    assert {(gpus["gpu_type"], gpus["region"]): (gpus["before"], gpus["after"]) for gpus in stack["gpus"]} == {
        ("H100_sxm5x8", "denvr houston-usa-1"): (32, 32),
        ("H100_SXM", "us-central-8"): (40, 48),
        ("H100_SXM", "us-east-1"): (0, 8),
        ("H200_SXM", "us-central-8"): (0, 8),
    }
    assert (stack["hourly_before"], stack["hourly_after"]) == ({"USD": 56.0}, {"USD": 56.0})
    assert (stack["unknown_prices_before"], stack["unknown_prices_after"]) == (3, 4)


def test_the_gravest_comes_first(gpufleet: Command) -> None:
    risks = [(each["kind"], each["resource"]) for each in stack_of(gpufleet, RECORDED / "cli.json")["risks"]]
    assert risks == [("term", "reserved"), ("downtime", "batch"), ("downtime", "reserved"), ("downtime", "training")]


@pytest.mark.parametrize("recording", GOLDEN, ids=lambda path: path.stem)
def test_any_preview_of_the_cli_is_reported(gpufleet: Command, recording: Path, tmp_path: Path) -> None:
    recorded = json.loads(recording.read_text())
    (tmp_path / "it.json").write_text(json.dumps(recorded["stdout"]))
    stack = stack_of(gpufleet, "it.json")
    shown = {operation: count for operation, count in stack["counts"].items() if operation != "same"}
    counted = {key: count for key, count in recorded["stdout"]["changeSummary"].items() if key != "same"}
    # The stack itself is counted by the engine, and is no resource of the program.
    stacks = [each["op"] for each in recorded["stdout"]["steps"] if "::pulumi:pulumi:Stack::" in each["urn"]]
    assert stack["failed"] == (recorded["exit_code"] != 0)
    assert sum(shown.values()) == sum(counted.values()) - sum(operation != "same" for operation in stacks)


@pytest.mark.parametrize("name", ["02-up-create", "09-up-replace", "25-refresh-drift", "32-destroy"])
def test_the_events_of_an_update_are_reported_as_well(gpufleet: Command, tmp_path: Path, name: str) -> None:
    events = json.loads((GOLDEN[0].parent / f"{name}.json").read_text())["events"]
    (tmp_path / "log").write_text("\n".join(map(json.dumps, events)))
    stack = stack_of(gpufleet, "log")
    assert (stack["failed"], stack["project"], stack["stack"]) == (False, "golden", "dev")
    (counted,) = [event["summaryEvent"]["resourceChanges"] for event in events if "summaryEvent" in event]
    for operation in ("replace", "update"):
        assert stack["counts"].get(operation, 0) == counted.get(operation, 0)
    (tmp_path / "log").write_text("\n".join(map(json.dumps, events[:-1])))
    assert stack_of(gpufleet, "log")["failed"] is True


def test_the_same_of_many_is_said_once(gpufleet: Command, preview: Callable[..., Path]) -> None:
    path = preview(
        *(step("create", f"it-{number}", new={"inputs": TOGETHER | {"num_gpus": 64}}) for number in range(9))
    )
    for form in ("markdown", "html", "table"):
        text = gpufleet("report", path, "--format", form, "--fail-on", "unprotected=8").stdout
        assert text.count("64 GPUs without") == 2
        assert text.count("it-0, it-1, it-2, it-3, it-4 and 4 more") == 2
    assert len(stack_of(gpufleet, path)["risks"]) == 9


def test_colors_are_taken_out_of_messages(gpufleet: Command, preview: Callable[..., Path]) -> None:
    message = "<{%fg 3%}>warning: <{%reset%}>a \x1b[31mred\x1b[0m one\n"
    stack = stack_of(gpufleet, preview(diagnostics=[{"severity": "warning", "message": message}]))
    assert [each["message"] for each in stack["risks"]] == ["a red one"]


def test_an_event_log_shows_what_is_unchanged(gpufleet: Command, tmp_path: Path) -> None:
    events = [json.loads(line) for line in (RECORDED / "embedded.events").read_text().splitlines()]
    for event in events:
        metadata = event.get("resourcePreEvent", event.get("resOutputsEvent", {})).get("metadata", {})
        if metadata.get("urn", "").endswith("::serving"):
            metadata.update(op="same", new=metadata["old"], diffs=None, detailedDiff=None)
    (tmp_path / "log").write_text("\n".join(map(json.dumps, events)))
    stack = stack_of(gpufleet, "log")
    (same,) = [row for row in stack["resources"] if row["operation"] == "same"]
    assert same["name"] == "serving"
    assert same["before"] == same["after"]


def test_unlisted_resources_are_said_to_be_missing_in_totals(gpufleet: Command, preview: Callable[..., Path]) -> None:
    path = preview(step("create", "a", new={"inputs": TOGETHER}), changeSummary={"create": 1, "same": 7})
    for form in ("markdown", "html", "table"):
        assert "Totals are without 7 unchanged resources" in " ".join(
            gpufleet("report", path, "--format", form).stdout.split()
        )


def test_two_files_of_a_stack_are_read_together(gpufleet: Command, tmp_path: Path) -> None:
    document = json.loads((RECORDED / "embedded.json").read_text())
    training = next(each for each in document["steps"] if each["urn"].endswith("::training"))
    consumer = {
        "op": "update",
        "urn": "urn:pulumi:dev::fleet::pulumi:providers:kubernetes::k8s",
        "oldState": {"inputs": {}, "propertyDependencies": {"kubeconfig": [training["urn"]]}},
        "newState": {"inputs": {}, "propertyDependencies": {"kubeconfig": [training["urn"]]}},
    }
    chart = {
        "op": "update",
        "urn": "urn:pulumi:dev::fleet::kubernetes:core/v1:Namespace::ns",
        "oldState": {"inputs": {}, "provider": f"{consumer['urn']}::id-1"},
        "newState": {"inputs": {}},
    }
    document["steps"] += [consumer, chart]
    (tmp_path / "it.json").write_text(json.dumps(document))
    stack = stack_of(gpufleet, "it.json")
    (risk,) = [each for each in stack["risks"] if each["kind"] == "dependents"]
    assert risk["resource"] == "training"
    assert "k8s, ns" in risk["message"]

    log = [json.loads(line) for line in (RECORDED / "embedded.events").read_text().splitlines()]
    for row in (consumer, chart):
        metadata = {"op": "update", "urn": row["urn"], "old": {"inputs": {}}, "new": {"inputs": {}}, "logical": True}
        log.insert(1, {"resourcePreEvent": {"metadata": metadata, "planning": True}})
    (tmp_path / "log").write_text("\n".join(map(json.dumps, log)))
    for files in (("it.json", "log"), ("log", "it.json")):
        both = stack_of(gpufleet, *files)
        assert [each["resource"] for each in both["risks"] if each["kind"] == "dependents"] == ["training"]


def test_several_stacks_make_one_report(gpufleet: Command, preview: Callable[..., Path]) -> None:
    one = preview(step("create", "a", new={"inputs": TOGETHER}), name="one.json")
    two = preview(step("create", "a", new={"inputs": TOGETHER}, stack="prod"), name="two.json")
    stacks = json.loads(gpufleet("report", one, two, "--format", "json").stdout)["stacks"]
    assert [each["stack"] for each in stacks] == ["dev", "prod"]


@pytest.mark.parametrize(
    ("before", "after", "kinds"),
    [
        pytest.param({"shared_volume": {"volume_name": "v", "size_tib": 1}}, None, ["data"], id="volume deleted"),
        pytest.param(
            {"shared_volume": {"volume_name": "v", "is_lifecycle_independent": True}}, None, [], id="volume stays"
        ),
        pytest.param({}, {"num_gpus": 64}, ["unprotected"], id="big"),
        pytest.param({}, {"num_gpus": 56}, [], id="not big"),
    ],
)
def test_risks(
    gpufleet: Command,
    preview: Callable[..., Path],
    before: dict[str, Any],
    after: dict[str, Any] | None,
    kinds: list[str],
) -> None:
    old = {"inputs": TOGETHER | before}
    new = {"inputs": TOGETHER | after} if after is not None else None
    path = preview(step("delete" if new is None else "update", "a", old, new))
    assert [each["kind"] for each in stack_of(gpufleet, path)["risks"]] == kinds


def test_what_is_retained_loses_nothing(gpufleet: Command, preview: Callable[..., Path]) -> None:
    inputs = TOGETHER | {"shared_volume": {"volume_name": "v", "size_tib": 1}}
    path = preview(step("delete", "a", {"inputs": inputs, "retainOnDelete": True}))
    assert stack_of(gpufleet, path)["risks"] == []


def test_a_failed_preview_is_said_to_be_incomplete(gpufleet: Command, preview: Callable[..., Path]) -> None:
    error = {"urn": step("create", "a")["urn"], "severity": "error", "message": "error: no such region\n"}
    path = preview(diagnostics=[error])
    result = gpufleet("report", path)
    assert result.exit_code == 0
    assert "the preview failed" in result.output
    assert "a: no such region" in result.output
    assert gpufleet("report", path, "--fail-on", "forfeit").exit_code == 4


# --- Secrets, and text that is more than text -------------------------------------------------------------------------


def canaries(value: Any, secret: Any) -> Any:
    """Every leaf becomes a secret, and a new one stands in every object and list."""
    if isinstance(value, dict):
        return {key: canaries(each, secret) for key, each in value.items()} | {"deep": secret}
    if isinstance(value, list):
        return [canaries(each, secret) for each in value] + [secret]
    return secret


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("ending", ["json", "events"])
@pytest.mark.parametrize(
    "secret", [CANARY, {"4dabf18193072939515e22adb298388d": "1b47061264138c4ac30d75fd1eb44270", "plaintext": CANARY}]
)
def test_no_property_of_a_preview_is_shown(
    gpufleet: Command, tmp_path: Path, form: str, ending: str, secret: Any
) -> None:
    """The inputs that a report shows are the exception, and only in the clear: they are left out here."""
    shown = {"region", "gpu_type", "num_gpus", "billing_type", "cluster_type", "cloud", "num_instances", "cuda_version"}
    lines = (RECORDED / f"embedded.{ending}").read_text()
    documents = [json.loads(lines)] if ending == "json" else [json.loads(line) for line in lines.splitlines()]

    def plant(value: Any) -> Any:
        if isinstance(value, list):
            return [plant(each) for each in value]
        if not isinstance(value, dict):
            return value
        planted = {key: plant(each) for key, each in value.items()}
        for key in ("inputs", "outputs", "config"):
            if isinstance(planted.get(key), dict):
                kept = {name: planted[key].pop(name) for name in shown & planted[key].keys()}
                planted[key] = canaries(planted[key], secret) | (kept if isinstance(secret, str) else {})
                planted[key] |= {} if isinstance(secret, str) else dict.fromkeys(kept, secret)
        return planted

    (tmp_path / "it").write_text("\n".join(json.dumps(plant(each)) for each in documents))
    result = gpufleet("report", "it", "--format", form)  # `gpufleet` itself looks for the canary in what is printed
    assert result.exit_code == 0, result.output
    assert "training" in result.stdout
    assert CANARY in (tmp_path / "it").read_text()


@pytest.mark.parametrize(
    "message",
    ["error: Authorization: Bearer sk-abcdefghijklmnopqrstuvwxyz0123456789", "error: api_key=abcdefgh12345678"],
)
def test_what_looks_like_a_key_is_cut_out_of_messages(
    gpufleet: Command, preview: Callable[..., Path], message: str
) -> None:
    result = gpufleet("report", preview(diagnostics=[{"severity": "error", "message": message}]))
    assert "abcdefgh" not in result.output


NASTY = "a|b`c`<img src=x onerror=alert(1)> @all #1 https://evil.example [x](y)\x1b[31m *s*"


def test_a_name_is_only_text(gpufleet: Command, preview: Callable[..., Path]) -> None:
    path = preview(step("create", NASTY, new={"inputs": TOGETHER | {"gpu_type": NASTY, "num_gpus": 64}}))
    for form in FORMS:
        text = gpufleet("report", path, "--format", form).stdout
        assert "\x1b" not in text
    html = rendered(gpufleet("report", path, "--format", "markdown").stdout)
    assert not {"img", "a", "em"} & set(html.tags)
    assert html.cells_per_row == {4, 6, 7}
    page = parsed(gpufleet("report", path, "--format", "html").stdout)
    assert "img" not in page.tags


class Parsed(HTMLParser):
    """Collects tags, and the number of cells in each row of a table."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.addresses: list[str] = []
        self.cells_per_row: set[int] = set()
        self._cells = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.addresses += [value or "" for name, value in attrs if name in ("src", "href")]
        self._cells = 0 if tag == "tr" else self._cells + (tag in ("td", "th"))

    def handle_endtag(self, tag: str) -> None:
        if tag == "tr":
            self.cells_per_row.add(self._cells)


def parsed(html: str) -> Parsed:
    found = Parsed()
    found.feed(html)
    return found


def rendered(markdown: str) -> Parsed:
    """What GitHub's dialect makes of it: CommonMark and tables; raw HTML passes."""
    return parsed(MarkdownIt("commonmark", {"html": True}).enable("table").render(markdown))


@pytest.mark.parametrize("ending", ["json", "events"])
def test_the_markdown_is_three_tables(gpufleet: Command, ending: str) -> None:
    html = rendered(gpufleet("report", RECORDED / f"embedded.{ending}", "--format", "markdown").stdout)
    assert html.tags.count("table") == 3
    assert html.cells_per_row == {4, 6, 7}
    assert html.tags.count("details") == 1


def test_the_page_needs_nothing_from_elsewhere(gpufleet: Command) -> None:
    text = gpufleet("report", RECORDED / "embedded.json", "--format", "html").stdout
    page = parsed(text)
    assert page.addresses == ["data:,"]
    assert "http" not in text.replace('http-equiv="Content-Security-Policy"', "")
    assert page.tags.count("h1") == 1


# --- Files ------------------------------------------------------------------------------------------------------------


def test_files_are_written_in_the_form_of_their_ending(gpufleet: Command, tmp_path: Path) -> None:
    names = ("a.md", "a.html", "a.json", "a.txt")
    result = gpufleet("report", RECORDED / "cli.json", *(word for name in names for word in ("-o", name)))
    assert (result.exit_code, result.output) == (0, "")
    starts = [(tmp_path / name).read_text().split("\n")[0] for name in names]
    assert starts[0].startswith("### fleet/dev: ")
    assert starts[1:3] == ["<!doctype html>", "{"]
    assert starts[3].startswith("fleet/dev: ")


def test_standard_input_is_read(gpufleet: Command) -> None:
    text = (RECORDED / "cli.json").read_text()
    printed = "a line of the program\n" + text
    assert gpufleet("report", answers=printed).stdout == gpufleet("report", "-", answers=text).stdout != ""


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "it is empty"),
        ("Previewing update (dev):\n", "it is not JSON"),
        ('{"steps": [', "it is not JSON"),
        ('{"preludeEvent": {}}\n{"resourcePre', "cut off"),
        ('{"version": 3}', "neither the document"),
        ("[1, 2]", "it is empty"),
        ('{"a":' * 100_000, "nested too deeply"),
        (b"\xff\xfe\x00", "not text in UTF-8"),
    ],
)
def test_what_is_no_preview_is_refused_in_one_line(
    gpufleet: Command, tmp_path: Path, text: str | bytes, message: str
) -> None:
    (tmp_path / "it").write_bytes(text.encode() if isinstance(text, str) else text)
    result = gpufleet("report", "it")
    assert result.exit_code == 1
    assert result.output.startswith("Error: it: ")
    assert message in result.output
    assert result.output.count("\n") == 1


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (("nowhere.json",), 1, "nowhere.json: No such file or directory"),
        (("-o", "a.pdf"), 2, "a.pdf ends in none of .md, .html, .json, .txt"),
        (("--run", "a.json"), 2, "cannot be combined"),
        (("--stack", "dev"), 2, "--stack belongs to --run"),
        (("--run",), 1, "neither pulumi nor pulumi-embedded is on PATH"),
    ],
)
def test_wrong_arguments(
    gpufleet: Command, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...], code: int, message: str
) -> None:
    monkeypatch.setenv("PATH", "")
    result = gpufleet("report", *arguments)
    assert result.exit_code == code
    assert message in result.output


ENGINE = """#!/bin/sh
while [ "$1" != --event-log ]; do shift; done
cp {events} "$2"; cat {document}; echo "error: {error}" >&2; exit {code}
"""


@pytest.mark.parametrize("engine", ["pulumi", "pulumi-embedded"])
def test_the_preview_is_run(gpufleet: Command, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, engine: str) -> None:
    def install(**values: Any) -> None:
        values = {"events": RECORDED / "cli.events", "document": RECORDED / "cli.json", "error": "", "code": 0} | values
        (tmp_path / engine).write_text(ENGINE.format(**values))
        (tmp_path / engine).chmod(0o755)

    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    install()
    assert stack_of(gpufleet, "--run", "--stack", "dev") == stack_of(
        gpufleet, RECORDED / "cli.json", RECORDED / "cli.events"
    )
    install(code=1)
    assert stack_of(gpufleet, "--run")["failed"] is True
    install(events="/dev/null", document="/dev/null", code=1, error="no stack named 'dev' found")
    result = gpufleet("report", "--run")
    assert (result.exit_code, result.output) == (1, f"Error: {engine} preview: no stack named 'dev' found\n")
