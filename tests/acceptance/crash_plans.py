"""What a seed stands for: a program, what is done with it, what goes wrong, when, and under which circumstance."""

from __future__ import annotations

import dataclasses
import random
from dataclasses import dataclass
from typing import Any, Literal

from gpufleet_provider import CLOUDS

Circumstance = Literal["healed failure", "respelled name", "lost update", "second clone", "odd reply"]
CIRCUMSTANCES: tuple[Circumstance, ...] = (
    "healed failure",
    "respelled name",
    "lost update",
    "second clone",
    "odd reply",
)
"""What ordinary life does beside a fault.

- `healed failure`: a create fails, and what failed is well again before the next run.
- `respelled name`: the program gives a name that the cloud shows in another spelling.
- `lost update`: the answer to a PUT is lost, and the next one is refused.
- `second clone`: another state of the same stack has a cluster in the account, and wants the same ones.
- `odd reply`: a reply that is good else holds text or types that nobody expects.
"""

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

# Neither ids nor names: by those alone a reply says what it is about.
_TEXTS = ("message", "status_details", "host_name", "os_image", "cost_estimate", "ssh_user")
_WRONG_TYPES: dict[str, Any] = {
    "kube_config": 7,
    "volumes": "none",
    "phase_transitions": {"phase": 7},
    "gpu_worker_nodes": [7, None, {"node_id": []}],
    "node_lifecycle_events": 7,
    "add_ons": "none",
    "cluster_config": [],
    "region": [],
    "created_at": {},
    "num_gpus": "many",
    "cuda_version": [],
    "instances": 7,
    "configuration": "none",
    "hourly_price": "free",
    "active_at": 10**400,
}
ODD_REPLIES: dict[str, dict[str, Any]] = {
    "a lone surrogate": {"fault": "altered", "body": dict.fromkeys(_TEXTS, "half a pair: \ud83d")},
    "control characters": {"fault": "altered", "body": dict.fromkeys(_TEXTS, "red \x1b[31m\x00\r\n\x07\x9b")},
    "huge text": {"fault": "altered", "body": dict.fromkeys(_TEXTS, "x" * 200_000)},
    "wrong types": {"fault": "altered", "body": _WRONG_TYPES},
}
"""What a reply that is good else may hold, as rules of the simulator."""

LOST_UPDATE: tuple[dict[str, Any], ...] = (
    {"fault": "reply_lost", "method": "PUT", "times": 1},
    {"fault": "status", "status": 409, "method": "PUT", "times": 1},
)
"""Rules for an update that is carried out without an answer, and refused when it is sent again."""

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
            num_instances={instances}{name}{options})
    """,
}

GIVEN_NAME = "My_Batch"
RESPELLING: dict[str, dict[str, Any]] = {"shadeform": {"name_readback": "dashes"}}
"""The switch with which a cloud shows the given name in another spelling."""

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
    circumstance: Circumstance | None = None
    is_taken_back: bool = False
    """Whether the program is as it was again when the user comes back after a lost update."""
    odd: tuple[str, Moment] | None = None
    """Which replies are odd: what they hold, and from when."""

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

    @property
    def rules(self) -> list[dict[str, Any]]:
        """What happens to requests of the crashed run by its circumstance, beside the fault."""
        if self.circumstance == "lost update":
            return [dict(rule) for rule in LOST_UPDATE]
        if self.odd is not None:
            what, moment = self.odd
            first = int(moment.number)
            return [{**ODD_REPLIES[what], "method": moment.method, "nth": list(range(first, first + self.repeated))}]
        return []

    @property
    def failing(self) -> str:
        """The cluster whose create fails and heals: Shadeform's, if there is one, since only its failures are final."""
        return "burst" if "burst" in self.clusters else self.clusters[0]

    def program(self, changed: bool, import_id: str = "") -> str:
        """Return the program, before or after the change of the phase; `import_id` is that of a cluster with a name."""
        updated, replaced = changed and self.phase == "update", changed and self.phase == "replace"
        values = {
            "gpus": 16 if updated else 8,
            # A volume does not shrink again.
            "tib": 2 if updated and not self.is_taken_back else 1,
            "cuda": "12.8" if replaced else "12.6",
            "driver": "570" if replaced else "560",
            "instances": 4 if replaced else 2,
            "name": f', name="{GIVEN_NAME}"' if self.circumstance == "respelled name" else "",
        }
        return "".join(
            _CLUSTERS[name].format(**values, options=self._options(name, import_id)) for name in self.clusters
        )

    def _options(self, name: str, import_id: str) -> str:
        options: list[str] = []
        if self.creates_first:
            options.append("delete_before_replace=False")
        if self.circumstance == "healed failure" and name == self.failing != "burst":
            # Together never gives up by itself.
            options.append('custom_timeouts=pulumi.CustomTimeouts(create="4s")')
        if import_id and name == "burst":
            options.append(f'import_="{import_id}"')
        return f", opts=pulumi.ResourceOptions({', '.join(options)})" if options else ""

    def __str__(self) -> str:
        server = "" if self.is_upgraded else " on the stock server"
        phase = f"create-first {self.phase}" if self.creates_first else self.phase
        what = f"{self.fault} in {phase} of {', '.join(self.clusters)}{server}"
        again = f", then {self.again[0]}, {self.again[1]}" if self.again else ""
        beside = "".join(
            (
                f", beside a {self.circumstance}" if self.circumstance else "",
                ", taken back" if self.is_taken_back else "",
                f" ({self.odd[0]}, {self.odd[1]})" if self.odd else "",
            )
        )
        return f"seed {self.seed}: {what}, {self.moment}{again}{beside}, {self.switches}"


def plan_of(seed: int) -> Plan:
    """Draw a plan; every kind of fault comes equally often, and each of them under each circumstance in turn."""
    dice = random.Random(seed)
    fault = FAULTS[seed % len(FAULTS)]
    turn = seed + seed // len(FAULTS)
    circumstance = CIRCUMSTANCES[turn // 2 % len(CIRCUMSTANCES)] if turn % 2 else None
    # A destroy runs no program that could be killed.
    phase = dice.choice(PHASES[:3] if fault == "kill -9 program" else PHASES)
    if circumstance == "lost update":
        phase = "update"
    names = dice.sample(sorted(_CLUSTERS), dice.choice((1, 1, 2, 3)))
    if circumstance == "respelled name" or (circumstance == "healed failure" and seed % 3):
        names = ["burst", *(name for name in names if name != "burst")]
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
    if circumstance is not None:
        plan = _under(plan, circumstance, dice)
    # Where names are unique, nothing can be created ahead of what it replaces.
    return dataclasses.replace(plan, switches={}) if plan.creates_first else plan


def _under(plan: Plan, circumstance: Circumstance, dice: random.Random) -> Plan:
    plan = dataclasses.replace(plan, circumstance=circumstance)
    if circumstance == "healed failure":
        return dataclasses.replace(plan, creates_first=False)
    if circumstance == "respelled name":
        switches = {cloud: {**plan.switches.get(cloud, {}), **RESPELLING.get(cloud, {})} for cloud in CLOUDS}
        return dataclasses.replace(plan, creates_first=False, switches=switches)
    if circumstance == "lost update":
        return dataclasses.replace(plan, is_taken_back=dice.random() < 0.5)
    if circumstance == "odd reply":
        changing = {"up": "POST", "update": "PUT", "replace": "POST", "destroy": "DELETE"}[plan.phase]
        method = dice.choice(("GET", changing))
        if plan.fault in REQUEST_FAULTS and plan.moment.method == method:
            # Of two rules for one request only the first counts.
            method = "GET" if method != "GET" else changing
        moment = Moment("request", dice.randint(1, 8) if method == "GET" else 1, method)
        odd = sorted(what for what in ODD_REPLIES if what != "huge text" or not plan.needs_a_disk)
        return dataclasses.replace(plan, odd=(dice.choice(odd), moment))
    return plan


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
