"""A program may declare more resources than Python's recursion limit has levels."""

from __future__ import annotations

import sys
from collections.abc import Iterator

import pytest
from pulumi_gpufleet import together

from tests.sdk.program import run


@pytest.fixture
def shallow() -> Iterator[int]:
    """A limit that is reached with fewer resources than the usual thousand."""
    usual = sys.getrecursionlimit()
    sys.setrecursionlimit(350)
    yield 350
    sys.setrecursionlimit(usual)


def test_a_fleet_is_not_limited_by_the_depth_of_recursion(shallow: int) -> None:
    def program() -> None:
        for number in range(shallow):
            together.Cluster(
                f"worker-{number}", region="us-central-8", gpu_type="H100_SXM", num_gpus=8, billing_type="ON_DEMAND"
            )

    assert len(run(program)) == shallow
