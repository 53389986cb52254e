"""gRPC, and Pulumi's protobuf messages from the installed SDK.

They are untyped because all SDKs from 3.216 on are supported, and their messages have different fields. `accepts` says
whether a message of this SDK has a field.
"""

from __future__ import annotations

from typing import Any, Final

import grpc as _grpc
import grpc.aio as _  # noqa: F401 (makes it an attribute of grpc)
from google.rpc import status_pb2 as _status  # pyright: ignore[reportMissingTypeStubs]
from pulumi.runtime.proto import callback_pb2 as _callback
from pulumi.runtime.proto import engine_pb2 as _engine
from pulumi.runtime.proto import engine_pb2_grpc as _engine_grpc
from pulumi.runtime.proto import errors_pb2 as _errors
from pulumi.runtime.proto import events_pb2 as _events
from pulumi.runtime.proto import language_pb2 as _language
from pulumi.runtime.proto import provider_pb2 as _provider
from pulumi.runtime.proto import provider_pb2_grpc as _provider_grpc
from pulumi.runtime.proto import resource_pb2 as _resource
from pulumi.runtime.proto import resource_pb2_grpc as _resource_grpc

rpc: Final[Any] = _grpc
status_pb2: Final[Any] = _status
callback_pb2: Final[Any] = _callback
engine_pb2: Final[Any] = _engine
engine_pb2_grpc: Final[Any] = _engine_grpc
errors_pb2: Final[Any] = _errors
events_pb2: Final[Any] = _events
language_pb2: Final[Any] = _language
provider_pb2: Final[Any] = _provider
provider_pb2_grpc: Final[Any] = _provider_grpc
resource_pb2: Final[Any] = _resource
resource_pb2_grpc: Final[Any] = _resource_grpc

CHANNEL_OPTIONS: Final[list[tuple[str, int]]] = [
    ("grpc.max_receive_message_length", 400 * 1024 * 1024),
    ("grpc.max_send_message_length", 400 * 1024 * 1024),
    ("grpc.max_metadata_size", 64 * 1024 * 1024),
    ("grpc.absolute_max_metadata_size", 64 * 1024 * 1024),
    ("grpc.server_max_unrequested_time_in_server", 30 * 60),
    ("grpc.server.max_pending_requests", 1_000_000),
    ("grpc.server.max_pending_requests_hard_limit", 1_000_000),
    ("grpc.enable_http_proxy", 0),
]
"""Limits for large states and busy programs. A provider reports a partial failure with the whole resource in the
trailing metadata: beyond the default of 8 KB its id would be lost. A program with thousands of resources has as many
requests in progress: by default gRPC drops them from the thousandth on. All of it is on this machine, which no proxy of
the environment can reach."""


def accepts(message: Any, field: str) -> bool:
    """Whether a message, or a message type, of this SDK has the field."""
    return field in message.DESCRIPTOR.fields_by_name
