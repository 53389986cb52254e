"""Files have one reason to exist: none that was written by hand is long, or its reason stands here."""

from tests.repository.tree import GENERATED, PACKAGES, ROOT, modules

LINES = 400
LONG: dict[str, str] = {}
"""Files of more lines, each with the reason why it stays whole."""


def test_no_file_is_long_without_a_reason() -> None:
    long = set[str]()
    for package in PACKAGES:
        for path in modules(package).values():
            text = path.read_text()
            if len(text.splitlines()) > LINES and not text.startswith(GENERATED):
                long.add(str(path.relative_to(ROOT)))
    assert sorted(long - LONG.keys()) == [], f"more than {LINES} lines: cut them, or say why not in LONG"
    assert sorted(LONG.keys() - long) == [], "not long any more: take them out of LONG"
