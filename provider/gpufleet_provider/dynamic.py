"""`DynamicProvider`: Pulumi's contract for dynamic providers, once, for every lifecycle of every cloud.

The class, its module and its one attribute stand pickled in users' state: they are a wire format and never change.
Everything else may move.
"""

from __future__ import annotations

import functools
import importlib
from collections.abc import Callable, Mapping
from typing import Any, TypeVar, cast

from pulumi.dynamic import (
    CheckFailure,
    CheckResult,
    ConfigureRequest,
    CreateResult,
    DiffResult,
    ReadResult,
    ResourceProvider,
    UpdateResult,
)
from pulumi.output import Unknown

from gpufleet_provider import CLOUDS, operations, upgrade
from gpufleet_provider.accounts import client_for
from gpufleet_provider.calls import CALL
from gpufleet_provider.checking import ENDED, check
from gpufleet_provider.comparing import Verdict, verdicts
from gpufleet_provider.lifecycle import Cloud, Lifecycle, Properties
from gpufleet_provider.operations import WAIT, Account, Refusal
from gpufleet_provider.waiting import watcher_for


class DetailedDiff(DiffResult):
    """A diff that also says, per property path, what happens; the stock server drops that part."""

    detailed: dict[str, str]
    """Property path → `add`, `delete`, `update`, and the same with `_replace`."""

    def __init__(self, changed: bool, replaces: list[str], detailed: dict[str, str]) -> None:
        super().__init__(changed, replaces, [], delete_before_replace=bool(replaces))
        self.detailed = detailed


MethodT = TypeVar("MethodT", bound=Callable[..., Any])


def _served(method: MethodT) -> MethodT:
    """Give a call that a stock handler makes (the first of a process does) its request's URN and time limit."""

    @functools.wraps(method)
    def wrapper(*arguments: Any) -> Any:
        if CALL.get().urn:
            return method(*arguments)
        with upgrade.stock_call():
            return method(*arguments)

    return cast(MethodT, wrapper)


class DynamicProvider(ResourceProvider):
    """One kind of resource, named by its token (`together:Cluster`), on Pulumi's contract for dynamic providers.

    Nothing else is kept on the object: it is shared by all threads of the plugin, and it is pickled into the state.
    """

    serialize_as_secret_always = False
    resource: str

    def __init__(self, resource: str) -> None:
        self.resource = resource

    def configure(self, req: ConfigureRequest) -> None:
        """Keep the stack's configuration for this process, and upgrade the plugin server if it is the stock one."""
        settings.take(req)
        upgrade.install()

    @_served
    def check(self, _olds: dict[str, Any], news: dict[str, Any]) -> CheckResult:
        """Validate and normalise inputs; every failure carries its property path."""
        checked = check(lifecycle_of(self.resource), _olds, _visible(news), _is_unknown)
        for warning in checked.warnings:
            CALL.get().warn(f"{self.resource}: {warning.path}: {warning.reason}")
        return CheckResult(checked.inputs, [CheckFailure(f.path, f.reason) for f in checked.failures])

    @_served
    def diff(self, _id: str, _olds: dict[str, Any], _news: dict[str, Any]) -> DetailedDiff:
        """Compare declared inputs with declared inputs; raises Refusal where a replacement would forfeit money."""
        lifecycle, news = lifecycle_of(self.resource), _visible(_news)
        operations.known_ids(self.resource).named.add(_id)
        prior = operations.prior_inputs(lifecycle, _olds)
        found = verdicts(lifecycle, prior, news)
        replaces = [verdict.field for verdict in found if verdict.action == "replace"]
        if ENDED in prior:
            replaces = [v.field for v in found if v.field in lifecycle.term_fields] or list(lifecycle.term_fields[:1])
        wait: Mapping[str, str] = _olds.get(WAIT) or {}
        detailed = _detailed(found, replaces)
        if wait.get("state") == "failed" and not replaces:
            replaces, detailed = ["status"], {**detailed, "status": "update_replace"}
        forfeited = lifecycle.forfeits(prior, _olds) if replaces and ENDED not in prior else None
        if forfeited is not None and news.get("confirm_forfeit") is not True:
            raise Refusal(
                f"{self.resource} {_id}: a change of {', '.join(replaces)} replaces it and forfeits {forfeited}; "
                "nothing was changed. Take the change back, or say confirm_forfeit=True"
            )
        changed = bool(replaces or wait) or any(verdict.action in ("update", "refuse") for verdict in found)
        return DetailedDiff(changed, replaces, detailed)

    @_served
    def create(self, props: dict[str, Any]) -> CreateResult:
        """Take over what an interrupted run made, or create it once; then wait until it is ready."""
        return CreateResult(*operations.create(account_of(self.resource), _visible(props)))

    @_served
    def read(self, id_: str, props: dict[str, Any]) -> ReadResult:
        """Return what runs now with corrected inputs; only a definite word of the cloud makes a resource gone."""
        found = operations.read(account_of(self.resource), id_, _visible(props))
        return ReadResult("", {}) if found is None else ReadResult(id_, *found)

    @_served
    def update(self, _id: str, _olds: dict[str, Any], _news: dict[str, Any]) -> UpdateResult:
        """Send what changed in place and wait for it; with nothing changed, go on waiting for what is not ready."""
        return UpdateResult(operations.update(account_of(self.resource), _id, _visible(_olds), _visible(_news)))

    @_served
    def delete(self, _id: str, _props: dict[str, Any]) -> None:
        """Delete the resource and what it made besides itself; returns when the cloud no longer has it."""
        operations.delete(account_of(self.resource), _id, _visible(_props))


def _detailed(found: list[Verdict], replaces: list[str]) -> dict[str, str]:
    kinds: dict[str, str] = {}
    for verdict in found:
        if verdict.action in ("update", "replace"):
            suffix = "_replace" if verdict.field in replaces else ""
            kinds.update({difference.path: difference.kind + suffix for difference in verdict.differences})
    return kinds


def _visible(props: dict[str, Any]) -> Properties:
    """Drop the pickled provider from a bag: it is the server's, not ours."""
    return {name: value for name, value in props.items() if name != "__provider"}


def _is_unknown(value: Any) -> bool:
    return isinstance(value, Unknown)


# --- What a plugin process knows ------------------------------------------------------------------------------------


class Settings:
    """The stack's configuration, as the first `configure` of this process brought it; the environment stands in."""

    def __init__(self) -> None:
        self._request: ConfigureRequest | None = None

    def take(self, request: ConfigureRequest) -> None:
        """Keep the configuration of the newest call: it is the same for every provider of a process."""
        self._request = request

    def get(self, key: str) -> str | None:
        """Return a configuration value such as `together:apiKey`, or None."""
        value = self._request.config.get(key) if self._request is not None else None
        return str(value) if value is not None else None

    def poll_seconds(self) -> float | None:
        """Return `gpufleet:pollSeconds`, or None for an interval that adapts to age; raises Refusal on nonsense."""
        text = self.get("gpufleet:pollSeconds")
        try:
            seconds = float(text) if text else None
        except ValueError:
            seconds = -1.0
        if seconds is not None and not 0 < seconds <= 3600:
            raise Refusal(f"gpufleet:pollSeconds must be a number of seconds from above 0 to 3600, got {text!r}")
        return seconds


settings = Settings()


@functools.cache
def cloud_of(name: str) -> Cloud:
    """Return a cloud by its name in CLOUDS."""
    if name not in CLOUDS:
        raise Refusal(f"{name!r} is not a cloud of this version of pulumi-gpufleet; it knows {', '.join(CLOUDS)}")
    return importlib.import_module(f"gpufleet_provider.{name}").CLOUD


@functools.cache
def lifecycle_of(token: str) -> Lifecycle[Any]:
    """Return the lifecycle behind a token such as `together:Cluster`."""
    name, _, resource = token.partition(":")
    found = cloud_of(name).lifecycles.get(resource)
    if found is None:
        raise Refusal(f"{token!r} is not a resource of this version of pulumi-gpufleet; upgrade it")
    return found


def account_of(token: str) -> Account:
    """Return the account that a token's cloud is reached through; raises MissingKey without a key."""
    lifecycle = lifecycle_of(token)
    client = client_for(cloud_of(token.partition(":")[0]), settings.get)
    watcher = watcher_for(lifecycle, client, settings.poll_seconds())
    return Account(lifecycle, client, watcher, operations.known_ids(token))
