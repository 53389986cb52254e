"""Bodies, requests and the simulator's replies, held against the vendors' schemas and against fixtures of our own.

`fixtures/*_fields.json` name every field of the newest schemas: Together's Python SDK 3.1.1 (and the torchpass add-on
of its published description); Shadeform's OpenAPI of February 2026 with the rental terms that were added since. The
vendors' own schema files are read in place, from `GPUFLEET_APIS` or `../shared/apis` beside the repository, and never
copied into it.
"""

from __future__ import annotations

import json
import os
import re
import time
import typing
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import jsonschema
import pytest
import yaml
from gpufleet_provider import CLOUDS, shadeform, together
from gpufleet_provider.clouds import lifecycle_of, lifecycles_of
from gpufleet_provider.http.client import CloudClient
from gpufleet_provider.model.cloud import Cloud
from gpufleet_provider.model.fields import Info, Local, Properties, Suggested, Unreadable, mark, marked, nested_body
from gpufleet_provider.model.replies import parse_info
from gpufleet_provider.shadeform.cluster import ClusterCreate as ShadeformCreate
from gpufleet_provider.shadeform.cluster import ClusterInfo as ShadeformInfo
from gpufleet_provider.shadeform.cluster_types import ClusterType, list_cluster_types
from gpufleet_provider.simulator import RunningSimulator, running
from gpufleet_provider.together.cluster.bodies import ClusterCreate, ClusterInfo, ClusterUpdate
from gpufleet_provider.together.cluster.outputs import CLUSTER_PHASES, NODE_PHASES
from gpufleet_provider.together.regions import Region, list_regions
from pydantic import BaseModel

FIXTURES = Path(__file__).parent / "fixtures"
APIS = Path(os.environ.get("GPUFLEET_APIS") or Path(__file__).parents[3] / "shared" / "apis")

# --- Deliberately excluded, each with its reason -------------------------------------------------------------------

EXCLUDED = {
    "together create": {
        "auto_scaled": "the name that auto_scale had; the newest schema dropped it",
        "gpu_node_failover_enabled": "removed by the vendor",
    },
    "together update": {
        "cluster_type": "what a switch does to workloads is stated nowhere: it replaces",
    },
    "together cluster": {
        "control_plane_nodes.node_name": "gone from the newest schema",
        "gpu_worker_nodes.node_name": "gone from the newest schema",
    },
    "shadeform cluster": {
        "instances.launch_configuration": "echoes environments, registry passwords and scripts",
    },
}
OURS = {
    "together create": {
        "confirm_forfeit": "steers the provider, is never sent",
        "confirm_data_loss": "steers the provider, is never sent",
    },
    "together update": {"shared_volume": "goes through the volumes' update call"},
}


def fixture(name: str) -> Any:
    return json.loads((FIXTURES / f"{name}.json").read_text())


# --- Every field of the newest schemas -----------------------------------------------------------------------------

BODIES: list[tuple[str, str, type[BaseModel]]] = [
    ("together", "create", ClusterCreate),
    ("together", "update", ClusterUpdate),
    ("together", "cluster", ClusterInfo),
    ("together", "region", Region),
    ("shadeform", "create", ShadeformCreate),
    ("shadeform", "cluster", ShadeformInfo),
    ("shadeform", "cluster_type", ClusterType),
]


def paths_of(tree: dict[str, Any], at: str = "") -> Iterator[str]:
    for name, inner in tree.items():
        yield f"{at}{name}"
        yield from paths_of(inner or {}, f"{at}{name}.")


def present(value: Any, at: str = "") -> Iterator[str]:
    """The paths of every field in a reply, list entries as one."""
    for entry in value if isinstance(value, list) else [value]:
        for name, inner in entry.items() if isinstance(entry, dict) else ():
            yield f"{at}{name}"
            yield from present(inner, f"{at}{name}.")


def tree_of(body: type[BaseModel]) -> dict[str, Any]:
    return {
        name: tree_of(inner) if (inner := nested_body(field.annotation)) else None
        for name, field in body.model_fields.items()
    }


def within(path: str, roots: dict[str, str]) -> bool:
    return any(path == root or path.startswith(f"{root}.") for root in roots)


@pytest.mark.parametrize(("cloud", "kind", "body"), BODIES, ids=[f"{cloud} {kind}" for cloud, kind, _ in BODIES])
def test_every_field_of_the_newest_schema_is_there(cloud: str, kind: str, body: type[BaseModel]) -> None:
    newest, ours = set(paths_of(fixture(f"{cloud}_fields")[kind])), set(paths_of(tree_of(body)))
    label = f"{cloud} {kind}"
    assert [path for path in sorted(newest - ours) if not within(path, EXCLUDED.get(label, {}))] == []
    invented = [path for path in sorted(ours - newest) if not within(path, OURS.get(label, {}))]
    assert invented == []


@pytest.mark.parametrize(("cloud", "kind", "body"), BODIES, ids=[f"{cloud} {kind}" for cloud, kind, _ in BODIES])
def test_every_field_says_what_it_is(cloud: str, kind: str, body: type[BaseModel]) -> None:
    seen: set[type[BaseModel]] = set()

    def undescribed(model: type[BaseModel]) -> Iterator[str]:
        seen.add(model)
        for name, field in model.model_fields.items():
            if not field.description:
                yield f"{model.__name__}.{name}"
            inner = nested_body(field.annotation)
            if inner is not None and inner not in seen:
                yield from undescribed(inner)

    assert list(undescribed(body)) == []


@pytest.mark.parametrize(
    ("name", "model"),
    [
        ("together_cluster", ClusterInfo),
        ("together_region", Region),
        ("shadeform_cluster", ShadeformInfo),
        ("shadeform_cluster_type", ClusterType),
    ],
)
def test_a_reply_with_every_field_comes_through_whole(name: str, model: type[Any]) -> None:
    reply = fixture(name)
    kept = parse_info(model, reply).model_dump(mode="json", exclude_none=True)
    assert kept == without(reply, "launch_configuration")


def without(value: Any, key: str) -> Any:
    """What is left of a reply without one key and without nulls."""
    if isinstance(value, dict):
        return {k: without(v, key) for k, v in value.items() if k != key and v is not None}
    return [without(entry, key) for entry in value] if isinstance(value, list) else value


def test_what_a_container_was_started_with_is_in_no_output() -> None:
    outputs = shadeform.LIFECYCLES["Cluster"].outputs(parse_info(ShadeformInfo, fixture("shadeform_cluster")))
    assert "launch_configuration" not in json.dumps(outputs)
    assert "s3cret" not in json.dumps(outputs)


def test_the_fixtures_cover_every_field() -> None:
    for name, kind in (("together_cluster", "cluster"), ("shadeform_cluster", "cluster")):
        wanted = set(paths_of(fixture(f"{name.split('_')[0]}_fields")[kind]))
        missing = wanted - set(present(fixture(name)))
        # Only nodes that have left say when they did.
        expected = {"gpu_worker_nodes.deleted_at"} if kind == "cluster" and name.startswith("together") else set[str]()
        assert {path for path in missing if "launch_configuration" not in path} == expected


# --- Inputs that replies show ---------------------------------------------------------------------------------------


FULL_REPLIES: dict[str, tuple[list[Properties], Properties]] = {
    "together:Cluster": (
        # The days of a term are shown where its end is not.
        [fixture("together_cluster"), {**fixture("together_cluster"), "reservation_end_time": None}],
        fixture("together_inputs"),
    ),
    "shadeform:Cluster": ([fixture("shadeform_cluster")], {}),
}
"""Of each resource, replies with every field, and inputs that a program declares."""


@pytest.mark.parametrize("token", [life.token for name in CLOUDS for life in lifecycles_of(name).values()])
def test_every_input_is_shown_by_a_full_reply_or_marked_unreadable(token: str) -> None:
    lifecycle, (replies, declared) = lifecycle_of(token), FULL_REPLIES[token]
    body = lifecycle.create_body
    infos = [parse_info(lifecycle.info_body, reply) for reply in replies]
    shown = {name for info in infos for given in (None, declared) for name in lifecycle.observed(info, given)}
    hidden = {*marked(body, Unreadable), *marked(body, Local)}
    assert set(body.model_fields) - shown - hidden == set()
    assert {name for info in infos for name in lifecycle.observed(info)} & hidden == set()


@pytest.mark.parametrize("body", [body for *_, body in BODIES if issubclass(body, Info)])
def test_every_field_of_a_reply_may_be_missing(body: type[Info]) -> None:
    """What `parse_info` leaves None has a type that says so; what the schema requires has no default."""
    left, seen = [body], set[type[BaseModel]]()
    while left:
        model = left.pop()
        seen.add(model)
        for name, field in model.model_fields.items():
            admits_none = type(None) in typing.get_args(field.annotation)
            assert admits_none or not issubclass(model, Info), f"{model.__name__}.{name}"
            if (inner := nested_body(field.annotation)) is not None and inner not in seen:
                left.append(inner)


# --- The vendors' own schemas --------------------------------------------------------------------------------------


def schema_file(name: str) -> dict[str, Any]:
    path = APIS / name
    if not path.is_file():
        pytest.skip(f"the vendor's schema {name} is not at {APIS} (set GPUFLEET_APIS)")
    return yaml.safe_load(path.read_text())


def together_schemas() -> dict[str, Any]:
    return schema_file("together-2026-04.yaml")["components"]["schemas"]


def together_list_schemas() -> dict[str, Any]:
    """The description inside the page of the list call, which is newer than the published file."""
    found = sorted((APIS.parent / "seeds").glob("001_*.txt"))
    if not found:
        pytest.skip(f"the vendor's page of the list call is not beside {APIS}")
    text = found[0].read_text()
    return yaml.safe_load(text.split("````yaml GET /compute/clusters\n")[1].split("````")[0])["components"]["schemas"]


def shadeform_schemas() -> dict[str, Any]:
    return schema_file("shadeform-2026-02.yaml")["components"]["schemas"]


def validator(schemas: dict[str, Any], name: str, *, strict: bool) -> jsonschema.Draft202012Validator:
    """A validator for a schema and all that it refers to; without `strict` nothing is required, as in real replies."""

    def eased(value: Any) -> Any:
        if isinstance(value, list):
            return [eased(entry) for entry in value]
        if not isinstance(value, dict):
            return value
        kept = {
            k: eased(v) for k, v in value.items() if k not in ("nullable", "example") and (strict or k != "required")
        }
        # OpenAPI 3.0 writes null as a flag; replies of Shadeform have nulls where its schema has none (facts, 3.3).
        if isinstance(kept.get("type"), str) and (value.get("nullable") or not strict):
            kept["type"] = [kept["type"], "null"]
        return kept

    return jsonschema.Draft202012Validator(
        {"$ref": f"#/components/schemas/{name}", "components": {"schemas": eased(schemas)}}
    )


def problems(schemas: dict[str, Any], name: str, document: Any, *, strict: bool) -> list[str]:
    found = validator(schemas, name, strict=strict).iter_errors(document)
    return [f"{error.json_path}: {error.message}" for error in found]


def names_in(schemas: dict[str, Any], name: str) -> dict[str, Any]:
    """The tree of field names of a schema."""

    def tree(schema: dict[str, Any]) -> dict[str, Any] | None:
        if "$ref" in schema:
            return tree(schemas[schema["$ref"].rsplit("/", 1)[1]])
        if "allOf" in schema:
            return {k: v for part in schema["allOf"] for k, v in (tree(part) or {}).items()}
        if schema.get("type") == "array":
            return tree(schema["items"])
        fields: dict[str, Any] | None = schema.get("properties")
        return {key: tree(value) for key, value in fields.items()} if fields else None

    return tree(schemas[name]) or {}


@pytest.mark.parametrize(
    ("label", "schemas", "name", "body"),
    [
        ("together create", together_schemas, "GPUClusterCreateRequest", ClusterCreate),
        ("together update", together_schemas, "GPUClusterUpdateRequest", ClusterUpdate),
        ("together cluster", together_schemas, "GPUClusterInfo", ClusterInfo),
        ("together cluster", together_list_schemas, "GPUClusterInfo", ClusterInfo),
        ("shadeform create", shadeform_schemas, "CreateClusterRequest", ShadeformCreate),
        ("shadeform cluster", shadeform_schemas, "Cluster", ShadeformInfo),
        ("shadeform cluster_type", shadeform_schemas, "ClusterType", ClusterType),
    ],
    ids=["create", "update", "cluster", "cluster of the list page", "shadeform create", "cluster ", "cluster type"],
)
def test_every_field_that_the_vendor_publishes_is_there(
    label: str, schemas: Callable[[], dict[str, Any]], name: str, body: type[BaseModel]
) -> None:
    published, ours = set(paths_of(names_in(schemas(), name))), set(paths_of(tree_of(body)))
    assert [path for path in sorted(published - ours) if not within(path, EXCLUDED.get(label, {}))] == []


# --- Requests ------------------------------------------------------------------------------------------------------


class Recorded:
    """A client that answers from a table and keeps what it was asked."""

    def __init__(self, cloud: Cloud, answers: dict[str, Any]) -> None:
        self.cloud = cloud
        self.answers = answers
        self.calls: list[tuple[str, str, Any]] = []

    def request(self, method: str, path: str, *, json: Any = None, **_: Any) -> Any:
        self.calls.append((method, path, json))
        return self.answers[f"{method} {path}"]


def sendable(body: type[BaseModel], inputs: Properties) -> Properties:
    return {name: value for name, value in inputs.items() if name not in marked(body, Local)}


def test_together_create_requests_are_what_the_vendor_publishes() -> None:
    client: Any = Recorded(together.CLOUD, {"POST /compute/clusters": {"cluster_id": "c-0001"}})
    inputs = fixture("together_inputs")
    ClusterCreate.model_validate(inputs)
    id = together.LIFECYCLES["Cluster"].create(client, sendable(ClusterCreate, inputs))
    [(_, _, body)] = client.calls
    assert id == "c-0001"
    assert "confirm_forfeit" not in body
    assert body["shared_volume"]["is_lifecycle_independent"] is False
    assert problems(together_schemas(), "GPUClusterCreateRequest", body, strict=True) == []


def test_together_update_requests_are_what_the_vendor_publishes() -> None:
    cluster = fixture("together_cluster")
    client: Any = Recorded(
        together.CLOUD,
        {
            "GET /compute/clusters/c-0001": cluster,
            "PUT /compute/clusters/c-0001": cluster,
            "PUT /compute/clusters/storage/volumes": cluster["volumes"][0],
        },
    )
    changes = {
        "num_gpus": 24,
        "reservation_end_time": "2027-01-01T00:00:00Z",
        "num_reserved_gpus": 16,
        "num_preemptible_gpus": 0,
        "num_capacity_pool_gpus": 8,
        "cluster_config": {"load_balancer": "ISTIO"},
        "add_ons": [{"name": "dashboard", "config": {"dashboard": {"enabled": False}}}],
        "shared_volume": {"volume_name": "research-data", "size_tib": 6, "region": "us-central-8"},
    }
    assert set(changes) == set(ClusterUpdate.model_fields)
    together.LIFECYCLES["Cluster"].update(client, "c-0001", changes)
    (_, volumes_path, volume_body), (_, _, body) = [call for call in client.calls if call[0] == "PUT"]
    assert volumes_path == "/compute/clusters/storage/volumes"
    assert volume_body == {"volume_id": "v-1", "size_tib": 6}
    assert body == {name: value for name, value in changes.items() if name != "shared_volume"}
    assert problems(together_schemas(), "GPUClustersSharedVolumeUpdateRequest", volume_body, strict=True) == []
    assert problems(together_schemas(), "GPUClusterUpdateRequest", body, strict=True) == []


def test_shadeform_create_requests_are_what_the_vendor_publishes() -> None:
    client: Any = Recorded(shadeform.CLOUD, {"POST /clusters/create": {"id": "8d7f2a54"}})
    inputs = {
        "name": "research-1a2b3c4d",
        "cloud": "denvr",
        "region": "houston-usa-1",
        "cluster_type": "H100_sxm5x8",
        "num_instances": 2,
        "os": "ubuntu22.04_cuda12.2_shade_os",
        "ssh_key_id": "f0c6ac6d",
    }
    assert set(inputs) == set(ShadeformCreate.model_fields)
    assert shadeform.LIFECYCLES["Cluster"].create(client, inputs) == "8d7f2a54"
    assert problems(shadeform_schemas(), "CreateClusterRequest", client.calls[0][2], strict=True) == []


def test_a_validator_refuses_what_the_vendor_would() -> None:
    body = {**sendable(ClusterCreate, fixture("together_inputs")), "num_gpus": "8", "billing_type": "FREE"}
    del body["region"]
    found = " ".join(problems(together_schemas(), "GPUClusterCreateRequest", body, strict=True))
    assert all(word in found for word in ("num_gpus", "billing_type", "region"))


# --- The simulator's replies ---------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def simulator() -> Iterator[RunningSimulator]:
    with running(speed=0) as started:
        yield started


@pytest.fixture(scope="module")
def together_client(simulator: RunningSimulator) -> Iterator[CloudClient]:
    yield from client_of(together.CLOUD, simulator.base_url("together"))


@pytest.fixture(scope="module")
def shadeform_client(simulator: RunningSimulator) -> Iterator[CloudClient]:
    yield from client_of(shadeform.CLOUD, simulator.base_url("shadeform"))


def client_of(cloud: Cloud, url: str) -> Iterator[CloudClient]:
    transport = httpx.HTTPTransport()
    yield CloudClient(cloud, cloud.normalise_base_url(url), "contract-test", transport=transport)
    transport.close()


def ready_reply(simulator: RunningSimulator, cloud: Cloud, client: CloudClient, inputs: Properties) -> Properties:
    """Create a cluster and let cloud time pass until it is ready; returns its reply."""
    lifecycle = lifecycles_of(cloud.name)["Cluster"]
    lifecycle.create_body.model_validate(inputs)
    id = lifecycle.create(client, inputs)
    words = ""
    for _ in range(600):
        raw = next(raw for raw in lifecycle.list_all(client) if raw[lifecycle.id_field] == id)
        stands = lifecycle.readiness(parse_info(lifecycle.info_body, raw), inputs)
        words = stands.message
        if stands.state == "ready":
            return raw
        assert stands.state == "pending", words
        simulator.advance(60)
        time.sleep(0)
    pytest.fail(f"not ready after ten hours: {words}")


TOGETHER_KUBERNETES = {
    "cluster_name": "contract-kubernetes",
    "region": "us-central-8",
    "gpu_type": "H100_SXM",
    "num_gpus": 16,
    "billing_type": "ON_DEMAND",
    "cuda_version": "12.6",
    "nvidia_driver_version": "560",
    "shared_volume": {"volume_name": "contract-data", "size_tib": 2, "region": "us-central-8"},
    "cluster_config": {"load_balancer": "NGINX"},
    "add_ons": [
        {"name": "dashboard", "add_on_type": "dashboard", "config": {"dashboard": {"enabled": True}}},
        {"name": "ingress", "add_on_type": "ingress", "config": {"ingress": {"enabled": False}}},
    ],
    "oidc_config": {
        "issuer_url": "https://accounts.example.com",
        "client_id": "gpu",
        "username_claim": "email",
        "username_prefix": "oidc:",
        "group_claim": "groups",
        "group_prefix": "oidc:",
    },
}
TOGETHER_SLURM = {
    "cluster_name": "contract-slurm",
    "region": "us-central-8",
    "gpu_type": "H100_SXM",
    "num_gpus": 8,
    "billing_type": "RESERVED",
    "duration_days": 3,
    "cluster_type": "SLURM",
    "slurm_shm_size_gib": 64,
    "cuda_version": "12.6",
    "nvidia_driver_version": "560",
}


@pytest.mark.parametrize("inputs", [TOGETHER_KUBERNETES, TOGETHER_SLURM], ids=["Kubernetes", "Slurm"])
def test_the_simulated_together_answers_in_the_vendors_schema(
    simulator: RunningSimulator, together_client: CloudClient, inputs: Properties
) -> None:
    lifecycle = together.LIFECYCLES["Cluster"]
    raw = ready_reply(simulator, together.CLOUD, together_client, inputs)
    assert problems(together_list_schemas(), "GPUClusterInfo", raw, strict=True) == []
    info = parse_info(ClusterInfo, raw)
    assert lifecycle.outputs(info)["kube_config"].startswith("apiVersion: v1")
    shown = lifecycle.observed(info, inputs)
    assert {name: shown[name] for name in inputs if name in shown} == {
        name: inputs[name] if name != "cluster_config" else shown[name] for name in inputs if name in shown
    }


def test_the_simulated_together_knows_no_field_that_the_newest_schema_has_not(
    simulator: RunningSimulator, together_client: CloudClient
) -> None:
    raw = ready_reply(
        simulator, together.CLOUD, together_client, {**TOGETHER_KUBERNETES, "cluster_name": "contract-fields"}
    )
    newest = set(paths_of(fixture("together_fields")["cluster"]))

    assert sorted(set(present(raw)) - newest) == []


def test_the_simulated_regions_are_in_the_vendors_schema(together_client: CloudClient) -> None:
    reply = together_client.request("GET", "/compute/regions")
    assert problems(together_schemas(), "RegionListResponse", reply, strict=True) == []
    regions = list_regions(together_client)
    assert [region.name for region in regions] == [region["name"] for region in reply["regions"]]
    assert all(version.id and version.os for region in regions for version in region.driver_versions)


def test_the_simulated_shadeform_answers_in_the_vendors_schema(
    simulator: RunningSimulator, shadeform_client: CloudClient
) -> None:
    reply = shadeform_client.request("GET", "/clusters/types")
    assert problems(shadeform_schemas(), "ClusterTypesResponse", reply, strict=False) == []
    offer = next(offer for offer in list_cluster_types(shadeform_client) if offer.availability.available)
    inputs = {
        "name": "contract-shadeform",
        "cloud": offer.cloud,
        "region": offer.availability.region,
        "cluster_type": offer.cluster_type.shade_instance_type,
        "num_instances": offer.num_instances,
        "os": offer.cluster_type.configuration.os_options[0],
    }
    raw = ready_reply(simulator, shadeform.CLOUD, shadeform_client, inputs)
    assert problems(shadeform_schemas(), "Cluster", raw, strict=False) == []
    assert shadeform.LIFECYCLES["Cluster"].observed(parse_info(ShadeformInfo, raw)) == inputs


# --- Enumerations --------------------------------------------------------------------------------------------------


def test_every_published_status_and_phase_is_known() -> None:
    schemas = together_list_schemas()
    cluster = schemas["GPUClusterInfo"]["properties"]
    for name in ("status", "gpu_type", "cluster_type", "billing_type"):
        suggested = mark(ClusterInfo, name, Suggested)
        assert suggested is not None
        assert set(cluster[name]["enum"]) <= set(suggested.values), name
    assert set(schemas["ClusterPhaseTransition"]["properties"]["phase"]["enum"]) == set(CLUSTER_PHASES)
    assert set(schemas["NodePhaseTransition"]["properties"]["phase"]["enum"]) == set(NODE_PHASES)


def test_no_vendor_file_is_in_the_repository() -> None:
    root = Path(__file__).parents[2]
    copies = [p for p in root.rglob("*.yaml") if ".git" not in p.parts and re.match(r"(together|shadeform)-20", p.name)]
    assert copies == []
