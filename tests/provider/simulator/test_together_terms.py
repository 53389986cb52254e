"""Prepaid terms, schedules, and what everything costs on the simulated Together."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

import pytest

H100 = 2.99
DAY = 86400


def instant(seconds):
    return datetime.fromtimestamp(seconds, timezone.utc).isoformat()


def seconds(text):
    return datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp()


def cost(sim, cluster_id):
    return next(it["cost"] for it in sim.ledger()["clusters"] if it["id"] == cluster_id)


def test_on_demand_is_billed_from_the_create_to_the_delete(sim, together):
    made = together.create(num_gpus=16)
    sim.advance(3600)
    assert cost(sim, made["cluster_id"]) == pytest.approx(16 * H100, rel=1e-3)
    together.remove(made["cluster_id"])
    sim.advance(7200)
    assert cost(sim, made["cluster_id"]) == pytest.approx(16 * H100, rel=1e-3)
    assert sim.ledger()["cost"]["together"] == pytest.approx(16 * H100, rel=1e-3)


def test_a_scale_changes_the_bill_from_then_on(sim, together):
    made = together.create()
    sim.advance(3600)
    together.change(made["cluster_id"], num_gpus=24)
    sim.advance(3600)
    assert cost(sim, made["cluster_id"]) == pytest.approx(8 * H100 + 24 * H100, rel=1e-3)


def test_a_paused_cluster_costs_nothing(sim, together):
    made = together.create()
    sim.advance(3600)
    sim.intervene(made["cluster_id"], "pause")
    before = cost(sim, made["cluster_id"])
    sim.advance(3600)
    assert cost(sim, made["cluster_id"]) == before


def test_a_reservation_is_charged_in_full_at_once_and_gives_nothing_back(sim, together):
    made = together.create(billing_type="RESERVED", duration_days=2)
    assert made["num_reserved_gpus"] == 8
    assert made["duration_hours"] == 48
    assert seconds(made["reservation_end_time"]) - seconds(made["reservation_start_time"]) == 2 * DAY
    term = 8 * H100 * 0.75 * 48
    assert cost(sim, made["cluster_id"]) == pytest.approx(term, rel=1e-3)
    sim.advance(3600)
    together.remove(made["cluster_id"])
    sim.advance(3600)
    assert cost(sim, made["cluster_id"]) == pytest.approx(term, rel=1e-3)


def test_gpus_above_the_reserved_ones_are_billed_on_demand(sim, together):
    made = together.create(billing_type="RESERVED", duration_days=1, num_gpus=24, num_reserved_gpus=8)
    sim.advance(3600)
    assert cost(sim, made["cluster_id"]) == pytest.approx(8 * H100 * 0.75 * 24 + 16 * H100, rel=1e-3)


def test_a_reservation_ends_by_itself(sim, together):
    made = together.create(billing_type="RESERVED", duration_days=1)
    sim.advance(DAY - 60)
    assert together.cluster(made["cluster_id"])["status"] == "Ready"
    sim.advance(90)
    assert together.cluster(made["cluster_id"])["status"] == "Deleting"
    sim.advance(120)
    assert together.listed() == []
    assert sim.ledger()["clusters"][0]["deleted_because"] == "reservation_end"


def test_a_reservation_is_extended_and_the_rest_is_charged(sim, together):
    made = together.create(billing_type="RESERVED", duration_days=1)
    sim.advance(600)
    before = cost(sim, made["cluster_id"])
    end = seconds(made["reservation_end_time"]) + DAY
    changed = together.change(made["cluster_id"], reservation_end_time=instant(end)).json()
    assert seconds(changed["reservation_end_time"]) == pytest.approx(end)
    assert changed["duration_hours"] == 48
    assert cost(sim, made["cluster_id"]) - before == pytest.approx(8 * H100 * 0.75 * 24, rel=1e-3)
    sim.advance(DAY + 3600)
    assert together.cluster(made["cluster_id"])["status"] == "Ready"
    sim.advance(DAY)
    assert together.listed() == []


def test_a_scheduled_cluster_waits_for_its_start_and_ends_at_its_end(sim, together):
    start, end = sim.now() + DAY, sim.now() + 2 * DAY
    made = together.create(
        billing_type="SCHEDULED_CAPACITY", reservation_start_time=instant(start), reservation_end_time=instant(end)
    )
    assert made["status"] == "Scheduled"
    assert made["duration_hours"] == 24
    sim.advance(DAY - 60)
    assert together.cluster(made["cluster_id"])["status"] == "Scheduled"
    sim.advance(700)
    assert together.cluster(made["cluster_id"])["status"] == "Ready"
    sim.advance(DAY)
    assert together.listed() == []


def test_when_the_credits_run_out_on_demand_clusters_pause_and_creates_are_refused(sim, together):
    reserved = together.create(billing_type="RESERVED", duration_days=30, cluster_name="prepaid")
    volume = together.volume()
    on_demand = together.create(volume_id=None)
    sim.advance(600)
    spent = sim.ledger()["cost"]["together"]
    sim.switch("together", credits_dollars=spent + 8 * H100)
    sim.advance(3500)
    assert together.cluster(on_demand["cluster_id"])["status"] == "Ready"
    sim.advance(300)
    paused = together.cluster(on_demand["cluster_id"])
    assert paused["status"] == "OnDemandComputePaused"
    assert paused["phase_transitions"][-1]["phase"] == "CLUSTER_PHASE_ON_DEMAND_COMPUTE_PAUSED"
    assert together.cluster(reserved["cluster_id"])["status"] == "Ready"
    assert together.read_volume(volume["volume_id"]).json()["status"] == "access_revoked"
    refused = together.post("/compute/clusters", json=together.body())
    assert (refused.status_code, refused.json()["error"]["code"]) == (402, "insufficient_credits")
    sim.switch("together", credits_dollars=1e9)
    assert together.cluster(on_demand["cluster_id"])["status"] == "Ready"
    assert together.read_volume(volume["volume_id"]).json()["status"] == "available"


def test_nobody_pays_and_the_paused_cluster_is_decommissioned(sim, together):
    together.create()
    sim.switch("together", credits_dollars=1.0, pause_grace_seconds=3600)
    sim.advance(3600 * 3)
    assert together.listed() == []
    assert sim.ledger()["clusters"][0]["deleted_because"] == "credits"


def test_volumes_are_billed_by_size_until_they_are_gone(sim, together):
    volume = together.volume(size_tib=10)
    sim.advance(3600)
    (line,) = sim.ledger()["volumes"]
    assert line["cost"] == pytest.approx(10 * 0.22, rel=1e-3)
    together.delete(f"/compute/clusters/storage/volumes/{volume['volume_id']}")
    sim.advance(60)
    gone = sim.ledger()["volumes"][0]
    sim.advance(3600)
    assert sim.ledger()["volumes"][0]["cost"] == gone["cost"]
    assert timedelta(0) < datetime.fromisoformat(gone["deleted_at"].replace("Z", "+00:00")) - datetime.fromisoformat(
        gone["delete_requested_at"].replace("Z", "+00:00")
    )
