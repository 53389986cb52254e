"""Which inputs of a Together cluster are refused, where, and in which words."""

from __future__ import annotations

from typing import Any

import pytest
from gpufleet_provider.model.checking import check
from gpufleet_provider.model.fields import Properties
from gpufleet_provider.together.cluster.lifecycle import CLUSTER
from hypothesis import given, settings
from hypothesis import strategies as st

ABSENT = "(absent)"
UNKNOWN = "(unknown)"
START, END = "2026-12-01T00:00:00Z", "2026-12-08T00:00:00Z"

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
OIDC = {
    "issuer_url": "https://accounts.example.com",
    "client_id": "gpu",
    "username_claim": "email",
    "username_prefix": "",
    "group_claim": "groups",
    "group_prefix": "",
}
SLURM = {"cluster_type": "SLURM", "slurm_shm_size_gib": 64}
SCHEDULED = {"billing_type": "SCHEDULED_CAPACITY", "reservation_start_time": START, "reservation_end_time": END}
RESERVED = {"billing_type": "RESERVED", "duration_days": 3}


def with_base(**changes: Any) -> Properties:
    return {name: value for name, value in {**BASE, **changes}.items() if value != ABSENT}


def failures_of(inputs: Properties) -> list[tuple[str, str]]:
    checked = check(CLUSTER, {}, inputs, lambda value: value == UNKNOWN)
    return [(failure.path, failure.reason) for failure in checked.failures]


VALID: dict[str, Properties] = {
    "the least": {},
    "driver by id": {"nvidia_version_id": "drv-1", "cuda_version": ABSENT, "nvidia_driver_version": ABSENT},
    "reserved by days": RESERVED,
    "reserved by end": {"billing_type": "RESERVED", "reservation_end_time": END},
    "reserved and extended": {**RESERVED, "reservation_end_time": END},
    "partly reserved, partly from a pool": {
        **RESERVED,
        "num_reserved_gpus": 8,
        "capacity_pool_id": "pool",
        "num_capacity_pool_gpus": 8,
    },
    "a pool without a number": {"capacity_pool_id": "pool"},
    "scheduled": SCHEDULED,
    "a window across offsets": {**SCHEDULED, "reservation_end_time": "2026-12-01T01:30:00+01:00"},
    "Slurm": {**SLURM, "slurm_image": "registry.example.com/slurm:1"},
    "Slurm scripts": {
        **SLURM,
        "cluster_config": {
            "load_balancer": "NONE",
            "slurm_startup_scripts": {"worker_prolog": "#!/bin/sh\n", "extra_slurm_conf": "SlurmdDebug=debug"},
        },
    },
    "auto-scaling": {"auto_scale": True, "auto_scale_max_gpus": 64},
    "preemptible": {"num_preemptible_gpus": 8},
    "no preemptible on Slurm": {**SLURM, "num_preemptible_gpus": 0, "install_traefik": False},
    "an inline volume": {"shared_volume": VOLUME},
    "an existing volume": {"volume_id": "v-1"},
    "OIDC without prefixes": {"oidc_config": OIDC},
    "an add-on without a configuration": {"add_ons": [{"name": "ui", "add_on_type": "dashboard"}]},
    "everything that could be wrong is unknown": {
        "num_gpus": UNKNOWN,
        "cuda_version": UNKNOWN,
        "shared_volume": UNKNOWN,
        "add_ons": [{"name": UNKNOWN, "add_on_type": "dashboard"}, {"name": "ui", "add_on_type": "ingress"}],
        "cluster_config": {"load_balancer": UNKNOWN, "slurm_startup_scripts": UNKNOWN},
    },
}


@pytest.mark.parametrize("changes", VALID.values(), ids=VALID.keys())
def test_accepted(changes: Properties) -> None:
    assert failures_of(with_base(**changes)) == []


REFUSED: list[tuple[str, Properties, str, str]] = [
    # Numbers.
    ("GPUs not in eights", {"num_gpus": 12}, "num_gpus", "must be a multiple of 8, got 12"),
    ("no GPUs", {"num_gpus": 0}, "num_gpus", "8, got 0"),
    ("a fraction of a GPU", {"num_gpus": 8.5}, "num_gpus", "expected a whole number, got 8.5"),
    ("GPUs as text", {"num_gpus": "8"}, "num_gpus", "expected a whole number"),
    (
        "preemptible not in eights",
        {"num_preemptible_gpus": 4},
        "num_preemptible_gpus",
        "must be a multiple of 8, got 4",
    ),
    ("negative preemptible", {"num_preemptible_gpus": -8}, "num_preemptible_gpus", "0, got -8"),
    ("reserved not in eights", {**RESERVED, "num_reserved_gpus": 9}, "num_reserved_gpus", "must be a multiple of 8"),
    ("pool not in eights", {"capacity_pool_id": "p", "num_capacity_pool_gpus": 1}, "num_capacity_pool_gpus", "of 8"),
    ("a volume of nothing", {"shared_volume": {**VOLUME, "size_tib": 0}}, "shared_volume.size_tib", "1, got 0"),
    ("a negative volume", {"shared_volume": {**VOLUME, "size_tib": -1}}, "shared_volume.size_tib", "1, got -1"),
    ("no days", {**RESERVED, "duration_days": 0}, "duration_days", "1, got 0"),
    ("too many days", {**RESERVED, "duration_days": 91}, "duration_days", "90, got 91"),
    ("no shared memory", {**SLURM, "slurm_shm_size_gib": 0}, "slurm_shm_size_gib", "1, got 0"),
    (
        "a negative burn",
        {"acceptance_tests_params": {"gpu_burn_duration": -1}},
        "acceptance_tests_params.gpu_burn_duration",
        "0, got -1",
    ),
    # Text and words.
    ("an empty region", {"region": ""}, "region", "must not be empty"),
    ("an empty name", {"cluster_name": ""}, "cluster_name", "must not be empty"),
    ("no region", {"region": ABSENT}, "region", "is required"),
    ("unknown billing", {"billing_type": "FREE"}, "billing_type", "'RESERVED', 'ON_DEMAND' or 'SCHEDULED_CAPACITY'"),
    ("unknown cluster type", {"cluster_type": "NOMAD"}, "cluster_type", "'KUBERNETES' or 'SLURM'"),
    ("a misspelt input", {"num_gpu": 8}, "num_gpu", "did you mean 'num_gpus'?"),
    ("no time", {**SCHEDULED, "reservation_end_time": "tomorrow"}, "reservation_end_time", "RFC 3339"),
    (
        "a time without an offset",
        {**SCHEDULED, "reservation_start_time": "2026-12-01T00:00:00"},
        *["reservation_start_time", "offset"],
    ),
    # Nested.
    (
        "no load balancer",
        {"cluster_config": {"ingress": {"enabled": True}}},
        "cluster_config.load_balancer",
        "is required",
    ),
    (
        "an unknown load balancer",
        {"cluster_config": {"load_balancer": "HAPROXY"}},
        "cluster_config.load_balancer",
        "'ISTIO'",
    ),
    (
        "a misspelt nested key",
        {"cluster_config": {"load_balancer": "NONE", "ingres": {}}},
        "cluster_config.ingres",
        "did you mean 'ingress'?",
    ),
    ("an add-on without a name", {"add_ons": [{"add_on_type": "dashboard"}]}, "add_ons[0].name", "is required"),
    (
        "an add-on that is declared twice",
        {"add_ons": [{"name": "ui", "add_on_type": "dashboard"}, {"name": "ui", "add_on_type": "ingress"}]},
        "add_ons[1].name",
        "'ui' is declared twice",
    ),
    ("OIDC without its claims", {"oidc_config": {"issuer_url": "https://x"}}, "oidc_config.client_id", "is required"),
    (
        "a script without a shell",
        {**SLURM, "cluster_config": {"load_balancer": "NONE", "slurm_startup_scripts": {"worker_prolog": "echo"}}},
        "cluster_config.slurm_startup_scripts.worker_prolog",
        "shebang",
    ),
    # Driver.
    ("both driver selectors", {"nvidia_version_id": "drv-1"}, "nvidia_version_id", "excludes cuda_version"),
    (
        "no driver",
        {"cuda_version": ABSENT, "nvidia_driver_version": ABSENT},
        "nvidia_version_id",
        "the driver is missing",
    ),
    ("half a driver", {"cuda_version": ABSENT}, "cuda_version", "is required with nvidia_driver_version"),
    ("the other half", {"nvidia_driver_version": ABSENT}, "nvidia_driver_version", "is required with cuda_version"),
    # Parts and whole.
    (
        "more pool than GPUs",
        {"capacity_pool_id": "p", "num_capacity_pool_gpus": 24},
        "num_capacity_pool_gpus",
        "(16), got 24",
    ),
    ("more reserved than GPUs", {**RESERVED, "num_reserved_gpus": 24}, "num_reserved_gpus", "(16), got 24"),
    (
        "parts that exceed the whole",
        {**RESERVED, "num_reserved_gpus": 16, "capacity_pool_id": "p", "num_capacity_pool_gpus": 8},
        "num_capacity_pool_gpus",
        "got 8 + 16",
    ),
    (
        "a pool without a name",
        {"num_capacity_pool_gpus": 8},
        "capacity_pool_id",
        "is required with num_capacity_pool_gpus",
    ),
    ("reserved GPUs on demand", {"num_reserved_gpus": 8}, "num_reserved_gpus", "RESERVED only"),
    ("auto-scaling without a limit", {"auto_scale": True}, "auto_scale_max_gpus", "is required with auto_scale"),
    (
        "a limit without auto-scaling",
        {"auto_scale_max_gpus": 64},
        "auto_scale_max_gpus",
        "no effect without auto_scale",
    ),
    (
        "a limit below the base",
        {"auto_scale": True, "auto_scale_max_gpus": 8},
        "auto_scale_max_gpus",
        "at least num_gpus (16), got 8",
    ),
    # Kubernetes and Slurm.
    ("Slurm without shared memory", {"cluster_type": "SLURM"}, "slurm_shm_size_gib", "is required for SLURM"),
    ("shared memory on Kubernetes", {"slurm_shm_size_gib": 64}, "slurm_shm_size_gib", "KUBERNETES, the default"),
    (
        "a Slurm image on Kubernetes",
        {"cluster_type": "KUBERNETES", "slurm_image": "x"},
        "slurm_image",
        "SLURM clusters only",
    ),
    (
        "Slurm scripts on Kubernetes",
        {"cluster_config": {"load_balancer": "NONE", "slurm_startup_scripts": {"worker_prolog": "#!/bin/sh"}}},
        "cluster_config.slurm_startup_scripts",
        "SLURM clusters only",
    ),
    ("Traefik on Slurm", {**SLURM, "install_traefik": True}, "install_traefik", "KUBERNETES clusters only"),
    ("preemptible on Slurm", {**SLURM, "num_preemptible_gpus": 8}, "num_preemptible_gpus", "KUBERNETES clusters only"),
    (
        "auto-scaling on Slurm",
        {**SLURM, "auto_scale": True, "auto_scale_max_gpus": 64},
        "auto_scale",
        "KUBERNETES clusters only",
    ),
    # Billing and time.
    (
        "scheduled without a start",
        {**SCHEDULED, "reservation_start_time": ABSENT},
        "reservation_start_time",
        "is required",
    ),
    ("scheduled without an end", {**SCHEDULED, "reservation_end_time": ABSENT}, "reservation_end_time", "is required"),
    (
        "an end before the start",
        {**SCHEDULED, "reservation_end_time": "2026-11-30T00:00:00Z"},
        "reservation_end_time",
        "must be after",
    ),
    (
        "an end at the start, in another offset",
        {**SCHEDULED, "reservation_end_time": "2026-12-01T01:00:00+01:00"},
        "reservation_end_time",
        "must be after",
    ),
    ("an end on demand", {"reservation_end_time": END}, "reservation_end_time", "prepaid clusters only"),
    ("days on demand", {"duration_days": 3}, "duration_days", "runs until it is deleted"),
    ("days for a schedule", {**SCHEDULED, "duration_days": 3}, "duration_days", "set reservation_end_time"),
    ("a reservation for ever", {"billing_type": "RESERVED"}, "duration_days", "say how long"),
    # Volumes.
    ("two volumes", {"shared_volume": VOLUME, "volume_id": "v-1"}, "volume_id", "excludes shared_volume"),
    (
        "a volume elsewhere",
        {"shared_volume": {**VOLUME, "region": "eu-1"}},
        "shared_volume.region",
        "(us-central-8), got eu-1",
    ),
]


@pytest.mark.parametrize(
    ("changes", "path", "words"), [case[1:] for case in REFUSED], ids=[case[0] for case in REFUSED]
)
def test_refused(changes: Properties, path: str, words: str) -> None:
    found = failures_of(with_base(**changes))
    assert any(at == path and words in reason for at, reason in found), found


def test_every_reason_is_given_at_once() -> None:
    found = failures_of(with_base(num_gpus=12, region="", cluster_type="SLURM", volume_id="v-1", shared_volume=VOLUME))
    assert [path for path, _ in found] == ["region", "num_gpus", "slurm_shm_size_gib", "volume_id"]


def test_a_type_that_is_new_to_this_version_only_warns() -> None:
    checked = check(CLUSTER, {}, with_base(gpu_type="VR200_NVL"), lambda value: False)
    assert checked.failures == []
    assert [warning.path for warning in checked.warnings] == ["gpu_type"]


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5) | st.just(UNKNOWN),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["name", "enabled", "size_tib"]), inner)
    ),
    max_leaves=8,
)


@settings(max_examples=200, deadline=None)
@given(st.dictionaries(st.sampled_from(sorted(CLUSTER.create_body.model_fields)), JSON))
def test_no_rule_stumbles_over_any_value(changes: Properties) -> None:
    check(CLUSTER, {}, {**BASE, **changes}, lambda value: value == UNKNOWN)
    check(CLUSTER, BASE, {**BASE, **changes}, lambda value: value == UNKNOWN)
    check(CLUSTER, {**BASE, "shared_volume": VOLUME}, {**BASE, **changes}, lambda value: value == UNKNOWN)
