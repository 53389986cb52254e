"""What a seed stands for: a program, what is done with it, what goes wrong, and when."""

from __future__ import annotations

import dataclasses
import random
from dataclasses import dataclass
from typing import Any, Literal

Phase = Literal["up", "update", "replace", "destroy"]
PHASES: tuple[Phase, ...] = ("up", "update", "replace", "destroy")

REQUEST_FAULTS: dict[str, dict[str, Any]] = {
    "reset": {"fault": "reset"},
    "reply lost": {"fault": "reply_lost"},
    "500": {"fault": "status", "status": 500},
    "503, done all the same": {"fault": "status", "status": 503, "accepted": True},
    "garbage": {"fault": "garbage"},
    "no body": {"fault": "empty"},
    "cut off": {"fault": "truncated"},
    "empty list": {"fault": "empty_list"},
    "429": {"fault": "rate_limited", "retry_after_seconds": 0.2},
    "slow": {"fault": "slow", "delay_seconds": 1.5},
    "slow, done before": {"fault": "slow", "delay_seconds": 1.5, "accepted": True},
}
"""What can happen to a request, as rules of the simulator."""

DISK_FAULTS = ("full disk", "file size limit")
PROCESS_FAULTS = (
    "kill -9 engine",
    "kill -9 plugin",
    "kill -9 program",
    "kill -9 all",
    "Ctrl-C",
    "Ctrl-C twice",
    "SIGTERM",
    *DISK_FAULTS,
)
FAULTS = (*PROCESS_FAULTS, *REQUEST_FAULTS)

_CLUSTERS = {
    "train": """
        together.Cluster("train", region="us-central-8", gpu_type="H100_SXM", billing_type="ON_DEMAND",
            num_gpus={gpus}, cuda_version="{cuda}", nvidia_driver_version="{driver}"{options})
    """,
    "store": """
        together.Cluster("store", region="us-east-1", gpu_type="H100_SXM", billing_type="ON_DEMAND",
            num_gpus={gpus}, cuda_version="{cuda}", nvidia_driver_version="{driver}",
            shared_volume={{"volume_name": "store-data", "size_tib": {tib}, "region": "us-east-1"}},
            confirm_data_loss=True{options})
    """,
    "lease": """
        together.Cluster("lease", region="eu-north-1", gpu_type="H100_SXM", billing_type="RESERVED", duration_days=90,
            num_gpus={gpus}, cuda_version="{cuda}", nvidia_driver_version="{driver}", confirm_forfeit=True{options})
    """,
    "burst": """
        shadeform.Cluster("burst", cloud="denvr", region="houston-usa-1", cluster_type="H100_sxm5x8",
            num_instances={instances}{options})
    """,
}

_CREATE_FIRST = ", opts=pulumi.ResourceOptions(delete_before_replace=False)"

SWITCHES: tuple[dict[str, dict[str, Any]], ...] = (
    {},
    {"together": {"deleted_cluster": "tombstone", "delete_while_deleting": 409, "error_shape": "rpc"}},
    {"together": {"delete_while_deleting": 404, "driver_readback": "full", "error_shape": "text"}},
    {"together": {"visible_after_seconds": 300}, "shadeform": {"visible_after_seconds": 300}},
    {"together": {"unlisted_phases": "undocumented", "status_while_scaling": "WaitingForDataPlaneNodes"}},
    {"together": {"volume_delete_refusal": "success_false", "cluster_config_update": "replace"}},
    {"together": {"unique_cluster_names": True}, "shadeform": {"unique_cluster_names": True}},
    {"shadeform": {"delete_while_deleting": 409, "error_shape": "nested", "absent_fields": "null"}},
    {"shadeform": {"delete_while_deleting": 404, "status_words": "other", "active_before_members": True}},
    {"shadeform": {"delete_while_creating": "refuse", "error_shape": "message"}},
)
"""How the clouds may be, where nobody knows it."""


@dataclass(frozen=True)
class Moment:
    """When a process is hit: after so many seconds, lines of output, or while the cloud holds a request.

    A request is the `number`th of a method (None: of any), held after it was carried out if it is `accepted`, else
    before.
    """

    kind: Literal["seconds", "line", "request"]
    number: float
    method: str | None = None
    accepted: bool = False
    then_seconds: float = 0.0


@dataclass(frozen=True)
class Plan:
    """One seed."""

    seed: int
    clusters: tuple[str, ...]
    phase: Phase
    fault: str
    moment: Moment
    repeated: int
    """How often a request fault strikes."""
    left_bytes: int
    """What a full disk has left, or how long a file may become."""
    is_patient: bool
    """Whether the user waits until every process of the crashed run is gone before the next command."""
    goes_straight_to_destroy: bool
    creates_first: bool
    """Whether a replacement is created before what it replaces is deleted."""
    is_upgraded: bool
    """Whether the plugin upgrades Pulumi's plugin server; else it lives on the plain contract."""
    switches: dict[str, dict[str, Any]]
    again: tuple[str, Moment] | None
    """What goes wrong, and when, with the first `up` on the way back; None leaves it alone."""

    @property
    def needs_a_disk(self) -> bool:
        """Whether a file that is written at some time may find no room."""
        return any(plan is not None and plan.fault in DISK_FAULTS for plan in (self, self.second))

    @property
    def second(self) -> Plan | None:
        """The plan of the first `up` on the way back, if that goes wrong, too."""
        if self.again is None:
            return None
        fault, moment = self.again
        # An account that shows nothing twice is taken at its word: no API says more, and what is there is named later.
        repeated = 1 if fault == "empty list" else self.repeated
        return dataclasses.replace(self, fault=fault, moment=moment, repeated=repeated, again=None)

    def program(self, changed: bool) -> str:
        """Return the program, before or after the change of the phase."""
        updated, replaced = changed and self.phase == "update", changed and self.phase == "replace"
        values = {
            "gpus": 16 if updated else 8,
            "tib": 2 if updated else 1,
            "cuda": "12.8" if replaced else "12.6",
            "driver": "570" if replaced else "560",
            "instances": 4 if replaced else 2,
            "options": _CREATE_FIRST if self.creates_first else "",
        }
        return "".join(_CLUSTERS[name].format(**values) for name in self.clusters)

    def __str__(self) -> str:
        server = "" if self.is_upgraded else " on the stock server"
        phase = f"create-first {self.phase}" if self.creates_first else self.phase
        what = f"{self.fault} in {phase} of {', '.join(self.clusters)}{server}"
        again = f", then {self.again[0]}, {self.again[1]}" if self.again else ""
        return f"seed {self.seed}: {what}, {self.moment}{again}, {self.switches}"


def plan_of(seed: int) -> Plan:
    """Draw a plan; every kind of fault comes equally often, whatever the number of seeds."""
    dice = random.Random(seed)
    fault = FAULTS[seed % len(FAULTS)]
    # A destroy runs no program that could be killed.
    phase = dice.choice(PHASES[:3] if fault == "kill -9 program" else PHASES)
    names = dice.sample(sorted(_CLUSTERS), dice.choice((1, 1, 2, 3)))
    if phase == "update" and names == ["burst"]:
        names = ["burst", "store"]
    plan = Plan(
        seed=seed,
        clusters=tuple(names),
        phase=phase,
        fault=fault,
        moment=_request(dice, phase, fault) if fault in REQUEST_FAULTS else _moment(dice, phase, fault),
        repeated=dice.choice((1, 1, 2, 3)),
        left_bytes=dice.choice((4096, 10_000, 20_000) if fault == "file size limit" else (0, 4096, 12_000)),
        is_patient=dice.random() < 0.3,
        goes_straight_to_destroy=phase == "destroy" and dice.random() < 0.5,
        creates_first=phase == "replace" and dice.random() < 0.25,
        is_upgraded=dice.random() < 0.8,
        switches=dice.choice(SWITCHES),
        again=_again(dice),
    )
    if plan.again is not None:
        # What a killed `up` has created is found by the next one, and not by a destroy.
        plan = dataclasses.replace(plan, goes_straight_to_destroy=False)
    # Where names are unique, nothing can be created ahead of what it replaces.
    return dataclasses.replace(plan, switches={}) if plan.creates_first else plan


def _again(dice: random.Random) -> tuple[str, Moment] | None:
    if dice.random() >= 0.3:
        return None
    # A disk is small from the beginning or not at all.
    fault = dice.choice([fault for fault in FAULTS if fault != "full disk"])
    if fault not in REQUEST_FAULTS and dice.random() < 0.3:
        return fault, _moment(dice, "up", fault)
    # A way back asks little: it looks, and waits for what it finds.
    accepted, then_seconds = dice.random() < 0.6, dice.choice((0.0, 0.0, dice.uniform(0, 0.5)))
    return fault, Moment("request", dice.randint(1, 3), accepted=accepted, then_seconds=then_seconds)


def _moment(dice: random.Random, phase: Phase, fault: str) -> Moment:
    kind = dice.choices(("seconds", "line", "request"), (1, 3, 5))[0]
    then_seconds = dice.choice((0.0, 0.0, dice.uniform(0, 0.5)))
    if kind == "seconds":
        return Moment(kind, dice.uniform(0.1, 3.0), then_seconds=then_seconds)
    if kind == "line":
        return Moment(kind, dice.randint(2, 9), then_seconds=then_seconds)
    return dataclasses.replace(_request(dice, phase, fault), then_seconds=then_seconds)


def _request(dice: random.Random, phase: Phase, fault: str) -> Moment:
    changing = {"up": "POST", "update": "PUT", "replace": dice.choice(("POST", "DELETE")), "destroy": "DELETE"}[phase]
    method = "GET" if fault == "empty list" else dice.choice((None, changing))
    number = dice.randint(1, 8) if method in (None, "GET") else dice.choice((1, 1, 1, 2))
    return Moment("request", number, method, accepted=dice.random() < 0.6)
