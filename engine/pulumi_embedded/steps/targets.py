"""URN patterns of `--target`, `--exclude` and `--replace`: `*` matches within a part of a URN, `**` across parts."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable


class Targets:
    """A set of URNs and URN patterns."""

    def __init__(self, targets: Iterable[str]) -> None:
        self.literals: set[str] = set()
        self._patterns: list[re.Pattern[str]] = []
        for target in targets:
            if "*" in target:
                parts = re.split(r"(\*\*|\*)", target)
                expression = "".join(
                    ".*" if part == "**" else "[^:]*" if part == "*" else re.escape(part) for part in parts
                )
                self._patterns.append(re.compile(expression))
            else:
                self.literals.add(target)

    def __contains__(self, urn: str) -> bool:
        return urn in self.literals or any(pattern.fullmatch(urn) for pattern in self._patterns)
