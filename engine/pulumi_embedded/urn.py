"""URNs and their parts: `urn:pulumi:<stack>::<project>::<parent types>$<type>::<name>`.

A provider reference is a provider's URN and id, joined by `::`.
"""

import re
from typing import Final

ROOT_TYPE: Final = "pulumi:pulumi:Stack"
STACK_REFERENCE_TYPE: Final = "pulumi:pulumi:StackReference"
_PROVIDER_PREFIX: Final = "pulumi:providers:"


def make(stack: str, project: str, parent: str, type_: str, name: str) -> str:
    """The URN of a resource; children of the stack itself carry no parent type."""
    parent_type = qualified_type(parent) if parent else ""
    prefix = f"{parent_type}$" if parent_type and parent_type != ROOT_TYPE else ""
    return f"urn:pulumi:{stack}::{project}::{prefix}{type_}::{name}"


def qualified_type(urn: str) -> str:
    """The type with the types of all parents: `lab:index:Pair$lab:index:Machine`."""
    return urn.split("::", 3)[2]


def type_of(urn: str) -> str:
    """The type alone."""
    return qualified_type(urn).rpartition("$")[2]


def name_of(urn: str) -> str:
    """The logical name."""
    return urn.split("::", 3)[3]


def renamed(urn: str, name: str) -> str:
    """The URN with another logical name."""
    return "::".join([*urn.split("::", 3)[:3], name])


def package_of(type_: str) -> str:
    """The package of a type or function token: `random` of `random:index/randomId:RandomId`."""
    return type_.partition(":")[0]


def is_provider_type(type_: str) -> bool:
    """Whether resources of this type are providers themselves."""
    return type_.startswith(_PROVIDER_PREFIX)


def provider_type(package: str) -> str:
    """The type of a package's provider resources."""
    return _PROVIDER_PREFIX + package


def provided_package(type_: str) -> str:
    """The package that a provider type provides."""
    return type_.removeprefix(_PROVIDER_PREFIX)


def reference(urn: str, id_: str) -> str:
    """The provider reference for a provider resource."""
    return f"{urn}::{id_}"


def split_reference(provider: str) -> tuple[str, str]:
    """URN and id of a provider reference."""
    urn, _, id_ = provider.rpartition("::")
    return urn, id_


def is_default_provider(urn: str) -> bool:
    """Whether the engine itself created this provider; such providers are not shown to users."""
    return is_provider_type(type_of(urn)) and name_of(urn).startswith("default")


def default_provider_name(version: str, download_url: str = "") -> str:
    """The name of the default provider of a plugin version: `default_4_21_4` for version 4.21.4."""
    parts = [re.sub(r"[^A-Za-z0-9]+", "_", part).strip("_") for part in (version, download_url) if part]
    return "_".join(["default", *parts])
