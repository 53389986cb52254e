"""Names of stacks, and the folder of the backend that contains them."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final
from urllib.parse import unquote, urlsplit

from pulumi_embedded.errors import ProjectError

if TYPE_CHECKING:
    from collections.abc import Mapping

ORGANIZATION: Final = "organization"
"""The only organization of a file backend."""

DEFAULT_FOLDER: Final = ".pulumi-state"

_NAME: Final = re.compile(r"[A-Za-z0-9_.-]{1,100}")


@dataclass(frozen=True, order=True)
class StackReference:
    """One stack of one project."""

    project: str
    name: str

    def __post_init__(self) -> None:
        for what, value in (("project", self.project), ("stack", self.name)):
            if not _NAME.fullmatch(value) or value in (".", ".."):
                raise ProjectError(
                    f"{value!r} is not a {what} name: up to 100 letters, digits, hyphens, underscores and periods"
                )

    @classmethod
    def parse(cls, text: str, project: str) -> StackReference:
        """`<stack>`, `organization/<stack>` or `organization/<project>/<stack>`. Raises ProjectError."""
        parts = text.split("/")
        if len(parts) > 3 or (len(parts) > 1 and parts[0] != ORGANIZATION):
            raise ProjectError(f"{text!r} is not a valid stack name: use <stack> or {ORGANIZATION}/<project>/<stack>")
        return cls(parts[1] if len(parts) == 3 else project, parts[-1])

    @property
    def qualified_name(self) -> str:
        """`organization/<project>/<stack>`."""
        return f"{ORGANIZATION}/{self.project}/{self.name}"

    def __str__(self) -> str:
        return self.name


def backend_folder(project_folder: Path, project_url: str | None, environment: Mapping[str, str] = os.environ) -> Path:
    """The folder of PULUMI_BACKEND_URL, else of the project's `backend.url`, else `.pulumi-state` in the project.

    A relative path in a `file://` URL is relative to the working directory, as in the CLI. Raises ProjectError for
    other kinds of backends.
    """
    url = environment.get("PULUMI_BACKEND_URL") or project_url
    if not url:
        return project_folder / DEFAULT_FOLDER
    if not url.startswith("file://"):
        raise ProjectError(
            f"the backend {urlsplit(url).scheme or url}://… needs the Pulumi CLI; only file:// URLs are supported "
            "(PULUMI_BACKEND_URL)"
        )
    path = unquote(url[len("file://") :].split("?")[0])
    return Path(path or ".").expanduser().absolute()
