"""Every input and every output of a resource is an attribute: typed, known in previews, there after `get`."""

from __future__ import annotations

import subprocess
import sys
import typing
from collections.abc import Callable, Sequence
from typing import Any

import gpufleet_provider
import pulumi
import pytest
from gpufleet_provider.clouds import lifecycles_of
from pulumi_gpufleet import shadeform, together

from tests.sdk.program import run

ON_SHADEFORM: shadeform.ClusterArgsDict = {
    "cloud": "denvr",
    "region": "houston-usa-1",
    "cluster_type": "H100_sxm5x8",
    "num_instances": 2,
}
ON_TOGETHER: together.ClusterArgsDict = {
    "region": "us-central-8",
    "gpu_type": "H100_SXM",
    "num_gpus": 8,
    "billing_type": "ON_DEMAND",
    "shared_volume": {"volume_name": "data", "size_tib": 1, "region": "us-central-8"},
    "acceptance_tests_params": together.AcceptanceTestsParamsArgs(enabled=True, gpu_burn_duration=60),
}


def known(program: Callable[[], Sequence[pulumi.Output[Any]]], **arguments: Any) -> list[Any]:
    """What the outputs of a program hold, in their order; those that are not known are `...`."""
    held: dict[int, Any] = {}

    def keep() -> None:
        outputs = program()
        held.update(dict.fromkeys(range(len(outputs)), ...))
        for position, output in enumerate(outputs):
            output.apply(lambda value, position=position: held.update({position: value}))

    run(keep, **arguments)
    return [held[position] for position in sorted(held)]


@pytest.mark.parametrize("cloud", gpufleet_provider.CLOUDS)
def test_every_field_is_a_documented_output(cloud: str) -> None:
    package: Any = {"together": together, "shadeform": shadeform}[cloud]
    for name, lifecycle in lifecycles_of(cloud).items():
        resource = getattr(package, name)
        for field in {*lifecycle.create_body.model_fields, *lifecycle.info_body.model_fields} - {"id"}:
            attribute = vars(resource)[field].fget
            assert typing.get_origin(typing.get_type_hints(attribute)["return"]) is pulumi.Output
            assert attribute.__doc__


@pytest.mark.parametrize("preview", [False, True])
def test_what_the_program_gave_is_known(preview: bool) -> None:
    def program() -> list[pulumi.Output[Any]]:
        batch = shadeform.Cluster("batch", **ON_SHADEFORM)
        return [batch.region, batch.num_instances, batch.cluster_type, batch.cloud]

    assert known(program, preview=preview) == ["houston-usa-1", 2, "H100_sxm5x8", "denvr"]


def test_a_preview_that_changes_nothing_knows_inputs_that_are_in_no_state(monkeypatch: pytest.MonkeyPatch) -> None:
    # To a preview the engine answers with the outputs in the state, and a region is not among them.
    monkeypatch.setattr("tests.sdk.program.Monitor._record", lambda *_: {"cloud": "denvr", "hourly_price": 100})

    def program() -> list[pulumi.Output[Any]]:
        batch = shadeform.Cluster("batch", **ON_SHADEFORM)
        return [batch.region, batch.num_instances, batch.hourly_price, batch.os]

    assert known(program, preview=True) == ["houston-usa-1", 2, 100, None]


@pytest.mark.parametrize("preview", [False, True])
def test_an_input_that_was_not_given_is_none(preview: bool) -> None:
    def program() -> list[pulumi.Output[Any]]:
        batch = shadeform.Cluster("batch", **ON_SHADEFORM)
        return [batch.os, batch.ssh_key_id]

    assert known(program, preview=preview) == [None, None]


def test_inputs_that_were_not_given_are_no_attributes_until_they_are_asked_for() -> None:
    # Pulumi makes an output and its futures for every name: most inputs are never given and never read.
    seen: list[set[str]] = []
    run(lambda: seen.append(set(vars(shadeform.Cluster("batch", **ON_SHADEFORM)))))
    assert seen[0] >= {"region", "hourly_price"}
    assert not seen[0] & {"os", "ssh_key_id"}


@pytest.mark.parametrize("preview", [False, True])
@pytest.mark.parametrize("wrapped", [False, True], ids=["prompt", "output"])
def test_nested_inputs_have_the_types_of_outputs(preview: bool, wrapped: bool) -> None:
    def program() -> list[pulumi.Output[Any]]:
        given = {name: pulumi.Output.from_input(value) if wrapped else value for name, value in ON_TOGETHER.items()}
        train = together.Cluster("train", **given)
        return [train.shared_volume, train.acceptance_tests_params]

    volume, tests = known(program, preview=preview)
    assert isinstance(volume, together.outputs.SharedVolume)
    assert (volume.size_tib, volume["volume_name"], volume.project_id) == (1, "data", None)
    assert isinstance(tests, together.outputs.AcceptanceTestsParams)
    assert dict(tests) == {"enabled": True, "gpu_burn_duration": 60}


def test_an_unknown_input_is_unknown_in_a_preview() -> None:
    def program() -> list[pulumi.Output[Any]]:
        first = shadeform.Cluster("first", **ON_SHADEFORM)
        second = shadeform.Cluster("second", **{**ON_SHADEFORM, "region": first.cloud_cluster_id})
        return [second.region, second.num_instances]

    assert known(program, preview=True) == [..., 2]


@pytest.mark.parametrize("preview", [False, True])
def test_a_secret_input_stays_secret_and_depends_on_the_resource(
    preview: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tests.sdk.program.Monitor._record", lambda *_: {})
    seen: list[Any] = []

    def program() -> None:
        batch = shadeform.Cluster("batch", **{**ON_SHADEFORM, "os": pulumi.Output.secret("mine")})
        pulumi.Output.from_input(batch.os.is_secret()).apply(seen.append)
        pulumi.Output.from_input(batch.os.resources()).apply(lambda found: seen.append(found == {batch}))

    run(program, preview=preview)
    assert seen == [True, True]


@pytest.mark.parametrize("preview", [False, True])
def test_after_get_inputs_are_what_the_cloud_shows_of_them(preview: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    machine = {"id": "i-1", "shade_instance_type": "H100_sxm5x8", "configuration": {"os": "ubuntu"}}
    outputs = {
        "id": "c-9",
        "cloud": "denvr",
        "region_info": {"region": "houston-usa-1", "display_name": "Houston"},
        "status": "active",
        "instances": [machine, {**machine, "id": "i-2"}],
    }

    monkeypatch.setattr("tests.sdk.program.Monitor._record", lambda *_: outputs)

    def program() -> list[pulumi.Output[Any]]:
        theirs = shadeform.Cluster.get("theirs", "c-9")
        return [theirs.region, theirs.num_instances, theirs.os, theirs.cloud]

    assert known(program, preview=preview) == ["houston-usa-1", 2, "ubuntu", "denvr"]


def test_after_get_by_an_id_that_is_not_known_yet_inputs_are_unknown() -> None:
    def program() -> list[pulumi.Output[Any]]:
        batch = shadeform.Cluster("batch", **ON_SHADEFORM)
        theirs = shadeform.Cluster.get("theirs", batch.id)
        return [theirs.region, theirs.cloud, batch.region]

    assert known(program, preview=True) == [..., ..., "houston-usa-1"]


def test_after_get_nothing_is_secret_for_a_kubeconfig_that_is_not_read() -> None:
    seen: list[Any] = []

    def program() -> None:
        theirs = together.Cluster.get("theirs", "c-9")
        pulumi.Output.from_input(theirs.duration_days.is_secret()).apply(seen.append)

    run(program, outputs={"kube_config": "apiVersion: v1", "status": "Ready"})
    assert seen == [False]


UNIT_TEST_OF_A_USER = """
import pulumi
from pulumi_gpufleet import shadeform

class Mocks(pulumi.runtime.Mocks):
    def call(self, args):
        return {}

    def new_resource(self, args):
        return f"{args.name}-id", {**args.inputs, "status": "active"}

@pulumi.runtime.test
def program():
    args = shadeform.ClusterArgs(cloud="denvr", region="houston-usa-1", cluster_type="H100_sxm5x8", num_instances=2)
    batch = shadeform.Cluster("batch", args)
    return pulumi.Output.all(batch.id, batch.status, batch.region, batch.os).apply(print)

pulumi.runtime.set_mocks(Mocks())
program()
"""


def test_attributes_are_there_under_pulumis_own_mocks() -> None:
    # In a process of its own: Pulumi's mocks leave event loops open in the threads that they run in.
    ran = subprocess.run([sys.executable, "-c", UNIT_TEST_OF_A_USER], capture_output=True, text=True, check=False)
    assert (ran.stdout, ran.returncode) == ("['batch-id', 'active', 'houston-usa-1', None]\n", 0), ran.stderr
