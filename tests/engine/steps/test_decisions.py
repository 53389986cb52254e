"""The small pure parts of deciding: paths, aliases, diffs, targets, dependencies and timeouts."""

import pytest
from pulumi_embedded import urn
from pulumi_embedded.deployment.requests import Unsupported, duration_seconds, satisfies
from pulumi_embedded.display.property_changes import changes, shown
from pulumi_embedded.providers.provider_api import Diff, PropertyDiff
from pulumi_embedded.steps.aliases import AliasResolver
from pulumi_embedded.steps.dependencies import DependencyGraph
from pulumi_embedded.steps.diffs import inverted
from pulumi_embedded.steps.goals import Alias
from pulumi_embedded.steps.targets import Targets
from pulumi_embedded.storage.snapshot import ResourceState
from pulumi_embedded.values import UNKNOWN, Secret

ROOT = "urn:pulumi:dev::p::pulumi:pulumi:Stack::p-dev"


def test_urns():
    child = urn.make("dev", "p", urn.make("dev", "p", ROOT, "a:b:C", "box"), "d:e:F", "name::with")
    assert child == "urn:pulumi:dev::p::a:b:C$d:e:F::name::with"
    assert (urn.type_of(child), urn.name_of(child)) == ("d:e:F", "name::with")
    assert urn.qualified_type(child) == "a:b:C$d:e:F"
    assert urn.default_provider_name("4.21.4-alpha.1+x") == "default_4_21_4_alpha_1_x"
    assert urn.default_provider_name("") == "default"
    assert urn.is_default_provider(f"urn:pulumi:dev::p::pulumi:providers:x::{urn.default_provider_name('1.0.0')}")
    assert not urn.is_default_provider("urn:pulumi:dev::p::pulumi:providers:x::mine")


def test_aliases_multiply_with_those_of_the_parent():
    parent = "urn:pulumi:dev::p::a:b:New::crate"
    resolver = AliasResolver("dev", "p", {parent: "urn:pulumi:dev::p::a:b:Old::box"})
    assert resolver.candidates("crate-in", "d:e:F", parent, [Alias(name="inside")]) == [
        "urn:pulumi:dev::p::a:b:New$d:e:F::inside",
        "urn:pulumi:dev::p::a:b:Old$d:e:F::box-in",
        "urn:pulumi:dev::p::a:b:Old$d:e:F::inside",
    ]


def test_alias_specs_take_over_what_they_do_not_say():
    resolver = AliasResolver("dev", "p", {})
    parent = "urn:pulumi:dev::p::a:b:C::box"
    aliases = [
        Alias(urn="urn:whole"),
        Alias(type="x:y:Z"),
        Alias(no_parent=True),
        Alias(parent=ROOT, name="n"),
        Alias(stack="prod", project="q"),
    ]
    assert resolver.candidates("in", "d:e:F", parent, aliases) == [
        "urn:whole",
        "urn:pulumi:dev::p::a:b:C$x:y:Z::in",
        "urn:pulumi:dev::p::d:e:F::in",
        "urn:pulumi:dev::p::d:e:F::n",
        "urn:pulumi:prod::q::a:b:C$d:e:F::in",
    ]


def test_a_diff_seen_from_the_other_side():
    diff = Diff("some", detailed={"a": PropertyDiff("add"), "b": PropertyDiff("delete-replace")})
    assert inverted(diff).detailed == {"a": PropertyDiff("delete"), "b": PropertyDiff("add-replace")}


def test_targets():
    targets = Targets(["urn:a::b", "urn:*::c", "urn:x**"])
    assert all(urn in targets for urn in ("urn:a::b", "urn:anything::c", "urn:x::y::z"))
    assert not any(urn in targets for urn in ("urn:a::bb", "urn:a::b::c", "urn:y"))


def test_dependents():
    a, b, c, d = (ResourceState(urn=f"urn:{name}", type="t") for name in "abcd")
    b.dependencies = ["urn:a"]
    c.property_dependencies = {"x": ["urn:b"]}
    d.parent = "urn:a"
    graph = DependencyGraph([a, b, c, d])
    assert graph.depending_on(a, ()) == [b, c]
    assert graph.depending_on(a, ("urn:b",)) == []
    assert graph.depending_on(a, (), children=True) == [b, c, d]


@pytest.mark.parametrize(("text", "seconds"), [("1h30m", 5400), ("90s", 90), ("1.5h", 5400), ("250ms", 0.25)])
def test_durations(text, seconds):
    assert duration_seconds(text) == seconds


@pytest.mark.parametrize("text", ["", "soon", "5", "5m soon"])
def test_what_is_not_a_duration(text):
    with pytest.raises(Unsupported):
        duration_seconds(text)


@pytest.mark.parametrize(
    ("version_range", "inside"),
    [
        (">=3.0.0", True),
        (">=3.0.0 <3.200.0", False),
        ("<3.0.0 || >3.200.0", True),
        ("!3.259.0", False),
        ("3.259.0", True),
    ],
)
def test_version_ranges(version_range, inside):
    assert satisfies(version_range, "3.259.0") is inside


def test_a_version_range_that_cannot_be_read():
    with pytest.raises(Unsupported):
        satisfies("^3.0", "3.259.0")


def test_changes_by_path():
    old = {"size": 1, "gone": True, "box": {"a": [1, 2]}, "key": Secret("x")}
    new = {"size": 2, "come": None, "box": {"a": [1, 3, 4]}, "key": Secret("y"), "late": UNKNOWN}
    assert [change.text() for change in changes(old, new)] == [
        "~ box.a[1]: 2 => 3",
        "+ box.a[2]: 4",
        "+ come: null",
        "- gone: true",
        "~ key: [secret] => [secret]",
        "+ late: [unknown]",
        "~ size: 1 => 2",
    ]
    assert "hush" not in shown({"a": [Secret({"b": "hush"})]})
