"""Text from a cloud is cut first, folded once, and searched in time that grows no faster than the text."""

from __future__ import annotations

import importlib
import json
import pkgutil
import re
import time
from collections.abc import Callable

import gpufleet_provider
import pulumi_gpufleet
import pytest
from gpufleet_provider.model.errors import describe, redacted
from gpufleet_provider.model.text import LONGEST_LINE, fold_controls, may_hold_controls, one_line, without_controls
from hypothesis import given
from hypothesis import strategies as st


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("Ready\x1b[2J\x1b]0;owned\x07", "Ready?[2J?]0;owned?"),
        ("a\x9b31mred", "a?31mred"),
        ("a\x00b\x7fc\x08d", "a?b?c?d"),
        ("user\u202egpj.exe", "user?gpj.exe"),
        ("\u2066x\u2069", "?x?"),
        ("half \ud800 pair", "half ? pair"),
        ("tabs\tand\r\nlines\nstay", "tabs\tand\r\nlines\nstay"),
        ("größe 日本 ✓", "größe 日本 ✓"),
    ],
)
def test_control_characters_become_a_question_mark(text: str, shown: str) -> None:
    assert without_controls(text) == shown
    assert one_line(text) == " ".join(shown.split())
    assert fold_controls({text: [text, {"status": text}, 8, None]}) == {shown: [shown, {"status": shown}, 8, None]}
    assert describe(ValueError(text)).count("\x1b") == 0
    for document in (json.dumps({"status": text}), json.dumps({"status": text}, ensure_ascii=False)):
        encoded = document.encode("utf-8", "surrogatepass")
        assert may_hold_controls(encoded) or shown == text


@given(st.text())
def test_no_control_character_is_overlooked(text: str) -> None:
    document = json.dumps([text])
    assert may_hold_controls(document.encode()) or without_controls(text) == text
    assert not any(character < " " or "\x7f" <= character <= "\x9f" for character in one_line(text))


def test_what_is_too_long_is_cut_before_anything_else_is_done() -> None:
    assert len(one_line("x" * 10_000_000)) == LONGEST_LINE
    assert len(redacted("word " * 10_000_000)) <= 300


@pytest.mark.parametrize("length", range(LONGEST_LINE - 90, LONGEST_LINE + 90, 7))
def test_a_token_that_the_cut_goes_through_is_not_shown(length: int) -> None:
    hidden = "-----BEGIN"
    assert "CANARY" not in redacted("x" * (length - 60) + " " + "CANARY" * 30)
    # What is cut out may bring the end of a long text into the line that is shown.
    assert "CANARY" not in redacted("password=" + "x" * (length - 60) + " " + "CANARY" * 30 + hidden)


# --- Patterns -------------------------------------------------------------------------------------------------------


def compiled_patterns() -> dict[str, re.Pattern[str]]:
    """Every pattern that a module of the provider or the SDK keeps, those inside of tuples included."""
    found: dict[str, re.Pattern[str]] = {}
    for package in (gpufleet_provider, pulumi_gpufleet):
        for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            if ".simulator" in module.name or module.name.endswith("__main__"):
                continue
            for name, value in vars(importlib.import_module(module.name)).items():
                for index, part in enumerate(_flat(value)):
                    if isinstance(part, re.Pattern) and isinstance(part.pattern, str):
                        found[f"{module.name}.{name}[{index}]"] = part
    return found


def _flat(value: object) -> list[object]:
    return [leaf for part in value for leaf in _flat(part)] if isinstance(value, tuple) else [value]


PATTERNS = compiled_patterns()
FRAGMENTS = [
    *("a", "_", "-", " ", "\n", "0", "0,", ".", '"', "'", ":", "=", "$", "!", "\\", "A1/", "~", "é"),
    *("password", "token-", "secret:", "api_key= ", "kubeconfig\n:", "-key-data", "credential ;", 'password"'),
    *("bearer ", "basic\t", "Bearer x", "apiVersion", "apiVersion: ", "-----BEGIN", "-----"),
    *("no ", "no gpu ", "not enough ", "out of ", "insufficient ", "capacity", "spending", "x no"),
    *("2026-", "T00:00:00.", "+00:", "1.", "pending", "not ready", "::", "#1"),
]
FEW, MANY = 500, 8_000
"""Sixteen times the text: sixteen times the work where it is linear, 256 times where it is quadratic."""
ONLY_WHOLE = ("_ESTIMATE", "_GENERATED_NAME", "_INSTANT")
"""Patterns that only ever have to match a whole text."""


def processor_seconds(work: Callable[[str], object], text: str) -> float:
    begun = time.thread_time()
    work(text)
    return time.thread_time() - begun


@pytest.mark.parametrize("name", sorted(PATTERNS))
def test_a_pattern_takes_time_in_proportion_to_the_text(name: str) -> None:
    pattern = PATTERNS[name]
    work: Callable[[str], object] = pattern.findall
    if name.split("[")[0].rpartition(".")[2] in ONLY_WHOLE:
        work = pattern.fullmatch
    for fragment in FRAGMENTS:
        for end in ("", "\x00", "\x00" + fragment):
            few, many = ((fragment * size)[:size] + end for size in (FEW, MANY))
            expected = max(10e-6, min(processor_seconds(work, few) for _ in range(3)))
            # A second try for a machine that was slowed down in the first.
            assert any(processor_seconds(work, many) < 80 * expected for _ in range(3)), fragment


def test_the_patterns_are_found() -> None:
    assert any("errors._SECRETS" in name for name in PATTERNS) and any("_ESTIMATE" in name for name in PATTERNS)
