"""The volumes of a cluster count where it is taken over: another volume is other data."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from gpufleet_provider.model.errors import Refusal
from gpufleet_provider.model.replies import parse_info
from gpufleet_provider.model.state_properties import WAIT
from gpufleet_provider.simulator import RunningSimulator, running
from gpufleet_provider.together.cluster.bodies import ClusterInfo
from gpufleet_provider.together.cluster.lifecycle import CLUSTER

from tests.conformance.examples.together import EXAMPLES
from tests.conformance.run import Clock, Run, importing, offered

CLUSTER_INPUTS = EXAMPLES["together:Cluster"].inputs
DATA = {"volume_name": "data", "size_tib": 2, "region": "us-central-8"}


@pytest.fixture
def simulator() -> Iterator[RunningSimulator]:
    with running(speed=20_000.0) as simulation:
        yield simulation


def new_run(simulator: RunningSimulator, monkeypatch: pytest.MonkeyPatch) -> Run:
    config = {"together:apiKey": "any", "together:baseUrl": simulator.base_url("together")}
    return Run("together:Cluster", config, Clock(monkeypatch))


def volume(simulator: RunningSimulator) -> str:
    reply = httpx.post(
        f"{simulator.base_url('together')}/compute/clusters/storage/volumes",
        headers={"Authorization": "Bearer any"},
        json={**DATA, "volume_name": "apart"},
    )
    return reply.raise_for_status().json()["volume_id"]


def test_a_cluster_with_another_volume_is_not_taken_over(
    simulator: RunningSimulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    apart = volume(simulator)
    left = new_run(simulator, monkeypatch).up("it", offered({**CLUSTER_INPUTS, "volume_id": apart}, "it"))
    for declared in ({"shared_volume": DATA}, {"volume_id": "another-volume"}):
        with pytest.raises(Refusal, match=f"{left.id} is left from an interrupted run, but .*volume"):
            new_run(simulator, monkeypatch).up("it", offered({**CLUSTER_INPUTS, **declared}, "it"))
        with pytest.raises(Refusal, match=r"inputs do not match what runs: .*volume"):
            new_run(simulator, monkeypatch).up("it", importing(offered({**CLUSTER_INPUTS, **declared}, "it"), left.id))
    same = new_run(simulator, monkeypatch).up("it", offered({**CLUSTER_INPUTS, "volume_id": apart}, "it"))
    assert (same.id, same.wait) == (left.id, None)


def test_a_volume_that_is_attached_at_last_counts_as_well(
    simulator: RunningSimulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    left = new_run(simulator, monkeypatch).up("it", offered(CLUSTER_INPUTS, "it"))
    inputs = offered({**CLUSTER_INPUTS, "shared_volume": DATA}, "it")
    answers = iter([[], []])
    monkeypatch.setattr(
        type(CLUSTER),
        "attachment_differences",
        lambda *_: next(answers, ["the volume 'data' is declared, not attached"]),
    )
    taken = new_run(simulator, monkeypatch).up("it", inputs)
    assert taken.id == left.id and "the volume 'data' is declared" in taken.outputs[WAIT]["words"]


@pytest.mark.parametrize(
    ("status", "attached", "declared", "says"),
    [
        ("Ready", [("v-1", "data")], {"shared_volume": DATA}, 0),
        ("Ready", [("v-1", "other")], {"shared_volume": DATA}, 1),
        ("Ready", [], {"shared_volume": DATA}, 1),
        ("Degraded", [], {"shared_volume": DATA}, 1),
        ("WaitingForSharedVolume", [], {"shared_volume": DATA}, 0),
        ("WaitingForSharedVolume", [("v-1", "other")], {"shared_volume": DATA}, 1),
        ("Ready", [("v-1", "data"), ("v-2", "more")], {"shared_volume": DATA}, 0),
        ("Ready", [], {"volume_id": "v-1"}, 1),
        ("Ready", [("v-2", "a"), ("v-3", "b")], {"volume_id": "v-1"}, 1),
        ("Ready", [("v-1", "a"), ("v-3", "b")], {"volume_id": "v-1"}, 0),
        ("Ready", [("v-2", "a")], {"volume_id": "v-1"}, 0),  # The input volume_id shows it.
        ("Ready", [("v-2", "a")], {}, 0),
        (None, None, {"volume_id": "v-1", "shared_volume": DATA}, 0),
    ],
)
def test_which_declared_volume_is_not_attached(
    status: str | None, attached: list[tuple[str, str]] | None, declared: dict[str, Any], says: int
) -> None:
    raw: dict[str, Any] = {"status": status}
    if attached is not None:
        raw["volumes"] = [{"volume_id": id, "volume_name": name, "size_tib": 2} for id, name in attached]
    info = parse_info(ClusterInfo, raw)
    assert len([*CLUSTER.attachment_differences(info, declared)]) == says
