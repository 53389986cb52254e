"""The example in the docstring of each resource: it runs, and the type checker accepts it as all other programs."""

from __future__ import annotations

import importlib
import re
import textwrap

import gpufleet_provider
import pulumi
import pytest
from gpufleet_provider.clouds import lifecycles_of

from tests.sdk.program import run

RESOURCES = [(cloud, resource) for cloud in gpufleet_provider.CLOUDS for resource in lifecycles_of(cloud)]


def example(cloud: str, resource: str) -> str:
    """The code block of a resource class's docstring."""
    documented = getattr(importlib.import_module(f"pulumi_gpufleet.{cloud}"), resource).__doc__
    found = re.search(r"## Example Usage\n\n\s*```python\n(.*?)```", documented, re.DOTALL)
    assert found, f"{cloud}.{resource}: the docstring of its create body has no example"
    return textwrap.dedent(found[1])


@pytest.mark.parametrize(("cloud", "resource"), RESOURCES)
@pytest.mark.parametrize("preview", [False, True])
def test_the_example_in_the_documentation_runs(
    cloud: str, resource: str, preview: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    exported: list[str] = []
    monkeypatch.setattr(pulumi, "export", lambda name, _value: exported.append(name))
    lists = {name: [] for name in ("gpu_worker_nodes", "instances")}
    requests = run(lambda: exec(example(cloud, resource), {}), preview=preview, outputs=lists)
    assert f"pulumi-python:dynamic/{cloud}:{resource}" in [request.message.type for request in requests]
    assert exported
