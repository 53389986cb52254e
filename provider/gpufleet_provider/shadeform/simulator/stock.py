"""What the simulated Shadeform has left to sell."""

from __future__ import annotations

from typing import Any

from gpufleet_provider.shadeform.simulator.catalogue import MACHINE_TYPES, STOCK_NODES, Offer
from gpufleet_provider.shadeform.simulator.switches import ShadeformSwitches
from gpufleet_provider.simulator.wire import Refusal
from gpufleet_provider.simulator.world import SimulatedCloud


class Stock:
    """Machines that run, by offer."""

    def __init__(self, cloud: SimulatedCloud) -> None:
        self._cloud = cloud
        self._running: dict[str, int] = {}

    def take(self, offer: Offer, count: int) -> None:
        """So many more run."""
        self._running[offer.key] = self._running.get(offer.key, 0) + count

    def give_back(self, offer: Offer, count: int) -> None:
        """So many fewer run."""
        self.take(offer, -count)

    def check(self, offer: Offer, count: int) -> None:
        """Raise OUT_OF_STOCK where there are not so many."""
        if (offer.stock == "sold_out_unlisted" and offer.sizes) or count > self._left(offer):
            raise out_of_stock(offer)

    def availability(self, offer: Offer, count: int = 1) -> dict[str, Any]:
        """One row of availability; a hint, no promise."""
        available = offer.stock == "sold_out_unlisted" or count <= self._left(offer)
        return {"region": offer.region, "display_name": offer.display_name, "available": available}

    def _left(self, offer: Offer) -> int:
        switches = self._cloud.switches
        assert isinstance(switches, ShadeformSwitches)
        usual = 0 if offer.stock == "sold_out" else STOCK_NODES
        return switches.stock_nodes.get(offer.key, usual) - self._running.get(offer.key, 0)


def out_of_stock(offer: Offer) -> Refusal:
    """The refusal as it was seen on the real one."""
    gpu_type = MACHINE_TYPES[offer.machine].gpu_type
    return Refusal(
        409, f"The instance type [{gpu_type}] is not available in the region [{offer.region}]", "OUT_OF_STOCK"
    )
