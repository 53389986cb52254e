"""Runs the steps of a program on an engine, and says what came of each."""

from __future__ import annotations

import ast
import json
import shlex
import shutil
import time
from pathlib import Path
from typing import Any, NamedTuple

from .engines import EMBEDDED, Done, Engine
from .observations import config_of, observed, state_of

HERE = Path(__file__).parent
PROGRAMS = sorted((HERE / "programs").glob("*.py"))
_DEPLOYING = ("up", "refresh", "destroy", "import")


class Declared(NamedTuple):
    """What a program says of itself."""

    steps: list[str]
    """The commands, and what happens to the cloud and the files between them; see `_prepare`."""
    shows: list[str]
    """Rows of the table of semantics."""
    project: dict[str, Any]
    """What stands in Pulumi.yaml besides name and runtime."""
    is_ordered: bool
    """Whether the order of what the cloud is asked for is compared."""


def declared(program: Path) -> Declared:
    """Read a program's own lines about itself, without running it."""
    found: dict[str, Any] = {}
    for statement in ast.parse(program.read_text()).body:
        if isinstance(statement, ast.Assign) and isinstance(statement.targets[0], ast.Name):
            name = statement.targets[0].id
            if name in ("STEPS", "SHOWS", "PROJECT", "ORDERED"):
                found[name] = ast.literal_eval(statement.value)
    return Declared(found["STEPS"], found["SHOWS"], found.get("PROJECT", {}), found.get("ORDERED", False))


def recorded(program: Path) -> list[dict[str, Any]]:
    """What the CLI did."""
    path = HERE / "recorded" / f"{program.stem}.json"
    return json.loads(path.read_text())


def run(kind: str, program: Path, folder: Path) -> list[dict[str, Any]]:
    """Run the program's steps one after the other; returns what was observed after each command."""
    about = declared(program)
    engine = Engine(kind, folder, program, about.project)
    engine.init()
    results: list[dict[str, Any]] = []
    states: list[Any] = [state_of(folder / "state")]
    configs: list[Any] = [{}]
    for line in about.steps:
        words = shlex.split(line)
        if _prepare(engine, words):
            continue
        engine.next_step()
        words = _full([_urn(word) for word in words])
        done = _killed(engine, words[1:]) if words[0] == "kill" else engine.run(words)
        result = {"command": line, **observed(words, done.code, done.stdout, done.stderr)}
        asked = engine.asked()
        if done.code:
            # A check or diff that a failure overtook.
            asked = [each for each in asked if not each.startswith(("check ", "diff "))]
        if words[0] == "destroy":
            # Which dependents a target has, the CLI finds out by comparing them.
            asked = [each for each in asked if not each.startswith("diff ") or "--refresh" in words]
        if asked:
            result["asked"] = asked if about.is_ordered else sorted(asked)
        state, config = state_of(folder / "state"), config_of(folder)
        if words[0] in ("kill", "cancel", "preview"):
            # After a kill, the embedded engine's journal has what is not in the state yet.
            state = states[-1]
        elif state != states[-1]:
            result["state"] = state
        if config != configs[-1]:
            result["config"] = config
        states.append(state)
        configs.append(config)
        results.append(result)
    return results


def _urn(word: str) -> str:
    """`@a` is the URN of the thing `a`, `@type::name` that of any other resource."""
    if not word.startswith("@"):
        return word
    return "urn:pulumi:dev::lab::" + (word[1:] if "::" in word else f"pulumi-python:dynamic/lab:Thing::{word[1:]}")


def _full(words: list[str]) -> list[str]:
    """A command with the flags that make it say what it did in JSON; after `text` without those, after `bare` as is."""
    if words[0] == "bare":
        return words[1:]
    if words[0] == "text":
        return [*words[1:], *(["--yes", "--skip-preview"] if words[1] in _DEPLOYING else [])]
    if words[0] == "kill":
        return ["kill", *_full(words[1:])]
    if words[0] in _DEPLOYING:
        unasked = [] if "--preview-only" in words else ["--yes", "--skip-preview"]
        return [words[0], *unasked, "--json", *words[1:]]
    return ["preview", "--json", *words[1:]] if words[0] == "preview" else words


def _prepare(engine: Engine, words: list[str]) -> bool:
    """What is no command: a fault, a drift, a thing that is gone, a file's new text."""
    match words:
        case ["fault", operation, name, *text]:
            (engine.cloud / "faults" / f"{operation}-{name}").write_text(" ".join(text) or f"no {operation} today")
        case ["mend", operation, name]:
            (engine.cloud / "faults" / f"{operation}-{name}").unlink()
        case ["hold", name]:
            (engine.cloud / "holds" / name).touch()
        case ["release", name]:
            (engine.cloud / "holds" / name).unlink()
        case ["gone", id_]:
            (engine.cloud / "things" / f"{id_}.json").unlink()
        case ["drift", id_, assignment]:
            path = engine.cloud / "things" / f"{id_}.json"
            name, _, value = assignment.partition("=")
            path.write_text(json.dumps(json.loads(path.read_text()) | {name: json.loads(value)}))
        case ["salt", stack]:
            shutil.copy(engine.folder / "Pulumi.dev.yaml", engine.folder / f"Pulumi.{stack}.yaml")
        case ["write", name, text]:
            path = engine.folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        case _:
            return False
    return True


def _killed(engine: Engine, words: list[str]) -> Done:
    """A command that is killed once the cloud holds a create."""
    process = engine.start(words)
    deadline = time.monotonic() + 120
    log = engine.cloud / "operations.log"
    held = [f"create {path.name}\n" for path in (engine.cloud / "holds").iterdir()]
    while not (log.exists() and all(line in log.read_text() for line in held)):
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.05)
    process.kill()
    process.communicate()
    return Done(-9, "", "")


def differences(expected: list[dict[str, Any]], found: list[dict[str, Any]]) -> list[str]:
    """The lines in which two runs differ; none if they do not."""
    import difflib

    return [
        line
        for line in difflib.unified_diff(dumped(expected), dumped(found), "the CLI", EMBEDDED, lineterm="", n=0)
        if not line.startswith("@@")
    ]


def dumped(results: list[dict[str, Any]]) -> list[str]:
    """A run as lines of JSON: one for each thing that can differ."""
    lines = ["["]
    for number, result in enumerate(results):
        lines.append("  {")
        for name, value in result.items():
            lines.extend(_lines(name, value, "    ", 1 if name != "state" else 2))
        lines[-1] = lines[-1].rstrip(",")
        lines.append("  }" + ("," if number < len(results) - 1 else ""))
    lines.append("]")
    return lines


def _lines(name: str, value: Any, indent: str, depth: int) -> list[str]:
    if not value or depth == 0 or not isinstance(value, (dict, list)):
        return [f"{indent}{json.dumps(name)}: {json.dumps(value, ensure_ascii=False)},"]
    if isinstance(value, list):
        inner = [f"{indent}  {json.dumps(item, ensure_ascii=False)}," for item in value]
        ends = "[]"
    else:
        inner = [line for key, item in value.items() for line in _lines(key, item, indent + "  ", depth - 1)]
        ends = "{}"
    inner[-1] = inner[-1].rstrip(",")
    return [f"{indent}{json.dumps(name)}: {ends[0]}", *inner, f"{indent}{ends[1]},"]
