"""The inputs of a Together cluster as replies show them, and what a refresh makes of them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from gpufleet_provider.model.checking import check
from gpufleet_provider.model.comparing import corrected, verdicts
from gpufleet_provider.model.fields import Properties
from gpufleet_provider.model.replies import parse_info
from gpufleet_provider.together.cluster.bodies import ClusterCreate, ClusterInfo
from gpufleet_provider.together.cluster.lifecycle import CLUSTER

FULL: Properties = json.loads((Path(__file__).parents[2] / "fixtures" / "together_cluster.json").read_text())
DECLARED: Properties = {
    "cluster_name": "research-1a2b3c4d",
    "region": "us-central-8",
    "gpu_type": "H100_SXM",
    "num_gpus": 16,
    "billing_type": "RESERVED",
    "duration_days": 3,
    "cuda_version": "12.6",
    "nvidia_driver_version": "560",
}


def refreshed(declared: Properties, **reply: Any) -> Properties:
    """What a refresh makes of declared inputs: only what it changes."""
    info = parse_info(ClusterInfo, {**FULL, **reply})
    inputs = {**DECLARED, **declared}
    now = corrected(ClusterCreate, inputs, CLUSTER.observed(info, inputs))
    return {name: now.get(name) for name in {**inputs, **now} if now.get(name) != inputs.get(name)}


def add_on(name: str, enabled: bool) -> Properties:
    return {"name": name, "add_on_type": name, "config": {name: {"enabled": enabled}}}


VOLUME = {"volume_name": "research-data", "size_tib": 4, "region": "us-central-8"}
SCRIPTS = FULL["cluster_config"]["slurm_startup_scripts"]

TABLE: list[tuple[str, Properties, Properties, Properties]] = [
    ("what was declared is what is shown", {}, {}, {}),
    ("an update from outside", {}, {"num_gpus": 24}, {"num_gpus": 24}),
    ("another region", {}, {"region": "eu-1"}, {"region": "eu-1"}),
    ("nothing shown at all", {}, {name: None for name in FULL if name != "cluster_id"}, {}),
    ("empty values stand for nothing", {"capacity_pool_id": "pool"}, {"capacity_pool_id": ""}, {}),
    (
        "zero is a value where a number was declared",
        {"num_reserved_gpus": 8},
        {"num_reserved_gpus": 0},
        {"num_reserved_gpus": 0},
    ),
    ("what the server filled in is no drift", {}, {"num_reserved_gpus": 16, "project_id": "other"}, {}),
    ("a longer driver version", {"nvidia_driver_version": "560.35"}, {}, {}),
    ("a suffix of the operating system", {}, {"cuda_version": "12.6-ubuntu-22.04"}, {}),
    ("a shorter version", {"cuda_version": "12.6-ubuntu-22.04"}, {"cuda_version": "12.6"}, {}),
    ("another driver", {}, {"nvidia_driver_version": "570.10"}, {"nvidia_driver_version": "570.10"}),
    ("an instant in another offset", {"reservation_end_time": "2026-12-01T09:00:00+01:00"}, {}, {}),
    (
        "a term that was extended",
        {"reservation_end_time": "2026-12-01T08:00:00Z"},
        {"reservation_end_time": "2027-01-01T00:00:00Z", "duration_hours": 1464},
        {"reservation_end_time": "2027-01-01T00:00:00Z"},
    ),
    ("preemptible GPUs by what is wanted", {"num_preemptible_gpus": 16}, {"allocated_preemptible_gpus": 0}, {}),
    ("auto-scaled", {"auto_scale": True, "auto_scale_max_gpus": 64}, {"num_gpus": 48}, {}),
    ("beyond auto-scaling", {"auto_scale": True, "auto_scale_max_gpus": 64}, {"num_gpus": 8}, {"num_gpus": 8}),
    # Volumes.
    ("the inline volume", {"shared_volume": VOLUME}, {}, {}),
    (
        "an inline volume that has grown",
        {"shared_volume": {**VOLUME, "is_lifecycle_independent": True}},
        {"volumes": [{"volume_id": "v-1", "volume_name": "research-data", "size_tib": 8, "status": "bound"}]},
        {"shared_volume": {**VOLUME, "is_lifecycle_independent": True, "size_tib": 8}},
    ),
    ("an inline volume that is not shown", {"shared_volume": VOLUME}, {"volumes": []}, {}),
    (
        "two volumes of one name",
        {"shared_volume": VOLUME},
        {"volumes": [{**v, "size_tib": 9} for v in FULL["volumes"] * 2]},
        {},
    ),
    ("the attached volume", {"volume_id": "v-1"}, {}, {}),
    ("another attached volume", {"volume_id": "v-9"}, {}, {"volume_id": "v-1"}),
    ("no attached volume shown", {"volume_id": "v-9"}, {"volumes": []}, {}),
    # Configuration.
    ("defaults that were filled in", {"cluster_config": {"load_balancer": "NGINX"}}, {}, {}),
    (
        "a switch that was turned",
        {"cluster_config": {"load_balancer": "NGINX", "ingress": {"enabled": False}}},
        {},
        {"cluster_config": {"load_balancer": "NGINX", "ingress": {"enabled": True}}},
    ),
    (
        "scripts but for the white space around them",
        {"cluster_config": {"load_balancer": "NGINX", "slurm_startup_scripts": {"worker_prolog": "\n#!/bin/bash"}}},
        {},
        {},
    ),
    (
        "scripts that are not shown",
        {"cluster_config": {"load_balancer": "NGINX", "slurm_startup_scripts": {"worker_prolog": "#!/bin/sh"}}},
        {"cluster_config": {"load_balancer": "NGINX", "slurm_startup_scripts": {"worker_prolog": ""}}},
        {},
    ),
    # Add-ons.
    ("an add-on that is on", {"add_ons": [add_on("dashboard", True)]}, {}, {}),
    ("one that is off is not listed", {"add_ons": [add_on("dashboard", False)]}, {"add_ons": []}, {}),
    (
        "one that was turned off",
        {"add_ons": [add_on("dashboard", True), add_on("ingress", False)]},
        {"add_ons": []},
        {"add_ons": [add_on("dashboard", False), add_on("ingress", False)]},
    ),
    ("one that was turned on", {"add_ons": [add_on("ingress", False)]}, {}, {"add_ons": [add_on("ingress", True)]}),
    ("one without a configuration", {"add_ons": [{"name": "x", "add_on_type": "dashboard"}]}, {"add_ons": []}, {}),
    ("no list of add-ons", {"add_ons": [add_on("dashboard", True)]}, {"add_ons": None}, {}),
    # What no reply shows.
    ("the driver's id", {"nvidia_version_id": "drv-9"}, {}, {}),
    ("the Slurm image", {"slurm_image": "x", "acceptance_tests_params": {"enabled": True}}, {}, {}),
]


@pytest.mark.parametrize(("declared", "reply", "drift"), [case[1:] for case in TABLE], ids=[case[0] for case in TABLE])
def test_a_refresh_corrects(declared: Properties, reply: Properties, drift: Properties) -> None:
    assert refreshed(declared, **reply) == drift


@pytest.mark.parametrize(
    "reply",
    [
        {"billing_type": "ON_DEMAND", "num_reserved_gpus": 0, "num_capacity_pool_gpus": 0, "slurm_shm_size_gib": 0},
        {"reservation_end_time": None, "duration_hours": 72, "slurm_shm_size_gib": None},
        {"slurm_shm_size_gib": None},
    ],
    ids=["on demand", "reserved by days", "reserved by end"],
)
def test_what_runs_can_be_written_into_a_program(reply: Properties) -> None:
    """Without a program every input that a reply shows is returned, and together they pass the check."""
    raw = {**FULL, **reply, "add_ons": [entry for entry in FULL["add_ons"] if entry["name"] != "torchpass"]}
    raw["cluster_config"] = {k: v for k, v in FULL["cluster_config"].items() if k != "slurm_startup_scripts"}
    info = parse_info(ClusterInfo, raw)
    shown = CLUSTER.observed(info)
    assert [f"{it.path} {it.reason}" for it in check(CLUSTER, {}, shown, lambda value: False).failures] == []
    assert shown["volume_id"] == "v-1"
    assert ("duration_days" in shown) == (reply.get("duration_hours") == 72)
    # The program that is written from it then has nothing to change.
    assert verdicts(CLUSTER, corrected(ClusterCreate, shown, CLUSTER.observed(info, shown)), shown) == []


def test_an_empty_reply_shows_nothing() -> None:
    assert CLUSTER.observed(parse_info(ClusterInfo, {})) == {}
