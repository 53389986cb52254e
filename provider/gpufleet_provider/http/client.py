"""`CloudClient`: one account of one cloud over HTTP, with one policy for retries, limits and errors.

The policy for retries, which `CloudClient._result_of` and `_error_of` hold in code:

- What can be repeated (GET, PUT, DELETE, and a POST that its caller calls repeatable) is repeated after 408, 429, 5xx,
  an unreadable answer and every transport error, for up to a minute. `x-should-retry: false` forbids it.
- Any other POST is repeated only when it certainly did nothing: the cloud answered 429, or there was no connection.
  After a timeout, a reset, a 5xx, a 408 or an unreadable 2xx it raises `Ambiguous`, because what it asked for
  may exist; the caller finds out by listing.
- Between attempts: half a second, doubling to ten, with jitter; or what `Retry-After` (`retry-after-ms`) asks for,
  with jitter on top so that a thousand threads do not come back at once. After a 429 a GET is tried
  for a minute and anything else for fifteen: a fleet of a thousand creates has to pass through the narrowest limit.
- An address that cannot be reached is tried for half a minute; a local one for five seconds, since it is a simulator
  that does not run.
- Redirects are not followed: a redirected POST may turn into a GET, and `X-API-KEY` would follow to any host.
- Once `stop_posting` has been called, sleeps end at once, GETs in flight are abandoned, and nothing that could change
  an account is sent any more.
"""

from __future__ import annotations

import email.utils
import hashlib
import ipaddress
import json as jsonlib
import random
import re
import threading
import time
import urllib.parse
import weakref
from collections.abc import Mapping
from typing import Any, cast

import httpx
import tenacity

from gpufleet_provider import __version__
from gpufleet_provider.http.exchange import ENCODINGS, STOP, Exchange, NotSent, TimedOut, Unbounded
from gpufleet_provider.model.cloud import Cloud
from gpufleet_provider.model.errors import (
    Ambiguous,
    CloudError,
    Invalid,
    RateLimited,
    Stopped,
    Unavailable,
    advice,
    error_for,
    redacted,
)
from gpufleet_provider.model.text import fold_controls, may_hold_controls

IN_FLIGHT = 32
"""Requests in flight per account, however many threads wait."""
CONNECT_SECONDS = 5.0
TOTAL_SECONDS = 60.0
"""For one attempt, from its first byte to its last, resolving the host included."""
BY_ID_PER_SECOND = 50.0
"""GETs of single resources per account and second: a list answers for all of them."""

_NOTHING_SENT = (
    httpx.ConnectError,
    httpx.ConnectTimeout,
    httpx.PoolTimeout,
    httpx.ProxyError,
)
_BODY_CHARACTERS_TO_EXPLAIN = 65_536


def segment(id: str) -> str:
    """Percent-encode an id as one segment of a path; raises Invalid for an id that would address something else."""
    if not id.strip() or id in (".", ".."):
        # `/clusters/` + "" would address the whole list.
        raise Invalid(f"{id!r} is not an id of a resource; nothing was sent")
    return urllib.parse.quote(id, safe="")


# --- The client -------------------------------------------------------------------------------------------------------


class _Retry(Exception):
    """This attempt may be repeated, for `retry_seconds` from the first failure; after that `error` is raised."""

    def __init__(self, error: CloudError, retry_seconds: float, after_seconds: float | None = None) -> None:
        super().__init__(str(error))
        self.error = error
        self.retry_seconds = retry_seconds
        self.after_seconds = after_seconds


def _may_be_done(error: CloudError) -> bool:
    """Whether an answer, or the lack of one, leaves open what became of the request."""
    return error.may_be_done or isinstance(error, Ambiguous) or error.status == 408 or (error.status or 0) >= 500


class Pace:
    """A steady rate of requests, shared by any number of threads."""

    def __init__(self, per_second: float) -> None:
        self._interval_seconds = 1.0 / per_second
        self._next = 0.0
        self._lock = threading.Lock()

    def turn_seconds(self) -> float:
        """Take the next turn and return the seconds until then."""
        with self._lock:
            now = time.monotonic()
            self._next = max(self._next, now)
            seconds = self._next - now
            self._next += self._interval_seconds
            return seconds


class CloudClient:
    """One account of one cloud, shared by any number of threads.

    `base_url` is normalised already. The key is shown by no error and no representation.
    """

    def __init__(
        self,
        cloud: Cloud,
        base_url: str,
        api_key: str,
        *,
        transport: httpx.BaseTransport | None = None,
        total_seconds: float = TOTAL_SECONDS,
        back_off_seconds: float = 0.5,
    ) -> None:
        if not re.fullmatch(r"[!-~]+", api_key):
            # As a header it would fail with a message that quotes it.
            raise Invalid(
                f"{cloud.title}: the key in {cloud.api_key_config} or {cloud.api_key_environment} is not an API key: "
                "it has blanks, line breaks or other characters that an HTTP header cannot carry"
            )
        self.cloud = cloud
        self.base_url = base_url.rstrip("/")
        self.by_id = Pace(BY_ID_PER_SECOND)
        self.changed_at = float("-inf")
        """When the last request that could change the account ended, by `time.monotonic`."""
        self._api_key = api_key
        self._total_seconds = total_seconds
        doubling = tenacity.wait_exponential(multiplier=back_off_seconds, max=10)
        self._back_off = doubling + tenacity.wait_random(0, back_off_seconds)
        self._slots = threading.BoundedSemaphore(IN_FLIGHT)
        self._client = httpx.Client(
            headers={
                **cloud.authorization(api_key),
                "Accept": "application/json",
                "Accept-Encoding": ", ".join(ENCODINGS),
                "User-Agent": f"pulumi-gpufleet/{__version__}",
            },
            timeout=httpx.Timeout(total_seconds, connect=CONNECT_SECONDS, pool=None),
            # The slots bound it; an attempt that was given up may hold a connection beyond its slot.
            limits=httpx.Limits(max_connections=None, max_keepalive_connections=IN_FLIGHT, keepalive_expiry=5),
            follow_redirects=False,
            # A proxy of the environment cannot reach a simulator on this machine.
            trust_env=not _is_loopback(base_url),
            transport=transport,
        )
        # A client that nobody uses any more keeps no connections.
        weakref.finalize(self, self._client.close).atexit = False

    @property
    def mark(self) -> str:
        """Twelve hex digits that tell accounts, and keys of one account, apart; they reveal no key."""
        return hashlib.sha256(f"{self.base_url}\n{self._api_key}".encode()).hexdigest()[:12]

    def __repr__(self) -> str:
        return f"CloudClient({self.cloud.name!r}, {_shown(self.base_url)!r})"

    def request(
        self,
        method: str,
        path: str,
        *,
        json: Any = None,
        params: Mapping[str, str | int | bool] | None = None,
        creates: bool = False,
        repeatable: bool | None = None,
    ) -> Any:
        """Ask the cloud and return the decoded JSON; an empty answer to anything but a GET or a create is `{}`.

        `path` is relative to the base URL, its variable parts made by `segment`. `creates` says that a repetition
        would make a second resource; `repeatable` (by default all but POST) that it would change nothing.
        Raises the errors of `gpufleet_provider.model.errors`.
        """
        if repeatable is None:
            repeatable = method != "POST"
        repeatable = repeatable and not creates
        url = self.base_url + path
        content = None if json is None else jsonlib.dumps(json).encode()
        headers = {"Content-Type": "application/json"} if content is not None else {}

        unclear = False

        def attempt() -> Any:
            nonlocal unclear
            request = self._client.build_request(method, url, params=params, content=content, headers=headers)
            try:
                return self._attempt(request, f"{method} {path}", creates, repeatable)
            except _Retry as fault:
                unclear = unclear or _may_be_done(fault.error)
                raise

        retrying = tenacity.Retrying(
            retry=tenacity.retry_if_exception_type(_Retry),
            wait=self._wait_seconds,
            stop=_RetryTime(),
            sleep=self._sleep,
            reraise=True,
        )
        try:
            return retrying(attempt)
        except _Retry as last:
            error = last.error
        except CloudError as last:
            error = last
        error.may_be_done = unclear or _may_be_done(error)
        # Outside of the handler: the chain of attempts and the httpx error are no use to a user.
        raise error

    def _attempt(self, request: httpx.Request, request_line: str, creates: bool, repeatable: bool) -> Any:
        changes = request.method != "GET"
        with self._slots:
            if changes and STOP.called.is_set():
                raise self._stopped(request_line)
            try:
                reply = Exchange(self._client, request).reply(self._total_seconds)
            except Exception as fault:
                raise self._error_of(fault, request_line, repeatable) from None
            finally:
                if changes:
                    self.changed_at = time.monotonic()
        return self._result_of(reply, request_line, creates, repeatable)

    def _result_of(self, reply: httpx.Response, request_line: str, creates: bool, repeatable: bool) -> Any:
        status = reply.status_code
        if 200 <= status < 300:
            if not reply.content and not creates and not request_line.startswith("GET "):
                return {}
            try:
                answer: Any = _decoded(reply.content)
            except (ValueError, RecursionError):
                answer = None
            if isinstance(answer, dict):
                return cast(Any, answer)
            unclear = self._unclear_outcome(
                f"{request_line} answered {status} with something that is not a JSON object", repeatable, status
            )
            if isinstance(unclear, Ambiguous):
                unclear.reply = reply.content.decode("utf-8", "replace")
            raise unclear
        if 300 <= status < 400:
            message = f"{request_line} answered {status}, a redirect, which is not followed"
            if not repeatable and status not in (301, 307, 308):
                raise self._unclear_outcome(message, repeatable, status)
            raise Invalid(f"{self.cloud.title}: {message}. Correct {self.cloud.base_url_config}", status=status)
        text = reply.text[:_BODY_CHARACTERS_TO_EXPLAIN]
        error = error_for(self.cloud, request_line, status, text, repeatable=repeatable, secret=self._api_key)
        allowed = reply.headers.get("x-should-retry")
        wanted = status == 429 or (repeatable and (status == 408 or status >= 500 or allowed == "true"))
        if not wanted or allowed == "false":
            raise error
        retry_seconds = 900 if isinstance(error, RateLimited) and not request_line.startswith("GET ") else 60
        raise _Retry(error, retry_seconds, _retry_after_seconds(reply.headers))

    def _error_of(self, fault: Exception, request_line: str, repeatable: bool) -> Exception:
        """Return the error for a transport error: nothing was sent (retry), or no answer came (retry, or ambiguous)."""
        title, at = self.cloud.title, _shown(self.base_url)
        if isinstance(fault, NotSent):
            return self._stopped(request_line)
        if isinstance(fault, httpx.InvalidURL | httpx.UnsupportedProtocol | httpx.LocalProtocolError):
            return Invalid(
                f"{title}: {request_line} cannot be sent to {at}. Check {self.cloud.base_url_config} and the key"
            )
        if isinstance(fault, _NOTHING_SENT):
            message = f"{title}: {request_line} could not connect to {at}: {self._reason(fault)}. "
            if _is_loopback(self.base_url):
                return _Retry(Unavailable(message + "If the simulator is meant, start it with `gpufleet simulate`"), 5)
            message += f"Check the network, the proxy (HTTPS_PROXY) and {self.cloud.base_url_config}"
            return Unavailable(message) if "CERTIFICATE_VERIFY_FAILED" in message else _Retry(Unavailable(message), 30)
        if isinstance(fault, Unbounded):
            kind = Unavailable if repeatable else Ambiguous
            return kind(f"{title}: {request_line} at {at}: {fault}. {advice(kind, self.cloud)}")
        reason = "no answer in time" if isinstance(fault, TimedOut | httpx.TimeoutException) else self._reason(fault)
        return self._unclear_outcome(f"{request_line} at {at}: {reason}", repeatable, None)

    def _unclear_outcome(self, message: str, repeatable: bool, status: int | None) -> Exception:
        kind = Unavailable if repeatable else Ambiguous
        error = kind(f"{self.cloud.title}: {message}. {advice(kind, self.cloud)}", status=status)
        error.may_be_done = True
        return _Retry(error, 60) if repeatable else error

    def _stopped(self, request_line: str) -> Stopped:
        return Stopped(f"{self.cloud.title}: {request_line} was not carried out: {STOP.reason}")

    def _reason(self, fault: Exception) -> str:
        return redacted(str(fault), self._api_key).rstrip(".") or type(fault).__name__

    def _wait_seconds(self, state: tenacity.RetryCallState) -> float:
        fault = _fault(state)
        if fault.after_seconds is not None:
            return fault.after_seconds + random.uniform(0, 1) * min(1.0, fault.after_seconds)
        return self._back_off(state)

    def _sleep(self, seconds: float) -> None:
        if STOP.called.wait(seconds):
            raise Stopped(f"{self.cloud.title}: a request that failed was not repeated: {STOP.reason}")


def _fault(state: tenacity.RetryCallState) -> _Retry:
    fault = state.outcome.exception() if state.outcome is not None else None
    assert isinstance(fault, _Retry)
    return fault


class _RetryTime:
    """Whether the time for retries is up, counted from the first failure: waiting for a slot does not count."""

    def __init__(self) -> None:
        self._failed_at: float | None = None

    def __call__(self, state: tenacity.RetryCallState) -> bool:
        now = time.monotonic()
        self._failed_at = now if self._failed_at is None else self._failed_at
        return STOP.called.is_set() or now - self._failed_at + state.upcoming_sleep > _fault(state).retry_seconds


def _retry_after_seconds(headers: httpx.Headers) -> float | None:
    """Read `retry-after-ms` or `Retry-After` (seconds or a date); None when it is missing or invalid."""
    for name, factor in (("retry-after-ms", 0.001), ("retry-after", 1.0)):
        value = headers.get(name)
        if value is None:
            continue
        try:
            seconds = float(value) * factor
        except ValueError:
            try:
                seconds = email.utils.parsedate_to_datetime(value).timestamp() - time.time()
            except (ValueError, OverflowError):
                continue
        if 0 < seconds < 86_400:
            return seconds
    return None


def _shown(base_url: str) -> str:
    """Return a base URL without the user and password that it may hold."""
    return str(httpx.URL(base_url).copy_with(userinfo=b""))


def _is_loopback(base_url: str) -> bool:
    host = httpx.URL(base_url).host
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _decoded(content: bytes) -> Any:
    """Decode JSON, without control characters in any string; raises ValueError, or RecursionError if it is too deep."""
    answer: Any = jsonlib.loads(content, parse_int=_whole_number)
    return fold_controls(answer) if may_hold_controls(content) else answer


def _whole_number(digits: str) -> int | float:
    # Python reads no number of thousands of digits; as a float it is infinite, and counts as no number.
    return int(digits) if len(digits) <= 300 else float(digits)
