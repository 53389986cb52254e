"""Stacks by way of Pulumi's command line: a stand-in for it says what the real one would."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path

import click
import pytest
from gpufleet_provider.simulator import RunningSimulator
from pulumi_gpufleet.cli.accounts import stacks

from tests.sdk.cli.conftest import KEY, Command, deployment, entry

Pulumi = Callable[..., None]


@pytest.fixture
def pulumi(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Pulumi:
    """Put a `pulumi` on PATH that answers `stack export` and `config`, or fails with some words."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", str(folder))
    monkeypatch.delenv("PULUMI_BACKEND_URL", raising=False)

    def answer(state: object = None, config: object = None, error: str = "") -> None:
        tool = folder / "pulumi"
        tool.write_text(
            f"#!{sys.executable}\nimport sys\n"
            f"assert sys.argv[-2:] == ['--stack', 'dev'], sys.argv\n"
            f"print({error!r}, file=sys.stderr)\n"
            f"print({json.dumps(state)!r} if 'export' in sys.argv else {json.dumps(config)!r})\n"
            f"sys.exit({bool(error)})\n"
        )
        tool.chmod(0o755)

    return answer


def test_a_stack_brings_its_state_and_its_account(
    gpufleet: Command,
    pulumi: Pulumi,
    simulator: RunningSimulator,
    together: Callable[..., str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    known, lost = together(), together(cluster_name="lost")
    for name in ("API_KEY", "BASE_URL"):
        monkeypatch.delenv(f"TOGETHER_{name}")
        monkeypatch.delenv(f"SHADEFORM_{name}")
    pulumi(
        deployment(entry(known)),
        {
            "together:apiKey": {"value": KEY, "secret": True},
            "together:baseUrl": {"value": simulator.base_url("together"), "secret": False},
        },
    )
    result = gpufleet("orphans", "--stack", "dev")
    assert result.exit_code == 0, result.output
    assert lost in result.stdout
    assert known not in result.stdout
    assert "Shadeform is skipped" in result.stderr


@pytest.mark.parametrize(
    "error",
    [
        "error: no stack named 'dev' found",
        "error: getting secrets manager: passphrase must be set\nwith PULUMI_CONFIG_PASSPHRASE",
        "Error: something else",
        "boom",
    ],
)
def test_a_stack_that_cannot_be_read_is_one_line_and_deletes_nothing(
    gpufleet: Command, pulumi: Pulumi, simulator: RunningSimulator, together: Callable[..., str], error: str
) -> None:
    together()
    pulumi(error=error)
    for more in ([], ["--delete", "--yes"]):
        result = gpufleet("orphans", "--stack", "dev", *more)
        assert result.exit_code == 1
        assert result.stdout == ""
        assert result.stderr.count("\n") == 1
        assert "stack dev: " in result.stderr
        assert "error: error" not in result.stderr.lower()
    assert len(simulator.live()) == 1


@pytest.mark.parametrize("state", [None, {}, {"version": 3, "deployment": None}])
def test_a_stack_with_an_unreadable_state_deletes_nothing(
    gpufleet: Command, pulumi: Pulumi, simulator: RunningSimulator, together: Callable[..., str], state: object
) -> None:
    together()
    pulumi(state, {})
    assert gpufleet("orphans", "--stack", "dev", "--delete", "--yes").exit_code == 1
    assert len(simulator.live()) == 1


@pytest.mark.parametrize("name", ["dev", "fleet/dev", "organization/fleet/dev"])
def test_a_stack_with_a_journal_is_read_by_the_engine_that_wrote_it(
    pulumi: Pulumi, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    pulumi(error="error: the CLI was asked")
    monkeypatch.setenv("PULUMI_BACKEND_URL", f"file://{tmp_path}")
    journal = tmp_path / ".pulumi" / "stacks" / "fleet" / "dev.journal"
    journal.parent.mkdir(parents=True)
    journal.touch()
    with pytest.raises(click.ClickException, match=r"Pulumi\.yaml"):
        stacks.exported(name)
