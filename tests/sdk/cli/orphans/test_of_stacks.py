"""`gpufleet orphans --stack` beside runs of that stack: what a run is making at this moment is no orphan."""

from __future__ import annotations

import time
from collections.abc import Callable

from tests.acceptance.processes import Running, marked_environment, wait_until
from tests.acceptance.stacks import Stack
from tests.sdk.cli.conftest import Command

PROGRAM = """
together.Cluster(
    "train",
    region="us-central-8",
    gpu_type="H100_SXM",
    num_gpus=8,
    billing_type="ON_DEMAND",
    cuda_version="12.6",
    nvidia_driver_version="560",
)
"""


def test_what_is_being_created_is_no_orphan(stack: Stack, gpufleet: Command, together: Callable[..., str]) -> None:
    stack.write(PROGRAM)
    # Some other tool's cluster; the clock stands still, so that the create does not come to an end.
    lost = together(cluster_name="lost")
    up = stack.start("up", "--yes", "--skip-preview", "--stack", stack.name)
    while len(stack.live_clusters()) < 2:
        assert up.poll() is None, up.communicate()[0]
        time.sleep(0.2)
    result = gpufleet("orphans", "--stack", stack.name)
    stack.simulator.simulation.set_clock(speed=3600)
    output, _ = up.communicate(timeout=240)
    assert up.returncode == 0, output
    assert result.exit_code == 0, result.output
    assert "2 running, 1 known to the given states, 1 orphan" in result.output
    assert lost in result.stdout

    deleted = gpufleet("orphans", "--stack", stack.name, "--delete", "--yes")
    assert deleted.exit_code == 0, deleted.output
    assert [line["name"] for line in stack.live_clusters()] == [
        stack.resources("together:Cluster")[0]["outputs"]["cluster_name"]
    ]
    destroyed = stack.destroy()
    assert destroyed.exit_code == 0, destroyed.output


def test_what_a_killed_create_left_stays_in_sight_until_it_is_managed(stack: Stack, gpufleet: Command) -> None:
    """A destroy deletes what the state holds, and the id of this one is not there yet."""
    stack.environment |= marked_environment()
    stack.write(PROGRAM)
    up = Running(stack, "up", "--yes", "--skip-preview", "--stack", stack.name)
    assert wait_until(lambda: bool(stack.live_clusters()))
    up.end()
    up.wait()
    (left,) = stack.live_clusters()
    stack.simulator.simulation.set_clock(speed=3600)
    stack.run("cancel", "--yes", "--stack", stack.name)
    destroyed = stack.destroy()
    assert destroyed.exit_code == 0, destroyed.output
    assert [it["id"] for it in stack.live_clusters()] == [left["id"]]
    seen = gpufleet("orphans", "--stack", stack.name, "--delete", "--yes")
    assert seen.exit_code == 0 and f"unfinished: together:Cluster {left['id']}" in seen.stdout, seen.output
    assert [it["id"] for it in stack.live_clusters()] == [left["id"]]
    if stack.engine == "embedded":
        refused = stack.run("stack", "rm", "--yes", stack.name)
        assert refused.exit_code != 0 and "whose resources may still run" in refused.output
    else:
        # The Pulumi CLI has forgotten by the destroy which state this was.
        stack.configure(**{"gpufleet:takeOver": "true"})
    resumed = stack.up()
    assert resumed.exit_code == 0 and f"taking over {left['id']}" in resumed.output, resumed.output
    assert stack.destroy().exit_code == 0
    assert stack.live_clusters() == []
    assert stack.refresh("--clear-pending-creates").exit_code == 0
    assert stack.run("stack", "rm", "--yes", stack.name).exit_code == 0
