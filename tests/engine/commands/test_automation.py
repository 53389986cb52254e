"""`pulumi.automation` drives the engine: inline and local programs, and every method of a stack that needs no cloud."""

import contextlib
import io
import json
import os
import sys
import threading
from datetime import datetime

import pulumi
import pulumi_random
import pytest
from pulumi import automation
from pulumi.automation.errors import ConcurrentUpdateError, StackAlreadyExistsError, StackNotFoundError
from pulumi_embedded.automation import EmbeddedCommand
from pulumi_embedded.commands.main import main
from pulumi_embedded.storage.backend import FileBackend
from pulumi_embedded.storage.stack_reference import StackReference

from tests import warm_python


class InThisProcess(EmbeddedCommand):
    """Runs the commands in the test's own process, which spares the start of a Python for each."""

    def run(self, args, cwd, additional_env, on_output=None, on_error=None):
        out, err, code = io.StringIO(), io.StringIO(), 0
        before, folder = dict(os.environ), os.getcwd()
        os.environ.update(additional_env)
        os.chdir(cwd)
        try:
            with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
                main(["--non-interactive", *args], prog_name="pulumi-embedded")
        except SystemExit as error:
            code = error.code or 0
        finally:
            os.chdir(folder)
            os.environ.clear()
            os.environ.update(before)
        result = automation.CommandResult(out.getvalue().strip(), err.getvalue().strip(), code)
        if code:
            raise automation.errors.create_command_error(result)
        return result


@pytest.fixture
def options(tmp_path):
    """The options of a workspace with a backend of its own."""
    environment = {
        "PULUMI_BACKEND_URL": f"file://{tmp_path}/state",
        "PULUMI_CONFIG_PASSPHRASE": "test",
        "PULUMI_HOME": str(tmp_path / "home"),
        "PULUMI_EMBEDDED_DEBUG": "1",
    }
    (tmp_path / "state").mkdir()
    (tmp_path / "work").mkdir()
    return automation.LocalWorkspaceOptions(
        work_dir=str(tmp_path / "work"), env_vars=environment, pulumi_command=InThisProcess()
    )


def pets(*names):
    """An inline program."""

    def program():
        for name in names:
            pulumi_random.RandomPet(name)
        pulumi.export("size", pulumi.Config().get_int("size"))
        pulumi.export("token", pulumi.Config().get_secret("token"))

    return program


def test_the_life_of_an_inline_program(options):
    with pytest.raises(StackNotFoundError):
        automation.select_stack("dev", "inline", pets(), opts=options)
    stack = automation.create_stack("dev", "inline", pets("a"), opts=options)
    with pytest.raises(StackAlreadyExistsError):
        automation.create_stack("dev", "inline", pets(), opts=options)
    stack.set_all_config({"size": automation.ConfigValue("8"), "token": automation.ConfigValue("hush", secret=True)})
    assert stack.preview(color="always", debug=True, suppress_progress=True, log_flow=True).change_summary == {
        "create": 2
    }
    events = []
    done = stack.up(message="first", on_event=events.append, parallel=4, color="never", tracing="file:/dev/null")
    assert (done.outputs["size"].value, done.outputs["size"].secret) == (8, False)
    assert (done.outputs["token"].value, done.outputs["token"].secret) == ("hush", True)
    assert (done.summary.kind, done.summary.message, done.summary.result) == ("update", "first", "succeeded")
    assert isinstance(done.summary.end_time, datetime) and done.summary.resource_changes == {"create": 2}
    assert done.summary.config["inline:token"].value == "hush" and done.summary.config["inline:token"].secret
    types = {e.resource_pre_event.metadata.type for e in events if e.resource_pre_event}
    assert types == {"pulumi:pulumi:Stack", "random:index/randomPet:RandomPet", "pulumi:providers:random"}
    assert events[-2].summary_event.resource_changes == {"create": 2} and events[-1].cancel_event is not None
    assert [e.sequence for e in events] == list(range(len(events)))

    state = stack.export_stack()
    assert len(state.deployment["resources"]) == 3
    stack.import_stack(state)
    assert stack.up(program=pets("a", "b"), suppress_outputs=True).summary.resource_changes == {"create": 1, "same": 2}
    assert stack.preview_refresh().change_summary == {"same": 3}
    assert stack.refresh().summary.kind == "refresh"
    assert stack.preview_destroy().change_summary == {"delete": 3}
    assert stack.destroy(on_event=events.append).summary.resource_changes == {"delete": 3}
    assert [entry.kind for entry in stack.history()] == ["destroy", "refresh", "update", "update"]
    assert [entry.kind for entry in stack.history(page_size=1, page=2)] == ["refresh"]
    stack.workspace.remove_stack("dev")
    assert stack.workspace.list_stacks() == []


def test_an_inline_program_that_fails(options):
    def broken():
        pulumi_random.RandomPet("a")
        raise ValueError("my mistake")

    stack = automation.create_stack("dev", "inline", broken, opts=options)
    stack.workspace.install_plugin("random", "v4.16.0")
    with pytest.raises(automation.CommandError, match="downloads no plugins"):
        stack.workspace.install_plugin("nowhere", "v1.0.0")
    with pytest.raises(automation.InlineSourceRuntimeError, match="my mistake"):
        stack.up()
    assert stack.info().result == "failed"


def test_config_tags_names_and_people(options, tmp_path):
    stack = automation.create_stack("dev", "inline", pets(), opts=options)
    plain, secret = automation.ConfigValue("--odd=value"), automation.ConfigValue("hush", secret=True)
    stack.set_config("odd", plain)
    stack.set_config("box.token", secret, path=True)
    stack.set_config("box.items[0]", automation.ConfigValue("1"), path=True)
    assert stack.get_config("odd").value == "--odd=value"
    assert json.loads(stack.get_config("box").value) == {"token": "hush", "items": [1]}
    assert stack.get_config("box.items[0]", path=True).value == "1"
    described = options.pulumi_command.run(
        ["config", "--json", "--show-secrets", "--stack", "dev"], options.work_dir, options.env_vars
    ).stdout
    stack.remove_all_config(["odd", "box"])
    assert stack.get_all_config() == {}
    stack.set_all_config_json(described)
    everything = stack.get_all_config()
    assert {key: value.secret for key, value in everything.items()} == {"inline:box": True, "inline:odd": False}
    stack.set_all_config({"list[0]": plain, "list[1]": secret}, path=True)
    assert json.loads(stack.get_config("list").value) == ["--odd=value", "hush"]
    stack.remove_config("list[1]", path=True)
    assert json.loads(stack.get_config("list").value) == ["--odd=value"]

    stack.set_tag("owner", "me")
    stack.set_tag("team", "gpu")
    stack.remove_tag("owner")
    assert stack.list_tags() == {"team": "gpu"} and stack.get_tag("team") == "gpu"
    stack.up()
    stack.set_config("odd", automation.ConfigValue("changed"))
    stack.refresh_config()
    assert stack.get_config("odd").value == "--odd=value"
    before = stack.export_stack()
    renamed = stack.rename("prod")
    assert renamed.summary.kind == "update" and stack.name == "prod" and stack.get_tag("team") == "gpu"
    assert stack.preview().change_summary == {"same": 1}
    assert [r["urn"] for r in stack.export_stack().deployment["resources"]] == [
        r["urn"].replace("dev", "prod") for r in before.deployment["resources"]
    ]
    summary = stack.workspace.stack()
    assert (summary.name, summary.resource_count, type(summary.last_update)) == ("prod", 1, datetime)
    who = stack.workspace.who_am_i()
    assert who.user and who.url == f"file://{tmp_path}/state"
    with pytest.raises(automation.CommandError, match="does not support environments"):
        stack.add_environments("base")


def test_resources_are_imported(options):
    stack = automation.create_stack("dev", "inline", pets(), opts=options)
    entry = {"type": "random:index/randomString:RandomString", "name": "a", "id": "abc123"}
    done = stack.import_resources(resources=[entry], protect=False, message="found")
    assert done.summary.resource_changes == {"create": 1, "import": 1} and done.summary.message == "found"
    assert stack.export_stack().deployment["resources"][-1]["id"] == "abc123"


def test_a_locked_stack_and_its_cancellation(options, tmp_path):
    stack = automation.create_stack("dev", "inline", pets(), opts=options)
    with FileBackend(tmp_path / "state").lock(StackReference("inline", "dev")):
        with pytest.raises(ConcurrentUpdateError):
            stack.up()
        stack.cancel()
        stack.up()


def test_a_local_program_through_the_shim(project):
    project.program("""
    config = pulumi.Config()
    Thing("a", size=config.require_int("size"))
    pulumi.export("token", config.require_secret("token"))
    """)
    project.run("shim", str(project.folder / "cli"), check=True)
    command = automation.PulumiCommand(root=str(project.folder / "cli"))
    assert command.version == EmbeddedCommand().version
    options = automation.LocalWorkspaceOptions(
        pulumi_command=command, env_vars=project.environment | {"LAB_PYTHON": sys.executable}
    )
    stack = automation.create_or_select_stack("dev", work_dir=str(project.folder), opts=options)
    settings = project.folder / "other.yaml"
    settings.write_text("config:\n  size: 3\n  token: public\n")
    log = project.folder / "events.json"
    project.up("--config-file", str(settings), "--event-log", str(log))
    assert project.resources()["a"]["inputs"] == {"size": 3}
    events = [json.loads(line) for line in log.read_text().splitlines()]
    assert "preludeEvent" in events[0] and events[-1]["cancelEvent"] == {}
    lines = []
    refreshed = stack.refresh(config_file=str(settings), on_output=lines.append)
    assert refreshed.summary.result == "succeeded" and lines


def test_stacks_side_by_side(options, tmp_path):
    """Threads of one driver; each command is a process of its own."""
    path = tmp_path / "cli" / "bin" / "pulumi"
    path.parent.mkdir(parents=True)
    path.write_text(f'#!/bin/sh\nexec {warm_python.executable()} -m pulumi_embedded "$@"\n')
    path.chmod(0o755)
    options.pulumi_command = automation.PulumiCommand(root=str(tmp_path / "cli"))
    stacks = [automation.create_stack(name, "inline", pets(name), opts=options) for name in ("left", "right")]
    results = {}
    threads = [
        threading.Thread(target=lambda s=s: results.update({s.name: s.up().summary.resource_changes})) for s in stacks
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == {"left": {"create": 2}, "right": {"create": 2}}
