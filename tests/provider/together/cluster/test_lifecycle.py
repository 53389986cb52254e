"""The calls of a Together cluster's life, its outputs, its prepaid term, and the volume that goes with it."""

from __future__ import annotations

import base64
import datetime
import json
from pathlib import Path
from typing import Any

import pytest
from gpufleet_provider.model.errors import CloudError, Conflict, Invalid, NotFound, Unavailable
from gpufleet_provider.model.fields import Properties
from gpufleet_provider.model.replies import parse_info
from gpufleet_provider.together import CLOUD
from gpufleet_provider.together.cluster.bodies import ClusterInfo
from gpufleet_provider.together.cluster.lifecycle import CLUSTER

FULL: Properties = json.loads((Path(__file__).parents[2] / "fixtures" / "together_cluster.json").read_text())
VOLUMES = "/compute/clusters/storage/volumes"


class Answers:
    """A client that gives each call's answers in turn, and keeps the calls."""

    cloud = CLOUD

    def __init__(self, **answers: list[Any]) -> None:
        self.answers = answers
        self.calls: list[str] = []
        self.bodies: list[Any] = []
        self.creating: list[bool] = []

    def request(self, method: str, path: str, *, json: Any = None, creates: bool = False, **_: Any) -> Any:
        self.calls.append(f"{method} {path}")
        self.bodies.append(json)
        self.creating.append(creates)
        answer = self.answers[method].pop(0)
        if isinstance(answer, CloudError):
            raise answer
        return answer


# --- Calls ----------------------------------------------------------------------------------------------------------


def test_create_posts_once_and_returns_the_id() -> None:
    client: Any = Answers(POST=[{"cluster_id": "c-1", "status": "WaitingForControlPlaneNodes"}])
    inputs = {"cluster_name": "research", "num_gpus": 8}
    assert CLUSTER.create(client, inputs) == "c-1"
    assert (client.calls, client.bodies, client.creating) == (["POST /compute/clusters"], [inputs], [True])


@pytest.mark.parametrize("answer", [{}, {"cluster_id": ""}, {"cluster_id": None}, {"cluster_id": 7}])
def test_a_create_without_an_id_says_so(answer: Properties) -> None:
    client: Any = Answers(POST=[answer])
    assert CLUSTER.create(client, {"cluster_name": "research"}) == ""


@pytest.mark.parametrize("declared", [None, True, False])
def test_whether_a_volume_goes_with_its_cluster_is_always_said(declared: bool | None) -> None:
    volume: Properties = {"volume_name": "data", "size_tib": 1, "region": "r"}
    if declared is not None:
        volume["is_lifecycle_independent"] = declared
    inputs = {"cluster_name": "research", "shared_volume": volume}
    client: Any = Answers(POST=[{"cluster_id": "c-1"}])
    CLUSTER.create(client, inputs)
    assert client.bodies[0]["shared_volume"]["is_lifecycle_independent"] is bool(declared)
    assert inputs["shared_volume"] is volume


@pytest.mark.parametrize("answer", [[], {}, {"clusters": None}, {"clusters": {}}, {"error": "x"}])
def test_no_list_is_not_an_empty_list(answer: Any) -> None:
    client: Any = Answers(GET=[answer])
    with pytest.raises(Unavailable):
        CLUSTER.list_all(client)


def test_list_leaves_out_what_is_no_object() -> None:
    client: Any = Answers(GET=[{"clusters": [{"cluster_id": "c-1"}, None, "x"]}])
    assert CLUSTER.list_all(client) == [{"cluster_id": "c-1"}]


@pytest.mark.parametrize("answer", [[], {}, {"cluster_id": ""}])
def test_an_answer_without_an_id_says_nothing(answer: Any) -> None:
    client: Any = Answers(GET=[answer])
    with pytest.raises(Unavailable):
        CLUSTER.get(client, "c-1")


def test_ids_are_one_segment_of_the_path() -> None:
    client: Any = Answers(GET=[FULL], DELETE=[{}])
    CLUSTER.get(client, "a/b")
    CLUSTER.delete(client, "a b")
    assert client.calls == ["GET /compute/clusters/a%2Fb", "DELETE /compute/clusters/a%20b"]
    with pytest.raises(Invalid):
        CLUSTER.delete(client, "")


# --- The volume -----------------------------------------------------------------------------------------------------

VOLUME = {"volume_name": "research-data", "size_tib": 8, "region": "us-central-8"}


def test_a_volume_grows_before_the_rest_changes() -> None:
    client: Any = Answers(GET=[FULL], PUT=[{}, {}])
    CLUSTER.update(client, "c-0001", {"num_gpus": 24, "shared_volume": VOLUME})
    assert client.calls == ["GET /compute/clusters/c-0001", f"PUT {VOLUMES}", "PUT /compute/clusters/c-0001"]
    assert client.bodies[1:] == [{"volume_id": "v-1", "size_tib": 8}, {"num_gpus": 24}]


def test_a_volume_that_has_grown_already_is_left_alone() -> None:
    client: Any = Answers(GET=[FULL])
    CLUSTER.update(client, "c-0001", {"shared_volume": {**VOLUME, "size_tib": 4}})
    assert client.calls == ["GET /compute/clusters/c-0001"]


@pytest.mark.parametrize("volumes", [[], None, [{"volume_name": "other", "volume_id": "v-2"}], FULL["volumes"] * 2])
def test_a_volume_that_cannot_be_told_is_never_touched(volumes: Any) -> None:
    client: Any = Answers(GET=[{**FULL, "volumes": volumes}])
    with pytest.raises(Invalid):
        CLUSTER.update(client, "c-0001", {"num_gpus": 24, "shared_volume": VOLUME})
    assert not [call for call in client.calls if call.startswith("PUT")]
    assert list(CLUSTER.attached_resources({"shared_volume": VOLUME}, {"volumes": volumes})) == []


@pytest.mark.parametrize(
    "inputs",
    [{}, {"volume_id": "v-1"}, {"shared_volume": {**VOLUME, "is_lifecycle_independent": True}}],
    ids=["no volume", "an attached volume", "an independent volume"],
)
def test_only_the_inline_volume_goes_with_the_cluster(inputs: Properties) -> None:
    assert list(CLUSTER.attached_resources(inputs, FULL)) == []


def test_the_inline_volume_is_asked_for_until_it_is_gone() -> None:
    [attached] = CLUSTER.attached_resources({"shared_volume": VOLUME}, CLUSTER.outputs(parse_info(ClusterInfo, FULL)))
    bound, deleting = ({"volume_id": "v-1", "status": status} for status in ("bound", "deleting"))
    client: Any = Answers(
        GET=[bound, bound, bound, deleting, NotFound("gone")],
        DELETE=[Conflict("still attached"), {"success": False}, {"success": True}],
    )
    assert [attached.delete(client) for _ in range(5)] == [False, False, False, False, True]
    assert [call for call in client.calls if call.startswith("DELETE")] == [f"DELETE {VOLUMES}/v-1"] * 3
    assert "research-data" in attached.description


def test_a_volume_that_went_by_itself_is_gone() -> None:
    [attached] = CLUSTER.attached_resources({"shared_volume": VOLUME}, FULL)
    client: Any = Answers(GET=[NotFound("gone")])
    assert attached.delete(client)


def test_a_fault_is_no_proof_that_a_volume_is_gone() -> None:
    [attached] = CLUSTER.attached_resources({"shared_volume": VOLUME}, FULL)
    client: Any = Answers(GET=[Unavailable("nobody answers")])
    with pytest.raises(Unavailable):
        attached.delete(client)


# --- Outputs --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        (base64.b64encode(b"apiVersion: v1\n").decode(), "apiVersion: v1\n"),
        (base64.encodebytes(b"apiVersion: v1\n" * 20).decode(), "apiVersion: v1\n" * 20),
        ("apiVersion: v1\n", "apiVersion: v1\n"),
        ("", ""),
        (None, ""),
        ("not base64 at all!", ""),
        ("YQ", ""),
        (base64.b64encode(b"\xff\xfe\xfa").decode(), ""),
    ],
    ids=["a kubeconfig", "in lines", "decoded already", "none yet", "missing", "garbage", "cut off", "no text"],
)
def test_kube_config_is_yaml_or_empty(sent: str | None, kept: str) -> None:
    assert CLUSTER.outputs(parse_info(ClusterInfo, {**FULL, "kube_config": sent}))["kube_config"] == kept


def test_outputs_leave_out_what_is_absent_and_what_is_unknown() -> None:
    outputs = CLUSTER.outputs(
        parse_info(ClusterInfo, {"cluster_id": "c", "oidc_config": None, "future": {"token": "x"}})
    )
    assert outputs == {"cluster_id": "c", "kube_config": ""}


def test_an_unknown_value_of_an_enumeration_is_kept() -> None:
    raw = {**FULL, "status": "Defragmenting", "cluster_config": {"load_balancer": "CILIUM"}}
    outputs = CLUSTER.outputs(parse_info(ClusterInfo, raw))
    assert (outputs["status"], outputs["cluster_config"]) == ("Defragmenting", {"load_balancer": "CILIUM"})


@pytest.mark.parametrize(
    ("status", "live", "gone"),
    [("Ready", True, False), ("Paused", True, False), ("Deleting", False, False), ("Deleted", False, True)],
)
def test_live_and_gone(status: str, live: bool, gone: bool) -> None:
    info = parse_info(ClusterInfo, {**FULL, "status": status})
    assert (CLUSTER.live(info), CLUSTER.gone(info)) == (live, gone)


# --- Prepaid terms --------------------------------------------------------------------------------------------------


def instant(days: float) -> str:
    now = datetime.datetime.now(tz=datetime.timezone.utc).replace(microsecond=0)
    return (now + datetime.timedelta(days=days)).isoformat().replace("+00:00", "Z")


PAST, AHEAD = instant(-2), instant(2)
RESERVED: Properties = {"billing_type": "RESERVED"}

TERMS: list[tuple[str, Properties, Properties, str | None, str | None]] = [
    ("on demand", {"billing_type": "ON_DEMAND"}, {"reservation_end_time": PAST}, None, None),
    ("over", RESERVED, {"reservation_end_time": PAST}, PAST, None),
    ("ahead", RESERVED, {"reservation_end_time": AHEAD}, None, AHEAD),
    ("scheduled and over", {"billing_type": "SCHEDULED_CAPACITY"}, {"reservation_end_time": PAST}, PAST, None),
    ("declared", {**RESERVED, "reservation_end_time": AHEAD}, {}, None, AHEAD),
    (
        "shown against declared",
        {**RESERVED, "reservation_end_time": PAST},
        {"reservation_end_time": AHEAD},
        None,
        AHEAD,
    ),
    ("by days", {**RESERVED, "duration_days": 1}, {"created_at": instant(-3)}, PAST, None),
    ("by hours", {**RESERVED, "duration_days": 1}, {"created_at": instant(-3), "duration_hours": 120}, None, AHEAD),
    (
        "by hours from the start",
        RESERVED,
        {"created_at": PAST, "reservation_start_time": instant(1), "duration_hours": 24},
        None,
        AHEAD,
    ),
    ("nothing known", RESERVED, {}, None, "the rest of a prepaid term"),
    ("unreadable", RESERVED, {"reservation_end_time": "soon"}, None, "the rest of a prepaid term"),
    ("known from outputs alone", {}, {"billing_type": "RESERVED", "reservation_end_time": AHEAD}, None, AHEAD),
]


@pytest.mark.parametrize(("inputs", "outputs", "ended", "forfeits"), [c[1:] for c in TERMS], ids=[c[0] for c in TERMS])
def test_prepaid_terms(inputs: Properties, outputs: Properties, ended: str | None, forfeits: str | None) -> None:
    assert CLUSTER.ended(inputs, outputs) == ended
    words = CLUSTER.forfeits(inputs, outputs)
    assert (words is None) if forfeits is None else (words is not None and forfeits in words)


# --- The cloud ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "given",
    [
        "https://api.together.ai",
        "https://api.together.ai/",
        "https://api.together.ai/v1",
        " https://api.together.ai/v1/ ",
    ],
)
def test_base_urls_are_taken_with_and_without_the_version(given: str) -> None:
    assert CLOUD.normalise_base_url(given) == "https://api.together.ai/v1"
    assert CLOUD.normalise_base_url(CLOUD.normalise_base_url(given)) == "https://api.together.ai/v1"


def test_the_key_goes_into_one_header() -> None:
    assert CLOUD.authorization("k") == {"Authorization": "Bearer k"}
    assert CLUSTER.url("c/1") == "https://api.together.ai/clusters/id/c%2F1"
