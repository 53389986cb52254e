"""Whatever the replies about a cluster hold, its id reaches the state of a create and of an update."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from gpufleet_provider.http.client import CloudClient
from gpufleet_provider.model.errors import Unfinished
from gpufleet_provider.model.fields import Properties
from gpufleet_provider.model.state_properties import INPUTS, OFFERED_NAME, WAIT
from gpufleet_provider.operations.call import Call
from gpufleet_provider.operations.service import ResourceService
from gpufleet_provider.plugin import serving
from gpufleet_provider.plugin.values import properties_of
from gpufleet_provider.together import CLOUD
from gpufleet_provider.together.cluster.lifecycle import CLUSTER
from gpufleet_provider.waiting.watcher import watcher_for

TEXT = (Path(__file__).parents[1] / "fixtures" / "together_cluster.json").read_text()
FULL: Properties = json.loads(re.sub(r'"cluster_id": "[^"]*"', '"cluster_id": "c-1"', TEXT))
NAME = "train-12345678"
INPUTS_NOW: Properties = {
    "cluster_name": NAME,
    OFFERED_NAME: NAME,
    "region": FULL["region"],
    "gpu_type": FULL["gpu_type"],
    "num_gpus": 8,
    "billing_type": "ON_DEMAND",
}
CLUSTER_NOW = {**FULL, "cluster_name": NAME, "num_gpus": 8, "billing_type": "ON_DEMAND"}
DEEP = "[" * 50_000 + "]" * 50_000

ODD: dict[str, str] = {
    "half of a surrogate pair": '{"node_lifecycle_events": [{"message": "\\ud83d"}], "\\udc00": 1}',
    "control characters": '{"status": "\\u0000\\u001b[2J\\u0007", "os_image": "\\u0000"}',
    "a number beyond counting": '{"num_gpus": 1' + "0" * 6000 + "}",
    "a number that no state keeps": '{"num_gpus": 1' + "0" * 250 + ', "memory_gib": 1e999}',
    "nesting beyond reason": '{"extra": ' + DEEP + "}",
    "nothing but nulls": json.dumps(dict.fromkeys(FULL)),
    "other types everywhere": json.dumps({name: [{"x": 1}] for name in FULL}),
    "texts everywhere": json.dumps(dict.fromkeys(FULL, "x")),
    "numbers everywhere": json.dumps(dict.fromkeys(FULL, -1)),
    "sixteen megabytes": json.dumps({"status": "x" * 2**24, "os_image": "y" * 2**24}),
    "times that are none": json.dumps({"phase_transitions": [{"phase": "P", "transition_time": "9999-99-99"}]}),
}


class Api:
    """Together, which has one cluster and speaks of it as it is told to."""

    def __init__(self) -> None:
        self.odd: str | None = None
        self.exists = False

    def __call__(self, request: httpx.Request) -> httpx.Response:
        if request.method != "GET":
            self.exists = True
        listed = request.method == "GET" and request.url.path.endswith("/clusters")
        if not listed:
            return httpx.Response(200, content=self._cluster())
        return httpx.Response(200, content='{"clusters": [' + (self._cluster() if self.exists else "") + "]}")

    def _cluster(self) -> str:
        ours = json.dumps({"cluster_id": "c-1", "cluster_name": NAME})
        if self.odd is None:
            return json.dumps({**CLUSTER_NOW, **json.loads(ours)})
        # The later of two equal names counts.
        return json.dumps(CLUSTER_NOW)[:-1] + ", " + self.odd[1:-1] + ", " + ours[1:]


@pytest.fixture
def api() -> Api:
    return Api()


@pytest.fixture
def service(api: Api) -> Iterator[ResourceService]:
    client = CloudClient(CLOUD, CLOUD.base_url, "k" * 20, transport=httpx.MockTransport(api), back_off_seconds=0.001)
    yield ResourceService(CLUSTER, lambda _setting: client)
    watcher_for(CLUSTER, client).cancel_all("the test is over")


def call(timeout_seconds: float = 0.5) -> Call:
    def ignore(_line: str) -> None:
        return None

    return Call(
        "urn", timeout_seconds, ignore, ignore, ignore, lambda key: "0.05" if key == "gpufleet:pollSeconds" else None
    )


def carried(outputs: Properties) -> Properties:
    """Return what of outputs reaches the state."""
    try:
        return properties_of(serving._properties("c-1", outputs, "create"))
    except Unfinished as unfinished:
        return properties_of(serving._properties_of_unfinished(unfinished.outputs))


def kept(outputs: Properties) -> dict[str, Any]:
    return {name: value for name, value in carried(outputs)[INPUTS].items() if not name.startswith("__")}


DECLARED = {name: value for name, value in INPUTS_NOW.items() if not name.startswith("__")}


@pytest.mark.parametrize("odd", ODD.values(), ids=ODD.keys())
def test_a_create_keeps_its_id(api: Api, service: ResourceService, odd: str) -> None:
    api.odd = odd
    id, outputs = service.create(call(), INPUTS_NOW)
    assert (id, kept(outputs)) == ("c-1", DECLARED)


# What cannot be read at all is asked for again for a minute: `test_updates` has what follows.
READABLE = {name: odd for name, odd in ODD.items() if DEEP not in odd}


@pytest.mark.parametrize("odd", READABLE.values(), ids=READABLE.keys())
def test_an_update_keeps_what_was_asked(api: Api, service: ResourceService, odd: str) -> None:
    # It is ready at once, however busy the machine is: an update of what is not ready would wait for that first.
    id, outputs = service.create(call(60), INPUTS_NOW)
    assert WAIT not in outputs
    api.odd = odd
    now = service.update(call(), id, outputs, {**INPUTS_NOW, "num_gpus": 16})
    assert kept(now)["num_gpus"] == 16
    assert WAIT in now or now["cluster_id"] == "c-1"
