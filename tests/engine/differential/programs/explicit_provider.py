"""A provider resource of its own, which is declared, used, renamed and dropped."""

from lab import Box, ResourceOptions, Thing, pulumi, step

STEPS = ["up", "up", "up"]
SHOWS = ["providers"]


class Cloud(pulumi.ProviderResource):
    def __init__(self, name, opts=None):
        super().__init__("pulumi-python", name, {}, opts)


if step < 3:
    cloud = Cloud("one" if step == 1 else "two")
    Thing("a", ResourceOptions(provider=cloud))
    box = Box("box", ResourceOptions(providers=[cloud]))
    Thing("b", ResourceOptions(parent=box))
