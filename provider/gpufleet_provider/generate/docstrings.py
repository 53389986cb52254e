"""Docstrings of the generated SDK, in the form that Pulumi's own SDKs have."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterable, Iterator

_CODE_BLOCK = re.compile(r"(^```.*?^```$)", re.DOTALL | re.MULTILINE)


def docstring(text: str, indent: int) -> str:
    """Return text as a docstring at an indent, wrapped; lists and code blocks in it keep their lines."""
    body = _escaped("\n\n".join(_paragraphs(text, 116 - indent - 3)))
    closing = "\n" if "\n" in body or body.endswith('"') else ""
    return textwrap.indent(f'"""{body}{closing}"""', " " * indent)


def with_parameters(text: str, parameters: Iterable[tuple[str, str, str]]) -> str:
    """Add the type, the name and the description of each parameter."""
    fields = "\n".join(
        textwrap.fill(
            f":param {type} {name}: {' '.join(doc.split()) or sentence(name)}",
            104,
            subsequent_indent="    ",
            break_long_words=False,
            break_on_hyphens=False,
        )
        for type, name, doc in parameters
    )
    return f"{text}\n\n{fields}" if fields else text


def sentence(name: str) -> str:
    """Return a description of a property that has none: its name."""
    return f"{name.replace('_', ' ').capitalize()}."


def _paragraphs(text: str, width: int) -> Iterator[str]:
    for part in _CODE_BLOCK.split(text):
        if part.startswith("```"):
            yield part
            continue
        for paragraph in re.split(r"\n\s*\n", part.strip("\n")):
            if re.search(r"^\s*[-*:]", paragraph, re.MULTILINE):
                yield paragraph
            elif paragraph:
                yield textwrap.fill(" ".join(paragraph.split()), width, break_long_words=False, break_on_hyphens=False)


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"""', "'''")
