"""One policy for requests, retries and errors: what is repeated, what is not, and what a user reads."""

import email.utils
import gzip
import json
import socket
import socketserver
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any

import httpx
import pytest
from gpufleet_provider import __version__
from gpufleet_provider.http import client as http
from gpufleet_provider.http import exchange
from gpufleet_provider.http.client import CloudClient, segment
from gpufleet_provider.http.exchange import stop_posting, stopped
from gpufleet_provider.model.cloud import Cloud
from gpufleet_provider.model.errors import (
    Ambiguous,
    CloudError,
    Conflict,
    Forbidden,
    InsufficientFunds,
    Invalid,
    NotFound,
    OutOfCapacity,
    RateLimited,
    Stopped,
    Unauthorized,
    Unavailable,
)

KEY = "canary-5f0c2a9e41"
PATIENTLY = 30
"""Seconds that a test waits for a thread before it calls it stuck."""


def read_error(reply: dict[str, Any]) -> tuple[str, str]:
    return str(reply.get("error_code", "")), str(reply.get("error", ""))


CLOUD = Cloud(
    name="acme",
    title="Acme",
    base_url="https://api.acme.test/v1",
    authorization=lambda key: {"X-API-KEY": key},
    normalise_base_url=lambda url: url.rstrip("/"),
    read_error=read_error,
)

Answer = httpx.Response | Exception


def refusal(status: int, words: str = "", code: str = "", **headers: str) -> httpx.Response:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return httpx.Response(status, json={"error_code": code, "error": words}, headers=named)


class Script:
    """Gives its answers in turn, the last one for ever, and remembers what it was asked."""

    def __init__(self, *answers: Answer) -> None:
        self.answers = list(answers)
        self.requests: list[httpx.Request] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        answer = self.answers[min(len(self.requests), len(self.answers)) - 1]
        if isinstance(answer, Exception):
            raise answer
        return httpx.Response(answer.status_code, headers=answer.headers, content=answer.content)


def client(
    answers: Callable[[httpx.Request], httpx.Response], base_url: str = CLOUD.base_url, **kwargs: Any
) -> CloudClient:
    kwargs.setdefault("back_off_seconds", 0.001)
    return CloudClient(CLOUD, base_url, KEY, transport=httpx.MockTransport(answers), **kwargs)


@pytest.fixture(autouse=True)
def stop(monkeypatch: pytest.MonkeyPatch) -> exchange.Stop:
    """A switch of its own for each test: a process that has been stopped stays so."""
    switch = exchange.Stop()
    monkeypatch.setattr(exchange, "STOP", switch)
    monkeypatch.setattr(http, "STOP", switch)
    return switch


@pytest.fixture
def slept(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The sleeps between attempts, taken on a clock that nothing else moves."""
    seconds: list[float] = []
    monkeypatch.setattr(CloudClient, "_sleep", lambda self, pause: seconds.append(pause))
    monkeypatch.setattr(http, "time", SimpleNamespace(monotonic=lambda: sum(seconds), time=time.time))
    return seconds


def error_of(answer: Answer, method: str = "GET", **kwargs: Any) -> CloudError:
    with pytest.raises(CloudError) as raised:
        client(Script(answer)).request(method, "/clusters", **kwargs)
    return raised.value


# --- What is sent and returned --------------------------------------------------------------------------------------


def test_a_request_carries_key_agent_query_and_body():
    script = Script(httpx.Response(200, json={"id": "c1"}))
    answer = client(script).request("POST", "/clusters", json={"num_gpus": 8}, params={"dry": True}, creates=True)
    assert answer == {"id": "c1"}
    [sent] = script.requests
    assert str(sent.url) == "https://api.acme.test/v1/clusters?dry=true"
    assert sent.headers["x-api-key"] == KEY
    assert sent.headers["user-agent"] == f"pulumi-gpufleet/{__version__}"
    assert sent.headers["content-type"] == "application/json"
    assert json.loads(sent.content) == {"num_gpus": 8}


def test_a_segment_reaches_the_wire_encoded():
    script = Script(httpx.Response(200, json={}))
    client(script).request("GET", f"/clusters/{segment('a/b c?d')}/info")
    assert script.requests[0].url.raw_path == b"/v1/clusters/a%2Fb%20c%3Fd/info"


@pytest.mark.parametrize("id", ["", "  ", ".", ".."])
def test_an_id_that_addresses_something_else_is_refused(id: str):
    with pytest.raises(Invalid):
        segment(id)


@pytest.mark.parametrize(("method", "repeatable"), [("DELETE", None), ("PUT", None), ("POST", True), ("POST", False)])
def test_an_empty_answer_to_a_verb_that_promises_none_is_empty(method: str, repeatable: bool | None):
    assert client(Script(httpx.Response(200))).request(method, "/clusters/c1", repeatable=repeatable) == {}


def test_half_of_a_surrogate_pair_in_an_answer_is_replaced():
    odd = httpx.Response(
        200, content=rb'{"id": "a\ud83d", "events": [{"message": "b\udc00c", "\ud800": "\ud83d\ude00"}]}'
    )
    answer = client(Script(odd)).request("GET", "/x")
    assert answer == {"id": "a?", "events": [{"message": "b?c", "?": "\U0001f600"}]}


@pytest.mark.parametrize(
    ("body", "number"),
    [
        ('{"n": 1' + "0" * 5000 + "}", float("inf")),
        ('{"n": 12}', 12),
        ('{"n": ' + "9" * 40 + "}", int("9" * 40)),
    ],
)
def test_a_number_of_any_length_is_read(body: str, number: float):
    assert client(Script(httpx.Response(200, content=body))).request("GET", "/things") == {"n": number}


def test_an_answer_that_is_nested_beyond_reason_is_no_answer(slept: list[float]):
    deep = httpx.Response(200, content='{"id": "t-1", "a": ' + "[" * 100_000 + "]" * 100_000 + "}")
    with pytest.raises(Unavailable):
        client(Script(deep)).request("GET", "/things")
    with pytest.raises(Ambiguous) as lost:
        client(Script(deep)).request("POST", "/things", json={}, creates=True)
    assert "t-1" in lost.value.reply and "t-1" not in str(lost.value)


@pytest.mark.parametrize("text", ["token" * 13_000, "a-" * 32_768, "password: " * 6_000, "x" * 65_536, "[2J\x1b\x00"])
def test_no_body_holds_up_its_error(text: str):
    # With patterns that look at each place again, the first of them takes hours.
    with pytest.raises(Invalid) as refused:
        client(Script(httpx.Response(400, content=text))).request("GET", "/things")
    assert str(refused.value).isprintable()


@pytest.mark.parametrize(
    ("answers", "may_be_done"),
    [
        ([refusal(400)], False),
        ([refusal(409)], False),
        ([refusal(429), refusal(409)], False),
        ([httpx.ConnectError("no"), refusal(409)], False),
        ([httpx.ReadTimeout("lost"), refusal(409)], True),
        ([refusal(502), refusal(400)], True),
        ([httpx.Response(200, content="<html>"), refusal(409)], True),
        ([httpx.ReadError("reset")], True),
        ([refusal(500)], True),
        ([refusal(500, x_should_retry="false")], True),
    ],
)
def test_an_error_says_whether_it_may_be_done_all_the_same(
    slept: list[float], answers: list[Answer], may_be_done: bool
):
    with pytest.raises(CloudError) as failed:
        client(Script(*answers)).request("PUT", "/things/1", json={})
    assert failed.value.may_be_done is may_be_done


def test_a_compressed_answer_is_read():
    body = gzip.compress(b'{"clusters": []}')

    def answer(_request: httpx.Request) -> httpx.Response:
        return httpx.Response(200, stream=httpx.ByteStream(body), headers={"content-encoding": "gzip"})

    assert client(answer).request("GET", "/clusters") == {"clusters": []}


def test_control_characters_of_an_answer_reach_nobody():
    escape = r'{"id": "c1", "status": "Ready\u001b[2J", "nodes": [{"host\u0007": "a\u202eb"}], "yaml": "a:\n\tb\r\n"}'
    answer = client(Script(httpx.Response(200, content=escape.encode()))).request("GET", "/clusters/c1")
    expected = {"id": "c1", "status": "Ready?[2J", "nodes": [{"host?": "a?b"}], "yaml": "a:\n\tb\r\n"}
    assert answer == expected
    for body in (b"not JSON \x1b[31m", rb'{"error": "\u001b[31m", "error_code": "\u009b2J"}'):
        error = error_of(httpx.Response(400, content=body))
        assert not any(sign in text for sign in "\x1b\x9b" for text in (str(error), error.answer, error.code))


def test_an_answer_that_is_nested_too_deep_is_no_answer():
    error = error_of(httpx.Response(200, content=b"[" * 100_000), "POST", creates=True)
    assert isinstance(error, Ambiguous) and "not a JSON object" in str(error)
    assert isinstance(error_of(httpx.Response(400, content=b"[" * 50_000)), Invalid)


class Endless(httpx.SyncByteStream):
    """A body without an end, of which `sent` bytes have been read."""

    def __init__(self, part: bytes) -> None:
        self.part = part
        self.sent = 0

    def __iter__(self) -> Iterator[bytes]:
        while True:
            self.sent += len(self.part)
            yield self.part


@pytest.mark.parametrize(("method", "kind"), [("GET", Unavailable), ("POST", Ambiguous)])
def test_no_more_is_read_than_any_answer_has(monkeypatch: pytest.MonkeyPatch, method: str, kind: type[CloudError]):
    monkeypatch.setattr(exchange, "MOST_BYTES", 3 << 20)
    body = Endless(b" " * 65_536)
    with pytest.raises(kind) as raised:
        client(lambda _: httpx.Response(200, stream=body)).request(method, "/clusters", creates=method == "POST")
    assert "the answer is larger than 3 MiB" in str(raised.value)
    assert body.sent <= (3 << 20) + 2 * 65_536


def test_of_a_refusal_little_is_read():
    body = Endless(b"sold out ")
    with pytest.raises(CloudError):
        client(lambda _: httpx.Response(409, stream=body)).request("GET", "/clusters")
    assert body.sent <= exchange.MOST_BYTES_OF_A_REFUSAL + 65_536


def test_what_a_small_answer_is_blown_up_to_counts(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(exchange, "MOST_BYTES", 1 << 20)
    bomb = gzip.compress(b" " * (64 << 20))
    assert len(bomb) < 100_000
    with pytest.raises(Unavailable, match="larger than 1 MiB"):
        client(
            lambda _: httpx.Response(200, stream=httpx.ByteStream(bomb), headers={"content-encoding": "gzip"})
        ).request("GET", "/clusters")


@pytest.mark.parametrize("encoding", ["br", "zstd", "gzip, gzip", "\x1b[2J"])
def test_a_compression_that_was_not_asked_for_is_not_undone(encoding: str):
    def answer(request: httpx.Request) -> httpx.Response:
        assert request.headers["accept-encoding"] == "gzip, deflate"
        return httpx.Response(200, stream=httpx.ByteStream(b"{}"), headers={"content-encoding": encoding})

    with pytest.raises(Unavailable, match="which was not asked for"):
        client(answer).request("GET", "/clusters")


@pytest.mark.parametrize("creates", [True, False])
def test_where_no_thread_can_be_started_a_request_is_sent_once_and_answered(
    monkeypatch: pytest.MonkeyPatch, creates: bool
):
    def start(_thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    script = Script(httpx.Response(200, json={"id": "c1"}))
    asking = client(script)
    monkeypatch.setattr(threading.Thread, "start", start)
    assert asking.request("POST" if creates else "GET", "/clusters", creates=creates) == {"id": "c1"}
    assert len(script.requests) == 1


# --- What is repeated -------------------------------------------------------------------------------------------------

REQUEST = httpx.Request("GET", "https://api.acme.test/v1/clusters")
NO_ANSWER = [
    httpx.ReadTimeout("slow"),
    httpx.WriteTimeout("slow"),
    httpx.ReadError("reset"),
    httpx.WriteError("reset"),
    httpx.RemoteProtocolError("Server disconnected without sending a response."),
    httpx.Response(408),
    httpx.Response(500),
    httpx.Response(502, text="<html>bad gateway</html>"),
    httpx.Response(503),
    httpx.Response(200, text="<html>please sign in</html>"),
    httpx.Response(200, json="ok"),
    httpx.Response(200, text="null"),
]
NOTHING_HAPPENED = [httpx.ConnectError("refused"), httpx.ConnectTimeout("slow"), httpx.Response(429)]


def named(answer: object) -> str:
    return f"{answer.status_code}-{answer.text[:6]}" if isinstance(answer, httpx.Response) else type(answer).__name__


@pytest.mark.parametrize("call", ["GET", "PUT", "DELETE", "POST"])
@pytest.mark.parametrize("fault", [*NO_ANSWER, *NOTHING_HAPPENED], ids=named)
def test_what_can_be_repeated_is_repeated_until_it_is_answered(fault: Answer, call: str):
    script = Script(fault, fault, httpx.Response(200, json={"ok": 1}))
    assert client(script).request(call, "/clusters/c1", repeatable=True if call == "POST" else None) == {"ok": 1}
    assert len(script.requests) == 3


@pytest.mark.parametrize("creates", [True, False])
@pytest.mark.parametrize("fault", NO_ANSWER, ids=named)
def test_a_post_without_a_readable_answer_is_ambiguous_and_never_repeated(fault: Answer, creates: bool):
    script = Script(fault, httpx.Response(200, json={"id": "second"}))
    with pytest.raises(Ambiguous) as raised:
        client(script).request("POST", "/clusters", json={}, creates=creates)
    assert len(script.requests) == 1
    assert "may have been carried out" in str(raised.value)


def test_a_read_that_answers_nothing_is_repeated():
    assert client(Script(httpx.Response(200), httpx.Response(200, json={"ok": 1}))).request("GET", "/x") == {"ok": 1}


def test_a_create_that_answers_nothing_is_ambiguous():
    assert isinstance(error_of(httpx.Response(200), "POST", creates=True), Ambiguous)
    assert isinstance(error_of(httpx.Response(204), "POST", creates=True), Ambiguous)
    assert isinstance(error_of(httpx.Response(200, json=[]), "POST", creates=True), Ambiguous)


@pytest.mark.parametrize("fault", NOTHING_HAPPENED, ids=named)
def test_a_create_is_repeated_when_nothing_happened(fault: Answer):
    script = Script(fault, fault, httpx.Response(200, json={"id": "c1"}))
    assert client(script).request("POST", "/clusters", json={}, creates=True) == {"id": "c1"}
    assert len(script.requests) == 3


@pytest.mark.parametrize("status", [400, 401, 402, 403, 404, 405, 409, 422])
def test_a_definite_refusal_is_not_repeated(status: int):
    for method, creates in (("GET", False), ("PUT", False), ("DELETE", False), ("POST", True)):
        script = Script(refusal(status, "no"))
        with pytest.raises(CloudError) as raised:
            client(script).request(method, "/clusters", creates=creates)
        assert len(script.requests) == 1
        assert raised.value.status == status
        assert not isinstance(raised.value, Ambiguous)


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_no_redirect_is_followed(status: int):
    script = Script(httpx.Response(status, headers={"location": "https://elsewhere.test/"}))
    for method, creates in (("GET", False), ("POST", True)):
        with pytest.raises(CloudError) as raised:
            client(script).request(method, "/clusters", creates=creates)
        assert isinstance(raised.value, Ambiguous) == (creates and status in (302, 303))
    assert len(script.requests) == 2


@pytest.mark.parametrize(
    ("headers", "at_least"),
    [
        ({"retry-after": "7"}, 7.0),
        ({"retry-after": "2.5"}, 2.5),
        ({"retry-after-ms": "1500", "retry-after": "9"}, 1.5),
    ],
)
@pytest.mark.parametrize("status", [429, 503])
def test_the_time_that_the_cloud_asks_for_is_waited(
    slept: list[float], headers: dict[str, str], at_least: float, status: int
):
    script = Script(httpx.Response(status, headers=headers), httpx.Response(200, json={}))
    client(script).request("GET", "/clusters")
    [seconds] = slept
    assert at_least <= seconds <= at_least + 1.0


def test_the_time_that_the_cloud_asks_for_may_be_a_date(monkeypatch: pytest.MonkeyPatch, slept: list[float]):
    monkeypatch.setattr(http.time, "time", lambda: 1_795_000_000.0)
    date = email.utils.formatdate(1_795_000_050, usegmt=True)
    client(Script(httpx.Response(429, headers={"retry-after": date}), httpx.Response(200, json={}))).request("GET", "/")
    assert 50 <= slept[0] <= 51


@pytest.mark.parametrize("header", ["soon", "-1", "nan", "999999999", ""])
def test_a_retry_after_that_makes_no_sense_is_ignored(slept: list[float], header: str):
    script = Script(httpx.Response(429, headers={"retry-after": header}), httpx.Response(200, json={}))
    client(script).request("GET", "/clusters")
    assert len(slept) == 1 and slept[0] < 1


@pytest.mark.parametrize(
    ("answer", "base_url", "patience_seconds"),
    [
        (httpx.Response(503), CLOUD.base_url, 60),
        (httpx.ReadError("reset"), CLOUD.base_url, 60),
        (httpx.Response(429), CLOUD.base_url, 60),
        (httpx.ConnectError("refused"), CLOUD.base_url, 30),
        (httpx.ConnectError("refused"), "http://127.0.0.1:8377/v1", 5),
        (httpx.ConnectError("refused"), "http://localhost:8377/v1", 5),
        (httpx.ConnectError("refused"), "http://[::1]:8377/v1", 5),
    ],
)
def test_pauses_double_and_come_to_an_end(slept: list[float], answer: Answer, base_url: str, patience_seconds: float):
    script = Script(answer)
    with pytest.raises(CloudError):
        client(script, base_url, back_off_seconds=0.5).request("GET", "/x")
    assert len(script.requests) == len(slept) + 1
    assert patience_seconds - 11 < sum(slept) <= patience_seconds
    for number, seconds in enumerate(slept):
        assert 0 <= seconds - min(0.5 * 2**number, 10) <= 0.5


def test_a_certificate_that_is_not_trusted_will_not_become_so(slept: list[float]):
    error = error_of(httpx.ConnectError("[SSL: CERTIFICATE_VERIFY_FAILED] self-signed certificate"))
    assert "CERTIFICATE_VERIFY_FAILED" in str(error) and slept == []


def test_a_create_bears_a_rate_limit_longer_than_a_read(slept: list[float]):
    limited = httpx.Response(429, headers={"retry-after": "120"})
    assert client(Script(limited, httpx.Response(200, json={"id": "c"}))).request("POST", "/c", creates=True)
    assert 120 <= slept[0] <= 121
    with pytest.raises(RateLimited):
        client(Script(limited, httpx.Response(200, json={}))).request("GET", "/c")


def test_the_cloud_may_forbid_or_ask_for_a_repetition():
    script = Script(refusal(500, x_should_retry="false"))
    with pytest.raises(Unavailable):
        client(script).request("GET", "/clusters")
    assert len(script.requests) == 1
    script = Script(refusal(409, x_should_retry="true"), httpx.Response(200, json={"ok": 1}))
    assert client(script).request("GET", "/clusters") == {"ok": 1}
    script = Script(refusal(500, x_should_retry="true"), httpx.Response(200, json={"id": "second"}))
    with pytest.raises(Ambiguous):
        client(script).request("POST", "/clusters", creates=True)


# --- What errors are and say ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (refusal(400, "cuda version and nvidia driver version are required"), Invalid),
        (refusal(401, "Invalid API key"), Unauthorized),
        (refusal(402, "spending limit reached"), InsufficientFunds),
        (refusal(409, "wallet is empty", "INSUFFICIENT_FUNDS"), InsufficientFunds),
        (refusal(403, "not your project"), Forbidden),
        (refusal(404, "no such cluster"), NotFound),
        (refusal(410, "deleted"), NotFound),
        (httpx.Response(404, text="<!DOCTYPE html><title>nginx</title>"), Unavailable),
        (refusal(409, "Out of stock"), OutOfCapacity),
        (refusal(409, "The instance type [H100] is not available in the region [x]", "OUT_OF_STOCK"), OutOfCapacity),
        (refusal(409, "The instance type [H100] is not available in the region [x]"), OutOfCapacity),
        (refusal(400, "insufficient capacity for 64 GPUs"), OutOfCapacity),
        (refusal(409, "No H100 nodes available"), OutOfCapacity),
        (refusal(409, "the cluster is updating"), Conflict),
        (refusal(409, "no longer available to update: Deleting"), Conflict),
        (refusal(409, "name must be unique", "DUPLICATE_NAME"), Conflict),
        (refusal(400, "num_capacity_pool_gpus must be a multiple of 8"), Invalid),
        (refusal(400, "no capacity pool named x"), Invalid),
        (refusal(401, "out of stock"), Unauthorized),
        (refusal(422, "bad"), Invalid),
        (refusal(413, "too long"), Invalid),
    ],
    ids=lambda value: value.text[:60] if isinstance(value, httpx.Response) else value.__name__,
)
def test_an_answer_becomes_the_error_that_it_is(answer: httpx.Response, kind: type[CloudError]):
    for method, creates in (("GET", False), ("POST", True)):
        if kind is Unavailable and not creates:
            continue
        assert type(error_of(answer, method, creates=creates)) is kind


def test_an_error_says_what_was_asked_what_came_back_and_what_to_do():
    error = error_of(refusal(401, "Invalid API key"))
    assert str(error) == (
        "Acme: GET /clusters answered 401: Invalid API key. Set a valid key with "
        "`pulumi config set --secret acme:apiKey`, or in the environment variable ACME_API_KEY"
    )
    assert (error.status, error.code, error.answer) == (401, "", "Invalid API key")
    sold_out = error_of(refusal(409, "none left", "OUT_OF_STOCK"), "POST", creates=True)
    assert "OUT_OF_STOCK: none left. Try another region" in str(sold_out)
    assert sold_out.code == "OUT_OF_STOCK"


def test_a_refused_connection_says_where_and_what_to_do(slept: list[float]):
    refused = httpx.ConnectError("[Errno 111] Connection refused")
    with pytest.raises(Unavailable) as local:
        client(Script(refused), "http://127.0.0.1:8377/acme/v1").request("POST", "/clusters", creates=True)
    assert "http://127.0.0.1:8377/acme/v1" in str(local.value)
    assert "could not connect to http://" in str(local.value) and "`gpufleet simulate`" in str(local.value)
    with pytest.raises(Unavailable) as remote:
        client(Script(refused), "https://user:hidden@api.acme.test/v1").request("GET", "/clusters")
    assert "gpufleet simulate" not in str(remote.value)
    assert "HTTPS_PROXY" in str(remote.value) and "https://api.acme.test/v1" in str(remote.value)
    assert "hidden" not in str(remote.value)


KUBECONFIG = "apiVersion: v1\nclusters:\n- cluster:\n    certificate-authority-data: Q0FOQVJZLWNh\n"


@pytest.mark.parametrize(
    "words",
    [
        f"the key {KEY} is not valid",
        f"Authorization: Bearer {KEY}x rejected",
        'header "Bearer tok-CANARY-abcdef" is wrong',
        f"no such cluster\n{KUBECONFIG}# CANARY",
        "-----BEGIN OPENSSH PRIVATE KEY-----\nCANARY\n-----END OPENSSH PRIVATE KEY-----",
        '{"password": "CANARY secret", "name": "x"}',
        "password=CANARY",
        "client-key-data: CANARY",
        "blob " + "CANARY" * 40,
        "x " * 1000 + "CANARY",
    ],
)
def test_no_error_shows_a_secret_or_a_body(words: str):
    for method, creates in (("GET", False), ("POST", True)):
        for status in (400, 409):
            error = error_of(refusal(status, words, code="E"), method, creates=creates)
            for text in (str(error), error.answer, repr(error)):
                assert KEY not in text and "CANARY" not in text and "Q0FOQVJZ" not in text
                assert "\n" not in text and len(text) < 700


def test_no_transport_error_shows_the_key():
    for fault in (httpx.ReadError(f"bad header {KEY}"), httpx.LocalProtocolError(f"Illegal header value b'{KEY}'")):
        error = error_of(fault, "POST", creates=True)
        assert KEY not in str(error)
    assert KEY not in repr(client(Script(httpx.Response(200))))


@pytest.mark.parametrize("key", ["two words", "line\nbreak", "schlüssel", ""])
def test_what_cannot_be_a_key_is_refused_without_being_shown(key: str):
    with pytest.raises(Invalid) as raised:
        CloudClient(CLOUD, CLOUD.base_url, key)
    assert "acme:apiKey" in str(raised.value) and (not key or key not in str(raised.value))


# --- Many threads, and the end of a run -------------------------------------------------------------------------------


class Counter:
    """Counts requests in flight, and holds each until it is let go."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.now = self.most = self.all = 0
        self.full = threading.Event()
        self.go = threading.Event()

    def __call__(self, _request: httpx.Request) -> httpx.Response:
        with self.lock:
            self.now += 1
            self.all += 1
            self.most = max(self.most, self.now)
            if self.now == http.IN_FLIGHT:
                self.full.set()
        assert self.go.wait(PATIENTLY)
        with self.lock:
            self.now -= 1
        return httpx.Response(200, json={"id": "c"})


def in_threads(count: int, call: Callable[[], object]) -> tuple[list[threading.Thread], list[object]]:
    results: list[object] = []

    def run() -> None:
        try:
            results.append(call())
        except Exception as error:
            results.append(error)

    threads = [threading.Thread(target=run, daemon=True) for _ in range(count)]
    for thread in threads:
        thread.start()
    return threads, results


def join(threads: list[threading.Thread]) -> None:
    for thread in threads:
        thread.join(PATIENTLY)
        assert not thread.is_alive()


def test_however_many_threads_ask_only_so_many_requests_are_in_flight():
    counter = Counter()
    shared = client(counter)
    threads, results = in_threads(150, lambda: shared.request("GET", "/clusters"))
    assert counter.full.wait(PATIENTLY)
    counter.go.set()
    join(threads)
    assert counter.most == http.IN_FLIGHT and counter.all == 150
    assert results == [{"id": "c"}] * 150


def test_once_stopped_nothing_that_changes_an_account_is_sent():
    script = Script(httpx.Response(200, json={"id": "c"}))
    shared = client(script)
    assert stopped() is None
    stop_posting("the run was cancelled")
    stop_posting("another reason")
    assert stopped() == "the run was cancelled"
    for method, options in (("POST", {"creates": True}), ("POST", {"repeatable": True}), ("PUT", {}), ("DELETE", {})):
        with pytest.raises(Stopped, match="the run was cancelled"):
            shared.request(method, "/clusters", **options)
    assert script.requests == []
    assert shared.request("GET", "/clusters") == {"id": "c"}


def test_what_queues_when_the_stop_comes_is_not_sent_and_what_was_sent_is_waited_for():
    counter = Counter()
    shared = client(counter)
    threads, results = in_threads(100, lambda: shared.request("POST", "/clusters", creates=True))
    assert counter.full.wait(PATIENTLY)
    stop_posting("the run was cancelled")
    counter.go.set()
    join(threads)
    assert counter.all == http.IN_FLIGHT
    assert results.count({"id": "c"}) == http.IN_FLIGHT
    assert sum(isinstance(result, Stopped) for result in results) == 100 - http.IN_FLIGHT


@pytest.mark.parametrize(
    ("method", "answer"),
    [("POST", httpx.Response(429, headers={"retry-after": "500"})), ("GET", httpx.Response(503))],
)
def test_a_sleep_between_attempts_ends_at_once(monkeypatch: pytest.MonkeyPatch, method: str, answer: httpx.Response):
    sleeping, sleep = threading.Event(), CloudClient._sleep

    def announced(self: CloudClient, seconds: float) -> None:
        assert seconds > PATIENTLY
        sleeping.set()
        sleep(self, seconds)

    monkeypatch.setattr(CloudClient, "_sleep", announced)
    script = Script(answer)
    shared = client(script)
    monkeypatch.setattr(shared, "_back_off", lambda state: 59.0)
    threads, results = in_threads(1, lambda: shared.request(method, "/clusters", creates=method == "POST"))
    assert sleeping.wait(PATIENTLY)
    stop_posting("the run was cancelled")
    join(threads)
    assert isinstance(results[0], Stopped) and len(script.requests) == 1


def test_a_read_in_flight_is_abandoned_when_everything_stops():
    counter = Counter()
    shared = client(counter)
    threads, results = in_threads(http.IN_FLIGHT, lambda: shared.request("GET", "/clusters"))
    assert counter.full.wait(PATIENTLY)
    stop_posting("the engine is gone")
    join(threads)
    assert all(isinstance(result, Stopped) for result in results)
    counter.go.set()


def test_a_post_that_was_given_up_while_connecting_is_never_sent():
    connecting, connected, outcome = threading.Event(), threading.Event(), list[object]()
    over = threading.Event()

    def slowly_connected(request: httpx.Request) -> httpx.Response:
        connecting.set()
        assert connected.wait(PATIENTLY)
        try:
            request.extensions["trace"]("http11.send_request_headers.started", {})
            outcome.append("sent")
        except exchange.NotSent as kept:
            outcome.append(kept)
            raise
        finally:
            over.set()
        return httpx.Response(200, json={"id": "late"})

    with pytest.raises(Ambiguous, match="no answer in time"):
        client(slowly_connected, total_seconds=0.2).request("POST", "/clusters", creates=True)
    connected.set()
    assert over.wait(PATIENTLY)
    assert [type(result) for result in outcome] == [exchange.NotSent]


def test_a_post_that_is_connecting_when_everything_stops_is_not_sent():
    def connecting(request: httpx.Request) -> httpx.Response:
        stop_posting("the engine is gone")
        request.extensions["trace"]("http11.send_request_headers.started", {})
        return httpx.Response(200, json={"id": "late"})

    with pytest.raises(Stopped, match="the engine is gone"):
        client(connecting).request("POST", "/clusters", creates=True)


def test_the_time_of_the_last_change_is_known():
    shared = client(Script(httpx.Response(200, json={"id": "c"})))
    shared.request("GET", "/clusters")
    assert shared.changed_at == float("-inf")
    before = time.monotonic()
    shared.request("POST", "/clusters", creates=True)
    assert shared.changed_at >= before


def test_turns_are_spread_evenly():
    pace = http.Pace(10.0)
    turns = [pace.turn_seconds() for _ in range(21)]
    assert turns[0] == 0.0
    assert 1.5 < turns[-1] <= 2.0


# --- Against real sockets ---------------------------------------------------------------------------------------------


@contextmanager
def server(behave: Callable[[socket.socket, int], None]) -> Iterator[tuple[str, list[bytes]]]:
    """A server on a real socket: `behave` gets each connection whose request has been read, and its number."""
    requests: list[bytes] = []

    class Handler(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            received = b""
            while b"\r\n\r\n" not in received:
                chunk = self.request.recv(65_536)
                if not chunk:
                    return
                received += chunk
            requests.append(received)
            behave(self.request, len(requests))

    class Server(socketserver.ThreadingTCPServer):
        daemon_threads = True
        block_on_close = False
        allow_reuse_address = True

        def handle_error(self, request: Any, client_address: Any) -> None:
            """A client that has gone away is what these tests are about."""

    with Server(("127.0.0.1", 0), Handler) as listening:
        thread = threading.Thread(target=listening.serve_forever, args=(0.05,), daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{listening.server_address[1]}/v1", requests
        listening.shutdown()
        thread.join(PATIENTLY)


def answered(connection: socket.socket, body: bytes, status: bytes = b"200 OK") -> None:
    length = str(len(body)).encode()
    connection.sendall(
        b"HTTP/1.1 " + status + b"\r\nContent-Length: " + length + b"\r\nConnection: close\r\n\r\n" + body
    )


def reset(connection: socket.socket, _number: int) -> None:
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\x00\x00\x00\x00\x00\x00\x00")
    connection.close()


def closed(connection: socket.socket, _number: int) -> None:
    connection.shutdown(socket.SHUT_RDWR)


def half_a_body(connection: socket.socket, _number: int) -> None:
    connection.sendall(b'HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{"id": "c1"')
    connection.shutdown(socket.SHUT_RDWR)


def silent(connection: socket.socket, _number: int) -> None:
    connection.recv(1)


def dripping_headers(connection: socket.socket, _number: int) -> None:
    connection.sendall(b"HTTP/1.1 200 OK\r\n")
    for _ in range(600):
        connection.sendall(b"X: y\r\n")
        time.sleep(0.05)


def dripping_body(connection: socket.socket, _number: int) -> None:
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 600\r\n\r\n")
    for _ in range(600):
        connection.sendall(b" ")
        time.sleep(0.05)


BROKEN = [reset, closed, half_a_body, silent, dripping_headers, dripping_body]


def test_a_body_that_drips_ends_in_time_without_a_thread_as_well(monkeypatch: pytest.MonkeyPatch):
    with server(dripping_body) as (url, requests):
        start = threading.Thread.start

        def start_others(thread: threading.Thread) -> None:
            if thread.name == "gpufleet-http":
                raise RuntimeError("can't start new thread")
            start(thread)

        monkeypatch.setattr(threading.Thread, "start", start_others)
        with pytest.raises(Ambiguous, match="no answer in time"):
            CloudClient(CLOUD, url, KEY, total_seconds=1).request("POST", "/c", creates=True)
        assert len(requests) == 1


@pytest.mark.parametrize("broken", BROKEN)
def test_a_create_over_a_broken_connection_is_ambiguous_and_sent_once(broken: Callable[[socket.socket, int], None]):
    with server(broken) as (url, requests):
        with pytest.raises(Ambiguous):
            CloudClient(CLOUD, url, KEY, total_seconds=2, back_off_seconds=0.001).request("POST", "/c", creates=True)
        assert len(requests) == 1 and requests[0].startswith(b"POST /v1/c HTTP/1.1\r\n")


@pytest.mark.parametrize("broken", BROKEN)
def test_a_read_over_a_broken_connection_is_repeated(broken: Callable[[socket.socket, int], None]):
    def once(connection: socket.socket, number: int) -> None:
        if number == 1:
            broken(connection, number)
        else:
            answered(connection, b'{"clusters": []}')

    with server(once) as (url, requests):
        asking = CloudClient(CLOUD, url, KEY, total_seconds=2, back_off_seconds=0.001)
        assert asking.request("GET", "/clusters") == {"clusters": []}
        assert len(requests) == 2


def test_no_connection_at_all_ends_in_one_line(slept: list[float]):
    with socket.create_server(("127.0.0.1", 0)) as listening:
        url = f"http://127.0.0.1:{listening.getsockname()[1]}/v1"
    with pytest.raises(Unavailable) as raised:
        CloudClient(CLOUD, url, KEY).request("POST", "/clusters", creates=True)
    assert url in str(raised.value) and "Connection refused" in str(raised.value)
    assert slept


def test_the_proxy_of_the_environment_is_not_asked_for_this_machine(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
    with server(lambda connection, _number: answered(connection, b"{}")) as (url, requests):
        assert CloudClient(CLOUD, url, KEY).request("GET", "/clusters") == {}
        assert len(requests) == 1
