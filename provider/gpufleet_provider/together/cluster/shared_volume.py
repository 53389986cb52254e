"""The volume that a Together cluster is created with: it grows by a call of its own, and is deleted with the cluster.

Only the volume that the inputs declare is ever touched, and only where its name tells it from every other.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, TypeGuard, cast

from gpufleet_provider.http.client import segment
from gpufleet_provider.model.errors import Conflict, Invalid, NotFound
from gpufleet_provider.model.fields import Properties
from gpufleet_provider.model.lifecycle import AttachedResource, Client
from gpufleet_provider.model.replies import fetch_object
from gpufleet_provider.together.cluster.bodies import ClusterInfo

_VOLUMES = "/compute/clusters/storage/volumes"
_COMPLETE = ("Ready", "Degraded", "Paused", "OnDemandComputePaused")
"""Statuses in which a cluster has all that it was created with."""


def grow(client: Client, cluster: Properties, volume: Properties) -> None:
    """Bring the volume to its declared size, if it has not got it yet; raises Invalid where the cluster has no such."""
    name, size_tib = volume["volume_name"], volume["size_tib"]
    attached = _named(cluster.get("volumes"), name)
    if attached is None:
        raise Invalid(
            f"Together: cluster {cluster['cluster_id']} shows no volume {name!r} whose size could change. "
            "Run a refresh; if the volume is gone, restore its size in the program."
        )
    if attached.get("size_tib") != size_tib:
        client.request("PUT", _VOLUMES, json={"volume_id": attached["volume_id"], "size_tib": size_tib})


def goes_with_cluster(volume: Any) -> TypeGuard[Properties]:
    """Return whether a declared volume is deleted with its cluster; one that is not known yet is not."""
    return isinstance(volume, dict) and not cast(Properties, volume).get("is_lifecycle_independent")


def loss(inputs: Properties) -> str:
    """Return what data goes with a cluster that is replaced, to end the reason for it; empty where none does."""
    volume = inputs.get("shared_volume")
    if not goes_with_cluster(volume):
        return ""
    return f"; the volume {volume['volume_name']!r} was created with the cluster and goes with it, data and all"


def attachment_differences(info: ClusterInfo, inputs: Properties) -> Iterable[str]:
    """Say which declared volume is not attached; a cluster that shows none before it is ready may still get it."""
    attached = info.volumes or []
    if not attached and info.status not in _COMPLETE:
        return
    shown = ", ".join(f"{volume.volume_name!r} ({volume.volume_id})" for volume in attached) or "none"
    inline: Properties | None = inputs.get("shared_volume")
    if inline is not None and inline["volume_name"] not in [volume.volume_name for volume in attached]:
        yield f"the volume {inline['volume_name']!r} is declared, and attached is {shown}"
    id: str | None = inputs.get("volume_id")
    # The one that is attached instead shows as the input `volume_id`.
    if id is not None and len(attached) != 1 and id not in [volume.volume_id for volume in attached]:
        yield f"the volume {id} is declared, and attached is {shown}"


def attached_resources(inputs: Properties, outputs: Properties) -> Iterable[AttachedResource]:
    """Return the volume, unless it is lifecycle independent."""
    inline = inputs.get("shared_volume")
    if not goes_with_cluster(inline):
        return ()
    volume = _named(outputs.get("volumes"), inline["volume_name"])
    return () if volume is None else (_attached_resource(str(volume["volume_id"]), inline["volume_name"]),)


def _named(volumes: Any, name: str) -> Properties | None:
    """Return the one volume of that name with an id; None for several as well, of which nobody knows which is ours."""
    entries = [cast(Properties, v) for v in cast("list[Any]", volumes or []) if isinstance(v, dict)]
    found = [volume for volume in entries if volume.get("volume_name") == name and volume.get("volume_id")]
    return found[0] if len(found) == 1 else None


def _attached_resource(id: str, name: str) -> AttachedResource:
    def delete(client: Client) -> bool:
        path = f"{_VOLUMES}/{segment(id)}"
        try:
            if fetch_object(client, path, "volume_id").get("status") != "deleting":
                client.request("DELETE", path)
        except NotFound:
            return True
        except (Conflict, Invalid):
            # Still attached: Together releases a volume some time after its cluster is gone.
            return False
        return False

    return AttachedResource(f"volume {name!r} ({id})", delete)
