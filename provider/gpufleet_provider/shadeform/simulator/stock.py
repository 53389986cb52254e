"""The stock of the simulated Shadeform: how many machines are rented, and how many are left."""

from __future__ import annotations

from collections import Counter
from typing import Any

from gpufleet_provider.shadeform.simulator.catalogue import MACHINE_TYPES, STOCK_NODES, Offer
from gpufleet_provider.shadeform.simulator.switches import ShadeformSwitches
from gpufleet_provider.simulator.cloud import SimulatedCloud
from gpufleet_provider.simulator.wire import Refusal


class Stock:
    """The machines that are rented, by offer."""

    def __init__(self, cloud: SimulatedCloud[ShadeformSwitches]) -> None:
        self._cloud = cloud
        self._rented: Counter[str] = Counter()

    def take(self, offer: Offer, count: int) -> None:
        """Rent out machines of an offer."""
        self._rented[offer.key] += count

    def give_back(self, offer: Offer, count: int) -> None:
        """Take back machines of an offer."""
        self._rented[offer.key] -= count

    def check(self, offer: Offer, count: int) -> None:
        """Raise OUT_OF_STOCK if fewer machines are left."""
        if (offer.stock == "sold_out_unlisted" and offer.sizes) or count > self._left(offer):
            raise out_of_stock(offer)

    def availability(self, offer: Offer, count: int = 1) -> dict[str, Any]:
        """One row of `availability`, which does not promise that a create is accepted."""
        available = offer.stock == "sold_out_unlisted" or count <= self._left(offer)
        return {"region": offer.region, "display_name": offer.display_name, "available": available}

    def _left(self, offer: Offer) -> int:
        usual = 0 if offer.stock == "sold_out" else STOCK_NODES
        return self._cloud.switches.stock_nodes.get(offer.key, usual) - self._rented[offer.key]


def out_of_stock(offer: Offer) -> Refusal:
    """The refusal in the vendor's words."""
    gpu_type = MACHINE_TYPES[offer.machine].gpu_type
    return Refusal(
        409, f"The instance type [{gpu_type}] is not available in the region [{offer.region}]", "OUT_OF_STOCK"
    )
