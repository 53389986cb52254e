"""The node remediations of the simulated Together: their routes, and what happens to them afterwards."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import uuid4

from gpufleet_provider.simulator.cloud import SimulatedCloud, Store
from gpufleet_provider.simulator.record import Event
from gpufleet_provider.simulator.wire import Body, Call, Refusal, Reply
from gpufleet_provider.together.simulator import nodes
from gpufleet_provider.together.simulator.cluster_transitions import ClusterTransitions
from gpufleet_provider.together.simulator.provisioning import REMEDIATION_SECONDS
from gpufleet_provider.together.simulator.records import Cluster, Node, Remediation
from gpufleet_provider.together.simulator.replies import remediation_reply
from gpufleet_provider.together.simulator.switches import TogetherSwitches

MODES = tuple(
    f"REMEDIATION_MODE_{mode}"
    for mode in ("VM_ONLY", "HOST_AWARE", "EVICT_WITHOUT_REPLACEMENT", "REBOOT_VM", "HOST_POWER_CYCLE")
)
ANY_INSTANCE = "-"


class Remediations(Store[Remediation, TogetherSwitches]):
    """Every remediation; one that has finished has replaced, rebooted or evicted its node."""

    record_type = Remediation
    in_ledger = False

    def __init__(self, cloud: SimulatedCloud[TogetherSwitches], clusters: ClusterTransitions) -> None:
        super().__init__(cloud)
        self._clusters = clusters

    def create(self, call: Call) -> Reply:
        """Requested by a user, so it needs no approval."""
        cluster = self._clusters.find(call.params["cluster_id"])
        node = self._node(cluster, call.params["instance_id"])
        body = Body.of(call.body)
        mode = body.one_of("mode", MODES) or body.need_text("mode")
        reason = body.text("reason")
        self.cloud.refuse_unknown(body)
        remediation = self._create_record(cluster, node, mode, "REMEDIATION_TRIGGER_MANUAL", "PENDING", reason)
        return Reply.of(remediation_reply(remediation))

    def get(self, call: Call) -> Reply:
        """One remediation."""
        return Reply.of(remediation_reply(self._find(call)))

    def list(self, call: Call) -> Reply:
        """The remediations of one node, or of all if the id is `-`; the only list with pages."""
        cluster = self._clusters.find(call.params["cluster_id"])
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
        """Only a remediation that is PENDING_APPROVAL; it starts at once."""
        remediation = self._review(call, ("PENDING_APPROVAL",), "PENDING")
        remediation.plan(self.world.now, "start")
        self.touch(remediation)
        return Reply.of(remediation_reply(remediation))

    def reject(self, call: Call) -> Reply:
        """Only a remediation that is PENDING_APPROVAL; it is cancelled."""
        return Reply.of(remediation_reply(self._review(call, ("PENDING_APPROVAL",), "CANCELLED")))

    def cancel(self, call: Call) -> Reply:
        """Only a remediation that has not started."""
        return Reply.of(remediation_reply(self._review(call, ("PENDING_APPROVAL", "PENDING"), "CANCELLED")))

    def propose(self, cluster: Cluster, mode: str) -> None:
        """Create an automated remediation of the cluster's first worker; a user has to approve it."""
        node = cluster.workers[0]
        self._create_record(cluster, node, mode, "REMEDIATION_TRIGGER_AUTOMATED", "PENDING_APPROVAL", "unhealthy")

    def apply_event(self, record: Remediation, event: Event) -> None:
        """Start or finish the remediation; it fails if the cluster is deleted."""
        now = self.world.now
        cluster = self._clusters.all[record.cluster_id]
        record.update_time = now
        if cluster.gone is not None:
            record.state, record.end_time = "FAILED", now
            record.error_message = "the cluster is gone"
        elif event.name == "start":
            record.state, record.start_time = "RUNNING", now
            record.plan(now + REMEDIATION_SECONDS, "finish")
        else:
            record.state, record.end_time = "SUCCEEDED", now
            self._act(cluster, record)
        self._clusters.touch(cluster)

    def intervene(self, record: Remediation, action: str, details: Mapping[str, Any]) -> None:
        """Nothing; always raises `Refusal`."""
        raise Refusal(400, f"a {record.kind} has no actions")

    def _create_record(
        self, cluster: Cluster, node: Node, mode: str, trigger: str, state: str, reason: str | None
    ) -> Remediation:
        """A new remediation; one that is PENDING starts soon."""
        now = self.world.now
        remediation = Remediation(
            id=str(uuid4()),
            name=node.node_id,
            created=self.world.stamp(),
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
        node.latest_remediation_id = remediation.id
        if state == "PENDING":
            remediation.plan(now + 10, "start")
        self._clusters.touch(cluster)
        return self.insert(remediation)

    def _act(self, cluster: Cluster, remediation: Remediation) -> None:
        now = self.world.now
        if remediation.mode in ("REMEDIATION_MODE_REBOOT_VM", "REMEDIATION_MODE_HOST_POWER_CYCLE"):
            for phase in ("NODE_PHASE_BOOTING", "NODE_PHASE_RUNNING"):
                nodes.enter_phase(cluster, f"{remediation.node_id} {phase}", now)
            return
        nodes.retire(cluster, remediation.node_id, "TogetherRemediated", now)
        if remediation.mode != "REMEDIATION_MODE_EVICT_WITHOUT_REPLACEMENT":
            self._clusters.scale(cluster)

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
        remediation.review_time = remediation.update_time = self.world.now
        remediation.agenda.clear()
        self.touch(remediation)
        self._clusters.touch(self._clusters.all[remediation.cluster_id])
        return remediation

    def _find(self, call: Call) -> Remediation:
        remediation = self.find(call.params["remediation_id"])
        if remediation.cluster_id != call.params["cluster_id"]:
            raise self.not_found(remediation.id)
        return remediation

    def _node(self, cluster: Cluster, instance_id: str) -> Node:
        for node in cluster.workers:
            if node.instance_id == instance_id:
                return node
        raise Refusal(404, f"instance {instance_id} not found", "not_found")
