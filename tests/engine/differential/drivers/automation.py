"""Drives stacks as a test of a user's would."""

import json

import pulumi
from lab import Thing
from pulumi import automation as auto


def told(title, value):
    print(title, json.dumps(value, sort_keys=True, default=str))


def inline():
    thing = Thing("i", size=pulumi.Config().require_int("size"))
    pulumi.export("address", thing.address)


stack = auto.create_or_select_stack("local", work_dir=".")
stack.set_config("size", auto.ConfigValue("1"))
stack.set_all_config({"open": auto.ConfigValue("o"), "word": auto.ConfigValue("hush", secret=True)})
stack.set_config("map.key", auto.ConfigValue("v"), path=True)
told("config", {key: [value.value, value.secret] for key, value in stack.get_all_config().items()})
told("one", [stack.get_config("word").value, stack.get_config("word").secret])
stack.remove_config("open")
events = []
preview = stack.preview(on_event=events.append)
told("preview", {str(getattr(op, "value", op)): count for op, count in preview.change_summary.items()})
told("events", sorted({e.resource_pre_event.metadata.op for e in events if e.resource_pre_event}))
events.clear()
up = stack.up(message="by a driver", on_event=events.append)
told("up", [up.summary.kind, up.summary.result, up.summary.message, up.summary.resource_changes])
told("outputs", {name: [output.value, output.secret] for name, output in up.outputs.items()})
told("done", sum(1 for event in events if event.res_outputs_event))
told("again", [stack.up(expect_no_changes=True).summary.resource_changes])
told("refresh", [stack.refresh().summary.kind])
told("history", [[entry.kind, entry.result, entry.version] for entry in stack.history()])
told("secret history", len(stack.history(show_secrets=True)))
deployment = stack.export_stack()
stack.import_stack(deployment)
told("resources", len(deployment.deployment["resources"]))
workspace = stack.workspace
told("stacks", sorted(found.name for found in workspace.list_stacks()))
told("who", bool(workspace.who_am_i().user))
told("version", workspace.pulumi_version is not None)
told("project", [workspace.project_settings().name])
workspace.select_stack("dev")
told("selected", workspace.stack().name)
for wrong in (
    lambda: auto.select_stack("nobody", work_dir="."),
    lambda: auto.create_stack("local", work_dir="."),
    lambda: stack.get_config("nobody"),
    lambda: stack.up(target=["urn:pulumi:local::lab::pulumi-python:dynamic/lab:Thing::nobody"]),
):
    try:
        wrong()
        told("wrong", None)
    except auto.errors.CommandError as error:
        told("wrong", type(error).__name__)
destroyed = stack.destroy(on_output=lambda _: None)
told("destroy", [destroyed.summary.kind, destroyed.summary.resource_changes])
workspace.remove_stack("local")
told("stacks", sorted(found.name for found in workspace.list_stacks()))

inner = auto.create_or_select_stack("inner", project_name="lab", program=inline)
inner.set_config("size", auto.ConfigValue("2"))
told("inline preview", sorted(str(getattr(op, "value", op)) for op in inner.preview().change_summary))
told("inline up", {name: output.value for name, output in inner.up().outputs.items()})
told("outputs", {name: output.value for name, output in inner.outputs().items()})
told("inline destroy", inner.destroy(remove=True).summary.resource_changes)
