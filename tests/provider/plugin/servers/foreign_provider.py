"""A dynamic provider of somebody else, that lives in the same plugin process."""

from __future__ import annotations

from typing import Any

from pulumi.dynamic import CreateResult, DiffResult, ResourceProvider


class Echo(ResourceProvider):
    """Echoes, and fails with a traceback when it is asked to."""

    def create(self, props: dict[str, Any]) -> CreateResult:
        if "fail" in props:
            raise ValueError("foreign words")
        return CreateResult("echo-1", {"said": props["say"]})

    def diff(self, _id: str, _olds: dict[str, Any], _news: dict[str, Any]) -> DiffResult:
        return DiffResult(_olds.get("said") != _news.get("say"))
