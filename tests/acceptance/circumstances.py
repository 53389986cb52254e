"""What ordinary life does beside a fault: what failed heals, and another clone of the repository wants the same."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import httpx

from .crashing import assert_told_plainly
from .processes import end_all, has_ended, marked_environment, wait_until
from .stacks import KEY, Run, Stack
from .state_files import cluster_ids, loaded

_BESIDE = """
    together.Cluster("beside", region="us-central-8", gpu_type="H100_SXM", billing_type="ON_DEMAND", num_gpus=8,
        cuda_version="12.6", nvidia_driver_version="560")
"""


class SecondClone:
    """Another state of the same stack: it has a cluster of its own in the account, which nobody else may touch."""

    def __init__(self, new_stack: Callable[..., Stack]) -> None:
        """Bring the clone's own cluster up."""
        self.stack = new_stack("clone", environment=marked_environment())
        self._up(_BESIDE)
        self.ids = cluster_ids(self.stack).keys()
        assert len(self.ids) == 1

    def want(self, program: str) -> None:
        """Run the other clone's program here, too, and take it out again: nothing is taken over, nothing deleted."""
        theirs = _kept(self.stack) - self.ids
        self.stack.write(_BESIDE + program)
        run = self.stack.up()
        assert_told_plainly(run)
        assert not theirs & cluster_ids(self.stack).keys(), (
            f"the clone has taken over what is not its own:\n{run.output}"
        )
        out = self._up(_BESIDE)
        deleted = theirs - _kept(self.stack)
        assert not deleted, f"the clone has deleted {deleted}:\n{run.output}\n{out.output}"

    def leave(self) -> None:
        """Make sure that all of the clone's is as it was, and destroy it."""
        assert cluster_ids(self.stack).keys() == self.ids <= _kept(self.stack)
        destroyed = self.stack.destroy()
        assert destroyed.exit_code == 0, destroyed.output
        assert loaded(self.stack) == []
        assert wait_until(lambda: has_ended(self.stack))

    def end(self) -> None:
        """Kill whatever still runs for the clone."""
        end_all(self.stack)

    def _up(self, program: str) -> Run:
        self.stack.write(program)
        run = self.stack.up()
        assert run.exit_code == 0, run.output
        return run


def _kept(stack: Stack) -> set[str]:
    """Return the ids of all clusters that live, and that nobody has asked to delete."""
    return {it["id"] for it in stack.live_clusters() if it["delete_requested_at"] is None}


def heal(stack: Stack, name: str) -> set[str]:
    """Make well again what was made for a resource of this name and has failed; returns the ids."""
    kept = _kept(stack)
    failed = {
        it["id"]
        for it in stack.live_clusters()
        if it["id"] in kept and it["ready_at"] is None and it["name"].startswith(f"{name}-")
    }
    for id in failed:
        stack.simulator.intervene(id, "recover")
    return failed


def told_to_import(run: Run) -> str:
    """Return the id that a run which failed offers for `import_`; empty if it offers none."""
    found = re.search(r'import_="([\w-]+)"', run.output) if run.exit_code != 0 else None
    return found[1] if found else ""


def shown_gpus(stack: Stack) -> dict[str, Any]:
    """Return the number of GPUs that Together itself shows, by id."""
    answer = httpx.get(
        f"{stack.simulator.base_url('together')}/compute/clusters",
        headers={"Authorization": f"Bearer {KEY}"},
        trust_env=False,
    )
    return {it["cluster_id"]: it["num_gpus"] for it in answer.json()["clusters"] if it["status"] != "Deleted"}
