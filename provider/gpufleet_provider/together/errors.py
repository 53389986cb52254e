"""Reads Together's refusals, of which two shapes are known.

`{"error": {message, type, param, code}}`, and the RPC shape `{message, code, details: [{detail}]}`, whose details may
hold the useful part.
"""

from __future__ import annotations

from typing import Any, cast

from gpufleet_provider.model.errors import text_of
from gpufleet_provider.model.fields import Properties


def read_error(reply: Properties) -> tuple[str, str]:
    """Return the error code of a refusal (or '') and its message (or '')."""
    error = reply.get("error")
    if isinstance(error, dict):
        return _structured_error(cast(Properties, error))
    details: Any = reply.get("details")
    parts = [text_of(error) or text_of(reply.get("message"))]
    for detail in cast("list[Any]", details) if isinstance(details, list) else []:
        parts.append(text_of(cast(Properties, detail).get("detail")) if isinstance(detail, dict) else "")
    # The RPC shape's code is a number of gRPC's, which says no more than the status does.
    return text_of(reply.get("code")), ": ".join(part for part in dict.fromkeys(parts) if part)


def _structured_error(error: Properties) -> tuple[str, str]:
    message, parameter = text_of(error.get("message")), text_of(error.get("param"))
    if parameter and parameter not in message:
        message = f"{parameter}: {message}" if message else parameter
    return text_of(error.get("code")) or text_of(error.get("type")), message
