"""What an interrupted run left is taken over; what belongs to somebody else is not; what is named is imported."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest

from .crashing import assert_told_plainly, settled
from .processes import Running, end_all, marked_environment, wait_until
from .stacks import KEY, Stack
from .state_files import cluster_ids, loaded

TRAIN = {
    "region": "us-central-8",
    "gpu_type": "H100_SXM",
    "billing_type": "ON_DEMAND",
    "num_gpus": 8,
    "cuda_version": "12.6",
    "nvidia_driver_version": "560",
}
BY_ID = "/compute/clusters/{cluster_id}"
BURST = {"cloud": "denvr", "region": "houston-usa-1", "cluster_type": "H100_sxm5x8", "num_instances": 2}


def train(opts: str = "", **changed: Any) -> str:
    inputs = {**TRAIN, **changed}
    return f"together.Cluster('train', **{inputs!r}, opts=pulumi.ResourceOptions({opts}))\n"


def burst(opts: str = "", **changed: Any) -> str:
    inputs = {**BURST, **changed}
    return f"shadeform.Cluster('burst', **{inputs!r}, opts=pulumi.ResourceOptions({opts}))\n"


@pytest.fixture
def stack(new_stack: Callable[..., Stack]) -> Iterator[Stack]:
    """A stack whose processes can be told from all others; what its test leaves in the clouds may be nobody's."""
    made = new_stack(environment=marked_environment())
    yield made
    end_all(made)


def from_outside(stack: Stack, **changed: Any) -> str:
    """Create a Together cluster as somebody else would, and return its id."""
    reply = httpx.post(
        f"{stack.simulator.base_url('together')}/compute/clusters",
        headers={"Authorization": f"Bearer {KEY}"},
        json={**TRAIN, **changed},
    )
    return reply.raise_for_status().json()["cluster_id"]


def posts(stack: Stack) -> int:
    """Return how many creates the clouds were asked for."""
    creates = ("POST /together/v1/compute/clusters", "POST /shadeform/v1/clusters/create")
    return sum(count for request, count in stack.simulator.requests().items() if request in creates)


def interrupted(stack: Stack, program: str) -> dict[str, Any]:
    """Kill everything after the cloud has accepted the create and before it has answered; returns the ledger's line."""
    stack.write(program)
    for path in ("/compute/clusters", "/clusters/create"):
        stack.simulator.fault("slow", method="POST", path=path, accepted=True, delay_seconds=600)
    running = Running(stack, "up", "--yes", "--skip-preview", "--stack", stack.name)
    assert wait_until(lambda: bool(stack.live_clusters()))
    running.end()
    running.wait()
    stack.simulator.clear_faults()
    # The request is counted once its answer has been given up.
    assert wait_until(lambda: posts(stack) == 1)
    assert cluster_ids(stack) == {}
    return stack.live_clusters()[0]


def refused(stack: Stack, *words: str) -> str:
    """Run an `up` that must be refused in these words, with nothing created."""
    asked = posts(stack)
    run = settled(stack, "up")
    assert run.exit_code != 0, run.output
    assert_told_plainly(run)
    for word in (*words, "nothing was created" if "import of" not in run.output else ""):
        assert word in run.output, run.output
    assert posts(stack) == asked
    return run.output


# --- What an interrupted run left -----------------------------------------------------------------------------------


@pytest.mark.parametrize("program", [train(), burst()], ids=["together", "shadeform"])
def test_it_is_taken_over(stack: Stack, program: str) -> None:
    left = interrupted(stack, program)
    run = settled(stack, "up")
    assert run.exit_code == 0, run.output
    assert list(cluster_ids(stack)) == [left["id"]]
    assert f"taking over {left['id']}" in run.output
    assert [it["id"] for it in stack.simulator.ledger()["clusters"]] == [left["id"]]
    assert stack.up("--expect-no-changes").exit_code == 0
    assert settled(stack, "destroy").exit_code == 0
    assert stack.live_clusters() == []


def test_it_is_brought_to_what_is_declared_now(stack: Stack) -> None:
    left = interrupted(stack, train())
    stack.write(train(num_gpus=16))
    run = settled(stack, "up")
    assert run.exit_code == 0, run.output
    assert list(cluster_ids(stack)) == [left["id"]]
    assert [(it["id"], it["num_gpus"]) for it in stack.live_clusters()] == [(left["id"], 16)]


def test_it_is_found_although_the_list_comes_back_empty_once(stack: Stack) -> None:
    left = interrupted(stack, train())
    stack.simulator.fault("empty_list", cloud="together", method="GET", path="/compute/clusters")
    run = settled(stack, "up")
    assert run.exit_code == 0, run.output
    assert list(cluster_ids(stack)) == [left["id"]]


def test_it_is_not_taken_over_when_it_cannot_become_what_is_declared(stack: Stack) -> None:
    left = interrupted(stack, train())
    stack.write(train(cuda_version="12.8", nvidia_driver_version="570"))
    refused(stack, left["id"], "cuda_version is '12.6', declared '12.8'", "nvidia_driver_version is '560', declared")
    stack.write(train())
    assert settled(stack, "up").exit_code == 0
    assert list(cluster_ids(stack)) == [left["id"]]


def test_several_of_the_name_are_an_error(stack: Stack) -> None:
    left = interrupted(stack, train())
    other = from_outside(stack, cluster_name=left["name"])
    refused(stack, left["id"], other, "2 live resources have that name")
    stack.simulator.intervene(other, "vanish")
    assert settled(stack, "up").exit_code == 0
    assert list(cluster_ids(stack)) == [left["id"]]


def test_a_create_is_not_taken_for_a_leftover_of_what_it_replaces(stack: Stack) -> None:
    """With the new one created first, both have one name for a while; the old one is in the state."""
    stack.write(train("delete_before_replace=False"))
    assert settled(stack, "up").exit_code == 0
    (old,) = cluster_ids(stack)
    stack.write(train("delete_before_replace=False", cuda_version="12.8", nvidia_driver_version="570"))
    run = settled(stack, "up")
    assert run.exit_code == 0, run.output
    (new,) = cluster_ids(stack)
    assert new != old
    assert [it["id"] for it in stack.live_clusters()] == [new]


def test_what_lands_after_the_next_run_has_looked_is_known_by_name_and_id(stack: Stack) -> None:
    """Neither API has an idempotency key: nothing can prevent this second cluster, but nobody has to search for it."""
    stack.write(train())
    under_way = stack.simulator.fault("slow", method="POST", path="/compute/clusters", delay_seconds=600)
    running = Running(stack, "up", "--yes", "--skip-preview", "--stack", stack.name)
    assert wait_until(lambda: any(rule["hits"] for rule in stack.simulator.faults()))
    running.end()
    running.wait()
    stack.simulator.fault("stuck")
    again = Running(stack, "up", "--yes", "--skip-preview", "--stack", stack.name)
    if wait_until(lambda: not again.runs or bool(stack.live_clusters())) and not again.runs:
        assert "locked" in again.output
        assert stack.run("cancel", "--yes", "--stack", stack.name).exit_code == 0
        again = Running(stack, "up", "--yes", "--skip-preview", "--stack", stack.name)
    assert wait_until(lambda: bool(stack.live_clusters())), again.output
    (own,) = (it["id"] for it in stack.live_clusters())
    stack.simulator.clear_faults(under_way)
    assert wait_until(lambda: len(stack.live_clusters()) == 2)
    (twin,) = {it["id"] for it in stack.live_clusters()} - {own}
    stack.simulator.intervene(own, "recover")
    done = again.wait()
    assert done.exit_code == 0, done.output
    assert list(cluster_ids(stack)) == [own]
    for run in (done, stack.refresh()):
        assert f"{twin} runs as" in run.output and "gpufleet orphans" in run.output, run.output
    stack.simulator.intervene(twin, "vanish")
    assert "runs as" not in stack.refresh().output
    assert settled(stack, "destroy").exit_code == 0
    assert stack.live_clusters() == []


def test_what_the_cloud_does_not_show_yet_is_neither_dropped_nor_left_running(stack: Stack) -> None:
    """Until a cloud shows what it has accepted, it answers 404 to every question about it, and to the delete."""
    stack.simulator.switch("together", visible_after_seconds=10**9)
    stack.write(train())
    running = Running(stack, "up", "--yes", "--skip-preview", "--stack", stack.name)
    polled = f"GET /together/v1{BY_ID}"
    assert wait_until(lambda: stack.simulator.requests().get(polled, 0) > 0)
    running.interrupt()
    assert running.wait().exit_code != 0
    (left,) = stack.live_clusters()
    assert list(cluster_ids(stack)) == [left["id"]]
    refreshed = stack.refresh()
    assert refreshed.exit_code == 0 and "does not show it yet" in refreshed.output, refreshed.output
    assert list(cluster_ids(stack)) == [left["id"]]
    destroying = Running(stack, "destroy", "--yes", "--skip-preview", "--stack", stack.name)
    asked = f"DELETE /together/v1{BY_ID}"
    assert wait_until(lambda: stack.simulator.requests().get(asked, 0) > 1), destroying.output
    stack.simulator.advance(10**9)
    destroyed = destroying.wait()
    assert destroyed.exit_code == 0, destroyed.output
    assert stack.live_clusters() == [] and loaded(stack) == []


# --- What another resource of the stack holds ------------------------------------------------------------------------

ALIAS = "aliases=[pulumi.Alias(name='train')]"


def renamed(stack: Stack) -> str:
    """Deploy `train`, rename it to `trainer`, and return the id of its cluster, whose name is that of `train`."""
    stack.write(train())
    assert settled(stack, "up").exit_code == 0
    (id,) = cluster_ids(stack)
    stack.write(train(ALIAS).replace("'train'", "'trainer'", 1))
    assert stack.up().exit_code == 0
    assert cluster_ids(stack) == {id: "trainer"}
    return id


TRAINER = train().replace("'train'", "'trainer'", 1)


@pytest.mark.parametrize(
    "program", [train() + TRAINER, pytest.param(TRAINER + train(), marks=pytest.mark.slow)], ids=["before", "after"]
)
def test_a_new_resource_does_not_take_over_what_a_renamed_one_runs(stack: Stack, program: str) -> None:
    id = renamed(stack)
    stack.write(program)
    refused(stack, id, "runs under that name already, as 'trainer' of this stack")
    assert cluster_ids(stack) == {id: "trainer"}
    stack.write(program.replace("'train', ", "'train', cluster_name='another', ", 1))
    assert stack.up().exit_code == 0
    assert sorted(cluster_ids(stack).values()) == ["train", "trainer"] and len(stack.live_clusters()) == 2
    assert settled(stack, "destroy").exit_code == 0
    assert stack.live_clusters() == []


def test_a_resource_that_is_renamed_back_without_an_alias_goes_on_with_its_cluster(stack: Stack) -> None:
    """Without an alias, the one is created and the other deleted: of one and the same cluster, as it has one name."""
    id = renamed(stack)
    stack.write(train())
    run = settled(stack, "up")
    assert run.exit_code == 0, run.output
    assert "is not deleted: another resource of this run has taken it over" in run.output
    assert cluster_ids(stack) == {id: "train"}
    assert [it["id"] for it in stack.live_clusters()] == [id] and posts(stack) == 1
    assert stack.up("--expect-no-changes").exit_code == 0


def test_one_cluster_is_not_held_twice_although_the_other_is_met_too_late(stack: Stack) -> None:
    id = renamed(stack)
    first = "first = " + train()
    stack.write(first + TRAINER.replace("ResourceOptions()", "ResourceOptions(depends_on=[first])"))
    run = stack.up()
    assert run.exit_code != 0
    assert_told_plainly(run)
    assert "another resource of this run has taken it over" in run.output and "pulumi state delete" in run.output
    urn = next(it["urn"] for it in loaded(stack) if it["urn"].endswith("::train"))
    forgotten = stack.run("state", "delete", urn, "--yes", "--force", "--stack", stack.name)
    assert forgotten.exit_code == 0, forgotten.output
    stack.write(first.replace("'train', ", "'train', cluster_name='another', ") + TRAINER)
    assert stack.up().exit_code == 0
    assert sorted(cluster_ids(stack).values()) == ["train", "trainer"] and cluster_ids(stack)[id] == "trainer"
    assert [it["id"] for it in stack.live_clusters()].count(id) == 1


# --- What somebody else runs ----------------------------------------------------------------------------------------


def test_a_name_that_the_user_gave_is_never_taken_over_silently(stack: Stack) -> None:
    id = from_outside(stack, cluster_name="mine")
    stack.write(train(cluster_name="mine"))
    refused(stack, id, f'import_="{id}"')
    stack.write(train(f"import_='{id}'", cluster_name="mine"))
    assert settled(stack, "up").exit_code == 0
    assert list(cluster_ids(stack)) == [id]


def test_one_name_is_not_given_to_two_clusters_at_once(stack: Stack) -> None:
    """Neither finds anything under it, so both would be created; where answers are lost, they could be mixed up."""
    one = train(cluster_name="mine")
    stack.write(one + one.replace("'train'", "'again'"))
    run = stack.up()
    assert run.exit_code != 0
    assert_told_plainly(run)
    assert "of this program has that name, too; nothing was created" in run.output
    assert [it["name"] for it in stack.live_clusters()] == ["mine"] and posts(stack) == 1
    assert len(cluster_ids(stack)) == 1


# --- Import and reference -------------------------------------------------------------------------------------------


def test_import_takes_what_runs_and_then_does_nothing(stack: Stack) -> None:
    id = from_outside(stack, cluster_name="theirs")
    stack.write(train(f"import_='{id}'", cluster_name="theirs"))
    assert settled(stack, "up").exit_code == 0
    assert posts(stack) == 1
    assert stack.up("--expect-no-changes").exit_code == 0
    stack.write(train(cluster_name="theirs"))
    assert stack.up("--expect-no-changes").exit_code == 0
    assert list(cluster_ids(stack)) == [id]
    assert settled(stack, "destroy").exit_code == 0
    assert stack.live_clusters() == []


def test_import_names_every_property_that_differs(stack: Stack) -> None:
    id = from_outside(stack, cluster_name="theirs")
    stack.write(train(f"import_='{id}'", cluster_name="theirs", num_gpus=16, region="us-east-1"))
    refused(stack, id, "num_gpus is 8, declared 16", "region is 'us-central-8', declared 'us-east-1'")
    assert cluster_ids(stack) == {}


def test_import_of_nothing_says_so(stack: Stack) -> None:
    stack.write(train("import_='no-such-id'"))
    refused(stack, "the account has no such id", "nothing was created")


def test_one_id_is_imported_once(stack: Stack) -> None:
    id = from_outside(stack, cluster_name="theirs")
    one = train(f"import_='{id}'", cluster_name="theirs")
    stack.write(one + one.replace("'train'", "'again'"))
    refused(stack, id, "this stack manages it already")
    assert list(cluster_ids(stack)) == [id]
    assert len(set(cluster_ids(stack).values())) == 1


def test_a_reference_reads_and_is_nobodys(stack: Stack) -> None:
    id = from_outside(stack, cluster_name="theirs")
    reference = f"pulumi.export('status', together.Cluster.get('seen', '{id}').status)\n"
    stack.write(reference)
    assert settled(stack, "up").exit_code == 0
    assert stack.outputs() == {"status": stack.outputs()["status"]} and stack.outputs()["status"]
    # What is referred to may also be taken over, in the same run.
    stack.write(reference + train(f"import_='{id}'", cluster_name="theirs"))
    run = settled(stack, "up")
    assert run.exit_code == 0, run.output
    stack.write(reference)
    assert settled(stack, "destroy").exit_code == 0
    assert loaded(stack) == []


def test_what_is_only_referred_to_outlives_the_stack(stack: Stack) -> None:
    id = from_outside(stack, cluster_name="theirs")
    stack.write(f"together.Cluster.get('seen', '{id}')\n")
    assert settled(stack, "up").exit_code == 0
    assert settled(stack, "destroy").exit_code == 0
    assert [it["id"] for it in stack.live_clusters()] == [id]


def test_a_reference_to_what_does_not_exist_fails_the_run(stack: Stack) -> None:
    stack.write("pulumi.export('status', together.Cluster.get('seen', 'no-such-id').status)\n")
    for command in (stack.preview, stack.up):
        run = command()
        assert run.exit_code != 0
        assert "no-such-id: Together has no such id, and this program refers to it" in run.output
    assert not any(it["type"].endswith(":Cluster") for it in loaded(stack))
