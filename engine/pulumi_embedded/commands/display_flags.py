"""Flags of deployment commands that only steer the CLI's display: accepted, and without effect here."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, TypeVar

import click

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

F = TypeVar("F", bound="Callable[..., Any]")

_FLAGS: Final[Sequence[tuple[str, ...]]] = (
    ("-d", "--debug"),
    ("--neo",),
    ("--show-config",),
    ("--show-full-output",),
    ("--show-policy-remediations",),
    ("--show-reads",),
    ("--show-replacement-steps",),
    ("--show-sames",),
    ("--skip-plugin-pre-install",),
    ("--suppress-progress",),
    ("--urns",),
)
_OPTIONS: Final[Sequence[tuple[str, ...]]] = (("--exec-kind",), ("--exec-agent",))


def accept_display_flags(function: F) -> F:
    """Let a command accept the flags; the function does not receive them."""
    for names in _FLAGS:
        function = click.option(*names, is_flag=True, hidden=True, expose_value=False)(function)
    for names in _OPTIONS:
        function = click.option(*names, hidden=True, expose_value=False)(function)
    permalink = click.option("--suppress-permalink", is_flag=False, flag_value="true", hidden=True, expose_value=False)
    return permalink(function)
