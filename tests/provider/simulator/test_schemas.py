"""The simulated replies against the vendors' own schemas, and against the newest lists of fields."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

CLUSTER_FIELDS = [
    "cluster_id",
    "cluster_name",
    "cluster_type",
    "region",
    "gpu_type",
    "status",
    "billing_type",
    "num_gpus",
    "num_reserved_gpus",
    "num_capacity_pool_gpus",
    "desired_preemptible_gpus",
    "allocated_preemptible_gpus",
    "num_cpu_workers",
    "cuda_version",
    "nvidia_driver_version",
    "project_id",
    "kube_config",
    "volumes",
    "control_plane_nodes",
    "gpu_worker_nodes",
    "phase_transitions",
    "add_ons",
    "created_at",
    "first_ready_at",
    "reservation_start_time",
    "reservation_end_time",
    "duration_hours",
    "slurm_shm_size_gib",
    "capacity_pool_id",
    "install_traefik",
    "control_plane_ready",
    "is_in_substrate",
    "machine_cluster_id",
    "ums_project_id",
    "ums_org_id",
    "os_image",
    "nvidia_driver_version_id",
    "oidc_config",
    "cluster_config",
    "deleted_gpu_worker_nodes",
    "node_lifecycle_events",
]
WORKER_FIELDS = [
    "node_id",
    "status",
    "host_name",
    "num_cpu_cores",
    "num_gpus",
    "memory_gib",
    "networks",
    "phase_transitions",
    "instance_id",
    "slurm_worker_hostname",
    "public_ipv4",
    "ib_hca_type",
    "ib_hca_count",
    "nvswitch_count",
    "nvswitch_type",
    "ephemeral_storage",
    "auto_remediation_enabled",
    "marked_for_deletion",
    "latest_remediation",
]
CONTROL_PLANE_FIELDS = [
    "node_id",
    "status",
    "host_name",
    "num_cpu_cores",
    "memory_gib",
    "network",
    "phase_transitions",
    "public_ipv4",
]
CONFIG_FIELDS = [
    "load_balancer",
    "kubernetes_dashboard_enabled",
    "jumphost_enabled",
    "slurm_startup_scripts",
    "ingress",
    "observability",
    "gpu_operator_version",
    "network_operator_version",
    "ssh_ca_enabled",
]
OIDC = {
    "issuer_url": "https://issuer.example",
    "client_id": "id",
    "username_claim": "email",
    "username_prefix": "oidc:",
    "group_claim": "groups",
    "group_prefix": "oidc:",
    "ca_cert": "-----BEGIN CERTIFICATE-----",
}

DROPPED_SINCE = {"node_name"}
"""What the older schema requires and the newer ones have no longer."""

REALLY_NULLABLE = {"ip", "ssh_port", "deleted_at", "mounted_by", "active_at", "status_details"}
"""What Shadeform's schema calls a string and its own quickstart shows as null."""


def as_json_schema(value: Any) -> Any:
    """An OpenAPI 3 schema as JSON Schema, as strict as the vendor's replies are."""
    if isinstance(value, list):
        return [as_json_schema(item) for item in value]
    if not isinstance(value, dict):
        return value
    made = {key: as_json_schema(item) for key, item in value.items() if key not in ("example", "nullable")}
    if isinstance(made.get("required"), list):
        made["required"] = [name for name in made["required"] if name not in DROPPED_SINCE]
    if value.get("nullable") is True and isinstance(made.get("type"), str):
        made["type"] = [made["type"], "null"]
    properties = made.get("properties")
    if isinstance(properties, dict):
        for name in REALLY_NULLABLE & set(properties):
            properties[name] = {"anyOf": [properties[name], {"type": "null"}]}
    return made


def check(specification: dict[str, Any], name: str, reply: Any) -> None:
    components = {"components": as_json_schema(specification["components"])}
    schema = {"$ref": f"#/components/schemas/{name}", **components}
    errors = [
        f"{'/'.join(map(str, error.absolute_path))}: {error.message[:200]}"
        for error in jsonschema.Draft202012Validator(schema).iter_errors(reply)
    ]
    assert errors == []


@pytest.fixture(scope="session")
def newest() -> dict[str, Any]:
    """Together's newest documented schema, which stands inside a page of its documentation."""
    default = Path(__file__).parents[4] / "shared" / "apis"
    folder = Path(os.environ.get("GPUFLEET_APIS", default)).parent / "seeds"
    for path in sorted(folder.glob("*.txt")) if folder.is_dir() else ():
        _, fence, rest = path.read_text().partition("````yaml")
        if fence and "GPUClusters:" in rest:
            return yaml.safe_load(rest.partition("\n")[2].partition("````")[0])
    pytest.skip(f"the vendor's documentation pages are not at {folder} (GPUFLEET_APIS)")


@pytest.fixture
def everything(sim, together):
    """A Slurm cluster with every optional field, which has scaled, and one of whose nodes is being remediated."""
    made = together.create(
        cluster_type="SLURM",
        slurm_shm_size_gib=64,
        num_gpus=24,
        billing_type="RESERVED",
        duration_days=3,
        capacity_pool_id="pool-1",
        num_capacity_pool_gpus=8,
        shared_volume={"volume_name": "v", "size_tib": 1, "region": "us-central-8"},
        oidc_config=OIDC,
        cluster_config={"load_balancer": "NONE", "slurm_startup_scripts": {"worker_prolog": "#!/bin/sh"}},
        add_ons=[{"name": "slurm_web", "add_on_type": "slurm_web"}],
    )
    sim.advance(900)
    assert together.change(made["cluster_id"], num_gpus=16).status_code == 200
    sim.advance(300)
    sim.intervene(made["cluster_id"], "remediate")
    return together.cluster(made["cluster_id"])


def test_a_cluster_has_every_field_of_the_newest_schema(everything):
    assert set(everything) == set(CLUSTER_FIELDS)
    assert set(everything["gpu_worker_nodes"][0]) == set(WORKER_FIELDS)
    assert set(everything["deleted_gpu_worker_nodes"][0]) == {*WORKER_FIELDS, "deleted_at"} - {"latest_remediation"}
    assert set(everything["control_plane_nodes"][0]) == set(CONTROL_PLANE_FIELDS)
    assert set(everything["cluster_config"]) == set(CONFIG_FIELDS)
    assert set(everything["add_ons"][0]) == {"name", "add_on_type", "config", "state"}
    assert set(everything["node_lifecycle_events"][0]) == {"node_id", "reason", "message", "timestamp"}
    assert set(everything["oidc_config"]) == set(OIDC)


def test_clusters_keep_to_the_newest_documented_schema(sim, together, everything, newest):
    check(newest, "GPUClusterInfo", everything)
    young = together.create(cluster_name="young", num_gpus=32)
    for _ in range(40):
        check(newest, "GPUClusters", together.get("/compute/clusters").json())
        sim.advance(20)
    together.remove(young["cluster_id"])
    check(newest, "GPUClusters", together.get("/compute/clusters").json())


def test_no_documented_field_is_missing(everything, newest):
    documented = newest["components"]["schemas"]["GPUClusterInfo"]["properties"]
    assert set(documented) - set(everything) == set()


def test_clusters_and_volumes_keep_to_the_older_published_schema(together, everything, schemas):
    published = schemas["together"]
    check(published, "GPUClusterInfo", everything)
    check(published, "GPUClusters", together.get("/compute/clusters").json())
    check(published, "RegionListResponse", together.get("/compute/regions").json())
    volume_id = everything["volumes"][0]["volume_id"]
    check(published, "GPUClustersSharedVolume", together.read_volume(volume_id).json())
    check(published, "GPUClustersSharedVolumes", together.get("/compute/clusters/storage/volumes").json())
    fresh = together.volume()
    gone = together.delete(f"/compute/clusters/storage/volumes/{fresh['volume_id']}").json()
    check(published, "GPUClustersSharedVolumeDeleteResponse", gone)


def test_every_published_field_of_a_create_is_known(together, schemas):
    published = schemas["together"]["components"]["schemas"]["GPUClusterCreateRequest"]["properties"]
    unknown = {
        name
        for name in published
        if "is not a known field"
        in together.post("/compute/clusters", json={**together.body(), name: "no such value"}).text
    }
    assert unknown == {"gpu_node_failover_enabled"}, "which the vendor has removed since"


def test_every_published_path_of_together_is_routed(sim, schemas):
    routed = {(route.method, route.path) for route in sim.simulation.clouds["together"].routes}
    published = {
        (verb.upper(), path)
        for path, operations in schemas["together"]["paths"].items()
        for verb in operations
        if verb in ("get", "put", "post", "delete")
    }
    assert published - routed == set()


def test_shadeform_keeps_to_the_published_schema(sim, shadeform, schemas):
    published = schemas["shadeform"]
    cluster_id = shadeform.create(num_instances=4)
    for _ in range(32):
        check(published, "ClustersResponse", shadeform.get("/clusters").json())
        check(published, "ClusterInfoResponse", shadeform.cluster(cluster_id))
        sim.advance(20)
    check(published, "ClusterTypesResponse", shadeform.get("/clusters/types").json())
    check(published, "InstanceTypesResponse", shadeform.get("/instances/types").json())
    volume = {"cloud": "hyperstack", "region": "canada-1", "size_in_gb": 1, "name": "v"}
    created = shadeform.post("/volumes/create", json=volume).json()
    check(published, "CreateVolumeResponse", created)
    instance_id = shadeform.instance(
        volume_ids=[created["id"]], tags=["a"], alert={"spend_threshold": "3"}, envs=[{"name": "a", "value": "b"}]
    )
    for _ in range(6):
        check(published, "InstancesResponse", shadeform.get("/instances").json())
        check(published, "InstanceInfoResponse", shadeform.get(f"/instances/{instance_id}/info").json())
        sim.advance(60)
    check(published, "VolumesResponse", shadeform.get("/volumes").json())
    check(published, "VolumesTypesResponse", shadeform.get("/volumes/types").json())
    check(published, "SshKeysResponse", shadeform.get("/sshkeys").json())


@pytest.mark.parametrize("kind", ["clusters", "instances", "sshkeys", "volumes"])
def test_every_published_path_of_shadeform_is_routed(sim, schemas, kind):
    routed = {(route.method, route.path) for route in sim.simulation.clouds["shadeform"].routes}
    published = {
        (verb.upper(), path)
        for path, operations in schemas["shadeform"]["paths"].items()
        for verb in operations
        if verb in ("get", "post") and path.split("/")[1] == kind
    }
    assert published - routed == set()
