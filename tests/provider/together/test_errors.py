"""How Together's refusals are read, in every shape that is known."""

from __future__ import annotations

import json
from typing import Any

import httpx
import pytest
from gpufleet_provider.http.client import CloudClient
from gpufleet_provider.model.errors import CloudError, error_for
from gpufleet_provider.together import CLOUD

KEY = "tgp_v1_" + "k" * 40


@pytest.mark.parametrize(
    ("body", "code", "words"),
    [
        (
            {"error": {"message": "Out of stock", "type": "conflict", "param": None, "code": "out_of_stock"}},
            "out_of_stock",
            "Out of stock",
        ),
        (
            {"error": {"message": "is bad", "type": "invalid_request_error", "param": "region"}},
            "invalid_request_error",
            "region: is bad",
        ),
        ({"error": {"message": "region is bad", "param": "region"}}, "", "region is bad"),
        ({"error": {}}, "", ""),
        ({"error": "no such thing"}, "", "no such thing"),
        (
            {"message": "failed precondition", "code": 9, "details": [{"detail": "cluster is not ready"}]},
            "",
            "failed precondition: cluster is not ready",
        ),
        ({"message": "", "code": 5, "details": [{"detail": "not found"}, "x", {"other": 1}]}, "", "not found"),
        ({"message": "x", "details": "y"}, "", "x"),
        ({"code": "unauthenticated"}, "unauthenticated", ""),
        ([1, 2], "", ""),
        ("just words", "", "just words"),
        (None, "", ""),
    ],
)
def test_read_error(body: Any, code: str, words: str) -> None:
    error = refusal(json.dumps(body))
    assert (error.code, error.answer) == (code, words)


def refusal(text: str) -> CloudError:
    return error_for(CLOUD, "POST /compute/clusters", 400, text, repeatable=False, secret="")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("upstream connect error\nreset reason: overflow", "upstream connect error reset reason: overflow"),
        ("<html><body>502 Bad Gateway</body></html>", ""),
        ("", ""),
        ("x" * 5000 + " y", "[redacted] y"),
    ],
)
def test_what_is_no_json(text: str, words: str) -> None:
    error = refusal(text)
    assert (error.code, error.answer) == ("", words)


def test_nothing_secret_is_repeated() -> None:
    kubeconfig = "apiVersion: v1\nkind: Config\nusers:\n- name: a\n  user:\n    token: canary-token"
    for message in (f"bad api_key: {KEY}", f"Bearer {KEY} is not valid", f"cannot parse {kubeconfig}"):
        for body in ({"error": {"message": message}}, {"message": "x", "details": [{"detail": message}]}, message):
            text = body if isinstance(body, str) else json.dumps(body)
            words = refusal(text).answer
            assert KEY not in words
            assert "canary" not in words
            assert words


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (409, {"error": {"message": "Out of stock", "code": None}}, "OutOfCapacity"),
        (409, {"message": "cluster is being deleted", "code": 9}, "Conflict"),
        (402, {"error": {"message": "spending limit reached"}}, "InsufficientFunds"),
        (401, {"error": {"message": "Invalid API key provided"}}, "Unauthorized"),
        (403, {"message": "denied", "code": 7}, "Forbidden"),
        (404, {"message": "", "code": 5, "details": [{"detail": "cluster not found"}]}, "NotFound"),
        (400, {"error": {"message": "cuda version and nvidia driver version are required"}}, "Invalid"),
    ],
)
def test_what_a_refusal_is(status: int, body: Any, kind: str) -> None:
    transport = httpx.MockTransport(lambda _: httpx.Response(status, json=body))
    client = CloudClient(CLOUD, CLOUD.base_url, "k" * 20, transport=transport)
    with pytest.raises(CloudError) as caught:
        client.request("POST", "/compute/clusters", json={}, creates=True)
    error = caught.value
    assert type(error).__name__ == kind
    assert "\n" not in str(error)
