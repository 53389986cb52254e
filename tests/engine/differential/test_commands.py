"""The committed table of commands and flags is what the engine's own parser does."""

import click
import pytest
from click.testing import CliRunner
from pulumi_embedded.commands.main import main

from .commands import REFUSED, TABLE, engine_command, found_command, kind_of, recorded_help, table

COMMANDS = recorded_help()["commands"]
HERE = [name for name, entry in COMMANDS.items() if engine_command(name, entry["aliases"]) is not None]


def test_the_table_is_up_to_date():
    assert TABLE.read_text() == table(), "run python -m tests.engine.differential table"


@pytest.mark.parametrize("name", HERE)
def test_flags(name):
    command = engine_command(name, COMMANDS[name]["aliases"])
    assert command is not None
    for flag in COMMANDS[name]["flags"]:
        said = _parsed(command, f"--{flag}")
        if kind_of(command, flag) == REFUSED:
            assert said is None or f"--{flag}" in said, flag
        else:
            assert said is None or "no such option" not in said.lower(), (flag, said)


@pytest.mark.parametrize("name", [name for name in COMMANDS if name not in HERE])
def test_a_command_that_is_not_there_is_refused_by_name(name):
    *path, last = name.split()
    group = found_command(path)
    if group is not None and not isinstance(group, click.Group):
        path, last = path[:-1], path[-1] + " " + last
    result = CliRunner().invoke(main, [*path, last])
    assert result.exit_code != 0 and last in result.output


def _parsed(command, flag):
    """What the parser says of a flag; None if it takes it."""
    parser = command.make_parser(click.Context(command))
    try:
        parser.parse_args([flag, "1"])
    except click.UsageError as error:
        return error.format_message()
    return None
