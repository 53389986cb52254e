"""Shared volumes of the simulated Together, alone and with clusters."""

from __future__ import annotations

import pytest

VOLUMES = "/compute/clusters/storage/volumes"


def test_a_volume_is_provisioned_then_available_then_gone(sim, together):
    made = together.volume()
    assert set(made) == {"volume_id", "volume_name", "size_tib", "status"}
    assert made["status"] == "provisioning"
    sim.advance(60)
    assert together.read_volume(made["volume_id"]).json()["status"] == "available"
    assert together.get(VOLUMES).json() == {"volumes": [{**made, "status": "available"}]}
    assert together.delete(f"{VOLUMES}/{made['volume_id']}").json() == {"success": True}
    assert together.read_volume(made["volume_id"]).json()["status"] == "deleting"
    sim.advance(60)
    assert together.read_volume(made["volume_id"]).status_code == 404
    assert together.delete(f"{VOLUMES}/{made['volume_id']}").status_code == 404


def test_a_volume_grows_by_an_id_in_the_body_and_never_shrinks(together):
    made = together.volume(size_tib=2)
    grown = together.put(VOLUMES, json={"volume_id": made["volume_id"], "size_tib": 5})
    assert grown.json()["size_tib"] == 5
    shrunk = together.put(VOLUMES, json={"volume_id": made["volume_id"], "size_tib": 4})
    assert shrunk.status_code == 400
    assert "cannot be reduced" in shrunk.json()["error"]["message"]
    assert together.put(VOLUMES, json={"volume_id": made["volume_id"], "size_tib": 5}).json()["size_tib"] == 5
    assert together.put(VOLUMES, json={"volume_id": "nobody", "size_tib": 9}).status_code == 404


def test_an_inline_volume_is_made_with_the_cluster_and_bound_to_it(sim, together):
    made = together.create(shared_volume={"volume_name": "inline", "size_tib": 1, "region": "us-central-8"})
    (shown,) = made["volumes"]
    assert (shown["volume_name"], shown["size_tib"]) == ("inline", 1)
    sim.advance(600)
    (shown,) = together.cluster(made["cluster_id"])["volumes"]
    assert shown["status"] == "bound"
    refused = together.delete(f"{VOLUMES}/{shown['volume_id']}")
    assert refused.status_code == 409
    assert made["cluster_id"] in refused.json()["error"]["message"]


@pytest.mark.parametrize(
    ("default", "flag", "stays"),
    [(True, None, True), (False, None, False), (True, False, False), (False, True, True)],
)
def test_an_inline_volume_outlives_its_cluster_or_not(sim, together, default, flag, stays):
    sim.switch("together", volume_is_lifecycle_independent=default)
    inline = {"volume_name": "inline", "size_tib": 1, "region": "us-central-8"}
    if flag is not None:
        inline["is_lifecycle_independent"] = flag
    made = together.create(shared_volume=inline)
    sim.advance(600)
    together.remove(made["cluster_id"])
    sim.advance(300)
    found = [it["status"] for it in together.get(VOLUMES).json()["volumes"]]
    assert found == (["available"] if stays else [])


def test_an_existing_volume_is_bound_as_long_as_its_cluster_is_there(sim, together):
    volume = together.volume()
    sim.advance(60)
    made = together.create(volume_id=volume["volume_id"])
    assert made["volumes"][0]["status"] == "bound"
    second = together.post("/compute/clusters", json=together.body(volume_id=volume["volume_id"]))
    assert second.status_code == 409
    sim.advance(600)
    together.remove(made["cluster_id"])
    assert together.delete(f"{VOLUMES}/{volume['volume_id']}").status_code == 409
    sim.advance(120)
    assert together.read_volume(volume["volume_id"]).json()["status"] == "available"
    assert together.delete(f"{VOLUMES}/{volume['volume_id']}").status_code == 200


def test_a_volume_can_be_released_when_the_delete_is_accepted(sim, together):
    sim.switch("together", volume_released="delete_accepted")
    volume = together.volume()
    sim.advance(60)
    made = together.create(volume_id=volume["volume_id"])
    together.remove(made["cluster_id"])
    assert together.read_volume(volume["volume_id"]).json()["status"] == "available"
    assert together.cluster(made["cluster_id"])["status"] == "Deleting"


def test_a_volume_can_be_allowed_on_two_clusters(sim, together):
    sim.switch("together", volume_multi_attach=True)
    volume = together.volume()
    sim.advance(60)
    first = together.create(volume_id=volume["volume_id"])
    together.create(cluster_name="second", volume_id=volume["volume_id"])
    together.remove(first["cluster_id"])
    sim.advance(300)
    assert together.read_volume(volume["volume_id"]).json()["status"] == "bound"


def test_a_delete_of_a_bound_volume_can_be_a_200_that_says_no(sim, together):
    sim.switch("together", volume_delete_refusal="success_false")
    volume = together.volume()
    sim.advance(60)
    together.create(volume_id=volume["volume_id"])
    reply = together.delete(f"{VOLUMES}/{volume['volume_id']}")
    assert (reply.status_code, reply.json()) == (200, {"success": False})


def test_a_volume_of_another_region_is_not_in_the_datacenter(sim, together):
    volume = together.volume(region="us-east-1")
    sim.advance(60)
    refused = together.post("/compute/clusters", json=together.body(volume_id=volume["volume_id"]))
    assert refused.status_code == 400
    assert refused.json()["error"]["message"] == "Shared volume does not exist in the datacenter"


@pytest.mark.parametrize(
    "changes",
    [
        {"size_tib": 0},
        {"size_tib": "2"},
        {"size_tib": 1.5},
        {"region": "mars-1"},
        {"volume_name": ""},
        {"colour": "red"},
    ],
)
def test_bad_volumes_are_refused(together, changes):
    body = {"volume_name": "v", "size_tib": 1, "region": "us-central-8", **changes}
    refused = together.post(VOLUMES, json=body)
    assert refused.status_code == 400
    assert next(iter(changes)) in refused.json()["error"]["message"]
    assert together.get(VOLUMES).json() == {"volumes": []}


def test_a_volume_that_vanishes_is_no_longer_shown_by_its_cluster(sim, together):
    made = together.create(shared_volume={"volume_name": "inline", "size_tib": 1, "region": "us-central-8"})
    sim.advance(600)
    assert together.cluster(made["cluster_id"])["volumes"]
    sim.intervene(made["volumes"][0]["volume_id"], "vanish")
    assert together.cluster(made["cluster_id"])["volumes"] == []
