"""A small resource with every kind of field, to hold the generator against."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from gpufleet_provider.model.fields import (
    Body,
    CreateOnly,
    GrowOnly,
    Info,
    Instant,
    Local,
    Properties,
    Refused,
    Secret,
    Suggested,
)
from gpufleet_provider.model.lifecycle import Lifecycle, Readiness
from pydantic import Field

GPUS = ("H100", "B200")


class Login(Body):
    """Who may sign in."""

    user: str
    """User name."""
    password: Annotated[str | None, Secret()] = None
    """Password."""


class Disk(Body):
    """A disk."""

    size_tib: Annotated[int, Field(ge=1)]
    """Size in TiB."""
    kind: Annotated[str, Suggested(("ssd", "disk"))] | None = None
    """Kind of the disk."""


class ToyCreate(Body):
    """What a toy is made of."""

    toy_name: str
    """Name of the toy."""
    billing: Literal["RENT", "BUY"]
    """How it is paid."""
    gpu: Annotated[str, Suggested(GPUS)]
    """GPU, and a "quoted" word with a back\\slash."""
    count: Annotated[int, Field(multiple_of=8)]
    """How many."""
    disks: list[Disk] | None = None
    """Its disks."""
    login: Login | None = None
    """Who may sign in."""
    labels: dict[str, str] | None = None
    """Labels."""
    starts: Annotated[Instant | None, Refused("set `ends` instead")] = None
    """When it starts."""
    tests: Annotated[bool | None, CreateOnly("tests run once")] = None
    """Whether it is tested."""
    size_tib: Annotated[int | None, GrowOnly("make another")] = None
    """Size in TiB."""
    confirm: Annotated[bool | None, Local()] = None
    """Steers the provider."""


class ToyUpdate(Body):
    """What changes in place."""

    count: int | None = None


class Node(Info):
    """A node of the toy."""

    host_name: str
    """Host name."""
    phases: list[str]
    """Phases it went through."""
    memory_gib: float | None = None
    """Memory in GiB."""


class ToyInfo(Info):
    """A toy."""

    toy_id: str
    """Id of the toy."""
    toy_name: str
    """Name of the toy."""
    count: int
    """How many."""
    disks: list[Disk]
    """Its disks."""
    nodes: list[Node]
    """Its nodes."""
    labels: dict[str, str] | None = None
    """Labels."""
    credential: Annotated[str | None, Secret()] = None
    """A credential."""


class ToyLifecycle(Lifecycle[ToyInfo]):
    """A toy that a child can break."""

    token = "toys:Toy"
    create_body = ToyCreate
    update_body = ToyUpdate
    info_body = ToyInfo
    id_field = "toy_id"
    name_field = "toy_name"
    place_fields = ()

    def create(self, client: Any, inputs: Properties) -> str:
        raise NotImplementedError

    def get(self, client: Any, id: str) -> Properties:
        raise NotImplementedError

    def list_all(self, client: Any) -> list[Properties]:
        raise NotImplementedError

    def delete(self, client: Any, id: str) -> None:
        raise NotImplementedError

    def readiness(self, info: ToyInfo, inputs: Properties) -> Readiness:
        raise NotImplementedError

    def observed(self, info: ToyInfo, declared: Properties | None = None) -> Properties:
        raise NotImplementedError
