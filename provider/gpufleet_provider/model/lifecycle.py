"""`Lifecycle`: the calls of a resource's life and how it is judged, declared once per resource.

Its bodies and their marks are in `fields`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Generic, Literal, Protocol, TypeVar

from gpufleet_provider.model.fields import Body, Failure, Info, Properties, Rule


class Client(Protocol):
    """What a lifecycle speaks to a cloud through: one account, one request at a time (`http.client.CloudClient`)."""

    def request(
        self,
        method: str,
        path: str,
        *,
        json: Any = None,
        params: Mapping[str, str | int | bool] | None = None,
        creates: bool = False,
        repeatable: bool | None = None,
    ) -> Any:
        """Ask the cloud and return the decoded JSON; raises CloudError."""
        ...


# --- Readiness ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Readiness:
    """Where a resource stands, with a message for the user.

    Pending, ready, or failed for good: then the next `up` replaces it. Blocked ends the wait like a failure, but
    neither waiting nor replacing would cure it (the credits ran out): it is kept, and the next `up` looks again.
    """

    state: Literal["pending", "ready", "blocked", "failed"]
    message: str


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
    def create(self, client: Client, inputs: Properties) -> str:
        """Post the create once and return the new id; what is ambiguous raises `Ambiguous` and is never repeated."""

    @abstractmethod
    def get(self, client: Client, id: str) -> Properties:
        """Return the raw reply for one id; raises `NotFound` only when the cloud says that it has no such resource."""

    @abstractmethod
    def list_all(self, client: Client) -> list[Properties]:
        """Return the raw replies for everything of this kind in the account, in one request."""

    def update(self, client: Client, id: str, changes: Properties) -> None:
        """Send the update body for the changed inputs; only those that the update body names ever get here."""
        raise TypeError(f"{self.token} has no update call, so {sorted(changes)} cannot change in place")

    @abstractmethod
    def delete(self, client: Client, id: str) -> None:
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

    def attached_resources(self, inputs: Properties, outputs: Properties) -> Iterable[AttachedResource]:
        """Name what the resource made besides itself and what therefore goes with it (an inline volume)."""
        return ()

    def update_payload(self, changes: Properties, inputs: Properties, prior: Properties) -> Properties:
        """Turn changed inputs into what the update call must be sent; by default they are the same."""
        return changes

    def verdict(
        self, name: str, old: Properties, new: Properties
    ) -> tuple[Literal["update", "replace", "ignore", "refuse"], str] | None:
        """Judge a change of one input (given all of them, old and new) where marks do not say it all."""
        return None

    def catalogue(self, client: Client) -> Any:
        """Return the cloud's live catalogue, in one request; asked only where `catalogue_fields` names inputs."""
        return None

    def catalogue_errors(self, catalogue: Any, inputs: Properties) -> Iterable[Failure]:
        """Say which inputs the catalogue contradicts for certain; unknown values are absent from the inputs."""
        return ()

    def url(self, id: str) -> str | None:
        """Return the vendor's console page for a resource, if there is one."""
        return None


@dataclass(frozen=True)
class AttachedResource:
    """A thing that a resource made besides itself: how to delete it once the resource is gone."""

    description: str
    """What it is called, such as `volume 'data' (v-1)`."""
    delete: Callable[[Client], bool]
    """Returns True when it is gone, False while it must be asked again."""
