"""What a user sees of a deployment, in a terminal and in a pipe."""

import io
import itertools
import re

import pytest
from pulumi_embedded.display.labels import shorten
from pulumi_embedded.display.live import LiveDisplay
from pulumi_embedded.display.options import DisplayOptions, Heading
from pulumi_embedded.display.plain import PlainDisplay
from pulumi_embedded.display.property_changes import output_lines
from pulumi_embedded.display.stdout import StandardOutput, json_text, replace_unencodable
from pulumi_embedded.display.updates import update_lines
from pulumi_embedded.providers.provider_api import Diff
from pulumi_embedded.steps.events import Diagnostic, StepBegins, StepEnds, StepFails, Summary
from pulumi_embedded.steps.reading_steps import Refresh
from pulumi_embedded.steps.steps import (
    Create,
    CreateReplacement,
    Delete,
    DeleteForReplacement,
    DeleteReplaced,
    Replace,
    Same,
    Update,
)
from pulumi_embedded.storage.snapshot import ResourceState
from pulumi_embedded.values import UNKNOWN, Secret
from rich.console import Console

URN = "urn:pulumi:dev::p::lab:index:Thing::"
ROOT = "urn:pulumi:dev::p::pulumi:pulumi:Stack::p-dev"


def _state(name, line=0, **inputs):
    position = [f"project:///__main__.py#{line}"] if line else []
    return ResourceState(
        urn=URN + name, type="lab:index:Thing", custom=True, id=name, inputs=inputs, stack_trace=position
    )


def _root(**outputs):
    return ResourceState(urn=ROOT, type="pulumi:pulumi:Stack", custom=False, outputs=outputs)


def _whole(step, op=None, *, planning=False):
    return [StepBegins(step, planning), StepEnds(step, op or step.op, planning)]


def _replacement(name, line=0, *, delete_first=False, **options):
    old, new = _state(name, line, zone="a"), _state(name, line, zone="b")
    create, replace = CreateReplacement(old, new, keys=["zone"]), Replace(old, new, keys=["zone"])
    if delete_first:
        steps = [DeleteForReplacement(old, None), replace, create]
    else:
        steps = [create, replace, DeleteReplaced(old, None)]
    return [event for step in steps for event in _whole(step, **options)]


def _summary(result="succeeded", *, is_preview=False, **changes):
    return Summary(changes, 75.0, is_preview=is_preview, result=result)


def _plain(events, kind="update", *, preview=False, **options):
    out = io.StringIO()
    display = PlainDisplay(out, Heading(kind, "p", "dev", preview), DisplayOptions(**options))
    for event in events:
        display(event)
    return out.getvalue()


def _table(events, kind="update", *, width=80, preview=False, **options):
    console = Console(file=io.StringIO(), force_terminal=True, width=width, height=30, record=True)
    display = LiveDisplay(Heading(kind, "p", "dev", preview), DisplayOptions(**options), console)
    try:
        for event in events:
            display(event)
    finally:
        display.close()
    # The frames of the live table were recorded, too.
    lines = [line.rstrip() for line in console.export_text().splitlines()]
    last = max(number for number, line in enumerate(lines) if line.endswith("(dev)"))
    return "\n".join(lines[last:])


def _events():
    create = Create(None, _state("new", size=1, key=Secret("hush")))
    update = Update(_state("old", size=1), _state("old", size=2), diff=Diff("some"))
    same = Same(_state("calm"), _state("calm"))
    yield from _whole(same)
    yield StepBegins(create, planning=False)
    yield Diagnostic("info", "InstallingDrivers · 3 of 8 nodes", create.urn, ephemeral=True)
    yield StepBegins(update, planning=False)
    yield StepEnds(create, "create", planning=False)
    yield Diagnostic("error", "it broke\nfor a reason", update.urn)
    yield StepFails(update, 0, 1)
    yield from _replacement("moved")
    yield Diagnostic("info", "the program says hello")
    yield Diagnostic("error", "update failed")
    yield _summary("failed", create=1, same=4)


def test_lines_in_a_pipe():
    text = _plain(_events(), show_diff=True)
    assert text.startswith("Updating (dev):\n")
    assert " +  lab:index:Thing new creating\n      + key: [secret]\n      + size: 1\n" in text
    assert "    lab:index:Thing new InstallingDrivers · 3 of 8 nodes\n" in text
    assert " ~  lab:index:Thing old updating [diff: ~size]\n      ~ size: 1 => 2\n" in text
    assert "**updating failed**" in text
    moved = [line.split("moved ")[1] for line in text.splitlines() if "moved" in line]
    assert [re.sub(r" \(.*?\)", "", line) for line in moved] == [
        "creating replacement [replaces: zone]",
        "created replacement [replaces: zone]",
        "deleting original [replaces: zone]",
        "deleted original [replaces: zone]",
    ]
    assert "calm" not in text and "hush" not in text
    assert "    pulumi:pulumi:Stack p-dev **failed** 1 error; 1 message\n" in text
    end = text[text.index("Diagnostics:") :]
    assert "  lab:index:Thing (old):\n    error: it broke\n    for a reason\n" in end
    assert "InstallingDrivers" not in end
    assert end.endswith("Resources:\n    + 1 created\n    4 unchanged\n    2 errored\n\nDuration: 1m15s\n")


def test_a_table_in_a_terminal():
    console = Console(file=io.StringIO(), force_terminal=True, width=140, height=30, record=True)
    display = LiveDisplay(Heading("update", "p", "dev", preview=False), DisplayOptions(show_diff=True), console)
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
    for expected in ("created", "updating failed", "replaced", "error: it broke", "2 errored", "Duration: 1m15s"):
        assert expected in text
    assert "~ size: 1 => 2" in text
    assert "calm" not in text and "hush" not in text


def test_a_table_never_outgrows_the_terminal():
    console = Console(file=io.StringIO(), force_terminal=True, width=100, height=12)
    display = LiveDisplay(Heading("update", "p", "dev", preview=False), DisplayOptions(), console)
    try:
        for number in range(500):
            display(StepBegins(Create(None, _state(f"t{number}")), planning=False))
        # Not on the display's own terminal, which a thread draws on meanwhile.
        paper = Console(file=io.StringIO(), force_terminal=True, width=100, height=12)
        with paper.capture() as capture:
            paper.print(display._render())
    finally:
        display.close()
    assert len(capture.get().splitlines()) <= 12
    assert "500 in progress" in capture.get() and "more rows" in capture.get()


@pytest.mark.parametrize("delete_first", [False, True])
@pytest.mark.parametrize("display", [_plain, _table])
def test_a_replacement_is_one_row(display, delete_first):
    events = _replacement("moved", delete_first=delete_first, planning=True)
    rows = display([*events, _summary(is_preview=True, replace=1)], preview=True).splitlines()
    about = [line.split() for line in rows if "moved" in line]
    assert about == [["+-", "lab:index:Thing", "moved", "replace", "[replaces:", "zone]"]]
    assert "    +-1 to replace" in rows
    done = _replacement("moved", delete_first=delete_first)
    about = [line for line in _table([*done, _summary()]).splitlines() if "moved" in line]
    assert len(about) == 1 and about[0].split()[:4] == ["+-", "lab:index:Thing", "moved", "replaced"]


def test_rows_stand_in_the_order_of_the_program_whatever_the_order_of_events():
    groups = [
        _whole(Create(None, _root()), planning=True),
        _whole(Create(None, _state("zoo", 3)), planning=True),
        _whole(Create(None, _state("t2", 5)), planning=True),
        _whole(Create(None, _state("t10", 5)), planning=True),
        _replacement("apple", 9, planning=True),
        _whole(Delete(_state("gone", 1), None), planning=True),
    ]
    shown = set()
    for order in itertools.islice(itertools.permutations(groups), 0, None, 97):
        text = _plain([*itertools.chain(*order), _summary(is_preview=True)], preview=True)
        shown.add(tuple(line.split()[2] for line in text.splitlines() if "lab:index:Thing" in line))
    assert shown == {("zoo", "t2", "t10", "apple", "gone")}


def test_the_children_of_a_component_follow_it():
    def at(name, *lines):
        state = _state(name)
        state.stack_trace = [f"project:///__main__.py#{line}" for line in lines]
        return _whole(Create(None, state), planning=True)

    events = [*at("second", 20), *at("child", 4, 10), *at("first", 10), _summary(is_preview=True)]
    lines = _plain(events, preview=True).splitlines()
    assert [line.split()[2] for line in lines if "lab:index:Thing" in line] == ["first", "child", "second"]


def test_hidden_properties_are_never_shown():
    old = _state("a", __provider="x1", __wait=False, size=1, box={"__defaults": [], "in": 1})
    new = _state("a", __provider="x2", __wait=True, size=2, box={"__defaults": [1], "in": 1})
    only = _state("b", __provider="x1"), _state("b", __provider="x2")
    events = [
        *_whole(Update(old, new, diff=Diff("some"))),
        *_whole(Update(*only, diff=Diff("some"))),
        *_whole(Replace(old, new, keys=["__wait", "size"])),
        *_whole(Create(None, _state("c", box={"__defaults": [], "in": 1}, __provider="x"))),
        *_whole(Create(None, _root(shown=1, __hidden=2))),
        Diagnostic("info", "hello"),
        _summary(),
    ]
    for text in (_plain(events, show_diff=True), _table(events, show_diff=True)):
        assert "__" not in text
        assert "size" in text and "+ box: {in: 1}" in text
    assert "Thing b updating [the provider's code changed]" in _plain(events)


def test_a_changed_option_of_an_unchanged_resource_is_shown():
    old, new = _state("guarded", size=1), _state("guarded", size=1)
    old.protect = True
    for preview in (True, False):
        text = _plain([*_whole(Same(old, new), planning=preview), _summary(is_preview=preview)], preview=preview)
        assert text.count("    lab:index:Thing guarded [diff: ~protect]\n") == 1


def test_a_refused_resource_has_a_row_with_its_name():
    events = [
        Diagnostic("error", "the size must be a multiple of 8", URN + "bad"),
        Diagnostic("error", "preview failed"),
        _summary("failed", is_preview=True, same=2),
    ]
    for display in (_plain, _table):
        text = display(events, preview=True)
        assert re.search(r"lab:index:Thing +bad +\*{0,2}failed\*{0,2} +1 error\n", text)
        assert re.search(r"pulumi:pulumi:Stack +p-dev +\*{0,2}failed\*{0,2} +1 error\n", text)
        assert "  lab:index:Thing (bad):\n    error: the size must be a multiple of 8\n" in text


@pytest.mark.parametrize(
    ("kind", "word"), [("destroy", "destroy"), ("resource-import", "import"), ("refresh", "refresh")]
)
def test_a_failure_is_called_by_the_command(kind, word):
    for display in (_plain, _table):
        text = display([Diagnostic("error", "update failed"), _summary("failed")], kind)
        assert f"error: {word} failed" in text and "update failed" not in text


def test_what_a_preview_of_a_destroy_finds():
    protected, leftover = Delete(_state("guarded", 1), None), DeleteReplaced(_state("left", 2), None)
    refusal = Diagnostic("error", "Preview failed: it is protected", protected.urn)
    events = [StepBegins(protected, planning=True), refusal, *_whole(leftover, planning=True)]
    text = _plain([*events, _summary("failed", is_preview=True)], "destroy", preview=True)
    assert " -  lab:index:Thing guarded **failed** 1 error\n -- lab:index:Thing left delete original\n" in text


def test_outputs_stand_with_their_changes():
    old = {"address": "a", "gone": 1, "kept": "x", "size": 8, "token": Secret("one"), "__id": 1}
    new = {"address": UNKNOWN, "id": UNKNOWN, "kept": "x", "size": 16, "token": Secret("two"), "__id": 2}
    changed = [
        "",
        "Outputs:",
        "  - gone : 1",
        "  + id   : [unknown]",
        "  ~ size : 8 => 16",
        "  ~ token: [secret] => [secret]",
    ]
    assert output_lines(old, new, all_=False) == changed
    shown = output_lines(old, new | {"address": "a"}, all_=True)
    assert shown == [
        line.replace(" : ", "   : ").replace("token:", "token  :")
        for line in [*changed[:2], '    address: "a"', *changed[2:4], '    kept : "x"', *changed[4:]]
    ]
    events = [*_whole(Update(_root(**old), _root(**new)), "same", planning=True), _summary(is_preview=True)]
    for display in (_plain, _table):
        assert "\n".join(changed) in display(events, preview=True)
        assert "Outputs:" not in display(events, preview=True, suppress_outputs=True)
        shown = display(events, show_secrets=True)
        assert '    kept   : "x"' in shown and '~ token  : "one" => "two"' in shown


def test_at_80_columns_every_reason_can_be_read():
    name = "a-training-cluster-with-a-long-name-in-the-region-europe-west-1"
    step = Replace(
        _state(name), _state(name), keys=["cluster_name", "num_gpus", "gpu_type", "driver_version", "region"]
    )
    table = _table([*_whole(step), _summary()])
    assert max(len(line) for line in table.splitlines()) <= 80
    rows = table[table.index("Info") : table.index("Resources:")]
    words = set(re.findall(r"[a-z_]+", rows))
    assert words >= {"cluster_name", "num_gpus", "gpu_type", "driver_version", "region"}
    assert re.search(r"a-train\S*…\S*west-1 ", rows)


def test_a_long_text_is_cut_in_the_middle():
    assert shorten("abcdefghij", 10) == "abcdefghij"
    assert shorten("abcdefghij", 7) == "abc…hij"
    assert shorten("abcdefghij", 6) == "abc…ij"


def test_a_refresh_that_finds_nothing_is_told_in_a_pipe_alone():
    state, root = _state("a", size=1), _root()
    events = [*_whole(Refresh(root, root), "same"), *_whole(Refresh(state, state), "same"), _summary(same=2)]
    assert "lab:index:Thing" not in _plain(events, "refresh", preview=True) + _table(events, "refresh")
    lines = _plain(events, "refresh").splitlines()
    assert [line for line in lines if "Thing" in line] == [" ~  lab:index:Thing a refreshing", "    lab:index:Thing a"]
    drifted = Refresh(state, state)
    begins = StepBegins(drifted, planning=False)
    drifted.new, drifted.diff = _state("a", size=2), Diff("some")
    drifted.old.outputs, drifted.new.outputs = {"size": 1}, {"size": 2}
    text = _plain([begins, StepEnds(drifted, "update", planning=False), _summary(update=1)], "refresh", show_diff=True)
    assert " ~  lab:index:Thing a updated (0.00s) [diff: ~size]\n      ~ size: 1 => 2\n" in re.sub(
        r"0\.\d\ds", "0.00s", text
    )


def test_totals_are_in_one_order():
    events = [_summary(is_preview=True, same=3, replace=1, delete=2, create=4, read=1)]
    totals = _plain(events, preview=True).partition("Resources:\n")[2].partition("\n\n")[0].splitlines()
    assert totals == ["    + 4 to create", "    - 2 to delete", "    +-1 to replace", "    7 changes. 3 unchanged"]


def test_the_history_says_when_what_and_how():
    update = {
        "kind": "destroy",
        "startTime": 1_000_000,
        "endTime": 1_000_075,
        "result": "failed",
        "message": "why",
        "resourceChanges": {"delete": 3, "same": 2},
    }
    assert update_lines(update, 1_000_000 + 3 * 3600, full_dates=False) == [
        "Version: 0",
        "UpdateKind: destroy",
        "Status: failed",
        "Message: why",
        "+0-3~0 2 Updated 3 hours ago took 1m15s",
    ]
    for seconds, text in ((0, "now"), (1, "1 second ago"), (86_400 * 2, "2 days ago"), (86_400 * 8, "1 week ago")):
        assert f"Updated {text} took" in update_lines(update, 1_000_000 + seconds, full_dates=False)[-1]
    assert "Updated 1970-01-1" in update_lines(update, 2_000_000, full_dates=True)[-1]


def test_what_the_terminal_cannot_encode_is_replaced(monkeypatch):
    written = io.BytesIO()
    monkeypatch.setattr("sys.stdout", io.TextIOWrapper(written, encoding="ascii"))
    replace_unencodable()
    out = StandardOutput()
    out.write("3 of 8 · ready\n")
    out.write(json_text({"name": "Zürich"}) + "\n")
    assert written.getvalue() == b'3 of 8 ? ready\n{"name":"Z\\u00fcrich"}\n'
