"""The life of one cluster: what its program says, what its state holds, and what really runs."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass, field
from typing import Any, Literal

from tests.conformance.run import Properties, Run, State
from tests.provider.lives.accounts import SimulatedAccount
from tests.provider.lives.facts import Inputs, Known
from tests.provider.lives.program import Slot

Health = Literal["well", "degraded", "paused", "failing", "failed"]
"""`failing`: its tests have failed, and it may still come up; `failed`: it is in error and never came up."""


@dataclass
class Life:
    """What a person knows of a cluster."""

    slot: Slot
    account: SimulatedAccount
    declared: Inputs | None = None
    accepted: Inputs | None = None
    """The program of the last run that went through, to go back to."""
    state: State | None = None
    told: Inputs = field(default_factory=dict[str, Any])
    asked: tuple[Inputs, ...] = ()
    id: str | None = None
    """The id of what runs; None if nothing does."""
    runs: Inputs = field(default_factory=dict[str, Any])
    health: Health = "well"
    has_swapped_volume: bool = False
    came_up: bool = False
    """Whether a run has seen the cluster that the state holds ready."""
    has_failed: bool = False
    """Whether a run has seen that the cluster never came up, and will not."""
    has_ended: bool = False
    """Whether a refresh has seen that a prepaid cluster is gone."""

    @property
    def name(self) -> str:
        """The resource's name in the program."""
        return self.slot.name

    @property
    def is_unfinished(self) -> bool:
        """Whether the state says that something is still to come."""
        return self.state is not None and self.state.wait is not None

    @property
    def is_settled(self) -> bool:
        """Whether the state, and what runs, are what the last run was told."""
        return self.state is not None and self.id is not None and not self.is_unfinished and not self.asked

    def known(self) -> Known:
        """Return what is known of the cluster that the state holds."""
        assert self.state is not None
        return Known(
            self.slot.kind,
            self.told,
            self.asked,
            chosen_by_vendor(self.state.outputs),
            self.state.outputs.get("num_reserved_gpus") or 0,
            self.is_unfinished,
            self.has_failed,
            self.has_ended,
        )

    def forget_state(self) -> None:
        """Forget what the state has held."""
        self.state, self.told, self.asked = None, {}, ()
        self.came_up = self.has_failed = self.has_ended = False

    def forget_cluster(self) -> None:
        """Forget what has run."""
        self.id, self.runs, self.health, self.has_swapped_volume = None, {}, "well", False

    def heal(self) -> None:
        """Let the cluster run again, or for the first time."""
        assert self.id is not None
        self.account.simulator.intervene(self.id, "recover")
        self.health, self.has_failed = "well", False

    def in_place(self) -> Inputs:
        """Return the inputs that change in place as they run, of those that the state has."""
        shown: Inputs = {}
        for name in ("num_gpus", "num_preemptible_gpus"):
            if name in self.told:
                shown[name] = self.runs.get(name, 0)
        if "cluster_config" in self.told:
            shown["cluster_config"] = {"load_balancer": self.runs["load_balancer"]}
        volume = self.told.get("shared_volume")
        sizes = {name: size_tib for name, size_tib in self.runs.get("volumes", ())}
        if volume is not None and volume["volume_name"] in sizes:
            shown["shared_volume"] = {**volume, "size_tib": sizes[volume["volume_name"]]}
        return shown


def chosen_by_vendor(outputs: Properties) -> Inputs:
    """Return what the vendor has chosen, by input, as the outputs of a state show it."""
    chosen: Inputs = {}
    with contextlib.suppress(LookupError, TypeError):
        chosen["project_id"] = outputs["project_id"]
    with contextlib.suppress(LookupError, TypeError):
        chosen["cluster_config"] = {"load_balancer": outputs["cluster_config"]["load_balancer"]}
    with contextlib.suppress(LookupError, TypeError):
        chosen["os"] = outputs["instances"][0]["configuration"]["os"]
    return {name: value for name, value in chosen.items() if value is not None}


class Runs:
    """One run of the program: one plugin process for all kinds of clusters in all accounts."""

    def __init__(self) -> None:
        self._runs: dict[tuple[str, str], Run] = {}

    def of(self, life: Life) -> Run:
        """Return the run of a cluster's kind in its account."""
        key = (life.slot.kind.token, life.account.key)
        if key not in self._runs:
            assert life.account.clock is not None
            beside = next(iter(self._runs.values()), None)
            self._runs[key] = Run(life.slot.kind.token, life.account.config, life.account.clock, beside)
        return self._runs[key]
