"""`gpufleet import`: what it writes makes a stack whose next preview is empty."""

from __future__ import annotations

import json
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from gpufleet_provider.clouds import cloud_of
from gpufleet_provider.http.accounts import client_for
from gpufleet_provider.simulator import RunningSimulator

from tests.acceptance.stacks import Stack
from tests.sdk.cli.conftest import CANARY, Command

Create = Callable[..., str]


def fleet(together: Create, shadeform: Create) -> dict[str, str]:
    """Some of everything that runs; logical name → id."""
    return {
        "train": together(
            add_ons=[{"name": "web", "add_on_type": "dashboard", "config": {"dashboard": {"enabled": True}}}]
        ),
        "slurm jobs": together(
            cluster_name="slurm jobs",
            cluster_type="SLURM",
            slurm_shm_size_gib=64,
            shared_volume={"volume_name": "data", "size_tib": 2, "region": "us-central-8"},
            cluster_config={
                "load_balancer": "NGINX",
                "slurm_startup_scripts": {"worker_prolog": "#!/bin/bash\n" + "echo 'hello'\n" * 20},
            },
        ),
        "prepaid": together(cluster_name="prepaid", billing_type="RESERVED", duration_days=30, num_reserved_gpus=8),
        "train-2": together(num_gpus=16, num_preemptible_gpus=8),
        "batch": shadeform(num_instances=2),
    }


def take_in(stack: Stack, cloud: str) -> None:
    """Import what was written for a cloud."""
    flags = ("--protect=false", "--generate-code=false", "--yes", "--skip-preview", "--stack", stack.name)
    imported = stack.run("import", "--file", f"imported_{cloud}.json", *flags)
    assert imported.exit_code == 0, imported.output
    assert CANARY not in imported.output


def test_the_next_preview_is_empty(stack: Stack, gpufleet: Command, together: Create, shadeform: Create) -> None:
    ids = fleet(together, shadeform)
    before = stack.simulator.ledger()["clusters"]
    for cloud in ("together", "shadeform"):
        written = gpufleet("import", cloud, "--all")
        assert written.exit_code == 0, written.output
        take_in(stack, cloud)
    (stack.directory / "__main__.py").write_text("import imported_shadeform\nimport imported_together\n")

    preview = stack.preview("--diff", "--expect-no-changes")
    assert preview.exit_code == 0, preview.output
    assert {row["urn"].rpartition("::")[2]: row["id"] for row in stack.resources("dynamic/")} == ids
    exported = json.dumps(stack.deployment())
    assert CANARY not in exported
    secret = stack.deployment(show_secrets=True)["resources"]
    assert sum("kube_config" in row.get("outputs", {}) for row in secret) == 4
    assert CANARY in json.dumps(secret)

    up = stack.up("--expect-no-changes")
    assert up.exit_code == 0, up.output
    refresh = stack.refresh("--expect-no-changes")
    assert refresh.exit_code == 0, refresh.output
    for run in (preview, up, refresh):
        assert CANARY not in run.output
    assert [line["id"] for line in stack.simulator.ledger()["clusters"]] == [line["id"] for line in before]

    # What the stack holds now is no orphan, and its configuration names the accounts.
    orphans = gpufleet("orphans", "--stack", stack.name)
    assert orphans.exit_code == 0, orphans.output
    assert "5 running, 5 known to the given states, no orphans" in orphans.output
    again = gpufleet("import", "together", "--all", "--stack", stack.name, "--force")
    assert "nothing to import" in again.output


def test_an_imported_cluster_is_managed_like_any_other(stack: Stack, gpufleet: Command, together: Create) -> None:
    id = together()
    gpufleet("import", "together", id)
    take_in(stack, "together")
    program = stack.directory / "imported_together.py"
    program.write_text(program.read_text().replace("num_gpus=8", "num_gpus=16"))
    (stack.directory / "__main__.py").write_text("import imported_together\n")
    stack.simulator.simulation.set_clock(speed=1200)
    up = stack.up()
    assert up.exit_code == 0, up.output
    (row,) = stack.resources("together:Cluster")
    assert (row["id"], row["outputs"]["num_gpus"]) == (id, 16)
    assert stack.destroy().exit_code == 0
    assert stack.live_clusters() == []


def test_what_is_not_shown_fails_loudly_and_is_taken_over_once_filled_in(
    stack: Stack, gpufleet: Command, shadeform: Create
) -> None:
    id = shadeform(ready=False)
    written = gpufleet("import", "shadeform", id)
    assert written.exit_code == 0, written.output
    assert "num_instances" in written.output
    assert not (stack.directory / "imported_shadeform.json").exists()
    (stack.directory / "__main__.py").write_text("import imported_shadeform\n")
    refused = stack.up()
    assert refused.exit_code != 0
    assert "fill in" in refused.output
    program = stack.directory / "imported_shadeform.py"
    text = program.read_text()
    for name, value in (("num_instances", "1"), ("cluster_type", '"H100_sxm5x8"')):
        text = text.replace(f'{name}=fill_in("{name} of batch")', f"{name}={value}")
    assert "=fill_in" not in text
    program.write_text(text)
    stack.simulator.simulation.set_clock(speed=1200)
    up = stack.up()
    assert up.exit_code == 0, up.output
    assert [row["id"] for row in stack.resources("shadeform:Cluster")] == [id]
    assert [line["id"] for line in stack.live_clusters()] == [id]


# --- The files --------------------------------------------------------------------------------------------------------


def test_files_are_written_once_and_the_credentials_for_their_owner_alone(
    gpufleet: Command, together: Create, tmp_path: Path
) -> None:
    id = together()
    assert gpufleet("import", "together", id, "--output", tmp_path / "out").exit_code == 0
    program, entries = tmp_path / "out" / "imported_together.py", tmp_path / "out" / "imported_together.json"
    assert stat.S_IMODE(entries.stat().st_mode) == 0o600
    assert CANARY in entries.read_text()
    assert CANARY not in program.read_text()
    again = gpufleet("import", "together", id, "--output", tmp_path / "out")
    assert again.exit_code == 1
    assert "--force" in again.stderr
    entries.chmod(0o644)
    assert gpufleet("import", "together", id, "--output", tmp_path / "out", "--force").exit_code == 0
    assert stat.S_IMODE(entries.stat().st_mode) == 0o600
    assert sorted(path.name for path in entries.parent.iterdir()) == [entries.name, program.name]


def test_every_secret_output_is_wrapped(gpufleet: Command, together: Create, tmp_path: Path) -> None:
    gpufleet("import", "together", together())
    (row,) = json.loads((tmp_path / "imported_together.json").read_text())["resources"]
    bare: dict[str, Any] = {name: value for name, value in row["outputs"].items() if "plaintext" not in str(value)}
    assert CANARY not in json.dumps(bare)
    assert not {"kube_config", "__inputs"} & {*bare}
    assert json.loads(row["outputs"]["__inputs"]["plaintext"]) == {
        name: value for name, value in row["inputs"].items() if name != "__provider"
    }
    assert row["inputs"]["__provider"] == row["outputs"]["__provider"]
    # Which account it is in is known from the beginning: that another key does not see it will not read as gone.
    assert row["outputs"]["__account"] == client_for(cloud_of("together"), lambda _key: None).mark


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["together"], "--all"),
        (["together", "x", "--all"], "--all"),
        (["together", "no-such-id"], "no-such-id"),
        (["together", "--all", "--resource", "Toaster"], "Cluster"),
        (["nimbus", "--all"], "nimbus"),
    ],
)
def test_what_cannot_be_imported_is_said_and_nothing_written(
    gpufleet: Command, arguments: list[str], words: str, tmp_path: Path
) -> None:
    result = gpufleet("import", *arguments)
    assert result.exit_code != 0
    assert words in result.stderr
    assert list(tmp_path.iterdir()) == []


def test_what_goes_away_and_what_a_state_knows_is_left_out(
    gpufleet: Command, simulator: RunningSimulator, together: Create, state: Callable[..., Path]
) -> None:
    known, going = together(), together(cluster_name="going")
    together(cluster_name="wanted")
    simulator.intervene(going, "delete")
    result = gpufleet("import", "together", "--all", "--stack-state", state(known))
    assert result.exit_code == 0
    assert f"left out together:Cluster {known}" in result.stderr
    assert f"left out together:Cluster {going}" in result.stderr
    program = Path("imported_together.py").read_text()
    assert "wanted = together.Cluster(" in program
    assert program.count("together.Cluster(") == 1
