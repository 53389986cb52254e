"""`example_cloud:Machine`: one machine with GPUs."""

from __future__ import annotations

from typing import Annotated

from gpufleet_provider.http.client import segment
from gpufleet_provider.model.fields import Body, Info, Properties, Suggested, Text
from gpufleet_provider.model.lifecycle import Client, Lifecycle, Readiness
from gpufleet_provider.model.replies import fetch_object, fetch_rows, post_create
from pydantic import Field

STATUSES = ("starting", "running", "broken", "stopping")


class MachineCreate(Body):
    """A machine with GPUs.

    ## Example Usage

    ```python
    from pulumi_gpufleet import example_cloud

    machine = example_cloud.Machine("machine", zone="north", num_gpus=8)
    ```
    """

    name: Text | None = None
    """Name of the machine. Defaults to `<resource name>-<8 hex digits>-<8 hex digits>`, stable across runs."""

    zone: Text
    """Zone, such as `north`."""

    num_gpus: Annotated[int, Field(ge=1)]
    """Number of GPUs."""


class MachineUpdate(Body):
    """What changes in place."""

    num_gpus: int | None = None
    """Number of GPUs."""


class MachineInfo(Info):
    """A machine as Example Cloud shows it."""

    id: str | None
    """Id of the machine."""

    name: str | None
    """Name of the machine."""

    zone: str | None
    """Zone that it runs in."""

    num_gpus: int | None
    """Number of GPUs."""

    status: Annotated[str | None, Suggested(STATUSES)]
    """Status; `running` is ready."""


class MachineLifecycle(Lifecycle[MachineInfo]):
    """A machine of Example Cloud."""

    token = "example_cloud:Machine"
    create_body = MachineCreate
    update_body = MachineUpdate
    info_body = MachineInfo
    id_field = "id"
    name_field = "name"
    place_fields = ("zone",)

    def create(self, client: Client, inputs: Properties) -> str:
        """Post the create once and return the new id."""
        return post_create(client, "/machines", inputs, "id")

    def get(self, client: Client, id: str) -> Properties:
        """Return the raw reply for one id."""
        return fetch_object(client, f"/machines/{segment(id)}", "id")

    def list_all(self, client: Client) -> list[Properties]:
        """Return the raw replies for every machine of the account, in one request."""
        return fetch_rows(client, "/machines", "machines")

    def update(self, client: Client, id: str, changes: Properties) -> None:
        """Send what has changed."""
        client.request("PUT", f"/machines/{segment(id)}", json=changes)

    def delete(self, client: Client, id: str) -> None:
        """Ask for the delete."""
        client.request("DELETE", f"/machines/{segment(id)}")

    def readiness(self, info: MachineInfo, inputs: Properties) -> Readiness:
        """Judge the status."""
        if info.status in ("broken", "stopping"):
            return Readiness("failed", f"{info.status}: the machine does not run")
        return Readiness("ready" if info.status == "running" else "pending", info.status or "no status yet")

    def live(self, info: MachineInfo) -> bool:
        """Return whether the machine is not being deleted."""
        return info.status != "stopping"


MACHINE = MachineLifecycle()
