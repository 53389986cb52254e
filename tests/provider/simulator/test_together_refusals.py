"""What the simulated Together refuses, with which status and in which words and shapes."""

from __future__ import annotations

import json
from datetime import datetime, timedelta, timezone

import httpx
import pytest

LATER = (datetime.now(timezone.utc) + timedelta(days=30)).isoformat()
LATEST = (datetime.now(timezone.utc) + timedelta(days=60)).isoformat()
OIDC = {
    "issuer_url": "https://issuer.example",
    "client_id": "id",
    "username_claim": "email",
    "username_prefix": "oidc:",
    "group_claim": "groups",
    "group_prefix": "oidc:",
}

BAD_CREATES = [
    ({"cluster_name": None}, "cluster_name"),
    ({"cluster_name": ""}, "cluster_name"),
    ({"region": None}, "region"),
    ({"region": "mars-1"}, "region"),
    ({"gpu_type": None}, "gpu_type"),
    ({"gpu_type": "L40_PCIE"}, "gpu_type"),
    ({"num_gpus": None}, "num_gpus"),
    ({"num_gpus": 12}, "num_gpus"),
    ({"num_gpus": 0}, "num_gpus"),
    ({"num_gpus": -8}, "num_gpus"),
    ({"num_gpus": "8"}, "num_gpus"),
    ({"num_gpus": True}, "num_gpus"),
    ({"billing_type": None}, "billing_type"),
    ({"billing_type": "FREE"}, "billing_type"),
    ({"cluster_type": "NOMAD"}, "cluster_type"),
    ({"cuda_version": None}, "cuda_version"),
    ({"nvidia_driver_version": None}, "cuda_version"),
    ({"nvidia_driver_version": "570"}, "cuda_version"),
    ({"nvidia_version_id": "nowhere"}, "nvidia_version_id"),
    ({"nvidia_version_id": "nvv-us-central-8-570-1282204"}, "nvidia_version_id"),
    ({"cluster_type": "SLURM"}, "slurm_shm_size_gib"),
    ({"slurm_image": "x"}, "slurm_image"),
    ({"cluster_type": "SLURM", "slurm_shm_size_gib": 1, "install_traefik": True}, "install_traefik"),
    ({"cluster_type": "SLURM", "slurm_shm_size_gib": 1, "num_preemptible_gpus": 8}, "num_preemptible_gpus"),
    ({"num_preemptible_gpus": 4}, "num_preemptible_gpus"),
    ({"auto_scale": True}, "auto_scale_max_gpus"),
    ({"auto_scale": True, "num_gpus": 16, "auto_scale_max_gpus": 8}, "auto_scale_max_gpus"),
    ({"num_capacity_pool_gpus": 8}, "num_capacity_pool_gpus"),
    ({"num_capacity_pool_gpus": 16, "capacity_pool_id": "p"}, "num_capacity_pool_gpus"),
    ({"num_reserved_gpus": 8}, "num_reserved_gpus"),
    ({"billing_type": "RESERVED", "duration_days": 1, "num_reserved_gpus": 16}, "num_reserved_gpus"),
    ({"duration_days": 1}, "duration_days"),
    ({"billing_type": "RESERVED"}, "duration_days"),
    ({"billing_type": "RESERVED", "duration_days": 91}, "duration_days"),
    ({"billing_type": "SCHEDULED_CAPACITY"}, "reservation_end_time"),
    ({"reservation_end_time": LATER}, "reservation_end_time"),
    ({"billing_type": "RESERVED", "reservation_end_time": "soon"}, "reservation_end_time"),
    (
        {"billing_type": "SCHEDULED_CAPACITY", "reservation_start_time": LATEST, "reservation_end_time": LATER},
        "reservation_end_time",
    ),
    ({"cluster_config": {}}, "cluster_config.load_balancer"),
    ({"cluster_config": {"load_balancer": "HAPROXY"}}, "cluster_config.load_balancer"),
    ({"cluster_config": {"load_balancer": "NONE", "ingress": {"colour": 1}}}, "cluster_config.ingress.colour"),
    (
        {"cluster_config": {"load_balancer": "NONE", "slurm_startup_scripts": {"worker_prolog": "x"}}},
        "cluster_config.slurm_startup_scripts",
    ),
    ({"oidc_config": {**OIDC, "client_id": None}}, "oidc_config.client_id"),
    ({"add_ons": [{"name": "x", "add_on_type": "jupyter"}]}, "add_ons[0].add_on_type"),
    ({"add_ons": [{"add_on_type": "dashboard"}]}, "add_ons[0].name"),
    ({"add_ons": ["dashboard"]}, "add_ons[0]"),
    ({"acceptance_tests_params": {"dcgm_diag_level": "HARD"}}, "acceptance_tests_params.dcgm_diag_level"),
    ({"acceptance_tests_params": {"gpu_burn_duration": -1}}, "acceptance_tests_params.gpu_burn_duration"),
    ({"shared_volume": {"volume_name": "v", "size_tib": 1}}, "shared_volume.region"),
    ({"shared_volume": {"volume_name": "v", "size_tib": 1, "region": "us-east-1"}}, "shared_volume.region"),
    (
        {"volume_id": "x", "shared_volume": {"volume_name": "v", "size_tib": 1, "region": "us-central-8"}},
        "volume_id",
    ),
    ({"colour": "red"}, "colour"),
    ({"driver_version": "CUDA_12_6_560"}, "driver_version"),
]


@pytest.mark.parametrize(("changes", "param"), BAD_CREATES, ids=[f"{it[1]}-{n}" for n, it in enumerate(BAD_CREATES)])
def test_a_bad_create_is_refused_by_the_name_of_the_field(sim, together, changes, param):
    refused = together.post("/compute/clusters", json=together.body(**changes))
    assert refused.status_code == 400, refused.text
    error = refused.json()["error"]
    assert set(error) == {"message", "type", "param", "code"}
    assert error["param"] == param
    assert sim.ledger()["clusters"] == []
    assert sim.ledger()["volumes"] == []


def test_nulls_are_refused_but_where_the_vendors_own_command_sends_them(sim, together):
    body = {**together.body(), "duration_days": None, "cluster_type": None}
    made = together.post("/compute/clusters", json=body).json()
    assert made["cluster_type"] == "KUBERNETES"
    sim.advance(600)
    for fields in ({"shared_volume": None}, {"cluster_config": {"load_balancer": "NONE", "jumphost_enabled": None}}):
        refused = together.post("/compute/clusters", json={**together.body(), **fields})
        assert (refused.status_code, "must not be null" in refused.text) == (400, True)
    assert together.change(made["cluster_id"], num_gpus=16, cluster_type=None).status_code == 400
    sim.switch("together", nulls="ignore")
    assert together.post("/compute/clusters", json={**body, "shared_volume": None}).status_code == 200
    assert together.change(made["cluster_id"], num_gpus=16, cluster_type=None).status_code == 200


@pytest.mark.parametrize("name", ["", " ", "\t", "\n"])
def test_a_blank_name_is_none(together, shadeform, name):
    refused = together.post("/compute/clusters", json={**together.body(), "cluster_name": name})
    assert (refused.status_code, "cluster_name" in refused.text) == (400, True)
    assert shadeform.post("/clusters/create", json={**shadeform.body(), "name": name}).status_code == 400


@pytest.mark.parametrize("number", ["8.0", "8.5", "1e1", "9223372036854775808", "true", '"8"'])
def test_a_whole_number_is_written_as_one(together, number):
    text = json.dumps({**together.body(), "num_gpus": "?"}).replace('"?"', number)
    assert together.post("/compute/clusters", content=text).status_code == 400


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity", "1e999", "[" * 100_000])
def test_what_is_not_json_is_refused(together, number):
    text = json.dumps({**together.body(), "num_gpus": "?"}).replace('"?"', number)
    assert together.post("/compute/clusters", content=text).status_code == 400


def test_a_change_of_nothing_is_refused(sim, together, shadeform):
    made = together.create()
    sim.advance(600)
    assert together.change(made["cluster_id"]).status_code == 400
    volume = together.volume()
    assert together.put("/compute/clusters/storage/volumes", json=volume["volume_id"]).status_code == 400
    only_id = {"volume_id": volume["volume_id"]}
    assert together.put("/compute/clusters/storage/volumes", json=only_id).status_code == 400
    assert shadeform.post(f"/instances/{shadeform.instance()}/update", json={}).status_code == 400


def test_what_the_body_has_too_much_of_can_be_ignored(sim, together):
    sim.switch("together", unknown_fields="ignore")
    together.create(colour="red")


BAD_UPDATES = [
    ({"num_gpus": 12}, "num_gpus"),
    ({"num_gpus": 0}, "num_gpus"),
    ({"cluster_name": "other"}, "cluster_name"),
    ({"reservation_end_time": LATER}, "reservation_end_time"),
    ({"num_reserved_gpus": 8}, "num_reserved_gpus"),
    ({"num_capacity_pool_gpus": 8}, "num_capacity_pool_gpus"),
    ({"num_preemptible_gpus": 7}, "num_preemptible_gpus"),
    ({"cluster_config": {"jumphost_enabled": True}}, "cluster_config.load_balancer"),
    ({"add_ons": [{"name": "nobody"}]}, "add_ons"),
    ({"add_ons": [{"name": "x", "add_on_type": "dashboard"}]}, "add_ons[0].add_on_type"),
    ({"cluster_type": "SLURM"}, "cluster_type"),
]


@pytest.mark.parametrize(("changes", "param"), BAD_UPDATES, ids=[f"{it[1]}-{n}" for n, it in enumerate(BAD_UPDATES)])
def test_a_bad_update_is_refused_and_changes_nothing(sim, together, changes, param):
    made = together.create()
    sim.advance(600)
    before = together.cluster(made["cluster_id"])
    refused = together.change(made["cluster_id"], **changes)
    assert refused.status_code == 400, refused.text
    assert refused.json()["error"]["param"] == param
    assert together.cluster(made["cluster_id"]) == before


def test_a_cluster_that_is_not_ready_takes_no_updates_unless_switched(sim, together):
    made = together.create()
    assert together.change(made["cluster_id"], num_gpus=16).status_code == 409
    sim.switch("together", update_while_not_ready="accept")
    assert together.change(made["cluster_id"], num_gpus=16).status_code == 200
    sim.advance(900)
    assert len(together.cluster(made["cluster_id"])["gpu_worker_nodes"]) == 2


@pytest.mark.parametrize(("region", "gpu_type"), [("us-west-2", "H100_SXM"), ("us-east-1", "B300_SXM")])
def test_sold_out_is_a_409_that_says_so(sim, together, region, gpu_type):
    refused = together.post("/compute/clusters", json=together.body(region=region, gpu_type=gpu_type))
    assert refused.status_code == 409
    assert refused.json()["error"]["message"] == "Out of stock"
    assert sim.ledger()["clusters"] == []


def test_stock_is_used_up_and_comes_back(sim, together):
    sim.switch("together", stock_gpus={"us-central-8": {"H100_SXM": 16}})
    made = together.create()
    assert together.post("/compute/clusters", json=together.body(num_gpus=16)).status_code == 409
    sim.advance(600)
    assert together.change(made["cluster_id"], num_gpus=24).status_code == 409
    assert together.change(made["cluster_id"], num_gpus=16).status_code == 200
    together.remove(made["cluster_id"])
    sim.advance(120)
    together.create(num_gpus=16)


def test_keys(sim, together):
    def ask(method: str, **headers: str) -> httpx.Response:
        return httpx.request(method, f"{sim.base_url('together')}/compute/clusters", headers=headers, trust_env=False)

    for headers in ({}, {"Authorization": "Bearer wrong"}, {"Authorization": "Bearer"}, {"Authorization": "Basic x"}):
        refused = ask("GET", **headers)
        assert (refused.status_code, refused.json()["error"]["code"]) == (401, "invalid_api_key")
    assert ask("GET", Authorization="Bearer forbidden").status_code == 403
    assert ask("GET", Authorization="Bearer member").status_code == 200
    assert ask("POST", Authorization="Bearer member").status_code == 403
    assert ask("GET", Authorization="Bearer whatever").status_code == 200
    assert sim.ledger()["clusters"] == []


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/compute/clusters/nobody", 404),
        ("PUT", "/compute/clusters/nobody", 404),
        ("DELETE", "/compute/clusters/nobody", 404),
        ("GET", "/compute/pools", 404),
        ("PATCH", "/compute/clusters", 405),
        ("POST", "/compute/regions", 405),
    ],
)
def test_what_is_not_there(together, method, path, status):
    refused = together.request(method, path, json={} if method == "PUT" else None)
    assert refused.status_code == status
    assert refused.json()["error"]["message"]


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b'"x"', b"\xff"])
def test_a_body_that_is_no_json_object_is_refused(together, body):
    assert together.post("/compute/clusters", content=body).status_code == 400


def test_errors_come_in_three_shapes(sim, together):
    sim.switch("together", error_shape="rpc", invalid_status=422)
    refused = together.post("/compute/clusters", json=together.body(num_gpus=12))
    assert refused.status_code == 422
    assert refused.json()["code"] == 3
    assert "num_gpus" not in refused.json()["message"]
    assert "num_gpus" in refused.json()["details"][0]["detail"]
    sim.switch("together", error_shape="text")
    refused = together.get("/compute/clusters/nobody")
    assert refused.headers["content-type"].startswith("text/plain")
    assert "nobody" in refused.text
    assert together.get("/nowhere").headers["content-type"].startswith("text/plain")
