"""A read that fails, or says nothing of worth, never takes a resource out of the state."""

from __future__ import annotations

from typing import Any

import pytest

from .crashing import assert_told_plainly
from .stacks import Stack
from .state_files import cluster_ids

PROGRAM = """
    together.Cluster("train", region="us-central-8", gpu_type="H100_SXM", billing_type="ON_DEMAND", num_gpus=8,
        cuda_version="12.6", nvidia_driver_version="560")
    shadeform.Cluster("burst", cloud="denvr", region="houston-usa-1", cluster_type="H100_sxm5x8", num_instances=2)
"""

LISTS = {"together": "/compute/clusters", "shadeform": "/clusters"}
BY_ID = {"together": "/compute/clusters/{cluster_id}", "shadeform": "/clusters/{id}/info"}

ANSWERS: dict[str, dict[str, Any]] = {
    "401": {"fault": "status", "status": 401},
    "403": {"fault": "status", "status": 403},
    "429": {"fault": "rate_limited", "retry_after_seconds": 0.1, "times": 3},
    "500": {"fault": "status", "status": 500, "times": 2},
    "404 of a proxy": {"fault": "status", "status": 404, "body": "<html>no route</html>"},
    "garbage": {"fault": "garbage", "times": 2},
    "nothing at all": {"fault": "empty", "times": 2},
    "a reset": {"fault": "reset", "times": 2},
    "half": {"fault": "truncated", "times": 2},
    "null": {"fault": "status", "status": 200, "body": "null", "times": 2},
    "another object": {"fault": "status", "status": 200, "body": {"data": []}},
    "another list": {"fault": "status", "status": 200, "body": "[]", "times": 2},
}
EMPTY = {"fault": "empty_list", "times": 0}


@pytest.fixture
def deployed(stack: Stack) -> Stack:
    stack.write(PROGRAM)
    assert stack.up().exit_code == 0
    return stack


def test_no_answer_to_a_refresh_removes_anything(deployed: Stack) -> None:
    known = cluster_ids(deployed)
    assert len(known) == 2
    for what, answer in ANSWERS.items():
        for cloud, path in LISTS.items():
            deployed.simulator.fault(**{"times": 0, **answer}, cloud=cloud, method="GET", path=path)
        _refresh(deployed, what, known)


@pytest.mark.slow
def test_no_answer_by_id_behind_an_empty_list_removes_anything(deployed: Stack) -> None:
    known = cluster_ids(deployed)
    for what, answer in {**ANSWERS, "an empty list": None}.items():
        for cloud in LISTS:
            deployed.simulator.fault(**EMPTY, cloud=cloud, method="GET", path=LISTS[cloud])
            if answer is not None:
                deployed.simulator.fault(**{"times": 0, **answer}, cloud=cloud, method="GET", path=BY_ID[cloud])
        _refresh(deployed, what, known)


def _refresh(stack: Stack, what: str, known: dict[str, str]) -> None:
    run = stack.refresh()
    struck = sum(rule["hits"] for rule in stack.simulator.faults())
    stack.simulator.clear_faults()
    assert struck, what
    assert_told_plainly(run)
    assert cluster_ids(stack) == known, f"{what} took a resource out of the state:\n{run.output}"


def test_only_the_clouds_own_word_removes_a_resource(deployed: Stack) -> None:
    known = cluster_ids(deployed)
    gone, stays = sorted(known)
    deployed.simulator.intervene(gone, "vanish")
    assert deployed.refresh().exit_code == 0
    assert list(cluster_ids(deployed)) == [stays]
