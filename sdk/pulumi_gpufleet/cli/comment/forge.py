"""The API of a forge: where the comments of a pull request or merge request are read and written.

Retries: a request that a forge turned away for its rate is repeated after the time that the forge names, if that is a
minute or less. Reads, edits and deletes are repeated after 5xx and broken connections as well; a comment is posted
once, since a repeated post could be a second comment.
"""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, cast

import httpx
import tenacity
from gpufleet_provider import __version__
from gpufleet_provider.model.errors import redacted

PAGE_SIZE = 100
_ATTEMPTS = 4
_LONGEST_WAIT_SECONDS = 60.0
_TIMEOUT_SECONDS = 30.0


class ForgeError(Exception):
    """A forge refused a request or could not be reached; the message says what to do, and holds no token."""


class Gone(ForgeError):
    """What was asked for is not there."""


class _Repeatable(Exception):
    def __init__(self, error: ForgeError, wait_seconds: float | None) -> None:
        super().__init__(str(error))
        self.error = error
        self.wait_seconds = wait_seconds


@dataclass(frozen=True)
class Comment:
    """A comment as the forge shows it."""

    id: int
    body: str


class Forge(ABC):
    """One pull request or merge request of a forge; use it as a context manager."""

    title: str
    """What people call the forge."""
    longest_comment: int
    """Characters that a comment may have."""

    def __init__(self, api_url: str, headers: Mapping[str, str], token: str) -> None:
        self._token = token
        self._client = httpx.Client(
            base_url=api_url.rstrip("/"),
            headers={"User-Agent": f"pulumi-gpufleet/{__version__}", **headers},
            timeout=_TIMEOUT_SECONDS,
            follow_redirects=True,
        )

    def __enter__(self) -> Forge:
        return self

    def __exit__(self, *_: object) -> None:
        self._client.close()

    @abstractmethod
    def comments_path(self) -> str:
        """Return the path of the comments."""

    @abstractmethod
    def comment_path(self, id: int) -> str:
        """Return the path of one comment."""

    @abstractmethod
    def edit_method(self) -> str:
        """Return the method that edits a comment."""

    @abstractmethod
    def advice(self, status: int) -> str:
        """Return what to do about a refusal, after a colon; empty for one that speaks for itself."""

    def comments(self) -> Iterator[Comment]:
        """Yield every comment, the oldest first; raises ForgeError."""
        page = 1
        while True:
            query = {"per_page": PAGE_SIZE, "page": page, "sort": "asc", "order_by": "created_at"}
            rows = self._request("GET", self.comments_path(), params=query)
            if not isinstance(rows, list):
                raise ForgeError(f"{self.title}: the list of comments is not one: is the address of the API right?")
            each = cast("list[dict[str, Any]]", rows)
            yield from (Comment(int(row["id"]), str(row.get("body") or "")) for row in each)
            if len(each) < PAGE_SIZE:
                return
            page += 1

    def post(self, body: str) -> None:
        """Post a comment; raises ForgeError."""
        self._request("POST", self.comments_path(), json={"body": body})

    def edit(self, id: int, body: str) -> None:
        """Replace the text of a comment; raises Gone if it was deleted, or ForgeError."""
        self._request(self.edit_method(), self.comment_path(id), json={"body": body})

    def delete(self, id: int) -> None:
        """Delete a comment; raises Gone if it was deleted already, or ForgeError."""
        self._request("DELETE", self.comment_path(id))

    def _request(self, method: str, path: str, **options: Any) -> Any:
        retrying = tenacity.Retrying(
            retry=tenacity.retry_if_exception_type(_Repeatable),
            stop=tenacity.stop_after_attempt(_ATTEMPTS),
            wait=_wait_seconds,
            reraise=True,
        )
        try:
            return retrying(self._send, method, path, **options)
        except _Repeatable as error:
            raise error.error from None

    def _send(self, method: str, path: str, **options: Any) -> Any:
        try:
            response = self._client.request(method, path, **options)
        except httpx.HTTPError as error:
            reason = redacted(str(error), self._token) or type(error).__name__
            failure = ForgeError(f"{self.title}: could not reach {self._client.base_url.host}: {reason}")
            raise (failure if method == "POST" else _Repeatable(failure, None)) from None
        except httpx.InvalidURL:
            raise ForgeError(f"{self.title}: the address of the API is not a URL") from None
        if response.is_success:
            return self._read(response)
        self._refuse(method, response)

    def _read(self, response: httpx.Response) -> Any:
        if not response.content:
            return None
        try:
            return response.json()
        except ValueError:
            raise ForgeError(f"{self.title}: the answer is not JSON: is the address of the API right?") from None

    def _refuse(self, method: str, response: httpx.Response) -> None:
        status = response.status_code
        said = redacted(_message_of(response), self._token)
        advice = self.advice(status)
        text = (
            f"{self.title} refused the request ({status}{f', {said}' if said else ''}){f': {advice}' if advice else ''}"
        )
        if (wait_seconds := _rate_limit_seconds(response)) is not None:
            limited = ForgeError(
                f"{self.title} takes no more requests for {wait_seconds:.0f} s ({status}); run it again then"
            )
            if wait_seconds > _LONGEST_WAIT_SECONDS:
                raise limited
            raise _Repeatable(limited, wait_seconds)
        if status >= 500 and method != "POST":
            raise _Repeatable(ForgeError(text), None)
        raise (Gone if status in (404, 410) else ForgeError)(text)


def _wait_seconds(state: tenacity.RetryCallState) -> float:
    error = state.outcome.exception() if state.outcome is not None else None
    named = error.wait_seconds if isinstance(error, _Repeatable) else None
    return named if named is not None else min(0.5 * 2**state.attempt_number, 8.0)


def _rate_limit_seconds(response: httpx.Response) -> float | None:
    """Return after how many seconds a request that was turned away for its rate may be repeated; None for others."""
    headers = response.headers
    if response.status_code not in (403, 429):
        return None
    if (after := _number(headers.get("retry-after"))) is not None:
        return after
    reset = _number(headers.get("x-ratelimit-reset") or headers.get("ratelimit-reset"))
    if (headers.get("x-ratelimit-remaining") or headers.get("ratelimit-remaining")) == "0" and reset is not None:
        return max(reset - time.time(), 0.0)
    return _LONGEST_WAIT_SECONDS if response.status_code == 429 else None


def _number(text: str | None) -> float | None:
    return float(text) if text is not None and text.strip().isdigit() else None


def _message_of(response: httpx.Response) -> str:
    try:
        body = response.json()
    except ValueError:
        return ""
    message = cast("dict[str, Any]", body).get("message") if isinstance(body, dict) else None
    return message if isinstance(message, str) else ""
