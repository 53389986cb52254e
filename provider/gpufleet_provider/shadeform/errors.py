"""How Shadeform words its refusals.

`{"message": ...}` for keys, `{"error_code": ..., "error": ...}` for the rest; others expect `error` to be an object at
times, and a reply may be plain text or a proxy's page.
"""

from __future__ import annotations

import json
from typing import Any, cast

from gpufleet_provider.model.errors import redacted


def read_error(status: int, text: str) -> tuple[str, str]:
    """Return the error code of a refusal (or '') and its words (or ''), on one line and with nothing secret in them."""
    try:
        answer: Any = json.loads(text)
    except ValueError:
        return "", "" if text.lstrip().startswith("<") else redacted(text)
    if not isinstance(answer, dict):
        return "", redacted(answer) if isinstance(answer, str) else ""
    reply = cast("dict[str, Any]", answer)
    error = reply.get("error")
    inner = cast("dict[str, Any]", error) if isinstance(error, dict) else {}
    code = _text(reply.get("error_code")) or _text(inner.get("code"))
    return code, redacted(_text(error) or _text(inner.get("message")) or _text(reply.get("message")))


def _text(value: Any) -> str:
    return value.strip() if isinstance(value, str) else ""
