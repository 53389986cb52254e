"""`gpufleet import`: writes a program and an import file for what already runs."""

from __future__ import annotations

import os
import shlex
import shutil
import tempfile
from pathlib import Path

import click
from gpufleet_provider import CLOUDS
from gpufleet_provider.clouds import lifecycles_of
from gpufleet_provider.model.errors import NotFound

from pulumi_gpufleet.cli.accounts.running import Running, clients, describe, running, shown
from pulumi_gpufleet.cli.accounts.states import States, state_options


@click.command()
@click.argument("cloud", type=click.Choice(CLOUDS))
@click.argument("ids", nargs=-1, metavar="[ID]...")
@click.option("--all", "everything", is_flag=True, help="Import everything of that kind that runs in the account.")
@click.option("--resource", default="Cluster", show_default=True, help="Kind of resource, such as Cluster or Volume.")
@click.option(
    "--output",
    "folder",
    default=".",
    type=click.Path(path_type=Path, file_okay=False),
    help="Folder to write to. Default: this one.",
)
@click.option("--force", is_flag=True, help="Overwrite files that an earlier import wrote.")
@state_options
def command(
    cloud: str,
    ids: tuple[str, ...],
    everything: bool,
    resource: str,
    folder: Path,
    force: bool,
    stack_states: tuple[Path, ...],
    stacks: tuple[str, ...],
) -> None:
    """Write a program and an import file for what already runs in the account of CLOUD.

    imported_CLOUD.py declares the resources, and imported_CLOUD.json is for `pulumi import --file` (Pulumi 3.254 or
    newer, or pulumi-embedded). After that import, a preview of the program shows no change. What is in a state that
    --stack or --stack-state names is left out.

    A single resource can be taken over without an import file: declare it with
    opts=pulumi.ResourceOptions(import_="<id>"), and run `pulumi up`.
    """
    if everything == bool(ids):
        raise click.UsageError("name the ids to import, or use --all")
    states = States(stack_states, stacks)
    accounts = clients([cloud], states.settings())
    if len(accounts) > 1:
        raise click.UsageError("the stacks use several accounts; name stacks of one account only")
    (client,) = accounts
    lifecycle = lifecycles_of(client.cloud.name).get(resource)
    if lifecycle is None:
        raise click.UsageError(f"{cloud} has no {resource!r}; it has {', '.join(lifecycles_of(client.cloud.name))}")
    if everything:
        wanted = running(client, [resource])
    else:
        wanted: list[Running] = []
        for id in dict.fromkeys(ids):
            try:
                wanted.append(Running.of(lifecycle, client, lifecycle.get(client, id)))
            except NotFound:
                raise click.ClickException(f"the account has no {lifecycle.token} with the id {id}") from None
    known = states.read()
    chosen: list[Running] = []
    for found in wanted:
        if known.knows(found):
            click.echo(f"left out {describe(found)}: a given state holds it already", err=True)
        elif not found.live:
            click.echo(f"left out {describe(found)}: it is being deleted ({found.status})", err=True)
        else:
            chosen.append(found)
    if not chosen:
        click.echo("nothing to import")
        return
    _write(cloud, chosen, folder, force)


def _write(cloud: str, chosen: list[Running], folder: Path, force: bool) -> None:
    from pulumi_gpufleet.cli.importing.import_file import import_text
    from pulumi_gpufleet.cli.importing.program import declarations, program_text

    program, entries = folder / f"imported_{cloud}.py", folder / f"imported_{cloud}.json"
    taken = [str(path) for path in (program, entries) if path.exists()]
    if taken and not force:
        raise click.ClickException(f"{' and '.join(taken)}: exists already; move it away, or use --force")
    declared = declarations(chosen)
    complete = [each for each in declared if not each.missing]
    folder.mkdir(parents=True, exist_ok=True)
    _replace(program, program_text(cloud, declared), 0o644)
    click.echo(f"wrote {program}: {len(declared)} resource{'s'[: len(declared) != 1]}")
    for each in declared:
        stands = each.found.lifecycle.readiness(each.found.info, each.inputs)
        if stands.state != "ready":
            click.echo(f"{each.variable} is not ready ({shown(stands.message)}): run `pulumi refresh` once it is")
        if each.missing:
            click.echo(
                f"{program}: {each.variable} lacks {', '.join(each.missing)}, which the cloud does not show: "
                "fill it in; `pulumi up` then takes it over, without the import file"
            )
    if not complete:
        return
    _replace(entries, import_text(complete), 0o600)
    click.echo(
        f"wrote {entries}: it holds credentials in plain text and is readable by you alone; delete it after the import"
    )
    pulumi = "pulumi" if shutil.which("pulumi") else "pulumi-embedded"
    click.echo(f"next: {pulumi} import --file {shlex.quote(str(entries))} --protect=false --generate-code=false")
    click.echo(f"then: `import {program.stem}` in __main__.py, and `{pulumi} preview` shows no change")


def _replace(path: Path, text: str, mode: int) -> None:
    """Write a file atomically; it has that mode before it has content."""
    descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
            os.fchmod(file.fileno(), mode)
        os.replace(temporary, path)
    except BaseException:
        os.unlink(temporary)
        raise
