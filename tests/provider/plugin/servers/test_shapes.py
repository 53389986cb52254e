"""What depends on the shape of the stock server alone: on the oldest version of the older, the newest of the newer."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import grpc
import pytest

from .clusters import clean, declared, made
from .sdks import VERSIONS
from .server import FOREIGN, PICKLED, UNKNOWN, Failed, PluginServer, plain

Fresh = Callable[..., PluginServer]


@pytest.fixture(scope="module", params=(VERSIONS[0], VERSIONS[-1]))
def version(request: pytest.FixtureRequest) -> str:
    return request.param


def test_check_reports_every_failure_and_keeps_what_is_unknown(server: PluginServer) -> None:
    reply = server.check("bad", declared("bad", num_gpus=7, cluster_type=UNKNOWN, colour="red"))
    failures = {failure.property: failure.reason for failure in reply.failures}
    assert set(failures) == {"num_gpus", "colour"}
    assert plain(reply.inputs)["cluster_type"] == UNKNOWN
    assert plain(reply.inputs)["__provider"] == PICKLED


def test_a_large_partial_failure_arrives_whole(server: PluginServer, simulator: Any) -> None:
    script = "#!/bin/bash\n" + "x" * 400_000
    config = {"load_balancer": "TRAEFIK", "slurm_startup_scripts": {"login_init_script": script}}
    inputs = server.checked(
        "large", declared("large", cluster_type="SLURM", slurm_shm_size_gib=64, cluster_config=config)
    )
    with pytest.raises(Failed) as caught:
        server.create("large", inputs, timeout_seconds=1)
    assert caught.value.partial is not None and caught.value.partial.id


@pytest.mark.parametrize("fault", [{"status": 400}, {"status": 401}, {"status": 403}, {"status": 409}])
def test_a_refusal_of_the_cloud_is_one_line(server: PluginServer, simulator: Any, fault: dict[str, int]) -> None:
    inputs = server.checked("refused", declared("refused"))
    simulator.fault("status", method="POST", **fault)
    with pytest.raises(Failed) as caught:
        server.create("refused", inputs)
    assert clean(caught.value).startswith("Together: POST /compute/clusters answered")
    assert (caught.value.code, caught.value.partial) == (grpc.StatusCode.UNKNOWN, None)


def test_a_read_by_id_alone_says_how_to_import(server: PluginServer) -> None:
    with pytest.raises(Failed) as caught:
        server.read("bare", "some-id")
    assert "import it with" in clean(caught.value)


def test_a_state_that_makes_no_sense_is_one_line(server: PluginServer) -> None:
    with pytest.raises(Failed) as caught:
        server.diff("odd", "id", {}, {"__provider": PICKLED, "__inputs": "nonsense"}, declared("odd"))
    assert "please report" in clean(caught.value)


@pytest.mark.parametrize("verb", ["create", "read", "update", "delete", "diff"])
def test_the_first_call_of_a_process_fails_in_one_line_too(fresh: Fresh, verb: str) -> None:
    server = fresh(together__apiKey="wrong")
    state = {"__provider": PICKLED, "cluster_id": "c", "__inputs": declared("x")}
    calls: dict[str, Callable[[], Any]] = {
        "create": lambda: server.create("x", declared("x", cluster_name="x")),
        "read": lambda: server.read("x", "c", state),
        "update": lambda: server.update("x", "c", state, declared("x", num_gpus=16)),
        "delete": lambda: server.delete("x", "c", state),
        "diff": lambda: server.diff("x", "c", {}, {**state, "__inputs": "nonsense"}, declared("x")),
    }
    with pytest.raises(Failed) as caught:
        calls[verb]()
    assert ("401" in clean(caught.value)) == (verb != "diff")


def test_without_a_key_inputs_are_checked_and_compared(fresh: Fresh) -> None:
    server = fresh(together__apiKey="")
    inputs = server.checked("keyless", declared("keyless"))
    reply = server.diff("keyless", "c", inputs, {"__provider": PICKLED, "__inputs": inputs}, inputs)
    assert reply.changes == reply.DIFF_NONE
    with pytest.raises(Failed) as caught:
        server.create("keyless", inputs)
    assert "together:apiKey" in clean(caught.value) and "TOGETHER_API_KEY" in clean(caught.value)


def test_the_engine_s_address_is_the_last_argument(fresh: Fresh, simulator: Any) -> None:
    server = fresh("-logtostderr", "-v=9")
    made(server, simulator, "flags")
    assert server.lines("flags")


@pytest.mark.parametrize("props", [{"__provider": FOREIGN, "fail": True}, {"__provider": "AAAA", "say": "x"}])
def test_their_errors_are_as_ever_too(home: Any, config: dict[str, str], props: dict[str, Any]) -> None:
    def failure(server: PluginServer) -> tuple[Any, str]:
        with pytest.raises(Failed) as caught:
            server.create("echo", props)
        return caught.value.code, caught.value.details.splitlines()[-1 if "\n" in caught.value.details else 0]

    stock, upgraded = PluginServer(home, config), PluginServer(home, config)
    try:
        upgraded.check("first", {"region": "us-central-8"})
        assert failure(upgraded) == failure(stock)
    finally:
        stock.stop()
        upgraded.stop()


def test_a_warning_stands_once_among_the_diagnostics(server: PluginServer) -> None:
    server.checked("warned", declared("warned", gpu_type="H100_SXMM"))
    warned = [line.message for line in server.lines("warned") if not line.ephemeral]
    assert len([line for line in warned if "not a value known to this version" in line]) == 1
