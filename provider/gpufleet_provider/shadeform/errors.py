"""Reads Shadeform's refusals: `{"message": ...}` for keys, `{"error_code": ..., "error": ...}` for the rest.

Other clients expect `error` to be an object at times.
"""

from __future__ import annotations

from typing import cast

from gpufleet_provider.model.errors import text_of
from gpufleet_provider.model.fields import Properties


def read_error(reply: Properties) -> tuple[str, str]:
    """Return the error code of a refusal (or '') and its message (or '')."""
    error = reply.get("error")
    inner = cast(Properties, error) if isinstance(error, dict) else {}
    code = text_of(reply.get("error_code")) or text_of(inner.get("code"))
    return code, text_of(error) or text_of(inner.get("message")) or text_of(reply.get("message"))
