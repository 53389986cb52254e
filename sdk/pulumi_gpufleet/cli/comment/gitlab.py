"""A merge request on GitLab, found by options or by what GitLab CI has in the environment."""

from __future__ import annotations

import os
from urllib.parse import quote

from pulumi_gpufleet.cli.comment.forge import Forge, ForgeError


class GitLab(Forge):
    """One merge request."""

    title = "GitLab"
    longest_comment = 1_000_000

    def __init__(self, project: str, number: int, token: str, api_url: str) -> None:
        """Take the id or path of a project, the number of the merge request, a token, and the address of the API."""
        super().__init__(api_url, {"PRIVATE-TOKEN": token}, token)
        self._project, self._number = project, number

    def comments_path(self) -> str:
        """Return the path of the comments, which GitLab calls notes."""
        return f"/projects/{quote(self._project, safe='')}/merge_requests/{self._number}/notes"

    def comment_path(self, id: int) -> str:
        """Return the path of one comment."""
        return f"{self.comments_path()}/{id}"

    def edit_method(self) -> str:
        """Return the method that edits a comment."""
        return "PUT"

    def advice(self, status: int) -> str:
        """Return what to do about a refusal."""
        if status == 401:
            return "the token in GITLAB_TOKEN is not valid or has ended (the job's own token cannot write comments)"
        if status == 403:
            return "the token may not write comments: it needs the scope `api` and the role Reporter or higher"
        if status == 404:
            return f"{self._project} has no merge request {self._number}, or the token may not see it"
        return ""


def gitlab(project: str | None, number: int | None) -> GitLab:
    """Return the merge request of the options, else that of the environment; raises ForgeError for what is missing."""
    project = project or os.environ.get("CI_PROJECT_ID") or ""
    if not project:
        raise ForgeError("no project: give --repository, or set CI_PROJECT_ID")
    given = os.environ.get("CI_MERGE_REQUEST_IID", "")
    number = number or (int(given) if given.isdigit() else None)
    if number is None:
        raise ForgeError("this run is not about a merge request: give --number")
    token = os.environ.get("GITLAB_TOKEN") or ""
    if not token:
        raise ForgeError("no token: set GITLAB_TOKEN (the job's own token cannot write comments)")
    return GitLab(project, number, token, os.environ.get("CI_API_V4_URL") or "https://gitlab.com/api/v4")
