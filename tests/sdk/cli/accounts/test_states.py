"""The states that the user names: what of them is counted."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from pulumi_gpufleet.cli.accounts.states import States

from tests.sdk.cli.conftest import deployment, entry


@pytest.mark.parametrize("cloud", ["together", "shadeform", "lambda_cloud", "cloud9"])
def test_the_resources_of_every_cloud_are_counted(cloud: str, state: Callable[..., Path]) -> None:
    """The question whether the key is the right one rests on it: of a cloud that counts none, it is never asked."""
    path = state(document=deployment(entry("c-1", f"{cloud}:Cluster"), entry("v-1", f"{cloud}:Volume")))
    assert States((path,)).read().held == {cloud: 2}


def test_what_is_no_resource_of_a_cloud_is_not_counted(state: Callable[..., Path]) -> None:
    row = {**entry("it"), "type": "random:index/randomPet:RandomPet"}
    unfinished = {key: value for key, value in entry("c-1").items() if key != "id"}
    assert States((state(document=deployment(row, unfinished)),)).read().held == {}
