"""What happens to clusters that are in use, and what a run says of it: paused, degraded, an answer that was lost."""

from __future__ import annotations

from .stacks import Stack
from .test_main_job import operations, program


def test_what_is_not_well_is_said_by_every_command(stack: Stack) -> None:
    stack.write(program(num_gpus=16))
    assert stack.up().exit_code == 0
    (cluster,) = stack.live_clusters()

    stack.simulator.intervene(cluster["id"], "degrade")
    for run in (stack.up(), stack.refresh(), stack.preview(), stack.up()):
        assert run.exit_code == 0 and "Together reports unhealthy nodes" in run.output, run.output

    stack.simulator.intervene(cluster["id"], "pause")
    refreshed = stack.refresh()
    assert refreshed.exit_code == 0 and "unhealthy state" in refreshed.output, refreshed.output
    assert "OnDemandComputePaused" in stack.preview().output
    paused = stack.up()
    assert paused.exit_code != 0 and "credits ran out" in paused.output, paused.output

    stack.simulator.intervene(cluster["id"], "recover")
    assert stack.up().exit_code == 0
    assert stack.up("--expect-no-changes").exit_code == 0
    assert [alive["id"] for alive in stack.live_clusters()] == [cluster["id"]]


def test_a_change_whose_answer_was_lost_is_settled_although_it_is_taken_back(stack: Stack) -> None:
    stack.write(program())
    assert stack.up().exit_code == 0
    stack.write(program(num_gpus=32))
    stack.simulator.fault("reply_lost", method="PUT", times=1)
    stack.simulator.fault("status", method="PUT", status=409, times=1)
    lost = stack.up()
    assert lost.exit_code != 0 and "`pulumi up` settles it" in lost.output, lost.output

    stack.write(program())
    assert operations(stack.preview("--json"))["train"] == "update"
    assert stack.up().exit_code == 0
    (outputs,) = [resource["outputs"] for resource in stack.resources("together:Cluster")]
    assert outputs["num_gpus"] == 8
    assert stack.up("--expect-no-changes").exit_code == 0
