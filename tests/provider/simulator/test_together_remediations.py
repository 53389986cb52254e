"""Node remediations of the simulated Together."""

from __future__ import annotations

import pytest


@pytest.fixture
def ready(sim, together):
    """A ready cluster of two nodes."""
    made = together.create(num_gpus=16)
    sim.advance(600)
    return together.cluster(made["cluster_id"])


def path(cluster, node=0, *rest):
    instance_id = cluster["gpu_worker_nodes"][node]["instance_id"]
    return "/".join([f"/compute/clusters/{cluster['cluster_id']}/instances/{instance_id}/remediations", *rest])


def test_a_manual_remediation_replaces_the_node(sim, together, ready):
    asked = together.post(path(ready), json={"mode": "REMEDIATION_MODE_VM_ONLY", "reason": "slow"})
    made = asked.json()
    assert (made["state"], made["trigger"], made["reason"]) == ("PENDING", "REMEDIATION_TRIGGER_MANUAL", "slow")
    shown = together.cluster(ready["cluster_id"])
    assert shown["gpu_worker_nodes"][0]["latest_remediation"]["id"] == made["id"]
    sim.advance(15)
    assert together.get(path(ready, 0, made["id"])).json()["state"] == "RUNNING"
    sim.advance(600)
    after = together.cluster(ready["cluster_id"])
    assert len(after["gpu_worker_nodes"]) == 2
    assert ready["gpu_worker_nodes"][0]["node_id"] not in {node["node_id"] for node in after["gpu_worker_nodes"]}
    done = together.get(path(ready, 0, made["id"])).json()
    assert done["state"] == "SUCCEEDED"
    assert done["end_time"] > done["start_time"]


def test_an_automated_one_waits_for_a_person(sim, together, ready):
    sim.intervene(ready["cluster_id"], "remediate", mode="REMEDIATION_MODE_REBOOT_VM")
    every = f"/compute/clusters/{ready['cluster_id']}/instances/-/remediations"
    (made,) = together.get(every).json()["remediations"]
    assert made["state"] == "PENDING_APPROVAL"
    sim.advance(7200)
    assert together.get(path(ready, 0, made["id"])).json()["state"] == "PENDING_APPROVAL"
    approved = together.post(path(ready, 0, made["id"], "approve"), json={"comment": "go"})
    assert (approved.json()["state"], approved.json()["review_comment"]) == ("PENDING", "go")
    sim.advance(600)
    assert together.get(path(ready, 0, made["id"])).json()["state"] == "SUCCEEDED"
    node = together.cluster(ready["cluster_id"])["gpu_worker_nodes"][0]
    assert node["node_id"] == ready["gpu_worker_nodes"][0]["node_id"]
    assert [it["phase"] for it in node["phase_transitions"]][-2:] == ["NODE_PHASE_BOOTING", "NODE_PHASE_RUNNING"]


def test_reject_and_cancel_only_what_has_not_begun(sim, together, ready):
    sim.intervene(ready["cluster_id"], "remediate")
    every = f"/compute/clusters/{ready['cluster_id']}/instances/-/remediations"
    (made,) = together.get(every).json()["remediations"]
    assert together.post(path(ready, 0, made["id"], "reject")).json()["state"] == "CANCELLED"
    assert together.post(path(ready, 0, made["id"], "cancel")).status_code == 409
    second = together.post(path(ready, 1), json={"mode": "REMEDIATION_MODE_REBOOT_VM"}).json()
    assert together.post(path(ready, 1, second["id"], "cancel")).json()["state"] == "CANCELLED"


def test_the_list_is_filtered_and_paged(sim, together, ready):
    for mode in ("REMEDIATION_MODE_REBOOT_VM", "REMEDIATION_MODE_HOST_AWARE", "REMEDIATION_MODE_VM_ONLY"):
        together.post(path(ready), json={"mode": mode})
    every = f"/compute/clusters/{ready['cluster_id']}/instances/-/remediations"
    wanted = "REMEDIATION_MODE_REBOOT_VM,REMEDIATION_MODE_HOST_AWARE"
    assert len(together.get(every, params={"mode": wanted}).json()["remediations"]) == 2
    first = together.get(every, params={"page_size": 2}).json()
    assert (len(first["remediations"]), first["has_next"]) == (2, True)
    rest = together.get(every, params={"page_size": 2, "page_token": first["next_page_token"]}).json()
    assert (len(rest["remediations"]), rest["has_next"]) == (1, False)
    assert together.get(path(ready, 1)).json()["remediations"] == []


def test_bad_ones_are_refused(together, ready):
    assert together.post(path(ready), json={"mode": "KICK"}).status_code == 400
    assert together.post(path(ready), json={}).status_code == 400
    nobody = f"/compute/clusters/{ready['cluster_id']}/instances/nobody/remediations"
    assert together.post(nobody, json={"mode": "REMEDIATION_MODE_VM_ONLY"}).status_code == 404
    assert together.get(path(ready, 0, "nobody")).status_code == 404
