"""The shared volumes of the simulated Together: their routes, and what happens to them afterwards."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any
from uuid import uuid4

from gpufleet_provider.simulator.cloud import SimulatedCloud, Store
from gpufleet_provider.simulator.record import Event
from gpufleet_provider.simulator.wire import Body, Call, Refusal, Reply
from gpufleet_provider.together.simulator.catalogue import DOLLARS_PER_TIB_HOUR
from gpufleet_provider.together.simulator.provisioning import VOLUME_DELETE_SECONDS, VOLUME_SECONDS
from gpufleet_provider.together.simulator.records import Cluster, Volume
from gpufleet_provider.together.simulator.replies import volume_reply
from gpufleet_provider.together.simulator.requests import read_volume
from gpufleet_provider.together.simulator.switches import TogetherSwitches


class Volumes(Store[Volume, TogetherSwitches]):
    """Every volume; `on_change` is called with the id of each cluster whose volume has changed."""

    record_type = Volume

    def __init__(self, cloud: SimulatedCloud[TogetherSwitches], on_change: Callable[[str], None]) -> None:
        super().__init__(cloud)
        self._on_change = on_change

    def touch(self, record: Volume) -> None:
        """To be called after each change of a volume."""
        super().touch(record)
        for cluster_id in record.attached_to:
            self._on_change(cluster_id)

    # What the API offers.

    def create(self, call: Call) -> Reply:
        """Accepted at once; the volume is provisioning."""
        body = Body.of(call.body)
        fields = read_volume(body)
        self.cloud.refuse_unknown(body)
        return Reply.of(volume_reply(self.create_record(fields)))

    def get(self, call: Call) -> Reply:
        """A volume that is not deleted."""
        return Reply.of(volume_reply(self.find(call.params["volume_id"])))

    def list(self, call: Call) -> Reply:
        """Every volume that is not deleted, filtered by project."""
        wanted = project_filter(call, self.cloud.switches)
        shown = [it for it in self.shown() if wanted in (None, it.project_id)]
        return Reply.of({"volumes": [volume_reply(volume) for volume in shown]})

    def update(self, call: Call) -> Reply:
        """The id is in the body, and the size can only grow."""
        body = Body.of(call.body)
        volume = self.find(body.need_text("volume_id"))
        size_tib = body.integer("size_tib")
        self.cloud.refuse_unknown(body)
        if size_tib is None:
            raise body.bad("size_tib", "is required: nothing is to be changed")
        if volume.status in ("deleting", "failed", "access_revoked"):
            raise Refusal(self.cloud.switches.conflict_status, f"volume {volume.id} is {volume.status}")
        if size_tib < volume.size_tib:
            raise body.bad("size_tib", f"cannot be reduced from {volume.size_tib} to {size_tib}")
        if size_tib > volume.size_tib:
            volume.size_tib = size_tib
            self._update_rate(volume)
            self.touch(volume)
        return Reply.of(volume_reply(volume))

    def delete(self, call: Call) -> Reply:
        """Refused while the volume is attached."""
        volume = self.find(call.params["volume_id"])
        if volume.attached_to:
            if self.cloud.switches.volume_delete_refusal == "success_false":
                return Reply.of({"success": False})
            raise Refusal(
                self.cloud.switches.conflict_status,
                f"volume {volume.id} is attached to cluster {volume.attached_to[0]}",
                "volume_attached",
            )
        self._begin_delete(volume)
        return Reply.of({"success": True})

    # What clusters do with volumes.

    def create_record(self, fields: dict[str, Any]) -> Volume:
        """Create a volume from the fields of `read_volume`, and plan its provisioning."""
        world = self.world
        if fields["is_lifecycle_independent"] is None:
            fields = {**fields, "is_lifecycle_independent": self.cloud.switches.volume_is_lifecycle_independent}
        volume = Volume(id=str(uuid4()), created=world.stamp(), **fields)
        volume.plan(world.now + VOLUME_SECONDS * world.pace(volume.name, 600), "provisioned")
        self._update_rate(volume)
        return self.insert(volume)

    def of(self, cluster: Cluster) -> list[Volume]:
        """The volumes of a cluster that still exist."""
        return [self.living[volume_id] for volume_id in cluster.volume_ids if volume_id in self.living]

    def check_attachable(self, volume_id: str, region: str) -> None:
        """Raise the refusal of a volume that a cluster in the region cannot have."""
        volume = self.living.get(volume_id)
        if volume is None or volume.region != region:
            raise Refusal(400, "Shared volume does not exist in the datacenter", "invalid_request", "volume_id")
        if volume.status in ("deleting", "failed", "access_revoked"):
            raise Refusal(400, f"Shared volume {volume_id} is {volume.status}", "invalid_request", "volume_id")
        if volume.attached_to and not self.cloud.switches.volume_multi_attach:
            raise Refusal(
                self.cloud.switches.conflict_status,
                f"Shared volume {volume_id} is already attached to cluster {volume.attached_to[0]}",
                "volume_attached",
            )

    def attach(self, volume: Volume, cluster: Cluster) -> None:
        """Attach a volume to a cluster."""
        volume.attached_to.append(cluster.id)
        if volume.status == "available":
            volume.status = "bound"
        self.touch(volume)

    def release(self, cluster: Cluster) -> None:
        """Detach every volume from a cluster, and delete those that are not independent of its lifecycle."""
        for volume in self.of(cluster):
            if cluster.id not in volume.attached_to:
                continue
            volume.attached_to.remove(cluster.id)
            if not volume.attached_to and volume.status == "bound":
                volume.status = "available"
            if not volume.attached_to and not volume.is_lifecycle_independent:
                self._begin_delete(volume)
            self.touch(volume)

    def set_access(self, revoked: bool) -> None:
        """Revoke the access to every volume, or restore it."""
        for volume in self.living.values():
            if volume.status != "deleting":
                usable = "bound" if volume.attached_to else "available"
                volume.status = "access_revoked" if revoked else usable
                self.touch(volume)

    # What happens afterwards.

    def apply_event(self, record: Volume, event: Event) -> None:
        """Carry out an event that was planned for the volume."""
        if event.name == "provisioned" and record.status == "provisioning":
            record.ready = self.world.stamp()
            record.status = "bound" if record.attached_to else "available"
        elif event.name == "gone":
            self.end(record, "delete")

    def intervene(self, record: Volume, action: str, details: Mapping[str, Any]) -> None:
        """`vanish`, `fail` or `edit`."""
        if action == "fail":
            record.cancel()
            record.status = "failed"
        else:
            super().intervene(record, action, details)

    def _begin_delete(self, volume: Volume) -> None:
        if volume.status == "deleting":
            return
        volume.status = "deleting"
        volume.delete_requested = self.world.stamp()
        volume.cancel()
        volume.plan(self.world.now + VOLUME_DELETE_SECONDS, "gone")
        self.touch(volume)

    def _update_rate(self, volume: Volume) -> None:
        self.cloud.set_rate(volume, volume.size_tib * DOLLARS_PER_TIB_HOUR)


def project_filter(call: Call, switches: TogetherSwitches) -> str | None:
    """The project that a list is filtered by, or None; the switch says which query key counts."""
    keys = {
        "projectId": ("projectId",),
        "project_id": ("project_id",),
        "both": ("projectId", "project_id"),
        "ignored": (),
    }[switches.project_filter]
    return next((call.query[key] for key in keys if key in call.query), None)
