"""Lists what runs in the accounts that this machine has keys for."""

from __future__ import annotations

import contextlib
import datetime
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, cast

import click
from gpufleet_provider import CLOUDS
from gpufleet_provider.clouds import cloud_of, lifecycles_of
from gpufleet_provider.http.accounts import Setting, client_for
from gpufleet_provider.http.client import CloudClient
from gpufleet_provider.model.cloud import Cloud
from gpufleet_provider.model.errors import MissingKey, Unavailable
from gpufleet_provider.model.fields import Info, Properties, parse_instant
from gpufleet_provider.model.lifecycle import Lifecycle
from gpufleet_provider.model.replies import parse_info

_NO_PRICE = "price not in the API"
_GENERATED_NAME = re.compile(r"[a-z0-9-]{0,51}-[0-9a-f]{8}")


def shown(text: str) -> str:
    """Return text from a cloud without control characters, which could move the cursor or change a colour."""
    return "".join(character if character.isprintable() else "�" for character in text)


@dataclass(frozen=True)
class Running:
    """One thing that runs in an account, and its reply as the cloud sent it."""

    lifecycle: Lifecycle[Any]
    client: CloudClient
    raw: Properties
    info: Info
    inputs: Properties
    """What the reply shows of the inputs."""

    @classmethod
    def of(cls, lifecycle: Lifecycle[Any], client: CloudClient, raw: Properties) -> Running:
        """Read a reply; raises Unavailable for one without an id."""
        if not raw.get(lifecycle.id_field):
            raise Unavailable(f"{lifecycle.token}: a reply has no {lifecycle.id_field}; run it again in a few minutes")
        info = parse_info(lifecycle.info_body, raw)
        return cls(lifecycle, client, raw, info, lifecycle.observed(info))

    @property
    def token(self) -> str:
        """`<cloud>:<Resource>`."""
        return self.lifecycle.token

    @property
    def id(self) -> str:
        """The id in the cloud."""
        return str(self.raw[self.lifecycle.id_field])

    @property
    def name(self) -> str:
        """The physical name, or an empty string."""
        return str(self.raw.get(self.lifecycle.name_field) or "")

    @property
    def region(self) -> str:
        """Where it runs, such as `denvr houston-usa-1`; empty if the reply does not show it."""
        return " ".join(str(self.inputs[field]) for field in self.lifecycle.place_fields if field in self.inputs)

    @property
    def status(self) -> str:
        """The status, in the cloud's own word."""
        return str(getattr(self.info, self.lifecycle.status_field, None) or "")

    @property
    def live(self) -> bool:
        """Whether it is neither gone nor on its way out."""
        return self.lifecycle.live(self.info)

    @property
    def generated_name(self) -> bool:
        """Whether the name looks like one that pulumi-gpufleet has generated."""
        return _GENERATED_NAME.fullmatch(self.name) is not None

    @property
    def created_at(self) -> datetime.datetime | None:
        """When it was created, if the reply shows it."""
        try:
            return parse_instant(str(getattr(self.info, "created_at", None)))
        except ValueError:
            return None

    def age_seconds(self, now: datetime.datetime) -> float | None:
        """Return how long it has existed, if the reply shows that."""
        return max((now - self.created_at).total_seconds(), 0.0) if self.created_at is not None else None

    def cost_dollars(self, now: datetime.datetime) -> tuple[float, bool] | None:
        """Return what it has cost so far in dollars, and whether the cloud itself says so; None without any price.

        Without the cloud's own figure it is the hourly price times the age.
        """
        cost, age_seconds = self.lifecycle.cost(self.info), self.age_seconds(now)
        if cost.total_dollars is not None:
            return cost.total_dollars, True
        if cost.hourly_dollars is None or age_seconds is None:
            return None
        return cost.hourly_dollars * age_seconds / 3600, False

    def mentions(self) -> set[str]:
        """Return every string in the reply; the ids of its volumes and machines are among them."""
        return set(strings(self.raw))


def strings(value: Any) -> Iterator[str]:
    """Return every string in a JSON value, at any depth."""
    stack = [value]
    while stack:
        value = stack.pop()
        if isinstance(value, str):
            yield value
        elif isinstance(value, dict):
            stack.extend(cast(Properties, value).values())
        elif isinstance(value, list):
            stack.extend(cast("list[Any]", value))


# --- Output -----------------------------------------------------------------------------------------------------------


def describe(found: Running) -> str:
    """Name one resource in half a line."""
    place = f" in {shown(found.region)}" if found.region else ""
    return f"{found.token} {shown(found.id)} {shown(found.name)!r}{place}"


def details(found: Running, now: datetime.datetime) -> tuple[str, str, str]:
    """Return status, age and cost so far, each as text."""
    age_seconds = found.age_seconds(now)
    cost = found.cost_dollars(now)
    cost_text = _NO_PRICE if cost is None else f"${cost[0]:,.2f}" if cost[1] else f"about ${cost[0]:,.2f}"
    return shown(found.status) or "-", "-" if age_seconds is None else _age(age_seconds), cost_text


def _age(seconds: float) -> str:
    minutes = int(seconds // 60)
    days, hours = minutes // 1440, minutes // 60 % 24
    return f"{days} d {hours} h" if days else f"{hours} h {minutes % 60} min" if hours else f"{minutes} min"


# --- Listing ----------------------------------------------------------------------------------------------------------


def clients(names: Iterable[str], settings: Iterable[Setting]) -> list[CloudClient]:
    """Return a client for each account of the named clouds, else of every cloud that has a key.

    Keys and addresses come from each of the `settings`, or where one has none, from the environment. Raises MissingKey
    for a named cloud without a key, and when no cloud has one.
    """
    named, lookups = list(names), list(settings)
    found: dict[CloudClient, None] = {}
    for name in named or CLOUDS:
        cloud = cloud_of(name)
        accounts: dict[CloudClient, None] = {}
        for setting in lookups:
            with contextlib.suppress(MissingKey):
                accounts[client_for(cloud, setting)] = None
        if named and not accounts:
            raise _missing([cloud])
        if not accounts:
            click.echo(f"{cloud.title} is skipped: {_no_key([cloud])}", err=True)
        found |= accounts
    if not found:
        raise _missing([cloud_of(name) for name in CLOUDS])
    return list(found)


def running(client: CloudClient, resources: Iterable[str] = ()) -> list[Running]:
    """List everything in one account that is not gone, clusters first; raises CloudError if any list cannot be read."""
    found: list[Running] = []
    for name, lifecycle in sorted(lifecycles_of(client.cloud.name).items(), key=lambda item: item[0] != "Cluster"):
        if not resources or name in resources:
            rows = [Running.of(lifecycle, client, raw) for raw in lifecycle.list_all(client)]
            found += [row for row in rows if not lifecycle.gone(row.info)]
    return found


def _missing(clouds: list[Cloud]) -> MissingKey:
    return MissingKey(f"{_no_key(clouds)}: set one in the environment, or name a stack that has one with --stack")


def _no_key(clouds: list[Cloud]) -> str:
    return f"no key is set in {' or '.join(cloud.api_key_environment for cloud in clouds)}"
