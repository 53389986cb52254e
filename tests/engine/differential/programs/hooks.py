"""Hooks run before and after create, update and delete."""

from lab import ResourceOptions, Thing, pulumi, step
from pulumi import ResourceHook, ResourceHookArgs, ResourceHookBinding, ResourceHookOptions

STEPS = ["preview", "up", "up", "up", "destroy", "up", "destroy --run-program"]
SHOWS = ["hooks"]


def hook(name):
    def run(args: ResourceHookArgs):
        pulumi.log.info(f"{name} {args.name} {sorted(args.new_inputs or ())} {sorted(args.old_outputs or ())}")

    return ResourceHook(name, run, opts=ResourceHookOptions(on_dry_run=name == "before_create"))


kinds = ["before_create", "after_create", "before_update", "after_update", "before_delete", "after_delete"]
binding = ResourceHookBinding(**{kind: [hook(kind)] for kind in kinds})
if step < 4 or step > 5:
    Thing("a", ResourceOptions(hooks=binding), size=1 if step == 2 else 2)
Thing("b", ResourceOptions(hooks=binding) if step > 5 else None, size=1)
