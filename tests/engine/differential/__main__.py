"""Records what the Pulumi CLI on PATH does.

`record [PROGRAM...]` runs programs, by default those that were not recorded; `commands` reads the CLI's commands and
flags, and writes the table of them; `table` writes that table from what was recorded, without the CLI.
"""

from __future__ import annotations

import shutil
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from .commands import TABLE, record_help, table
from .engines import CLI
from .runs import HERE, PROGRAMS, dumped, run

WORKERS = 4


def record(names: list[str]) -> None:
    """Record the named programs, or those that have not been recorded."""
    known = {program.stem: program for program in PROGRAMS}
    chosen = [known[name] for name in names] or [p for p in PROGRAMS if not _recording(p).exists()]
    with tempfile.TemporaryDirectory() as folder, ThreadPoolExecutor(WORKERS) as pool:
        list(pool.map(lambda program: _record(program, Path(folder)), chosen))


def _record(program: Path, folder: Path) -> None:
    try:
        results = run(CLI, program, folder / program.stem)
    except Exception as error:
        print(f"{program.stem}: {type(error).__name__}: {error}", flush=True)
        return
    _recording(program).write_text("\n".join(dumped(results)) + "\n")
    print(program.stem, [result["exit_code"] for result in results], flush=True)


def _recording(program: Path) -> Path:
    return HERE / "recorded" / f"{program.stem}.json"


def main(words: list[str]) -> None:
    """Do what the words say."""
    if words == ["table"]:
        TABLE.write_text(table())
    elif shutil.which("pulumi") is None:
        sys.exit("the Pulumi CLI is not on PATH")
    elif words[:1] == ["record"]:
        record(words[1:])
    elif words == ["commands"]:
        record_help()
        TABLE.write_text(table())
    else:
        sys.exit(__doc__)


if __name__ == "__main__":
    main(sys.argv[1:])
