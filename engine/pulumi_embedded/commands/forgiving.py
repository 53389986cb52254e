"""Commands as people type them: `--refresh=true`, the CLI's other names of a command, and the nearest name of none."""

from __future__ import annotations

import difflib
from typing import Any, Final

import click

_TRUE: Final = frozenset({"1", "t", "T", "true", "TRUE", "True"})
_FALSE: Final = frozenset({"0", "f", "F", "false", "FALSE", "False"})


class ForgivingCommand(click.Command):
    """A command whose flags may be followed by `=true` or `=false`."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Parse the arguments; a flag that is given as false counts as given, and as false."""
        kept, refused = self._without_values(ctx, args)
        rest = super().parse_args(ctx, kept)
        for option in refused:
            if option.name in ctx.params:
                ctx.params[option.name] = False
        return rest

    def _without_values(self, ctx: click.Context, args: list[str]) -> tuple[list[str], list[click.Option]]:
        flags = {
            name: parameter
            for parameter in self.get_params(ctx)
            if isinstance(parameter, click.Option) and parameter.is_flag
            for name in parameter.opts
        }
        kept: list[str] = []
        refused: list[click.Option] = []
        for position, argument in enumerate(args):
            if argument == "--":
                return [*kept, *args[position:]], refused
            name, equals, value = argument.partition("=")
            if not equals or name not in flags:
                kept.append(argument)
            elif value in _TRUE:
                kept.append(name)
            elif value in _FALSE:
                refused.append(flags[name])
            else:
                raise click.BadParameter(f"{value!r} is neither true nor false", ctx, flags[name])
        return kept, refused


class ForgivingGroup(ForgivingCommand, click.Group):
    """Commands that can also be called by their other names in the CLI."""

    command_class = ForgivingCommand

    def __init__(self, *args: Any, other_names: dict[str, str] | None = None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.other_names = other_names or {}

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command of this name or other name."""
        return super().get_command(ctx, cmd_name) or super().get_command(ctx, self.other_names.get(cmd_name, ""))

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """The command that the arguments begin with. Raises UsageError, which names the nearest one."""
        name = args[0]
        if self.get_command(ctx, name) is None and not name.startswith("-"):
            near = difflib.get_close_matches(name, [*self.commands, *self.other_names], n=1)
            hint = f"did you mean '{near[0]}'?" if near else f"known are {', '.join(sorted(self.commands))}"
            raise click.UsageError(f"unknown command '{name}' for '{ctx.command_path}'; {hint}", ctx)
        return super().resolve_command(ctx, args)
