"""The life of a Shadeform cluster: what is refused, when it is ready, what replies show, and its calls."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import httpx
import pytest
from gpufleet_provider.http.client import CloudClient
from gpufleet_provider.model.checking import check
from gpufleet_provider.model.comparing import corrected, verdicts
from gpufleet_provider.model.errors import CloudError, Invalid, Unavailable, error_for
from gpufleet_provider.model.fields import Properties
from gpufleet_provider.model.lifecycle import Cost
from gpufleet_provider.model.replies import parse_info
from gpufleet_provider.shadeform import CLOUD
from gpufleet_provider.shadeform.cluster import CLUSTER, ClusterCreate, ClusterInfo

FULL: Properties = json.loads((Path(__file__).parents[1] / "fixtures" / "shadeform_cluster.json").read_text())
INPUTS: Properties = {
    "name": "research-1a2b3c4d",
    "cloud": "denvr",
    "region": "houston-usa-1",
    "cluster_type": "H100_sxm5x8",
    "num_instances": 2,
}

# --- Inputs ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "path", "words"),
    [
        ({"num_instances": 0}, "num_instances", "1, got 0"),
        ({"num_instances": -2}, "num_instances", "1, got -2"),
        ({"num_instances": 1.5}, "num_instances", "expected a whole number, got 1.5"),
        ({"num_instances": "2"}, "num_instances", "expected a whole number"),
        ({"num_instances": None}, "num_instances", "is required"),
        ({"cluster_type": ""}, "cluster_type", "must not be empty"),
        ({"cloud": ""}, "cloud", "must not be empty"),
        ({"cloud": None}, "cloud", "is required"),
        ({"region": 1}, "region", "expected a string"),
        ({"os": ""}, "os", "must not be empty"),
        ({"ssh_key_id": ""}, "ssh_key_id", "must not be empty"),
        ({"shade_instance_type": "H100"}, "shade_instance_type", "unknown property"),
        ({"num_instance": 2}, "num_instance", "did you mean 'num_instances'?"),
    ],
)
def test_refused(changes: Properties, path: str, words: str) -> None:
    found = check(CLUSTER, {}, {**INPUTS, **changes}, lambda value: False).failures
    assert [(failure.path, words in failure.reason) for failure in found] == [(path, True)], found


def test_accepted() -> None:
    optional = {"os": "ubuntu22.04", "ssh_key_id": "key-1"}
    for inputs in (INPUTS, {**INPUTS, **optional}):
        checked = check(CLUSTER, {}, inputs, lambda value: False)
        assert (checked.failures, checked.warnings, checked.inputs) == ([], [], inputs)


@pytest.mark.parametrize("name", ClusterCreate.model_fields)
def test_every_change_replaces(name: str) -> None:
    [verdict] = verdicts(CLUSTER, {**INPUTS, name: "a"}, {**INPUTS, name: "b"})
    assert (verdict.field, verdict.action) == (name, "replace")


# --- Members and statuses --------------------------------------------------------------------------------------------


def members(*statuses: str, ip: str | None = "203.0.113.1") -> list[Properties]:
    return [
        {**FULL["instances"][0], "name": f"m-{index}", "status": status, "ip": ip}
        for index, status in enumerate(statuses)
    ]


@pytest.mark.parametrize(
    ("status", "live", "gone"),
    [("active", True, False), ("error", True, False), ("deleting", False, False), ("deleted", False, True)],
)
def test_live_and_gone(status: str, live: bool, gone: bool) -> None:
    info = parse_info(ClusterInfo, {**FULL, "status": status})
    assert (CLUSTER.live(info), CLUSTER.gone(info)) == (live, gone)


# --- What replies show ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("declared", "reply", "drift"),
    [
        ({}, {}, {}),
        ({"ssh_key_id": "key-1"}, {}, {}),
        ({}, {"name": "renamed"}, {"name": "renamed"}),
        ({}, {"region_info": {"region": "dallas"}}, {"region": "dallas"}),
        ({}, {"region_info": None, "cloud": None}, {}),
        ({}, {"instances": []}, {}),
        ({}, {"instances": members("active")}, {"num_instances": 1}),
        ({}, {"status": "pending", "instances": members("active")}, {}),
        ({}, {"status": "error", "instances": members("error")}, {}),
        (
            {},
            {"instances": [{**m, "shade_instance_type": "A100"} for m in FULL["instances"]]},
            {"cluster_type": "A100"},
        ),
        ({}, {"instances": [{**FULL["instances"][0], "shade_instance_type": "A100"}, FULL["instances"][1]]}, {}),
        ({"os": "ubuntu22.04_cuda12.2_shade_os"}, {}, {}),
        ({"os": "debian"}, {}, {"os": "ubuntu22.04_cuda12.2_shade_os"}),
        ({"os": "debian"}, {"instances": [{**m, "configuration": None} for m in FULL["instances"]]}, {}),
    ],
)
def test_a_refresh_corrects(declared: Properties, reply: Properties, drift: Properties) -> None:
    inputs = {**INPUTS, **declared}
    info = parse_info(ClusterInfo, {**FULL, **reply})
    now = corrected(ClusterCreate, inputs, CLUSTER.observed(info, inputs))
    assert {name: value for name, value in now.items() if value != inputs.get(name)} == drift


@pytest.mark.parametrize(
    ("reply", "cost"),
    [
        ({"hourly_price": 2350, "cost_estimate": "$15.00"}, Cost(23.5, 15.0)),
        ({"hourly_price": 2350, "cost_estimate": "1,234.5"}, Cost(23.5, 1234.5)),
        ({"hourly_price": None, "cost_estimate": "soon"}, Cost(None, None)),
        ({"hourly_price": 0, "cost_estimate": None}, Cost(0.0, None)),
    ],
)
def test_cost(reply: Properties, cost: Cost) -> None:
    assert CLUSTER.cost(parse_info(ClusterInfo, {**FULL, **reply})) == cost


# --- Calls ----------------------------------------------------------------------------------------------------------


class Answers:
    """A client that gives one answer to everything, and keeps the calls."""

    cloud = CLOUD

    def __init__(self, answer: Any) -> None:
        self.answer = answer
        self.calls: list[tuple[str, str, Any, dict[str, Any]]] = []

    def request(self, method: str, path: str, *, json: Any = None, **how: Any) -> Any:
        self.calls.append((method, path, json, how))
        return self.answer


def test_create() -> None:
    client: Any = Answers({"id": "8d7f"})
    assert CLUSTER.create(client, INPUTS) == "8d7f"
    assert client.calls == [("POST", "/clusters/create", INPUTS, {"creates": True})]


@pytest.mark.parametrize("answer", [{}, {"id": ""}, {"id": None}])
def test_a_create_without_an_id_says_so(answer: Properties) -> None:
    client: Any = Answers(answer)
    assert CLUSTER.create(client, INPUTS) == ""


def test_reads_and_delete() -> None:
    client: Any = Answers({**FULL, "clusters": [FULL, None]})
    assert CLUSTER.get(client, "a/b")["id"] == FULL["id"]
    assert CLUSTER.list_all(client) == [FULL]
    CLUSTER.delete(client, "8d7f")
    assert [(method, path, how) for method, path, _, how in client.calls] == [
        ("GET", "/clusters/a%2Fb/info", {}),
        ("GET", "/clusters", {}),
        ("POST", "/clusters/8d7f/delete", {"repeatable": True}),
    ]
    with pytest.raises(Invalid):
        CLUSTER.delete(client, "")
    with pytest.raises(TypeError, match="no update call"):
        CLUSTER.update(client, "8d7f", {"name": "x"})


@pytest.mark.parametrize("answer", [{}, [], {"clusters": None}, {"message": "x"}])
def test_an_answer_that_makes_no_sense_says_nothing(answer: Any) -> None:
    client: Any = Answers(answer)
    with pytest.raises(Unavailable):
        CLUSTER.list_all(client)
    with pytest.raises(Unavailable):
        CLUSTER.get(client, "8d7f")


# --- Errors ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "code", "words"),
    [
        ({"message": "Invalid API key"}, "", "Invalid API key"),
        (
            {"error_code": "OUT_OF_STOCK", "error": "The instance type is not available"},
            "OUT_OF_STOCK",
            "The instance type is not available",
        ),
        ({"error": {"code": "X", "message": "inner"}}, "X", "inner"),
        ({"error": {"message": 7}, "message": "outer"}, "", "outer"),
        ({"error_code": "INSUFFICIENT_FUNDS"}, "INSUFFICIENT_FUNDS", ""),
        ("words", "", "words"),
        ([], "", ""),
    ],
)
def test_read_error(body: Any, code: str, words: str) -> None:
    error = refusal(json.dumps(body))
    assert (error.code, error.answer) == (code, words)


def refusal(text: str) -> CloudError:
    return error_for(CLOUD, "POST /clusters/create", 400, text, repeatable=False, secret="")


def test_nothing_secret_is_repeated() -> None:
    for text in ('bad registry password: "hunter22hunter22"', "private_key=canary-canary", "X-API-KEY: canary-canary"):
        words = refusal(json.dumps({"error_code": "BAD", "error": text})).answer
        assert words
        assert "canary" not in words
        assert "hunter" not in words


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (
            409,
            {"error_code": "OUT_OF_STOCK", "error": "The instance type [H100] is not available in the region [x]"},
            "OutOfCapacity",
        ),
        (409, {"error_code": "NAME_TAKEN", "error": "name must be unique"}, "Conflict"),
        (409, {"error_code": "INSUFFICIENT_FUNDS", "error": "add a payment method"}, "InsufficientFunds"),
        (401, {"message": "Invalid API key"}, "Unauthorized"),
        (404, {"message": "cluster not found"}, "NotFound"),
    ],
)
def test_what_a_refusal_is(status: int, body: Any, kind: str) -> None:
    transport = httpx.MockTransport(lambda _: httpx.Response(status, json=body))
    client = CloudClient(CLOUD, CLOUD.base_url, "k" * 20, transport=transport)
    with pytest.raises(CloudError) as caught:
        client.request("POST", "/clusters/create", json={}, creates=True)
    error = caught.value
    assert type(error).__name__ == kind


def test_the_key_goes_into_one_header() -> None:
    assert CLOUD.authorization("k") == {"X-API-KEY": "k"}
    assert CLOUD.normalise_base_url(" https://api.shadeform.ai/v1/ ") == "https://api.shadeform.ai/v1"
