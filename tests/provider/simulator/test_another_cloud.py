"""A simulated cloud is one package and one word in `CLOUDS`: everything else is derived from the two."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any, ClassVar

import httpx
import pytest
from gpufleet_provider import CLOUDS
from gpufleet_provider.simulator import RunningSimulator, base_urls, running, simulation
from gpufleet_provider.simulator.cloud import SimulatedCloud, Store, Switches
from gpufleet_provider.simulator.record import Event, Record
from gpufleet_provider.simulator.wire import Body, Call, Refusal, Reply, Route
from gpufleet_provider.simulator.world import World
from gpufleet_provider.together.simulator import clusters as together_clusters
from gpufleet_provider.together.simulator.requests import read_cluster
from pulumi_gpufleet.cli import simulate

BOOT_SECONDS = 60.0


class Box(Record):
    kind: ClassVar[str] = "tiny_cloud.box"

    status: str = "booting"

    def ledger_fields(self) -> dict[str, Any]:
        return {"status": self.status}


class Boxes(Store[Box, Switches]):
    record_type = Box

    @property
    def plural(self) -> str:
        return "boxes"

    def create(self, call: Call) -> Reply:
        body = Body.of(call.body)
        name = body.need_text("box_name")
        self.cloud.refuse_unknown(body)
        self.cloud.refuse_without_credits()
        box = Box(id=f"box-{len(self.all)}", name=name, created=self.world.stamp())
        box.plan(self.world.now + BOOT_SECONDS, "running")
        self.cloud.set_rate(box, 3600)
        return self.shown_as_json(self.insert(box))

    def get(self, call: Call) -> Reply:
        return self.shown_as_json(self.find(call.params["id"]))

    def shown_as_json(self, box: Box) -> Reply:
        return Reply.of({"id": box.id, "status": box.status})

    def apply_event(self, record: Box, event: Event) -> None:
        record.status = event.name
        record.ready = self.world.stamp()


class TinyCloud(SimulatedCloud[Switches]):
    name = "tiny_cloud"
    prefix = "/tiny/v2"
    name_fields = ("box_name",)

    def __init__(self, world: World) -> None:
        super().__init__(world, Switches())
        boxes = Boxes(self)
        self.stores = [boxes]
        self.routes = [Route("POST", "/boxes", boxes.create, creates="box"), Route("GET", "/boxes/{id}", boxes.get)]

    def authorize(self, call: Call) -> None:
        if not call.headers.get("X-Key"):
            raise Refusal(401, "no key")

    def refuse(self, refusal: Refusal) -> Reply:
        return Reply.of({"problem": refusal.message}, refusal.status)

    def sold_out(self) -> Refusal:
        return Refusal(409, "no boxes left")

    def insufficient_funds(self) -> Refusal:
        return Refusal(402, "no credits left")


@pytest.fixture(autouse=True)
def tiny_cloud(monkeypatch: pytest.MonkeyPatch) -> None:
    package = ModuleType("gpufleet_provider.tiny_cloud.simulator")
    package.CLOUD = TinyCloud  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "gpufleet_provider.tiny_cloud", ModuleType("gpufleet_provider.tiny_cloud"))
    monkeypatch.setitem(sys.modules, package.__name__, package)
    monkeypatch.setattr(simulation, "CLOUDS", (*CLOUDS, "tiny_cloud"))


@pytest.fixture
def state(tmp_path: Path) -> Path:
    return tmp_path / "clouds.sqlite"


@pytest.fixture
def tiny(state: Path) -> Iterator[RunningSimulator]:
    with running(speed=0, state=state) as sim:
        yield sim


def post(sim: RunningSimulator, **body: Any) -> httpx.Response:
    return httpx.post(f"{sim.base_url('tiny_cloud')}/boxes", json=body, headers={"X-Key": "k"}, trust_env=False)


def status(sim: RunningSimulator, box_id: str) -> Any:
    url = f"{sim.base_url('tiny_cloud')}/boxes/{box_id}"
    reply = httpx.get(url, headers={"X-Key": "k"}, trust_env=False).json()
    return reply.get("status") or reply["problem"]


def test_its_address_is_made_from_its_prefix(tiny, capsys):
    assert tiny.base_url("tiny_cloud") == f"{tiny.url}/tiny/v2"
    assert base_urls("http://here")["tiny_cloud"] == "http://here/tiny/v2"
    simulate._announce("http://here", 60)
    assert capsys.readouterr().out.splitlines() == [
        "TOGETHER_BASE_URL=http://here/together/v1",
        "SHADEFORM_BASE_URL=http://here/shadeform/v1",
        "TINY_CLOUD_BASE_URL=http://here/tiny/v2",
    ]


def test_its_records_change_over_time_are_billed_and_survive_a_restart(state):
    with running(speed=0, state=state) as sim:
        box_id = post(sim, box_name="b").json()["id"]
        assert status(sim, box_id) == "booting"
        sim.advance(30)
    with running(speed=0, state=state) as sim:
        assert status(sim, box_id) == "booting"
        sim.advance(30)
        assert status(sim, box_id) == "running"
        (line,) = sim.ledger()["boxes"]
        assert (line["cloud"], line["status"], line["cost"]) == ("tiny_cloud", "running", pytest.approx(60))


def test_its_errors_have_its_own_shape(tiny):
    assert post(tiny).json() == {"problem": "box_name is required"}
    assert post(tiny, box_name="b", colour="red").json() == {"problem": "colour is not a known field"}
    assert status(tiny, "nobody") == "box nobody not found"
    assert httpx.get(f"{tiny.base_url('tiny_cloud')}/boxes/x", trust_env=False).status_code == 401
    assert httpx.get(f"{tiny.base_url('tiny_cloud')}/x", trust_env=False).json()["problem"].startswith("Not found")


def test_its_kinds_have_controls(tiny):
    box_id = post(tiny, box_name="b").json()["id"]
    for action, after in (("edit", "odd"), ("vanish", f"box {box_id} not found")):
        url = f"{tiny.url}/_sim/boxes/{box_id}/{action}"
        details = {"status": "odd"} if action == "edit" else {}
        assert httpx.post(url, json=details, trust_env=False).status_code == 200
        assert status(tiny, box_id) == after


def test_a_fault_rule_finds_the_name_in_its_own_field(tiny):
    tiny.fault("sold_out", name="b*", path="/boxes", times=0)
    assert post(tiny, box_name="a").status_code == 200
    assert post(tiny, box_name="b").json() == {"problem": "no boxes left"}


def test_its_switches_can_be_set(tiny):
    tiny.switch("tiny_cloud", credits_dollars=10)
    assert post(tiny, box_name="a").status_code == 200
    tiny.advance(60)
    assert post(tiny, box_name="b").json() == {"problem": "no credits left"}
    tiny.switch("tiny_cloud", credits_dollars=None)
    assert post(tiny, box_name="c").status_code == 200


def test_a_new_field_of_a_together_cluster_is_kept_once_it_is_read(monkeypatch, state):
    def with_rack(body: Body, now: float) -> tuple[dict[str, Any], dict[str, Any] | None]:
        fields, volume = read_cluster(body, now)
        return {**fields, "rack": body.text("rack")}, volume

    monkeypatch.setattr(together_clusters, "read_cluster", with_rack)
    body = {
        "cluster_name": "train",
        "region": "us-central-8",
        "gpu_type": "H100_SXM",
        "num_gpus": 8,
        "billing_type": "ON_DEMAND",
        "cuda_version": "12.6",
        "nvidia_driver_version": "560",
        "rack": "r1",
    }
    with running(speed=0, state=state) as sim:
        url = f"{sim.base_url('together')}/compute/clusters"
        reply = httpx.post(url, json=body, headers={"Authorization": "Bearer k"}, trust_env=False)
        assert reply.status_code == 200, reply.text
    with running(speed=0, state=state) as sim:
        (cluster,) = sim.simulation.clouds["together"].stores[0].all.values()
        assert cluster.body["rack"] == "r1"
