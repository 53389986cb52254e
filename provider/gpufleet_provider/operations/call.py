"""`Call`: what the engine's call says besides its properties, and where messages for the user go."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from gpufleet_provider.http.accounts import Setting
from gpufleet_provider.model.text import one_line


def _ignore(_message: str) -> None:
    """Show no progress: on the stock server a call does not know its URN, and a line without one would be noise."""


def _print(message: str) -> None:
    # A line that cannot be shown must not end an operation.
    with contextlib.suppress(OSError, ValueError):
        print(one_line(message), file=sys.stderr)


@dataclass(frozen=True)
class Call:
    """One call of the engine for one resource; what a server does not tell has a default."""

    urn: str = ""
    """The resource, or an empty string."""
    timeout_seconds: float | None = None
    """The time limit that the program sets, or None for the default of the resource."""
    progress: Callable[[str], None] = _ignore
    """Shows a line beside the resource until the next one."""
    warn: Callable[[str], None] = _print
    """Leaves a warning in the output of the run."""
    note: Callable[[str], None] = _print
    """Leaves a line in the output of the run that is no warning and concerns no single resource."""
    setting: Setting = lambda _key: None
    """Looks up the configuration that names the account; where it is silent, the environment does."""
    is_unknown: Callable[[Any], bool] = lambda _value: False
    """Whether a value of the inputs is not known before the run."""
    before_create: Callable[[], object] = lambda: None
    """Called right before a create is posted; it may stop everything that would change an account."""
