"""What holds for every command: it starts fast, and fails in one line."""

from __future__ import annotations

import subprocess
import sys

import pytest
from click.testing import CliRunner
from gpufleet_provider import CLOUDS, __version__
from gpufleet_provider.clouds import cloud_of
from gpufleet_provider.model.cloud import Cloud
from pulumi_gpufleet.cli import COMMANDS, main
from pulumi_gpufleet.cli.accounts import running as inventory
from pulumi_gpufleet.cli.importing import command as importing


def test_the_version_and_the_help_import_no_command() -> None:
    script = (
        "import sys\n"
        "from click.testing import CliRunner\n"
        "from pulumi_gpufleet.cli import main\n"
        "print(CliRunner().invoke(main, ['--version']).output, CliRunner().invoke(main, ['--help']).output)\n"
        "print([m for m in sys.modules if m.partition('.')[0] in ('pulumi', 'httpx', 'pydantic', 'flask', 'grpc')])\n"
    )
    ran = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert __version__ in ran.stdout
    assert all(name in ran.stdout for name in COMMANDS)
    assert ran.stdout.endswith("[]\n")


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_help(name: str) -> None:
    result = CliRunner().invoke(main, [name, "--help"])
    assert result.exit_code == 0
    assert "Usage:" in result.output


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        (KeyError("x"), "this is a fault of pulumi-gpufleet"),
        (PermissionError(13, "Permission denied", "/there"), "/there: Permission denied"),
        (ValueError("token: abcdefgh12345678"), "[redacted]"),
    ],
    ids=["own fault", "file", "secret"],
)
def test_an_unforeseen_fault_is_one_line_without_a_secret(
    fault: Exception, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_arguments: object) -> None:
        raise fault

    monkeypatch.setattr(importing, "clients", fail)
    monkeypatch.setattr(inventory, "clients", fail)
    result = CliRunner().invoke(main, ["import", "together", "--all"])
    assert result.exit_code == 1
    assert result.stderr.startswith("Error: ")
    assert result.stderr.count("\n") == 1
    assert words in result.stderr
    assert "abcdefgh" not in result.stderr


@pytest.mark.parametrize("cloud", [cloud_of(name) for name in CLOUDS], ids=CLOUDS)
def test_the_help_names_the_variables_of_every_cloud(cloud: Cloud) -> None:
    text = " ".join(CliRunner().invoke(main, ["--help"]).output.split())
    assert cloud.api_key_environment in text and cloud.base_url_environment in text


def test_without_a_key_it_says_which_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    for cloud in ("TOGETHER", "SHADEFORM"):
        monkeypatch.delenv(f"{cloud}_API_KEY")
    result = CliRunner().invoke(main, ["orphans"])
    assert result.exit_code == 1
    assert "TOGETHER_API_KEY or SHADEFORM_API_KEY" in result.stderr.splitlines()[-1]
