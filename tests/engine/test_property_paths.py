"""The path language, and one table of what a path means to each of the four resource options that take them."""

from dataclasses import dataclass, field
from typing import Any

import pytest
from pulumi_embedded.display.property_changes import changes, step_changes
from pulumi_embedded.property_paths import MalformedPath, contains, joined, keep_old, parse
from pulumi_embedded.providers.provider_api import Diff, PropertyDiff, ProviderError
from pulumi_embedded.steps.diffs import with_replace_on_changes
from pulumi_embedded.steps.steps import Update, mark_secret_outputs
from pulumi_embedded.storage.snapshot import ResourceState
from pulumi_embedded.values import UNKNOWN, Secret


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("a", ("a",)),
        ("a.b[0].c", ("a", "b", 0, "c")),
        ('a["b.c"].d', ("a", "b.c", "d")),
        ('["with \\"quotes\\""]', ('with "quotes"',)),
        ("a[*].b", ("a", "*", "b")),
        ('a["*"].b', ("a", "*", "b")),
        ("*", ("*",)),
        ("a-b.$c", ("a-b", "$c")),
        ("a..b", ("a", "b")),
        ("a.[0]", ("a", 0)),
        ("a[-1]", ("a", -1)),
        ('a["\\\\n"]', ("a", "\\\\n")),
        ("a]", ("a]",)),
    ],
)
def test_paths(text, path):
    assert parse(text) == path


@pytest.mark.parametrize("text", ["a[", "[x]", 'a["b', 'a["b"', ".a", "a.", "a[]", "a[1.5]"])
def test_what_is_not_a_path(text):
    with pytest.raises(MalformedPath):
        parse(text)


@pytest.mark.parametrize("path", [("a",), ("a", 0, "b"), ("a b", "c.d"), ('q"', 1)])
def test_a_path_that_is_put_together_can_be_parsed(path):
    text = ""
    for part in path:
        text = joined(text, part)
    assert parse(text) == path


def test_what_a_path_contains():
    assert contains(parse("a.*"), parse("a.b.c"))
    assert contains(parse("a[*]"), parse("a[3].b"))
    assert contains(parse("a"), parse("a"))
    assert not contains(parse("a.b"), parse("a"))
    assert not contains(parse("a.b"), parse("a.c"))
    assert not contains(parse("a[1]"), parse("a.1"))


@dataclass(frozen=True)
class Case:
    """What one path means where `old` becomes `new`."""

    path: str
    old: dict[str, Any]
    new: dict[str, Any]
    kept: dict[str, Any]
    """The inputs under `ignore_changes`."""
    inside: set[str] = field(default_factory=set)
    """The changes that `replace_on_changes` makes replacements and `hide_diffs` hides."""
    followed: bool = True
    """Whether `ignore_changes` reaches the end of the path."""
    secret: set[str] = field(default_factory=set)
    """The outputs that `additional_secret_outputs` makes secret: it takes names, and no paths."""


def images(*names):
    return {"l": [{"image": name, "n": 1} for name in names]}


CASES = [
    Case("a", {"a": 1}, {"a": 2, "b": 3}, {"a": 1, "b": 3}, {"a"}, secret={"a"}),
    Case("a", {}, {"a": 2}, {}, {"a"}, secret={"a"}),
    Case("a", {"a": 1}, {}, {"a": 1}, {"a"}),
    Case("b", {"a": 1}, {"a": 2}, {"a": 2}),
    Case("*", {"a": 1, "b": 1}, {"a": 2, "c": 2}, {"a": 1, "b": 1}, {"a", "b", "c"}),
    Case(
        "a.b",
        {"a": {"b": 1, "c": 1}},
        {"a": {"b": 2, "c": 2}},
        {"a": {"b": 1, "c": 2}},
        {"a.b"},
    ),
    Case('a["b.c"]', {"a": {"b.c": 1, "b": 1}}, {"a": {"b.c": 2, "b": 2}}, {"a": {"b.c": 1, "b": 2}}, {'a["b.c"]'}),
    Case("a.b", {"a": {"c": 1}}, {"a": {"b": 2, "c": 1}}, {"a": {"c": 1}}, {"a.b"}),
    Case("a.b", {}, {"a": {"b": 1}}, {"a": {}}),
    Case("a.b", {"a": {"b": 1}}, {}, {}, followed=False),
    Case("a.b", {"a": {"b": 1}}, {"a": 5}, {"a": 5}, followed=False),
    Case("a.b", {"a": {"b": 1}}, {"a": UNKNOWN}, {"a": UNKNOWN}, followed=False),
    Case("a.b", {"a": 4}, {"a": 5}, {"a": 5}),
    Case("a.b.c", {"a": 4}, {"a": {"b": {"c": 1}}}, {"a": {"b": {"c": 1}}}, followed=False),
    Case("a.*", {"a": {"x": 1}}, {"a": {"y": 2}}, {"a": {"x": 1}}, {"a.x", "a.y"}),
    Case("a.*.b", {"a": {"x": {"b": 1}, "y": {"b": 1}}}, {"a": {"x": {"b": 2}}}, {"a": {"x": {"b": 1}}},
         {"a.x.b"}, followed=False),
    Case("a.*.b", {"a": {"x": {"b": 1}}}, {"a": {"x": {"b": 2}, "y": 3}}, {"a": {"x": {"b": 1}, "y": 3}}, {"a.x.b"}),
    Case("a[1]", {"a": [1, 2]}, {"a": [3, 4]}, {"a": [3, 2]}, {"a[1]"}),
    Case("a[1]", {"a": [1, 2]}, {"a": [3]}, {"a": [3]}, {"a[1]"}, followed=False),
    Case("a[5]", {"a": [1, 2]}, {"a": [3]}, {"a": [3]}),
    Case("a[-1]", {"a": [1]}, {"a": [2]}, {"a": [2]}, followed=False),
    Case("a[0]", {}, {"a": {"b": 1}}, {"a": {"b": 1}}),
    Case("a[*]", {"a": [1, 2]}, {"a": [3]}, {"a": [1]}, {"a[0]", "a[1]"}, followed=False),
    Case("a[*]", {"a": [1]}, {"a": [3, 4]}, {"a": [1, 4]}, {"a[0]", "a[1]"}, followed=False),
    Case("a[*]", {}, {"a": [3, 4]}, {"a": [3, 4]}),
    Case("l[*].image", images("x", "y"), images("p", "q"), images("x", "y"), {"l[0].image", "l[1].image"}),
    Case("l[*].image", images("x", "y"), images("p", "q", "r"), images("x", "y", "r"),
         {"l[0].image", "l[1].image"}, followed=False),
    Case("l[*].image", images("x", "y"), images("p"), images("x"), {"l[0].image"}, followed=False),
    Case("a.b", {"a": Secret({"b": 1})}, {"a": Secret({"b": 2})}, {"a": Secret({"b": 1})}),
    Case("a.b", {"a": Secret({"b": 1})}, {"a": {"b": 2}}, {"a": {"b": Secret(1)}}),
    Case("a.b", {"a": {"b": Secret(1)}}, {"a": Secret({"b": 2})}, {"a": Secret({"b": Secret(1)})}),
    Case("a.b", {"a": {"b": 1}, "a.b": 1}, {"a": {"b": 1}, "a.b": 2}, {"a": {"b": 1}, "a.b": 2}, secret={"a.b"}),
    Case("a[", {"a[": 1}, {"a[": 2}, {"a[": 2}, followed=False, secret={"a["}),
    Case("", {"a": 1}, {"a": 2}, {"a": 2}, {"a"}, followed=False),
    Case("id", {"id": 1}, {"id": 2}, {"id": 1}, {"id"}),
]  # fmt: skip


def state(inputs=None, **fields):
    return ResourceState(urn="urn:pulumi:dev::p::t:t:T::x", type="t:t:T", custom=True, inputs=inputs or {}, **fields)


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.path} of {case.old}")
def test_what_a_path_means_to_each_option(case):
    kept, invalid = keep_old([case.path], case.old, case.new)
    assert (kept, invalid) == (case.kept, [] if case.followed else [case.path])

    changed = {change.path for change in changes(case.old, case.new)}
    diff = Diff("some", changed_keys=sorted(changed), detailed={path: PropertyDiff("update") for path in changed})
    if case.path == "a[":
        with pytest.raises(ProviderError, match="is not a property path"):
            with_replace_on_changes(diff, [case.path], has_init_errors=False)
    else:
        replaced = with_replace_on_changes(diff, [case.path], has_init_errors=False)
        assert set(replaced.replace_keys) == case.inside
        assert {path for path, item in replaced.detailed.items() if item.kind == "update-replace"} == case.inside

    step = Update(state(case.old), state(case.new, hide_diff=[case.path]))
    shown = {change.path for change in step_changes(step) if change.kind != "hide"}
    assert shown == changed - case.inside
    assert [c.text() for c in step_changes(step) if c.kind == "hide"] == (
        [f"~ {case.path} (hidden)"] if case.inside else []
    )

    outputs = state(outputs=dict(case.new), additional_secret_outputs=[case.path])
    mark_secret_outputs(outputs)
    marked = {key for key, value in outputs.outputs.items() if isinstance(value, Secret)}
    assert marked - {key for key, value in case.new.items() if isinstance(value, Secret)} == case.secret


def test_an_initialization_error_is_a_change_that_can_replace():
    same = Diff("none", detailed={})
    assert with_replace_on_changes(same, ["size"], has_init_errors=True) == same
    replaced = with_replace_on_changes(same, ["*"], has_init_errors=True)
    assert replaced.replace_keys == ["#initerror"] and replaced.changes == "some"
    assert replaced.detailed == {"#initerror": PropertyDiff("update-replace")}
    assert with_replace_on_changes(same, ["*"], has_init_errors=False) == same


def test_values_are_kept_without_a_change_to_what_the_program_gave():
    new = {"a": {"b": [1, 2]}}
    kept, _ = keep_old(["a.b[0]"], {"a": {"b": [5, 6]}}, new)
    assert kept == {"a": {"b": [5, 2]}} and new == {"a": {"b": [1, 2]}}
