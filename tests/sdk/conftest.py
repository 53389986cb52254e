"""Programs run in the test's own process here, and Pulumi's SDK runs them on the thread's event loop."""

import asyncio

import pytest


@pytest.fixture(scope="session")
def program_loop():
    """One loop for all programs of a test process."""
    loop = asyncio.new_event_loop()
    yield loop
    loop.close()


@pytest.fixture(autouse=True)
def event_loop_of_the_program(program_loop):
    """Make it the thread's own: a test elsewhere that used `asyncio.run` has left the thread without one."""
    asyncio.set_event_loop(program_loop)
