"""A preview hears a program out: one mistake hides no other."""

import asyncio
from types import SimpleNamespace

import pytest
from pulumi_embedded.deployment.monitor import ShutDown
from pulumi_embedded.deployment.registrations import Registrations
from pulumi_embedded.steps.events import Refused
from pulumi_embedded.steps.goals import Goal
from pulumi_embedded.steps.options import Options


class Refusing:
    """A generator that refuses every resource, some of them only when they are let go."""

    stack, project = "dev", "test"

    def __init__(self):
        self.asked = []
        self.let_go = asyncio.Event()

    async def register(self, goal):
        self.asked.append(goal.name)
        if goal.name == "slow":
            await self.let_go.wait()
        raise Refused


def registrations_of(generator, *, preview):
    executor = SimpleNamespace(stopped=False, failed=False)
    executor.stop = lambda: setattr(executor, "stopped", True)
    return Registrations(generator, executor, None, Options(preview=preview), {}, frozenset(), None)


def goal(name):
    return Goal(type="lab:index:Thing", name=name, custom=True)


async def ask(preview):
    generator = Refusing()
    registrations = registrations_of(generator, preview=preview)
    answers = []
    for name in ("first", "slow", "late"):
        answers.append(asyncio.ensure_future(registrations.register(goal(name))))
        await asyncio.sleep(0)
    told = registrations.stopped.is_set()
    generator.let_go.set()
    for answer in answers:
        with pytest.raises(ShutDown):
            await answer
    assert registrations.failed and registrations.stopped.is_set()
    return generator.asked, told


def test_a_preview_asks_about_every_resource():
    assert asyncio.run(ask(preview=True)) == (["first", "slow", "late"], False)


def test_an_update_stops_at_the_first_mistake():
    assert asyncio.run(ask(preview=False)) == (["first"], True)
