"""`gpufleet orphans`: what runs in the accounts and is in no given state."""

from __future__ import annotations

import datetime
import json
from pathlib import Path
from typing import Any

import click
from gpufleet_provider import CLOUDS

from pulumi_gpufleet.cli.accounts.running import Running, clients, describe, details, running, shown
from pulumi_gpufleet.cli.accounts.states import Known, States, state_options


@click.command()
@state_options
@click.option(
    "--cloud", "clouds", multiple=True, type=click.Choice(CLOUDS), help="Look at this cloud only. Can be repeated."
)
@click.option("--delete", is_flag=True, help="Delete what is listed, asking for each. Needs a state.")
@click.option(
    "--yes", is_flag=True, help="With --delete: do not ask; prepaid resources whose term is not over are kept."
)
@click.option("--dry-run", is_flag=True, help="With --delete: only show what would be deleted.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.pass_context
def command(
    ctx: click.Context,
    stack_states: tuple[Path, ...],
    stacks: tuple[str, ...],
    clouds: tuple[str, ...],
    delete: bool,
    yes: bool,
    dry_run: bool,
    as_json: bool,
) -> None:
    """List what runs in the accounts and is in no given state.

    Every cloud that has a key is searched. Name every stack that uses these accounts: a resource whose id is anywhere
    in a state is no orphan. What an unfinished create has made is no orphan either: it is listed separately, and
    `pulumi up` takes it into its state.

    With --delete, the states and the resource are read once more before each deletion, and the command waits until the
    resource is gone. The exit code is 1 if a list or a state cannot be read, or if a deletion fails.
    """
    states = States(stack_states, stacks)
    if delete and as_json:
        raise click.UsageError("--json lists; it cannot be combined with --delete")
    if (yes or dry_run) and not delete:
        raise click.UsageError("--yes and --dry-run belong to --delete")
    if delete and not states:
        raise click.ClickException(
            "nothing is deleted without a state: name every stack of these accounts with --stack or --stack-state"
        )
    # The accounts are read first: what an update makes in between is then not listed here, and no orphan.
    accounts = clients(clouds, states.settings())
    everything = [found for client in accounts for found in running(client)]
    known = states.read()
    orphans = orphans_of(everything, known)
    unfinished = [found for found in everything if known.creates(found)]
    for cloud in sorted({client.cloud.name for client in accounts}):
        _check_key(cloud, everything, known, delete=delete)
    now = datetime.datetime.now(datetime.timezone.utc)
    if as_json:
        lists = {
            "orphans": [_entry(o, owner, now) for o, owner in orphans],
            "unfinished": [_entry(found, None, now) for found in unfinished],
        }
        click.echo(json.dumps(lists, indent=2))
        return
    for line in _table(orphans, now):
        click.echo(line)
    for found in unfinished:
        click.echo(_unfinished_line(found, now))
    click.echo(_summary(len(orphans), len(everything), states))
    if delete and orphans:
        from pulumi_gpufleet.cli.orphans.deleting import delete_all

        if not delete_all(orphans, states, yes=yes, dry_run=dry_run):
            ctx.exit(1)


def orphans_of(everything: list[Running], known: Known) -> list[tuple[Running, Running | None]]:
    """Return what is in no state, each with the cluster that it is a part of, if any.

    A volume or a machine of a cluster that a state knows is known as well.
    """
    clusters = [(found, found.mentions()) for found in everything if found.token.endswith(":Cluster")]
    found: list[tuple[Running, Running | None]] = []
    for each in everything:
        owners = [cluster for cluster, mentioned in clusters if cluster is not each and each.id in mentioned]
        if not any(known.knows(one) for one in (each, *owners)):
            found.append((each, owners[0] if owners else None))
    return found


def _check_key(cloud: str, everything: list[Running], known: Known, *, delete: bool) -> None:
    """Refuse to delete when no listed resource is in any state: probably the wrong key."""
    here = [found for found in everything if found.client.cloud.name == cloud]
    if not known.held[cloud] or any(known.knows(found) for found in here):
        return
    question = f"none of the {cloud} resources in the given states runs in this account: is it the right key?"
    if delete and here:
        raise click.ClickException(f"{question} Nothing was deleted; if they are all gone, run `pulumi refresh` first")
    click.echo(question, err=True)


# --- Output -----------------------------------------------------------------------------------------------------------


def _table(orphans: list[tuple[Running, Running | None]], now: datetime.datetime) -> list[str]:
    """Return aligned lines; none is cut, so that ids can be copied."""
    if not orphans:
        return []
    rows = [("RESOURCE", "ID", "NAME", "REGION", "STATUS", "AGE", "COST SO FAR", "NOTE")]
    for found, owner in orphans:
        notes = [f"part of {shown(owner.id)}"] if owner is not None else []
        notes += ["name generated by pulumi-gpufleet"] if found.generated_name else []
        place = shown(found.region) or "-"
        rows.append(
            (found.token, shown(found.id), shown(found.name) or "-", place, *details(found, now), ", ".join(notes))
        )
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]


def _unfinished_line(found: Running, now: datetime.datetime) -> str:
    status, age, cost = details(found, now)
    return (
        f"unfinished: {describe(found)} ({status}, age {age}, {cost}): its create has not finished in a given "
        "state. If no run is creating it, `pulumi up` takes it over; before that, `pulumi destroy` does not delete it"
    )


def _summary(orphans: int, everything: int, states: States) -> str:
    if not states:
        return f"{everything} running. No state was given, so all of them are listed: give --stack or --stack-state"
    known = everything - orphans
    return f"{everything} running, {known} known to the given states, {orphans or 'no'} orphan{'s'[: orphans != 1]}"


def _entry(found: Running, owner: Running | None, now: datetime.datetime) -> dict[str, Any]:
    cost = found.cost_dollars(now)
    return {
        "resource": found.token,
        "id": found.id,
        "name": found.name,
        "region": found.region or None,
        "status": found.status or None,
        "live": found.live,
        "created_at": found.created_at.isoformat() if found.created_at is not None else None,
        "age_seconds": found.age_seconds(now),
        "cost_dollars": round(cost[0], 2) if cost is not None else None,
        "cost_source": None if cost is None else "cloud" if cost[1] else "hourly price and age",
        "generated_name": found.generated_name,
        "part_of": owner.id if owner is not None else None,
        "url": found.lifecycle.url(found.id),
    }
