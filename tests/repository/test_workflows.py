"""The workflows that users copy: each step runs once here, with commands that write down how they were called."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[2]
WORKFLOW = yaml.safe_load((ROOT / ".github/workflows/fleet.yml").read_text())
ACTION = yaml.safe_load((ROOT / ".github/actions/report/action.yml").read_text())
GITLAB = yaml.safe_load((ROOT / ".gitlab/fleet.gitlab-ci.yml").read_text())
STEPS = {
    f"{job}: {step['name']}": step for job, body in WORKFLOW["jobs"].items() for step in body["steps"] if "run" in step
} | {f"action: {step['name']}": step for step in ACTION["runs"]["steps"]}
COMMANDS = ("pulumi", "gpufleet", "gh", "python")
FAKE = """#!/bin/sh
echo "{name} $*" >> "$CALLS"
case "{name} $*" in
  "gpufleet orphans"*) echo "3 running, 3 known to the given states, $ORPHANS";;
  "gpufleet report"*) while [ "$1" != --output ]; do shift; done; echo report > "$2"; exit "$CODE";;
  "pulumi preview"*) echo "the drift"; exit "$CODE";;
  "gh issue list"*) echo "$ISSUE";;
esac
"""


class Job:
    """Runs a step with fake commands."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.calls = folder / "calls"
        self.summary, self.output = folder / "summary", folder / "output"
        (folder / "bin").mkdir()
        for name in COMMANDS:
            (folder / "bin" / name).write_text(FAKE.format(name=name))
            (folder / "bin" / name).chmod(0o755)

    def run(self, name: str, **environment: str) -> int:
        """Run a step; returns its exit code."""
        self.calls.write_text("")
        step = STEPS[name]
        shell = [sys.executable, "-c"] if step.get("shell") == "python" else ["bash", "-eo", "pipefail", "-c"]
        variables = {
            "PATH": f"{self.folder / 'bin'}:{os.environ['PATH']}",
            "CALLS": str(self.calls),
            "CODE": "0",
            "ORPHANS": "no orphans",
            "ISSUE": "",
            "RUNNER_TEMP": str(self.folder),
            "GITHUB_STEP_SUMMARY": str(self.summary),
            "GITHUB_OUTPUT": str(self.output),
            "STACK": "team/prod",
            "ARGUMENTS": "--fail-on data-loss",
            "REQUIREMENTS": "requirements.txt",
            "TITLE": "Drift or orphans in prod",
            "GITHUB_TOKEN": "token",
        }
        return subprocess.run([*shell, step["run"]], cwd=self.folder, env=variables | environment).returncode

    @property
    def called(self) -> list[str]:
        """What was called."""
        return self.calls.read_text().splitlines()


@pytest.fixture
def job(tmp_path: Path) -> Job:
    return Job(tmp_path)


@pytest.mark.parametrize("name", [name for name in STEPS if name.endswith(": Install")])
def test_installing(job: Job, name: str) -> None:
    assert job.run(name) == 0
    assert job.called == ["python -m pip install --requirement requirements.txt"]


@pytest.mark.parametrize("name", ["preview: Report", "action: Report"])
def test_the_report_is_posted(job: Job, name: str) -> None:
    assert job.run(name) == 0
    assert job.called == ["gpufleet comment --run --stack team/prod --fail-on data-loss"]


@pytest.mark.parametrize("arguments", ["", "; touch evil", "$(touch evil)"])
def test_arguments_are_never_run(job: Job, arguments: str) -> None:
    assert job.run("preview: Report", ARGUMENTS=arguments) == 0
    assert job.called == [f"gpufleet comment --run --stack team/prod {arguments}".strip()]
    assert not (job.folder / "evil").exists()


@pytest.mark.parametrize("code", [0, 3])
@pytest.mark.parametrize("name", ["preview-of-fork: Report", "action: Report"])
def test_a_report_that_may_not_be_posted_is_in_the_summary(job: Job, name: str, code: int) -> None:
    assert job.run(name, GITHUB_TOKEN="", CODE=str(code)) == code
    assert job.summary.read_text() == "report\n"
    assert job.called[-1].startswith("gpufleet report --run --stack ")
    assert job.called[-1].endswith(" --fail-on data-loss")


def test_a_fork_has_the_config_without_what_is_encrypted(job: Job) -> None:
    (job.folder / "Pulumi.prod.yaml").write_text(
        "encryptionsalt: v1:x\nconfig:\n  a:plain: '8'\n  a:key: {secure: v1:y}\n  a:deep: {list: [{secure: v1:z}]}\n"
    )
    name = "preview-of-fork: Leave out encrypted config"
    assert job.run(name) == 0
    assert yaml.safe_load((job.folder / "Pulumi.fork.yaml").read_text()) == {"config": {"a:plain": "8"}}
    assert job.run(name, STACK="none") == 0
    assert yaml.safe_load((job.folder / "Pulumi.fork.yaml").read_text()) == {"config": {}}


def test_the_update(job: Job) -> None:
    assert job.run("up: Update") == 0
    assert job.called == ["pulumi up --yes --non-interactive --stack team/prod"]


@pytest.mark.parametrize(
    ("environment", "headings"),
    [
        ({}, []),
        ({"CODE": "7"}, ["### Drift"]),
        ({"ORPHANS": "2 orphans"}, ["### Orphans"]),
        ({"CODE": "1", "ORPHANS": "1 orphan"}, ["### Drift", "### Orphans"]),
    ],
)
def test_drift_and_orphans_are_found(job: Job, environment: dict[str, str], headings: list[str]) -> None:
    assert job.run("drift: Look", **environment) == 0
    assert job.output.read_text() == f"found={'true' if headings else 'false'}\n"
    lines = job.summary.read_text().splitlines()
    assert [line for line in lines if line.startswith("###")] == headings


def test_one_issue_is_kept_up_to_date(job: Job) -> None:
    name = "drift: Open an issue, or bring the open one up to date"
    assert job.run(name) == 0
    assert job.called[-1].startswith("gh issue create --title Drift or orphans in prod --body-file ")
    assert job.run(name, ISSUE="12") == 0
    assert job.called[-1].startswith("gh issue edit 12 --body-file ")


def test_every_step_runs_here() -> None:
    """A step that is added gets a test, or is named here."""
    assert {name.split(": ")[1] for name in STEPS} == {
        "Install",
        "Report",
        "Leave out encrypted config",
        "Update",
        "Look",
        "Open an issue, or bring the open one up to date",
    }


def test_a_fork_gets_no_secret() -> None:
    fork = WORKFLOW["jobs"]["preview-of-fork"]
    assert "secrets." not in str(fork)
    assert "github.token" not in str(fork)
    assert fork["permissions"] == {"contents": "read"}
    assert "== github.repository" in WORKFLOW["jobs"]["preview"]["if"]
    assert "!= github.repository" in fork["if"]
    # YAML reads `on` as true.
    assert list(WORKFLOW[True]) == ["workflow_call"]


def test_no_step_puts_an_expression_into_a_script() -> None:
    """What comes from outside reaches a script as a variable, and is never a part of it."""
    assert [name for name, step in STEPS.items() if "${{" in step["run"]] == []


def test_the_gitlab_pipeline_has_the_same_jobs() -> None:
    jobs: dict[str, Any] = {name: body for name, body in GITLAB.items() if name.startswith("fleet-")}
    scripts = {name: body["script"][0] for name, body in jobs.items()}
    assert scripts["fleet-report"].startswith('gpufleet comment --run --stack "$FLEET_STACK"')
    assert scripts["fleet-up"] == 'pulumi up --yes --non-interactive --stack "$FLEET_STACK"'
    assert scripts["fleet-drift"].startswith("pulumi preview --refresh --expect-no-changes")
    for body in jobs.values():
        for line in body["script"]:
            assert subprocess.run(["bash", "-n", "-c", line]).returncode == 0


@pytest.mark.skipif(shutil.which("actionlint") is None, reason="actionlint is not on PATH")
def test_actionlint_has_nothing_to_say() -> None:
    done = subprocess.run(
        ["actionlint", "-shellcheck=", ".github/workflows/fleet.yml"], cwd=ROOT, capture_output=True, text=True
    )
    assert (done.returncode, done.stdout) == (0, "")
