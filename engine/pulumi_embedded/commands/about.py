"""`version` and `whoami`, and `shim`, which makes this engine the `pulumi` of a program that asks for one."""

from __future__ import annotations

import json
import shlex
import sys
from pathlib import Path

import click

from pulumi_embedded.commands.command import command, json_option
from pulumi_embedded.errors import ProjectError, StorageFull
from pulumi_embedded.storage.backend import FileBackend
from pulumi_embedded.storage.locks import username
from pulumi_embedded.storage.project import load_project
from pulumi_embedded.storage.snapshot import ENGINE_VERSION
from pulumi_embedded.storage.stack_reference import backend_folder


@command("version")
def version() -> None:
    """Print the version of Pulumi that this engine is compatible with."""
    click.echo(ENGINE_VERSION)


@command("whoami")
@json_option
@click.option("-v", "--verbose", "detailed", is_flag=True, help="Print detailed whoami information.")
def whoami(as_json: bool, detailed: bool) -> None:
    """Display the current user and, with --json or --verbose, the URL of the backend."""
    try:
        project = load_project(Path.cwd())
        folder = backend_folder(project.folder, project.backend_url)
    except ProjectError:
        folder = backend_folder(Path.cwd(), None)
    url = FileBackend(folder).url
    if as_json:
        click.echo(json.dumps({"user": username(), "url": url}, indent=2))
    elif detailed:
        click.echo(f"User: {username()}\nOrganizations: \nBackend URL: {url}")
    else:
        click.echo(username())


@command("shim")
@click.argument("folder", type=click.Path(file_okay=False, path_type=Path))
def shim(folder: Path) -> None:
    """Write the command `pulumi` into FOLDER/bin, which runs this engine with this Python.

    For the Automation API: `PulumiCommand(root=FOLDER)`, or FOLDER/bin on PATH.
    """
    path = folder.absolute() / "bin" / "pulumi"
    script = f'#!/bin/sh\nexec {shlex.quote(sys.executable)} -m pulumi_embedded "$@"\n'
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.unlink(missing_ok=True)
        path.write_text(script)
        path.chmod(0o755)
    except OSError as error:
        raise StorageFull(f"cannot write {path}: {error.strerror}") from None
    click.echo(str(path))
