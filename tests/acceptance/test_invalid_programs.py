"""Wrong programs are refused at preview, at the property, in words; and no cloud hears of them."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
from gpufleet_provider.simulator import running

from .invalid_programs import INVALID_PROGRAMS, InvalidProgram
from .stacks import Stack

# The classes demand what is required, so a program that leaves it out says None: what an unset variable amounts to.
PROGRAM = """
    import json, os

    REQUIRED = {"together": ("region", "gpu_type", "num_gpus", "billing_type"),
                "shadeform": ("cloud", "region", "cluster_type", "num_instances")}
    CLASSES = {"together": together.Cluster, "shadeform": shadeform.Cluster}
    for name, kind, inputs in json.loads(os.environ["INVALID_PROGRAMS"]):
        CLASSES[kind](name, **{**dict.fromkeys(REQUIRED[kind]), **inputs})
"""


@pytest.fixture(scope="module")
def simulator() -> Iterator[Any]:
    """One simulator for all: it proves that it was never asked anything."""
    with running() as simulation:
        yield simulation
        assert simulation.requests() == {}


@pytest.fixture(scope="module")
def stack(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, simulator: Any) -> Iterator[Stack]:
    """One stack for all: a preview that is refused leaves nothing in it."""
    made = Stack(tmp_path_factory.mktemp("invalid") / "project", simulator, request.param).init()
    made.write(PROGRAM)
    yield made
    assert made.resources() == []


def _preview(stack: Stack, programs: list[InvalidProgram]) -> str:
    declared = json.dumps([[it.name, it.kind, it.inputs] for it in programs])
    run = stack.run("preview", "--stack", stack.name, env={"INVALID_PROGRAMS": declared})
    assert run.exit_code != 0
    assert "Traceback" not in run.output
    return run.output


def _told_by_resource(output: str) -> dict[str, list[str]]:
    """Return the diagnostics of a preview by the name of the resource that they stand under."""
    told: dict[str, list[str]] = {}
    under: list[str] = []
    for line in output.splitlines():
        if heading := re.fullmatch(r"  \S+ \((.+)\):", line):
            under = told.setdefault(heading[1], [])
        else:
            under.append(line)
    return told


def test_there_are_at_least_sixty() -> None:
    assert len({program.name for program in INVALID_PROGRAMS}) == len(INVALID_PROGRAMS) >= 60


@pytest.mark.slow
@pytest.mark.parametrize("stack", ["embedded"], indirect=True)
@pytest.mark.parametrize("program", INVALID_PROGRAMS, ids=lambda program: program.name)
def test_refused_at_preview(program: InvalidProgram, stack: Stack) -> None:
    output = _preview(stack, [program])
    assert any(program.path in line and program.reason in line for line in output.splitlines()), output
    assert stack.simulator.requests() == {}


@pytest.mark.parametrize("stack", ["embedded"], indirect=True)
def test_all_at_once_are_all_refused(stack: Stack) -> None:
    """One program with every mistake: each resource gets its own words, none hides behind another.

    Not asked of the Pulumi CLI, which checks no other resource once it has refused one.
    """
    told = _told_by_resource(_preview(stack, INVALID_PROGRAMS))
    for program in INVALID_PROGRAMS:
        lines = told.get(program.name, [])
        assert any(program.path in line and program.reason in line for line in lines), (program.name, lines)
    assert stack.simulator.requests() == {}
