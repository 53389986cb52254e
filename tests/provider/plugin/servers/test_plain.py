"""A server of a shape that nobody knows stays as it is, which is said once; the plain contract is enough to live."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from .clusters import Passing, declared, delete_outside, made, posts
from .sdks import VERSIONS, patched, sdk
from .server import PICKLED, Failed, PluginServer, plain, until

NEWEST = VERSIONS[-1]
OTHER_SHAPES = {
    "another parameter": ("config: dict[str, Any]) -> Res", "config: dict[str, Any], more: Any = None) -> Res"),
    "another call": ("result = provider.create(props)", 'result = getattr(provider, "create")(props)'),
    "another wrapper": (
        "def _abort_with_traceback(fn):\n    def wrapper(self, request, context):\n        try:\n",
        "def _abort_with_traceback(fn, words='?'):\n    def wrapper(self, request, context):\n        try:\n"
        "            assert words\n",
    ),
    "another name": ("def Cancel(self, request, context)", "def Cancel(self, req, context)"),
}


@pytest.fixture(scope="module", params=OTHER_SHAPES)
def server(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, config: Any) -> Iterator[Any]:
    if sdk(NEWEST) is None:
        pytest.skip(f"the SDK {NEWEST} cannot be installed: no registry within reach")
    old, new = OTHER_SHAPES[request.param]
    home = patched(NEWEST, tmp_path_factory.mktemp("sdk"), old, new)
    made = PluginServer(home, config)
    yield made
    made.stop()


def test_it_says_once_that_it_is_left_alone(server: PluginServer) -> None:
    for number in range(3):
        server.checked(f"warned{number}", declared(f"warned{number}"))
    assert len([line for line in server.warnings() if "does not know this version" in line]) == 1


def test_a_whole_life(server: PluginServer, simulator: Any) -> None:
    id, inputs, outputs = made(server, simulator, "life")
    assert (outputs["cluster_id"], outputs["status"], outputs["__provider"]) == (id, "Ready", PICKLED)
    assert server.diff("life", id, inputs, outputs, inputs).changes == 1
    news = server.checked("life", declared("life", num_gpus=16), inputs)
    assert server.diff("life", id, inputs, outputs, news).changes == 2
    with Passing(simulator):
        updated = plain(server.update("life", id, outputs, news).properties)
    assert updated["num_gpus"] == 16
    elsewhere = {**inputs, "region": "us-east-1"}
    assert list(server.diff("life", id, inputs, updated, elsewhere).replaces) == ["region"]
    assert plain(server.read("life", id, updated, news).inputs) == news
    with Passing(simulator):
        server.delete("life", id, updated)
    assert server.read("life", id, updated, news).id == ""
    assert simulator.live() == []


def test_invalid_inputs_are_refused(server: PluginServer) -> None:
    reply = server.check("bad", declared("bad", num_gpus=7))
    assert [failure.property for failure in reply.failures] == ["num_gpus"]


def test_what_is_not_ready_keeps_its_id_and_is_resumed(server: PluginServer, simulator: Any) -> None:
    inputs = server.checked("slow", declared("slow"))
    reply = server.create("slow", inputs, timeout_seconds=1)
    outputs = plain(reply.properties)
    assert (outputs["cluster_id"], outputs["__wait"]["state"]) == (reply.id, "pending")
    assert server.diff("slow", reply.id, inputs, outputs, inputs).changes == 2
    with Passing(simulator):
        ready = plain(server.update("slow", reply.id, outputs, inputs).properties)
    assert (ready["status"], "__wait" in ready, posts(simulator)) == ("Ready", False, 1)


def test_what_failed_is_replaced_next(server: PluginServer, simulator: Any) -> None:
    inputs = server.checked("broken", declared("broken"))
    reply = server.create("broken", inputs, timeout_seconds=1)
    id = reply.id
    delete_outside(simulator, id)
    outputs = plain(server.update("broken", id, plain(reply.properties), inputs).properties)
    assert outputs["__wait"]["state"] == "failed"
    reply = server.diff("broken", id, inputs, outputs, inputs)
    assert (list(reply.replaces), reply.deleteBeforeReplace) == (["status"], True)


def test_an_error_holds_the_line_that_helps(server: PluginServer, simulator: Any) -> None:
    inputs = server.checked("refused", declared("refused"))
    simulator.fault("sold_out")
    with pytest.raises(Failed) as caught:
        server.create("refused", inputs)
    assert "Try another region or GPU type" in caught.value.message
    assert caught.value.partial is None


def test_it_ends_with_its_engine_all_the_same(tmp_path: Path, config: Any, simulator: Any) -> None:
    old, new = OTHER_SHAPES["another call"]
    server = PluginServer(patched(NEWEST, tmp_path, old, new), config)
    try:
        server.checked("orphan", declared("orphan"))
        until(lambda: bool(server.warnings()))
        server.lose_engine()
        assert server.ended_within(120)
        assert posts(simulator) == 0
    finally:
        server.stop()
