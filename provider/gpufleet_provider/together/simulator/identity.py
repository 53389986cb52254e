"""Whose key it is, in the simulated Together: one organization, and the projects that anything was created in."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from gpufleet_provider.simulator.wire import Call, Refusal, Reply
from gpufleet_provider.together.simulator.replies import ORGANIZATION_ID
from gpufleet_provider.together.simulator.requests import DEFAULT_PROJECT_ID

_ORGANIZATION = "Simulated"


class Identity:
    """`/v3/whoami` and `/projects`; `used_project_ids` returns the ids that records have."""

    def __init__(self, used_project_ids: Callable[[], Iterable[str]]) -> None:
        self._used_project_ids = used_project_ids

    def whoami(self, _call: Call) -> Reply:
        """A key of the default project, whatever key it is."""
        return Reply.of(
            {
                "type": "project_api_key",
                "api_key": {"id": "key-simulated"},
                "organization": {"id": ORGANIZATION_ID, "name": _ORGANIZATION},
                "project": {name: value for name, value in _project(DEFAULT_PROJECT_ID).items() if "org" not in name},
            }
        )

    def projects(self, call: Call) -> Reply:
        """The projects by id, `limit` of them after the cursor `after`."""
        ids = sorted({DEFAULT_PROJECT_ID, *self._used_project_ids()})
        try:
            first, limit = int(call.query.get("after", "0")), int(call.query.get("limit", "100"))
        except ValueError:
            raise Refusal(400, "after and limit must be what this list gave", "invalid_request", "after") from None
        page = ids[max(first, 0) :][: max(limit, 1)]
        more = first + len(page) < len(ids)
        return Reply.of(
            {"data": [_project(it) for it in page], "next_cursor": str(first + len(page)) if more else None}
        )


def _project(project_id: str) -> dict[str, Any]:
    return {
        "id": project_id,
        "name": project_id,
        "slug": project_id,
        "organization_id": ORGANIZATION_ID,
        "organization_name": _ORGANIZATION,
    }
