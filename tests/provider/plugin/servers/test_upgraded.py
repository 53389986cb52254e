"""Every version of the stock server, upgraded in place: what its contract cannot express is there all the same.

A whole life is lived on every version, all else on the oldest and the newest, and with `-m slow` on those between.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from .clusters import Passing, clean, declared, delete_outside, made, posts
from .sdks import VERSIONS
from .server import FOREIGN, PICKLED, Failed, PluginServer, plain, until

Fresh = Callable[..., PluginServer]


# --- A life -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("version", VERSIONS, indirect=True)
def test_a_whole_life(server: PluginServer, simulator: Any) -> None:
    id, inputs, outputs = made(server, simulator, "life")
    assert (outputs["cluster_id"], outputs["status"], outputs["__provider"]) == (id, "Ready", PICKLED)
    assert outputs["__inputs"] == {name: value for name, value in inputs.items() if name != "__provider"}

    reply = server.diff("life", id, inputs, outputs, inputs)
    assert (reply.changes, list(reply.replaces), reply.hasDetailedDiff) == (reply.DIFF_NONE, [], False)

    news = server.checked("life", declared("life", num_gpus=16), inputs)
    with Passing(simulator):
        updated = plain(server.update("life", id, outputs, news).properties)
    assert (updated["num_gpus"], updated["__inputs"]["num_gpus"], updated["__provider"]) == (16, 16, PICKLED)

    read = server.read("life", id, updated, news)
    assert (read.id, plain(read.inputs)) == (id, news)
    assert plain(read.properties)["status"] == "Ready"

    with Passing(simulator):
        server.delete("life", id, updated)
    assert id not in {line["id"] for line in simulator.live()}
    assert server.read("life", id, updated, news).id == ""


def test_a_detailed_diff_names_paths_and_kinds(server: PluginServer, simulator: Any) -> None:
    id, inputs, outputs = made(server, simulator, "detailed")
    news = {**inputs, "region": "us-east-1", "num_gpus": 16, "cluster_config": {"load_balancer": "TRAEFIK"}}
    reply = server.diff("detailed", id, inputs, outputs, news)
    kinds = {
        path: (reply.detailedDiff[path].Kind.Name(diff.kind), diff.inputDiff)
        for path, diff in reply.detailedDiff.items()
    }
    assert kinds == {
        "region": ("UPDATE_REPLACE", True),
        "num_gpus": ("UPDATE", True),
        "cluster_config": ("ADD", True),
    }
    assert (list(reply.replaces), reply.deleteBeforeReplace) == (["region"], True)
    assert sorted(reply.diffs) == ["cluster_config", "num_gpus", "region"]


# --- As many as the engine asks for ---------------------------------------------------------------------------------


def test_fifty_creates_run_at_once(server: PluginServer, simulator: Any) -> None:
    names = [f"many{number}" for number in range(50)]
    before = posts(simulator)
    with ThreadPoolExecutor(50) as pool:
        inputs = dict(zip(names, pool.map(lambda name: server.checked(name, declared(name)), names), strict=True))
        replies = [pool.submit(server.create, name, inputs[name]) for name in names]
        # Time stands still, so none of them can be over: they are all there at once.
        until(lambda: posts(simulator) == before + 50)
        assert not any(reply.done() for reply in replies)
        assert server.check("between", declared("between")).failures == []
        with Passing(simulator):
            assert len({reply.result().id for reply in replies}) == 50
    assert posts(simulator) == before + 50


# --- Partial failure ------------------------------------------------------------------------------------------------


def test_a_wait_that_times_out_keeps_the_id_and_is_resumed(server: PluginServer, simulator: Any) -> None:
    inputs = server.checked("slow", declared("slow"))
    with pytest.raises(Failed) as caught:
        server.create("slow", inputs, timeout_seconds=1)
    partial = caught.value.partial
    assert partial is not None
    assert clean(caught.value) == partial.reasons[0]
    assert "is not ready after 1 s" in partial.reasons[0] and "`pulumi up` resumes" in partial.reasons[0]
    outputs = plain(partial.properties)
    assert (outputs["__provider"], outputs["cluster_id"]) == (PICKLED, partial.id)
    assert outputs["__inputs"]["num_gpus"] == 8

    before = posts(simulator)
    reply = server.diff("slow", partial.id, inputs, outputs, inputs)
    assert (reply.changes, list(reply.replaces), reply.detailedDiff["status"].inputDiff) == (reply.DIFF_SOME, [], False)
    with pytest.raises(Failed) as again:
        server.update("slow", partial.id, outputs, inputs, timeout_seconds=1)
    assert again.value.partial is not None and again.value.partial.id == partial.id
    with Passing(simulator):
        ready = plain(server.update("slow", partial.id, plain(again.value.partial.properties), inputs).properties)
    assert (ready["status"], "__wait" in ready, posts(simulator)) == ("Ready", False, before)


def test_what_failed_while_it_was_made_is_replaced_next(server: PluginServer, simulator: Any) -> None:
    inputs = server.checked("broken", declared("broken"))
    with pytest.raises(Failed) as caught:
        server.create("broken", inputs, timeout_seconds=1)
    begun = caught.value.partial
    assert begun is not None
    delete_outside(simulator, begun.id)
    with pytest.raises(Failed) as caught:
        server.update("broken", begun.id, plain(begun.properties), inputs)
    partial = caught.value.partial
    assert partial is not None and "failed" in clean(caught.value)
    reply = server.diff("broken", partial.id, inputs, plain(partial.properties), inputs)
    assert (list(reply.replaces), reply.deleteBeforeReplace) == (["status"], True)
    with Passing(simulator):
        server.delete("broken", partial.id, plain(partial.properties))
    id, _, _ = made(server, simulator, "broken")
    assert id != partial.id


# --- Errors are one line ----------------------------------------------------------------------------------------------


def test_the_first_call_of_a_process_keeps_an_id_too(fresh: Fresh) -> None:
    server = fresh()
    with pytest.raises(Failed) as caught:
        server.create("first", declared("first", cluster_name="first", __offered_name="first"), timeout_seconds=1)
    assert "is not ready after 1 s" in clean(caught.value)
    assert caught.value.partial is not None
    assert plain(caught.value.partial.properties)["cluster_id"] == caught.value.partial.id


# --- Progress, cancellation, the engine's end -------------------------------------------------------------------------


def test_progress_is_shown_on_the_resource_s_own_row(server: PluginServer, simulator: Any) -> None:
    made(server, simulator, "shown")
    lines = server.lines("shown")
    assert lines and all(line.ephemeral for line in lines)
    words = [line.message for line in lines]
    assert any("nodes running" in line for line in words)
    assert len(words) == len(set(words))


def test_cancel_ends_waits_keeps_ids_and_posts_nothing_more(fresh: Fresh, simulator: Any) -> None:
    server = fresh()
    names = [f"cancelled{number}" for number in range(10)]
    inputs = {name: server.checked(name, declared(name)) for name in names}
    before = posts(simulator)
    with ThreadPoolExecutor(10) as pool:
        replies = [pool.submit(server.create, name, inputs[name]) for name in names]
        until(lambda: posts(simulator) == before + 10)
        server.cancel()
        ids: set[str] = set()
        for reply in replies:
            failed = reply.exception(60)
            assert isinstance(failed, Failed) and failed.partial is not None
            assert "the run was cancelled" in clean(failed)
            ids.add(failed.partial.id)
    assert len(ids) == 10
    with pytest.raises(Failed) as caught:
        server.create("late", declared("late", cluster_name="late", __offered_name="late"))
    assert "the run was cancelled" in clean(caught.value)
    assert posts(simulator) == before + 10


def test_the_plugin_ends_with_its_engine_and_posts_nothing_more(fresh: Fresh, simulator: Any) -> None:
    server = fresh()
    inputs = {name: server.checked(name, declared(name)) for name in ("orphan", "later")}
    before = posts(simulator)
    with ThreadPoolExecutor(2) as pool:
        waiting = pool.submit(server.create, "orphan", inputs["orphan"])
        until(lambda: posts(simulator) == before + 1)
        server.lose_engine()
        late = pool.submit(server.create, "later", inputs["later"])
        assert server.ended_within(120)
        for reply in (waiting, late):
            assert isinstance(reply.exception(60), Failed)
    assert posts(simulator) == before + 1


# --- Others in the same process -------------------------------------------------------------------------------------


def test_other_dynamic_providers_are_served_as_ever(server: PluginServer) -> None:
    reply = server.create("echo", {"__provider": FOREIGN, "say": "hello"})
    assert (reply.id, plain(reply.properties)["said"]) == ("echo-1", "hello")
    state = plain(reply.properties)
    assert server.diff("echo", "echo-1", {}, state, {"__provider": FOREIGN, "say": "bye"}).changes == 2
    server.delete("echo", "echo-1", state)
