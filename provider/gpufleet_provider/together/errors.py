"""How Together words its refusals.

Two shapes are known, `{"error": {message, type, param, code}}` and the RPC shape `{message, code, details: [{detail}]}`
whose details may hold the useful words; a reply may also be plain text or a proxy's page.
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
    if isinstance(error, dict):
        return _of_error(cast("dict[str, Any]", error))
    words = [_text(error) or _text(reply.get("message"))]
    details = reply.get("details")
    for detail in cast("list[Any]", details) if isinstance(details, list) else []:
        words.append(_text(cast("dict[str, Any]", detail).get("detail")) if isinstance(detail, dict) else "")
    # The RPC shape's code is a number of gRPC's, which says no more than the status does.
    return _text(reply.get("code")), redacted(": ".join(_distinct(words)))


def _of_error(error: dict[str, Any]) -> tuple[str, str]:
    words, parameter = _text(error.get("message")), _text(error.get("param"))
    if parameter and parameter not in words:
        words = f"{parameter}: {words}" if words else parameter
    return _text(error.get("code")) or _text(error.get("type")), redacted(words)


def _distinct(words: list[str]) -> list[str]:
    return [word for word in dict.fromkeys(words) if word]


def _text(value: Any) -> str:
    return value.strip() if isinstance(value, str) else ""
