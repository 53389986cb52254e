"""A cluster's life on the simulated Together: it comes up in the vendor's order, scales, and goes."""

from __future__ import annotations

import base64
from itertools import pairwise

import pytest
import yaml

PHASES = [
    "CLUSTER_PHASE_QUEUED",
    "CLUSTER_PHASE_SCHEDULED",
    "CLUSTER_PHASE_WAITING_FOR_CONTROL_PLANE_NODES",
    "CLUSTER_PHASE_WAITING_FOR_DATA_PLANE_NODES",
    "CLUSTER_PHASE_WAITING_FOR_SUBNET",
    "CLUSTER_PHASE_INSTALLING_DRIVERS",
    "CLUSTER_PHASE_READY",
]


def phases(cluster):
    return [change["phase"] for change in cluster["phase_transitions"]]


def life(sim, together, cluster_id, step=20.0, most=200):
    """Every distinct state on the way to Ready, or to where time has made no difference."""
    seen = [together.cluster(cluster_id)]
    for _ in range(most):
        sim.advance(step)
        cluster = together.cluster(cluster_id)
        if cluster != seen[-1]:
            seen.append(cluster)
        if cluster["status"] == "Ready":
            return seen
    return seen


def test_a_create_answers_at_once_with_the_whole_cluster(together):
    made = together.create()
    assert made["status"] == "WaitingForControlPlaneNodes"
    assert phases(made) == ["CLUSTER_PHASE_QUEUED"]
    assert made["kube_config"] == ""
    assert made["gpu_worker_nodes"] == made["control_plane_nodes"] == []
    assert made["control_plane_ready"] is False
    assert "first_ready_at" not in made
    assert together.cluster(made["cluster_id"]) == made
    assert together.listed() == [made]


def test_a_cluster_passes_through_the_phases_in_order_until_it_is_ready(sim, together):
    made = together.create()
    ready = life(sim, together, made["cluster_id"])[-1]
    assert ready["status"] == "Ready"
    assert phases(ready) == PHASES
    times = [change["transition_time"] for change in ready["phase_transitions"]]
    assert times == sorted(times)
    assert ready["first_ready_at"] == times[-1]


def test_statuses_follow_the_phases_in_the_documented_words(sim, together):
    made = together.create(shared_volume={"volume_name": "v", "size_tib": 1, "region": "us-central-8"})
    seen = [cluster["status"] for cluster in life(sim, together, made["cluster_id"])]
    distinct = [status for status, before in zip(seen, [None, *seen], strict=False) if status != before]
    assert distinct == [
        "WaitingForControlPlaneNodes",
        "WaitingForDataPlaneNodes",
        "WaitingForSubnet",
        "WaitingForSharedVolume",
        "InstallingDrivers",
        "Ready",
    ]


def test_nodes_appear_one_by_one_and_each_passes_through_its_own_phases(sim, together):
    made = together.create(num_gpus=32)
    seen = life(sim, together, made["cluster_id"], step=5)
    counts = [len(cluster["gpu_worker_nodes"]) for cluster in seen]
    assert {0, 1, 2, 3, 4} == set(counts)
    assert all(after - before in (0, 1) for before, after in pairwise(counts))
    for node in seen[-1]["gpu_worker_nodes"]:
        assert [change["phase"] for change in node["phase_transitions"]] == [
            "NODE_PHASE_PENDING",
            "NODE_PHASE_SCHEDULING",
            "NODE_PHASE_BOOTING",
            "NODE_PHASE_BOOTSTRAPPING",
            "NODE_PHASE_RUNNING",
        ]
        assert node["num_gpus"] == 8
    assert len({node["node_id"] for node in seen[-1]["gpu_worker_nodes"]}) == 4
    assert len({node["instance_id"] for node in seen[-1]["gpu_worker_nodes"]}) == 4


def test_the_kubeconfig_is_base64_yaml_once_the_control_plane_is_ready(sim, together):
    first, second = together.create(), together.create(cluster_name="other")
    sim.advance(140)
    assert together.cluster(first["cluster_id"])["kube_config"] == ""
    sim.advance(20)
    clusters = [together.cluster(it["cluster_id"]) for it in (first, second)]
    assert all(it["control_plane_ready"] and it["status"] == "WaitingForDataPlaneNodes" for it in clusters)
    documents = [yaml.safe_load(base64.b64decode(it["kube_config"])) for it in clusters]
    assert [it["kind"] for it in documents] == ["Config", "Config"]
    tokens = [it["users"][0]["user"]["token"] for it in documents]
    assert tokens == [f"sim-secret-canary-{it['cluster_id']}" for it in clusters]


def test_asked_for_tests_run_before_ready_and_take_their_time(sim, together):
    plain = together.create()
    tested = together.create(
        cluster_name="tested",
        num_gpus=16,
        acceptance_tests_params={"enabled": True, "dcgm_diag_level": "DCGM_DIAG_LEVEL_LONG"},
    )
    sim.advance(700)
    assert together.cluster(plain["cluster_id"])["status"] == "Ready"
    assert together.cluster(tested["cluster_id"])["status"] == "RunningAcceptanceTests"
    sim.advance(900)
    after = together.cluster(tested["cluster_id"])
    assert after["status"] == "Ready"
    assert phases(after)[-3:] == [
        "CLUSTER_PHASE_RUNNING_ACCEPTANCE_TESTS",
        "CLUSTER_PHASE_RUNNING_NCCL_TESTS",
        "CLUSTER_PHASE_READY",
    ]


def test_tests_that_are_skipped_leave_no_phase(sim, together):
    made = together.create(num_gpus=16, acceptance_tests_params={"enabled": True, "nccl_multi_node_skipped": True})
    ready = life(sim, together, made["cluster_id"])[-1]
    assert "CLUSTER_PHASE_RUNNING_ACCEPTANCE_TESTS" in phases(ready)
    assert "CLUSTER_PHASE_RUNNING_NCCL_TESTS" not in phases(ready)


def test_a_slurm_cluster_names_its_workers_and_keeps_its_scripts(sim, together):
    made = together.create(
        cluster_type="SLURM",
        slurm_shm_size_gib=64,
        slurm_image="registry.example/slurm:1",
        cluster_config={"load_balancer": "NONE", "slurm_startup_scripts": {"worker_prolog": "#!/bin/sh\ntrue"}},
    )
    ready = life(sim, together, made["cluster_id"])[-1]
    assert ready["cluster_type"] == "SLURM"
    assert ready["slurm_shm_size_gib"] == 64
    assert ready["gpu_worker_nodes"][0]["slurm_worker_hostname"]
    assert ready["cluster_config"]["slurm_startup_scripts"] == {"worker_prolog": "#!/bin/sh\ntrue"}
    assert "slurm_image" not in ready


def test_the_server_fills_in_what_was_left_out(together):
    made = together.create(cluster_config={"load_balancer": "ISTIO"})
    assert made["cluster_type"] == "KUBERNETES"
    assert made["project_id"] == made["ums_project_id"]
    assert made["cluster_config"]["load_balancer"] == "ISTIO"
    assert made["cluster_config"]["gpu_operator_version"].startswith("v")
    assert made["num_reserved_gpus"] == 0


def test_a_driver_can_be_chosen_by_the_id_of_the_region(together):
    regions = {it["name"]: it for it in together.get("/compute/regions").json()["regions"]}
    driver = next(it for it in regions["us-east-1"]["driver_versions"] if it["os"] == "ubuntu-24.04")
    made = together.create(
        region="us-east-1", cuda_version=None, nvidia_driver_version=None, nvidia_version_id=driver["id"]
    )
    assert made["nvidia_driver_version_id"] == driver["id"]
    assert (made["cuda_version"], made["nvidia_driver_version"]) == (
        driver["cuda_version"],
        driver["nvidia_driver_version"],
    )
    assert made["os_image"].startswith("ubuntu-24.04")


def test_regions_list_what_can_be_asked_for_and_say_nothing_of_stock(together):
    regions = together.get("/compute/regions").json()["regions"]
    assert {"us-central-8", "us-west-2"} <= {it["name"] for it in regions}
    for region in regions:
        assert set(region) == {"name", "supported_instance_types", "driver_versions"}
        pairs = [(it["cuda_version"], it["nvidia_driver_version"]) for it in region["driver_versions"]]
        assert len(pairs) > len(set(pairs)), "pairs that differ only by system"


def test_a_put_scales_up_with_nodes_that_come_while_the_status_says_ready(sim, together):
    made = together.create()
    sim.advance(600)
    reply = together.change(made["cluster_id"], num_gpus=24)
    assert reply.status_code == 200
    assert reply.json()["num_gpus"] == 24
    assert reply.json()["status"] == "Ready"
    assert len(reply.json()["gpu_worker_nodes"]) == 1
    counts = []
    for _ in range(30):
        sim.advance(10)
        counts.append(len(together.cluster(made["cluster_id"])["gpu_worker_nodes"]))
    assert counts == sorted(counts)
    assert {2, 3} <= set(counts)
    after = together.cluster(made["cluster_id"])
    assert [node["status"] for node in after["gpu_worker_nodes"]] == ["Running"] * 3
    assert [event["reason"] for event in after["node_lifecycle_events"]] == ["TogetherScaledUp"] * 2


def test_a_put_scales_down_by_marking_nodes_that_leave_later(sim, together):
    made = together.create(num_gpus=24)
    sim.advance(600)
    reply = together.change(made["cluster_id"], num_gpus=8).json()
    marked = [node["node_id"] for node in reply["gpu_worker_nodes"] if node["marked_for_deletion"]]
    assert reply["num_gpus"] == 8
    assert len(marked) == 2
    sim.advance(70)
    assert len(together.cluster(made["cluster_id"])["gpu_worker_nodes"]) == 2
    sim.advance(70)
    after = together.cluster(made["cluster_id"])
    assert len(after["gpu_worker_nodes"]) == 1
    assert {node["node_id"] for node in after["deleted_gpu_worker_nodes"]} == set(marked)
    assert all(node["deleted_at"] for node in after["deleted_gpu_worker_nodes"])
    assert [event["reason"] for event in after["node_lifecycle_events"]] == ["TogetherScaledDown"] * 2


def test_a_second_put_counts_the_nodes_that_are_still_on_their_way(sim, together):
    made = together.create()
    sim.advance(600)
    together.change(made["cluster_id"], num_gpus=24)
    together.change(made["cluster_id"], num_gpus=32)
    sim.advance(600)
    assert len(together.cluster(made["cluster_id"])["gpu_worker_nodes"]) == 4


def test_a_put_keeps_what_it_leaves_out(sim, together):
    made = together.create(
        cluster_config={"load_balancer": "NGINX", "jumphost_enabled": True},
        add_ons=[{"name": "dashboard", "add_on_type": "dashboard", "config": {"dashboard": {"enabled": True}}}],
    )
    sim.advance(600)
    before = together.cluster(made["cluster_id"])
    assert together.change(made["cluster_id"], num_gpus=8).json() == before
    changed = together.change(made["cluster_id"], cluster_config={"load_balancer": "ISTIO"}).json()
    assert changed["cluster_config"] == {**before["cluster_config"], "load_balancer": "ISTIO"}


def test_only_enabled_add_ons_are_shown(sim, together):
    on = {"name": "ingress", "add_on_type": "ingress", "config": {"ingress": {"enabled": True}}}
    off = {"name": "headlamp", "add_on_type": "headlamp", "config": {"headlamp": {"enabled": False}}}
    made = together.create(add_ons=[on, off])
    assert made["add_ons"] == [{**on, "state": {"ingress": {}}}]
    sim.advance(600)
    changes = [
        {"name": "ingress", "config": {"ingress": {"enabled": False}}},
        {"name": "headlamp", "config": {"headlamp": {"enabled": True}}},
    ]
    changed = together.change(made["cluster_id"], add_ons=changes).json()
    assert [add_on["name"] for add_on in changed["add_ons"]] == ["headlamp"]


def test_preemptible_nodes_come_as_far_as_there_are_any(sim, together):
    sim.switch("together", preemptible_gpus=16)
    made = together.create(num_preemptible_gpus=24)
    assert made["desired_preemptible_gpus"] == 24
    assert made["allocated_preemptible_gpus"] == 0
    sim.advance(3600)
    after = together.cluster(made["cluster_id"])
    assert after["allocated_preemptible_gpus"] == 16
    assert sum("gpu-preemptible-dp" in node["node_id"] for node in after["gpu_worker_nodes"]) == 2
    sim.intervene(made["cluster_id"], "preempt")
    after = together.cluster(made["cluster_id"])
    assert after["allocated_preemptible_gpus"] == 0
    assert {"TogetherPreempted"} <= {event["reason"] for event in after["node_lifecycle_events"]}
    together.change(made["cluster_id"], num_preemptible_gpus=8)
    sim.advance(3600)
    assert together.cluster(made["cluster_id"])["allocated_preemptible_gpus"] == 8


def test_an_autoscaled_cluster_grows_within_its_bounds(sim, together):
    made = together.create(auto_scale=True, auto_scale_max_gpus=24)
    sim.advance(700)
    assert "CLUSTER_PHASE_WAITING_FOR_AUTO_SCALER" in phases(together.cluster(made["cluster_id"]))
    sim.intervene(made["cluster_id"], "autoscale", num_gpus=64)
    sim.advance(700)
    grown = together.cluster(made["cluster_id"])
    assert len(grown["gpu_worker_nodes"]) == 3
    assert grown["num_gpus"] == 8
    sim.switch("together", autoscaled_num_gpus="current")
    assert together.cluster(made["cluster_id"])["num_gpus"] == 24


def test_switching_the_type_reconfigures_the_cluster(sim, together):
    made = together.create(slurm_shm_size_gib=64)
    sim.advance(600)
    assert together.change(made["cluster_id"], cluster_type="SLURM").json()["status"] == "InstallingDrivers"
    sim.advance(200)
    after = together.cluster(made["cluster_id"])
    assert (after["cluster_type"], after["status"]) == ("SLURM", "Ready")


def test_a_delete_is_accepted_first_and_done_later(sim, together):
    made = together.create()
    sim.advance(600)
    reply = together.remove(made["cluster_id"])
    assert (reply.status_code, reply.json()) == (200, {"cluster_id": made["cluster_id"]})
    deleting = together.cluster(made["cluster_id"])
    assert deleting["status"] == "Deleting"
    assert phases(deleting)[-1] == "CLUSTER_PHASE_DELETING"
    assert together.change(made["cluster_id"], num_gpus=16).status_code == 409
    sim.advance(120)
    assert together.get(f"/compute/clusters/{made['cluster_id']}").status_code == 404
    assert together.remove(made["cluster_id"]).status_code == 404
    assert together.listed() == []


def test_a_cluster_can_be_deleted_while_it_comes_up(sim, together):
    made = together.create()
    sim.advance(200)
    assert together.remove(made["cluster_id"]).status_code == 200
    sim.advance(5000)
    assert together.listed() == []
    (line,) = sim.ledger()["clusters"]
    assert line["ready_at"] is None
    assert line["deleted_because"] == "delete"


def test_a_trailing_slash_asks_for_the_list(together):
    made = together.create()
    assert together.get("/compute/clusters/").json() == {"clusters": [made]}
    assert together.delete("/compute/clusters/").status_code == 405


@pytest.mark.parametrize(
    ("action", "details", "status"),
    [
        ("degrade", {}, "Degraded"),
        ("pause", {"phase": "CLUSTER_PHASE_PAUSED"}, "Paused"),
        ("pause", {}, "OnDemandComputePaused"),
    ],
)
def test_what_befalls_a_cluster_from_outside_can_be_undone(sim, together, action, details, status):
    made = together.create(num_gpus=16)
    sim.advance(600)
    sim.intervene(made["cluster_id"], action, **details)
    assert together.cluster(made["cluster_id"])["status"] == status
    sim.advance(60)
    sim.intervene(made["cluster_id"], "recover")
    sim.advance(400)
    after = together.cluster(made["cluster_id"])
    assert after["status"] == "Ready"
    assert [node["status"] for node in after["gpu_worker_nodes"]] == ["Running"] * 2


def test_a_paused_cluster_is_decommissioned_in_the_end(sim, together):
    made = together.create()
    sim.advance(600)
    sim.intervene(made["cluster_id"], "pause")
    sim.advance(86400 + 120)
    assert together.listed() == []
    assert sim.ledger()["clusters"][0]["deleted_because"] == "credits"


def test_somebody_else_can_resize_and_rename(sim, together):
    made = together.create()
    sim.advance(600)
    sim.intervene(made["cluster_id"], "edit", num_gpus=16, name="renamed")
    sim.advance(600)
    after = together.cluster(made["cluster_id"])
    assert (after["num_gpus"], after["cluster_name"], len(after["gpu_worker_nodes"])) == (16, "renamed", 2)
