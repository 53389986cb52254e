"""The type checker in a user's editor: wrong programs are reported where they are wrong, right ones are not.

Every wrong line of `programs/` says in a comment what must be reported there; nothing else may be.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
PROGRAMS = ROOT / "tests" / "sdk" / "programs"
EXPECTED = re.compile(r"# error: (.*)$")

Reports = dict[Path, list[tuple[int, str]]]


@pytest.fixture(scope="module")
def reports(tmp_path_factory: pytest.TempPathFactory) -> Reports:
    """What pyright, strict, says about all programs, the examples and the README: file to lines and messages."""
    config = tmp_path_factory.mktemp("pyright") / "pyrightconfig.json"
    blocks = re.findall(r"^```python\n(.*?)^```", (ROOT / "README.md").read_text(), re.DOTALL | re.MULTILINE)
    (config.parent / "readme.py").write_text("\n".join(blocks))
    config.write_text(
        json.dumps(
            {
                "typeCheckingMode": "strict",
                "pythonVersion": "3.10",
                "include": [str(PROGRAMS), str(ROOT / "examples"), str(config.parent)],
                "extraPaths": [str(ROOT / part) for part in ("provider", "sdk", "engine")],
            }
        )
    )
    ran = subprocess.run(
        [
            *(sys.executable, "-m", "basedpyright", "--project", str(config), "--outputjson"),
            *("--pythonpath", sys.executable, "--level", "error"),
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    answer: dict[str, Any] = json.loads(ran.stdout)
    assert answer["summary"]["filesAnalyzed"] >= len(list(PROGRAMS.glob("*.py"))) + 2
    found: Reports = {}
    for report in answer["generalDiagnostics"]:
        line = report["range"]["start"]["line"] + 1
        found.setdefault(Path(report["file"]), []).append((line, report["message"]))
    return found


def expected(program: Path) -> dict[int, str]:
    lines = enumerate(program.read_text().splitlines(), start=1)
    return {number: match[1] for number, line in lines if (match := EXPECTED.search(line))}


@pytest.mark.parametrize("program", sorted(PROGRAMS.glob("*.py")), ids=lambda program: program.stem)
def test_what_is_wrong_is_reported_and_nothing_else(program: Path, reports: Reports) -> None:
    wanted, found = expected(program), reports.get(program, [])
    assert {line for line, _ in found} == set(wanted), "\n".join(f"{line}: {message}" for line, message in found)
    for line, words in wanted.items():
        messages = [message for at, message in found if at == line]
        assert any(words in message for message in messages), f"line {line}: no {words!r} in {messages}"


def test_there_are_wrong_programs_of_every_kind() -> None:
    assert sum(len(expected(program)) for program in PROGRAMS.glob("*.py")) >= 40


def test_examples_and_the_readme_are_accepted(reports: Reports) -> None:
    assert {path: found for path, found in reports.items() if path.parent != PROGRAMS} == {}
