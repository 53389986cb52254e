"""CONTRIBUTING's table of promises: each sentence of the README's has a row, and each test that it names is there."""

from __future__ import annotations

import ast
import functools
import re

import pytest

from tests.repository.tree import ROOT


def section(file: str, heading: str) -> str:
    """Return the text under a heading."""
    found = re.search(rf"^## {heading}\n(.*?)(?=^## )", (ROOT / file).read_text(), re.DOTALL | re.MULTILINE)
    assert found is not None, f"{file} has no heading {heading!r}"
    return found[1]


def sentences() -> list[str]:
    """Return what the README promises, a sentence each, as plain text."""
    text = re.sub(r"^- ", "", section("README.md", "What you can rely on"), flags=re.MULTILINE)
    return re.split(r"(?<=[.)])\s+(?=[A-Z(`])", " ".join(text.replace("**", "").split()))


ROWS = re.findall(
    r"^\| (?!sentence|---)(.*?) \| (.*) \|$",
    section("CONTRIBUTING.md", "What holds the README's promises"),
    re.MULTILINE,
)
"""How each sentence begins, and the cell with its tests."""
NAMED = sorted({test for _, cell in ROWS for test in re.findall(r"`(.*?)`", cell)})


@functools.cache
def named_in(file: str) -> set[str]:
    """Return the names of the tests in a file."""
    tree = ast.parse((ROOT / file).read_text())
    return {node.name for node in tree.body if isinstance(node, ast.FunctionDef) and node.name.startswith("test_")}


@pytest.mark.parametrize("sentence", sentences())
def test_a_sentence_has_one_row_and_a_test(sentence: str) -> None:
    (tests,) = (cell for beginning, cell in ROWS if sentence.startswith(beginning))
    assert "::" in tests


def test_no_row_is_left_over() -> None:
    assert [beginning for beginning, _ in ROWS if not any(it.startswith(beginning) for it in sentences())] == []


@pytest.mark.parametrize("test", NAMED)
def test_a_test_that_it_names_is_there(test: str) -> None:
    file, _, name = test.partition("::")
    assert name in named_in(file), test
