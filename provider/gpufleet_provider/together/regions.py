"""The regions that Together has, with their GPU types and driver versions."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from gpufleet_provider.model.fields import Failure, Info, Properties
from gpufleet_provider.model.lifecycle import Client
from gpufleet_provider.model.replies import fetch_rows, parse_info


class DriverVersion(Info):
    """A driver and CUDA version that clusters in the region can have."""

    id: str | None
    """What a cluster's `nvidia_version_id` names; each region has its own."""

    cuda_version: str | None
    """CUDA version."""

    nvidia_driver_version: str | None
    """NVIDIA driver version."""

    os: str | None
    """Operating system of the image; the same pair of versions may come with several."""


class Region(Info):
    """A region."""

    name: str | None
    """What a cluster's `region` names."""

    supported_instance_types: list[str] | None
    """GPU types that the region has; being listed does not mean that any is free."""

    driver_versions: list[DriverVersion] | None
    """Driver and CUDA versions that clusters in the region can have."""


def list_regions(client: Client) -> list[Region]:
    """Return every region, in one request; raises CloudError."""
    return [parse_info(Region, region) for region in fetch_rows(client, "/compute/regions", "regions")]


def catalogue_errors(regions: list[Region], inputs: Properties) -> Iterator[Failure]:
    """Return which of region, GPU type and driver the list of regions contradicts."""
    name, gpu_type = inputs.get("region"), inputs.get("gpu_type")
    region = next((region for region in regions if region.name == name), None)
    if name is None or not regions:
        return
    if region is None:
        yield Failure("region", f"Together has no region {name!r}; it has {_joined(it.name for it in regions)}")
        return
    types = region.supported_instance_types or []
    if gpu_type is not None and types and gpu_type not in types:
        elsewhere = _joined(it.name for it in regions if gpu_type in (it.supported_instance_types or []))
        where = f", and {gpu_type} is in {elsewhere}" if elsewhere else ""
        yield Failure("gpu_type", f"{name} has no {gpu_type}; it has {', '.join(types)}{where}")
    yield from _driver_errors(region, inputs)


def _joined(names: Iterable[str | None]) -> str:
    return ", ".join(filter(None, names))


def _driver_errors(region: Region, inputs: Properties) -> Iterator[Failure]:
    drivers = region.driver_versions or []
    id, cuda, driver = (inputs.get(it) for it in ("nvidia_version_id", "cuda_version", "nvidia_driver_version"))
    if not drivers:
        return
    if id is not None and id not in [it.id for it in drivers]:
        yield Failure("nvidia_version_id", f"{region.name} has no driver {id!r}; it has {_listed_drivers(drivers)}")
    # A version may be given with the operating system behind it: only the numbers in front are compared.
    elif (
        cuda is not None
        and driver is not None
        and not any(
            str(cuda).startswith(it.cuda_version or "") and str(driver).startswith(it.nvidia_driver_version or "")
            for it in drivers
        )
    ):
        yield Failure(
            "cuda_version", f"{region.name} has no CUDA {cuda} with driver {driver}; it has {_listed_drivers(drivers)}"
        )


def _listed_drivers(drivers: list[DriverVersion]) -> str:
    return ", ".join(dict.fromkeys(f"{it.cuda_version} with {it.nvidia_driver_version} ({it.id})" for it in drivers))
