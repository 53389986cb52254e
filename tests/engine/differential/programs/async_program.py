"""A program may await, and declare resources in tasks."""

import asyncio

from lab import Output, Thing, pulumi

STEPS = ["preview", "up"]
SHOWS = ["unknown values"]


async def later():
    await asyncio.sleep(0.01)
    Thing("b")
    return 1


Thing("a", size=Output.from_input(later()))
pulumi.export("sum", Output.from_input(later_sum := asyncio.sleep(0.01, result=3)))
