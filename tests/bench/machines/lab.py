"""A dynamic provider without a cloud: what a deployment of these takes is the engine's, the SDK's or the server's."""

from __future__ import annotations

import uuid
from typing import Any

from pulumi.dynamic import CheckResult, CreateResult, DiffResult, ReadResult, ResourceProvider, UpdateResult


class MachineProvider(ResourceProvider):
    """Answers at once."""

    def check(self, _olds: dict[str, Any], news: dict[str, Any]) -> CheckResult:
        return CheckResult(news, [])

    def diff(self, _id: str, _olds: dict[str, Any], _news: dict[str, Any]) -> DiffResult:
        changed = any(_olds.get(name) != _news[name] for name in ("name", "size", "tags"))
        return DiffResult(changed, [], [], delete_before_replace=False)

    def create(self, props: dict[str, Any]) -> CreateResult:
        return CreateResult(uuid.uuid4().hex, {**props, "address": f"{props['name']}.example"})

    def read(self, id_: str, props: dict[str, Any]) -> ReadResult:
        return ReadResult(id_, props)

    def update(self, _id: str, _olds: dict[str, Any], _news: dict[str, Any]) -> UpdateResult:
        return UpdateResult({**_news, "address": f"{_news['name']}.example"})

    def delete(self, _id: str, _props: dict[str, Any]) -> None:
        pass
