"""Instances, SSH keys and volumes of the simulated Shadeform."""

from __future__ import annotations

import pytest

KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIBmine me@example"


def test_an_instance_comes_up_and_goes(sim, shadeform):
    instance_id = shadeform.instance(tags=["a"], envs=[{"name": "A", "value": "b"}])
    info = shadeform.get(f"/instances/{instance_id}/info").json()
    assert (info["status"], info["ip"], info["ssh_port"]) == ("creating", None, None)
    assert info["envs"] == [{"name": "A", "value": "b"}]
    sim.advance(300)
    (listed,) = shadeform.get("/instances").json()["instances"]
    assert (listed["status"], listed["hourly_price"], listed["tags"]) == ("active", 50, ["a"])
    assert listed["ip"]
    assert "ssh_key_id" not in listed
    assert shadeform.post(f"/instances/{instance_id}/restart").status_code == 200
    assert shadeform.post(f"/instances/{instance_id}/delete").content == b""
    assert shadeform.get("/instances").json()["instances"][0]["status"] == "deleting"
    sim.advance(60)
    assert shadeform.get(f"/instances/{instance_id}/info").status_code == 404
    (line,) = sim.ledger()["instances"]
    assert line["cost"] == pytest.approx(0.5 * 300 / 3600, rel=1e-2)


def test_an_update_keeps_what_it_omits_and_deletes_what_is_null(shadeform):
    instance_id = shadeform.instance(tags=["a"], alert={"spend_threshold": "5"})
    update = f"/instances/{instance_id}/update"
    assert shadeform.post(update, json={"name": "other"}).status_code == 200
    info = shadeform.get(f"/instances/{instance_id}/info").json()
    assert (info["name"], info["tags"], info["alert"]) == ("other", ["a"], {"spend_threshold": "5"})
    shadeform.post(update, json={"tags": None, "alert": None})
    info = shadeform.get(f"/instances/{instance_id}/info").json()
    assert info["tags"] == []
    assert "alert" not in info
    assert shadeform.post(update, json={"os": "ubuntu22.04"}).status_code == 400


def test_an_instance_deletes_itself_when_it_has_spent_enough(sim, shadeform):
    shadeform.instance(auto_delete={"spend_threshold": "1.00"})
    sim.advance(3600)
    assert len(shadeform.get("/instances").json()["instances"]) == 1
    sim.advance(3700)
    assert shadeform.get("/instances").json()["instances"] == []
    assert sim.ledger()["instances"][0]["deleted_because"] == "auto_delete"


def test_a_launch_configuration_is_echoed(shadeform):
    launch = {
        "type": "docker",
        "docker_configuration": {"image": "x", "envs": [{"name": "TOKEN", "value": "secret"}]},
    }
    instance_id = shadeform.instance(launch_configuration=launch)
    assert shadeform.get(f"/instances/{instance_id}/info").json()["launch_configuration"] == launch


@pytest.mark.parametrize(
    "changes",
    [
        {"shade_instance_type": "H900"},
        {"launch_configuration": {"type": "script"}},
        {"launch_configuration": {"type": "docker", "script_configuration": {"base64_script": "x"}}},
        {"volume_ids": ["a", "b"]},
        {"volume_ids": ["nobody"]},
        {"auto_delete": {"spend_threshold": "much"}},
        {"rental_type": "forever"},
        {"ssh_key_id": "nobody"},
        {"colour": "red"},
    ],
)
def test_bad_instances_are_refused(sim, shadeform, changes):
    body = {
        "cloud": "hyperstack",
        "region": "canada-1",
        "shade_instance_type": "A6000",
        "shade_cloud": True,
        "name": "box",
        **changes,
    }
    assert shadeform.post("/instances/create", json=body).status_code == 400
    assert sim.ledger()["instances"] == []


def test_instance_types_are_filtered_and_sorted(shadeform):
    def types(**query: str):
        return shadeform.get("/instances/types", params=query).json()["instance_types"]

    assert {it["cloud"] for it in types(cloud="denvr")} == {"denvr"}
    assert {it["configuration"]["num_gpus"] for it in types(num_gpus="1")} == {1}
    assert all(it["availability"][0]["available"] for it in types(available="true"))
    prices = [it["hourly_price"] for it in types(sort="price")]
    assert prices == sorted(prices)
    assert types(cloud="mars") == []


def test_ssh_keys(sim, shadeform):
    (managed,) = shadeform.get("/sshkeys").json()["ssh_keys"]
    assert managed["is_default"]
    added = shadeform.post("/sshkeys/add", json={"name": "mine", "public_key": KEY}).json()
    info = shadeform.get(f"/sshkeys/{added['id']}/info").json()
    assert info == {
        "id": added["id"],
        "name": "mine",
        "public_key": KEY,
        "is_default": False,
        "private_key": "",
    }
    twice = shadeform.post("/sshkeys/add", json={"name": "mine", "public_key": KEY})
    assert twice.status_code == 409
    assert "name must be unique" in twice.json()["error"]
    assert shadeform.post("/sshkeys/add", json={"name": "bad", "public_key": "nonsense"}).status_code == 400
    assert shadeform.post(f"/sshkeys/{managed['id']}/delete").status_code == 409
    shadeform.post(f"/sshkeys/{added['id']}/setdefault")
    assert [it["is_default"] for it in shadeform.get("/sshkeys").json()["ssh_keys"]] == [False, True]
    assert shadeform.post(f"/sshkeys/{added['id']}/delete").status_code == 409
    shadeform.post(f"/sshkeys/{managed['id']}/setdefault")
    cluster_id = shadeform.create(ssh_key_id=added["id"])
    assert shadeform.post(f"/sshkeys/{added['id']}/delete").json()["error_code"] == "SSH_KEY_IN_USE"
    shadeform.remove(cluster_id)
    sim.advance(200)
    assert shadeform.post(f"/sshkeys/{added['id']}/delete").content == b""
    assert shadeform.get(f"/sshkeys/{added['id']}/info").status_code == 404
    (line,) = sim.ledger()["ssh_keys"]
    assert line["deleted_at"] is not None


def test_volumes(sim, shadeform):
    body = {"cloud": "hyperstack", "region": "canada-1", "size_in_gb": 100, "name": "data"}
    volume_id = shadeform.post("/volumes/create", json=body).json()["id"]
    info = shadeform.get(f"/volumes/{volume_id}/info").json()
    assert (info["size_in_gb"], info["mounted_by"]) == (100, None)
    instance_id = shadeform.instance(volume_ids=[volume_id])
    assert shadeform.get(f"/volumes/{volume_id}/info").json()["mounted_by"] == instance_id
    assert shadeform.post(f"/volumes/{volume_id}/delete").json()["error_code"] == "VOLUME_MOUNTED"
    shadeform.post(f"/instances/{instance_id}/delete")
    sim.advance(60)
    assert shadeform.get("/volumes").json()["volumes"][0]["mounted_by"] is None
    assert shadeform.post(f"/volumes/{volume_id}/delete").content == b""
    assert shadeform.get("/volumes").json() == {"volumes": []}
    types = shadeform.get("/volumes/types").json()["volume_types"]
    assert {"price_per_gb_per_hour", "supports_multi_mount", "fixed_size", "cloud", "region"} == set(types[0])
    for change in ({"size_in_gb": 0}, {"region": "mars"}, {"name": None}, {"colour": 1}):
        assert shadeform.post("/volumes/create", json={**body, **change}).status_code == 400
