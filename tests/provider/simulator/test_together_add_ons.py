"""Add-ons through their own endpoints, who a key belongs to, and base URLs of every form."""

from __future__ import annotations

import httpx
import pytest

ON = {"torchpass": {"enabled": True}}


def test_the_life_of_an_add_on(sim, together):
    cluster = together.create()["cluster_id"]
    path = f"/compute/clusters/{cluster}/addons"
    assert together.get(path).json() == {"add_ons": []}
    body = {"name": "pass", "add_on_type": "torchpass"}
    made = together.post(path, json=body)
    assert made.status_code == 200 and made.json() == {**body, "config": ON, "state": {"torchpass": {}}}
    assert together.get(f"{path}/pass").json() == made.json()
    assert together.get(path).json() == {"add_ons": [made.json()]} == {"add_ons": together.cluster(cluster)["add_ons"]}
    off = together.put(f"{path}/pass", json={"config": {"torchpass": {"enabled": False}}}).json()
    assert off["config"] == {"torchpass": {"enabled": False}}
    assert together.cluster(cluster)["add_ons"] == [] and together.get(path).json()["add_ons"] == [off]
    assert together.delete(f"{path}/pass").json() == {}
    assert together.get(f"{path}/pass").status_code == 404


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("POST", "", {"name": "ingress", "add_on_type": "ingress"}, 409),
        ("POST", "", {"name": " ", "add_on_type": "ingress"}, 400),
        ("POST", "", {"name": "x", "add_on_type": "toaster"}, 400),
        ("POST", "", {"name": "x", "add_on_type": "ingress", "config": None}, 400),
        ("PUT", "/ingress", {}, 400),
        ("PUT", "/nobody", {"config": ON}, 404),
        ("DELETE", "/nobody", None, 404),
    ],
)
def test_what_an_add_on_cannot_be(together, method, path, body, status):
    add_on = {"name": "ingress", "add_on_type": "ingress"}
    cluster = together.create(add_ons=[add_on])["cluster_id"]
    reply = together.request(method, f"/compute/clusters/{cluster}/addons{path}", json=body)
    assert reply.status_code == status, reply.text
    together.remove(cluster)
    assert together.post(f"/compute/clusters/{cluster}/addons", json={**add_on, "name": "y"}).status_code == 409


def test_whose_key_it_is(together):
    who = together.get("/v3/whoami").json()
    assert who["type"] == "project_api_key" and {"id", "name", "slug"} == set(who["project"])
    assert together.create()["project_id"] == who["project"]["id"]
    together.create(project_id="proj-b")
    first = together.get("/projects", params={"limit": "1"}).json()
    second = together.get("/projects", params={"limit": "1", "after": first["next_cursor"]}).json()
    found = [it["id"] for page in (first, second) for it in page["data"]]
    assert found == ["proj-b", who["project"]["id"]] and second["next_cursor"] is None
    assert together.get("/projects", params={"after": "x"}).status_code == 400


@pytest.mark.parametrize("base", ["/together", "/together/v1", "/together/v1/v1"])
def test_a_base_url_may_end_in_its_version_or_not(sim, together, base):
    made = together.create()["cluster_id"]
    headers = {"Authorization": "Bearer k"}
    for version in ("", "/v1"):
        reply = httpx.get(f"{sim.url}{base}{version}/compute/clusters/{made}", headers=headers, trust_env=False)
        assert reply.status_code == 200 and reply.json()["cluster_id"] == made, version
    who = httpx.get(f"{sim.url}{base}/v3/whoami", headers=headers, trust_env=False)
    assert who.status_code == 200, who.text
    assert sim.requests()["GET /together/v1/compute/clusters/{cluster_id}"] == 2
    assert httpx.get(f"{sim.url}/shadeform/clusters", headers={"X-API-KEY": "k"}, trust_env=False).status_code == 200
    assert httpx.get(f"{sim.url}/together/v2/compute/clusters", headers=headers, trust_env=False).status_code == 404
