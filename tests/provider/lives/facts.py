"""What a person knows of clusters from the vendors' documentation: what an edit does, and what it would lose.

This is the oracle of the lives. It shares no code with the provider.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

Inputs = dict[str, Any]
Action = Literal["same", "update", "replace", "refused"]


@dataclass(frozen=True)
class Kind:
    """What is known of one kind of cluster."""

    token: str
    changes_in_place: frozenset[str]
    replaces: frozenset[str]
    defaults: Mapping[str, Any]
    """What the vendor documents to be taken where nothing is written."""
    chosen: tuple[str, ...]
    """What the vendor chooses where nothing is written, and shows."""


TOGETHER = Kind(
    "together:Cluster",
    frozenset({"num_gpus", "num_preemptible_gpus", "cluster_config"}),
    frozenset(
        {"region", "gpu_type", "billing_type", "cluster_type", "install_traefik", "auto_scale", "project_id"},
    ),
    {"cluster_type": "KUBERNETES", "install_traefik": False, "auto_scale": False, "num_preemptible_gpus": 0},
    ("project_id", "cluster_config"),
)
SHADEFORM = Kind(
    "shadeform:Cluster",
    frozenset(),
    frozenset({"cloud", "region", "cluster_type", "num_instances", "os"}),
    {},
    ("os",),
)


@dataclass(frozen=True)
class Expected:
    """What the next run does to a cluster that the state holds, and why."""

    action: Action
    because: frozenset[str] = frozenset()
    """Inputs that replace it, or that are refused."""
    maybe: frozenset[str] = frozenset()
    """Inputs that may replace it, or be refused, once they are known."""
    sends: frozenset[str] = frozenset()
    """Inputs that change in place."""
    asks_for: frozenset[str] = frozenset()
    """What the program has to confirm first."""


@dataclass(frozen=True)
class Known:
    """What is known of a cluster that the state holds."""

    kind: Kind
    told: Inputs
    """The inputs of the last run that went through, or, after a refresh, what runs."""
    asked: tuple[Inputs, ...] = ()
    """What runs have asked for since then without getting an answer."""
    chosen: Inputs = field(default_factory=dict[str, Any])
    """What the vendor has chosen, by input."""
    num_reserved_gpus: int = 0
    """How many GPUs are prepaid, as it was last shown."""
    is_unfinished: bool = False
    has_failed: bool = False
    """Whether it has never come up and will not."""
    has_ended: bool = False
    """Whether it was prepaid and is gone: a term is not bought again unless the program sets a new one."""

    def meaning(self, inputs: Inputs, name: str) -> Any:
        """Return what inputs say of one field, by a value or by leaving it out."""
        value = inputs.get(name)
        return value if value is not None else self.kind.defaults.get(name, self.chosen.get(name))

    def expected(self, new: Inputs, unknown: frozenset[str] = frozenset()) -> Expected:
        """Return what the next run does with these inputs, some of which may not be known yet."""
        if self.has_ended:
            return self._after_the_term(new)
        fields = self.kind.changes_in_place | self.kind.replaces
        changed = {name for name in fields - unknown if self.meaning(self.told, name) != self.meaning(new, name)}
        replacing = changed & self.kind.replaces
        sends = changed & self.kind.changes_in_place
        refused: set[str] = set()
        asks_for: set[str] = set()
        self._judge_term(new, replacing, refused)
        if "shared_volume" not in unknown:
            self._judge_volume(new, replacing, refused, sends, asks_for)
        if self.told.get("cluster_config") is not None and new.get("cluster_config") is None:
            # An update keeps what it leaves out, so that there is no way to carry this out.
            refused.add("cluster_config")
        if not refused and not replacing and self.has_failed:
            replacing.add("status")
        if not refused and replacing:
            asks_for |= self._lost(new)
        if not refused and not replacing and self._gives_up_prepaid_gpus(new, unknown):
            asks_for.add("confirm_forfeit")
        maybe = frozenset(unknown & (self.kind.replaces | {"shared_volume"}))
        if self.told.get("billing_type") == "RESERVED" and not new.get("confirm_forfeit"):
            # It may turn out to be less than is prepaid.
            maybe |= unknown & {"num_gpus"}
        if refused or asks_for:
            return Expected("refused", frozenset(refused), maybe, asks_for=frozenset(asks_for))
        if replacing:
            return Expected("replace", frozenset(replacing), maybe)
        sends |= {
            name
            for asked in self.asked
            for name in (self.kind.changes_in_place | {"shared_volume"}) - unknown
            if self.meaning(asked, name) != self.meaning(new, name)
        }
        if sends or unknown or self.is_unfinished:
            return Expected("update", maybe=maybe, sends=frozenset(sends))
        return Expected("same")

    def _after_the_term(self, new: Inputs) -> Expected:
        if self.told.get("duration_days") == new.get("duration_days"):
            return Expected("refused")
        asks_for = frozenset(self._lost(new) - {"confirm_forfeit"})
        if asks_for:
            return Expected("refused", asks_for=asks_for)
        return Expected("replace", frozenset({"duration_days"}))

    def _judge_term(self, new: Inputs, replacing: set[str], refused: set[str]) -> None:
        """A term is bought when the cluster is created, and another way of paying needs another cluster."""
        if self.told.get("duration_days") != new.get("duration_days"):
            (replacing if "billing_type" in replacing else refused).add("duration_days")

    def _judge_volume(
        self, new: Inputs, replacing: set[str], refused: set[str], sends: set[str], asks_for: set[str]
    ) -> None:
        """A volume is attached when the cluster is created and at no other time; it grows, and never shrinks."""
        old, now = self.told.get("shared_volume"), new.get("shared_volume")
        if old == now:
            return
        if old is None:
            replacing.add("shared_volume")
        elif now is None:
            if not _goes_with_cluster(old):
                refused.add("shared_volume")
            elif new.get("confirm_data_loss"):
                replacing.add("shared_volume")
            else:
                refused.add("shared_volume")
                asks_for.add("confirm_data_loss")
        elif (old["volume_name"], old["region"]) != (now["volume_name"], now["region"]):
            replacing.add("shared_volume")
        elif now["size_tib"] < old["size_tib"]:
            refused.add("shared_volume")
        else:
            sends.add("shared_volume")

    def _lost(self, new: Inputs) -> set[str]:
        """Return what has to be confirmed before the cluster is deleted for another."""
        lost: set[str] = set()
        if _goes_with_cluster(self.told.get("shared_volume")) and not self.has_failed:
            lost.add("confirm_data_loss")
        if self.told.get("billing_type") == "RESERVED":
            lost.add("confirm_forfeit")
        return {name for name in lost if not new.get(name)}

    def _gives_up_prepaid_gpus(self, new: Inputs, unknown: frozenset[str]) -> bool:
        if self.told.get("billing_type") != "RESERVED" or new.get("confirm_forfeit") or "num_gpus" in unknown:
            return False
        # What runs already, or is added, gives up nothing.
        return self.told["num_gpus"] > new["num_gpus"] < self.num_reserved_gpus


def _goes_with_cluster(volume: Inputs | None) -> bool:
    return volume is not None and not volume.get("is_lifecycle_independent")


def can_become(runs: Inputs, new: Inputs, kind: Kind) -> bool:
    """Return whether what a killed run has left can be brought to what is declared now.

    `runs` has, by input, what is known to run. What of it the program leaves out stays as it is.
    """
    for name in kind.replaces:
        value = new.get(name, kind.defaults.get(name))
        if name in runs and value is not None and runs[name] != value:
            return False
    volume = new.get("shared_volume")
    if volume is not None:
        sizes = dict(runs["volumes"])
        if volume["size_tib"] < sizes.get(volume["volume_name"], volume["size_tib"] + 1):
            return False
    kept = min(runs.get("num_reserved_gpus", 0), runs.get("num_gpus", 0))
    return new.get("num_gpus", 0) >= kept or bool(new.get("confirm_forfeit"))
