"""The table of the Pulumi CLI's commands and flags, and what the embedded engine makes of each.

A flag is supported, accepted (the engine takes it, and it changes nothing), or refused by its name. What the CLI has is
recorded from its `--help`; what the engine has is read from its own parser.
"""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path
from typing import Any

import click
from pulumi_embedded.commands.main import main

HERE = Path(__file__).parent
RECORDING = HERE / "recorded" / "commands" / "help.json"
TABLE = HERE.parents[2] / "docs" / "engine-commands.md"

SUPPORTED, ACCEPTED, REFUSED = "supported", "accepted", "refused"

_FLAG = re.compile(r"\s+(?:-(\w), )?--([\w-]+)")
_COMMAND = re.compile(r"  ([a-z][\w-]*)\s{2,}")


def record_help() -> None:
    """Record the CLI's commands and flags."""
    version = subprocess.run(["pulumi", "version"], capture_output=True, text=True, check=True).stdout.strip()
    commands: dict[str, Any] = {}
    _read_help([], commands)
    RECORDING.parent.mkdir(exist_ok=True)
    RECORDING.write_text(json.dumps({"version": version, "commands": commands}, indent=1) + "\n")


def _read_help(path: list[str], into: dict[str, Any]) -> None:
    text = subprocess.run(["pulumi", *path, "--help"], capture_output=True, text=True, check=False).stdout
    flags, children, aliases, section = {}, [], [], ""
    for line in text.splitlines():
        if line and not line.startswith(" "):
            section = line.rstrip(":")
        elif section.endswith("Commands") and (found := _COMMAND.match(line)):
            children.append(found[1])
        elif (section == "Flags" or (section == "Global Flags" and not path)) and (found := _FLAG.match(line)):
            flags[found[2]] = found[1] or ""
        elif section == "Aliases" and line.strip():
            aliases = [name.strip() for name in line.split(",")]
    into[" ".join(path)] = {"flags": flags, "aliases": [name for name in aliases if not path or name != path[-1]]}
    for child in children:
        # The subcommands of a command that the engine does not have are refused with it.
        if not path or found_command(path) is not None:
            _read_help([*path, child], into)


def found_command(path: list[str]) -> click.Command | None:
    """The engine's command; None if it has none of this name."""
    command: click.Command | None = main
    for name in path:
        if not isinstance(command, click.Group):
            return None
        command = command.get_command(click.Context(command), name)
    return command


def engine_names(name: str, aliases: list[str]) -> list[str]:
    """The names, of those that a command has in the CLI, by which the engine knows it."""
    *group, last = name.split()
    return [each for each in [last, *aliases] if found_command([*group, each]) is not None]


def engine_command(name: str, aliases: list[str]) -> click.Command | None:
    """The engine's command of any of these names; None if it has none."""
    if not name:
        return main
    names = engine_names(name, aliases)
    return found_command([*name.split()[:-1], names[0]]) if names else None


def kind_of(command: click.Command, flag: str) -> str:
    """What the engine makes of a flag: `supported`, `accepted` or `refused`."""
    if flag == "help":
        return SUPPORTED
    for parameter in command.params:
        if f"--{flag}" in parameter.opts:
            inert = getattr(parameter, "hidden", False) and not parameter.expose_value and not parameter.callback
            if flag in _REFUSED_WHEN_USED:
                return REFUSED
            return ACCEPTED if inert else SUPPORTED
    return REFUSED


_REFUSED_WHEN_USED = ("policy-pack",)
"""Flags that the engine knows in order to say what to do instead."""


def recorded_help() -> dict[str, Any]:
    """What was recorded of the CLI."""
    return json.loads(RECORDING.read_text())


def table() -> str:
    """The table as Markdown."""
    recorded = recorded_help()
    lines = [
        "# Commands and flags",
        "",
        f"The commands and flags of the Pulumi CLI {recorded['version']}, from its `--help`, and what",
        "`pulumi-embedded` makes of each: *supported*, *accepted* (taken, and without effect here), or *refused* by",
        "name, before anything is done. Written by `python -m tests.engine.differential table`; do not edit.",
        "",
        "| Command | Supported | Accepted | Refused |",
        "| --- | --- | --- | --- |",
    ]
    for name, entry in recorded["commands"].items():
        title = f"`pulumi {name}`" if name else "every command"
        cells: dict[str, list[str]] = {SUPPORTED: [], ACCEPTED: [], REFUSED: []}
        command = engine_command(name, entry["aliases"])
        if command is None:
            lines.append(f"| {title} | | | the command |")
            continue
        if name:
            names = engine_names(name, entry["aliases"])
            cells[SUPPORTED].append(f"as {', '.join(f'`{each}`' for each in names)}")
            others = [f"`{each}`" for each in [name.split()[-1], *entry["aliases"]] if each not in names]
            cells[REFUSED] += [f"as {', '.join(others)}"] if others else []
        for flag, letter in sorted(entry["flags"].items()):
            cells[kind_of(command, flag)].append(f"`--{flag}`" + (f" `-{letter}`" if letter else ""))
        columns = " | ".join(", ".join(cells[kind]) for kind in (SUPPORTED, ACCEPTED, REFUSED))
        lines.append(f"| {title} | {columns} |")
    return "\n".join(lines) + "\n"
