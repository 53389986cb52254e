"""Faults on demand: what the client sees, whether the call took effect, and how often a rule applied."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

import httpx
import pytest
from gpufleet_provider.simulator import BadControl

CLUSTERS = "/compute/clusters"
IMPATIENT = httpx.Timeout(60, read=0.5)


def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline, "it never came about"
        time.sleep(0.01)


def counts(sim):
    return [(rule["fault"], rule["matched"], rule["hits"]) for rule in sim.faults()]


def test_a_reset_happens_on_the_wire_and_before_anything_is_done(sim, together):
    sim.fault("reset", method="POST", path=CLUSTERS)
    with pytest.raises(httpx.ReadError, match="reset"):
        together.post(CLUSTERS, json=together.body())
    assert sim.ledger()["clusters"] == []
    assert counts(sim) == [("reset", 1, 1)]
    together.create()


def test_a_lost_reply_is_lost_after_the_cluster_was_made(sim, together):
    sim.fault("reply_lost", method="POST", path=CLUSTERS)
    with pytest.raises(httpx.ReadError, match="reset"):
        together.post(CLUSTERS, json=together.body())
    assert [it["name"] for it in sim.live()] == ["train"]
    assert sim.request_log()[-1]["status"] is None


@pytest.mark.parametrize(
    ("rule", "status", "made"),
    [
        ({"fault": "status", "status": 500}, 500, 0),
        ({"fault": "status", "status": 502, "body": "<html>bad gateway</html>"}, 502, 0),
        ({"fault": "status", "status": 503, "accepted": True}, 503, 1),
        ({"fault": "rate_limited"}, 429, 0),
        ({"fault": "garbage"}, 200, 1),
        ({"fault": "garbage", "accepted": False}, 200, 0),
        ({"fault": "empty"}, 200, 1),
        ({"fault": "sold_out"}, 409, 0),
    ],
)
def test_faulty_replies_to_a_create(sim, together, rule, status, made):
    sim.fault(**{"method": "POST", "path": CLUSTERS, **rule})
    reply = together.post(CLUSTERS, json=together.body())
    assert reply.status_code == status
    assert len(sim.live()) == made
    if rule["fault"] == "empty":
        assert reply.content == b""
    if rule["fault"] == "garbage":
        with pytest.raises(ValueError, match="Expecting value"):
            reply.json()
    assert counts(sim) == [(rule["fault"], 1, 1)]


def test_a_truncated_reply_ends_too_early(sim, together):
    sim.fault("truncated", method="POST", path=CLUSTERS)
    with pytest.raises(httpx.RemoteProtocolError):
        together.post(CLUSTERS, json=together.body())
    assert len(sim.live()) == 1


def test_a_rate_limit_says_when_to_come_back(sim, together, shadeform):
    sim.fault("rate_limited", retry_after_seconds=7)
    reply = together.get(CLUSTERS)
    assert (reply.status_code, reply.headers["retry-after"]) == (429, "7")
    assert reply.json()["error"]["type"] == "rate_limit_error"
    sim.fault("rate_limited", retry_after_seconds=0.5)
    reply = shadeform.get("/clusters")
    assert (reply.headers["retry-after"], set(reply.json())) == ("0.5", {"error_code", "error"})


def test_an_empty_list_hides_what_is_there(sim, together, shadeform):
    together.create()
    shadeform.create()
    sim.fault("empty_list", times=2)
    assert together.listed() == []
    assert shadeform.listed() == []
    assert len(together.listed()) == len(shadeform.listed()) == 1


def test_altered_fields_stand_in_a_reply_that_is_else_as_usual(sim, together):
    made = together.create()
    sim.fault("altered", body={"kube_config": 7, "message": "half a pair: \ud83d", "node_id": None})
    (shown,) = together.listed()
    assert shown["cluster_id"] == made["cluster_id"] and shown["kube_config"] == 7
    assert together.listed()[0]["kube_config"] != 7
    with pytest.raises(BadControl, match="an object of the fields to alter"):
        sim.fault("altered")


def test_a_status_may_carry_a_body_and_headers(sim, together):
    sim.fault("status", status=418, body={"odd": True}, headers={"X-Odd": "yes"})
    reply = together.get(CLUSTERS)
    assert (reply.status_code, reply.json(), reply.headers["x-odd"]) == (418, {"odd": True}, "yes")


def test_a_slow_call_holds_up_nobody_else(sim, together):
    sim.fault("slow", delay_seconds=60, method="POST", path=CLUSTERS)
    failures: list[type[Exception]] = []

    def create() -> None:
        try:
            together.post(CLUSTERS, json=together.body(), timeout=IMPATIENT)
        except httpx.TimeoutException as error:
            failures.append(type(error))

    thread = threading.Thread(target=create)
    thread.start()
    assert together.get(CLUSTERS).status_code == 200
    thread.join()
    assert failures == [httpx.ReadTimeout]
    assert sim.ledger()["clusters"] == []


def test_a_call_can_be_carried_out_first_and_answered_late(sim, together):
    sim.fault("slow", accepted=True, delay_seconds=60, method="POST", path=CLUSTERS)
    answers: list[int] = []
    thread = threading.Thread(
        target=lambda: answers.append(together.post(CLUSTERS, json=together.body(), timeout=60).status_code)
    )
    thread.start()
    until(lambda: len(sim.live()) == 1)
    assert answers == []
    sim.clear_faults()
    thread.join()
    assert answers == [200] and len(sim.live()) == 1


def test_a_call_that_is_held_goes_on_when_its_rule_is_cleared(sim, together):
    held = sim.fault("slow", delay_seconds=3600, method="POST", path=CLUSTERS)
    sim.fault("empty_list", times=0)
    thread = threading.Thread(target=lambda: together.post(CLUSTERS, json=together.body(), timeout=60))
    thread.start()
    until(lambda: any(rule["hits"] for rule in sim.faults()))
    assert sim.ledger()["clusters"] == []
    sim.clear_faults(held)
    thread.join()
    assert len(sim.live()) == 1 and together.listed() == []


@pytest.mark.parametrize(
    ("when", "hit"),
    [
        ({}, [1]),
        ({"times": 3}, [1, 2, 3]),
        ({"times": 0}, [1, 2, 3, 4, 5, 6]),
        ({"nth": 3}, [3]),
        ({"nth": [2, 5]}, [2, 5]),
        ({"after": 4}, [5]),
        ({"after": 2, "times": 2}, [3, 4]),
        ({"every": 2}, [2, 4, 6]),
        ({"every": 2, "times": 2}, [2, 4]),
        ({"probability": 0.0}, []),
        ({"probability": 1.0, "times": 2}, [1, 2]),
    ],
)
def test_when_a_rule_applies(sim, together, when, hit):
    sim.fault("status", path=CLUSTERS, **when)
    statuses = [together.get(CLUSTERS).status_code for _ in range(6)]
    assert [number for number, status in enumerate(statuses, 1) if status == 503] == hit
    assert counts(sim) == [("status", 6, len(hit))]


def test_chance_is_seeded(sim, together):
    def run(seed: int) -> list[int]:
        sim.clear_faults()
        sim.fault("status", probability=0.5, seed=seed, path=CLUSTERS)
        return [together.get(CLUSTERS).status_code for _ in range(40)]

    first = run(7)
    assert set(first) == {200, 503}
    assert run(7) == first
    assert run(8) != first


@pytest.mark.parametrize(
    ("where", "hit_calls"),
    [
        ({"cloud": "together"}, {"list", "get"}),
        ({"cloud": "shadeform"}, {"shade"}),
        ({"path": "/compute/clusters/{cluster_id}"}, {"get"}),
        ({"path": "GET /compute/clusters"}, set()),
        ({"path": "/together/v1/compute/clusters"}, {"list"}),
        ({"path": "*/clusters"}, {"list", "shade"}),
        ({"method": "get", "path": "/clusters"}, {"shade"}),
        ({"method": "PUT"}, set()),
    ],
)
def test_to_which_calls_a_rule_applies(sim, together, shadeform, where, hit_calls):
    made = together.create()
    sim.fault("status", times=0, **where)
    calls = {
        "list": together.get(CLUSTERS),
        "get": together.get(f"{CLUSTERS}/{made['cluster_id']}"),
        "shade": shadeform.get("/clusters"),
    }
    assert {name for name, reply in calls.items() if reply.status_code == 503} == hit_calls


def test_a_rule_can_look_at_the_name(sim, together):
    sim.fault("status", name="train-*", times=0)
    together.create(cluster_name="other")
    assert together.post(CLUSTERS, json=together.body(cluster_name="train-1")).status_code == 503


def test_rules_are_tried_in_order_and_can_be_taken_back(sim, together):
    first = sim.fault("status", status=500, times=0)
    sim.fault("status", status=502, times=0)
    assert together.get(CLUSTERS).status_code == 500
    sim.clear_faults(first)
    assert together.get(CLUSTERS).status_code == 502
    sim.clear_faults()
    assert together.get(CLUSTERS).status_code == 200
    assert sim.faults() == []


PLANNED_FAILURES = [
    ("degraded", {}, "Degraded"),
    ("paused", {}, "OnDemandComputePaused"),
    ("paused", {"after_seconds": 100}, "OnDemandComputePaused"),
    ("vanished", {}, None),
    ("vanished", {"after_seconds": 100}, None),
    ("stuck", {}, "InstallingDrivers"),
    ("stuck", {"phase": "CLUSTER_PHASE_WAITING_FOR_SUBNET"}, "WaitingForSubnet"),
    ("provisioning_failed", {}, "RunningAcceptanceTests"),
    ("provisioning_failed", {"phase": "CLUSTER_PHASE_ACCEPTANCE_TESTS_FAILED"}, "RunningAcceptanceTests"),
]


@pytest.mark.parametrize(("fault", "details", "status"), PLANNED_FAILURES)
def test_a_planned_failure_of_a_cluster_on_together(sim, together, fault, details, status):
    sim.fault(fault, **details)
    failing, spared = together.create(), together.create(cluster_name="spared")
    sim.advance(3600)
    shown = {it["cluster_id"]: it["status"] for it in together.listed()}
    assert shown.get(failing["cluster_id"]) == status
    assert shown[spared["cluster_id"]] == "Ready"
    if fault == "provisioning_failed":
        failed = details.get("phase", "CLUSTER_PHASE_NCCL_TESTS_FAILED")
        assert together.cluster(failing["cluster_id"])["phase_transitions"][-1]["phase"] == failed


@pytest.mark.parametrize(
    ("fault", "details", "status"),
    [
        ("degraded", {}, "active"),
        ("paused", {}, "error"),
        ("vanished", {}, None),
        ("stuck", {}, "pending_provider"),
        ("stuck", {"phase": "pending"}, "pending"),
        ("provisioning_failed", {}, "error"),
    ],
)
def test_a_planned_failure_of_a_cluster_on_shadeform(sim, shadeform, fault, details, status):
    sim.fault(fault, **details)
    failing, spared = shadeform.create(), shadeform.create(name="spared")
    sim.advance(3600)
    shown = {it["id"]: it for it in shadeform.listed()}
    assert (shown[failing]["status"] if failing in shown else None) == status
    assert shown[spared]["status"] == "active"
    if fault == "degraded":
        assert [it["status"] for it in shown[failing]["instances"]] == ["active", "error"]


def test_a_planned_failure_and_a_faulty_reply_go_together(sim, together):
    sim.fault("provisioning_failed")
    sim.fault("reply_lost", method="POST")
    with pytest.raises(httpx.ReadError):
        together.post(CLUSTERS, json=together.body())
    sim.advance(3600)
    (cluster,) = together.listed()
    assert cluster["phase_transitions"][-1]["phase"] == "CLUSTER_PHASE_NCCL_TESTS_FAILED"


@pytest.mark.parametrize(
    "rule",
    [{}, {"fault": "earthquake"}, {"fault": "status", "colour": 1}, {"fault": "status", "probability": 2}, ["x"]],
)
def test_a_rule_that_makes_no_sense_is_refused(sim, rule):
    reply = httpx.post(f"{sim.url}/_sim/faults", json=rule, trust_env=False)
    assert reply.status_code == 400
    assert "\n" not in reply.json()["error"]
    assert sim.faults() == []
