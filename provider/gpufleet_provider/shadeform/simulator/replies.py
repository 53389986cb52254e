"""The simulated Shadeform's JSON, field by field as in the newest schema."""

from __future__ import annotations

import base64
from typing import Any
from uuid import NAMESPACE_OID, uuid5

from gpufleet_provider.shadeform.simulator.catalogue import MACHINE_TYPES, Offer, configuration
from gpufleet_provider.shadeform.simulator.records import Cluster, Instance, Machine, SshKey, Volume
from gpufleet_provider.shadeform.simulator.switches import ShadeformSwitches
from gpufleet_provider.simulator.clock import rfc3339

BILLING_PERIOD_SECONDS = 300
"""cost_estimate changes in steps of this much cloud time."""


def cluster_reply(cluster: Cluster, switches: ShadeformSwitches, canary: str, now: float) -> dict[str, Any]:
    """A cluster, as in info and list."""
    offer = cluster.offer
    later: dict[str, Any] = {
        "cloud_cluster_id": cluster.cloud_cluster_id,
        "active_at": None if cluster.active_at is None else rfc3339(cluster.active_at),
        "status_details": cluster.status_details,
    }
    if switches.absent_fields == "missing":
        later = {name: value for name, value in later.items() if value is not None}
    status = cluster.status
    if switches.status_words == "other" and status in ("creating", "pending_provider", "pending"):
        status = "provisioning"
    nodes = cluster.num_instances if switches.hourly_price_of == "cluster" else 1
    launch = secret_launch_configuration(canary, cluster.id) if switches.members_show_launch_configuration else None
    return {
        "id": cluster.id,
        "cloud": cluster.cloud,
        "name": shown_name(cluster.name, switches),
        "region_info": {"region": cluster.region, "display_name": offer.display_name},
        "status": status,
        "created_at": rfc3339(cluster.created.cloud),
        "updated_at": rfc3339(cluster.updated_at),
        "instances": [member_reply(cluster, it, launch, now) for it in cluster.members],
        "hourly_price": offer.cents_per_hour * nodes,
        "cost_estimate": f"${cluster.meter.dollars(_period_start(now)):.2f}",
        **later,
    }


def member_reply(cluster: Cluster, member: Machine, launch: dict[str, Any] | None, now: float) -> dict[str, Any]:
    """A machine of a cluster, in the shape of a listed instance."""
    offer = cluster.offer
    dollars = offer.cents_per_hour / 100 * max(_period_start(now) - member.created_at, 0) / 3600
    return {
        **_machine(offer, member.id, member.name, cluster.os, member.status, member.active_at is not None),
        "shade_cloud": True,
        "ip": f"192.0.2.{member.number % 250 + 2}" if member.active_at is not None else None,
        "cost_estimate": f"{dollars:.2f}",
        "created_at": rfc3339(member.created_at),
        "deleted_at": None,
        "active_at": None if member.active_at is None else rfc3339(member.active_at),
        "tags": [],
        "port_mappings": [],
        **({"launch_configuration": launch} if launch else {}),
    }


def instance_reply(instance: Instance, now: float, *, in_full: bool) -> dict[str, Any]:
    """An instance as in the list, or `in_full` as in info."""
    offer = instance.offer
    more: dict[str, Any] = {
        "volume_ids": instance.volume_ids,
        "ssh_key_id": instance.ssh_key_id,
        "auto_delete": instance.auto_delete,
        "alert": instance.alert,
        "volume_mount": instance.volume_mount,
        "envs": instance.envs,
    }
    return {
        **_machine(offer, instance.id, instance.name, instance.os, instance.status, instance.active_at is not None),
        "shade_cloud": instance.shade_cloud,
        "ip": "203.0.113.7" if instance.active_at is not None else None,
        "cost_estimate": f"{instance.meter.dollars(_period_start(now)):.2f}",
        "created_at": rfc3339(instance.created.cloud),
        "deleted_at": None,
        "active_at": None if instance.active_at is None else rfc3339(instance.active_at),
        "status_details": instance.status_details,
        "rental_terms": {
            "rental_type": instance.rental_type,
            "hourly_price": f"{offer.cents_per_hour / 100:.2f}",
            "ending_at": None,
        },
        "tags": instance.tags,
        "port_mappings": [],
        **({"launch_configuration": instance.launch_configuration} if instance.launch_configuration else {}),
        **({name: value for name, value in more.items() if value is not None} if in_full else {}),
    }


def ssh_key_reply(key: SshKey, canary: str) -> dict[str, Any]:
    """A key, with the private key that no document mentions."""
    return {
        "id": key.id,
        "name": key.name,
        "public_key": key.public_key,
        "is_default": key.is_default,
        "private_key": f"-----BEGIN OPENSSH PRIVATE KEY-----\n{canary}-{key.id}\n" if key.is_managed else "",
    }


def volume_reply(volume: Volume, now: float) -> dict[str, Any]:
    """A volume."""
    return {
        "id": volume.id,
        "cloud": volume.cloud,
        "cloud_assigned_id": _cloud_id(volume.id),
        "region": volume.region,
        "name": volume.name,
        "fixed_size": volume.fixed_size,
        "size_in_gb": volume.size_in_gb,
        "cost_estimate": f"{volume.meter.dollars(_period_start(now)):.2f}",
        "supports_multi_mount": volume.supports_multi_mount,
        "mounted_by": volume.mounted_by,
    }


def secret_launch_configuration(canary: str, owner_id: str) -> dict[str, Any]:
    """A launch configuration like those in the list of clusters, with the canary as every secret."""
    secret = f"{canary}-{owner_id}"
    script = base64.b64encode(f"#!/bin/sh\nexport TOKEN={secret}\n".encode()).decode()
    return {
        "type": "docker",
        "docker_configuration": {
            "image": "vllm/vllm-openai:latest",
            "args": "--model mistralai/Mistral-7B-v0.1",
            "shared_memory_in_gb": 8,
            "envs": [{"name": "HUGGING_FACE_HUB_TOKEN", "value": secret}],
            "port_mappings": [{"host_port": 80, "container_port": 8000}],
            "volume_mounts": [{"host_path": "~/.cache/huggingface", "container_path": "/root/.cache/huggingface"}],
            "registry_credentials": {"username": "registry-user", "password": secret},
        },
        "script_configuration": {"base64_script": script},
    }


def shown_name(name: str, switches: ShadeformSwitches) -> str:
    """A name as the API returns it."""
    return name if switches.name_readback == "as_given" else name.lower().replace("_", "-")


def billing_period(now: float) -> int:
    """The number of the present billing period."""
    return int(now // BILLING_PERIOD_SECONDS)


def _period_start(now: float) -> float:
    return float(billing_period(now) * BILLING_PERIOD_SECONDS)


def _machine(offer: Offer, machine_id: str, name: str, os: str, status: str, is_up: bool) -> dict[str, Any]:
    return {
        "id": machine_id,
        "cloud": offer.cloud,
        "region": offer.region,
        "shade_instance_type": offer.machine,
        "cloud_instance_type": MACHINE_TYPES[offer.machine].cloud_instance_type,
        "cloud_assigned_id": _cloud_id(machine_id),
        "name": name,
        "configuration": {**configuration(offer.machine), "os": os},
        "ssh_user": "shadeform",
        "ssh_port": 22 if is_up else None,
        "status": status,
        "hourly_price": offer.cents_per_hour,
        "boot_time": {"min_boot_in_sec": offer.min_boot_in_sec, "max_boot_in_sec": offer.max_boot_in_sec},
    }


def _cloud_id(of: str) -> str:
    return str(uuid5(NAMESPACE_OID, of))
