"""Volumes of the simulated Shadeform; only instances can mount them."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

from gpufleet_provider.shadeform.simulator.catalogue import VOLUME_OFFERS
from gpufleet_provider.shadeform.simulator.records import Instance, Volume
from gpufleet_provider.shadeform.simulator.replies import volume_reply
from gpufleet_provider.simulator.ledger import entry
from gpufleet_provider.simulator.wire import Body, Call, Refusal, Reply
from gpufleet_provider.simulator.world import SimulatedCloud


class Volumes:
    """Every volume by id."""

    def __init__(self, cloud: SimulatedCloud) -> None:
        self._cloud = cloud
        self._world = cloud.world
        self.all: dict[str, Volume] = {}

    def load(self) -> None:
        """Take up what an earlier run has left."""
        self.all = self._world.load(Volume, self._cloud)

    def list(self, call: Call) -> Reply:
        """All volumes."""
        living = [it for it in self.all.values() if it.gone is None]
        return Reply.of({"volumes": [volume_reply(it, self._world.now) for it in living]})

    def types(self, call: Call) -> Reply:
        """Where volumes can be had."""
        keys = ("cloud", "region", "supports_multi_mount", "fixed_size")
        rows = [{**dict(zip(keys, it, strict=False)), "price_per_gb_per_hour": f"{it[4]:g}"} for it in VOLUME_OFFERS]
        return Reply.of({"volume_types": rows})

    def create(self, call: Call) -> Reply:
        """There at once."""
        body = Body.of(call.body)
        cloud, region, name = (body.need_text(it) for it in ("cloud", "region", "name"))
        size = body.need_integer("size_in_gb")
        self._cloud.refuse_unknown(body)
        if size < 1:
            raise body.bad("size_in_gb", "must be at least 1")
        offer = next((it for it in VOLUME_OFFERS if it[:2] == (cloud, region)), None)
        if offer is None:
            raise body.bad("region", f"{cloud} offers no volumes in {region}")
        self._cloud.refuse_without_credits()
        stamp = self._world.stamp()
        volume = Volume(
            id=str(uuid4()),
            name=name,
            created=stamp,
            ready=stamp,
            cloud=cloud,
            region=region,
            size_in_gb=size,
            supports_multi_mount=offer[2],
            fixed_size=offer[3],
        )
        self.all[volume.id] = volume
        self._cloud.account.set_rate(volume.meter, size * offer[4], self._world.now)
        self._cloud.watch_credits()
        self._world.touch(self._cloud, volume)
        return Reply.of({"id": volume.id})

    def info(self, call: Call) -> Reply:
        """One volume."""
        return Reply.of(volume_reply(self._find(call.params["id"]), self._world.now))

    def delete(self, call: Call) -> Reply:
        """Refused while an instance has it mounted."""
        volume = self._find(call.params["id"])
        if volume.mounted_by is not None:
            raise Refusal(409, f"The volume is still mounted by {volume.mounted_by}", "VOLUME_MOUNTED")
        self.end(volume, "delete")
        return Reply(200, b"")

    def mount(self, volume_ids: list[str], instance: Instance) -> None:
        """The instance has them from now on; raises where it cannot."""
        for volume_id in volume_ids:
            volume = self.all.get(volume_id)
            if volume is None or volume.gone is not None:
                raise Refusal(400, f"volume {volume_id} does not exist", "INVALID_VOLUME", "volume_ids")
            if (volume.cloud, volume.region) != (instance.cloud, instance.region):
                raise Refusal(400, "The volume is in another region", "INVALID_VOLUME", "volume_ids")
            if volume.mounted_by is not None and not volume.supports_multi_mount:
                raise Refusal(409, f"The volume is mounted by {volume.mounted_by}", "VOLUME_MOUNTED")
            volume.mounted_by = instance.id
            self._world.touch(self._cloud, volume)

    def unmount(self, instance: Instance) -> None:
        """The instance has them no longer."""
        for volume_id in instance.volume_ids:
            volume = self.all[volume_id]
            if volume.mounted_by == instance.id:
                volume.mounted_by = None
                self._world.touch(self._cloud, volume)

    def end(self, volume: Volume, reason: str) -> None:
        """It is no more."""
        volume.gone = self._world.stamp()
        volume.gone_because = reason
        self._cloud.account.set_rate(volume.meter, 0, self._world.now)
        self._world.touch(self._cloud, volume)

    def ledger(self) -> list[dict[str, Any]]:
        """Every volume that ever was."""
        now = self._world.now
        return [
            entry(self._cloud.name, it, "active", now, on=it.cloud, region=it.region, size_in_gb=it.size_in_gb)
            for it in self.all.values()
        ]

    def _find(self, volume_id: str) -> Volume:
        volume = self.all.get(volume_id)
        if volume is None or volume.gone is not None:
            raise Refusal(404, f"volume {volume_id} not found", "NOT_FOUND")
        return volume
