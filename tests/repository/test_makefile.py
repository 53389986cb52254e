"""What `make up` and `make down` do to a stack, with stand-ins for the commands that they call."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from gpufleet_provider import CLOUDS
from gpufleet_provider.simulator import base_urls

from tests.repository.tree import ROOT

SIMULATED = base_urls("http://127.0.0.1:8377")
ALL = "".join(f"  {cloud}:baseUrl: {url}\n" for cloud, url in SIMULATED.items())
ONE, _, OTHERS = ALL.partition("\n")
ENGINE = str(Path(sys.executable).with_name("pulumi-embedded"))
HOSTS = "127.0.0.1,localhost,::1"


def made(folder: Path, target: str, config: str | None, **environment: str) -> list[str]:
    """Run a target on a stack with this config; returns what the stand-ins printed: command, arguments, settings."""
    shutil.copy(ROOT / "Makefile", folder)
    shutil.copy(ROOT / "requirements.lock", folder)
    shutil.copy(ROOT / "pyproject.toml", folder)
    (folder / "bin").mkdir()
    for command in ("gpufleet", "engine"):
        script = folder / "bin" / command
        script.write_text(f'#!/bin/sh\necho "{command} $* [$no_grpc_proxy|$no_proxy|$NO_PROXY]"\n')
        script.chmod(0o755)
    if config is not None:
        (folder / "Pulumi.some.yaml").write_text(f"config:\n{config}")
    run = subprocess.run(
        ["make", "-s", "-o", "install", target, "STACK=some", f"PULUMI={folder}/bin/engine", f"VENV={folder}"],
        cwd=folder,
        env={"PATH": os.environ["PATH"], **environment},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert run.returncode == 0, run.stderr
    return run.stdout.splitlines()


@pytest.mark.parametrize(
    ("config", "asks"),
    [
        (ALL, False),
        (None, True),
        ("  together:projectId: x\n", True),
        (ONE + "\n", True),
        (ALL.replace("  ", "  # "), True),
        (ONE + "\n" + OTHERS.replace("127.0.0.1:8377", "api.example"), True),
    ],
)
@pytest.mark.parametrize(("target", "verb"), [("up", "up"), ("down", "destroy")])
def test_it_asks_unless_every_cloud_is_simulated(
    tmp_path: Path, target: str, verb: str, config: str | None, asks: bool
) -> None:
    lines = made(tmp_path, target, config)
    (line,) = [line for line in lines if line.startswith(f"engine {verb} ")]
    assert ("--yes" not in line.partition("[")[0].split()) is asks
    assert any(line.startswith("gpufleet simulate --background") for line in lines) is not asks


def test_no_proxy_is_asked_for_this_machine(tmp_path: Path) -> None:
    lines = made(tmp_path, "up", None, https_proxy="http://proxy:3128", NO_PROXY="corp.example")
    assert lines[-1].endswith(f"[corp.example,{HOSTS}|corp.example,{HOSTS}|corp.example,{HOSTS}]")


def test_no_hosts_without_a_proxy_but_its_own(tmp_path: Path) -> None:
    assert made(tmp_path, "up", None)[-1].endswith(f"[{HOSTS}|{HOSTS}|{HOSTS}]")


def test_the_makefile_counts_every_cloud() -> None:
    text = (ROOT / "Makefile").read_text()
    assert f"({'|'.join(sorted(CLOUDS, reverse=True))}):baseUrl" in text and f"= {len(CLOUDS)} ]" in text


def test_the_first_run_writes_nothing_into_the_stack_that_is_tracked(tmp_path: Path) -> None:
    for name in ("Pulumi.yaml", "Pulumi.dev.yaml"):
        shutil.copy(ROOT / name, tmp_path)
    before = (tmp_path / "Pulumi.dev.yaml").read_text()
    environment = {
        **os.environ,
        "PULUMI_BACKEND_URL": f"file://{tmp_path}/state",
        "PULUMI_CONFIG_PASSPHRASE": "simulated",
    }
    # As soon as there is a secret, the salt is needed: it is the one that stands there.
    for words in (
        ["stack", "select", "--create", "dev"],
        ["config", "set", "--secret", "x", "y"],
        ["config", "rm", "x"],
    ):
        subprocess.run([ENGINE, *words], cwd=tmp_path, env=environment, check=True, timeout=60)
    assert (tmp_path / "Pulumi.dev.yaml").read_text() == before
