"""`Fleet`: clusters on both clouds as children of one component."""

from __future__ import annotations

from typing import Any

import pulumi
import pytest
from pulumi_gpufleet import shadeform, together
from pulumi_gpufleet.components import Fleet

from tests.sdk.program import Request, run

ON_TOGETHER: together.ClusterArgsDict = {
    "region": "us-central-8",
    "gpu_type": "H100_SXM",
    "num_gpus": 8,
    "billing_type": "ON_DEMAND",
}
ON_SHADEFORM: shadeform.ClusterArgsDict = {
    "cloud": "denvr",
    "region": "houston-usa-1",
    "cluster_type": "H100_sxm5x8",
    "num_instances": 2,
}


def declared(opts: pulumi.ResourceOptions | None = None) -> dict[str, Request]:
    requests = run(
        lambda: (
            Fleet("fleet", opts, together={"a": ON_TOGETHER, "b": ON_TOGETHER}, shadeform={"c": ON_SHADEFORM}) and None
        )
    )
    return {request.name: request for request in requests}


def test_every_cluster_is_a_child_of_the_fleet() -> None:
    requests = declared()
    assert set(requests) == {"fleet-a", "fleet-b", "fleet-c"}
    assert all("::gpufleet:components:Fleet$pulumi-python:dynamic/" in request.urn for request in requests.values())
    assert requests["fleet-c"].inputs["num_instances"] == 2


def test_timeouts_of_the_fleet_hold_for_its_clusters() -> None:
    opts = pulumi.ResourceOptions(custom_timeouts=pulumi.CustomTimeouts(create="2h", delete="10m"))
    for request in declared(opts).values():
        assert (request.message.customTimeouts.create, request.message.customTimeouts.delete) == ("2h", "10m")
    for request in declared().values():
        assert request.message.customTimeouts.create == ""


def test_outputs_are_by_name_and_kubeconfigs_secret() -> None:
    seen: dict[str, Any] = {}

    def program() -> None:
        fleet = Fleet("fleet", together={"a": ON_TOGETHER}, shadeform={"c": ON_SHADEFORM})
        for name, output in (("ids", fleet.ids), ("kube_configs", fleet.kube_configs)):
            output.apply(lambda value, name=name: seen.update({name: value}))
            pulumi.Output.from_input(output.is_secret()).apply(
                lambda secret, name=name: seen.update({f"{name} secret": secret})
            )

    run(program, outputs={"kube_config": "apiVersion: v1"})
    assert seen == {
        "ids": {"a": "id-of-fleet-a", "c": "id-of-fleet-c"},
        "ids secret": False,
        "kube_configs": {"a": "apiVersion: v1"},
        "kube_configs secret": True,
    }


def test_an_empty_fleet_has_empty_outputs() -> None:
    seen: list[Any] = []

    def program() -> None:
        fleet = Fleet("fleet")
        fleet.ids.apply(seen.append)
        fleet.kube_configs.apply(seen.append)

    run(program)
    assert seen == [{}, {}]


def test_one_name_on_both_clouds_is_refused() -> None:
    with pytest.raises(pulumi.RunError, match="fleet 'fleet': a is on both clouds; use distinct names"):
        run(lambda: Fleet("fleet", together={"a": ON_TOGETHER}, shadeform={"a": ON_SHADEFORM}) and None)
