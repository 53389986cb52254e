"""`DynamicProvider`: Pulumi's contract for dynamic providers, once, for every lifecycle of every cloud.

The class, its module and its one attribute stand pickled in users' state: they are a wire format and never change.
Everything else may move.
"""

from __future__ import annotations

import functools
import math
import time
from collections.abc import Callable
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

from gpufleet_provider.clouds import cloud_of, lifecycle_of
from gpufleet_provider.http import accounts
from gpufleet_provider.http.client import CloudClient
from gpufleet_provider.model.checking import check, normalised
from gpufleet_provider.model.errors import Refusal
from gpufleet_provider.model.fields import Failure, Properties
from gpufleet_provider.model.planning import Plan, forfeited_by_the_engine, plan
from gpufleet_provider.operations import catalogue
from gpufleet_provider.operations import service as operations
from gpufleet_provider.operations.adoption import Account, known_ids
from gpufleet_provider.operations.call import CALL
from gpufleet_provider.plugin import serving, upgrade
from gpufleet_provider.waiting.watcher import watcher_for


class DetailedDiff(DiffResult):
    """A diff that also says, per property path, what happens; the stock server drops that part."""

    detailed: dict[str, str]
    """Property path → `add`, `delete`, `update`, and the same with `_replace`."""

    def __init__(self, planned: Plan) -> None:
        super().__init__(planned.changed, planned.replaces, [], delete_before_replace=bool(planned.replaces))
        self.detailed = planned.detailed


MethodT = TypeVar("MethodT", bound=Callable[..., Any])


def _served(method: MethodT) -> MethodT:
    """Give a call that a stock handler makes (the first of a process is one) all that its request says."""

    @functools.wraps(method)
    def wrapper(self: Any, *arguments: Any) -> Any:
        begun = None if CALL.get().urn else upgrade.stock_call()
        if begun is None:
            return method(self, *arguments)
        return serving.within_stock_handler(*begun, functools.partial(method, self))

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
        known, urn = known_ids(self.resource), CALL.get().urn
        known.met_at = time.monotonic()
        known.viewed.discard(urn)
        lifecycle, olds = lifecycle_of(self.resource), _visible(_olds)
        checked = check(lifecycle, olds, _visible(news), _is_unknown)
        if olds:
            known.anew.pop(urn, None)
        elif urn:
            known.anew[urn] = checked.inputs
            if urn in known.unreplaced and checked.inputs.get(lifecycle.forfeit_field) is not True:
                # Against its diff, the engine replaces it (replace_on_changes, a replacement trigger).
                checked.failures.append(Failure(lifecycle.forfeit_field, known.unreplaced[urn]))
        if not checked.failures:
            inputs = {name: value for name, value in checked.inputs.items() if not _is_unknown(value)}
            complaints = catalogue.complaints(lifecycle, functools.partial(client_of, self.resource), olds, inputs)
            (checked.failures if olds else checked.warnings).extend(complaints)
        for warning in checked.warnings:
            CALL.get().warn(f"{self.resource}: {warning.path}: {warning.reason}")
        return CheckResult(checked.inputs, [CheckFailure(f.path, f.reason) for f in checked.failures])

    @_served
    def diff(self, _id: str, _olds: dict[str, Any], _news: dict[str, Any]) -> DetailedDiff:
        """Compare declared inputs with declared inputs; raises Refusal where a run may not do what they ask for."""
        known, urn = known_ids(self.resource), CALL.get().urn
        known.met_at = time.monotonic()
        if _id in known.taken:
            raise Refusal(
                f"{self.resource} {_id}: another resource of this run has taken it over, since it runs under the name "
                "of that one. Take that one out of the state with `pulumi state delete`, and give it a name of its own"
            )
        known.named[_id] = urn
        lifecycle, olds, news = lifecycle_of(self.resource), _visible(_olds), _visible(_news)
        planned = plan(lifecycle, olds, news)
        known.unreplaced.pop(urn, None)
        unasked = None if planned.replaces else forfeited_by_the_engine(lifecycle, olds, news)
        if unasked is not None and urn:
            known.unreplaced[urn] = unasked
        # Right after a read, a diff is a refresh's view of what has drifted, and nothing comes of it.
        if planned.refusal is not None and urn not in known.viewed:
            raise Refusal(f"{self.resource} {_id}: {planned.refusal}")
        known.viewed.discard(urn)
        return DetailedDiff(planned)

    @_served
    def create(self, props: dict[str, Any]) -> CreateResult:
        """Take over what an interrupted run made, or create it once; then wait until it is ready."""
        return CreateResult(*operations.create(account_of(self.resource), _visible(props)))

    @_served
    def read(self, id_: str, props: dict[str, Any]) -> ReadResult:
        """Return what runs now with corrected inputs; only a definite word of the cloud makes a resource gone."""
        known_ids(self.resource).viewed.add(CALL.get().urn)
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


def _visible(props: dict[str, Any]) -> Properties:
    """Return a bag without the pickled provider, which is the server's, and with whole numbers as integers."""
    return normalised({name: value for name, value in props.items() if name != serving.PROVIDER})


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
            seconds = math.nan
        if seconds is not None and not 0 < seconds <= 3600:
            raise Refusal(f"gpufleet:pollSeconds must be a number of seconds from above 0 to 3600, got {text!r}")
        return seconds


settings = Settings()


def client_of(token: str) -> CloudClient:
    """Return the client of the account that a token's cloud is reached through; raises MissingKey without a key."""
    return accounts.client_for(cloud_of(token.partition(":")[0]), settings.get)


def account_of(token: str) -> Account:
    """Return the account that a token's cloud is reached through; raises MissingKey without a key."""
    lifecycle = lifecycle_of(token)
    client = client_of(token)
    watcher = watcher_for(lifecycle, client, settings.poll_seconds())
    return Account(lifecycle, client, watcher, known_ids(token))
