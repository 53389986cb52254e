"""Transforms of resources and stacks, and the older transformations."""

from lab import Box, ResourceOptions, Thing, pulumi, step
from pulumi import ResourceTransformArgs, ResourceTransformationResult, ResourceTransformResult

STEPS = ["up", "up"]
SHOWS = ["transforms"]


def sized(args: ResourceTransformArgs):
    if args.custom:
        return ResourceTransformResult(props={**args.props, "size": step}, opts=args.opts)


def protected(args: ResourceTransformArgs):
    options = pulumi.ResourceOptions.merge(args.opts, pulumi.ResourceOptions(retain_on_delete=True))
    return ResourceTransformResult(props=args.props, opts=options)


def noted(args):
    return ResourceTransformationResult({**args.props, "note": "old"}, args.opts)


pulumi.runtime.register_resource_transform(sized)
pulumi.runtime.register_stack_transformation(noted)
box = Box("box", ResourceOptions(transforms=[protected]))
Thing("a", ResourceOptions(parent=box))
Thing(
    "b",
    ResourceOptions(transformations=[lambda args: ResourceTransformationResult({**args.props, "mine": 1}, args.opts)]),
)
