"""The volumes of the simulated Shadeform, which only instances can mount: their routes."""

from __future__ import annotations

from uuid import uuid4

from gpufleet_provider.shadeform.simulator.catalogue import VOLUME_OFFERS
from gpufleet_provider.shadeform.simulator.records import Instance, Volume
from gpufleet_provider.shadeform.simulator.replies import volume_reply
from gpufleet_provider.shadeform.simulator.requests import read_volume
from gpufleet_provider.shadeform.simulator.switches import ShadeformSwitches
from gpufleet_provider.simulator.cloud import Store
from gpufleet_provider.simulator.wire import Body, Call, Refusal, Reply


class Volumes(Store[Volume, ShadeformSwitches]):
    """Every volume."""

    record_type = Volume

    def list(self, call: Call) -> Reply:
        """All volumes."""
        return Reply.of({"volumes": [volume_reply(it, self.world.now) for it in self.shown()]})

    def types(self, call: Call) -> Reply:
        """Where volumes are on offer, and at what price."""
        keys = ("cloud", "region", "supports_multi_mount", "fixed_size")
        rows = [{**dict(zip(keys, it, strict=False)), "price_per_gb_per_hour": f"{it[4]:g}"} for it in VOLUME_OFFERS]
        return Reply.of({"volume_types": rows})

    def create(self, call: Call) -> Reply:
        """Created at once."""
        body = Body.of(call.body)
        fields = read_volume(body)
        self.cloud.refuse_unknown(body)
        if fields["size_in_gb"] < 1:
            raise body.bad("size_in_gb", "must be at least 1")
        offer = next((it for it in VOLUME_OFFERS if it[:2] == (fields["cloud"], fields["region"])), None)
        if offer is None:
            raise body.bad("region", f"{fields['cloud']} offers no volumes in {fields['region']}")
        self.cloud.refuse_without_credits()
        _, _, supports_multi_mount, fixed_size, dollars_per_gb_hour = offer
        stamp = self.world.stamp()
        volume = Volume(
            id=str(uuid4()),
            created=stamp,
            ready=stamp,
            supports_multi_mount=supports_multi_mount,
            fixed_size=fixed_size,
            **fields,
        )
        self.cloud.set_rate(volume, volume.size_in_gb * dollars_per_gb_hour)
        self.insert(volume)
        return Reply.of({"id": volume.id})

    def info(self, call: Call) -> Reply:
        """One volume."""
        return Reply.of(volume_reply(self.find(call.params["id"]), self.world.now))

    def delete(self, call: Call) -> Reply:
        """Refused while an instance mounts the volume."""
        volume = self.find(call.params["id"])
        if volume.mounted_by is not None:
            raise Refusal(409, f"The volume is still mounted by {volume.mounted_by}", "VOLUME_MOUNTED")
        self.end(volume, "delete")
        return Reply(200, b"")

    def mount(self, volume_ids: list[str], instance: Instance) -> None:
        """Mount volumes in an instance; raises `Refusal` for one that it cannot have."""
        for volume_id in volume_ids:
            volume = self.living.get(volume_id)
            if volume is None:
                raise Refusal(400, f"volume {volume_id} does not exist", "INVALID_VOLUME", "volume_ids")
            if (volume.cloud, volume.region) != (instance.cloud, instance.region):
                raise Refusal(400, "The volume is in another region", "INVALID_VOLUME", "volume_ids")
            if volume.mounted_by is not None and not volume.supports_multi_mount:
                raise Refusal(409, f"The volume is mounted by {volume.mounted_by}", "VOLUME_MOUNTED")
            volume.mounted_by = instance.id
            self.touch(volume)

    def unmount(self, instance: Instance) -> None:
        """Unmount every volume of an instance."""
        for volume_id in instance.volume_ids:
            volume = self.all[volume_id]
            if volume.mounted_by == instance.id:
                volume.mounted_by = None
                self.touch(volume)
