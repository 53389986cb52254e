"""`gpufleet simulate`: every cloud on this machine."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
import httpx
from gpufleet_provider.model.text import one_line
from gpufleet_provider.simulator import DEFAULT_SPEED, BadControl, Settings, UnusableState, base_urls
from gpufleet_provider.simulator.server import serve

START_SECONDS = 30.0


def _help() -> str:
    paths = {cloud.replace("_", " ").title(): path for cloud, path in base_urls("").items()}
    answers = ", ".join(f"{cloud} under {path}" for cloud, path in paths.items()).replace(" under", " answers under", 1)
    return (
        f"Simulate {' and '.join(paths)} until Ctrl-C.\n\n"
        f"{answers}, controls under /_sim. Any key is accepted except `wrong` and `forbidden`."
    )


@click.command("simulate", help=_help())
@click.option("--host", default="127.0.0.1", show_default=True, help="Loopback address to listen on.")
@click.option("--port", default=8377, show_default=True, type=click.IntRange(0, 65535), help="0 takes a free port.")
@click.option(
    "--state",
    type=click.Path(dir_okay=False, path_type=Path),
    help="File that keeps the clouds' state for the next start.",
)
@click.option(
    "--speed",
    default=DEFAULT_SPEED,
    show_default=True,
    type=click.FloatRange(min=0),
    help="Cloud seconds per second; at 0 time moves only by POST /_sim/clock.",
)
@click.option(
    "--provisioning",
    metavar="SECONDS|FROM-TO",
    help="How long a cluster takes to become ready, in real seconds; drawn per cluster from a range.",
)
@click.option("--seed", default=0, show_default=True, help="Seed of the random durations.")
@click.option(
    "--switch",
    "switches",
    multiple=True,
    metavar="CLOUD.NAME=VALUE",
    help="Set a switch of a cloud, as in together.error_shape=rpc. GET /_sim/switches lists them.",
)
@click.option("--background", is_flag=True, help="Start the simulator in the background, unless one listens already.")
@click.option("--ledger", is_flag=True, help="Show what exists in the running simulator, and what everything has cost.")
@click.option("--stop", is_flag=True, help="Stop the running simulator.")
def command(
    host: str,
    port: int,
    state: Path | None,
    speed: float,
    provisioning: str | None,
    seed: int,
    switches: tuple[str, ...],
    background: bool,
    ledger: bool,
    stop: bool,
) -> None:
    """Run a simulator until Ctrl-C, or start, show or stop one in the background."""
    try:
        settings = Settings(speed, _range(provisioning), _switches(switches), seed)
    except BadControl as error:
        raise click.UsageError(str(error)) from None
    url = f"http://{'[::1]' if host == '::1' else host}:{port}"
    if ledger:
        return _show_ledger(url)
    if stop:
        return _stop(url)
    if background:
        return _start_in_background(url, state)
    try:
        serve(settings, host=host, port=port, state=state, on_ready=lambda ready: _announce(ready, speed))
    except OSError as error:
        raise click.ClickException(
            f"cannot listen on {host}:{port}: {error.strerror or error}; is a simulator running already? (--port)"
        ) from None
    except (BadControl, UnusableState, ValueError) as error:
        raise click.ClickException(str(error)) from None


def _announce(url: str, speed: float) -> None:
    for cloud, base_url in base_urls(url).items():
        click.echo(f"{cloud.upper()}_BASE_URL={base_url}")
    click.echo(f"simulating at {url}, {speed:g} cloud seconds per second; Ctrl-C ends it", err=True)


def _start_in_background(url: str, state: Path | None) -> None:
    if _ask(url, "health") is not None:
        click.echo(f"simulator: {url} (was running)")
        return
    if state is not None:
        state.parent.mkdir(parents=True, exist_ok=True)
    again = [argument for argument in sys.argv[1:] if argument != "--background"]
    words = [sys.executable, "-c", "from pulumi_gpufleet.cli import main; main()", *again]
    with tempfile.TemporaryFile("w+") as complaint:
        child = subprocess.Popen(
            words, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=complaint, start_new_session=True
        )
        if not _until(lambda: _ask(url, "health") is not None or child.poll() is not None):
            child.terminate()
            raise click.ClickException(f"the simulator did not answer at {url} within {START_SECONDS:g} s")
        if _ask(url, "health") is None:
            complaint.seek(0)
            last = complaint.read().strip().splitlines()[-1:] or ["the simulator ended at once"]
            raise click.ClickException(last[0].removeprefix("Error: "))
    click.echo(f"simulator: {url} (started, process {child.pid})")


def _stop(url: str) -> None:
    health = _ask(url, "health")
    if health is None:
        click.echo(f"no simulator listens at {url}")
        return
    # It is asked to end itself: whatever answers there may name any process of this machine as its own.
    refusal = _tell(url, "stop")
    if refusal is not None:
        raise click.ClickException(f"what listens at {url} does not end: {refusal}")
    if not _until(lambda: _ask(url, "health") is None):
        raise click.ClickException(f"the simulator at {url} does not end")
    click.echo(f"ended the simulator at {url}")


def _show_ledger(url: str) -> None:
    found = _ask(url, "ledger")
    if found is None:
        raise click.ClickException(f"no simulator listens at {url}; start one with `gpufleet simulate`")
    dollars = found.pop("cost")
    for kind, lines in sorted(found.items()):
        living = [line for line in lines if line["deleted_at"] is None]
        click.echo(f"{kind}: {len(living)} of {len(lines)} left")
        for line in living:
            click.echo(f"  {line['cloud']} {line['id']} {line['name']} {line['status']} ${line['cost']:.2f}")
    click.echo("cost: " + ", ".join(f"{cloud} ${sum_:.2f}" for cloud, sum_ in dollars.items()))


def _ask(url: str, what: str) -> dict[str, Any] | None:
    """A control's answer, or None where no simulator listens."""
    try:
        with httpx.Client(trust_env=False, timeout=10) as client:
            response = client.get(f"{url}/_sim/{what}")
            return response.json() if response.status_code == 200 else None
    except (httpx.HTTPError, ValueError):
        return None


def _tell(url: str, what: str) -> str | None:
    """Why a control was not carried out; None where it was, and where the answer was cut off by the end."""
    try:
        with httpx.Client(trust_env=False, timeout=10) as client:
            response = client.post(f"{url}/_sim/{what}")
    except httpx.HTTPError:
        return None
    if response.status_code == 200:
        return None
    try:
        return one_line(str(response.json()["error"]))
    except (ValueError, LookupError, TypeError):
        return f"it answered {response.status_code}"


def _until(condition: Callable[[], bool]) -> bool:
    """Wait for a condition; false when it does not come in time."""
    end = time.monotonic() + START_SECONDS
    while time.monotonic() < end:
        if condition():
            return True
        time.sleep(0.1)
    return False


def _range(text: str | None) -> tuple[float, float] | None:
    """`20` or `20-40`, in seconds."""
    if text is None:
        return None
    low, _, high = text.partition("-")
    try:
        found = (float(low), float(high or low))
    except ValueError:
        found = (-1.0, -1.0)
    if not 0 <= found[0] <= found[1]:
        raise click.BadParameter(f"{text!r} is neither seconds nor a range such as 20-40", param_hint="--provisioning")
    return found


def _switches(texts: tuple[str, ...]) -> dict[str, dict[str, Any]]:
    """`cloud.name=value`, where the value is JSON or a plain word."""
    found: dict[str, dict[str, Any]] = {}
    for text in texts:
        path, equals, value = text.partition("=")
        cloud, dot, name = path.partition(".")
        if not (equals and dot and cloud and name):
            raise click.BadParameter(f"{text!r} is not CLOUD.NAME=VALUE", param_hint="--switch")
        try:
            answer: Any = json.loads(value)
        except ValueError:
            answer = value
        found.setdefault(cloud, {})[name] = answer
    return found
