"""What each edit of a living Together cluster does, and what the update call is sent for it."""

from __future__ import annotations

from typing import Any

import pytest
from gpufleet_provider.model.comparing import changes, verdicts
from gpufleet_provider.model.fields import Properties
from gpufleet_provider.model.planning import Plan, plan
from gpufleet_provider.model.state_properties import INPUTS, WAIT
from gpufleet_provider.together.cluster.bodies import ClusterCreate
from gpufleet_provider.together.cluster.lifecycle import CLUSTER

ABSENT = "(absent)"
FUTURE = "2100-01-01T00:00:00Z"
BASE: Properties = {
    "cluster_name": "research",
    "region": "us-central-8",
    "gpu_type": "H100_SXM",
    "num_gpus": 16,
    "billing_type": "ON_DEMAND",
    "cuda_version": "12.6",
    "nvidia_driver_version": "560",
}
VOLUME = {"volume_name": "data", "size_tib": 2, "region": "us-central-8"}
KEPT_VOLUME = {**VOLUME, "is_lifecycle_independent": True}


def add_on(name: str, enabled: bool | None = None, type: str | None = None) -> Properties:
    config = {} if enabled is None else {"config": {type or name: {"enabled": enabled}}}
    return {"name": name, "add_on_type": type or name, **config}


def with_base(changed: Properties) -> Properties:
    return {name: value for name, value in {**BASE, **changed}.items() if value != ABSENT}


def actions(before: Properties, after: Properties) -> dict[str, str]:
    return {verdict.field: verdict.action for verdict in verdicts(CLUSTER, with_base(before), with_base(after))}


def config(**more: Any) -> Properties:
    return {"cluster_config": {"load_balancer": "NONE", **more}}


UPDATES: list[tuple[str, Properties, Properties, Properties]] = [
    ("more GPUs", {}, {"num_gpus": 32}, {"num_gpus": 32}),
    ("fewer GPUs", {}, {"num_gpus": 8}, {"num_gpus": 8}),
    (
        "a later end",
        {"reservation_end_time": "2026-12-01T00:00:00Z"},
        {"reservation_end_time": "2027-01-01T00:00:00Z"},
        {"reservation_end_time": "2027-01-01T00:00:00Z"},
    ),
    (
        "an end at last",
        {},
        {"reservation_end_time": "2027-01-01T00:00:00Z"},
        {"reservation_end_time": "2027-01-01T00:00:00Z"},
    ),
    (
        "the same end elsewhere",
        {"reservation_end_time": "2026-12-01T00:00:00Z"},
        {"reservation_end_time": "2026-12-01T01:00:00+01:00"},
        {},
    ),
    ("preemptible", {}, {"num_preemptible_gpus": 8}, {"num_preemptible_gpus": 8}),
    ("no more preemptible", {"num_preemptible_gpus": 8}, {}, {"num_preemptible_gpus": 0}),
    ("no more pool", {"num_capacity_pool_gpus": 8}, {}, {"num_capacity_pool_gpus": 0}),
    ("more reserved", {"num_reserved_gpus": 8}, {"num_reserved_gpus": 16}, {"num_reserved_gpus": 16}),
    (
        "a load balancer",
        config(),
        {"cluster_config": {"load_balancer": "ISTIO"}},
        {"cluster_config": {"load_balancer": "ISTIO"}},
    ),
    ("a configuration at last", {}, config(), config()),
    ("a switch that was taken out", config(jumphost_enabled=True), config(), config(jumphost_enabled=False)),
    (
        "a nested switch that was taken out",
        config(ingress={"enabled": True}, observability={"enabled": True}),
        config(observability={"enabled": True}),
        config(ingress={"enabled": False}, observability={"enabled": True}),
    ),
    (
        "a script that was taken out",
        config(slurm_startup_scripts={"worker_prolog": "#!/bin/sh", "extra_slurm_conf": "x"}),
        config(slurm_startup_scripts={"extra_slurm_conf": "x"}),
        config(slurm_startup_scripts={"extra_slurm_conf": "x", "worker_prolog": ""}),
    ),
    (
        "another chart version",
        config(gpu_operator_version="v24.6.2"),
        config(gpu_operator_version="v24.9.0"),
        config(gpu_operator_version="v24.9.0"),
    ),
    (
        "a chart version at last",
        config(),
        config(gpu_operator_version="v24.9.0"),
        config(gpu_operator_version="v24.9.0"),
    ),
    # Add-ons.
    (
        "an add-on off",
        {"add_ons": [add_on("dashboard", True)]},
        {"add_ons": [add_on("dashboard", False)]},
        {"add_ons": [{"name": "dashboard", "config": {"dashboard": {"enabled": False}}}]},
    ),
    (
        "one of several add-ons",
        {"add_ons": [add_on("dashboard", True), add_on("ingress", False), add_on("headlamp", True)]},
        {"add_ons": [add_on("headlamp", True), add_on("ingress", True), add_on("dashboard", True)]},
        {"add_ons": [{"name": "ingress", "config": {"ingress": {"enabled": True}}}]},
    ),
    (
        "the order of add-ons",
        {"add_ons": [add_on("dashboard", True), add_on("ingress", True)]},
        {"add_ons": [add_on("ingress", True), add_on("dashboard", True)]},
        {},
    ),
    (
        "an add-on that was taken out",
        {"add_ons": [add_on("dashboard", True), add_on("ingress", True)]},
        {"add_ons": [add_on("ingress", True)]},
        {"add_ons": [{"name": "dashboard", "config": {"dashboard": {"enabled": False}}}]},
    ),
    (
        "all add-ons taken out",
        {"add_ons": [add_on("ui", True, "dashboard")]},
        {},
        {"add_ons": [{"name": "ui", "config": {"dashboard": {"enabled": False}}}]},
    ),
    (
        "one without a configuration taken out",
        {"add_ons": [add_on("ui", None, "headlamp")]},
        {"add_ons": []},
        {"add_ons": [{"name": "ui", "config": {"headlamp": {"enabled": False}}}]},
    ),
    ("one that was off taken out", {"add_ons": [add_on("dashboard", False)]}, {}, {}),
    ("one that stays off added", {}, {"add_ons": [add_on("dashboard", False)]}, {}),
    (
        "a configuration taken out",
        {"add_ons": [add_on("dashboard", True)]},
        {"add_ons": [add_on("dashboard")]},
        {"add_ons": [{"name": "dashboard", "config": {"dashboard": {"enabled": False}}}]},
    ),
    # Volumes.
    (
        "a volume grows",
        {"shared_volume": VOLUME},
        {"shared_volume": {**VOLUME, "size_tib": 4}},
        {"shared_volume": {**VOLUME, "size_tib": 4}},
    ),
    (
        "the default, written out",
        {"shared_volume": VOLUME},
        {"shared_volume": {**VOLUME, "is_lifecycle_independent": False}},
        {},
    ),
    ("ours alone", {}, {"confirm_forfeit": True, "confirm_data_loss": True}, {}),
]


@pytest.mark.parametrize(("before", "after", "sent"), [case[1:] for case in UPDATES], ids=[case[0] for case in UPDATES])
def test_in_place(before: Properties, after: Properties, sent: Properties) -> None:
    assert set(actions(before, after).values()) <= {"update"}
    assert changes(CLUSTER, with_base(before), with_base(after)) == sent


REPLACED: list[tuple[str, Properties, Properties, str]] = [
    *[
        (name, {}, {name: value}, name)
        for name, value in {
            "cluster_name": "other",
            "region": "eu-1",
            "gpu_type": "B200_SXM",
            "billing_type": "RESERVED",
            "cuda_version": "12.8",
            "nvidia_driver_version": "570",
            "nvidia_version_id": "drv-1",
            "auto_scale": True,
            "auto_scale_max_gpus": 64,
            "slurm_shm_size_gib": 64,
            "slurm_image": "x",
            "capacity_pool_id": "pool",
            "reservation_start_time": "2026-12-01T00:00:00Z",
            "install_traefik": True,
            "project_id": "other",
            "oidc_config": {"issuer_url": "https://x"},
            "volume_id": "v-1",
            "shared_volume": VOLUME,
        }.items()
    ],
    ("Kubernetes to Slurm", {}, {"cluster_type": "SLURM"}, "cluster_type"),
    (
        "another inline volume",
        {"shared_volume": VOLUME},
        {"shared_volume": {**VOLUME, "volume_name": "x"}},
        "shared_volume",
    ),
    (
        "another region, and a smaller volume there",
        {"shared_volume": VOLUME},
        {"region": "eu-1", "shared_volume": {**VOLUME, "region": "eu-1", "size_tib": 1}},
        "shared_volume",
    ),
    ("an independent volume, attached instead", {"shared_volume": KEPT_VOLUME}, {"volume_id": "v-1"}, "volume_id"),
]


@pytest.mark.parametrize(
    ("before", "after", "field"), [case[1:] for case in REPLACED], ids=[case[0] for case in REPLACED]
)
def test_replaced(before: Properties, after: Properties, field: str) -> None:
    assert actions(before, after)[field] == "replace"


@pytest.mark.parametrize(("volume", "is_lost"), [(VOLUME, True), (KEPT_VOLUME, False)])
def test_a_replacement_says_what_data_goes(volume: Properties, is_lost: bool) -> None:
    before = with_base({"shared_volume": volume})
    [found] = verdicts(CLUSTER, before, {**before, "gpu_type": "B200_SXM"})
    assert (found.action, "'data' was created with the cluster and goes with it" in found.reason) == (
        "replace",
        is_lost,
    )


REFUSED: list[tuple[str, Properties, Properties, str, str]] = [
    ("other days", {"duration_days": 3}, {"duration_days": 5}, "duration_days", "reservation_end_time"),
    ("no days", {"duration_days": 3}, {}, "duration_days", "reservation_end_time"),
    ("no end", {"reservation_end_time": "2026-12-01T00:00:00Z"}, {}, "reservation_end_time", "keeps the end time"),
    ("no number of reserved", {"num_reserved_gpus": 8}, {}, "num_reserved_gpus", "say how many"),
    ("no configuration", config(), {}, "cluster_config", "leave it in"),
    ("no chart version", config(gpu_operator_version="v24.6.2"), config(), "cluster_config", "gpu_operator_version"),
    (
        "a smaller volume",
        {"shared_volume": VOLUME},
        {"shared_volume": {**VOLUME, "size_tib": 1}},
        "shared_volume",
        "never shrinks",
    ),
    ("a volume taken out", {"shared_volume": VOLUME}, {}, "shared_volume", "leave it in"),
    ("an independent volume taken out", {"shared_volume": KEPT_VOLUME}, {}, "shared_volume", "leave it in"),
    ("a volume attached instead", {"shared_volume": VOLUME}, {"volume_id": "v-1"}, "volume_id", "delete the volume"),
    (
        "a volume made independent",
        {"shared_volume": VOLUME},
        {"shared_volume": KEPT_VOLUME},
        "shared_volume",
        "restore",
    ),
    (
        "a volume placed",
        {"shared_volume": VOLUME},
        {"shared_volume": {**VOLUME, "instance_cluster_id": "c"}},
        "shared_volume",
        "instance_cluster_id",
    ),
    ("an add-on added", {}, {"add_ons": [add_on("dashboard", True)]}, "add_ons", "adds no add-on"),
    (
        "an add-on added without a configuration",
        {"add_ons": []},
        {"add_ons": [add_on("dashboard")]},
        "add_ons",
        "adds no add-on",
    ),
    (
        "an add-on of another type",
        {"add_ons": [add_on("ui", True, "dashboard")]},
        {"add_ons": [add_on("ui", True, "headlamp")]},
        "add_ons",
        "cannot change",
    ),
    ("an add-on without a switch", {"add_ons": [add_on("torchpass")]}, {}, "add_ons", "no switch"),
]


@pytest.mark.parametrize(
    ("before", "after", "field", "words"), [case[1:] for case in REFUSED], ids=[case[0] for case in REFUSED]
)
def test_refused(before: Properties, after: Properties, field: str, words: str) -> None:
    found = {verdict.field: verdict for verdict in verdicts(CLUSTER, with_base(before), with_base(after))}
    assert found[field].action == "refuse"
    assert words in found[field].reason
    assert not [verdict for verdict in found.values() if verdict.action == "replace"]


@pytest.mark.parametrize(
    ("before", "after", "field", "words"), [case[1:] for case in REFUSED], ids=[case[0] for case in REFUSED]
)
def test_refused_beside_a_replacement_as_well(before: Properties, after: Properties, field: str, words: str) -> None:
    olds = {"cluster_id": "c-1", **with_base(before), INPUTS: with_base(before)}
    refusal = plan(CLUSTER, olds, with_base({**after, "gpu_type": "B200_SXM"})).refusal
    assert refusal is not None and (words in refusal or field == "volume_id")


@pytest.mark.parametrize("taken_out", ["duration_days", "reservation_end_time", "num_reserved_gpus"])
def test_what_belongs_to_a_term_goes_with_the_billing_type(taken_out: str) -> None:
    before = {"billing_type": "RESERVED", "duration_days": 3, "reservation_end_time": FUTURE, "num_reserved_gpus": 8}
    assert actions(before, {})[taken_out] == "replace"


# --- An edit that says what runs ------------------------------------------------------------------------------------

SHOWN: Properties = {
    "cluster_id": "c-1",
    "project_id": "proj-1",
    "cluster_type": "KUBERNETES",
    "cuda_version": "12.6.3",
    "volumes": [{"volume_id": "v-1", "volume_name": "data", "size_tib": 2}],
    "add_ons": [{"name": "dashboard", "add_on_type": "dashboard", "config": {"dashboard": {"enabled": True}}}],
    "reservation_end_time": None,
    "capacity_pool_id": "pool",
    "install_traefik": True,
    "oidc_config": {"issuer_url": "https://x", "client_id": "y"},
}


def edited(before: Properties, after: Properties, **outputs: Any) -> Plan:
    inputs = with_base(before)
    return plan(CLUSTER, {**inputs, **SHOWN, **outputs, INPUTS: inputs}, with_base(after))


@pytest.mark.parametrize(
    "said",
    [
        {"cluster_type": "KUBERNETES"},
        {"project_id": "proj-1"},
        {"volume_id": "v-1"},
        {"capacity_pool_id": "pool"},
        {"install_traefik": True},
        {"oidc_config": {"issuer_url": "https://x"}},
        {"auto_scale": False},
        {"num_preemptible_gpus": 0},
        {"num_capacity_pool_gpus": 0},
    ],
    ids=str,
)
def test_what_runs_written_out_is_no_change_and_nor_is_it_taken_out(said: Properties) -> None:
    assert not edited({}, said).changed
    assert not edited(said, {}).changed


def test_an_add_on_that_runs_can_be_written_out_and_another_one_not() -> None:
    assert edited({}, {"add_ons": [add_on("dashboard", True)]}) == Plan(False, [], {}, None)
    for added in (add_on("headlamp", True), add_on("headlamp")):
        assert "adds no add-on" in str(edited({}, {"add_ons": [added]}).refusal)


@pytest.mark.parametrize(
    ("before", "after", "outputs"),
    [
        ({"cuda_version": "12.6"}, {"cuda_version": "12.6.3"}, {}),
        ({"cluster_name": "My_Batch"}, {"cluster_name": "my-batch"}, {"cluster_name": "my-batch"}),
        ({"region": "US-Central-8"}, {"region": "us-central-8"}, {"region": "us-central-8"}),
        ({"shared_volume": VOLUME}, {"shared_volume": {**VOLUME, "is_lifecycle_independent": False}}, {}),
    ],
    ids=str,
)
def test_the_spelling_that_runs_is_no_change(before: Properties, after: Properties, outputs: Properties) -> None:
    assert not edited(before, after, **outputs).changed


@pytest.mark.parametrize(
    ("before", "after", "outputs", "replaces"),
    [
        ({}, {"cluster_type": "KUBERNETES"}, {"cluster_type": "SLURM"}, ["cluster_type"]),
        ({}, {"project_id": "proj-2"}, {}, ["project_id"]),
        ({"project_id": "proj-2"}, {}, {}, ["project_id"]),
        ({}, {"cluster_type": "SLURM"}, {"cluster_type": None}, ["cluster_type"]),
        # It would be deleted with the cluster from then on, which it need not have been made with.
        ({"volume_id": "v-1"}, {"shared_volume": VOLUME}, {}, ["shared_volume"]),
    ],
    ids=str,
)
def test_what_does_not_run_is_a_change(
    before: Properties, after: Properties, outputs: Properties, replaces: list[str]
) -> None:
    assert edited(before, after, **outputs).replaces == replaces


# --- Data and prepaid GPUs ------------------------------------------------------------------------------------------


def refusal(before: Properties, after: Properties, **outputs: Any) -> str | None:
    inputs = with_base(before)
    return plan(CLUSTER, {"cluster_id": "c-1", **inputs, **outputs, INPUTS: inputs}, with_base(after)).refusal


FAILED = {WAIT: {"state": "failed", "words": "w", "during": "create"}}


@pytest.mark.parametrize(
    ("before", "after", "outputs", "is_refused"),
    [
        ({"shared_volume": VOLUME}, {"shared_volume": VOLUME, "gpu_type": "B200_SXM"}, {}, True),
        ({"shared_volume": VOLUME}, {"shared_volume": {**VOLUME, "volume_name": "other"}}, {}, True),
        ({"shared_volume": VOLUME}, {"gpu_type": "B200_SXM"}, {}, True),
        ({"shared_volume": VOLUME}, {}, {}, True),
        ({"shared_volume": VOLUME}, {"volume_id": "v-1"}, {}, True),
        ({"shared_volume": KEPT_VOLUME}, {"shared_volume": KEPT_VOLUME, "gpu_type": "B200_SXM"}, {}, False),
        ({"volume_id": "v-1"}, {"volume_id": "v-1", "gpu_type": "B200_SXM"}, {}, False),
        ({"shared_volume": VOLUME}, {"shared_volume": {**VOLUME, "size_tib": 3}}, {}, False),
        ({"shared_volume": VOLUME}, {"shared_volume": VOLUME}, FAILED, False),  # new and empty
        ({"shared_volume": VOLUME}, {"shared_volume": VOLUME}, {WAIT: {**FAILED[WAIT], "during": "update"}}, True),
    ],
)
def test_data_goes_only_if_the_program_says_so(
    before: Properties, after: Properties, outputs: Properties, is_refused: bool
) -> None:
    found = refusal(before, after, **outputs)
    assert (found is not None) == is_refused
    assert found is None or "confirm_data_loss=True" in found
    assert refusal(before, {**after, "confirm_data_loss": True}, **outputs) is None


RESERVED = {"billing_type": "RESERVED", "num_gpus": 64, "duration_days": 30}


@pytest.mark.parametrize(
    ("before", "after", "outputs", "given_up"),
    [
        (RESERVED, {**RESERVED, "num_gpus": 8}, {}, "56 of 64"),
        (RESERVED, {**RESERVED, "num_gpus": 8}, {"num_reserved_gpus": 16}, "8 of 16"),
        (RESERVED, {**RESERVED, "num_gpus": 16}, {"num_reserved_gpus": 16}, None),
        ({**RESERVED, "num_reserved_gpus": 32}, {**RESERVED, "num_reserved_gpus": 16}, {}, "16 of 32"),
        ({**RESERVED, "num_reserved_gpus": 32}, {**RESERVED, "num_gpus": 32, "num_reserved_gpus": 32}, {}, None),
        (RESERVED, {**RESERVED, "num_gpus": 128}, {}, None),
        ({"num_gpus": 64}, {"num_gpus": 8}, {"num_reserved_gpus": 0}, None),
        # Scaled down already, while Together still shows all 64 as prepaid: nothing more is given up.
        ({**RESERVED, "num_gpus": 8}, {**RESERVED, "num_gpus": 8}, {"num_reserved_gpus": 64}, None),
        ({**RESERVED, "num_gpus": 8}, {**RESERVED, "num_gpus": 16}, {"num_reserved_gpus": 64}, None),
        ({**RESERVED, "num_gpus": 16}, {**RESERVED, "num_gpus": 8}, {"num_reserved_gpus": 64}, "56 of 64"),
        (RESERVED, {**RESERVED, "num_gpus": 8}, {"reservation_end_time": "2020-01-01T00:00:00Z"}, None),
    ],
)
def test_fewer_gpus_than_are_prepaid_needs_a_word(
    before: Properties, after: Properties, outputs: Properties, given_up: str | None
) -> None:
    found = refusal(before, after, **{"reservation_end_time": FUTURE, **outputs})
    assert (found is None) if given_up is None else (found is not None and f"{given_up} prepaid GPUs" in found)
    assert found is None or "confirm_forfeit=True" in found
    assert refusal(before, {**after, "confirm_forfeit": True}, reservation_end_time=FUTURE) is None


@pytest.mark.parametrize(
    ("before", "after", "field", "reason"),
    [
        ({}, {"region": "us-east-2"}, "region", "region cannot change in place"),
        (
            {"shared_volume": VOLUME},
            {"shared_volume": VOLUME, "region": "us-east-2"},
            "region",
            "region cannot change in place; the volume 'data' was created with the cluster and goes with it, "
            "data and all",
        ),
        ({"shared_volume": KEPT_VOLUME}, {"shared_volume": KEPT_VOLUME, "region": "us-east-2"}, "region", "in place"),
        (
            {"shared_volume": VOLUME},
            {"shared_volume": {**VOLUME, "volume_name": "other"}},
            "shared_volume",
            "another name or region is another, empty volume; the volume 'data' was created with the cluster and goes "
            "with it, data and all",
        ),
        (
            {"shared_volume": KEPT_VOLUME},
            {"shared_volume": {**KEPT_VOLUME, "volume_name": "other"}},
            "shared_volume",
            "another name or region is another, empty volume, and the old volume stays, unused",
        ),
    ],
)
def test_a_replacement_says_once_what_becomes_of_the_volume(
    before: Properties, after: Properties, field: str, reason: str
) -> None:
    [verdict] = verdicts(CLUSTER, with_base(before), with_base(after))
    assert (verdict.field, verdict.action) == (field, "replace")
    assert verdict.reason.endswith(reason)


def test_acceptance_tests_after_the_fact_are_a_warning() -> None:
    before = {"acceptance_tests_params": {"enabled": True}}
    assert actions(before, {}) == {"acceptance_tests_params": "ignore"}
    assert changes(CLUSTER, with_base(before), with_base({})) == {}


def test_every_input_has_a_verdict() -> None:
    """Each input is added to and taken from a living cluster: none is passed over in silence but our own."""
    silent = {"confirm_forfeit", "confirm_data_loss"}
    for name in ClusterCreate.model_fields:
        for before, after in (({name: ABSENT}, {name: "x"}), ({name: "x"}, {name: ABSENT})):
            assert bool(actions(before, after)) == (name not in silent), name
