"""What a user sees of a deployment, in a terminal and in a pipe."""

import io

from pulumi_embedded.display.live import LiveDisplay
from pulumi_embedded.display.plain import PlainDisplay
from pulumi_embedded.providers.provider_api import Diff
from pulumi_embedded.steps.events import Diagnostic, StepBegins, StepEnds, StepFails, Summary
from pulumi_embedded.steps.steps import Create, Replace, Same, Update
from pulumi_embedded.storage.snapshot import ResourceState
from pulumi_embedded.values import Secret
from rich.console import Console

URN = "urn:pulumi:dev::p::lab:index:Thing::"


def _state(name, **inputs):
    return ResourceState(urn=URN + name, type="lab:index:Thing", custom=True, id=name, inputs=inputs)


def _events():
    create = Create(None, _state("new", size=1, key=Secret("hush")))
    update = Update(_state("old", size=1), _state("old", size=2), diff=Diff("some"))
    replace = Replace(_state("moved", zone="a"), _state("moved", zone="b"), keys=["zone"])
    same = Same(_state("calm"), _state("calm"))
    yield StepBegins(same, planning=False)
    yield StepEnds(same, "same", planning=False)
    yield StepBegins(create, planning=False)
    yield Diagnostic("info", "InstallingDrivers · 3 of 8 nodes", create.urn, ephemeral=True)
    yield StepBegins(update, planning=False)
    yield StepEnds(create, "create", planning=False)
    yield Diagnostic("error", "it broke\nfor a reason", update.urn)
    yield StepFails(update, 0, 1)
    yield StepBegins(replace, planning=False)
    yield StepEnds(replace, "replace", planning=False)
    yield Diagnostic("info", "the program says hello")
    yield Summary({"create": 1, "same": 4}, 75.0, is_preview=False, result="failed")


def test_lines_in_a_pipe():
    out = io.StringIO()
    display = PlainDisplay(out, "update", "dev", preview=False, show_diff=True)
    for event in _events():
        display(event)
    text = out.getvalue()
    assert text.startswith("Updating (dev):\n")
    assert " +  lab:index:Thing new creating\n      + key: [secret]\n      + size: 1\n" in text
    assert "    lab:index:Thing new InstallingDrivers · 3 of 8 nodes\n" in text
    assert " ~  lab:index:Thing old updating [diff: ~size]\n      ~ size: 1 => 2\n" in text
    assert "**updating failed**" in text
    assert "replacing [replaces: zone]" in text
    assert "calm" not in text and "hush" not in text
    end = text[text.index("Diagnostics:") :]
    assert "  lab:index:Thing (old):\n    error: it broke\n    for a reason\n" in end
    assert "InstallingDrivers" not in end
    assert end.endswith("Resources:\n    + 1 created\n    4 unchanged\n    1 errored\n\nDuration: 1m15s\n")


def test_a_table_in_a_terminal():
    console = Console(file=io.StringIO(), force_terminal=True, width=140, height=30, record=True)
    display = LiveDisplay("update", "dev", preview=False, show_diff=True, console=console)
    seen = []
    try:
        for event in _events():
            display(event)
            if isinstance(event, Diagnostic) and event.ephemeral:
                with console.capture() as capture:
                    console.print(display._render())
                seen.append(capture.get())
    finally:
        display.close()
    assert "InstallingDrivers · 3 of 8 nodes" in seen[0] and "1 in progress, 0 done" in seen[0]
    text = console.export_text()
    for expected in ("created", "updating failed", "replaced", "error: it broke", "1 errored", "Duration: 1m15s"):
        assert expected in text
    assert "~ size: 1 => 2" in text
    assert "calm" not in text and "hush" not in text


def test_a_table_never_outgrows_the_terminal():
    console = Console(file=io.StringIO(), force_terminal=True, width=100, height=12)
    display = LiveDisplay("update", "dev", preview=False, show_diff=False, console=console)
    try:
        for number in range(500):
            display(StepBegins(Create(None, _state(f"t{number}")), planning=False))
        with console.capture() as capture:
            console.print(display._render())
    finally:
        display.close()
    assert len(capture.get().splitlines()) <= 12
    assert "500 in progress" in capture.get() and "more rows" in capture.get()
