"""An error hook that says so has a failed operation tried again."""

from lab import CLOUD, ResourceOptions, Thing, pulumi
from pulumi import ErrorHook, ResourceHookBinding

STEPS = ["fault create a", "up"]
SHOWS = ["hooks"]


def again(args):
    pulumi.log.info(f"{args.failed_operation} of {args.name} failed {len(args.errors)} times")
    (CLOUD / "faults" / "create-a").unlink(missing_ok=True)
    return len(args.errors) < 2


Thing("a", ResourceOptions(hooks=ResourceHookBinding(on_error=[ErrorHook("again", again)])))
