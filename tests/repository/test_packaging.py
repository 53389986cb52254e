"""What each part imports is declared where it is installed from, and imports where there is no Unix."""

from __future__ import annotations

import ast
import functools
import re
import subprocess
import sys
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

from tests.repository.tree import PACKAGES, ROOT, modules

if sys.version_info >= (3, 11):
    import tomllib
else:
    tomllib = pytest.importorskip("tomli")

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
OWN = {"gpufleet_provider", "pulumi_gpufleet", "pulumi_embedded", "_typeshed"}


def declared(*extras: str) -> set[str]:
    requirements = [
        *PROJECT["dependencies"],
        *(it for extra in extras for it in PROJECT["optional-dependencies"][extra]),
    ]
    return {re.split(r"[<>=!~ \[]", requirement)[0].lower().replace("_", "-") for requirement in requirements}


def imported(path: Path) -> set[str]:
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            found.add(node.module)
    return {name for name in found if name.split(".")[0] not in {*sys.stdlib_module_names, *OWN}}


known_distributions = functools.cache(packages_distributions)


def distributions(name: str) -> set[str]:
    if name.startswith("google.protobuf"):
        return {"protobuf"}
    if name.startswith("google."):
        return {"googleapis-common-protos"}
    found = known_distributions().get(name.split(".")[0], [name])
    return {it.lower().replace("_", "-") for it in found}


def test_what_is_imported_is_declared() -> None:
    missing: set[str] = set()
    for package in PACKAGES:
        for name, path in modules(package).items():
            extras = ["embedded"] if name.startswith("pulumi_embedded") else []
            extras += ["simulator"] if ".simulator" in name or name.endswith("cli.simulate") else []
            missing |= {f"{name}: {it}" for it in imported(path) if not distributions(it) & declared(*extras)}
    assert sorted(missing) == []


WITHOUT = """
import importlib, pkgutil, signal, sys
for name in {blocked!r}:
    sys.modules[name] = None
for name in ("SIGHUP", "SIGKILL", "SIGUSR1", "SIGUSR2", "SIGCHLD"):
    delattr(signal, name)
import gpufleet_provider, pulumi_gpufleet
for package in (gpufleet_provider, pulumi_gpufleet):
    for module in pkgutil.walk_packages(package.__path__, package.__name__ + "."):
        if not module.name.endswith("__main__"):
            if not any(part in module.name for part in {left_out!r}):
                importlib.import_module(module.name)
print("imported")
"""
UNIX = ("fcntl", "pwd", "grp", "termios", "resource", "pty", "tty")
EXTRAS = ("flask", "waitress", "werkzeug", "cryptography", "bcrypt", "ruamel", "pulumi_random")


def run(source: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-c", source], capture_output=True, text=True, timeout=120)


@pytest.mark.parametrize(("blocked", "left_out"), [(UNIX, ()), (EXTRAS, (".simulator", "cli.simulate"))])
def test_sdk_and_provider_import_without_what_others_need(blocked: tuple[str, ...], left_out: tuple[str, ...]) -> None:
    found = run(WITHOUT.format(blocked=blocked, left_out=left_out))
    assert found.stdout.strip() == "imported", found.stderr


@pytest.mark.parametrize(
    ("module", "command", "words"),
    [
        ("fcntl", "from pulumi_embedded.__main__ import run; run()", "runs on Linux and macOS, not on"),
        ("rich", "from pulumi_embedded.__main__ import run; run()", "pip install 'pulumi-gpufleet[embedded]'"),
        ("ruamel", "from pulumi_embedded.__main__ import run; run()", "pip install 'pulumi-gpufleet[embedded]'"),
        (
            "flask",
            "from pulumi_gpufleet.cli import main; main(['simulate'])",
            "pip install 'pulumi-gpufleet[simulator]'",
        ),
        ("waitress", "from pulumi_gpufleet.cli import main; main(['simulate'])", "pip install 'pulumi-gpufleet[simul"),
    ],
)
def test_what_is_missing_is_one_line(module: str, command: str, words: str) -> None:
    found = run(f"import sys; sys.modules[{module!r}] = None; {command}")
    assert found.returncode == 1 and found.stdout == ""
    (line,) = found.stderr.splitlines()
    assert words in line and module in line
