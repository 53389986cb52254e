"""The arrows between folders: the contracts hold what they say, cover every folder, and there is no circle."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from graphlib import CycleError, TopologicalSorter
from pathlib import Path
from typing import Any

import pytest

from tests.repository.tree import PACKAGES, ROOT, imported, modules

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

CONTRACTS: list[dict[str, Any]] = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"][
    "contracts"
]
NEW_CLOUD = "provider/gpufleet_provider/new_cloud"
"""A cloud that no contract names: what holds for clouds holds for it as well."""
PLANTED = {
    "The model knows only itself": ("provider/gpufleet_provider/model/fields.py", "httpx"),
    "HTTP knows the model": ("provider/gpufleet_provider/http/client.py", "gpufleet_provider.operations.service"),
    "Waiting knows HTTP and the model": ("provider/gpufleet_provider/waiting/wait.py", "pulumi"),
    "A cloud knows the model and the client, and no other cloud": (
        f"{NEW_CLOUD}/__init__.py",
        "gpufleet_provider.together.errors",
    ),
    "A simulator is a second witness: it shares nothing with what it is a witness of": (
        f"{NEW_CLOUD}/simulator/__init__.py",
        "gpufleet_provider.new_cloud",
    ),
    "Clouds are found by name": ("provider/gpufleet_provider/clouds.py", "gpufleet_provider.shadeform"),
    "The generator knows bodies and lifecycles": ("provider/gpufleet_provider/generate/__main__.py", "pulumi"),
    "The provider knows neither the SDK nor the engine": (
        "provider/gpufleet_provider/__init__.py",
        "pulumi_embedded.values",
    ),
    "The SDK does not know the engine": ("sdk/pulumi_gpufleet/lookups.py", "pulumi_embedded.values"),
    "The engine knows none of our clouds": ("engine/pulumi_embedded/values.py", "gpufleet_provider.clouds"),
}
"""Contract → a file, and an import in it that breaks the contract."""


@pytest.fixture(scope="module")
def complaints(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """What import-linter says of a copy of the tree with every forbidden import planted: contract → its complaint."""
    tree = tmp_path_factory.mktemp("tree")
    for package in PACKAGES:
        shutil.copytree(ROOT / package, tree / package, ignore=shutil.ignore_patterns("__pycache__"))
    for path in (
        "pyproject.toml",
        "tests/__init__.py",
        "tests/repository/__init__.py",
        "tests/repository/contracts.py",
    ):
        (tree / path).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / path, tree / path)
    (tree / NEW_CLOUD / "simulator").mkdir(parents=True)
    for path, module in PLANTED.values():
        with (tree / path).open("a") as file:
            file.write(f"\nimport {module}\n")
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(str((tree / package).parent) for package in PACKAGES)}
    lint = Path(sys.executable).with_name("lint-imports")
    ran = subprocess.run(
        [lint, "--no-cache"], cwd=tree, env={**environment, "COLUMNS": "1000"}, capture_output=True, text=True
    )
    assert ran.returncode == 1, ran.stdout + ran.stderr
    headed = re.split(r"^(.+)\n-{3,}\n", ran.stdout.partition("Broken contracts")[2], flags=re.MULTILINE)
    return {name: text.replace("\n", " ") for name, text in zip(headed[1::2], headed[2::2], strict=True)}


@pytest.mark.parametrize("name", [contract["name"] for contract in CONTRACTS])
def test_a_contract_breaks_where_its_import_is_planted(name: str, complaints: dict[str, str]) -> None:
    path, module = PLANTED[name]
    importer = path.partition("/")[2].removesuffix(".py").removesuffix("/__init__").replace("/", ".")
    assert re.search(rf"\b{re.escape(importer)} -> {re.escape(module)}\b", complaints.get(name, "it is kept"))


@pytest.mark.parametrize("package", PACKAGES)
def test_no_module_imports_itself_by_way_of_others(package: str) -> None:
    known = modules(package)
    graph = {name: set(imported(name, path, known)) - {name} for name, path in known.items()}
    assert sum(map(len, graph.values())) > len(graph) / 2, "hardly any import was found"
    assert circle(graph) is None


def circle(graph: dict[str, set[str]]) -> list[str] | None:
    """One circle of a graph, or None."""
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        return error.args[1]
    return None


def test_a_circle_would_be_found() -> None:
    assert circle({"a": {"b"}, "b": {"c"}, "c": {"a"}}) is not None
