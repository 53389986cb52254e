"""Shared volumes of the simulated Together."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import uuid4

from gpufleet_provider.simulator.ledger import entry
from gpufleet_provider.simulator.wire import Body, Call, Refusal, Reply
from gpufleet_provider.simulator.world import Event, SimulatedCloud
from gpufleet_provider.together.simulator.catalogue import DOLLARS_PER_TIB_HOUR
from gpufleet_provider.together.simulator.lifecycle import VOLUME_DELETE_SECONDS, VOLUME_SECONDS
from gpufleet_provider.together.simulator.records import Cluster, Volume
from gpufleet_provider.together.simulator.replies import DEFAULT_PROJECT_ID, volume_reply
from gpufleet_provider.together.simulator.requests import VolumeRequest, read_volume
from gpufleet_provider.together.simulator.switches import TogetherSwitches


class Volumes:
    """Every volume by id; `all` keeps those that are gone, for the ledger."""

    def __init__(self, cloud: SimulatedCloud, cluster_changed: Callable[[str], None]) -> None:
        self._cloud = cloud
        self._cluster_changed = cluster_changed
        self._world = cloud.world
        self.all: dict[str, Volume] = {}

    @property
    def _switches(self) -> TogetherSwitches:
        switches = self._cloud.switches
        assert isinstance(switches, TogetherSwitches)
        return switches

    def load(self) -> None:
        """Take up what an earlier run has left."""
        self.all = self._world.load(Volume, self._cloud)

    # What the API offers.

    def create(self, call: Call) -> Reply:
        """V1."""
        body = Body.of(call.body)
        request = read_volume(body)
        self._cloud.refuse_unknown(body)
        return Reply.of(volume_reply(self.make(request)))

    def get(self, call: Call) -> Reply:
        """V2."""
        return Reply.of(volume_reply(self.find(call.params["volume_id"])))

    def list(self, call: Call) -> Reply:
        """V3."""
        wanted = project_filter(call, self._switches)
        shown = [it for it in self.all.values() if it.gone is None and wanted in (None, it.project_id)]
        return Reply.of({"volumes": [volume_reply(volume) for volume in shown]})

    def update(self, call: Call) -> Reply:
        """V4: the id is in the body, and the size only grows."""
        body = Body.of(call.body)
        volume = self.find(body.need_text("volume_id"))
        size_tib = body.integer("size_tib")
        self._cloud.refuse_unknown(body)
        if volume.status in ("deleting", "failed", "access_revoked"):
            raise Refusal(self._switches.conflict_status, f"volume {volume.id} is {volume.status}")
        if size_tib is not None and size_tib < volume.size_tib:
            raise body.bad("size_tib", f"cannot be reduced from {volume.size_tib} to {size_tib}")
        if size_tib is not None and size_tib > volume.size_tib:
            volume.size_tib = size_tib
            self._set_rate(volume)
            self._touch(volume)
        return Reply.of(volume_reply(volume))

    def delete(self, call: Call) -> Reply:
        """V5: refused while a cluster has it."""
        volume = self.find(call.params["volume_id"])
        if volume.attached_to:
            if self._switches.volume_delete_refusal == "success_false":
                return Reply.of({"success": False})
            raise Refusal(
                self._switches.conflict_status,
                f"volume {volume.id} is attached to cluster {volume.attached_to[0]}",
                "volume_attached",
            )
        self._begin_delete(volume)
        return Reply.of({"success": True})

    # What clusters do with volumes.

    def make(self, request: VolumeRequest) -> Volume:
        """A new volume, provisioning."""
        world = self._world
        independent = request.is_lifecycle_independent
        default = self._switches.volume_is_lifecycle_independent
        volume = Volume(
            id=str(uuid4()),
            name=request.volume_name,
            created=world.stamp(),
            region=request.region,
            size_tib=request.size_tib,
            project_id=request.project_id or DEFAULT_PROJECT_ID,
            is_lifecycle_independent=default if independent is None else independent,
        )
        self.all[volume.id] = volume
        volume.plan(world.now + VOLUME_SECONDS * world.pace(volume.name, 600), "provisioned")
        self._set_rate(volume)
        self._touch(volume)
        return volume

    def of(self, cluster: Cluster) -> list[Volume]:
        """The volumes of a cluster that still exist."""
        return [self.all[volume_id] for volume_id in cluster.volume_ids if self.all[volume_id].gone is None]

    def check_attachable(self, volume_id: str, region: str) -> None:
        """Raise for a volume that no cluster in a region can have."""
        volume = self.all.get(volume_id)
        if volume is None or volume.gone is not None or volume.region != region:
            raise Refusal(400, "Shared volume does not exist in the datacenter", "invalid_request", "volume_id")
        if volume.status in ("deleting", "failed", "access_revoked"):
            raise Refusal(400, f"Shared volume {volume_id} is {volume.status}", "invalid_request", "volume_id")
        if volume.attached_to and not self._switches.volume_multi_attach:
            raise Refusal(
                self._switches.conflict_status,
                f"Shared volume {volume_id} is already attached to cluster {volume.attached_to[0]}",
                "volume_attached",
            )

    def attach(self, volume: Volume, cluster: Cluster) -> None:
        """The cluster has it from now on."""
        volume.attached_to.append(cluster.id)
        if volume.status == "available":
            volume.status = "bound"
        self._touch(volume)

    def release(self, cluster: Cluster) -> None:
        """The cluster has it no longer; what lives only as long as the cluster is deleted with it."""
        for volume in self.of(cluster):
            if cluster.id not in volume.attached_to:
                continue
            volume.attached_to.remove(cluster.id)
            if not volume.attached_to and volume.status == "bound":
                volume.status = "available"
            if not volume.attached_to and not volume.is_lifecycle_independent:
                self._begin_delete(volume)
            self._touch(volume)

    def set_access(self, revoked: bool) -> None:
        """Revoke access when the credits have run out, give it back when there are new ones."""
        for volume in self.all.values():
            if volume.gone is None and volume.status != "deleting":
                standing = "bound" if volume.attached_to else "available"
                volume.status = "access_revoked" if revoked else standing
                self._touch(volume)

    # What happens by itself.

    def happen(self, volume: Volume, event: Event) -> None:
        """An event that was planned."""
        if event.name == "provisioned" and volume.status == "provisioning":
            volume.ready = self._world.stamp()
            volume.status = "bound" if volume.attached_to else "available"
        elif event.name == "gone":
            self.end(volume, "delete")
        self._touch(volume)

    def end(self, volume: Volume, reason: str) -> None:
        """It is no more."""
        volume.gone = self._world.stamp()
        volume.gone_because = reason
        volume.cancel()
        self._cloud.account.set_rate(volume.meter, 0, self._world.now)

    def find(self, volume_id: str) -> Volume:
        """A volume that exists; 404 for any other."""
        volume = self.all.get(volume_id)
        if volume is None or volume.gone is not None:
            raise Refusal(404, f"volume {volume_id} not found", "not_found")
        return volume

    def ledger(self) -> list[dict[str, Any]]:
        """Every volume that ever was."""
        now = self._world.now
        return [
            entry(
                self._cloud.name,
                volume,
                volume.status,
                now,
                region=volume.region,
                size_tib=volume.size_tib,
                attached_to=volume.attached_to,
                is_lifecycle_independent=volume.is_lifecycle_independent,
            )
            for volume in self.all.values()
        ]

    def _begin_delete(self, volume: Volume) -> None:
        if volume.status == "deleting":
            return
        volume.status = "deleting"
        volume.delete_requested = self._world.stamp()
        volume.cancel()
        volume.plan(self._world.now + VOLUME_DELETE_SECONDS, "gone")
        self._touch(volume)

    def _set_rate(self, volume: Volume) -> None:
        self._cloud.account.set_rate(volume.meter, volume.size_tib * DOLLARS_PER_TIB_HOUR, self._world.now)
        self._cloud.watch_credits()

    def _touch(self, volume: Volume) -> None:
        self._world.touch(self._cloud, volume)
        for cluster_id in volume.attached_to:
            self._cluster_changed(cluster_id)


def project_filter(call: Call, switches: TogetherSwitches) -> str | None:
    """The project that a list call asks for, if the server hears the question."""
    heard = {
        "projectId": ("projectId",),
        "project_id": ("project_id",),
        "both": ("projectId", "project_id"),
        "ignored": (),
    }[switches.project_filter]
    return next((call.query[key] for key in heard if key in call.query), None)
