"""Deletes orphans: confirms each, reads it and the states once more, and waits until it is gone."""

from __future__ import annotations

import datetime
import threading
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass, field
from typing import Any

import click
from gpufleet_provider.clouds import lifecycles_of
from gpufleet_provider.http.exchange import stop_posting
from gpufleet_provider.model.errors import CloudError, NotFound
from gpufleet_provider.operations.call import Call
from gpufleet_provider.operations.service import ResourceService
from gpufleet_provider.waiting.watcher import cancel_everything, watcher_for

from pulumi_gpufleet.cli.accounts.running import Running, describe, details, shown
from pulumi_gpufleet.cli.accounts.stacks import UnreadableState
from pulumi_gpufleet.cli.accounts.states import States

_AT_ONCE = 8


@dataclass
class _Tally:
    deleted: set[str] = field(default_factory=set[str])
    kept: int = 0
    failed: int = 0


def delete_all(orphans: list[tuple[Running, Running | None]], states: States, *, yes: bool, dry_run: bool) -> bool:
    """Delete orphans, each given with the cluster that it is a part of; returns False if any deletion failed.

    A part of another orphan is deleted after that one, and only if that one is gone.
    """
    tally = _Tally()
    wanted = [(found, owner) for found, owner in orphans if _confirm(found, tally, yes=yes, dry_run=dry_run)]
    if dry_run:
        return True
    try:
        _delete_concurrently([found for found, owner in wanted if owner is None], states, tally)
        parts = [(found, owner) for found, owner in wanted if owner is not None]
        for found, owner in parts:
            if owner.id not in tally.deleted:
                tally.kept += 1
                click.echo(f"kept {describe(found)}: {owner.token} {owner.id}, which it is a part of, is still there")
        _delete_concurrently([found for found, owner in parts if owner.id in tally.deleted], states, tally)
    finally:
        unfinished = len(orphans) - len(tally.deleted) - tally.kept - tally.failed
        rest = f", {unfinished} unfinished" if unfinished else ""
        click.echo(f"{len(tally.deleted)} deleted, {tally.kept} kept, {tally.failed} failed{rest}")
    return tally.failed == 0


def _confirm(found: Running, tally: _Tally, *, yes: bool, dry_run: bool) -> bool:
    """Ask whether to delete a resource, unless an option answers that; say why one is kept."""
    status, age, cost = details(found, datetime.datetime.now(datetime.timezone.utc))
    forfeited = found.lifecycle.forfeits(found.inputs, found.lifecycle.outputs(found.info))
    loss = f", and forfeits {forfeited}" if forfeited is not None else ""
    if not found.live:
        why = f"it is being deleted already ({status})"
    elif forfeited is not None and yes:
        why = (
            f"deleting it forfeits {forfeited}, which --yes does not cover; leave --yes out, and confirm it when asked"
        )
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


def _delete_concurrently(wanted: list[Running], states: States, tally: _Tally) -> None:
    """Delete several resources at a time; the failure of one is reported and does not stop the others."""
    reading = threading.Lock()
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        pending = {pool.submit(_delete, found, states, reading): found for found in wanted}
        try:
            for future in as_completed(pending):
                found = pending[future]
                try:
                    is_gone, message = future.result()
                except (CloudError, UnreadableState) as error:
                    tally.failed += 1
                    click.echo(f"failed {describe(found)}: {getattr(error, 'message', None) or error}", err=True)
                    continue
                if is_gone:
                    tally.deleted.add(found.id)
                    click.echo(f"{message} {describe(found)}")
                    for line in _left_volumes(found):
                        click.echo(line)
                else:
                    tally.kept += 1
                    click.echo(f"kept {describe(found)}: {message}")
        except BaseException:
            stop_posting("it was interrupted")
            cancel_everything("it was interrupted")
            pool.shutdown(wait=False, cancel_futures=True)
            raise


def _delete(found: Running, states: States, reading: threading.Lock) -> tuple[bool, str]:
    """Delete one resource and wait until it is gone; returns whether it is, and what to print."""
    lifecycle, client = found.lifecycle, found.client
    watcher = watcher_for(lifecycle, client)
    try:
        now = Running.of(lifecycle, client, watcher.fresh(found.id))
    except NotFound:
        return True, "gone already:"
    with reading:
        known = states.read()
    if known.knows(now):
        return False, "a state holds it now"
    if now.name != found.name:
        return False, "its name has changed since it was listed"
    call = Call(progress=lambda line: _say(f"{found.id}: {line}"), warn=_say)
    ResourceService(lifecycle, lambda _setting: client).delete(call, found.id, lifecycle.outputs(now.info))
    return True, "deleted"


def _left_volumes(found: Running) -> list[str]:
    """Name the volumes of a deleted cluster, which may remain and cost money, where no list of orphans shows them."""
    if "Volume" in lifecycles_of(found.client.cloud.name):
        return []
    volumes: list[Any] = getattr(found.info, "volumes", None) or []
    return [f"volume {shown(str(each.volume_id))} of it may still exist, and cost money" for each in volumes]


def _say(line: str) -> None:
    click.echo(line, err=True)
