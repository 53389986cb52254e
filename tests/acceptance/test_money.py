"""Nothing prepaid is forfeited or bought again unasked; volumes go where they belong."""

from __future__ import annotations

import datetime
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from gpufleet_provider.simulator import running

from .crashing import assert_told_plainly
from .processes import Running, wait_until
from .stacks import Run, Stack
from .state_files import cluster_ids, loaded


def lease(**changed: Any) -> str:
    inputs = {
        "region": "us-central-8",
        "gpu_type": "H100_SXM",
        "billing_type": "RESERVED",
        "duration_days": 30,
        "num_gpus": 8,
        "cuda_version": "12.6",
        "nvidia_driver_version": "560",
        **changed,
    }
    return f"together.Cluster('lease', **{ {name: value for name, value in inputs.items() if value is not None}!r})\n"


def in_seconds(seconds: float) -> str:
    moment = datetime.datetime.now(tz=datetime.timezone.utc) + datetime.timedelta(seconds=seconds)
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def posts(stack: Stack) -> int:
    return stack.simulator.requests().get("POST /together/v1/compute/clusters", 0)


def refused(run: Run, *words: str) -> None:
    assert run.exit_code != 0, run.output
    assert_told_plainly(run)
    for word in words:
        assert word in run.output, run.output


def cluster(stack: Stack) -> dict[str, Any]:
    return next(it for it in loaded(stack) if it["type"].endswith(":Cluster"))


# --- Terms that are over --------------------------------------------------------------------------------------------


TERM_SECONDS = 20
"""Long enough for the `up` that creates the cluster, on a busy machine too."""


@pytest.fixture
def real_time(tmp_path: Path, engine: str) -> Iterator[Stack]:
    """A stack on a cloud whose clock is the machine's, so that a term ends for both at once."""
    with running(speed=1, provisioning_seconds=(0.2, 0.4)) as simulator:
        yield Stack(tmp_path / "project", simulator, engine).init()


@pytest.mark.parametrize(
    ("billing_type", "term_field"), [("RESERVED", "duration_days"), ("SCHEDULED_CAPACITY", "reservation_end_time")]
)
def test_a_term_that_ended_is_kept_and_not_bought_again(real_time: Stack, billing_type: str, term_field: str) -> None:
    stack = real_time
    ends = time.time() + TERM_SECONDS
    window = {"reservation_end_time": in_seconds(TERM_SECONDS)}
    if billing_type == "SCHEDULED_CAPACITY":
        window["reservation_start_time"] = in_seconds(-5)
    stack.write(lease(billing_type=billing_type, duration_days=None, **window))
    up = stack.up()
    assert up.exit_code == 0, up.output
    (id,) = cluster_ids(stack)
    stack.simulator.simulation.set_clock(advance_seconds=0, speed=1)
    while time.time() < ends + 1 or stack.live_clusters():
        time.sleep(0.2)
        if time.time() > ends + 1:
            # Taking it down takes minutes of the cloud's time.
            stack.simulator.simulation.set_clock(speed=600)
    refresh = stack.refresh()
    assert refresh.exit_code == 0, refresh.output
    assert "not bought again automatically" in refresh.output
    assert cluster(stack)["outputs"]["status"] == "Ended" and cluster(stack)["id"] == id
    bought = posts(stack)
    refused(stack.preview(), "the prepaid term ended at", "remove it from the program, or set a new term")
    refused(stack.up(), "the prepaid term ended at")
    assert posts(stack) == bought and list(cluster_ids(stack)) == [id]

    again = {"reservation_end_time": in_seconds(90 * 86_400)}
    if billing_type == "SCHEDULED_CAPACITY":
        again["reservation_start_time"] = in_seconds(-5)
    stack.write(lease(billing_type=billing_type, duration_days=None, **again))
    renewed = stack.up()
    assert renewed.exit_code == 0, renewed.output
    assert posts(stack) == bought + 1
    assert cluster_ids(stack).keys() == {it["id"] for it in stack.live_clusters()} != {id}
    assert stack.destroy().exit_code == 0
    assert stack.live_clusters() == []


def test_what_is_over_can_be_taken_out_of_the_program(stack: Stack) -> None:
    stack.write(lease())
    assert stack.up().exit_code == 0
    (id,) = cluster_ids(stack)
    stack.simulator.intervene(id, "vanish")
    assert stack.refresh().exit_code == 0
    assert cluster_ids(stack).keys() == {id}
    stack.write("")
    removed = stack.up()
    assert removed.exit_code == 0, removed.output
    assert cluster_ids(stack) == {}
    assert posts(stack) == 1


def test_a_prepaid_cluster_that_vanished_early_is_not_bought_again(stack: Stack) -> None:
    stack.write(lease(confirm_forfeit=True))
    assert stack.up().exit_code == 0
    (id,) = cluster_ids(stack)
    stack.simulator.intervene(id, "vanish")
    for run in (stack.refresh(), stack.refresh()):
        assert run.exit_code == 0, run.output
        assert "the cloud no longer has the resource" in run.output
    assert cluster(stack)["outputs"]["status"] == "Ended"
    refused(stack.up(), "the cloud no longer has the resource", "prepaid until", "not bought again automatically")
    refused(stack.up("--refresh"), "not bought again automatically")
    assert posts(stack) == 1
    stack.write(lease(duration_days=60))
    renewed = stack.up()
    assert renewed.exit_code == 0, renewed.output
    assert posts(stack) == 2 and id not in cluster_ids(stack)


def test_an_on_demand_cluster_that_vanished_is_made_anew(stack: Stack) -> None:
    stack.write(lease(billing_type="ON_DEMAND", duration_days=None))
    assert stack.up().exit_code == 0
    (id,) = cluster_ids(stack)
    stack.simulator.intervene(id, "vanish")
    assert stack.up("--refresh").exit_code == 0
    assert posts(stack) == 2 and id not in cluster_ids(stack)


# --- Terms that still run -------------------------------------------------------------------------------------------


def test_a_replacement_that_forfeits_a_term_needs_a_word(stack: Stack) -> None:
    stack.write(lease())
    assert stack.up().exit_code == 0
    (id,) = cluster_ids(stack)
    changed = {"cuda_version": "12.8", "nvidia_driver_version": "570"}
    stack.write(lease(**changed))
    for run in (stack.preview(), stack.up()):
        refused(run, "forfeits a term that is prepaid until", "confirm_forfeit=True", "nothing was changed")
    assert [it["id"] for it in stack.live_clusters()] == [id]
    stack.write(lease(**changed, confirm_forfeit=True))
    replaced = stack.up()
    assert replaced.exit_code == 0, replaced.output
    assert posts(stack) == 2 and id not in cluster_ids(stack)
    # It steers the provider, and no cloud ever hears of it: an unknown field would have been refused.
    stack.write(lease(**changed))
    assert stack.up("--expect-no-changes").exit_code == 0


def test_a_replacement_that_the_engine_is_told_to_do_needs_the_word_as_well(stack: Stack) -> None:
    """No diff is asked for what `--replace` names or a taint marks: the delete is where it can be refused."""
    stack.write(lease())
    assert stack.up().exit_code == 0
    (id,) = cluster_ids(stack)
    urn = cluster(stack)["urn"]
    refused(stack.up("--replace", urn), "forfeits a term that is prepaid until", "--replace", "confirm_forfeit=True")
    assert [it["id"] for it in stack.live_clusters()] == [id] and list(cluster_ids(stack)) == [id]
    assert stack.up("--expect-no-changes").exit_code == 0
    stack.write(lease(confirm_forfeit=True))
    replaced = stack.up("--replace", urn)
    assert replaced.exit_code == 0, replaced.output
    assert posts(stack) == 2 and id not in cluster_ids(stack)


def test_a_replacement_that_an_option_asks_for_needs_the_word_as_well(stack: Stack) -> None:
    """`replace_on_changes` replaces where the provider would update: the preview says no to that already."""
    stack.write(lease())
    assert stack.up().exit_code == 0
    (id,) = cluster_ids(stack)
    options = "opts=pulumi.ResourceOptions(replace_on_changes=['num_gpus']))"
    stack.write(lease(num_gpus=16).rstrip().removesuffix(")") + f", {options}\n")
    for run in (stack.preview(), stack.up()):
        refused(run, "confirm_forfeit", "forfeits a term that is prepaid until")
    assert [it["id"] for it in stack.live_clusters()] == [id] and posts(stack) == 1


def test_what_is_not_known_yet_forfeits_nothing(stack: Stack) -> None:
    """Scaling one cluster makes all that it puts out unknown in the preview, its project included."""

    def program(gpus: int) -> str:
        base = lease(billing_type="ON_DEMAND", duration_days=None, num_gpus=gpus).replace("'lease'", "'base'")
        return f"base = {base}" + lease().rstrip().removesuffix(")") + ", project_id=base.project_id)\n"

    stack.write(program(8))
    assert stack.up().exit_code == 0
    known = cluster_ids(stack)
    stack.write(program(16))
    preview = stack.preview()
    assert preview.exit_code == 0, preview.output
    assert "may be replaced because of project_id, which is not known yet" in preview.output
    assert stack.up().exit_code == 0
    assert cluster_ids(stack) == known and posts(stack) == 2


def test_fewer_gpus_than_are_prepaid_need_a_word(stack: Stack) -> None:
    stack.write(lease(num_gpus=16))
    assert stack.up().exit_code == 0
    known = cluster_ids(stack)
    stack.write(lease(num_gpus=8))
    for run in (stack.preview(), stack.up()):
        refused(run, "8 of 16 prepaid GPUs", "prepaid until", "confirm_forfeit=True", "nothing was changed")
    stack.write(lease(num_gpus=8, confirm_forfeit=True))
    assert stack.up().exit_code == 0
    assert cluster_ids(stack) == known and posts(stack) == 1


def test_the_length_of_a_term_is_not_a_replacement(stack: Stack) -> None:
    stack.write(lease())
    assert stack.up().exit_code == 0
    known = cluster_ids(stack)
    for days in (60, None):
        stack.write(lease(duration_days=days, reservation_end_time=None if days else in_seconds(60 * 86_400)))
        for run in (stack.preview(), stack.up()):
            refused(run, "duration_days", "set reservation_end_time to move the end of the term")
    stack.write(lease(reservation_end_time=in_seconds(60 * 86_400)))
    extended = stack.up()
    assert extended.exit_code == 0, extended.output
    assert cluster_ids(stack) == known and posts(stack) == 1


# --- Volumes --------------------------------------------------------------------------------------------------------


def with_volume(**volume: Any) -> str:
    inline = {"volume_name": "data", "size_tib": 2, "region": "us-central-8", **volume}
    return lease(billing_type="ON_DEMAND", duration_days=None, shared_volume=inline)


def volumes(stack: Stack) -> list[str]:
    return [it["name"] for it in stack.simulator.ledger()["volumes"] if it["deleted_at"] is None]


@pytest.mark.parametrize("by", ["the cloud", "the provider"])
def test_an_inline_volume_goes_with_its_cluster(stack: Stack, by: str) -> None:
    stack.write(with_volume())
    assert stack.up().exit_code == 0
    if by == "the provider":
        for volume in stack.simulator.ledger()["volumes"]:
            stack.simulator.intervene(volume["id"], "edit", is_lifecycle_independent=True)
    assert volumes(stack) == ["data"]
    assert stack.destroy().exit_code == 0
    assert volumes(stack) == []


def test_an_independent_volume_stays(stack: Stack) -> None:
    stack.write(with_volume(is_lifecycle_independent=True))
    assert stack.up().exit_code == 0
    assert stack.destroy().exit_code == 0
    assert stack.live_clusters() == [] and volumes(stack) == ["data"]


def test_an_inline_volume_grows_and_is_never_shrunk(stack: Stack) -> None:
    stack.write(with_volume())
    assert stack.up().exit_code == 0
    known = cluster_ids(stack)
    stack.write(with_volume(size_tib=3))
    assert stack.up().exit_code == 0
    assert [it["size_tib"] for it in stack.simulator.ledger()["volumes"]] == [3]
    stack.write(with_volume(size_tib=1))
    for run in (stack.preview(), stack.up()):
        refused(run, "shared_volume.size_tib")
    assert cluster_ids(stack) == known
    assert [it["size_tib"] for it in stack.simulator.ledger()["volumes"]] == [3]


@pytest.mark.parametrize(
    "switches",
    [{"conflict_status": 409}, {"conflict_status": 400}, {"volume_delete_refusal": "success_false"}],
    ids=str,
)
def test_a_volume_that_is_still_bound_is_waited_for(stack: Stack, switches: dict[str, Any]) -> None:
    """The cloud lets go of a volume some time after its cluster is gone."""
    stack.simulator.switch("together", **switches)
    stack.write(with_volume())
    assert stack.up().exit_code == 0
    (volume,) = stack.simulator.ledger()["volumes"]
    stack.simulator.intervene(
        volume["id"], "edit", is_lifecycle_independent=True, attached_to=[*volume["attached_to"], "a slow release"]
    )
    destroying = Running(stack, "destroy", "--yes", "--skip-preview", "--stack", stack.name)
    asked = "DELETE /together/v1/compute/clusters/storage/volumes/{volume_id}"
    assert wait_until(lambda: stack.simulator.requests().get(asked, 0) > 1 or not destroying.runs)
    assert volumes(stack) == ["data"] and stack.live_clusters() == [] and destroying.runs
    stack.simulator.intervene(volume["id"], "edit", attached_to=[])
    done = destroying.wait()
    assert done.exit_code == 0, done.output
    assert volumes(stack) == []
