"""Runs a preview with the Pulumi CLI, or with the embedded engine where there is none."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from pathlib import Path

from pulumi_gpufleet.cli.report.previews import Preview, UnreadablePreview, merged, read


class FailedRun(Exception):
    """A preview could not be run; the message is the engine's last words."""


def preview(stack: str | None) -> Preview:
    """Preview a stack of this folder's project, by default the selected one; raises FailedRun.

    A preview that finds errors is returned as one that failed.
    """
    engine = shutil.which("pulumi") or shutil.which("pulumi-embedded")
    if engine is None:
        raise FailedRun("neither pulumi nor pulumi-embedded is on PATH")
    with tempfile.TemporaryDirectory(prefix="gpufleet-") as folder:
        log = Path(folder, "events")
        words = [engine, "preview", "--json", "--non-interactive", "--event-log", str(log)]
        words += ["--stack", stack] if stack is not None else []
        environment = {**os.environ, "PULUMI_DEBUG_COMMANDS": "true", "PULUMI_SKIP_UPDATE_CHECK": "true"}
        done = subprocess.run(words, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True)
        texts = [done.stdout, log.read_text(encoding="utf-8") if log.exists() else ""]
    try:
        found = merged(each for text in texts if text.strip() for each in read(text))
    except UnreadablePreview:
        found = []
    if len(found) != 1:
        lines = [line.strip() for line in done.stderr.splitlines() if line.strip()]
        reason = lines[-1].removeprefix("error: ") if lines else f"it ended with exit code {done.returncode}"
        raise FailedRun(f"{Path(engine).name} preview: {reason}")
    found[0].failed = found[0].failed or done.returncode != 0
    return found[0]
