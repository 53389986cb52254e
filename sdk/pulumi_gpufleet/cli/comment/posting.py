"""Keeps one comment for each stack up to date."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from typing import Literal
from urllib.parse import quote

from pulumi_gpufleet.cli.comment.forge import Comment, Forge, Gone
from pulumi_gpufleet.cli.report.assessment import StackReport
from pulumi_gpufleet.cli.report.markdown import markdown
from pulumi_gpufleet.policies.rules import Violation

Behaviour = Literal["update", "new", "recreate"]


def marker(report: StackReport) -> str:
    """Return the hidden line that a stack's comment begins with."""
    # A name could hold `-->`, which would end the hidden line.
    return f"<!-- gpufleet report of {quote(report.project, safe='')}/{quote(report.stack, safe='')} -->"


def body(report: StackReport, broken: Sequence[Violation], *, max_rows: int, max_characters: int) -> str:
    """Return the text of a comment, with fewer rows where it would be too long."""
    first = marker(report) + "\n"
    room = max_characters - len(first)
    return first + markdown([report], [broken], max_rows=max_rows, max_characters=room)


def existing(forge: Forge, reports: Sequence[StackReport]) -> dict[str, list[Comment]]:
    """Return the comments of each stack by its marker, the oldest first; raises ForgeError."""
    found: dict[str, list[Comment]] = {marker(report): [] for report in reports}
    for comment in forge.comments():
        first, _, _ = comment.body.lstrip().partition("\n")
        if first.strip() in found:
            found[first.strip()].append(comment)
    return found


def publish(forge: Forge, text: str, comments: Sequence[Comment], behaviour: Behaviour) -> str:
    """Post or edit the comment of one stack; returns what was done. Raises ForgeError.

    :param comments: the comments of that stack that are there, the oldest first.
    """
    if behaviour == "update" and comments:
        newest = comments[-1]
        # A forge may store other line ends than were sent.
        if newest.body.replace("\r\n", "\n").strip() == text.strip():
            return "is up to date"
        try:
            forge.edit(newest.id, text)
        except Gone:
            forge.post(text)
            return "posted again: it was deleted meanwhile"
        return "updated"
    forge.post(text)
    if behaviour == "recreate":
        # The new one comes first: if it is refused, the old one is still there.
        for comment in comments:
            with contextlib.suppress(Gone):
                forge.delete(comment.id)
        return "recreated" if comments else "posted"
    return "posted"
