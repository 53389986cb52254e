"""The plugin server's pool, widened from one of its own threads: every call gets a thread, and no more are started."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor, wait

import pytest
from gpufleet_provider.plugin import upgrade

SECONDS = 60


@pytest.fixture
def pool() -> Iterator[ThreadPoolExecutor]:
    made = ThreadPoolExecutor(max_workers=4)
    yield made
    made.shutdown(wait=True)


def widen_from_within(pool: ThreadPoolExecutor) -> None:
    def widen() -> None:
        found = upgrade._pool()
        assert found is pool
        upgrade._widen(found)

    pool.submit(widen).result(SECONDS)


def all_at_once(pool: ThreadPoolExecutor, calls: int) -> None:
    """Make calls that end only when all of them run."""
    meeting = threading.Barrier(calls)
    futures = [pool.submit(meeting.wait, SECONDS) for _ in range(calls)]
    assert sorted(future.result(SECONDS) for future in futures) == list(range(calls))


def test_creates_run_at_once_after_a_rush_of_checks(pool: ThreadPoolExecutor) -> None:
    widen_from_within(pool)
    wait([pool.submit(lambda: None) for _ in range(500)], SECONDS)
    all_at_once(pool, 200)


def test_creates_run_at_once_when_the_rush_came_before_the_widening(pool: ThreadPoolExecutor) -> None:
    wait([pool.submit(lambda: None) for _ in range(500)], SECONDS)
    widen_from_within(pool)
    all_at_once(pool, 200)


def test_what_queues_already_gets_a_thread(pool: ThreadPoolExecutor) -> None:
    meeting, queued = threading.Barrier(100), threading.Event()

    def first() -> None:
        assert queued.wait(SECONDS)
        upgrade._widen(upgrade._pool())

    begun = pool.submit(first)
    futures = [pool.submit(meeting.wait, SECONDS) for _ in range(100)]
    queued.set()
    begun.result(SECONDS)
    assert len({future.result(SECONDS) for future in futures}) == 100


def test_threads_are_used_again(pool: ThreadPoolExecutor) -> None:
    widen_from_within(pool)
    for _ in range(20):
        all_at_once(pool, 30)
    # Each of the four that stood there already may be counted as busy for good.
    assert len(pool._threads) <= 30 + 4 + 1


def test_where_no_more_threads_can_be_started_every_call_is_answered(
    pool: ThreadPoolExecutor, monkeypatch: pytest.MonkeyPatch
) -> None:
    widen_from_within(pool)
    most, start = threading.active_count() + 20, threading.Thread.start

    def start_within_the_limit(thread: threading.Thread) -> None:
        if threading.active_count() >= most:
            raise RuntimeError("can't start new thread")
        start(thread)

    monkeypatch.setattr(threading.Thread, "start", start_within_the_limit)
    meeting = threading.Barrier(20)
    futures = [pool.submit(meeting.wait, SECONDS) for _ in range(100)]
    assert sorted(future.result(SECONDS) for future in futures) == sorted([*range(20)] * 5)
