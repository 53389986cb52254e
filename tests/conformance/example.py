"""What a lifecycle tells the conformance suite about itself: one `Example` per token, in `examples/<cloud>.py`."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pytest

Inputs = dict[str, Any]


@dataclass(frozen=True)
class Example:
    """Inputs that the simulated cloud accepts, and what can be done with the resource that they make."""

    kind: str
    """What its simulator's routes say that they create, such as `cluster`."""
    inputs: Inputs
    """Valid inputs without the physical name, which the suite adds."""
    replacing: Inputs
    """Inputs to set anew so that the resource is replaced."""
    in_place: Inputs | None
    """Inputs to set anew so that it is updated; None where nothing changes in place."""
    failure: Mapping[str, Any] | None = None
    """The simulator's fault rule with which a create comes to nothing for good; None where there is none."""
    made_at_once: bool = False
    """Whether it is ready as soon as its create is answered."""
    gone_at_once: bool = False
    """Whether it is gone as soon as its delete is answered."""


def example_of(token: str) -> Example:
    """Return the example of a lifecycle; fails the test with what to add where there is none."""
    cloud = token.partition(":")[0]
    module = f"tests.conformance.examples.{cloud}"
    try:
        examples: dict[str, Example] = importlib.import_module(module).EXAMPLES
    except ModuleNotFoundError as missing:
        if missing.name != module:
            raise
        examples = {}
    if token not in examples:
        pytest.fail(
            f"{token} has no example for the conformance suite: add EXAMPLES[{token!r}] = Example(...) to "
            f"{module.replace('.', '/')}.py (tests/conformance/example.py says what it holds)",
            pytrace=False,
        )
    return examples[token]
