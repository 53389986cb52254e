"""The request bodies of the simulated Shadeform: how they are read, and why they are refused.

Every function raises `Refusal` for the first fault. What is read is named as in the records.
"""

from __future__ import annotations

from typing import Any

from gpufleet_provider.shadeform.simulator.catalogue import OS_OPTIONS, Offer, find_offer
from gpufleet_provider.simulator.wire import Body

_KEY_TYPES = ("ssh-rsa", "ssh-ed25519", "ssh-dss", "ecdsa-sha2-", "sk-ssh-", "sk-ecdsa-")


def read_cluster(body: Body) -> dict[str, Any]:
    """The fields of a new `Cluster`; `ssh_key_id` is None if the body does not say."""
    name, cloud, region, machine = (body.need_text(it) for it in ("name", "cloud", "region", "cluster_type"))
    return {
        "name": name,
        "cloud": cloud,
        "region": region,
        "machine": machine,
        "num_instances": body.need_integer("num_instances"),
        "ssh_key_id": body.text("ssh_key_id"),
        "os": body.text("os") or OS_OPTIONS[0],
    }


def cluster_offer(body: Body, fields: dict[str, Any], *, any_size: bool) -> Offer:
    """The offer that a cluster of these fields rents."""
    cloud, region, machine, count = (fields[it] for it in ("cloud", "region", "machine", "num_instances"))
    offer = find_offer(cloud, region, machine)
    if offer is None or not offer.sizes:
        raise body.bad("cluster_type", f"{machine} is not offered by {cloud} in {region}")
    if count < 1 or not (any_size or count in offer.sizes):
        raise body.bad("num_instances", f"must be one of {', '.join(map(str, offer.sizes))}")
    _check_os(body, fields)
    return offer


def read_instance(body: Body) -> dict[str, Any]:
    """The fields of a new `Instance`; `ssh_key_id` is None if the body does not say."""
    cloud, region, machine, name = (body.need_text(it) for it in ("cloud", "region", "shade_instance_type", "name"))
    mount = body.child("volume_mount")
    body.text("template_id")
    return {
        "name": name,
        "cloud": cloud,
        "region": region,
        "machine": machine,
        "shade_cloud": body.flag("shade_cloud") is not False,
        "rental_type": body.one_of("rental_type", ("on_demand", "spot")) or "on_demand",
        "volume_ids": body.texts("volume_ids") or [],
        "os": body.text("os") or OS_OPTIONS[0],
        "launch_configuration": _launch_configuration(body.child("launch_configuration")),
        "envs": [{"name": it.need_text("name"), "value": it.need_text("value")} for it in body.children("envs") or []],
        "ssh_key_id": body.text("ssh_key_id"),
        "auto_delete": read_thresholds(body.child("auto_delete")),
        "alert": read_thresholds(body.child("alert")),
        "volume_mount": None if mount is None else {"auto": bool(mount.flag("auto"))},
        "tags": body.texts("tags") or [],
    }


def instance_offer(body: Body, fields: dict[str, Any]) -> Offer:
    """The offer that an instance of these fields rents."""
    cloud, region, machine = (fields[it] for it in ("cloud", "region", "machine"))
    offer = find_offer(cloud, region, machine)
    if offer is None:
        raise body.bad("shade_instance_type", f"{machine} is not offered by {cloud} in {region}")
    _check_os(body, fields)
    if len(fields["volume_ids"]) > 1:
        raise body.bad("volume_ids", "can hold one volume at most")
    if fields["rental_type"] == "spot" and not fields["shade_cloud"]:
        raise body.bad("rental_type", "spot needs shade_cloud")
    return offer


def read_thresholds(body: Body | None) -> dict[str, Any] | None:
    """An `auto_delete` or `alert`, of which only the thresholds that were sent."""
    if body is None:
        return None
    found: dict[str, Any] = {}
    if body.instant("date_threshold") is not None:
        found["date_threshold"] = body.text("date_threshold")
    spend = body.text("spend_threshold")
    if spend is not None:
        if not spend.replace(".", "", 1).isdigit():
            raise body.bad("spend_threshold", "must be a decimal number of dollars")
        found["spend_threshold"] = spend
    return found


def read_volume(body: Body) -> dict[str, Any]:
    """The fields of a new `Volume`, but for those that the offer says."""
    cloud, region, name = (body.need_text(it) for it in ("cloud", "region", "name"))
    return {"name": name, "cloud": cloud, "region": region, "size_in_gb": body.need_integer("size_in_gb")}


def read_ssh_key(body: Body) -> dict[str, Any]:
    """The fields of a new `SshKey`."""
    return {"name": body.need_text("name"), "public_key": body.need_text("public_key")}


def check_public_key(body: Body, public_key: str) -> None:
    """Raise for a key that is not in OpenSSH's format."""
    if not public_key.startswith(_KEY_TYPES) or len(public_key.split()) < 2:
        raise body.bad("public_key", "is not an OpenSSH public key")


def _check_os(body: Body, fields: dict[str, Any]) -> None:
    if fields["os"] not in OS_OPTIONS:
        raise body.bad("os", f"{fields['os']!r} is not an option of {fields['machine']}")


def _launch_configuration(body: Body | None) -> dict[str, Any] | None:
    """The launch configuration as it was sent, including its secrets."""
    if body is None:
        return None
    kind = body.one_of("type", ("docker", "script")) or body.need_text("type")
    docker, script = body.child("docker_configuration"), body.child("script_configuration")
    if (docker is None) == (script is None) or (docker is None) != (kind == "script"):
        raise body.bad("type", f"{kind} needs {kind}_configuration and nothing else")
    if script is not None:
        return {"type": kind, "script_configuration": {"base64_script": script.need_text("base64_script")}}
    assert docker is not None
    docker.need_text("image")
    for name in ("envs", "port_mappings", "volume_mounts"):
        docker.children(name)
    docker.text("args")
    docker.integer("shared_memory_in_gb")
    docker.child("registry_credentials")
    return {"type": kind, "docker_configuration": docker.as_sent()}
