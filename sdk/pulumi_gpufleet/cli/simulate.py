"""`gpufleet simulate`: both clouds on this machine."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click
from gpufleet_provider.simulator import DEFAULT_SPEED, BadControl, Settings, StateInUse
from gpufleet_provider.simulator.server import serve


@click.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="Loopback address to listen on.")
@click.option("--port", default=8377, show_default=True, type=click.IntRange(0, 65535), help="0 takes a free port.")
@click.option("--state", type=click.Path(dir_okay=False, path_type=Path), help="File that survives a restart.")
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
    help="How long a cluster takes to come up, in seconds of this machine; drawn per cluster from a range.",
)
@click.option("--seed", default=0, show_default=True, help="Seeds what is drawn.")
@click.option(
    "--switch",
    "switches",
    multiple=True,
    metavar="CLOUD.NAME=VALUE",
    help="Answer an open question about a cloud, as in together.error_shape=rpc. GET /_sim/switches lists them.",
)
def simulate(
    host: str,
    port: int,
    state: Path | None,
    speed: float,
    provisioning: str | None,
    seed: int,
    switches: tuple[str, ...],
) -> None:
    """Simulate Together and Shadeform until Ctrl-C.

    Together answers under /together/v1, Shadeform under /shadeform/v1, controls under /_sim. Any key will do but
    `wrong`.
    """
    settings = Settings(speed, _range(provisioning), _switches(switches), seed)
    try:
        serve(settings, host=host, port=port, state=state, on_ready=lambda url: _announce(url, speed))
    except OSError as error:
        raise click.ClickException(
            f"cannot listen on {host}:{port}: {error.strerror or error}; is a simulator running already? (--port)"
        ) from None
    except (BadControl, StateInUse, ValueError) as error:
        raise click.ClickException(str(error)) from None


def _announce(url: str, speed: float) -> None:
    click.echo(f"TOGETHER_BASE_URL={url}/together/v1")
    click.echo(f"SHADEFORM_BASE_URL={url}/shadeform/v1")
    click.echo(f"simulating at {url}, {speed:g} cloud seconds per second; Ctrl-C ends it", err=True)


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
