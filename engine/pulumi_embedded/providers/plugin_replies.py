"""What a plugin's gRPC replies and errors mean to the engine."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pulumi_embedded.providers.protocol import errors_pb2, provider_pb2, rpc, status_pb2
from pulumi_embedded.providers.provider_api import (
    STATUS_OK,
    STATUS_UNKNOWN,
    Change,
    CheckFailure,
    Diff,
    DiffKind,
    InitFailed,
    PropertyDiff,
    ProviderError,
)
from pulumi_embedded.providers.wire import from_struct
from pulumi_embedded.values import Properties, Secret, has_secrets

if TYPE_CHECKING:
    from collections.abc import Iterable

_STATUS_DETAILS = "grpc-status-details-bin"
_CHANGES: dict[int, Change] = {
    provider_pb2.DiffResponse.DIFF_NONE: "none",
    provider_pb2.DiffResponse.DIFF_SOME: "some",
    provider_pb2.DiffResponse.DIFF_UNKNOWN: "unknown",
}
_KINDS: dict[int, DiffKind] = {
    provider_pb2.PropertyDiff.ADD: "add",
    provider_pb2.PropertyDiff.ADD_REPLACE: "add-replace",
    provider_pb2.PropertyDiff.DELETE: "delete",
    provider_pb2.PropertyDiff.DELETE_REPLACE: "delete-replace",
    provider_pb2.PropertyDiff.UPDATE: "update",
    provider_pb2.PropertyDiff.UPDATE_REPLACE: "update-replace",
}


def with_secrets(received: Properties, sent: Properties) -> Properties:
    """The received properties, secret wherever the value of the same name that was sent is."""
    marked = dict(received)
    for key, value in received.items():
        original = sent.get(key)
        if isinstance(value, dict) and isinstance(original, dict):
            marked[key] = with_secrets(value, original)
        elif not isinstance(value, Secret) and has_secrets(original):
            marked[key] = Secret(value)
    return marked


def failures_of(failures: Iterable[Any]) -> list[CheckFailure]:
    """The failures of a reply."""
    return [CheckFailure(failure.property, failure.reason) for failure in failures]


def diff_of(response: Any) -> Diff:
    """The diff of a `DiffResponse`."""
    detailed = None
    if response.hasDetailedDiff:
        detailed = {
            path: PropertyDiff(_KINDS.get(diff.kind, "update"), diff.inputDiff)
            for path, diff in sorted(response.detailedDiff.items())
        }
    return Diff(
        changes=_CHANGES.get(response.changes, "unknown"),
        replace_keys=list(response.replaces),
        changed_keys=list(response.diffs),
        detailed=detailed,
        delete_before_replace=response.deleteBeforeReplace,
    )


def error_of(error: Any) -> ProviderError:
    """The error of a failed call: `InitFailed` if the resource exists, else one that says whether its fate is known."""
    message, details = _status(error)
    for detail in details:
        failed = _init_failed(detail)
        if failed is not None:
            return failed
    unknown = error.code() in (rpc.StatusCode.INTERNAL, rpc.StatusCode.DATA_LOSS, rpc.StatusCode.UNKNOWN)
    return ProviderError(message, STATUS_UNKNOWN if unknown else STATUS_OK)


def _init_failed(detail: Any) -> InitFailed | None:
    """The partial failure in this detail of a gRPC status; None if it is another kind of detail."""
    failed = provider_pb2.ErrorResourceInitFailed()
    if not detail.Unpack(failed):
        return None
    inputs = from_struct(failed.inputs) if failed.HasField("inputs") else None
    return InitFailed(list(failed.reasons), failed.id, from_struct(failed.properties), inputs)


def configure_error_of(error: Any) -> ProviderError:
    """The error of a failed Configure, which lists the config keys that are missing."""
    message, details = _status(error)
    for detail in details:
        missing = provider_pb2.ConfigureErrorMissingKeys()
        if detail.Unpack(missing):
            message = "\n".join(
                f'missing required configuration key "{key.name}": {key.description}\n'
                f"Set a value using the command `pulumi config set {key.name} <value>`."
                for key in missing.missingKeys
            )
    return ProviderError(message, STATUS_OK)


def _status(error: Any) -> tuple[str, list[Any]]:
    message = error.details() or str(error.code())
    for key, value in error.trailing_metadata() or ():
        if key == _STATUS_DETAILS and isinstance(value, bytes):
            status = status_pb2.Status.FromString(value)
            cause = errors_pb2.ErrorCause()
            causes = [cause.message for detail in status.details if detail.Unpack(cause)]
            return ": ".join([status.message or message, *causes]), list(status.details)
    return message, []
