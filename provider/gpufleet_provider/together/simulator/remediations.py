"""Node remediations of the simulated Together (M1 to M6)."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

from gpufleet_provider.simulator.wire import Body, Call, Refusal, Reply
from gpufleet_provider.simulator.world import Event, SimulatedCloud
from gpufleet_provider.together.simulator import nodes
from gpufleet_provider.together.simulator.life import Life
from gpufleet_provider.together.simulator.lifecycle import REMEDIATION_SECONDS
from gpufleet_provider.together.simulator.records import Cluster, Node, Remediation
from gpufleet_provider.together.simulator.replies import remediation_reply

MODES = tuple(
    f"REMEDIATION_MODE_{mode}"
    for mode in ("VM_ONLY", "HOST_AWARE", "EVICT_WITHOUT_REPLACEMENT", "REBOOT_VM", "HOST_POWER_CYCLE")
)
ANY_INSTANCE = "-"


class Remediations:
    """Every remediation by id; a finished one has renewed, rebooted or evicted its node."""

    def __init__(self, cloud: SimulatedCloud, life: Life, all_by_id: dict[str, Remediation]) -> None:
        self._cloud = cloud
        self._world = cloud.world
        self._life = life
        self.all = all_by_id

    def load(self) -> None:
        """Take up what an earlier run has left."""
        self.all.update(self._world.load(Remediation, self._cloud))

    def create(self, call: Call) -> Reply:
        """M1: asked for by hand, so it needs no approval."""
        cluster = self._life.find(call.params["cluster_id"])
        node = self._node(cluster, call.params["instance_id"])
        body = Body.of(call.body)
        mode = body.one_of("mode", MODES) or body.need_text("mode")
        reason = body.text("reason")
        self._cloud.refuse_unknown(body)
        made = self.make(cluster, node, mode, "REMEDIATION_TRIGGER_MANUAL", "PENDING", reason)
        return Reply.of(remediation_reply(made))

    def get(self, call: Call) -> Reply:
        """M2."""
        return Reply.of(remediation_reply(self._find(call)))

    def list(self, call: Call) -> Reply:
        """M3, the only list with pages."""
        cluster = self._life.find(call.params["cluster_id"])
        instance_id = call.params["instance_id"]
        found = [
            it
            for it in self.all.values()
            if it.cluster_id == cluster.id and instance_id in (ANY_INSTANCE, it.instance_id)
        ]
        for key in ("mode", "state", "trigger"):
            wanted = call.query.get(key)
            found = [it for it in found if wanted is None or getattr(it, key) in wanted.split(",")]
        try:
            start, size = int(call.query.get("page_token") or 0), int(call.query.get("page_size") or 50)
        except ValueError:
            raise Refusal(400, "page_token and page_size must be numbers", "invalid_request", "page_token") from None
        page = found[start : start + size]
        has_next = start + size < len(found)
        token = str(start + size) if has_next else ""
        shown = [remediation_reply(it) for it in page]
        return Reply.of({"remediations": shown, "has_next": has_next, "next_page_token": token})

    def approve(self, call: Call) -> Reply:
        """M4."""
        remediation = self._review(call, ("PENDING_APPROVAL",), "PENDING")
        remediation.plan(self._world.now, "start")
        self._world.touch(self._cloud, remediation)
        return Reply.of(remediation_reply(remediation))

    def reject(self, call: Call) -> Reply:
        """M5."""
        return Reply.of(remediation_reply(self._review(call, ("PENDING_APPROVAL",), "CANCELLED")))

    def cancel(self, call: Call) -> Reply:
        """M6."""
        return Reply.of(remediation_reply(self._review(call, ("PENDING_APPROVAL", "PENDING"), "CANCELLED")))

    def make(
        self, cluster: Cluster, node: Node, mode: str, trigger: str, state: str, reason: str | None
    ) -> Remediation:
        """A new remediation; one that is PENDING starts soon."""
        now = self._world.now
        made = Remediation(
            id=str(uuid4()),
            name=node.node_id,
            created=self._world.stamp(),
            cluster_id=cluster.id,
            instance_id=node.instance_id,
            node_id=node.node_id,
            mode=mode,
            trigger=trigger,
            state=state,
            reason=reason,
            requested_by="user" if trigger.endswith("MANUAL") else "system",
            update_time=now,
        )
        self.all[made.id] = made
        node.latest_remediation_id = made.id
        if state == "PENDING":
            made.plan(now + 10, "start")
        self._world.touch(self._cloud, made)
        self._world.touch(self._cloud, cluster)
        return made

    def happen(self, remediation: Remediation, event: Event) -> None:
        """It starts, or it is done."""
        now = self._world.now
        cluster = self._life.all[remediation.cluster_id]
        remediation.update_time = now
        if cluster.gone is not None:
            remediation.state, remediation.end_time = "FAILED", now
            remediation.error_message = "the cluster is gone"
        elif event.name == "start":
            remediation.state, remediation.start_time = "RUNNING", now
            remediation.plan(now + REMEDIATION_SECONDS, "finish")
        else:
            remediation.state, remediation.end_time = "SUCCEEDED", now
            self._act(cluster, remediation)
        self._world.touch(self._cloud, cluster)

    def _act(self, cluster: Cluster, remediation: Remediation) -> None:
        now = self._world.now
        if remediation.mode in ("REMEDIATION_MODE_REBOOT_VM", "REMEDIATION_MODE_HOST_POWER_CYCLE"):
            for phase in ("NODE_PHASE_BOOTING", "NODE_PHASE_RUNNING"):
                nodes.enter_phase(cluster, f"{remediation.node_id} {phase}", now)
            return
        nodes.retire(cluster, remediation.node_id, "TogetherRemediated", now)
        if remediation.mode != "REMEDIATION_MODE_EVICT_WITHOUT_REPLACEMENT":
            self._life.scale(cluster)

    def _review(self, call: Call, allowed: tuple[str, ...], state: str) -> Remediation:
        remediation = self._find(call)
        body: dict[str, Any] = {}
        if call.body:
            read = Body.of(call.body)
            body = {"comment": read.text("comment"), "mode": read.one_of("mode", MODES)}
        if remediation.state not in allowed:
            raise Refusal(409, f"remediation {remediation.id} is {remediation.state}", "conflict")
        remediation.state = state
        remediation.mode = body.get("mode") or remediation.mode
        remediation.review_comment = body.get("comment")
        remediation.reviewed_by = "user"
        remediation.review_time = remediation.update_time = self._world.now
        remediation.agenda.clear()
        self._world.touch(self._cloud, remediation)
        self._world.touch(self._cloud, self._life.all[remediation.cluster_id])
        return remediation

    def _find(self, call: Call) -> Remediation:
        remediation = self.all.get(call.params["remediation_id"])
        if remediation is None or remediation.cluster_id != call.params["cluster_id"]:
            raise Refusal(404, f"remediation {call.params['remediation_id']} not found", "not_found")
        return remediation

    def _node(self, cluster: Cluster, instance_id: str) -> Node:
        for node in cluster.workers:
            if node.instance_id == instance_id:
                return node
        raise Refusal(404, f"instance {instance_id} not found", "not_found")
