"""The program that an import writes: names, values as Python, and what the cloud does not show."""

from __future__ import annotations

import ast
import keyword
from typing import Any

import httpx
import pytest
from gpufleet_provider.clouds import lifecycles_of
from gpufleet_provider.http.client import CloudClient
from gpufleet_provider.model.checking import check
from gpufleet_provider.model.fields import Properties
from gpufleet_provider.shadeform import CLOUD as SHADEFORM
from gpufleet_provider.together import CLOUD as TOGETHER
from hypothesis import given
from hypothesis import strategies as st
from pulumi_gpufleet.cli.accounts.running import Running
from pulumi_gpufleet.cli.importing.program import accepted_inputs, declarations, program_text

CLUSTER = lifecycles_of("together")["Cluster"]
REPLY: Properties = {
    "cluster_id": "c-1",
    "cluster_name": "train",
    "cluster_type": "KUBERNETES",
    "region": "us-central-8",
    "gpu_type": "H100_SXM",
    "status": "Ready",
    "billing_type": "ON_DEMAND",
    "num_gpus": 8,
    "cuda_version": "12.6",
    "nvidia_driver_version": "560",
}


def nobody(request: httpx.Request) -> httpx.Response:
    raise AssertionError(f"{request.method} {request.url} was sent")


def together(**fields: Any) -> Running:
    client = CloudClient(TOGETHER, "http://127.0.0.1/v1", "key", transport=httpx.MockTransport(nobody))
    return Running.of(CLUSTER, client, {**REPLY, **fields})


def arguments(program: str) -> list[Properties]:
    """Return the arguments of each resource of a program, fill_in() as it stands."""
    found: list[Properties] = []
    for statement in ast.parse(program).body:
        if isinstance(statement, ast.Assign) and isinstance(statement.value, ast.Call):
            call = statement.value
            values = {argument.arg: argument.value for argument in call.keywords}
            found.append(
                {"": ast.literal_eval(call.args[0])}
                | {
                    str(k): ast.unparse(v) if isinstance(v, ast.Call) else ast.literal_eval(v)
                    for k, v in values.items()
                }
            )
    return found


# --- Names ------------------------------------------------------------------------------------------------------------


def test_names_stay_apart() -> None:
    names = ["train", "train", "Train!", "together", "pulumi", "class", "print", "8 nodes", "", "a::b", "große Übung"]
    declared = declarations([together(cluster_name=name, cluster_id=f"c-{i}") for i, name in enumerate(names)])
    variables = [each.variable for each in declared]
    logical_names = [each.logical_name for each in declared]
    assert len({*variables}) == len({*logical_names}) == len(names)
    assert all(name.isidentifier() and not keyword.iskeyword(name) for name in variables)
    assert not {"together", "pulumi", "print"} & {*variables}
    assert logical_names[:2] == ["train", "train-2"]
    assert not any("::" in name or not name for name in logical_names)


# --- Values -----------------------------------------------------------------------------------------------------------

texts = st.text() | st.sampled_from(['"""', "'", '"', "\\", "a\nb\n" * 40, "\x1b[2J", "{x}"])
json_values = st.recursive(
    st.booleans() | st.integers() | texts,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=4),
    max_leaves=12,
)


@given(name=texts.filter(bool), script=texts, order=st.permutations(["a", "b"]))
def test_a_program_says_what_runs_whatever_it_is_called(name: str, script: str, order: list[str]) -> None:
    config = {"load_balancer": "NONE", "slurm_startup_scripts": {"worker_prolog": f"#!/bin/bash\n{script}"}}
    found = together(
        cluster_name=name,
        cluster_type="SLURM",
        slurm_shm_size_gib=64,
        cluster_config=config,
        add_ons=[{"name": each, "add_on_type": "dashboard", "config": {}} for each in order],
    )
    (said,) = arguments(program_text("together", declarations([found])))
    assert said["cluster_name"] == name
    assert said["cluster_config"] == config
    assert [each["name"] for each in said["add_ons"]] == order
    del said[""]
    assert check(CLUSTER, {}, said, lambda _value: False).failures == []


@given(value=json_values)
def test_any_value_reads_back_as_it_was(value: Any) -> None:
    from pulumi_gpufleet.cli.importing.program import _literal

    assert ast.literal_eval("\n".join(_literal(value, "", 0))) == value


# --- What is not shown ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("shown", "missing", "left_out"),
    [
        ({}, set[str](), set[str]()),
        ({"gpu_type": None}, {"gpu_type"}, set[str]()),
        ({"num_gpus": 12}, {"num_gpus"}, set[str]()),
        ({"cuda_version": None}, {"cuda_version"}, set[str]()),
        ({"cluster_type": "SLURM"}, {"slurm_shm_size_gib"}, set[str]()),
        ({"cluster_type": "SLURM", "install_traefik": True, "slurm_shm_size_gib": 1}, set[str](), {"install_traefik"}),
        ({"cluster_config": {"kubernetes_dashboard_enabled": True}}, set[str](), {"cluster_config"}),
    ],
)
def test_what_check_would_refuse_is_marked(shown: Properties, missing: set[str], left_out: set[str]) -> None:
    found = together(**shown)
    inputs, lacks, refused = accepted_inputs(CLUSTER, found.inputs)
    assert (set(lacks), set(refused)) == (missing, left_out)
    assert not {*inputs} & {*missing, *left_out}
    program = program_text("together", declarations([found]))
    (said,) = arguments(program)
    assert all(str(said[name]).startswith("fill_in(") for name in missing)
    assert ("import_" in program) == bool(missing)
    assert all(f"# {name} is left out" in program for name in left_out)


def test_a_shadeform_cluster_without_machines_lacks_what_they_would_show() -> None:
    client = CloudClient(SHADEFORM, "http://127.0.0.1/v1", "key", transport=httpx.MockTransport(nobody))
    raw = {"id": "s-1", "name": "batch", "cloud": "denvr", "region_info": {"region": "houston-usa-1"}, "instances": []}
    (declared,) = declarations([Running.of(lifecycles_of("shadeform")["Cluster"], client, raw)])
    assert set(declared.missing) == {"cluster_type", "num_instances"}
    assert declared.inputs == {"name": "batch", "cloud": "denvr", "region": "houston-usa-1"}
