"""Nothing that was answered is lost, however the simulator ends."""

from __future__ import annotations

import json
import os
import random
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from contextlib import closing
from pathlib import Path
from typing import Any

import httpx
import pytest
from gpufleet_provider.simulator import RunningSimulator, UnusableState, running

BODY = {
    "region": "us-central-8",
    "gpu_type": "H100_SXM",
    "num_gpus": 8,
    "billing_type": "ON_DEMAND",
    "cuda_version": "12.6",
    "nvidia_driver_version": "560",
}
HEADERS = {"Authorization": "Bearer k", "X-API-KEY": "k"}
SERVE = """
import sys
import threading
from pathlib import Path
from gpufleet_provider.simulator import Settings
from gpufleet_provider.simulator.server import serve
serve(Settings(speed=float(sys.argv[2])), port=0, state=Path(sys.argv[1]), on_ready=lambda url: print(url, flush=True))
"""


def started(state: Path, speed: float) -> tuple[subprocess.Popen[str], httpx.Client]:
    words = [sys.executable, "-c", SERVE, str(state), str(speed)]
    process = subprocess.Popen(words, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    url = process.stdout.readline().strip()
    assert url, "the simulator did not start"
    return process, httpx.Client(base_url=url, headers=HEADERS, trust_env=False)


def ended(process: subprocess.Popen[str], with_signal: int) -> None:
    os.kill(process.pid, with_signal)
    process.wait(timeout=120)
    assert process.stdout is not None
    process.stdout.close()


@pytest.mark.parametrize("with_signal", [signal.SIGKILL, signal.SIGTERM])
def test_whatever_was_answered_is_there_after_a_kill(tmp_path, with_signal):
    state = tmp_path / "clouds.sqlite"
    process, client = started(state, speed=0)
    with client:
        made = [
            client.post("/together/v1/compute/clusters", json={**BODY, "cluster_name": f"c{number}"}).json()
            for number in range(20)
        ]
        machine = client.post(
            "/shadeform/v1/clusters/create",
            json={
                "cloud": "denvr",
                "region": "houston-usa-1",
                "cluster_type": "H100_sxm5x8",
                "name": "batch",
                "num_instances": 2,
            },
        ).json()["id"]
        key = client.get("/shadeform/v1/sshkeys").json()
        client.post("/_sim/clock", json={"advance_seconds": 300})
        client.delete(f"/together/v1/compute/clusters/{made[0]['cluster_id']}")
        client.post("/_sim/switches", json={"together": {"error_shape": "rpc"}})
        before = client.get("/together/v1/compute/clusters").json()
        ledger = client.get("/_sim/ledger").json()
        clock = client.get("/_sim/clock").json()
    ended(process, with_signal)

    process, client = started(state, speed=0)
    with client:
        assert client.get("/together/v1/compute/clusters").json() == before
        assert client.get("/_sim/clock").json() == clock
        assert client.get("/shadeform/v1/sshkeys").json() == key
        after = client.get("/_sim/ledger").json()
        assert after["cost"] == pytest.approx(ledger["cost"])
        assert [it["id"] for it in after["clusters"]] == [it["id"] for it in ledger["clusters"]]
        assert "details" in client.get("/together/v1/compute/clusters/nobody").json()
        client.post("/_sim/clock", json={"advance_seconds": 400})
        statuses = {it["status"] for it in client.get("/together/v1/compute/clusters").json()["clusters"]}
        assert statuses == {"Ready"}
        assert len(client.get("/together/v1/compute/clusters").json()["clusters"]) == 19
        assert client.get(f"/shadeform/v1/clusters/{machine}/info").json()["status"] == "active"
    ended(process, signal.SIGTERM)


def test_time_passes_while_the_simulator_is_down(tmp_path):
    state = tmp_path / "clouds.sqlite"
    process, client = started(state, speed=3000)
    with client:
        client.post("/together/v1/compute/clusters", json={**BODY, "cluster_name": "c"})
    ended(process, signal.SIGKILL)
    time.sleep(0.5)
    process, client = started(state, speed=3000)
    with client:
        (line,) = client.get("/_sim/ledger").json()["clusters"]
        assert line["status"] == "Ready"
        assert line["ready_wall"] - line["created_wall"] == pytest.approx(560 / 3000, abs=0.05)
    ended(process, signal.SIGTERM)


def test_stock_meters_and_volumes_go_on_after_a_restart(tmp_path):
    state = tmp_path / "clouds.sqlite"
    few = {"together": {"stock_gpus": {"us-central-8": {"H100_SXM": 16}}}}
    with running(speed=0, state=state, switches=few) as sim:
        volume = {"volume_name": "v", "size_tib": 1, "region": "us-central-8"}
        body = {**BODY, "cluster_name": "c", "num_gpus": 16, "shared_volume": volume}
        reply = httpx.post(f"{sim.base_url('together')}/compute/clusters", json=body, headers=HEADERS, trust_env=False)
        assert reply.status_code == 200
        sim.advance(3600)
        spent = sim.ledger()["cost"]["together"]
    with running(speed=0, state=state) as sim:
        assert sim.ledger()["cost"]["together"] == pytest.approx(spent)
        refused = httpx.post(
            f"{sim.base_url('together')}/compute/clusters",
            json={**BODY, "cluster_name": "d"},
            headers=HEADERS,
            trust_env=False,
        )
        assert refused.status_code == 409
        sim.advance(3600)
        assert sim.ledger()["cost"]["together"] == pytest.approx(2 * spent, rel=1e-3)
        assert sim.ledger()["volumes"][0]["status"] == "bound"


def test_two_simulators_cannot_share_a_file(tmp_path):
    state = tmp_path / "clouds.sqlite"
    with running(speed=0, state=state), pytest.raises(UnusableState, match="another simulator"), running(state=state):
        pass


def test_a_file_that_is_no_state_is_left_alone(tmp_path):
    state = tmp_path / "notes.txt"
    state.write_text("these are my notes, and they are long enough to be no database at all" * 20)
    with pytest.raises(UnusableState, match=r"notes\.txt"), running(state=state):
        pass
    assert state.read_text().startswith("these are my notes")


def test_a_reset_empties_the_file(tmp_path):
    state = tmp_path / "clouds.sqlite"
    with running(speed=0, state=state) as sim:
        body = {**BODY, "cluster_name": "c"}
        httpx.post(f"{sim.base_url('together')}/compute/clusters", json=body, headers=HEADERS, trust_env=False)
        sim.reset()
    with running(speed=0, state=state) as sim:
        assert sim.ledger()["clusters"] == []


@pytest.mark.parametrize("seed", range(3))
def test_a_kill_in_the_middle_of_a_rush_loses_no_answer(tmp_path, seed):
    state = tmp_path / "clouds.sqlite"
    process, client = started(state, speed=600)
    answered: list[str] = []

    def create(worker: int) -> None:
        with httpx.Client(base_url=client.base_url, headers=HEADERS, trust_env=False) as own:
            for number in range(500):
                try:
                    reply = own.post(
                        "/together/v1/compute/clusters", json={**BODY, "cluster_name": f"c{worker}-{number}"}
                    )
                except httpx.TransportError:
                    return
                answered.append(reply.json()["cluster_id"])

    threads = [threading.Thread(target=create, args=(worker,)) for worker in range(4)]
    for thread in threads:
        thread.start()
    wanted = random.Random(seed).randint(20, 200)
    while len(answered) < wanted and any(thread.is_alive() for thread in threads):
        time.sleep(0.002)
    ended(process, signal.SIGKILL)
    for thread in threads:
        thread.join()
    client.close()
    assert len(answered) >= wanted

    process, client = started(state, speed=600)
    with client:
        kept = {it["id"] for it in client.get("/_sim/ledger").json()["clusters"]}
        assert set(answered) <= kept
        assert len(kept) <= len(answered) + 4, "at most one unanswered create for each connection"
    ended(process, signal.SIGTERM)


RECORDED = Path(__file__).parent / "recorded"
NOT_RECORDED = ("kube_config", "private_key", "launch_configuration")
"""What holds made-up secrets."""


def recorded_state(folder: Path, *changes: str) -> Path:
    """A state file that version 0.1.0 has left, with SQL statements applied to it."""
    state = folder / "clouds.sqlite"
    with closing(sqlite3.connect(state)) as database:
        database.executescript((RECORDED / "state_of_0_1_0.sql").read_text())
        for change in changes:
            assert database.execute(change).rowcount > 0
        database.commit()
    return state


def without_secrets(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: without_secrets(each) for name, each in value.items() if name not in NOT_RECORDED}
    return [without_secrets(each) for each in value] if isinstance(value, list) else value


def replies(sim: RunningSimulator, when: str) -> dict[str, Any]:
    """Today's reply to each request that was recorded at that time."""
    found: dict[str, Any] = {}
    for key in json.loads((RECORDED / "replies_of_0_1_0.json").read_text()):
        recorded_when, cloud, path = key.rsplit(" ", 2)
        if recorded_when == when:
            reply = httpx.get(sim.base_url(cloud) + path, headers=HEADERS, trust_env=False)
            found[key] = without_secrets(reply.json())
    return found


def test_a_state_file_of_0_1_0_shows_the_same_and_goes_on_in_the_same_way(tmp_path):
    recorded = json.loads((RECORDED / "replies_of_0_1_0.json").read_text())
    with running(speed=0, state=recorded_state(tmp_path)) as sim:
        shown = replies(sim, "at once")
        sim.advance(3600)
        shown |= replies(sim, "an hour later")
    assert shown == recorded


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (
            "UPDATE records SET body = json_remove(body, '$.num_gpus') WHERE kind = 'together.cluster'",
            r"together\.cluster num_gpus: Field required",
        ),
        (
            "UPDATE records SET body = 'no JSON' WHERE kind = 'shadeform.volume'",
            r"shadeform\.volume",
        ),
        (
            "UPDATE settings SET value = json_insert(value, '$.together.colour', 'red') WHERE name = 'switches'",
            r"colour",
        ),
        (
            "UPDATE settings SET value = json_insert(value, '$.mars', json('{}')) WHERE name = 'switches'",
            r"mars",
        ),
    ],
)
def test_a_state_file_that_cannot_be_read_is_refused_in_one_line_that_says_what_to_do(tmp_path, change, reason):
    state = recorded_state(tmp_path, change)
    with (
        pytest.raises(UnusableState, match=rf"clouds\.sqlite was written by .*{reason}.*delete it") as refused,
        running(speed=0, state=state),
    ):
        pass
    assert "\n" not in str(refused.value)
    with closing(sqlite3.connect(state, timeout=0)) as database:
        assert database.execute("SELECT count(*) FROM records").fetchone() > (5,), "released, and left as it was"
