"""`Example`: what the conformance suite needs to know of a resource; one per token, in `examples/<cloud>.py`."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pytest

Inputs = dict[str, Any]


@dataclass(frozen=True)
class Example:
    """Inputs that the simulated cloud accepts, and what changes of them do."""

    kind: str
    """The kind that its simulator's routes create, such as `cluster`."""
    inputs: Inputs
    """Valid inputs without the physical name; the suite adds one."""
    replacing: Inputs
    """Changed inputs that replace the resource."""
    in_place: Inputs | None
    """Changed inputs that update it in place; None if nothing can."""
    failure: Mapping[str, Any] | None = None
    """The simulator's fault rule that makes a create fail for good; None if there is none."""
    ready_at_once: bool = False
    """Whether it is ready when its create is answered."""
    gone_at_once: bool = False
    """Whether it is gone when its delete is answered."""


def example_of(token: str) -> Example:
    """Return the example of a lifecycle; if there is none, fails the test and says what to add."""
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
