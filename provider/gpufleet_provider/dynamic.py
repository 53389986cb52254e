"""`DynamicProvider`: Pulumi's contract for dynamic providers, once, for every resource of every cloud.

The class, its module and its one attribute stand pickled in users' state: they are a wire format and never change.
Everything else may move.
"""

from __future__ import annotations

from typing import Any

from pulumi.dynamic import (
    CheckFailure,
    CheckResult,
    ConfigureRequest,
    CreateResult,
    DiffResult,
    ReadResult,
    UpdateResult,
)

from gpufleet_provider.clouds import service_of
from gpufleet_provider.model.checking import normalised
from gpufleet_provider.model.fields import Properties
from gpufleet_provider.model.planning import Plan
from gpufleet_provider.model.state_properties import PROVIDER
from gpufleet_provider.operations.call import Call
from gpufleet_provider.operations.service import Service
from gpufleet_provider.plugin import upgrade
from gpufleet_provider.plugin.serving import ServedProvider, served


class DetailedDiff(DiffResult):
    """A diff that also says, per property path, what happens; the stock server drops that part."""

    detailed: dict[str, str]
    """Property path → `add`, `delete`, `update`, and the same with `_replace`."""

    def __init__(self, planned: Plan) -> None:
        super().__init__(planned.changed, planned.replaces, [], delete_before_replace=bool(planned.replaces))
        self.detailed = planned.detailed


class DynamicProvider(ServedProvider):
    """One kind of resource, named by its token (`together:Cluster`), on Pulumi's contract for dynamic providers."""

    serialize_as_secret_always = False
    resource: str

    def __init__(self, resource: str) -> None:
        self.resource = resource

    @property
    def _service(self) -> Service:
        return service_of(self.resource)

    def configure(self, req: ConfigureRequest) -> None:
        """Keep the configuration, and upgrade the plugin server if it is the stock one."""
        super().configure(req)
        upgrade.install()

    @served
    def check(self, call: Call, _olds: dict[str, Any], news: dict[str, Any]) -> CheckResult:
        """Validate and normalise inputs; every failure carries its property path."""
        checked = self._service.check(call, _visible(_olds), _visible(news))
        return CheckResult(checked.inputs, [CheckFailure(f.path, f.reason) for f in checked.failures])

    @served
    def diff(self, call: Call, _id: str, _olds: dict[str, Any], _news: dict[str, Any]) -> DetailedDiff:
        """Say what changed and what replaces; raises Refusal where a run may not do what the inputs ask for."""
        return DetailedDiff(self._service.diff(call, _id, _visible(_olds), _visible(_news)))

    @served
    def create(self, call: Call, props: dict[str, Any]) -> CreateResult:
        """Take over what an interrupted run made, or create it once; then wait until it is ready."""
        return CreateResult(*self._service.create(call, _visible(props)))

    @served
    def read(self, call: Call, id_: str, props: dict[str, Any]) -> ReadResult:
        """Return what runs now with corrected inputs; an empty id only if the cloud says that the resource is gone."""
        found = self._service.read(call, id_, _visible(props))
        return ReadResult("", {}) if found is None else ReadResult(id_, *found)

    @served
    def update(self, call: Call, _id: str, _olds: dict[str, Any], _news: dict[str, Any]) -> UpdateResult:
        """Send what changed in place and wait for it; with nothing changed, go on waiting for what is not ready."""
        return UpdateResult(self._service.update(call, _id, _visible(_olds), _visible(_news)))

    @served
    def delete(self, call: Call, _id: str, _props: dict[str, Any]) -> None:
        """Delete the resource and what it made besides itself; returns when the cloud no longer has it."""
        self._service.delete(call, _id, _visible(_props))


def _visible(props: dict[str, Any]) -> Properties:
    """Return a bag without the pickled provider, which is the server's, and with whole numbers as integers."""
    return normalised({name: value for name, value in props.items() if name != PROVIDER})
