"""A project with a program of the test's own, the commands of the engine on it, and the plugin `lab`."""

import json
import os
import signal
import stat
import subprocess
import sys
import textwrap
import time
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests import warm_python
from tests.warm_python import PASSPHRASE, SALT

PLUGIN = Path(__file__).parent / "lab" / "pulumi_resource_lab.py"
PRELUDE = """
import asyncio
import os
import sys

import pulumi
from pulumi import Alias, Output, ResourceOptions


class Thing(pulumi.CustomResource):
    status: Output[str]
    greeting: Output[str]

    def __init__(self, resource_name, opts=None, **props):
        super().__init__("lab:index:Thing", resource_name, {"status": None, "greeting": None, **props}, opts)


class Other(pulumi.CustomResource):
    def __init__(self, resource_name, opts=None, **props):
        super().__init__("lab:index:Other", resource_name, props, opts)


class Lab(pulumi.ProviderResource):
    def __init__(self, resource_name, opts=None, **props):
        super().__init__("lab", resource_name, props, opts)


class Box(pulumi.ComponentResource):
    def __init__(self, name, opts=None):
        super().__init__("lab:index:Box", name, {}, opts)


"""
PRELUDE_LINES = PRELUDE.count("\n")


@dataclass
class Result:
    """What a command did."""

    code: int
    out: str
    err: str

    @property
    def text(self):
        return self.out + self.err

    @property
    def events(self):
        """The events of `--json`."""
        return [json.loads(line) for line in self.out.splitlines() if line.startswith("{")]

    @property
    def document(self):
        """The document of `preview --json`."""
        return json.loads(self.out)

    @property
    def operations(self):
        """What was done or would be, as `<op> <name>`, without what stays the same, sorted."""
        if self.out.lstrip().startswith("{\n"):
            steps = [(s["op"], s["urn"]) for s in self.document.get("steps", [])]
        else:
            steps = [
                (e["resourcePreEvent"]["metadata"]["op"], e["resourcePreEvent"]["metadata"]["urn"])
                for e in self.events
                if "resourcePreEvent" in e
            ]
        return sorted(f"{op} {urn.rpartition('::')[2]}" for op, urn in steps if op != "same")

    @property
    def errors(self):
        """The messages of all errors, of either JSON form."""
        if self.out.lstrip().startswith("{\n"):
            return [d["message"].strip() for d in self.document.get("diagnostics", []) if d["severity"] == "error"]
        found = [e["diagnosticEvent"] for e in self.events if "diagnosticEvent" in e]
        return [d["message"].strip() for d in found if d["severity"] == "error"]


class Project:
    """One project with one stack, `dev`."""

    def __init__(self, folder):
        self.folder = folder
        self.lab = folder / "lab-records"
        self.lab.mkdir(parents=True)
        plugins = folder / "bin"
        plugins.mkdir()
        binary = plugins / "pulumi-resource-lab"
        binary.write_text(f'#!/bin/sh\nexec "${{LAB_PYTHON}}" {PLUGIN} "$@"\n')
        binary.chmod(binary.stat().st_mode | stat.S_IXUSR)
        (folder / "Pulumi.yaml").write_text("name: test\nruntime: python\n")
        (folder / "Pulumi.dev.yaml").write_text(f"encryptionsalt: {SALT}\n")
        self.environment = {
            **{key: value for key, value in os.environ.items() if not key.startswith("PULUMI_")},
            "PATH": f"{plugins}:/usr/bin:/bin",
            "LAB_FOLDER": str(self.lab),
            "PULUMI_CONFIG_PASSPHRASE": PASSPHRASE,
            "PULUMI_HOME": str(folder / "home"),
            "PULUMI_EMBEDDED_DEBUG": "1",
        }
        self.run("stack", "init", "dev", check=True)

    def program(self, text, prelude=PRELUDE):
        """Write the program."""
        (self.folder / "__main__.py").write_text(prelude + textwrap.dedent(text))

    def start(self, *arguments, python=sys.executable, **environment):
        """Start a command, in a fresh Python: it may be interrupted or killed."""
        return subprocess.Popen(
            [python, "-m", "pulumi_embedded", *arguments],
            cwd=self.folder,
            env=self.environment | {"LAB_PYTHON": python} | environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    @staticmethod
    def finish(process):
        """Wait for a command."""
        out, err = process.communicate(timeout=240)
        return Result(process.returncode, out, err)

    def run(self, *arguments, check=False, **environment):
        """Run a command; `check` means that it must succeed."""
        result = self.finish(self.start(*arguments, python=warm_python.executable(), **environment))
        assert not check or result.code == 0, result.text
        return result

    def up(self, *flags, check=True, **environment):
        """`up --yes --skip-preview --json`."""
        return self.run("up", "--yes", "--skip-preview", "--json", *flags, check=check, **environment)

    def preview(self, *flags, check=True, **environment):
        """`preview --json`."""
        return self.run("preview", "--json", *flags, check=check, **environment)

    def destroy(self, *flags, check=True, **environment):
        """`destroy --yes --skip-preview --json`."""
        return self.run("destroy", "--yes", "--skip-preview", "--json", *flags, check=check, **environment)

    def refresh(self, *flags, check=True, **environment):
        """`refresh --yes --skip-preview --json`."""
        return self.run("refresh", "--yes", "--skip-preview", "--json", *flags, check=check, **environment)

    def deployment(self, *flags):
        """The stack's state."""
        return self.run("stack", "export", *flags, check=True).document["deployment"]

    def resources(self):
        """The resources by name."""
        return {r["urn"].rpartition("::")[2]: r for r in self.deployment().get("resources", [])}

    def outputs(self, *flags):
        """The stack's outputs."""
        return self.run("stack", "output", "--json", *flags, check=True).document

    def calls(self, method=None):
        """What the plugin was asked, in order, as (method, name) or, of one method, the whole entries."""
        path = self.lab / "calls.jsonl"
        entries = [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []
        if method:
            return [entry for entry in entries if entry["method"] == method]
        return [(entry["method"], entry["name"]) for entry in entries if entry["method"] not in ("Configure", "Diff")]

    def forget_calls(self):
        """Start a new page."""
        (self.lab / "calls.jsonl").unlink(missing_ok=True)

    def await_call(self, method, name):
        """Return when the plugin was asked for this."""
        deadline = time.monotonic() + 120
        while (method, name) not in self.calls():
            assert time.monotonic() < deadline, self.calls()
            time.sleep(0.05)

    def interrupt(self, process):
        """Press Ctrl-C."""
        process.send_signal(signal.SIGINT)


@pytest.fixture
def project(tmp_path):
    """A fresh project."""
    return Project(tmp_path / "project")
