"""A hook that fails before an operation fails it; one that fails after it is a warning."""

from lab import ResourceOptions, Thing, step
from pulumi import ResourceHook, ResourceHookBinding

STEPS = ["up", "up", "up"]
SHOWS = ["hooks"]


def failing(args):
    raise ValueError("the hook says no")


if step == 1:
    Thing("a", ResourceOptions(hooks=ResourceHookBinding(before_create=[ResourceHook("no", failing)])))
if step == 2:
    Thing("a", ResourceOptions(hooks=ResourceHookBinding(after_create=[ResourceHook("no", failing)])))
if step == 3:
    Thing("a", ResourceOptions(hooks=ResourceHookBinding(before_delete=[ResourceHook("no", failing)])), zone="new")
