"""`Lifecycle`: the calls of one kind of resource, and how its replies and changes are judged.

Its bodies, and the marks on their fields, are made of what `fields` has.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Generic, Literal, NamedTuple, Protocol

from gpufleet_provider.model.cloud import Cloud
from gpufleet_provider.model.fields import Body, Failure, Info, InfoT, Properties, Rule
from gpufleet_provider.model.readable import readable_inputs


class Client(Protocol):
    """What a lifecycle speaks to a cloud through: one account, one request at a time (`http.client.CloudClient`)."""

    @property
    def cloud(self) -> Cloud:
        """The cloud that has the account."""
        ...

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


# --- What a lifecycle answers with ----------------------------------------------------------------------------------


@dataclass(frozen=True)
class Readiness:
    """Where a resource stands, with a message for the user.

    Pending, ready, or failed for good: then the next `up` replaces it. Blocked ends the wait like a failure, but
    neither waiting nor replacing would cure it (the credits ran out): it is kept, and the next `up` looks again.
    """

    state: Literal["pending", "ready", "blocked", "failed"]
    message: str
    missing: str = ""
    """While pending: what alone is wrong, as a clause for the user (`its kubeconfig is not shown`), all else being
    ready. A wait does not hang on it for ever: after some minutes without a change it ends with a warning."""


Action = Literal["update", "replace", "ignore", "refuse"]
"""What a change of one input does: it updates in place, replaces, is ignored with a warning, or is refused."""


class Effect(NamedTuple):
    """What a change of one input does, and why, for the user."""

    action: Action
    reason: str


@dataclass(frozen=True)
class Cost:
    """What a reply says of a resource's cost, in US dollars; None for what it does not say."""

    hourly_dollars: float | None = None
    total_dollars: float | None = None
    """Since the resource was created."""


@dataclass(frozen=True)
class AttachedResource:
    """A thing that a resource made besides itself, and how to delete it once the resource is gone."""

    description: str
    """What it is called, such as `volume 'data' (v-1)`."""
    delete: Callable[[Client], bool]
    """Returns True when it is gone, False while it must be asked again."""


@dataclass(frozen=True)
class Timeouts:
    """How long each verb waits when the program sets no `custom_timeouts`, in seconds."""

    create_seconds: float = 90 * 60
    update_seconds: float = 60 * 60
    delete_seconds: float = 30 * 60


# --- The lifecycle --------------------------------------------------------------------------------------------------


class Lifecycle(ABC, Generic[InfoT]):
    """One kind of resource of one cloud: its bodies, its calls, and how its replies are judged.

    Every call may raise `CloudError`. No call waits: the caller polls with `list_all` and `get`, and asks `readiness`
    about what they return.
    """

    token: ClassVar[str]
    """`<cloud>:<Resource>`, as in the type token `pulumi-python:dynamic/<cloud>:<Resource>`."""
    create_body: ClassVar[type[Body]]
    update_body: ClassVar[type[Body]]
    info_body: ClassVar[type[Info]]
    id_field: ClassVar[str]
    """The output that is the resource's id."""
    status_field: ClassVar[str] = "status"
    """The output that holds the resource's status, in the cloud's own words."""
    name_field: ClassVar[str]
    """The input that holds the physical name; it is optional in the program and filled in by check."""
    place_fields: ClassVar[tuple[str, ...]]
    """The inputs that, with the name, tell which live resources could be ours (`region`, `cloud`)."""
    scope_field: ClassVar[str] = ""
    """The input that names a part of the account (`project_id`) whose resources a list may lack: see `list_scope`."""
    term_fields: ClassVar[tuple[str, ...]] = ()
    """The inputs that say how long a prepaid resource lasts: a change of one of them asks for a new term."""
    forfeit_field: ClassVar[str] = ""
    """The input that confirms the loss of a prepaid term; empty for a resource that is never prepaid."""
    data_loss_field: ClassVar[str] = ""
    """The input that confirms the loss of data; empty for a resource that takes none along (`replacement_loss`)."""
    catalogue_fields: ClassVar[tuple[str, ...]] = ()
    """The inputs that the cloud's live catalogue can contradict; empty for a cloud without one."""
    rules: ClassVar[tuple[Rule, ...]] = ()
    timeouts: ClassVar[Timeouts] = Timeouts()
    list_shows_all: ClassVar[bool] = True
    """Whether a list shows all of a resource that `get` shows; if not, what is waited for or read is asked by id."""

    # --- Calls ---

    @abstractmethod
    def create(self, client: Client, inputs: Properties) -> str:
        """Post the create once and return the new id, or an empty string where the reply holds none.

        Raises `Ambiguous` where it may have been carried out; the caller looks for the result and never repeats it.
        """

    @abstractmethod
    def get(self, client: Client, id: str) -> Properties:
        """Return the raw reply for one id; raises `NotFound` only when the cloud says that it has no such resource."""

    @abstractmethod
    def list_all(self, client: Client) -> list[Properties]:
        """Return the raw replies for everything of this kind in the account, in one request."""

    def list_scope(self, client: Client, scope: str) -> list[Properties]:
        """Return the raw replies for what `scope_field` names a part of the account for, in one request.

        They may be those of `list_all` once more: a cloud that does not know the filter ignores it.
        """
        return []

    def update(self, client: Client, id: str, changes: Properties) -> None:
        """Send the update body for the changed inputs; only those that the update body names ever get here."""
        raise TypeError(f"{self.token} has no update call, so {sorted(changes)} cannot change in place")

    @abstractmethod
    def delete(self, client: Client, id: str) -> None:
        """Ask for the delete; returns when the cloud has accepted it, long before the resource is gone."""

    def catalogue(self, client: Client) -> Any:
        """Return the cloud's live catalogue, in one request; asked only where `catalogue_fields` names inputs."""
        return None

    # --- What a reply means ---

    @abstractmethod
    def readiness(self, info: InfoT, inputs: Properties) -> Readiness:
        """Judge a reply against the declared inputs; pure, and an unknown status is pending."""

    def update_readiness(self, info: InfoT, inputs: Properties) -> Readiness:
        """Judge a reply after an update; pure, as `readiness` is, which it is by default.

        Of the inputs that change in place, `inputs` has only those that the update changed: nothing else is waited for.
        """
        return self.readiness(info, inputs)

    def trouble(self, info: InfoT) -> str | None:
        """Return what is wrong with a resource that is or was in use, as a clause for the user; None if nothing.

        Paused, degraded, being deleted: a refresh, a preview and an update say it, whether anything has changed or not.
        """
        return None

    def observed(self, info: InfoT, declared: Properties | None = None) -> Properties:
        """Return the inputs as a reply shows them; those that it does not show are absent.

        By default the fields that create body and info body share. `declared` are the inputs of the program, where
        there is one: what replies leave out because of its value (an add-on that is off) is then as declared.
        """
        return readable_inputs(self.create_body, info, declared or {})

    def outputs(self, info: InfoT) -> Properties:
        """Return the outputs to keep, decoded for the user (a kubeconfig as YAML); absent fields are left out."""
        # Without warnings: a reply's unknown enumeration values and missing fields are kept as they came.
        return info.model_dump(mode="json", exclude_none=True, warnings=False)

    def gone(self, info: InfoT) -> bool:
        """Return whether a reply is a tombstone: the resource no longer exists and no longer costs."""
        return False

    def has_been_ready(self, info: InfoT) -> bool:
        """Return whether a reply shows that the resource was ready once: from then on no failure replaces it."""
        return False

    def live(self, info: InfoT) -> bool:
        """Return whether a resource is neither gone nor being deleted, so that it could be taken over."""
        return not self.gone(info)

    def cost(self, info: InfoT) -> Cost:
        """Return what a reply says of the resource's cost."""
        return Cost()

    # --- What a change does ---

    def effect(self, name: str, old: Properties, new: Properties) -> Effect | None:
        """Judge a change of one input, given all of them, old and new; None where its marks decide."""
        return None

    def replacement_loss(self, old: Properties) -> str:
        """Return what data goes with a resource that is replaced, to end the reason for it; empty where none does."""
        return ""

    def update_payload(self, changes: Properties, inputs: Properties, prior: Properties) -> Properties:
        """Return what the update call is sent for changed inputs; by default they are the same."""
        return changes

    def catalogue_errors(self, catalogue: Any, inputs: Properties) -> Iterable[Failure]:
        """Return which inputs the catalogue contradicts for certain; unknown values are absent from the inputs."""
        return ()

    def attachment_differences(self, info: InfoT, inputs: Properties) -> Iterable[str]:
        """Say what is attached to a resource otherwise than declared, in clauses for the user.

        Asked where it is to be taken over, of what no input shows: a volume of another name is another volume. What
        cannot be told yet while a resource is being created is no difference.
        """
        return ()

    # --- What a resource takes with it ---

    def ended(self, inputs: Properties, outputs: Properties) -> str | None:
        """Return when the prepaid term of a resource ended, if it had one that is over; None otherwise."""
        return None

    def forfeits(self, inputs: Properties, outputs: Properties) -> str | None:
        """Return what prepaid time a replacement would forfeit, as a clause for the user; None if none."""
        return None

    def forfeits_in_place(self, inputs: Properties, outputs: Properties, news: Properties) -> str | None:
        """Return what prepaid time an update would forfeit, as a clause for the user; None if none.

        New inputs whose values are not known yet are absent from `news`.
        """
        return None

    def attached_resources(self, inputs: Properties, outputs: Properties) -> Iterable[AttachedResource]:
        """Return what the resource made besides itself, which is deleted with it (an inline volume)."""
        return ()

    def url(self, id: str) -> str | None:
        """Return the vendor's console page for a resource, if there is one."""
        return None
