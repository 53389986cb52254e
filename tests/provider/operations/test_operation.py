"""The interval of polls that a configuration sets."""

from __future__ import annotations

import pytest
from gpufleet_provider.model.errors import Refusal
from gpufleet_provider.operations.operation import poll_seconds


@pytest.mark.parametrize(("text", "seconds"), [(None, None), ("", None), ("5", 5.0), ("0.25", 0.25)])
def test_the_interval_of_polls_can_be_set(text: str | None, seconds: float | None) -> None:
    assert poll_seconds({"gpufleet:pollSeconds": text}.get) == seconds


@pytest.mark.parametrize("text", ["often", "0", "-1", "nan", "1e9"])
def test_an_interval_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(Refusal, match="gpufleet:pollSeconds"):
        poll_seconds({"gpufleet:pollSeconds": text}.get)
