"""Each open question about Together has a switch, and each answer can be seen."""

from __future__ import annotations

import pytest
from gpufleet_provider.simulator import BadControl


def test_names_can_be_unique(sim, together):
    together.create()
    together.create()
    sim.switch("together", unique_cluster_names=True, conflict_status=400)
    assert together.post("/compute/clusters", json=together.body()).status_code == 400
    together.create(region="us-east-1")


def test_a_deleted_cluster_can_be_gone_at_once(sim, together):
    sim.switch("together", deleted_cluster="404_at_once")
    made = together.create()
    together.remove(made["cluster_id"])
    assert together.get(f"/compute/clusters/{made['cluster_id']}").status_code == 404
    assert together.listed() == []


def test_a_deleted_cluster_can_haunt_the_list(sim, together):
    sim.switch("together", deleted_cluster="tombstone")
    made = together.create()
    together.remove(made["cluster_id"])
    sim.advance(120)
    assert together.get(f"/compute/clusters/{made['cluster_id']}").status_code == 404
    assert [it["status"] for it in together.listed()] == ["Deleting"]
    assert sim.live() == []
    sim.advance(600)
    assert together.listed() == []


@pytest.mark.parametrize("status", [200, 404, 409])
def test_a_second_delete(sim, together, status):
    sim.switch("together", delete_while_deleting=status)
    made = together.create()
    assert together.remove(made["cluster_id"]).status_code == 200
    assert together.remove(made["cluster_id"]).status_code == status


def test_a_put_can_replace_the_cluster_config(sim, together):
    sim.switch("together", cluster_config_update="replace")
    made = together.create(cluster_config={"load_balancer": "NGINX", "jumphost_enabled": True})
    sim.advance(600)
    changed = together.change(made["cluster_id"], cluster_config={"load_balancer": "NGINX"}).json()
    assert changed["cluster_config"]["jumphost_enabled"] is False


def test_unknown_add_ons_on_a_put(sim, together):
    made = together.create()
    sim.advance(600)
    entry = {"name": "dashboard", "config": {"dashboard": {"enabled": True}}}
    sim.switch("together", unknown_add_on="ignore")
    assert together.change(made["cluster_id"], add_ons=[entry]).json()["add_ons"] == []
    sim.switch("together", unknown_add_on="add")
    (add_on,) = together.change(made["cluster_id"], add_ons=[entry]).json()["add_ons"]
    assert add_on["add_on_type"] == "dashboard"


@pytest.mark.parametrize(
    ("heard", "query", "found"),
    [
        ("projectId", {"projectId": "p2"}, ["p2"]),
        ("projectId", {"project_id": "p2"}, ["p1", "p2"]),
        ("project_id", {"project_id": "p2"}, ["p2"]),
        ("both", {"project_id": "p2"}, ["p2"]),
        ("ignored", {"projectId": "p2"}, ["p1", "p2"]),
    ],
)
def test_the_project_filter(sim, together, heard, query, found):
    sim.switch("together", project_filter=heard)
    for project in ("p1", "p2"):
        together.create(project_id=project)
    assert [it["project_id"] for it in together.listed(**query)] == found


def test_the_driver_id_can_be_another_or_missing(sim, together):
    made = together.create()
    sim.switch("together", driver_id="internal")
    internal = together.cluster(made["cluster_id"])["nvidia_driver_version_id"]
    assert internal != made["nvidia_driver_version_id"]
    sim.switch("together", driver_id="absent", driver_readback="full")
    shown = together.cluster(made["cluster_id"])
    assert "nvidia_driver_version_id" not in shown
    assert shown["cuda_version"].startswith("12.6.")


def test_phases_without_a_documented_status_can_have_their_own_words(sim, together):
    sim.switch("together", unlisted_phases="undocumented")
    made = together.create(num_gpus=16, acceptance_tests_params={"enabled": True})
    seen = {made["status"]}
    for _ in range(60):
        sim.advance(15)
        seen.add(together.cluster(made["cluster_id"])["status"])
    assert {"Queued", "Scheduled", "RunningNcclTests", "Ready"} <= seen


def test_failed_tests_are_final_or_tried_again(sim, together):
    sim.fault("provisioning_failed", times=2)
    final = together.create()
    sim.advance(3600)
    shown = together.cluster(final["cluster_id"])
    assert shown["status"] == "RunningAcceptanceTests"
    assert shown["phase_transitions"][-1]["phase"] == "CLUSTER_PHASE_NCCL_TESTS_FAILED"
    sim.switch("together", failed_tests="retried")
    again = together.create()
    sim.advance(3600)
    shown = together.cluster(again["cluster_id"])
    assert shown["status"] == "Ready"
    assert "CLUSTER_PHASE_NCCL_TESTS_FAILED" in [it["phase"] for it in shown["phase_transitions"]]


def test_the_type_can_be_fixed(sim, together):
    sim.switch("together", cluster_type_update="refuse")
    made = together.create(slurm_shm_size_gib=8)
    sim.advance(600)
    assert together.change(made["cluster_id"], cluster_type="SLURM").status_code == 400


@pytest.mark.parametrize(("first", "leaves"), [("newest", 2), ("oldest", 0), ("unhealthy", 0)])
def test_which_nodes_leave_first(sim, together, first, leaves):
    sim.switch("together", scale_down_first=first)
    made = together.create(num_gpus=24)
    sim.advance(600)
    sim.intervene(made["cluster_id"], "degrade")
    node_ids = [node["node_id"] for node in together.cluster(made["cluster_id"])["gpu_worker_nodes"]]
    changed = together.change(made["cluster_id"], num_gpus=16).json()
    marked = [node["node_id"] for node in changed["gpu_worker_nodes"] if node["marked_for_deletion"]]
    assert marked == [node_ids[leaves]]


def test_scaling_can_show_in_the_status(sim, together):
    sim.switch("together", status_while_scaling="WaitingForDataPlaneNodes")
    made = together.create()
    sim.advance(600)
    assert together.change(made["cluster_id"], num_gpus=16).json()["status"] == "WaitingForDataPlaneNodes"
    sim.advance(300)
    assert together.cluster(made["cluster_id"])["status"] == "Ready"


def test_a_new_cluster_can_be_invisible_for_a_while(sim, together):
    sim.switch("together", visible_after_seconds=30)
    made = together.create()
    assert together.get(f"/compute/clusters/{made['cluster_id']}").status_code == 404
    assert together.listed() == []
    sim.advance(31)
    assert together.cluster(made["cluster_id"])["cluster_id"] == made["cluster_id"]
    assert len(together.listed()) == 1


@pytest.mark.parametrize(
    "switches",
    [{"together": {"nope": 1}}, {"together": {"error_shape": "xml"}}, {"mars": {}}],
)
def test_a_switch_that_there_is_not_is_refused(sim, switches):
    before = sim.simulation.switches()
    with pytest.raises(BadControl):
        sim.simulation.set_switches(switches)
    assert sim.simulation.switches() == before
