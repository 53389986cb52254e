"""Remediations: requests to repair or replace a node of a Together cluster, and the alerts that led to them."""

from __future__ import annotations

from typing import Annotated

from gpufleet_provider.model.fields import Info, Suggested


class SlurmNodeUnavailable(Info):
    """Details of an alert that Slurm has a node down."""

    reason: str | None
    """Drain reason that Slurm gives."""


class XidEvent(Info):
    """An NVIDIA Xid code seen while an alert fired."""

    count: int | None
    """How often the code appeared."""

    mnemonic: str | None
    """The driver's short name of the code, where it is known."""

    xid_code: str | None
    """NVIDIA Xid code, such as `79`."""


class XidAlert(Info):
    """Details of an alert about Xid errors in the kernel log."""

    events: list[XidEvent] | None
    """Xid codes seen while the alert fired."""


class AlertAnnotation(Info):
    """What an alert says, in parts."""

    title: str | None
    """Title of the alert."""

    description: str | None
    """Description of this kind of alert."""

    summary_line: str | None
    """Summary of this alert."""

    slurm_node_unavailable: SlurmNodeUnavailable | None = None
    """Details where Slurm has the node down."""

    xid: XidAlert | None = None
    """Details where the kernel log has Xid errors."""


class LinkedAlert(Info):
    """A passive health check alert that a remediation answers."""

    passive_health_check_alert_id: str | None
    """Id of the alert."""

    alert_name: str | None
    """Name of the alert in Alertmanager."""

    severity: Annotated[str | None, Suggested(("PHC_SEVERITY_INFO", "PHC_SEVERITY_WARNING", "PHC_SEVERITY_CRITICAL"))]
    """Severity of the alert."""

    cluster_id: str | None
    """Cluster that the alert is about."""

    target_vm: str | None
    """Name of the VM that the alert is about."""

    annotation: AlertAnnotation | None
    """What the alert says, in parts."""

    annotations: dict[str, str] | None
    """What the alert says, as Alertmanager's own keys and values."""

    started_at: str | None
    """When it first fired (RFC 3339)."""

    resolved_at: str | None = None
    """When it was resolved (RFC 3339); absent while it fires."""

    instance_id: str | None = None
    """Instance that the alert is about, once known."""

    node_remediation_intent_id: str | None = None
    """Remediation that the alert is attached to, if any."""


class Remediation(Info):
    """A request to repair or replace a node."""

    id: str | None
    """Id of the remediation."""

    cluster_id: str | None
    """Cluster of the node."""

    instance_id: str | None
    """Instance behind the node."""

    mode: Annotated[
        str | None,
        Suggested(
            (
                "REMEDIATION_MODE_VM_ONLY",
                "REMEDIATION_MODE_HOST_AWARE",
                "REMEDIATION_MODE_EVICT_WITHOUT_REPLACEMENT",
                "REMEDIATION_MODE_REBOOT_VM",
                "REMEDIATION_MODE_HOST_POWER_CYCLE",
            )
        ),
    ]
    """What is done: a new VM on any host, one on another host, no new VM, a reboot, or a power cycle of the host."""

    trigger: Annotated[str | None, Suggested(("REMEDIATION_TRIGGER_MANUAL", "REMEDIATION_TRIGGER_AUTOMATED"))]
    """Who started it: a person or the platform."""

    state: Annotated[
        str | None,
        Suggested(
            (
                "PENDING_APPROVAL",
                "PENDING",
                "RUNNING",
                "SUCCEEDED",
                "FAILED",
                "CANCELLED",
                "AUTO_RESOLVED",
                "QUARANTINING",
                "QUARANTINED",
            )
        ),
    ]
    """State of the remediation."""

    reason: str | None = None
    """Reason that the requester gave."""

    requested_by: str | None = None
    """Who requested it."""

    reviewed_by: str | None = None
    """Who approved or rejected it."""

    review_time: str | None = None
    """When it was approved or rejected (RFC 3339)."""

    review_comment: str | None = None
    """What the reviewer said."""

    create_time: str | None = None
    """When it was requested (RFC 3339)."""

    start_time: str | None = None
    """When work on it began (RFC 3339)."""

    end_time: str | None = None
    """When work on it ended (RFC 3339)."""

    update_time: str | None = None
    """When it last changed (RFC 3339)."""

    error_message: str | None = None
    """Why it failed."""

    instance_name: str | None = None
    """Display name of the instance."""

    active_health_check_run_id: str | None = None
    """Active health check run that led to it."""

    passive_health_check_event_id: str | None = None
    """Passive health check event that led to it."""

    linked_alerts: list[LinkedAlert] | None = None
    """Passive health check alerts that led to it, resolved ones included."""
