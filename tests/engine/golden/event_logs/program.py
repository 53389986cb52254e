"""A program without plugins of others, whose event logs under the Pulumi CLI were recorded; GOLDEN_STEP chooses."""

import os

import pulumi
from lab.provider import Machine as MachineProvider
from pulumi import ResourceOptions
from pulumi.dynamic import Resource

step = os.environ.get("GOLDEN_STEP", "create")


class Machine(Resource, module="lab", name="Machine"):
    status: pulumi.Output[str]
    address: pulumi.Output[str]
    credentials: pulumi.Output[str]

    def __init__(self, resource_name, opts=None, **inputs):
        outputs = {"status": None, "address": None, "credentials": None, "nodes": None}
        opts = ResourceOptions.merge(opts, ResourceOptions(additional_secret_outputs=["credentials"]))
        super().__init__(MachineProvider(), resource_name, {**outputs, "name": resource_name, **inputs}, opts)


class Pair(pulumi.ComponentResource):
    def __init__(self, name, size, opts=None):
        super().__init__("lab:index:Pair", name, {"size": size}, opts)
        mine = ResourceOptions(parent=self)
        self.left = Machine(f"{name}-left", mine, size=size, zone="a")
        self.right = Machine(f"{name}-right", mine, size=size, zone="b", peer=self.left.address)
        self.register_outputs({"left": self.left.address, "right": self.right.address})


changed = step == "change"
pulumi.log.warn("a warning of the program")
web = Machine("web", size=8, zone="c" if changed else "a", token=pulumi.Output.secret("hush"))
Machine("follower", size=8, zone="a", peer=web.address)
Machine("early", ResourceOptions(delete_before_replace=True), size=8, zone="c" if changed else "a")
Pair("pair", 16 if changed else 8)
if not changed:
    Machine("extra", ResourceOptions(retain_on_delete=True), size=8, zone="a")
if step == "fail":
    Machine("bad", size=12, zone="nowhere")
pulumi.export("address", web.address)
pulumi.export("credentials", web.credentials)
pulumi.export("plain", {"a": [1, 2.5, True, None], "b": pulumi.Output.secret("s")})
