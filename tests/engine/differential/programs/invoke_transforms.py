"""A transform of invokes sees the arguments, and a transform that raises fails the run."""

from lab import Thing, pulumi, step
from pulumi import InvokeTransformArgs, InvokeTransformResult

STEPS = ["up", "up"]
SHOWS = ["transforms"]


def seen(args: InvokeTransformArgs):
    pulumi.log.info(f"invoked {args.token}")
    return InvokeTransformResult(args=args.args, opts=args.opts)


def refused(args):
    raise ValueError("not this one")


pulumi.runtime.register_invoke_transform(seen)
if step == 2:
    pulumi.runtime.register_resource_transform(refused)
result = pulumi.runtime.invoke_output("pulumi:pulumi:readStackOutputs", {"name": "organization/lab/dev"})
pulumi.export("outputs", result)
Thing("a")
