"""Random lives of clusters: what an `up` does stood in the preview, and nothing is lost, doubled or destroyed."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import settings
from hypothesis.stateful import run_state_machine_as_test

from tests.conftest import QUICK_CRASH_SEEDS
from tests.provider.lives.accounts import two_accounts
from tests.provider.lives.machine import Lives


@pytest.fixture
def accounts() -> Iterator[None]:
    with two_accounts() as Lives.accounts:
        yield


@pytest.mark.crash
@pytest.mark.usefixtures("accounts")
def test_lives(pytestconfig: pytest.Config) -> None:
    seeds: int = pytestconfig.getoption("--crash-seeds")
    many = seeds > QUICK_CRASH_SEEDS
    shape = settings(max_examples=4 * seeds, stateful_step_count=20, derandomize=False)
    run_state_machine_as_test(Lives, settings=shape if many else settings(max_examples=12, stateful_step_count=12))
