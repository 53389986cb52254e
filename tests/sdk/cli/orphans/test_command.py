"""`gpufleet orphans`: what no state knows is listed, nothing else is deleted, and no fault looks like emptiness."""

from __future__ import annotations

import gzip
import json
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from gpufleet_provider.simulator import RunningSimulator

from tests.sdk.cli.conftest import Command, deployment, entry

NO_RETRY = {"x-should-retry": "false"}


def listed(gpufleet: Command, *arguments: str | Path) -> dict[str, dict[str, Any]]:
    result = gpufleet("orphans", "--json", *arguments)
    assert result.exit_code == 0, result.output
    return {each["id"]: each for each in json.loads(result.stdout)["orphans"]}


def alive(simulator: RunningSimulator) -> set[str]:
    return {each["id"] for each in simulator.live()}


# --- Listing ----------------------------------------------------------------------------------------------------------


def test_lists_what_no_state_knows_with_age_and_cost(
    gpufleet: Command, together: Callable[..., str], shadeform: Callable[..., str], state: Callable[..., Path]
) -> None:
    known, lost, machines = together(), together(cluster_name="train-0123abcd"), shadeform()
    found = listed(gpufleet, "--stack-state", state(known))
    assert set(found) == {lost, machines}
    assert found[lost]["generated_name"]
    assert found[lost]["region"] == "us-central-8"
    assert found[lost]["cost_dollars"] is None
    assert not found[machines]["generated_name"]
    assert found[machines]["region"] == "denvr houston-usa-1"
    assert found[machines]["cost_source"] == "cloud"
    assert found[machines]["cost_dollars"] > 0
    table = gpufleet("orphans", "--stack-state", state(known)).output
    assert lost in table
    assert known not in table
    assert "price not in the API" in table
    assert f"${found[machines]['cost_dollars']:,.2f}" in table
    assert "3 running, 1 known to the given states, 2 orphans" in table


def test_without_a_state_everything_is_listed(gpufleet: Command, together: Callable[..., str]) -> None:
    id = together()
    result = gpufleet("orphans")
    assert result.exit_code == 0
    assert id in result.output
    assert "No state was given" in result.output


def test_a_cloud_without_a_key_is_left_out_and_said(
    gpufleet: Command, together: Callable[..., str], shadeform: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> None:
    id, unseen = together(), shadeform()
    monkeypatch.delenv("SHADEFORM_API_KEY")
    result = gpufleet("orphans")
    assert id in result.stdout
    assert unseen not in result.stdout
    assert "Shadeform is skipped" in result.stderr
    assert gpufleet("orphans", "--cloud", "shadeform").exit_code == 1


@pytest.mark.parametrize("cloud", ["together", "shadeform"])
@pytest.mark.parametrize("status", [401, 403, 404, 500, 503])
def test_a_list_that_cannot_be_read_never_looks_empty(
    gpufleet: Command, simulator: RunningSimulator, cloud: str, status: int, state: Callable[..., Path]
) -> None:
    simulator.fault("status", cloud=cloud, status=status, times=0, headers=NO_RETRY)
    for more in ([], ["--json"], ["--delete", "--yes"]):
        result = gpufleet("orphans", "--stack-state", state(), *more)
        assert result.exit_code == 1
        assert result.stderr.splitlines()[-1].startswith("Error: ")
        assert "orphan" not in result.stdout


def test_an_empty_list_beside_a_full_state_is_questioned(
    gpufleet: Command, simulator: RunningSimulator, together: Callable[..., str], state: Callable[..., Path]
) -> None:
    path = state(together())
    simulator.fault("empty_list", cloud="together")
    result = gpufleet("orphans", "--stack-state", path)
    assert "is it the right key?" in result.stderr


def test_names_cannot_steer_a_terminal(gpufleet: Command, together: Callable[..., str]) -> None:
    together(cluster_name="\x1b[31mred\x1b[2J")
    assert "\x1b" not in gpufleet("orphans").output


# --- What counts as known ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "document",
    [
        lambda id: deployment(entry(id)),
        lambda id: deployment(entry(id, delete=True)),
        lambda id: deployment(entry(id, pendingReplacement=True)),
        lambda id: deployment(entry(id, external=True)),
        lambda id: deployment(entry("other", outputs={"instances": [{"id": id}]})),
        lambda id: deployment(pending=(entry(id),)),
        lambda _id: deployment(pending=(entry("", inputs={"cluster_name": "train"}),)),
        lambda id: {"version": 3, "checkpoint": {"stack": "dev", "latest": deployment(entry(id))["deployment"]}},
    ],
    ids=["resource", "to delete", "to replace", "reference", "part", "pending", "being created", "checkpoint"],
)
def test_known_is_whatever_a_state_names(
    gpufleet: Command, together: Callable[..., str], state: Callable[..., Path], document: Callable[[str], Any]
) -> None:
    id = together()
    path = state(document=document(id))
    assert listed(gpufleet, "--stack-state", path) == {}
    assert listed(gpufleet, "--stack-state", state(name="empty.json"), "--stack-state", path) == {}


def test_what_an_interrupted_create_left_is_listed_by_itself_and_not_deleted(
    gpufleet: Command, simulator: RunningSimulator, together: Callable[..., str], state: Callable[..., Path]
) -> None:
    known, left = together(), together(cluster_name="left-0123abcd")
    pending = (entry("", inputs={"cluster_name": "left-0123abcd"}),)
    path = state(document=deployment(entry(known), pending=pending))
    result = gpufleet("orphans", "--stack-state", path)
    assert f"unfinished: together:Cluster {left} 'left-0123abcd'" in result.stdout
    assert "`pulumi up` takes it over" in result.stdout
    assert "2 running, 2 known to the given states, no orphans" in result.stdout
    lists = json.loads(gpufleet("orphans", "--json", "--stack-state", path).stdout)
    assert ([each["id"] for each in lists["unfinished"]], lists["orphans"]) == ([left], [])
    assert gpufleet("orphans", "--stack-state", path, "--delete", "--yes").exit_code == 0
    assert alive(simulator) == {known, left}
    # Once a state holds the id, there is nothing unfinished about it.
    path = state(document=deployment(entry(known), entry(left), pending=pending))
    assert "unfinished" not in gpufleet("orphans", "--stack-state", path).stdout


def test_several_states_count_together(
    gpufleet: Command, together: Callable[..., str], state: Callable[..., Path]
) -> None:
    ids = [together(cluster_name=f"train-{number}") for number in range(3)]
    paths = [state(id, name=f"{id}.json") for id in ids[:2]]
    assert set(listed(gpufleet, "--stack-state", paths[0], "--stack-state", paths[1])) == {ids[2]}


def test_a_compressed_checkpoint_is_read_and_a_broken_one_refused(
    gpufleet: Command, together: Callable[..., str], tmp_path: Path
) -> None:
    path = tmp_path / "dev.json.gz"
    content = gzip.compress(json.dumps(deployment(entry(together()))).encode())
    path.write_bytes(content)
    assert listed(gpufleet, "--stack-state", path) == {}
    for broken in (content[:-9], content[:12] + b"\xff" * 40):
        path.write_bytes(broken)
        result = gpufleet("orphans", "--stack-state", path)
        assert result.exit_code == 1
        assert "cannot be read" in result.stderr


# --- Deleting ---------------------------------------------------------------------------------------------------------


def test_deletes_the_orphan_alone_and_waits_until_it_is_gone(
    gpufleet: Command, simulator: RunningSimulator, together: Callable[..., str], state: Callable[..., Path]
) -> None:
    known, lost = together(), together(cluster_name="lost")
    simulator.simulation.set_clock(speed=600)
    result = gpufleet("orphans", "--stack-state", state(known), "--delete", "--yes")
    assert result.exit_code == 0, result.output
    assert f"deleted together:Cluster {lost}" in result.output
    assert "1 deleted, 0 kept, 0 failed" in result.output
    assert alive(simulator) == {known}


def test_asks_for_each(
    gpufleet: Command, simulator: RunningSimulator, together: Callable[..., str], state: Callable[..., Path]
) -> None:
    known = together()
    lost = [together(cluster_name="first"), together(cluster_name="second")]
    simulator.simulation.set_clock(speed=600)
    result = gpufleet("orphans", "--stack-state", state(known), "--delete", answers="n\ny\n")
    assert result.exit_code == 0, result.output
    assert alive(simulator) == {known, lost[0]}
    assert "price not in the API" in result.stderr
    # Nobody there to answer: nothing happens.
    assert gpufleet("orphans", "--stack-state", state(known), "--delete", answers="").exit_code == 1
    assert alive(simulator) == {known, lost[0]}


def test_a_dry_run_deletes_nothing(
    gpufleet: Command, simulator: RunningSimulator, together: Callable[..., str], state: Callable[..., Path]
) -> None:
    known, lost = together(), together(cluster_name="lost")
    result = gpufleet("orphans", "--stack-state", state(known), "--delete", "--dry-run")
    assert f"would delete together:Cluster {lost}" in result.output
    assert alive(simulator) == {known, lost}
    assert not [call for call in simulator.requests() if call.startswith("DELETE")]


@pytest.mark.parametrize(
    "document",
    [
        None,
        "",
        "[]",
        "{}",
        '{"version": 3}',
        '{"version": 3, "deployment": null}',
        '{"version": 3, "deployment": {}}',
        '{"version": 2, "deployment": {"manifest": {}, "resources": []}}',
        '{"version": 3, "deployment": {"manifest": {}, "resources": {}}}',
        '{"version": 3, "deployment": {"manifest": {}, "resources": [null]}}',
        '{"version": 3, "checkpoint": {}}',
        '{"version": 3, "deployment": {"manif',
    ],
)
def test_refuses_to_delete_without_a_readable_state(
    gpufleet: Command, simulator: RunningSimulator, together: Callable[..., str], tmp_path: Path, document: str | None
) -> None:
    id = together()
    path = tmp_path / "state.json"
    if document is not None:
        path.write_text(document)
    result = gpufleet("orphans", "--stack-state", path, "--delete", "--yes")
    assert result.exit_code == 1
    assert str(path) in result.stderr
    assert alive(simulator) == {id}


def test_refuses_to_delete_without_any_state(
    gpufleet: Command, simulator: RunningSimulator, together: Callable[..., str]
) -> None:
    id = together()
    result = gpufleet("orphans", "--delete", "--yes")
    assert result.exit_code == 1
    assert "without a state" in result.stderr
    assert alive(simulator) == {id}


def test_refuses_to_delete_in_an_account_that_the_states_do_not_know(
    gpufleet: Command, simulator: RunningSimulator, together: Callable[..., str], state: Callable[..., Path]
) -> None:
    id = together()
    result = gpufleet("orphans", "--stack-state", state("of-another-account"), "--delete", "--yes")
    assert result.exit_code == 1
    assert "is it the right key?" in result.stderr
    assert alive(simulator) == {id}


@pytest.mark.parametrize("beside", ["stacks/fleet/dev.journal", "locks/organization/fleet/dev/1.json"])
def test_a_checkpoint_that_lags_behind_is_no_state(
    gpufleet: Command, state: Callable[..., Path], tmp_path: Path, beside: str
) -> None:
    for path in (tmp_path / "stacks" / "fleet" / "dev.json", tmp_path / beside):
        path.parent.mkdir(parents=True, exist_ok=True)
    path = state(name="stacks/fleet/dev.json")
    assert gpufleet("orphans", "--stack-state", path).exit_code == 0
    (tmp_path / beside).write_text("{}")
    result = gpufleet("orphans", "--stack-state", path)
    assert result.exit_code == 1
    assert "dev" in result.stderr


def test_what_a_state_learns_while_the_user_thinks_is_kept(
    gpufleet: Command,
    simulator: RunningSimulator,
    together: Callable[..., str],
    state: Callable[..., Path],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    known, lost = together(), together(cluster_name="lost")
    path = state(known)

    def confirm(*_arguments: object, **_options: object) -> bool:
        state(known, lost)
        return True

    monkeypatch.setattr("click.confirm", confirm)
    result = gpufleet("orphans", "--stack-state", path, "--delete")
    assert result.exit_code == 0
    assert "a state holds it now" in result.output
    assert alive(simulator) == {known, lost}


def test_goes_on_after_a_failure_and_says_so_at_the_end(
    gpufleet: Command, simulator: RunningSimulator, together: Callable[..., str], state: Callable[..., Path]
) -> None:
    known, stuck, lost = together(), together(cluster_name="stuck"), together(cluster_name="lost")
    simulator.simulation.set_clock(speed=600)
    simulator.fault("status", method="DELETE", path=f"*{stuck}", status=403, times=0)
    result = gpufleet("orphans", "--stack-state", state(known), "--delete", "--yes")
    assert result.exit_code == 1
    assert f"failed together:Cluster {stuck}" in result.stderr
    assert "1 deleted, 0 kept, 1 failed" in result.output
    assert lost not in alive(simulator)
    assert stuck in alive(simulator)


def test_yes_does_not_cover_a_prepaid_term(
    gpufleet: Command, simulator: RunningSimulator, together: Callable[..., str], state: Callable[..., Path]
) -> None:
    known, prepaid = together(), together(cluster_name="prepaid", billing_type="RESERVED", duration_days=30)
    result = gpufleet("orphans", "--stack-state", state(known), "--delete", "--yes")
    assert result.exit_code == 0
    assert "forfeits" in result.output
    assert alive(simulator) == {known, prepaid}
    simulator.simulation.set_clock(speed=600)
    assert gpufleet("orphans", "--stack-state", state(known), "--delete", answers="y\n").exit_code == 0
    assert alive(simulator) == {known}


def test_ctrl_c_ends_the_wait_at_once(
    simulator: RunningSimulator, together: Callable[..., str], state: Callable[..., Path]
) -> None:
    path = state(together())
    together(cluster_name="lost")
    arguments = ["orphans", "--stack-state", str(path), "--delete", "--yes"]
    script = f"from pulumi_gpufleet.cli import main; main({arguments!r}, prog_name='gpufleet')"
    process = subprocess.Popen(
        [sys.executable, "-c", script],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        # A shell's background job, which a test run may be, ignores Ctrl-C, and so would whatever it starts.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    # The clock stands still: the delete is accepted and never comes to an end.
    assert process.stderr is not None
    assert "Deleting" in process.stderr.readline()
    process.send_signal(signal.SIGINT)
    stdout, stderr = process.communicate(timeout=120)
    assert process.returncode == 1
    assert "0 deleted, 0 kept, 0 failed, 1 unfinished" in stdout
    assert "Traceback" not in stderr
