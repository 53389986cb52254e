"""The stock of the simulated Together: how many GPUs are sold, and how many are left."""

from __future__ import annotations

from collections import Counter

from gpufleet_provider.simulator.cloud import SimulatedCloud
from gpufleet_provider.together.simulator.catalogue import STOCK_GPUS
from gpufleet_provider.together.simulator.records import Cluster
from gpufleet_provider.together.simulator.switches import TogetherSwitches


class Stock:
    """The GPUs that are sold: standard ones by region and type, preemptible ones by region."""

    def __init__(self, cloud: SimulatedCloud[TogetherSwitches]) -> None:
        self._cloud = cloud
        self._sold: Counter[tuple[str, str]] = Counter()
        self._preemptible: Counter[str] = Counter()

    def gpus_left(self, region: str, gpu_type: str) -> int:
        """Standard GPUs that can still be sold."""
        overrides = self._cloud.switches.stock_gpus.get(region, {})
        return overrides.get(gpu_type, STOCK_GPUS[region][gpu_type]) - self._sold[region, gpu_type]

    def sell(self, cluster: Cluster, gpus: int) -> None:
        """Sell standard GPUs to a cluster; a negative number gives them back."""
        self._sold[cluster.region, cluster.gpu_type] += gpus

    def preemptible_gpus_left(self, region: str) -> int:
        """Preemptible GPUs that can still be allocated."""
        return self._cloud.switches.preemptible_gpus - self._preemptible[region]

    def allocate_preemptible(self, cluster: Cluster, gpus: int) -> None:
        """Allocate preemptible GPUs to a cluster; a negative number gives them back."""
        self._preemptible[cluster.region] += gpus
