"""Deleting orphans: each is asked for, read once more together with the states, and waited for until it is gone."""

from __future__ import annotations

import datetime
import threading
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass, field

import click
from gpufleet_provider import operations
from gpufleet_provider.calls import CALL, Call
from gpufleet_provider.errors import CloudError, NotFound
from gpufleet_provider.http import stop_posting
from gpufleet_provider.waiting import cancel_everything, watcher_for

from pulumi_gpufleet.cli.inventory import Running, describe, details
from pulumi_gpufleet.cli.states import States, UnreadableState

_AT_ONCE = 8


@dataclass
class _Tally:
    deleted: set[str] = field(default_factory=set[str])
    kept: int = 0
    failed: int = 0


def delete_all(orphans: list[tuple[Running, Running | None]], states: States, *, yes: bool, dry_run: bool) -> bool:
    """Delete orphans, each with the cluster that it is a part of; returns False if any deletion failed.

    What is a part of another orphan is deleted after it, and only if that one is gone.
    """
    tally = _Tally()
    wanted = [(found, owner) for found, owner in orphans if _wanted(found, tally, yes=yes, dry_run=dry_run)]
    if dry_run:
        return True
    try:
        _together([found for found, owner in wanted if owner is None], states, tally)
        parts = [(found, owner) for found, owner in wanted if owner is not None]
        for found, owner in parts:
            if owner.id not in tally.deleted:
                tally.kept += 1
                click.echo(f"kept {describe(found)}: {owner.token} {owner.id}, which it is a part of, is still there")
        _together([found for found, owner in parts if owner.id in tally.deleted], states, tally)
    finally:
        click.echo(f"{len(tally.deleted)} deleted, {tally.kept} kept, {tally.failed} failed")
    return tally.failed == 0


def _wanted(found: Running, tally: _Tally, *, yes: bool, dry_run: bool) -> bool:
    status, age, cost = details(found, datetime.datetime.now(datetime.timezone.utc))
    forfeited = found.lifecycle.forfeits(found.inputs, found.lifecycle.outputs(found.info))
    loss = f", and forfeits {forfeited}" if forfeited is not None else ""
    if not found.live:
        why = f"it is on its way out already ({status})"
    elif forfeited is not None and yes:
        why = f"deleting it forfeits {forfeited}, which --yes does not cover; leave --yes out and answer for it"
    elif dry_run:
        click.echo(f"would delete {describe(found)}{loss}")
        return True
    elif yes or click.confirm(f"Delete {describe(found)} ({status}, age {age}, {cost}){loss}?", err=True):
        return True
    else:
        why = "not confirmed"
    tally.kept += 1
    click.echo(f"kept {describe(found)}: {why}")
    return False


def _together(wanted: list[Running], states: States, tally: _Tally) -> None:
    """Delete some resources at once; a failure of one is reported and does not end the others."""
    reading = threading.Lock()
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        pending = {pool.submit(_delete, found, states, reading): found for found in wanted}
        try:
            for future in as_completed(pending):
                found = pending[future]
                try:
                    kept_because = future.result()
                except (CloudError, UnreadableState) as error:
                    tally.failed += 1
                    click.echo(f"failed {describe(found)}: {getattr(error, 'message', None) or error}", err=True)
                    continue
                if kept_because is None:
                    tally.deleted.add(found.id)
                    click.echo(f"deleted {describe(found)}")
                else:
                    tally.kept += 1
                    click.echo(f"kept {describe(found)}: {kept_because}")
        except BaseException:
            stop_posting("it was interrupted")
            cancel_everything("it was interrupted")
            pool.shutdown(wait=False, cancel_futures=True)
            raise


def _delete(found: Running, states: States, reading: threading.Lock) -> str | None:
    """Delete one resource and wait until it is gone; returns why it was kept instead, or None."""
    lifecycle, client = found.lifecycle, found.client
    try:
        now = Running.of(lifecycle, client, lifecycle.get(client, found.id))
    except NotFound:
        return None
    with reading:
        known = states.read()
    if known.knows(now):
        return "a state knows it by now"
    if now.id != found.id or now.name != found.name:
        return "the cloud shows something else under that id by now"
    CALL.set(Call(progress=lambda line: _say(f"{found.id}: {line}"), warn=_say))
    account = operations.Account(lifecycle, client, watcher_for(lifecycle, client), operations.KnownIds())
    operations.delete(account, found.id, lifecycle.outputs(now.info))
    return None


def _say(line: str) -> None:
    click.echo(line, err=True)
