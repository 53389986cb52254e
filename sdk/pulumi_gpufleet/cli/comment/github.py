"""A pull request on GitHub, found by options or by what GitHub Actions has in the environment."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path
from typing import Any

from pulumi_gpufleet.cli.comment.forge import Forge, ForgeError

_REPOSITORY = re.compile(r"\A[\w.-]+/[\w.-]+\Z")
_REF = re.compile(r"refs/pull/(\d+)/")


class GitHub(Forge):
    """One pull request."""

    title = "GitHub"
    longest_comment = 65_536

    def __init__(self, repository: str, number: int, token: str, api_url: str) -> None:
        """Take `owner/name`, the number of the pull request, a token, and the address of the API."""
        headers = {
            "Accept": "application/vnd.github+json",
            "Authorization": f"Bearer {token}",
            "X-GitHub-Api-Version": "2022-11-28",
        }
        super().__init__(api_url, headers, token)
        self._repository, self._number = repository, number

    def comments_path(self) -> str:
        """Return the path of the comments."""
        return f"/repos/{self._repository}/issues/{self._number}/comments"

    def comment_path(self, id: int) -> str:
        """Return the path of one comment."""
        return f"/repos/{self._repository}/issues/comments/{id}"

    def edit_method(self) -> str:
        """Return the method that edits a comment."""
        return "PATCH"

    def advice(self, status: int) -> str:
        """Return what to do about a refusal."""
        if status == 401:
            return "the token in GITHUB_TOKEN is not valid or has ended"
        if status == 403:
            return (
                "the token may not write comments; the job needs `permissions: pull-requests: write`, and what runs "
                "for the pull request of a fork never has it"
            )
        if status == 404:
            return f"{self._repository} has no pull request {self._number}, or the token may not see it"
        return ""


def github(repository: str | None, number: int | None) -> GitHub:
    """Return the pull request of the options, else that of the environment; raises ForgeError for what is missing."""
    repository = repository or os.environ.get("GITHUB_REPOSITORY") or ""
    if not _REPOSITORY.fullmatch(repository):
        raise ForgeError(f"{repository!r} is not owner/name: give --repository, or set GITHUB_REPOSITORY")
    number = number or _number()
    if number is None:
        raise ForgeError("this run is not about a pull request: give --number")
    token = os.environ.get("GITHUB_TOKEN") or os.environ.get("GH_TOKEN") or ""
    if not token:
        raise ForgeError("no token: set GITHUB_TOKEN")
    return GitHub(repository, number, token, os.environ.get("GITHUB_API_URL") or "https://api.github.com")


def _number() -> int | None:
    """Return the number of the pull request that a run of GitHub Actions is about."""
    found = _REF.match(os.environ.get("GITHUB_REF", ""))
    if found is not None:
        return int(found[1])
    try:
        event: Any = json.loads(Path(os.environ.get("GITHUB_EVENT_PATH", "")).read_text(encoding="utf-8"))
        return int(event["pull_request"]["number"])
    except (OSError, ValueError, KeyError, TypeError):
        return None
