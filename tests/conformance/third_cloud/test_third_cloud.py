"""A third cloud is one folder, one word in `CLOUDS`, `make sdk`, and an example of each resource for the suite.

`provider/` and `tests/` beside this file are what its author writes, by the recipe in CONTRIBUTING. They are laid over
a copy of the tree, and nothing else there is touched.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from textwrap import dedent

import pytest

from tests.repository.tree import GENERATED, PACKAGES, ROOT, modules

WRITTEN = Path(__file__).parent
CLOUD = "example_cloud"


class Tree:
    """A copy of the repository with the third cloud in it."""

    def __init__(self, root: Path) -> None:
        self.root = root
        paths = os.pathsep.join(str((root / package).parent) for package in PACKAGES)
        self.environment = {**os.environ, "PYTHONPATH": paths}
        ignored = shutil.ignore_patterns("__pycache__", WRITTEN.name)
        for folder in (*PACKAGES, "tests/conformance", "tests/repository"):
            shutil.copytree(ROOT / folder, root / folder, ignore=ignored)
        for file in ("pyproject.toml", "tests/__init__.py"):
            shutil.copy(ROOT / file, root / file)
        for folder in ("provider", "tests"):
            shutil.copytree(WRITTEN / folder, root / folder, dirs_exist_ok=True, ignore=ignored)
        package = root / "provider/gpufleet_provider/__init__.py"
        text, count = re.subn(r"(CLOUDS: .*)\)", rf'\1, "{CLOUD}")', package.read_text())
        assert count == 1
        package.write_text(text)

    def python(self, *arguments: str, **environment: str) -> str:
        """Run Python on the tree; returns what it printed."""
        ran = subprocess.run(
            [sys.executable, *arguments],
            cwd=self.root,
            env={**self.environment, **environment},
            capture_output=True,
            text=True,
            timeout=240,
        )
        assert ran.returncode == 0, ran.stdout + ran.stderr
        return ran.stdout + ran.stderr


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Tree:
    """The tree after `make sdk`."""
    made = Tree(tmp_path_factory.mktemp("tree"))
    made.python("-m", "gpufleet_provider.generate")
    return made


@pytest.mark.slow
def test_it_passes_the_conformance_suite(tree: Tree) -> None:
    printed = tree.python("-m", "pytest", "-q", "-p", "no:cacheprovider", "tests/conformance", "-k", CLOUD)
    passed = re.search(r"^(\d+) passed, \d+ deselected", printed, re.MULTILINE)
    assert passed is not None and int(passed[1]) > 40, printed


def test_its_imports_keep_the_contracts(tree: Tree) -> None:
    lint = "from importlinter.cli import lint_imports; raise SystemExit(lint_imports(no_cache=True))"
    assert ", 0 broken." in tree.python("-c", lint)


def test_make_sdk_writes_its_classes(tree: Tree) -> None:
    written = {path.name for path in (tree.root / "sdk/pulumi_gpufleet" / CLOUD).glob("*.py")}
    assert {"__init__.py", "machine.py"} <= written
    assert all((tree.root / "sdk/pulumi_gpufleet" / CLOUD / name).read_text().startswith(GENERATED) for name in written)
    tree.python(
        "-c", f"from pulumi_gpufleet import {CLOUD} as c; assert issubclass(c.Machine, object) and c.Machine.zone"
    )
    tree.python("-m", "gpufleet_provider.generate", "--check")
    tree.python("-m", "ruff", "check", "--no-cache", f"sdk/pulumi_gpufleet/{CLOUD}")
    for path in modules("sdk/pulumi_gpufleet").values():
        assert (tree.root / path.relative_to(ROOT)).read_text() == path.read_text(), "it changed what was there"


def test_the_commands_know_it(tree: Tree) -> None:
    """With a key that is not the states' own, nothing is deleted: the guard counts what states hold of this cloud."""
    row = {
        "urn": "urn:it",
        "type": f"pulumi-python:dynamic/{CLOUD}:Machine",
        "id": "of-another-account",
        "custom": True,
    }
    state = {"version": 3, "deployment": {"manifest": {}, "resources": [row], "pending_operations": []}}
    (tree.root / "state.json").write_text(json.dumps(state))
    script = dedent(
        f"""
        import os, httpx
        from click.testing import CliRunner
        from gpufleet_provider.simulator import running
        from pulumi_gpufleet.cli import main

        with running(speed=0) as simulator:
            url = simulator.url + "/{CLOUD}/v1"
            os.environ["{CLOUD.upper()}_API_KEY"], os.environ["{CLOUD.upper()}_BASE_URL"] = "a-good-key", url
            body, headers = {{"name": "it", "zone": "north", "num_gpus": 1}}, {{"Authorization": "Token a-good-key"}}
            httpx.post(url + "/machines", json=body, headers=headers, trust_env=False).raise_for_status()
            for more in ([], ["--stack-state", "state.json", "--delete", "--yes"]):
                print(CliRunner().invoke(main, ["orphans", "--cloud", "{CLOUD}", *more]).output)
            print(CliRunner().invoke(main, ["import", "{CLOUD}", "--all", "--resource", "Machine"]).output)
            print(CliRunner().invoke(main, ["--help"]).output)
            living = [line["name"] for line in simulator.ledger()["machines"] if line["deleted_at"] is None]
            assert living == ["it"], living
        """
    )
    printed = tree.python("-c", script)
    assert f"{CLOUD}:Machine" in printed and "north" in printed
    assert "is it the right key?" in printed and "Nothing was deleted" in printed
    assert f"wrote imported_{CLOUD}.py: 1 resource" in printed
    assert f"{CLOUD.upper()}_API_KEY" in printed
    tree.python("-c", f"import ast; ast.parse(open('imported_{CLOUD}.py').read())")
