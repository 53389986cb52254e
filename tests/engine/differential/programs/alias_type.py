"""A resource of a new type is the same with an alias of the old type."""

from lab import Alias, ResourceOptions, Thing, ThingProvider, step
from pulumi.dynamic import Resource

STEPS = ["up", "up"]
SHOWS = ["aliases"]


class Item(Resource, module="lab", name="Item"):
    def __init__(self, resource_name, opts=None):
        super().__init__(ThingProvider(), resource_name, {"name": resource_name, "serial": None}, opts)


if step == 1:
    Thing("a")
else:
    Item("a", ResourceOptions(aliases=[Alias(type_="pulumi-python:dynamic/lab:Thing")]))
