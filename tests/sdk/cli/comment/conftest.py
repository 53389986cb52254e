"""Fake forges: what GitHub and GitLab do with comments, over HTTP, with limits and failures on demand."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

TOKEN = "ghp_canary0123456789abcdefghijklmnopqrstu"
GITHUB = r"/repos/team/fleet/issues/(?:7/comments|comments/(?P<id>\d+))"
GITLAB = r"/projects/team%2Ffleet/merge_requests/7/notes(?:/(?P<id>\d+))?"


@dataclass
class FakeForge:
    """The comments of one pull request, and the answers that are given instead of the next ones."""

    path: str
    limit: int
    comments: dict[int, str] = field(default_factory=dict[int, str])
    answers: dict[str, list[tuple[int, dict[str, str]]]] = field(default_factory=dict)
    """Per method: status and headers of the next answers; no more of them, and the request is served."""
    requests: list[str] = field(default_factory=list[str])
    url: str = ""

    def add(self, *bodies: str) -> list[int]:
        """Add comments; returns their ids."""
        first = max(self.comments, default=0) + 1
        self.comments |= dict(enumerate(bodies, first))
        return list(range(first, first + len(bodies)))

    def serve(self, method: str, target: str, token: str, body: dict[str, Any]) -> tuple[int, dict[str, str], Any]:
        """Return status, headers and body of an answer."""
        self.requests.append(method)
        if waiting := self.answers.get(method):
            status, headers = waiting.pop(0)
            return status, headers, {"message": f"no {method} with {token}"}
        address = urlsplit(target)
        found = re.fullmatch(self.path, address.path)
        if token not in (TOKEN, f"Bearer {TOKEN}"):
            return 401, {}, {"message": "Bad credentials"}
        if found is None or (found["id"] and int(found["id"]) not in self.comments):
            return 404, {}, {"message": "Not Found"}
        if len(body.get("body", "")) > self.limit:
            return 422, {}, {"message": "body is too long"}
        if method == "GET":
            query = parse_qs(address.query)
            size, page = int(query["per_page"][0]), int(query["page"][0])
            rows = sorted(self.comments.items())[(page - 1) * size : page * size]
            return 200, {}, [{"id": id, "body": text} for id, text in rows]
        if method == "POST":
            return 201, {}, {"id": self.add(body["body"])[0]}
        if method == "DELETE":
            del self.comments[int(found["id"])]
            return 204, {}, None
        self.comments[int(found["id"])] = body["body"]
        return 200, {}, {"id": int(found["id"])}


@pytest.fixture(params=["github", "gitlab"])
def forge(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeForge]:
    """A pull request that the environment names, as in a job of GitHub Actions or GitLab CI."""
    for name in ("GITLAB_CI", "GITHUB_REF", "GITHUB_EVENT_PATH", "GITHUB_STEP_SUMMARY", "GH_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    fake = FakeForge(GITHUB, 65_536) if request.param == "github" else FakeForge(GITLAB, 1_000_000)

    class Handler(BaseHTTPRequestHandler):
        def answer(self) -> None:
            length = int(self.headers.get("Content-Length") or 0)
            body = json.loads(self.rfile.read(length)) if length else {}
            token = self.headers.get("Authorization") or self.headers.get("PRIVATE-TOKEN") or ""
            status, headers, answer = fake.serve(self.command, self.path, token, body)
            content = b"" if answer is None else json.dumps(answer).encode()
            self.send_response(status)
            for name, value in ({"Content-Length": str(len(content))} | headers).items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(content)

        do_GET = do_POST = do_PATCH = do_PUT = do_DELETE = answer

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    fake.url = f"http://127.0.0.1:{server.server_address[1]}"
    if request.param == "github":
        monkeypatch.setenv("GITHUB_REPOSITORY", "team/fleet")
        monkeypatch.setenv("GITHUB_REF", "refs/pull/7/merge")
        monkeypatch.setenv("GITHUB_TOKEN", TOKEN)
        monkeypatch.setenv("GITHUB_API_URL", fake.url)
    else:
        monkeypatch.setenv("GITLAB_CI", "true")
        monkeypatch.setenv("CI_PROJECT_ID", "team/fleet")
        monkeypatch.setenv("CI_MERGE_REQUEST_IID", "7")
        monkeypatch.setenv("GITLAB_TOKEN", TOKEN)
        monkeypatch.setenv("CI_API_V4_URL", fake.url)
    yield fake
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def summary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The file of a job's summary."""
    path = tmp_path / "summary.md"
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(path))
    return path
