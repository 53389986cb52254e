"""Transforms change resources and invokes before the engine sees them; hooks run around what happens to a resource."""

import json

import pytest

PROGRAM = """
from pulumi import ResourceHookBinding, ResourceTransformResult
from pulumi.invoke import InvokeTransformResult

SIZE = int(os.environ.get("SIZE", "1"))
KEEP = "DROP" not in os.environ


def note(*what):
    with open(os.environ["HOOK_LOG"], "a") as file:
        file.write(json.dumps(what) + "\\n")


def sizes(*properties):
    return [None if each is None else each.get("size") for each in properties]


def hook(kind, **options):
    def run(args):
        note(kind, args.name, *sizes(args.old_inputs, args.old_outputs, args.new_inputs, args.new_outputs))
        if os.environ.get("BREAK") == kind:
            raise ValueError("the hook is broken")

    return pulumi.ResourceHook(kind, run, pulumi.ResourceHookOptions(**options))


def again(args):
    note("on_error", args.name, args.failed_operation, len(args.errors))
    return len(args.errors) < 3


kinds = ("before_create", "after_create", "before_update", "after_update", "before_delete", "after_delete")
hooks = {kind: [hook(kind, ignore_errors=kind == "after_update")] for kind in kinds}
hooks["before_create"].append(hook("in_previews", on_dry_run=True))
"""


@pytest.fixture
def log(project, tmp_path):
    """What the hooks have noted since the last question."""
    path = tmp_path / "hooks.jsonl"
    project.environment["HOOK_LOG"] = str(path)

    def read():
        lines = path.read_text().splitlines() if path.exists() else []
        path.unlink(missing_ok=True)
        return [tuple(json.loads(line)) for line in lines]

    return read


def _program(project, text):
    project.program(text)
    path = project.folder / "__main__.py"
    path.write_text(path.read_text().replace("\n\nclass Thing", "\nimport json\n" + PROGRAM + "\n\nclass Thing", 1))


def test_transforms_of_resources_parents_the_stack_and_invokes(project):
    _program(
        project,
        """
        def of_stack(args):
            if args.type_ == "lab:index:Thing":
                opts = ResourceOptions.merge(args.opts, ResourceOptions(protect=args.name == "other"))
                return ResourceTransformResult({**args.props, "trail": args.props.get("trail", "") + "stack"}, opts)

        async def of_box(args):
            if args.name == "inner":
                return ResourceTransformResult({**args.props, "trail": args.props["trail"] + "box,"}, args.opts)

        def own(args):
            opts = ResourceOptions.merge(args.opts, ResourceOptions(depends_on=[other], ignore_changes=["size"]))
            return ResourceTransformResult({"trail": "own,", "moved": args.props["of"]}, opts)

        def of_invokes(args):
            return InvokeTransformResult({**args.args, "say": args.args["say"] + " and more"}, args.opts)

        pulumi.runtime.register_resource_transform(of_stack)
        pulumi.runtime.register_invoke_transform(of_invokes)
        first, other = Thing("first"), Thing("other")
        box = Box("box", ResourceOptions(transforms=[of_box]))
        Thing("inner", of=first.id, size=1, opts=ResourceOptions(parent=box, transforms=[own]))
        pulumi.export("echo", pulumi.runtime.invoke("lab:index:echo", {"say": "this"}).value["echo"])
        """,
    )
    project.up()
    resources = project.resources()
    first, other, inner = resources["first"], resources["other"], resources["inner"]
    assert first["inputs"] == {"trail": "stack"} and "protect" not in first and other["protect"] is True
    assert inner["inputs"] == {"trail": "own,box,stack", "moved": first["id"]}
    # The SDK answers without output values, and the dependencies stay those of the whole resource.
    assert inner["propertyDependencies"] == {"moved": [], "trail": []}
    assert sorted(inner["dependencies"]) == sorted([first["urn"], other["urn"]])
    assert inner["ignoreChanges"] == ["size"]
    assert project.outputs() == {"echo": "this and more"}


def test_a_transform_that_fails(project):
    _program(
        project,
        """
        def broken(args):
            raise ValueError("the transform is broken")

        Thing("a", opts=ResourceOptions(transforms=[broken]))
        """,
    )
    failed = project.up(check=False)
    assert failed.code == 1 and "a transform of lab:index:Thing 'a' failed: the transform is broken" in failed.out
    assert "a" not in project.resources()


def test_hooks_run_around_what_happens(project, log):
    _program(
        project,
        """
        Thing("a", size=SIZE, opts=ResourceOptions(hooks=ResourceHookBinding(**hooks)))
        if KEEP:
            bound = ResourceHookBinding(before_delete=hooks["before_delete"], after_delete=hooks["after_delete"])
            Thing("b", size=5, opts=ResourceOptions(hooks=bound))
        """,
    )
    project.preview()
    assert log() == [("in_previews", "a", None, None, 1, None)]
    project.up()
    assert log() == [
        ("before_create", "a", None, None, 1, None),
        ("in_previews", "a", None, None, 1, None),
        ("after_create", "a", None, None, 1, 1),
    ]
    assert project.resources()["a"]["resourceHooks"]["BeforeCreate"] == ["before_create", "in_previews"]
    updated = project.up(SIZE="2", DROP="1", BREAK="after_update")
    assert log() == [
        ("before_update", "a", 1, 1, 2, None),
        ("after_update", "a", 1, 1, 2, 2),
        ("before_delete", "b", 5, 5, None, None),
        ("after_delete", "b", 5, 5, None, None),
    ]
    assert 'hook \\"after_update\\" failed: the hook is broken' in updated.out
    refused = project.destroy(check=False)
    assert refused.code == 1 and "--run-program" in refused.errors[-1] and "a" in project.resources()
    project.destroy("--run-program", SIZE="3", DROP="1")
    assert log() == [("before_delete", "a", 2, 2, None, None), ("after_delete", "a", 2, 2, None, None)]
    assert project.resources() == {} and [c["inputs"]["size"] for c in project.calls("Update")] == [2]


def test_hooks_that_fail(project, log):
    _program(project, 'Thing("a", size=SIZE, opts=ResourceOptions(hooks=ResourceHookBinding(**hooks)))')
    failed = project.up(check=False, BREAK="before_create")
    assert failed.code == 1 and 'before hook "before_create" failed: the hook is broken' in failed.errors
    assert project.calls("Create") == [] and "a" not in project.resources()
    # After the creation, it is too late to refuse it.
    failed = project.up(check=False, BREAK="after_create")
    assert failed.code == 1 and 'after hook "after_create" failed: the hook is broken' in failed.errors
    assert "a" in project.resources() and project.preview().operations == []


def test_error_hooks_ask_for_another_attempt(project, log):
    _program(
        project,
        """
        bound = ResourceHookBinding(on_error=[pulumi.ErrorHook("again", again)])
        Thing("a", fail="create", opts=ResourceOptions(hooks=bound))
        """,
    )
    failed = project.up(check=False)
    assert failed.code == 1 and "retrying create due to on-error hook request (2/100)" in failed.out
    assert log() == [("on_error", "a", "create", count) for count in (1, 2, 3)]
    assert len(project.calls("Create")) == 3 and "a" not in project.resources()
