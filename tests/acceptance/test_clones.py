"""Two clones of one repository: project and stack have the same names, and each clone has a state of its own."""

from __future__ import annotations

import json
from collections.abc import Callable

from .crashing import settled
from .stacks import Stack
from .state_files import cluster_ids

PROGRAM = """
    together.Cluster("train", region="us-central-8", gpu_type="H100_SXM", billing_type="ON_DEMAND", num_gpus=8,
        cuda_version="12.6", nvidia_driver_version="560")
    shadeform.Cluster("burst", cloud="denvr", region="houston-usa-1", cluster_type="H100_sxm5x8", num_instances=2)
"""
UNCHANGED = ("preview", "--json", "--stack", "dev")


def steps(stack: Stack) -> set[str]:
    """Return what a preview would do."""
    preview = stack.run(*UNCHANGED)
    assert preview.exit_code == 0, preview.output
    return {step["op"] for step in json.loads(preview.stdout)["steps"]}


def test_a_second_clone_leaves_the_clusters_of_the_first_alone_until_its_state_is_lost(
    new_stack: Callable[..., Stack],
) -> None:
    first, second = new_stack("first"), new_stack("second")
    for clone in (first, second):
        clone.write(PROGRAM)
    assert settled(first, "up").exit_code == 0
    made = cluster_ids(first).keys()
    assert steps(first) == {"same"}

    refused = second.up()
    assert refused.exit_code != 0
    for id in made:
        assert f"another state of this stack has made {id}" in refused.output, refused.output
    assert "gpufleet:takeOver" in refused.output
    assert second.destroy().exit_code == 0
    assert {it["id"] for it in first.simulator.ledger()["clusters"] if it["deleted_at"] is None} == made

    # The state of the first is lost.
    second.configure(**{"gpufleet:takeOver": "true"})
    taken = settled(second, "up")
    assert taken.exit_code == 0, taken.output
    assert "as gpufleet:takeOver asks" in taken.output
    second.configure()
    assert cluster_ids(second).keys() == made == {it["id"] for it in second.simulator.ledger()["clusters"]}
    assert steps(second) == {"same"}
    assert second.destroy().exit_code == 0
    assert second.live_clusters() == []
