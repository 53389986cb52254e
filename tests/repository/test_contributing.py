"""CONTRIBUTING's table of folders is the tree: every folder is in it, and all that it names is there."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from gpufleet_provider import CLOUDS

from tests.repository.tree import PACKAGES, ROOT, folders

TEXT = (ROOT / "CONTRIBUTING.md").read_text()
RECIPES = re.search(r"^## Adding a resource\n.*?(?=^## Rules)", TEXT, re.DOTALL | re.MULTILINE)
LINES_OF_A_PAGE = 50


def named() -> dict[str, str]:
    """The folders in the table's first column, each with what is said of it."""
    rows = re.findall(r"^\| (`.*?`) \| (.*) \|$", TEXT, re.MULTILINE)
    return {folder: what for cells, what in rows for folder in re.findall(r"`([^`]+/)`", cells)}


def meant(name: str) -> Iterator[str]:
    """The folders that a name with placeholders stands for."""
    for cloud in CLOUDS if "<cloud>" in name else ("",):
        pattern = name.replace("<cloud>", cloud).replace("<resource>", "*").rstrip("/")
        yield from (str(path.relative_to(ROOT)) for path in ROOT.glob(pattern) if (path / "__init__.py").exists())


@pytest.mark.parametrize("name", named())
def test_what_the_table_names_is_there(name: str) -> None:
    found = list(meant(name)) if "<" in name else [name] * (ROOT / name).is_dir()
    assert found, f"{name} is not there"


@pytest.mark.parametrize("package", PACKAGES)
def test_the_table_names_every_folder(package: str) -> None:
    known = {folder.rstrip("/") for folder in named()} | {folder for name in named() for folder in meant(name)}
    assert [folder for folder in folders(package) if folder not in known] == []


def test_files_that_it_mentions_are_there() -> None:
    for row, what in named().items():
        for name in re.findall(r"`([\w./]+\.py)`", what):
            places = [ROOT / row / name] if "<" not in row else [ROOT / folder / name for folder in meant(row)]
            assert any(place.is_file() for place in places), f"{row}{name}"
    for path in re.findall(r"`((?:tests|provider|sdk|engine|examples)/[\w./]+)`", TEXT):
        assert (ROOT / path).exists(), path


def test_the_recipes_fit_on_a_page() -> None:
    assert RECIPES is not None and len(RECIPES[0].splitlines()) <= LINES_OF_A_PAGE
