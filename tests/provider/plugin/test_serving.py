"""Values on the wire, and what an exception becomes."""

from __future__ import annotations

from typing import Any

import grpc
import pytest
from gpufleet_provider.model.errors import CloudError, Unfinished, describe
from gpufleet_provider.model.text import LONGEST_LINE
from gpufleet_provider.model.unfinished_wait import UnfinishedWait
from gpufleet_provider.plugin import serving
from gpufleet_provider.plugin.serving import _set_status
from gpufleet_provider.plugin.values import properties_of, struct_of
from hypothesis import given, settings
from pulumi.dynamic import CreateResult, ReadResult, UpdateResult
from pulumi.output import Unknown
from pulumi.runtime.proto import provider_pb2

from tests.provider.model.test_comparing import JSON


def known(value: Any) -> Any:
    """What arrives of a value: nulls in objects are absent, numbers are floats."""
    if isinstance(value, dict):
        return {key: known(entry) for key, entry in value.items() if entry is not None}
    if isinstance(value, list):
        return [known(entry) for entry in value]
    return float(value) if isinstance(value, int) and not isinstance(value, bool) else value


@given(JSON)
@settings(max_examples=150, deadline=None)
def test_values_survive_the_wire(value: Any) -> None:
    try:
        sent = struct_of({"value": value})
    except OverflowError:
        return
    assert properties_of(sent) == known({"value": value})


def test_hidden_and_unknown_values_survive_at_any_depth() -> None:
    arrived = properties_of(struct_of({"__inputs": {"__offered_name": "n", "list": [Unknown(), {"__x": 1}]}}))
    assert arrived["__inputs"]["__offered_name"] == "n"
    assert isinstance(arrived["__inputs"]["list"][0], Unknown)
    assert arrived["__inputs"]["list"][1] == {"__x": 1.0}


class Context:
    """What a handler is given, as far as telling goes."""

    code: Any = None
    details = ""

    def set_code(self, code: Any) -> None:
        self.code = code

    def set_details(self, details: str) -> None:
        self.details = details.encode().decode()  # as gRPC does, which half of a surrogate pair ends

    def set_trailing_metadata(self, metadata: Any) -> None:
        self.trailing = metadata


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (CloudError("one\nline"), "one line"),
        (KeyError("cluster"), "unexpected KeyError: 'cluster' (at test_serving.py:"),
        (ValueError("password=hunter2"), "unexpected ValueError: password=[redacted]"),
        (RuntimeError(), "unexpected RuntimeError (at"),
    ],
)
def test_an_error_is_one_line_without_a_secret(error: Exception, words: str) -> None:
    context = Context()
    try:
        raise error
    except Exception as raised:
        assert _set_status(context, raised) == describe(raised)
    assert context.code is grpc.StatusCode.UNKNOWN
    assert words in context.details and "\n" not in context.details


def test_other_providers_are_told_apart_without_unpickling_them() -> None:
    from tests.provider.plugin.servers.server import FOREIGN, PICKLED

    assert serving._may_be_ours(PICKLED)
    assert not serving._may_be_ours(FOREIGN)


ODD = {"message": "half a pair: \ud83d", "__inputs": {"count": 2}, "__account": "mark", "__provider": "pickled"}


def partial_failure(context: Context) -> Any:
    (_, packed), *_ = context.trailing
    status = serving._status_type().FromString(packed)
    told = provider_pb2.ErrorResourceInitFailed()
    assert status.details[0].Unpack(told)
    return told


def test_outputs_that_cannot_be_sent_do_not_cost_the_id() -> None:
    with pytest.raises(Unfinished) as unfinished:
        serving._properties("c-1", ODD, "create")
    context = Context()
    _set_status(context, unfinished.value)
    told = partial_failure(context)
    assert told.id == "c-1" and "c-1 exists" in context.details
    kept = properties_of(told.properties)
    assert (kept["__inputs"], kept["__account"], kept["__provider"]) == ({"count": 2.0}, "mark", "pickled")
    assert kept["__wait"]["during"] == "create" and "message" not in kept


def test_an_unfinished_wait_keeps_its_id_whatever_was_shown_last() -> None:
    context = Context()
    _set_status(context, Unfinished(UnfinishedWait("pending", "not \ud83d yet", "create"), "c-1", ODD))
    assert (partial_failure(context).id, context.details) == ("c-1", "not ? yet")


def test_outputs_that_are_too_large_for_a_status_do_not_cost_the_id() -> None:
    context = Context()
    large = {**ODD, "message": "x" * 16 * 1024 * 1024}
    _set_status(context, Unfinished(UnfinishedWait("pending", "y" * 16 * 1024 * 1024, "create"), "c-1", large))
    told = partial_failure(context)
    assert told.id == "c-1" and "message" not in properties_of(told.properties)
    assert (len(context.details), len(told.reasons[0])) == (LONGEST_LINE, LONGEST_LINE)


def test_what_a_read_finds_in_trouble_is_a_partial_failure_with_corrected_inputs() -> None:
    wait = {"state": "pending", "words": "Paused", "during": "update", "asked": list[str]()}
    request = provider_pb2.ReadRequest(id="c-1", properties=struct_of({"__provider": "pickled"}))
    with pytest.raises(Unfinished) as unfinished:
        serving._ensure_finished(ReadResult("c-1", {"status": "Paused", "__wait": wait}, {"count": 2}), request)
    context = Context()
    _set_status(context, unfinished.value)
    told = partial_failure(context)
    assert (told.id, list(told.reasons)) == ("c-1", ["Paused"])
    assert properties_of(told.inputs) == {"count": 2.0, "__provider": "pickled"}
    assert properties_of(told.properties)["status"] == "Paused"


def test_a_result_that_a_stock_handler_cannot_carry_keeps_what_the_next_run_needs() -> None:
    kept = serving._with_outputs_to_keep(CreateResult("c-1", dict(ODD)), "")
    assert kept.outs["__inputs"] == {"count": 2} and "message" not in kept.outs
    assert kept.outs["__wait"]["during"] == "create"
    whole = UpdateResult({"message": "fine"})
    assert serving._with_outputs_to_keep(whole, "c-1").outs == {"message": "fine"}
