"""Every public name of the SDK stands in `public_names.txt`: users' programs are made of them.

A change of one is a decision. To accept it, run `python -m tests.sdk.test_public_names` and commit the file; to take a
name away, or to rename it, is a breaking change, which the changelog names.
"""

from __future__ import annotations

import importlib
import inspect
import pprint
import textwrap
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import gpufleet_provider
import pulumi_gpufleet

RECORDED = Path(__file__).parent / "public_names.txt"
MODULES = [
    "pulumi_gpufleet",
    "pulumi_gpufleet.components",
    *(f"pulumi_gpufleet.{cloud}{module}" for cloud in gpufleet_provider.CLOUDS for module in ("", ".outputs")),
]


def fields(value: Any) -> list[str]:
    """What is public of a name: the parameters of a function, the attributes of a class."""
    if inspect.isfunction(value):
        return list(inspect.signature(value).parameters)
    if not inspect.isclass(value):
        return []
    own = {name for name in vars(value) if not name.startswith("_")}
    return sorted(own | {name for name in inspect.get_annotations(value) if not name.startswith("_")})


def lines(module: ModuleType) -> Iterator[str]:
    yield f"[{module.__name__}]"
    for name in sorted(getattr(module, "__all__", [])):
        found = ", ".join(fields(getattr(module, name)))
        if name.endswith("ArgsDict") and fields(getattr(module, name)) == fields(getattr(module, name[: -len("Dict")])):
            found = f"as {name[: -len('Dict')]}"
        yield textwrap.fill(f"{name}({found})" if found else name, 120, subsequent_indent="    ")


def public_names() -> str:
    found = [line for name in MODULES for line in (*lines(importlib.import_module(name)), "")]
    return "\n".join(found)


def test_every_public_name_is_the_recorded_one() -> None:
    assert public_names() == RECORDED.read_text(), (
        "public names have changed; if that is meant, run `python -m tests.sdk.test_public_names` and commit the file"
    )


def test_whatever_is_exported_is_there_and_is_no_module_but_outputs() -> None:
    for name in MODULES:
        module = importlib.import_module(name)
        for exported in getattr(module, "__all__", []):
            assert inspect.ismodule(getattr(module, exported)) is (exported == "outputs")


def test_what_a_cloud_exports_fits_on_a_screen() -> None:
    for cloud in gpufleet_provider.CLOUDS:
        printed = str(importlib.import_module(f"pulumi_gpufleet.{cloud}").__all__)
        assert len(textwrap.wrap(printed, 80)) <= 24, pprint.pformat(printed)


def test_no_name_is_that_of_a_body_of_the_provider() -> None:
    for cloud in gpufleet_provider.CLOUDS:
        package = importlib.import_module(f"pulumi_gpufleet.{cloud}")
        assert [name for name in package.__all__ if name.startswith("ClusterInfo") or "Create" in name] == []


if __name__ == "__main__":
    assert pulumi_gpufleet.__file__
    RECORDED.write_text(public_names())
