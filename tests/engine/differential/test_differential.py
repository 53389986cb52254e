"""Every program on the embedded engine (and on the CLI, where it is on PATH): it does what the CLI was seen to do."""

import shutil

import pytest

from .engines import CLI, EMBEDDED
from .runs import HERE, PROGRAMS, declared, differences, recorded, run

DELIBERATE = {
    "pending_replacement": "what was deleted before its replacement failed is not deleted once more, as the CLI does",
    "import_by_id": "one sentence leads to `gpufleet import`; with the CLI, the plugin ends in a KeyError",
    "text_of_replacements": "a replacement is one row with the properties that cause it, as in the CLI's own table",
    "text_of_refusals": "a preview that failed says so in the rows of the stack and of what was refused",
    "get_missing": "what is got by its id and is not there is refused; the CLI takes it in without outputs",
}
"""Programs that the embedded engine means to run in another way."""


def _cases():
    for program in PROGRAMS:
        marks = []
        if reason := DELIBERATE.get(program.stem):
            marks.append(pytest.mark.xfail(strict=True, reason=reason))
        yield pytest.param(EMBEDDED, program, marks=marks, id=f"{EMBEDDED}-{program.stem}")
    marks = [
        pytest.mark.slow,
        pytest.mark.skipif(shutil.which("pulumi") is None, reason="the Pulumi CLI is not on PATH"),
    ]
    for program in PROGRAMS:
        yield pytest.param(CLI, program, marks=marks, id=f"{CLI}-{program.stem}")


@pytest.mark.parametrize(("engine", "program"), list(_cases()))
def test_program(engine, program, tmp_path):
    found = differences(recorded(program), run(engine, program, tmp_path / "run"))
    assert not found, "\n".join(found)


def test_every_deliberate_difference_has_its_program():
    assert DELIBERATE.keys() <= {program.stem for program in PROGRAMS}


def test_every_program_says_what_it_shows():
    assert all(declared(program).shows for program in PROGRAMS)


def test_the_table_of_semantics_has_the_rows_that_the_programs_show():
    lines = (HERE.parents[2] / "docs" / "engine-semantics.md").read_text().splitlines()
    rows = {line.split("|")[1].strip() for line in lines if line.startswith("| ")} - {"Row", "---"}
    assert rows == {row for program in PROGRAMS for row in declared(program).shows}
