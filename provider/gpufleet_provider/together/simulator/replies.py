"""The simulated Together's JSON, field by field as in the newest schema."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import Any
from uuid import NAMESPACE_OID, uuid5

from gpufleet_provider.simulator.clock import rfc3339
from gpufleet_provider.together.simulator.catalogue import GPU_SHAPES, GPUS_PER_NODE
from gpufleet_provider.together.simulator.records import AddOn, Cluster, Node, PhaseChange, Remediation, Volume
from gpufleet_provider.together.simulator.switches import TogetherSwitches

ORGANIZATION_ID = "org-simulated"


def cluster_reply(
    cluster: Cluster,
    volumes: list[Volume],
    remediations: Mapping[str, Remediation],
    switches: TogetherSwitches,
    canary: str,
) -> dict[str, Any]:
    """A cluster, as in create, get, list and update."""
    body = cluster.body
    full = switches.driver_readback == "full"
    optional: dict[str, Any] = {
        "duration_hours": cluster.duration_hours,
        "slurm_shm_size_gib": cluster.slurm_shm_size_gib,
        "capacity_pool_id": cluster.capacity_pool_id,
        "reservation_start_time": _instant(cluster.reservation_start_time),
        "reservation_end_time": _instant(cluster.reservation_end_time),
        "first_ready_at": _instant(cluster.ready.cloud if cluster.ready else None),
        "oidc_config": body["oidc_config"],
        "nvidia_driver_version_id": {
            "catalogue": body["driver_id"],
            "internal": str(uuid5(NAMESPACE_OID, body["driver_id"])),
            "absent": None,
        }[switches.driver_id],
    }
    current = cluster.auto_scale and switches.autoscaled_num_gpus == "current"
    return {
        "cluster_id": cluster.id,
        "cluster_name": cluster.name,
        "cluster_type": cluster.cluster_type,
        "region": cluster.region,
        "gpu_type": cluster.gpu_type,
        "status": cluster.status,
        "billing_type": cluster.billing_type,
        "num_gpus": cluster.wanted_gpus if current else cluster.num_gpus,
        "num_reserved_gpus": cluster.num_reserved_gpus,
        "num_capacity_pool_gpus": cluster.num_capacity_pool_gpus,
        "desired_preemptible_gpus": cluster.desired_preemptible_gpus,
        "allocated_preemptible_gpus": cluster.preemptible_gpus,
        "num_cpu_workers": 0,
        "cuda_version": f"{body['cuda_version']}.3" if full else body["cuda_version"],
        "nvidia_driver_version": f"{body['nvidia_driver_version']}.35.03" if full else body["nvidia_driver_version"],
        "project_id": cluster.project_id,
        "kube_config": kube_config(cluster, canary) if cluster.control_plane_ready else "",
        "volumes": [volume_reply(volume) for volume in volumes],
        "control_plane_nodes": [_control_plane_node(cluster, node) for node in cluster.control_plane_nodes],
        "gpu_worker_nodes": [_worker(cluster, node, remediations) for node in cluster.workers],
        "phase_transitions": _phases(cluster.phases),
        "add_ons": [add_on_reply(it) for it in cluster.add_ons if it.is_enabled],
        "created_at": rfc3339(cluster.created.cloud),
        "install_traefik": body["install_traefik"],
        "control_plane_ready": cluster.control_plane_ready,
        "is_in_substrate": False,
        "machine_cluster_id": f"mc-{cluster.id[:8]}",
        "ums_project_id": cluster.project_id,
        "ums_org_id": ORGANIZATION_ID,
        "os_image": f"{body['os']}-nvidia-{body['nvidia_driver_version']}",
        "cluster_config": cluster.cluster_config,
        "deleted_gpu_worker_nodes": [_worker(cluster, node, remediations) for node in cluster.deleted_workers],
        "node_lifecycle_events": [
            {"node_id": it.node_id, "reason": it.reason, "message": it.message, "timestamp": rfc3339(it.at)}
            for it in cluster.events
        ],
        **_present(optional),
    }


def volume_reply(volume: Volume) -> dict[str, Any]:
    """A volume: the API shows no more of it than this."""
    return {
        "volume_id": volume.id,
        "volume_name": volume.name,
        "size_tib": volume.size_tib,
        "status": volume.status,
    }


def remediation_reply(remediation: Remediation) -> dict[str, Any]:
    """A remediation."""
    return {
        "id": remediation.id,
        "cluster_id": remediation.cluster_id,
        "instance_id": remediation.instance_id,
        "instance_name": remediation.node_id,
        "mode": remediation.mode,
        "trigger": remediation.trigger,
        "state": remediation.state,
        "create_time": rfc3339(remediation.created.cloud),
        "update_time": rfc3339(remediation.update_time),
        "linked_alerts": [],
        **_present(
            {
                "reason": remediation.reason,
                "requested_by": remediation.requested_by,
                "reviewed_by": remediation.reviewed_by,
                "review_time": _instant(remediation.review_time),
                "review_comment": remediation.review_comment,
                "start_time": _instant(remediation.start_time),
                "end_time": _instant(remediation.end_time),
                "error_message": remediation.error_message,
            }
        ),
    }


def add_on_reply(add_on: AddOn) -> dict[str, Any]:
    """An add-on, as in its own routes and in a cluster."""
    kind = add_on.add_on_type
    return {"name": add_on.name, "add_on_type": kind, "config": add_on.config, "state": {kind: {}}}


def kube_config(cluster: Cluster, canary: str) -> str:
    """The cluster's own kubeconfig in base64, with the canary as its token."""
    authority = base64.b64encode(f"simulated certificate authority of {cluster.id}".encode()).decode()
    document = f"""apiVersion: v1
kind: Config
clusters:
- name: {cluster.id}
  cluster:
    server: https://{cluster.id}.{cluster.region}.cloud.together.ai:6443
    certificate-authority-data: {authority}
contexts:
- name: {cluster.id}
  context:
    cluster: {cluster.id}
    user: admin
current-context: {cluster.id}
users:
- name: admin
  user:
    token: {canary}-{cluster.id}
"""
    return base64.b64encode(document.encode()).decode()


def _control_plane_node(cluster: Cluster, node: Node) -> dict[str, Any]:
    number = _number(node)
    return {
        "node_id": node.node_id,
        "status": node.status,
        "host_name": _host_name(cluster, node),
        "num_cpu_cores": 16,
        "memory_gib": 64.0,
        "network": f"10.{number // 250}.0.{number % 250 + 2}",
        "public_ipv4": f"203.0.113.{number % 250 + 2}",
        "phase_transitions": _phases(node.phases),
    }


def _worker(cluster: Cluster, node: Node, remediations: Mapping[str, Remediation]) -> dict[str, Any]:
    shape = GPU_SHAPES[cluster.gpu_type]
    number = _number(node)
    latest = remediations.get(node.latest_remediation_id or "")
    return {
        "node_id": node.node_id,
        "instance_id": node.instance_id,
        "status": node.status,
        "host_name": _host_name(cluster, node),
        "num_cpu_cores": shape.num_cpu_cores,
        "num_gpus": GPUS_PER_NODE,
        "memory_gib": shape.memory_gib,
        "networks": [f"10.{64 + number // 250}.0.{number % 250 + 2}", f"172.16.{number // 250}.{number % 250 + 2}"],
        "public_ipv4": f"198.51.100.{number % 250 + 2}",
        "ib_hca_type": shape.ib_hca_type,
        "ib_hca_count": shape.ib_hca_count,
        "nvswitch_type": shape.nvswitch_type,
        "nvswitch_count": shape.nvswitch_count,
        "ephemeral_storage": "1Ti",
        "auto_remediation_enabled": True,
        "marked_for_deletion": node.marked_for_deletion,
        "phase_transitions": _phases(node.phases),
        **_present(
            {
                "deleted_at": _instant(node.deleted_at),
                "latest_remediation": remediation_reply(latest) if latest else None,
                "slurm_worker_hostname": f"slurm-worker-{number}" if cluster.cluster_type == "SLURM" else None,
            }
        ),
    }


def _host_name(cluster: Cluster, node: Node) -> str:
    return f"{node.node_id}.{cluster.region}.cloud.together.ai"


def _number(node: Node) -> int:
    return int(node.node_id.rpartition("-")[2])


def _phases(changes: list[PhaseChange]) -> list[dict[str, str]]:
    return [{"phase": change.phase, "transition_time": rfc3339(change.at)} for change in changes]


def _instant(at: float | None) -> str | None:
    return None if at is None else rfc3339(at)


def _present(fields: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if value is not None}
