"""Values on the wire, and what an exception becomes."""

from __future__ import annotations

from typing import Any

import grpc
import pytest
from gpufleet_provider.model.errors import CloudError, describe
from gpufleet_provider.plugin import serving
from gpufleet_provider.plugin.serving import _set_status
from gpufleet_provider.plugin.values import properties_of, struct_of
from hypothesis import given, settings
from pulumi.output import Unknown

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
        self.details = details


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
