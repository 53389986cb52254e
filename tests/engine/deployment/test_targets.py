"""`--target`, `--exclude` and their companions, over random programs: whole deployments in this process."""

import asyncio
import itertools
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pulumi_embedded.deployment import run as deployment_run
from pulumi_embedded.deployment.target import Target
from pulumi_embedded.deployment.toolchain import Toolchain
from pulumi_embedded.providers.plugins import PluginHost
from pulumi_embedded.providers.provider_api import Checked, Created, Diff, Found
from pulumi_embedded.steps.events import Diagnostic, Events
from pulumi_embedded.steps.goals import Goal
from pulumi_embedded.steps.options import Options
from pulumi_embedded.steps.targets import Targets
from pulumi_embedded.storage import journal
from pulumi_embedded.storage.snapshot import Snapshot
from pulumi_embedded.values import UNKNOWN, Unknown

ROOT = "urn:pulumi:dev::p::pulumi:pulumi:Stack::p-dev"


def urn_of(name):
    return f"urn:pulumi:dev::p::lab:index:Thing::{name}"


class Cloud:
    """A provider whose resources are replaced when `zone` or `name` changes, with the delete first if it is `name`."""

    def __init__(self):
        self.ids = itertools.count(1)
        self.alive = {}
        self.operations = []

    async def check_config(self, urn, olds, news):
        return Checked(news)

    async def diff_config(self, urn, old_inputs, old_outputs, new_inputs):
        return Diff("none")

    async def configure(self, urn, id_, inputs):
        pass

    async def check(self, urn, olds, news, random_seed):
        return Checked(news)

    async def diff(self, urn, id_, old_inputs, old_outputs, new_inputs, ignore_changes):
        keys = {*old_inputs, *new_inputs}
        changed = sorted(
            k for k in keys if old_inputs.get(k) != new_inputs.get(k) or isinstance(new_inputs.get(k), Unknown)
        )
        replaces = [k for k in changed if k.startswith(("zone", "name"))]
        first = any(k.startswith("name") for k in replaces)
        return Diff("some" if changed else "none", replaces, changed, delete_before_replace=first)

    async def create(self, urn, inputs, timeout_seconds, preview):
        if preview:
            return Created("", {**inputs, "status": UNKNOWN})
        id_ = f"i{next(self.ids)}"
        self.alive[id_] = urn
        self.operations.append(("create", urn))
        return Created(id_, dict(inputs))

    async def update(self, urn, id_, old_inputs, old_outputs, new_inputs, timeout_seconds, ignore_changes, preview):
        if not preview:
            assert id_ in self.alive
            self.operations.append(("update", urn))
        return dict(new_inputs)

    async def delete(self, urn, id_, inputs, outputs, timeout_seconds):
        del self.alive[id_]
        self.operations.append(("delete", urn))

    async def read(self, urn, id_, inputs, state, timeout_seconds):
        self.operations.append(("read", urn))
        return Found(id_, state, inputs)

    async def cancel(self):
        pass

    async def close(self):
        pass


@dataclass(frozen=True)
class Thing:
    """One resource of a program; `needs` are the names of others, each with the property that refers to it."""

    name: str
    own: dict = field(default_factory=dict)
    needs: dict = field(default_factory=dict)
    deleted_with: str = ""


class MemoryFile:
    """A journal's file that keeps nothing."""

    def __init__(self, path, header):
        pass

    async def append(self, entry, *, reserve_bytes=0):
        pass

    def append_soon(self, entry):
        pass

    def release(self, reserved_bytes):
        pass

    def close(self, *, remove):
        pass


class InProcess(deployment_run.DeploymentRun):
    """A deployment whose program is a list of `Thing`s."""

    things: list = ()

    async def _update(self):
        registrations, ids = self._registrations, {}
        root, _ = await registrations.register(Goal(type="pulumi:pulumi:Stack", name="p-dev", custom=False))
        reference = await registrations.default_provider("lab", "", "", "")
        for thing in self.things:
            needs = {key: urn_of(name) for name, key in thing.needs.items()}
            goal = Goal(
                type="lab:index:Thing",
                name=thing.name,
                custom=True,
                parent=root.urn,
                provider=reference,
                properties={**thing.own, **{key: ids[name] for name, key in thing.needs.items()}},
                dependencies=sorted(needs.values()),
                property_dependencies={key: [urn] for key, urn in needs.items()},
                deleted_with=urn_of(thing.deleted_with) if thing.deleted_with else "",
            )
            state, _ = await registrations.register(goal)
            ids[thing.name] = state.id or UNKNOWN
        registrations.done.set()
        await self._after_program()


class Stack:
    """A stack of the cloud, its state and the last errors."""

    def __init__(self):
        self.cloud = Cloud()
        self.snapshot = Snapshot()
        self.errors = []
        self.deleted_with = set()
        """What went with another resource, and was therefore not deleted itself."""

    def run(self, things=(), kind="update", preview=False, **options):
        """Run a deployment; returns its result and the operations at the cloud."""
        self.cloud.operations = []
        self.errors = []
        self.deleted_with |= {urn_of(thing.name) for thing in things if thing.deleted_with}
        opened = journal.Journal(Path("unused"), self.snapshot, "", None) if not preview else None
        base = replace(self.snapshot, resources=[replace(s) for s in self.snapshot.resources]) if preview else None

        def listen(event):
            if isinstance(event, Diagnostic) and event.severity == "error":
                self.errors.append(event.message)

        run = InProcess(
            Target("dev", "p", "o", {}, Path(), Path(), Path(), Toolchain("python"), {}, lambda name: {}),
            base or self.snapshot,
            Options(preview=preview, **options),
            Events([listen]),
            opened,
        )
        run.things = things
        with pytest.MonkeyPatch.context() as patch:

            async def load(host, package, version):
                return self.cloud

            async def start(services):
                return ""

            patch.setattr(PluginHost, "_load", load)
            patch.setattr(deployment_run.Services, "start", start)
            outcome = asyncio.run(run.run(kind))
        if opened:
            self.snapshot = opened.snapshot()
            self.snapshot.verify()
            # Neither a resource that no state knows, nor one in the state that does not exist.
            known = [s.id for s in self.snapshot.resources if "Thing" in s.urn and not s.pending_replacement]
            unknown = {id_: urn for id_, urn in self.cloud.alive.items() if id_ not in known}
            assert len(known) == len(set(known)) == len(self.cloud.alive) - len(unknown)
            assert set(unknown.values()) <= self.deleted_with
        return outcome.result, list(self.cloud.operations)

    def live(self):
        """The URNs of the resources that exist and are not about to go."""
        return {s.urn for s in self.snapshot.resources if not s.delete and not s.pending_replacement}

    def with_dependents(self, urns, program):
        """These resources and what depends on them, near or far, in the state or in the program."""
        needs = [(s.urn, set(s.dependency_urns_but_provider)) for s in self.snapshot.resources]
        needs += [(urn_of(t.name), {urn_of(name) for name in (*t.needs, t.deleted_with)}) for t in program]
        found = set(urns)
        while more := {urn for urn, needed in needs if urn not in found and found & needed}:
            found |= more
        return found


@pytest.fixture(scope="module", autouse=True)
def no_files():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(journal, "JournalFile", MemoryFile)
        yield


def things(*needs, **own):
    """A program: `"b zone_of a"` is a resource `b` whose `zone` refers to `a`; all have the values `own`."""
    program = []
    for text in needs:
        name, *rest = text.split()
        program.append(Thing(name, own, {rest[1]: rest[0]} if rest else {}))
    return program


def operations(*texts):
    return [(operation, urn_of(name)) for operation, name in (text.split() for text in texts)]


def test_dependents_of_a_target_are_not_those_of_the_stack_and_the_provider():
    stack = Stack()
    stack.run(things("a", "b of_a a", "z", size=1, zone=1))
    changed = things("a", "b of_a a", size=2, zone=1) + things("z", zone=2)
    named = {"targets": Targets([urn_of("a")]), "target_dependents": True}
    assert stack.run(changed, **named) == ("succeeded", operations("update a", "update b"))
    result, read = stack.run(kind="refresh", **named)
    assert (result, sorted(read)) == ("succeeded", operations("read a", "read b"))


def test_a_dependent_that_is_deleted_for_a_target_comes_back_as_it_was():
    stack = Stack()
    stack.run(things("a", "b zone_of_a a", "c of_b b", name=1))
    changed = things("a", "b zone_of_a a", "c of_b b", name=2)
    result = stack.run(changed, targets=Targets([urn_of("a")]))
    assert result == ("succeeded", operations("delete b", "delete a", "create a", "create b"))
    inputs = {s.urn: s.inputs.get("name") for s in stack.snapshot.resources}
    assert (inputs[urn_of("a")], inputs[urn_of("b")], inputs[urn_of("c")]) == (2, 1, 1)


def test_what_an_excluded_resource_needs_is_not_deleted():
    stack = Stack()
    stack.run(things("a", "b of_a a", "c of_b b"))
    assert stack.run(kind="destroy", excludes=Targets([urn_of("b")])) == ("succeeded", operations("delete c"))
    stack.run(things("a", "b of_a a", "c of_b b"))
    kept = {"excludes": Targets([urn_of("a")]), "exclude_dependents": True}
    changed = things("a", "b of_a a", "c of_b b", "d", size=2)
    assert stack.run(changed, **kept) == ("succeeded", operations("create d"))


def test_what_needs_an_excluded_resource_that_is_not_there_is_refused():
    stack = Stack()
    result, done = stack.run(things("a", "b of_a a", "z"), excludes=Targets([urn_of("a")]))
    assert (result, done) == ("failed", [])
    assert stack.errors == [f"Resource '{urn_of('b')}' depends on '{urn_of('a')}' which was excluded."]


def test_a_dependent_that_the_program_dropped_is_deleted_only_on_request():
    stack = Stack()
    stack.run(things("a", "b of_a a"))
    named = Targets([urn_of("a")])
    assert stack.run(things("a"), targets=named) == ("failed", [])
    assert "pass --target-dependents to proceed" in stack.errors[0]
    assert stack.run(things("a"), targets=named, target_dependents=True)[1] == operations("delete b")


def test_what_was_deleted_or_replaced_before_is_not_deleted_again():
    stack = Stack()
    stack.run(things("a", "b name_of_a a", "c zone_of_b b", name=1))
    # Refused because of `c`, after `b` was deleted, and left with the replacement of `c` due.
    assert stack.run(things("a", "b name_of_a a", name=2), targets=Targets([urn_of("a")]))[0] == "failed"
    assert stack.run(things("a", "b name_of_a a", name=3))[0] == "succeeded"
    stack.run(kind="destroy")
    assert stack.cloud.alive == {}


NAMES = "abcdef"


@st.composite
def programs(draw):
    """A program, and the same after an edit: other values, other needs, some resources dropped and some new."""
    before, after = [], []
    for position, name in enumerate(NAMES[: draw(st.integers(2, len(NAMES)))]):
        for program in (before, after):
            if draw(st.integers(0, 9)) == 0:
                continue
            if program is after and before and before[-1].name == name and draw(st.booleans()):
                thing = before[-1]
                needed = {*thing.needs, thing.deleted_with} - {""}
                if needed <= {other.name for other in after}:
                    own = {key: draw(st.integers(0, 1)) for key in thing.own}
                    after.append(replace(thing, own=own))
                    continue
            earlier = [thing.name for thing in program][:position]
            some = draw(st.lists(st.sampled_from(earlier), unique=True, max_size=2)) if earlier else []
            kinds = ("of", "of", "zone_of", "name_of")
            needs = {other: f"{draw(st.sampled_from(kinds))}_{other}" for other in some}
            own = {key: draw(st.integers(0, 1)) for key in ("size", "zone", "name")}
            gone_with = draw(st.sampled_from(some)) if some and draw(st.integers(0, 4)) == 0 else ""
            program.append(Thing(name, own, needs, gone_with))
    return before, after


@settings(max_examples=80, deadline=None)
@given(
    programs(),
    st.sets(st.sampled_from(NAMES), min_size=1, max_size=3),
    st.sampled_from(["targets", "excludes"]),
    st.booleans(),
    st.sampled_from(["update", "update", "update", "refresh", "destroy"]),
)
def test_what_is_neither_named_nor_a_dependent_is_left_alone(programs, names, way, dependents, kind):
    before, after = programs
    stack = Stack()
    assert stack.run(before)[0] == "succeeded"
    first, existed = stack.snapshot, stack.live()
    given_urns = {urn_of(name) for name in names}
    named = given_urns if way == "targets" else {s.urn for s in first.resources} - given_urns
    of_names = stack.with_dependents(given_urns, after)
    allowed = stack.with_dependents(named, after)
    options = {way: Targets(sorted(given_urns)), f"{way.removesuffix('s')}_dependents": dependents}
    stack.run(after, kind, preview=True, **options)
    assert stack.cloud.operations == [] or kind == "refresh"
    result, operations = stack.run(after, kind, **options)
    touched = {urn for _, urn in operations}

    created = {urn_of(thing.name) for thing in after} - existed
    assert touched - created <= allowed
    for operation, urn in operations:
        if urn in existed and (urn in given_urns) != (way == "targets"):
            # Not named: it went and came back with what it depends on, or `dependents` includes it.
            assert operation in ("create", "delete") or (dependents and way == "targets" and urn in of_names)
    new = {urn for operation, urn in operations if operation == "create"} & created
    if way == "excludes":
        assert not new & given_urns
    elif not dependents:
        assert new <= given_urns

    declared = {urn_of(thing.name) for thing in after} & existed
    if kind == "update":
        assert declared <= stack.live() or result == "failed"
        if result == "failed":
            assert stack.errors
            assert declared <= {s.urn for s in stack.snapshot.resources}
    if kind == "refresh":
        assert stack.live() == existed
    if kind == "destroy" and way == "excludes":
        assert given_urns & existed <= stack.live()
    stack.run(after)
    assert stack.live() - {ROOT} == {urn_of(thing.name) for thing in after} | {
        s.urn for s in stack.snapshot.resources if s.type.startswith("pulumi:providers:")
    }
