"""`/_sim` over HTTP, and the clock."""

from __future__ import annotations

import threading
import time
from datetime import datetime

import httpx
import pytest
from gpufleet_provider.simulator import BadControl, running
from gpufleet_provider.simulator.clock import parse_rfc3339, rfc3339


@pytest.fixture
def controls(sim):
    with httpx.Client(base_url=f"{sim.url}/_sim", trust_env=False) as client:
        yield client


def test_health(controls):
    health = controls.get("/health").json()
    assert health["ok"] is True
    assert set(health["clouds"]) == {"together", "shadeform"}


def test_the_ledger_remembers_everything(sim, together, shadeform, controls):
    first = together.create()
    shadeform.create()
    sim.advance(700)
    together.remove(first["cluster_id"])
    sim.advance(200)
    ledger = controls.get("/ledger").json()
    assert ledger == sim.ledger()
    assert {"clusters", "volumes", "instances", "ssh_keys", "cost"} == set(ledger)
    gone, alive = ledger["clusters"]
    for line in (gone, alive):
        assert {
            "cloud",
            "id",
            "name",
            "status",
            "created_at",
            "ready_at",
            "deleted_at",
            "provisioning_seconds",
            "cost",
        } <= set(line)
    assert (gone["cloud"], gone["status"]) == ("together", "deleted")
    assert gone["created_at"] < gone["ready_at"] < gone["delete_requested_at"] < gone["deleted_at"]
    assert (alive["cloud"], alive["status"], alive["deleted_at"]) == ("shadeform", "active", None)
    assert ledger["cost"]["together"] == pytest.approx(gone["cost"])
    assert [it["id"] for it in sim.live()] == [alive["id"]]


def test_requests_are_counted_by_route(sim, together, shadeform, controls):
    made = together.create()
    together.cluster(made["cluster_id"])
    together.cluster(made["cluster_id"])
    shadeform.get("/clusters")
    together.get("/nowhere")
    assert controls.get("/requests").json() == {
        "GET /shadeform/v1/clusters": 1,
        "GET /together/v1/compute/clusters/{cluster_id}": 2,
        "GET /together/v1/nowhere": 1,
        "POST /together/v1/compute/clusters": 1,
    }
    log = controls.get("/requests/log").json()
    assert [it["status"] for it in log] == [200, 200, 200, 200, 404]
    assert log[1]["path"].endswith(made["cluster_id"])
    controls.delete("/requests")
    assert controls.get("/requests").json() == {}


def test_the_history_counts_what_lives_at_once(sim, together, controls):
    first = together.create()
    together.remove(first["cluster_id"])
    sim.advance(200)
    together.create()
    history = controls.get("/live_history").json()
    assert [(it["name"], it["max_live"], len(it["clusters"])) for it in history] == [("train", 1, 2)]
    together.create()
    assert sim.live_history()[0]["max_live"] == 2


def test_a_cluster_that_is_still_deleting_lives(sim, together):
    first = together.create()
    together.remove(first["cluster_id"])
    together.create()
    assert sim.live_history()[0]["max_live"] == 2


def test_time_moves_by_hand(sim, controls, together):
    before = controls.get("/clock").json()
    assert before["speed"] == 0
    after = controls.post("/clock", json={"advance_seconds": 90}).json()
    assert after["now_seconds"] - before["now_seconds"] == pytest.approx(90)
    assert controls.get("/clock").json()["now"] == after["now"]
    assert controls.post("/clock", json={"now": after["now_seconds"] + 10}).status_code == 200
    for bad in ({"advance_seconds": -1}, {"now": 0}, {"speed": -1}, {"hurry": 1}, {"advance_seconds": "soon"}, []):
        reply = controls.post("/clock", json=bad)
        assert (reply.status_code, set(reply.json())) == (400, {"error"})


def test_time_can_run(sim, together, controls):
    made = together.create()
    controls.post("/clock", json={"speed": 1e5})
    for _ in range(600):
        if together.cluster(made["cluster_id"])["status"] == "Ready":
            break
        time.sleep(0.05)
    assert together.cluster(made["cluster_id"])["status"] == "Ready"
    controls.post("/clock", json={"speed": 0})
    assert controls.get("/clock").json() == controls.get("/clock").json()


def test_switches_over_http(controls, together):
    assert controls.post("/switches", json={"together": {"error_shape": "rpc"}}).json()["together"]["error_shape"] == (
        "rpc"
    )
    assert controls.get("/switches").json()["together"]["error_shape"] == "rpc"
    assert "details" in together.get("/compute/clusters/nobody").json()
    refused = controls.post("/switches", json={"together": {"error_shape": "xml"}})
    assert refused.status_code == 400
    assert "error_shape" in refused.json()["error"]


def test_faults_over_http(controls, together):
    made = controls.post("/faults", json={"fault": "status", "status": 500}).json()
    assert controls.post("/faults", json=[{"fault": "reset", "nth": 9}]).json()["ids"]
    assert together.get("/compute/clusters").status_code == 500
    first = controls.get("/faults").json()[0]
    assert (first["id"], first["matched"], first["hits"]) == (made["id"], 1, 1)
    controls.delete(f"/faults/{made['id']}")
    assert [it["fault"] for it in controls.get("/faults").json()] == ["reset"]
    controls.delete("/faults")
    assert controls.get("/faults").json() == []


def test_interventions_over_http(sim, controls, together, shadeform):
    made = together.create(shared_volume={"volume_name": "v", "size_tib": 1, "region": "us-central-8"})
    machine = shadeform.create()
    assert controls.post(f"/clusters/{made['cluster_id']}/edit", json={"name": "x"}).status_code == 200
    assert together.listed()[0]["cluster_name"] == "x"
    assert controls.post(f"/clusters/{machine}/vanish").status_code == 200
    assert shadeform.listed() == []
    volume_id = made["volumes"][0]["volume_id"]
    assert controls.post(f"/volumes/{volume_id}/fail").status_code == 200
    assert together.listed()[0]["volumes"][0]["status"] == "failed"
    for path, details in (
        ("/clusters/nobody/vanish", {}),
        (f"/clusters/{made['cluster_id']}/explode", {}),
        (f"/clusters/{made['cluster_id']}/edit", {"colour": "red"}),
        (f"/clusters/{made['cluster_id']}/autoscale", {}),
    ):
        reply = controls.post(path, json=details)
        assert (reply.status_code, set(reply.json())) == (400, {"error"}), path
    assert controls.post("/planets/x/vanish").status_code == 404


def test_a_reset_forgets_everything_and_may_change_the_settings(sim, controls, together, shadeform):
    together.create()
    sim.fault("status", times=0)
    controls.post("/switches", json={"together": {"error_shape": "rpc"}})
    reply = controls.post("/reset", json={"switches": {"shadeform": {"error_shape": "message"}}, "speed": 0})
    assert reply.status_code == 200
    assert sim.ledger()["clusters"] == []
    assert sim.requests() == {}
    assert sim.faults() == []
    assert "error" in together.get("/compute/clusters/nobody").json()
    assert "message" in shadeform.get("/clusters/nobody/info").json()
    together.create()
    sim.advance(600)
    assert together.listed()[0]["status"] == "Ready"
    assert controls.post("/reset", json={"colour": 1}).status_code == 400
    assert controls.post("/reset", json={"switches": {"together": {"colour": 1}}}).status_code == 400


def test_provisioning_takes_what_it_is_told_per_name(tmp_path):
    with running(speed=0, provisioning_seconds=(20, 40)) as sim:
        url, headers = f"{sim.base_url('together')}/compute/clusters", {"Authorization": "Bearer k"}
        for number in range(30):
            body = {
                "cluster_name": f"c{number}",
                "region": "us-central-8",
                "gpu_type": "H100_SXM",
                "num_gpus": 8,
                "billing_type": "ON_DEMAND",
                "cuda_version": "12.6",
                "nvidia_driver_version": "560",
            }
            assert httpx.post(url, json=body, headers=headers, trust_env=False).status_code == 200
        sim.advance(41)
        lines = sim.ledger()["clusters"]
        took = [
            parse_rfc3339(line["ready_at"]) - parse_rfc3339(line["created_at"])  # type: ignore[operator]
            for line in lines
        ]
        assert all(19.9 <= seconds <= 40.1 for seconds in took)
        assert len({round(seconds, 2) for seconds in took}) > 20


def test_a_thousand_clusters_at_once_from_many_threads():
    with running(provisioning_seconds=(1, 2)) as sim:
        body = {
            "region": "us-central-8",
            "gpu_type": "H100_SXM",
            "num_gpus": 8,
            "billing_type": "ON_DEMAND",
            "cuda_version": "12.6",
            "nvidia_driver_version": "560",
        }
        headers = {"Authorization": "Bearer k"}

        def create(worker: int) -> None:
            with httpx.Client(base_url=sim.base_url("together"), headers=headers, trust_env=False) as client:
                for number in range(125):
                    name = f"c{worker}-{number}"
                    reply = client.post("/compute/clusters", json={**body, "cluster_name": name}, timeout=60)
                    assert reply.status_code == 200

        threads = [threading.Thread(target=create, args=(worker,)) for worker in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        with httpx.Client(base_url=sim.base_url("together"), headers=headers, trust_env=False, timeout=60) as client:
            for _ in range(300):
                clusters = client.get("/compute/clusters").json()["clusters"]
                if all(it["status"] == "Ready" for it in clusters):
                    break
                time.sleep(0.2)
        assert len(clusters) == len({it["cluster_id"] for it in clusters}) == 1000
        assert {it["status"] for it in clusters} == {"Ready"}
        assert max(it["max_live"] for it in sim.live_history()) == 1
        assert all(0.9 <= it["provisioning_seconds"] <= 2.1 for it in sim.ledger()["clusters"])


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026-11-20T18:00:00Z", "2026-11-20T18:00:00+00:00"),
        ("2026-11-20T18:00:00.25Z", "2026-11-20T18:00:00.250000+00:00"),
        ("2026-11-20T18:00:00.123456789+00:00", "2026-11-20T18:00:00.123457+00:00"),
        ("2026-11-20T18:00:00+05:30", "2026-11-20T18:00:00+05:30"),
        ("2026-11-20T18:00:00-08:00", "2026-11-20T18:00:00-08:00"),
    ],
)
def test_instants_are_read_as_the_rfc_says(text, expected):
    assert parse_rfc3339(text) == pytest.approx(datetime.fromisoformat(expected).timestamp(), abs=1e-6)


@pytest.mark.parametrize("text", ["", "soon", "2026-11-20", "2026-11-20T18:00:00", "2026-13-20T18:00:00Z"])
def test_what_is_no_instant_is_none(text):
    assert parse_rfc3339(text) is None


def test_instants_are_written_in_seconds_or_milliseconds():
    assert rfc3339(1_800_000_000) == "2027-01-15T08:00:00Z"
    assert rfc3339(1_800_000_000.1234) == "2027-01-15T08:00:00.123Z"


def test_controls_in_this_process_raise(sim):
    with pytest.raises(BadControl, match="nobody"):
        sim.intervene("nobody", "vanish")
    with pytest.raises(BadControl):
        sim.advance(-1)


# --- Who is answered, and what a control takes -----------------------------------------------------------------------


STRANGERS = [
    {"Host": "rebound.example"},
    {"Host": "rebound.example:8377"},
    {"Host": "127.0.0.1.evil.example"},
    {"Host": "[::1"},
    {"Host": "10.0.0.1"},
    {"Origin": "https://evil.example"},
    {"Origin": "null"},
    {"Origin": "http://[::1"},
]


@pytest.mark.parametrize("headers", STRANGERS)
@pytest.mark.parametrize("path", ["/_sim/ledger", "/_sim/reset", "/together/v1/compute/clusters", "/nowhere"])
def test_a_web_page_is_not_answered(sim, together, headers, path):
    together.create()
    key = {"Authorization": "Bearer k"}
    for method in ("GET", "POST"):
        reply = httpx.request(method, sim.url + path, headers={**key, **headers}, json={}, trust_env=False)
        assert reply.status_code == 403, method
    assert len(sim.ledger()["clusters"]) == 1


def test_this_machine_is_answered_by_each_of_its_names(sim):
    for host in ("localhost", "LOCALHOST:9", "127.0.0.1", "[::1]:8377"):
        for headers in ({"Host": host}, {"Host": host, "Origin": f"http://{host}"}):
            assert httpx.get(f"{sim.url}/_sim/health", headers=headers, trust_env=False).status_code == 200, headers


NO_CONTROLS = [
    ("/clock", '{"advance_seconds": NaN}'),
    ("/clock", '{"speed": Infinity}'),
    ("/clock", '{"speed": 1e999}'),
    ("/clock", '{"advance_seconds": 1e300}'),
    ("/clock", '{"now": "soon"}'),
    ("/clock", "[" * 100_000),
    ("/clock", '{"speed": 1' + "0" * 400 + "}"),
    ("/reset", '{"speed": "fast"}'),
    ("/reset", '{"speed": null}'),
    ("/reset", '{"speed": -1}'),
    ("/reset", '{"seed": 1.5}'),
    ("/reset", '{"seed": "x"}'),
    ("/reset", '{"canary": 5}'),
    ("/reset", '{"provisioning_seconds": 5}'),
    ("/reset", '{"provisioning_seconds": [5]}'),
    ("/reset", '{"provisioning_seconds": [5, 4]}'),
    ("/reset", '{"provisioning_seconds": ["a", "b"]}'),
    ("/reset", '{"switches": 5}'),
    ("/reset", '{"switches": {"together": 5}}'),
    ("/switches", '{"together": 5}'),
    ("/switches", '{"together": null}'),
    ("/switches", '{"together": {"credits_dollars": NaN}}'),
    ("/switches", '{"together": {"credits_dollars": "5"}}'),
    ("/switches", '{"together": {"unique_cluster_names": "yes"}}'),
    ("/switches", '{"together": {"stock_gpus": {"us-central-8": 5}}}'),
    ("/faults", '{"fault": "slow", "delay_seconds": 1e300}'),
    ("/faults", '{"fault": "slow", "delay_seconds": "1"}'),
    ("/faults", '{"fault": "status", "status": "503"}'),
    ("/faults", '{"fault": "status", "probability": NaN}'),
    ("/faults", '{"fault": "status", "headers": {"X": "a\\nb"}}'),
    ("/faults", '{"fault": 5}'),
    ("/faults", "5"),
    ("/clusters/{id}/edit", '{"num_gpus": "many"}'),
    ("/clusters/{id}/edit", '{"status": {"a": 1}}'),
    ("/clusters/{id}/edit", "[1]"),
    ("/clusters/{id}/autoscale", '{"gpus": "x"}'),
]


@pytest.mark.parametrize(("path", "body"), NO_CONTROLS)
def test_a_control_of_a_wrong_type_is_a_400_that_changes_nothing(sim, controls, together, path, body):
    made = together.create()
    before = (sim.ledger(), sim.simulation.clock()["speed"], sim.simulation.switches())
    reply = controls.post(path.replace("{id}", made["cluster_id"]), content=body)
    assert (reply.status_code, set(reply.json())) == (400, {"error"}), reply.text
    assert "\n" not in reply.json()["error"]
    assert (sim.ledger(), sim.simulation.clock()["speed"], sim.simulation.switches()) == before
    assert sim.faults() == [] and together.cluster(made["cluster_id"])["cluster_id"] == made["cluster_id"]


def test_a_simulator_inside_another_process_is_not_stopped(sim, controls):
    assert controls.post("/stop").status_code == 409
    assert controls.get("/health").status_code == 200
