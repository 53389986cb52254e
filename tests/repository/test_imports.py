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
    "Operations know no Pulumi and no cloud": (
        "provider/gpufleet_provider/operations/service.py",
        "gpufleet_provider.new_cloud",
    ),
    "A cloud knows the model and the client, and no other cloud": (
        f"{NEW_CLOUD}/__init__.py",
        "gpufleet_provider.together.errors",
    ),
    "A simulator is a second witness: it shares nothing with what it is a witness of": (
        f"{NEW_CLOUD}/simulator/__init__.py",
        "gpufleet_provider.new_cloud",
    ),
    "Clouds are found by name": ("provider/gpufleet_provider/clouds.py", "gpufleet_provider.shadeform"),
    "The plugin server knows operations, and not the provider that it serves": (
        "provider/gpufleet_provider/plugin/serving.py",
        "gpufleet_provider.dynamic",
    ),
    "The dynamic provider delegates": ("provider/gpufleet_provider/dynamic.py", "gpufleet_provider.http.client"),
    "The generator knows bodies and lifecycles": ("provider/gpufleet_provider/generate/__main__.py", "pulumi"),
    "The provider knows neither the SDK nor the engine": (
        "provider/gpufleet_provider/__init__.py",
        "pulumi_embedded.values",
    ),
    "The SDK does not know the engine": ("sdk/pulumi_gpufleet/lookups.py", "pulumi_embedded.values"),
    "The engine knows none of our clouds": ("engine/pulumi_embedded/values.py", "gpufleet_provider.clouds"),
    "The engine's folders import only what is below them": (
        "engine/pulumi_embedded/storage/backend.py",
        "pulumi_embedded.commands.main",
    ),
    "No modules of the engine import each other in a circle": (
        "engine/pulumi_embedded/storage/durable.py",
        "pulumi_embedded.storage.backend",
    ),
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
    # A contract about siblings names them by their last part.
    siblings = rf"\.{importer.rpartition('.')[2]} -> \.{module.rpartition('.')[2]}"
    broken = rf"\b{re.escape(importer)} -> {re.escape(module)}\b|- {siblings}\b"
    assert re.search(broken, complaints.get(name, "it is kept"))


def test_every_folder_of_the_provider_has_a_contract() -> None:
    named = {name for contract in CONTRACTS for name in contract.get("modules", ())}
    clouds = {path.parent.name for path in (ROOT / PACKAGES[0]).glob("*/simulator")}
    rooms = {".".join(name.split(".")[:2]) for name in modules(PACKAGES[0]) if "." in name}
    assert sorted(rooms - named - {f"gpufleet_provider.{cloud}" for cloud in clouds}) == []


@pytest.mark.parametrize("package", PACKAGES)
def test_no_module_imports_itself_by_way_of_others(package: str) -> None:
    known = modules(package)
    graph = {name: set(imported(name, path, known)) - {name} for name, path in known.items()}
    assert sum(map(len, graph.values())) > len(graph) / 2, "hardly any import was found"
    assert circle(graph) is None


@pytest.mark.parametrize("package", PACKAGES)
def test_no_folder_imports_itself_by_way_of_others(package: str) -> None:
    known, graph = modules(package), dict[str, set[str]]()
    for name, path in known.items():
        graph.setdefault(folder_of(name), set()).update(map(folder_of, imported(name, path, known)))
    assert circle({name: found - {name} for name, found in graph.items()}) is None


def folder_of(module: str) -> str:
    """A folder right below the package, or a module there; a cloud's simulator is a folder of its own."""
    parts = module.split(".")
    return ".".join(parts[: 3 if parts[2:3] == ["simulator"] else 2])


def circle(graph: dict[str, set[str]]) -> list[str] | None:
    """One circle of a graph, or None."""
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        return error.args[1]
    return None


def test_a_circle_would_be_found() -> None:
    assert circle({"a": {"b"}, "b": {"c"}, "c": {"a"}}) is not None
