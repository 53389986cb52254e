"""Clusters of the simulated Shadeform."""

from __future__ import annotations

import base64
from itertools import pairwise

import httpx
import pytest

BAD_CREATES = [
    ({"cloud": None}, "cloud"),
    ({"region": None}, "region"),
    ({"name": None}, "name"),
    ({"cluster_type": None}, "cluster_type"),
    ({"cluster_type": {"shade_instance_type": "H100_sxm5x8"}}, "cluster_type"),
    ({"cluster_type": "A6000"}, "cluster_type"),
    ({"region": "mars"}, "cluster_type"),
    ({"num_instances": None}, "num_instances"),
    ({"num_instances": 3}, "num_instances"),
    ({"num_instances": "2"}, "num_instances"),
    ({"num_instances": 0}, "num_instances"),
    ({"os": "windows"}, "os"),
    ({"ssh_key_id": "nobody"}, "ssh_key_id"),
    ({"tags": ["x"]}, "tags"),
    ({"shade_instance_type": "H100_sxm5x8"}, "shade_instance_type"),
]


def test_a_cluster_comes_up_with_its_machines_one_by_one(sim, shadeform):
    cluster_id = shadeform.create(num_instances=4)
    first = shadeform.cluster(cluster_id)
    assert (first["status"], first["instances"]) == ("creating", [])
    assert "active_at" not in first
    assert "cloud_cluster_id" not in first
    seen = [first]
    for _ in range(130):
        sim.advance(5)
        seen.append(shadeform.cluster(cluster_id))
    statuses = [it["status"] for it in seen]
    assert [now for before, now in pairwise(["", *statuses]) if now != before] == [
        "creating",
        "pending_provider",
        "pending",
        "active",
    ]
    counts = [len(it["instances"]) for it in seen]
    assert counts == sorted(counts)
    assert {0, 1, 2, 3, 4} == set(counts)
    last = seen[-1]
    assert {member["status"] for member in last["instances"]} == {"active"}
    assert all(member["ip"] and member["ssh_port"] for member in last["instances"])
    assert all(it["ip"] is None for cluster in seen for it in cluster["instances"] if it["status"] != "active")
    assert last["active_at"]
    assert last["cloud_cluster_id"]
    assert last["region_info"] == {"region": "houston-usa-1", "display_name": "US, Houston, TX"}
    assert {member["shade_instance_type"] for member in last["instances"]} == {"H100_sxm5x8"}
    assert shadeform.listed() == [last]


def test_the_price_is_in_cents_and_the_estimate_in_dollars(sim, shadeform):
    cluster_id = shadeform.create(num_instances=2)
    assert shadeform.cluster(cluster_id)["hourly_price"] == 2800
    sim.advance(3600)
    shown = shadeform.cluster(cluster_id)["cost_estimate"]
    assert shown.startswith("$")
    assert float(shown[1:]) == pytest.approx(28.0, abs=3.0)
    assert sim.ledger()["clusters"][0]["cost"] == pytest.approx(28.0, rel=1e-3)
    sim.switch("shadeform", hourly_price_of="node")
    assert shadeform.cluster(cluster_id)["hourly_price"] == 1400


def test_a_delete_has_no_body_stops_the_bill_and_takes_a_while(sim, shadeform):
    cluster_id = shadeform.create()
    sim.advance(3600)
    reply = shadeform.remove(cluster_id)
    assert (reply.status_code, reply.content) == (200, b"")
    assert shadeform.cluster(cluster_id)["status"] == "deleting"
    assert [it["status"] for it in shadeform.listed()] == ["deleting"]
    before = sim.ledger()["clusters"][0]["cost"]
    sim.advance(130)
    assert sim.ledger()["clusters"][0]["cost"] == before
    assert shadeform.get(f"/clusters/{cluster_id}/info").status_code == 404
    assert shadeform.remove(cluster_id).status_code == 404
    assert shadeform.listed() == []


def test_http_delete_is_not_a_verb_here(shadeform):
    cluster_id = shadeform.create()
    assert shadeform.delete(f"/clusters/{cluster_id}").status_code in (404, 405)
    assert shadeform.delete(f"/clusters/{cluster_id}/delete").status_code == 405
    assert shadeform.get(f"/clusters/{cluster_id}").status_code == 404


@pytest.mark.parametrize(("changes", "named"), BAD_CREATES, ids=[f"{it[1]}-{n}" for n, it in enumerate(BAD_CREATES)])
def test_a_bad_create_is_refused_by_the_name_of_the_field(sim, shadeform, changes, named):
    refused = shadeform.post("/clusters/create", json=shadeform.body(**changes))
    assert refused.status_code == 400, refused.text
    assert set(refused.json()) == {"error_code", "error"}
    assert named in refused.json()["error"]
    assert sim.ledger()["clusters"] == []


@pytest.mark.parametrize(
    ("cloud", "region", "listed"),
    [("voltagepark", "culpeper-usa-1", False), ("massedcompute", "desmoines-usa-1", True)],
)
def test_sold_out_whatever_the_list_says(sim, shadeform, cloud, region, listed):
    types = shadeform.get("/clusters/types").json()["cluster_types"]
    rows = [it for it in types if (it["cloud"], it["availability"]["region"]) == (cloud, region)]
    assert {row["availability"]["available"] for row in rows} == {listed}
    refused = shadeform.post("/clusters/create", json=shadeform.body(cloud=cloud, region=region))
    assert refused.status_code == 409
    assert refused.json() == {
        "error_code": "OUT_OF_STOCK",
        "error": f"The instance type [H100] is not available in the region [{region}]",
    }
    assert sim.ledger()["clusters"] == []


def test_types_have_one_row_per_size_and_region(shadeform):
    types = shadeform.get("/clusters/types").json()["cluster_types"]
    keys = [
        (it["cloud"], it["cluster_type"]["shade_instance_type"], it["num_instances"], it["availability"]["region"])
        for it in types
    ]
    assert len(keys) == len(set(keys))
    row = next(it for it in types if it["cloud"] == "denvr" and it["num_instances"] == 2)
    assert isinstance(row["availability"], dict)
    assert row["cluster_type"]["hourly_price"] == 1400
    assert row["cluster_type"]["configuration"]["num_gpus"] == 8


def test_every_secret_of_every_reply_carries_the_canary(sim, shadeform):
    cluster_id = shadeform.create()
    sim.advance(600)
    for reply in (shadeform.get("/clusters"), shadeform.get(f"/clusters/{cluster_id}/info")):
        docker = _members(reply)[0]["launch_configuration"]["docker_configuration"]
        canary = f"sim-secret-canary-{cluster_id}"
        assert docker["envs"][0]["value"] == canary
        assert docker["registry_credentials"]["password"] == canary
        script = _members(reply)[0]["launch_configuration"]["script_configuration"]["base64_script"]
        assert canary in base64.b64decode(script).decode()
    keys = shadeform.get("/sshkeys").json()["ssh_keys"]
    assert "sim-secret-canary" in keys[0]["private_key"]
    assert "sim-secret-canary" in shadeform.get(f"/sshkeys/{keys[0]['id']}/info").text


def _members(reply):
    body = reply.json()
    return (body["clusters"][0] if "clusters" in body else body)["instances"]


def test_keys(sim, shadeform):
    shadeform.create()

    def ask(path: str, **headers: str) -> httpx.Response:
        return httpx.get(sim.base_url("shadeform") + path, headers=headers, trust_env=False)

    for headers in ({}, {"X-API-KEY": "wrong"}, {"Authorization": "Bearer good"}):
        refused = ask("/clusters", **headers)
        assert (refused.status_code, refused.json()) == (401, {"message": "Invalid API key"})
    assert ask("/clusters", **{"X-API-KEY": "forbidden"}).status_code == 403
    assert ask("/clusters", **{"x-api-key": "anything"}).status_code == 200
    assert ask("/instances/types").status_code == 200


def test_an_empty_wallet_refuses_creates(sim, shadeform):
    shadeform.create()
    sim.switch("shadeform", credits_dollars=10)
    sim.advance(3600)
    refused = shadeform.post("/clusters/create", json=shadeform.body())
    assert (refused.status_code, refused.json()["error_code"]) == (409, "INSUFFICIENT_FUNDS")
    sim.switch("shadeform", insufficient_funds_status=402, error_shape="message")
    refused = shadeform.post("/clusters/create", json=shadeform.body())
    assert (refused.status_code, set(refused.json())) == (402, {"message"})
    sim.switch("shadeform", credits_dollars=None)
    shadeform.create()


def test_a_failed_cluster_stays_and_costs(sim, shadeform):
    sim.fault("provisioning_failed", cloud="shadeform")
    cluster_id = shadeform.create()
    sim.advance(700)
    shown = shadeform.cluster(cluster_id)
    assert (shown["status"], bool(shown["status_details"])) == ("error", True)
    before = sim.ledger()["clusters"][0]["cost"]
    sim.advance(3600)
    assert sim.ledger()["clusters"][0]["cost"] > before
    assert shadeform.listed()[0]["status"] == "error"
    assert shadeform.remove(cluster_id).status_code == 200


def test_the_open_questions(sim, shadeform):
    sim.switch(
        "shadeform",
        status_words="other",
        absent_fields="null",
        sizes="any",
        name_readback="dashes",
        members_show_launch_configuration=False,
        active_before_members=True,
        unique_cluster_names=True,
        delete_while_creating="refuse",
        members_are_instances=True,
    )
    cluster_id = shadeform.create(num_instances=3, name="My_Cluster")
    shown = shadeform.cluster(cluster_id)
    assert (shown["status"], shown["name"], shown["active_at"]) == ("provisioning", "my-cluster", None)
    assert shadeform.remove(cluster_id).status_code == 409
    assert shadeform.post("/clusters/create", json=shadeform.body(name="My_Cluster")).status_code == 409
    sim.advance(610)
    shown = shadeform.cluster(cluster_id)
    assert (shown["status"], shown["instances"][-1]["status"]) == ("active", "pending")
    assert "launch_configuration" not in shown["instances"][0]
    sim.advance(200)
    assert {it["status"] for it in shadeform.cluster(cluster_id)["instances"]} == {"active"}
    assert len(shadeform.get("/instances").json()["instances"]) == 3
    sim.switch("shadeform", read_while_deleting=404, list_while_deleting=False, delete_while_deleting=409)
    assert shadeform.remove(cluster_id).status_code == 200
    assert shadeform.get(f"/clusters/{cluster_id}/info").status_code == 404
    assert shadeform.listed() == []
    assert shadeform.remove(cluster_id).status_code == 409


def test_a_new_cluster_can_be_invisible_for_a_while(sim, shadeform):
    sim.switch("shadeform", visible_after_seconds=30)
    cluster_id = shadeform.create()
    assert shadeform.get(f"/clusters/{cluster_id}/info").status_code == 404
    assert shadeform.listed() == []
    sim.advance(31)
    assert [it["id"] for it in shadeform.listed()] == [cluster_id]


def test_errors_can_be_nested(sim, shadeform):
    sim.switch("shadeform", error_shape="nested", invalid_status=422)
    refused = shadeform.post("/clusters/create", json=shadeform.body(num_instances=3))
    assert refused.status_code == 422
    assert refused.json()["error"]["code"] == "INVALID_REQUEST"


def test_a_cluster_that_heals_has_been_active_since(sim, shadeform):
    sim.fault("provisioning_failed", cloud="shadeform")
    cluster_id = shadeform.create()
    sim.advance(600)
    assert shadeform.cluster(cluster_id)["status"] == "error"
    sim.intervene(cluster_id, "recover")
    healed = shadeform.cluster(cluster_id)
    assert healed["status"] == "active" and healed["active_at"] and not healed.get("status_details")
    assert sim.live()[0]["ready_at"]


def test_what_befalls_a_cluster_from_outside(sim, shadeform):
    cluster_id = shadeform.create()
    sim.advance(600)
    sim.intervene(cluster_id, "degrade")
    shown = shadeform.cluster(cluster_id)
    assert (shown["status"], shown["instances"][-1]["status"]) == ("active", "error")
    sim.intervene(cluster_id, "fail", details="reclaimed")
    assert shadeform.cluster(cluster_id)["status_details"] == "reclaimed"
    sim.intervene(cluster_id, "recover")
    assert shadeform.cluster(cluster_id)["status"] == "active"
    sim.intervene(cluster_id, "vanish")
    assert shadeform.listed() == []
    assert sim.ledger()["clusters"][0]["deleted_because"] == "vanished"
