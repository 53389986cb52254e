"""What a resource is: its bodies, how each field behaves, its readiness, and the calls of its life. No Pulumi in here.

A cloud's folder declares one module per resource, always in this order: create body, update body, info body, lifecycle.
The create body is the inputs; the update body is exactly the inputs that change in place (every other changed input
replaces); the info body is the outputs. What departs from that rule is declared beside the field, as one of the marks
below inside `Annotated[...]`, with a reason.
"""

from __future__ import annotations

import datetime
import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Generic, Literal, TypeVar

from pydantic import AfterValidator, BaseModel, ConfigDict

if TYPE_CHECKING:
    from gpufleet_provider.http.client import CloudClient

Properties = dict[str, Any]
"""Property values as plain JSON: None, bool, int, float, str, list and dict."""


# --- Bodies ---------------------------------------------------------------------------------------------------------


class Body(BaseModel):
    """A request body: strict types, and an unknown key is an error, because a misspelt key is an edit that is lost."""

    model_config = ConfigDict(strict=True, extra="forbid", use_attribute_docstrings=True)


class Info(BaseModel):
    """A reply: declared as the vendor's schema has it, filled by `parse_info`, which is lenient about what arrives.

    A field that the schema requires and a reply lacks is None, whatever its declared type says.
    """

    model_config = ConfigDict(extra="ignore", use_attribute_docstrings=True)


# --- Marks: what a field does beyond the rule -----------------------------------------------------------------------


@dataclass(frozen=True)
class Suggested:
    """An open enumeration: these values are known, any other string is accepted with a warning."""

    values: tuple[str, ...]


@dataclass(frozen=True)
class Unreadable:
    """No reply shows this input: a refresh keeps what the program said."""

    reason: str


@dataclass(frozen=True)
class CreateOnly:
    """Looked at once, by create: a later change is a warning and nothing else."""

    reason: str


@dataclass(frozen=True)
class Refused:
    """A change of this input on a living resource is refused with this advice."""

    advice: str


@dataclass(frozen=True)
class GrowOnly:
    """The number may grow in place; a smaller one is refused with this advice."""

    advice: str


@dataclass(frozen=True)
class WhenRemoved:
    """What an update sends when the program no longer sets this input: the vendor keeps what a body omits."""

    value: Any


@dataclass(frozen=True)
class Required:
    """Cannot be unset in place: taking it out of the program is refused with this advice."""

    advice: str


@dataclass(frozen=True)
class KeyedBy:
    """A list whose order means nothing: its entries are told apart by this key."""

    key: str


@dataclass(frozen=True)
class Local:
    """An input of ours: it steers the provider, is never sent to the cloud and is never a difference."""


@dataclass(frozen=True)
class Secret:
    """A credential: encrypted in the state, redacted everywhere else."""


@dataclass(frozen=True)
class IsInstant:
    """Compared as an instant: `2026-01-01T00:00:00Z` and `2026-01-01T01:00:00+01:00` are equal."""


def parse_instant(text: str) -> datetime.datetime:
    """Read an RFC 3339 timestamp; raises ValueError when it is none or has no offset."""
    # Python 3.10 reads neither `Z` nor a fraction of other than three or six digits.
    text = re.sub(r"[zZ]$", "+00:00", text.strip())
    text = re.sub(r"\.(\d{1,9})", lambda fraction: "." + fraction[1][:6].ljust(6, "0"), text)
    instant = datetime.datetime.fromisoformat(text)
    if instant.tzinfo is None:
        raise ValueError("has no offset")
    return instant


def _instant(text: str) -> str:
    try:
        parse_instant(text)
    except ValueError:
        raise ValueError(
            f"expected an RFC 3339 time with an offset, such as 2026-12-01T00:00:00Z, got {text!r}"
        ) from None
    return text


Instant = Annotated[str, AfterValidator(_instant), IsInstant()]
"""An RFC 3339 timestamp with an offset, kept as the text that the user wrote."""

MarkT = TypeVar("MarkT")


def mark(body: type[BaseModel], name: str, kind: type[MarkT]) -> MarkT | None:
    """Return the mark of that kind on a field of a body, or None."""
    found = body.model_fields.get(name)
    return next((m for m in found.metadata if isinstance(m, kind)), None) if found else None


def marked(body: type[BaseModel], kind: type[Any]) -> tuple[str, ...]:
    """Return the names of the fields of a body that carry a mark of that kind, in order of declaration."""
    return tuple(name for name in body.model_fields if mark(body, name, kind) is not None)


# --- Rules: what check holds inputs against, across fields ----------------------------------------------------------


@dataclass(frozen=True)
class Failure:
    """One reason why inputs are refused, at a property path such as `add_ons[0].name`."""

    path: str
    reason: str


@dataclass(frozen=True)
class Rule:
    """A check across fields; it is skipped while any field that it reads is unknown or already refused."""

    fields: tuple[str, ...]
    judge: Callable[..., Iterable[Failure]]


def rule(*fields: str) -> Callable[[Callable[..., Iterable[Failure]]], Rule]:
    """Make a function of the named fields' values (None where absent; dotted names reach into objects) a rule."""
    return lambda judge: Rule(fields, judge)


# --- Readiness ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Readiness:
    """Where a resource stands, in words for the user.

    Pending, ready, or failed for good: then the next `up` replaces it. Stopped ends the wait like a failure, but
    neither waiting nor replacing would cure it (the credits ran out): it is kept, and the next `up` looks again.
    """

    state: Literal["pending", "ready", "stopped", "failed"]
    words: str


# --- The life of a resource -----------------------------------------------------------------------------------------

InfoT = TypeVar("InfoT", bound=Info)


@dataclass(frozen=True)
class Timeouts:
    """How long each verb waits when the program sets no `custom_timeouts`, in seconds."""

    create_seconds: float = 90 * 60
    update_seconds: float = 60 * 60
    delete_seconds: float = 30 * 60


class Lifecycle(ABC, Generic[InfoT]):
    """One kind of resource of one cloud: declared bodies, and calls that speak HTTP and nothing else.

    Every call may raise `CloudError`. None of them waits: waiting is done once, for every lifecycle, by the caller,
    which asks `readiness` about what `list_all` and `get` return.
    """

    token: ClassVar[str]
    """`<cloud>:<Resource>`, as in the type token `pulumi-python:dynamic/<cloud>:<Resource>`."""
    create_body: ClassVar[type[Body]]
    update_body: ClassVar[type[Body]]
    info_body: ClassVar[type[Info]]
    id_field: ClassVar[str]
    """The output that is the resource's id."""
    name_field: ClassVar[str]
    """The input that holds the physical name; it is optional in the program and filled in by check."""
    place_fields: ClassVar[tuple[str, ...]]
    """The inputs that, with the name, tell which live resources could be ours (`region`, `cloud`)."""
    term_fields: ClassVar[tuple[str, ...]] = ()
    """The inputs that say how long a prepaid resource lasts: a change of one of them asks for a new term."""
    catalogue_fields: ClassVar[tuple[str, ...]] = ()
    """The inputs that the cloud's live catalogue can contradict; empty for a cloud without one."""
    rules: ClassVar[tuple[Rule, ...]] = ()
    timeouts: ClassVar[Timeouts] = Timeouts()

    @abstractmethod
    def create(self, client: CloudClient, inputs: Properties) -> str:
        """Post the create once and return the new id; what is ambiguous raises `Ambiguous` and is never repeated."""

    @abstractmethod
    def get(self, client: CloudClient, id: str) -> Properties:
        """Return the raw reply for one id; raises `NotFound` only when the cloud says that it has no such resource."""

    @abstractmethod
    def list_all(self, client: CloudClient) -> list[Properties]:
        """Return the raw replies for everything of this kind in the account, in one request."""

    def update(self, client: CloudClient, id: str, changes: Properties) -> None:
        """Send the update body for the changed inputs; only those that the update body names ever get here."""
        raise TypeError(f"{self.token} has no update call, so {sorted(changes)} cannot change in place")

    @abstractmethod
    def delete(self, client: CloudClient, id: str) -> None:
        """Ask for the delete; returns when the cloud has accepted it, long before the resource is gone."""

    @abstractmethod
    def readiness(self, info: InfoT, inputs: Properties) -> Readiness:
        """Judge a reply against the declared inputs; pure, and an unknown status is pending."""

    @abstractmethod
    def observed(self, info: InfoT, declared: Properties | None = None) -> Properties:
        """Return the inputs as the cloud shows them; an input that it cannot show now is absent.

        `declared` are the inputs that the program set, if it is known: what says the same in other words (`12.6` and
        `12.6.3`; an add-on that is declared off, and one that is not listed) is returned in the program's own.
        """

    def gone(self, info: InfoT) -> bool:
        """Say whether a reply is a tombstone: the resource no longer exists and no longer costs."""
        return False

    def live(self, info: InfoT) -> bool:
        """Say whether a resource is neither gone nor on its way out, so that it could be taken over."""
        return not self.gone(info)

    def ended(self, inputs: Properties, outputs: Properties) -> str | None:
        """Say when the prepaid term of a resource ended, if it had one that is over; None otherwise."""
        return None

    def forfeits(self, inputs: Properties, outputs: Properties) -> str | None:
        """Say what prepaid time a replacement would forfeit, as a clause for the user; None if nothing."""
        return None

    def outputs(self, info: InfoT) -> Properties:
        """Return the outputs to keep, decoded for the user (a kubeconfig as YAML); absent fields are left out."""
        # Without warnings: a reply's unknown enumeration values and missing fields are kept as they came.
        return info.model_dump(mode="json", exclude_none=True, warnings=False)

    def leftovers(self, inputs: Properties, outputs: Properties) -> Iterable[Leftover]:
        """Name what the resource made besides itself and what therefore goes with it (an inline volume)."""
        return ()

    def adjust_changes(self, changes: Properties, inputs: Properties, prior: Properties) -> Properties:
        """Turn changed inputs into what the update call must be sent; by default they are the same."""
        return changes

    def verdict(
        self, name: str, old: Properties, new: Properties
    ) -> tuple[Literal["update", "replace", "ignore", "refuse"], str] | None:
        """Judge a change of one input (given all of them, old and new) where marks do not say it all."""
        return None

    def catalogue(self, client: CloudClient) -> Any:
        """Return the cloud's live catalogue, in one request; asked only where `catalogue_fields` names inputs."""
        return None

    def contradictions(self, catalogue: Any, inputs: Properties) -> Iterable[Failure]:
        """Say which inputs the catalogue contradicts for certain; unknown values are absent from the inputs."""
        return ()

    def url(self, id: str) -> str | None:
        """Return the vendor's console page for a resource, if there is one."""
        return None


@dataclass(frozen=True)
class Leftover:
    """A thing that a resource made besides itself: how to delete it once the resource is gone."""

    words: str
    delete: Callable[[CloudClient], bool]
    """Returns True when it is gone, False while it must be asked again."""


# --- A cloud --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Cloud:
    """A cloud: how to reach an account, how it words errors, and the resources that it offers."""

    name: str
    title: str
    base_url: str
    api_key_config: str
    base_url_config: str
    api_key_environment: str
    base_url_environment: str
    authorization: Callable[[str], Mapping[str, str]]
    """The headers that carry an API key."""
    normalise_base_url: Callable[[str], str]
    read_error: Callable[[int, str], tuple[str, str]]
    """From a status and a body's text: the vendor's error code (or '') and its words, with nothing secret in them."""
    lifecycles: Mapping[str, Lifecycle[Any]] = field(default_factory=dict[str, "Lifecycle[Any]"])
    """By resource name, such as `Cluster`."""
