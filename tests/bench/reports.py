"""What it takes to report the preview of a big stack, in each form."""

from __future__ import annotations

import json
import os
import sys
from dataclasses import dataclass
from pathlib import Path

from .measuring import measure

FORMS = ("markdown", "html", "json", "table")
LIMIT_SECONDS = 300.0


@dataclass(frozen=True)
class Reports:
    """The reports of one preview."""

    clusters: int
    wall_seconds: dict[str, float]
    """By form, the start of Python included."""

    @property
    def name(self) -> str:
        """The heading of a column."""
        return str(self.clusters)


def run_reports(directory: Path, clusters: int) -> Reports:
    """Report a preview in which every cluster is replaced."""
    preview = directory / f"preview-of-{clusters}.json"
    preview.write_text(json.dumps({"steps": [_replacement(number) for number in range(clusters)], "changeSummary": {}}))
    command = [sys.executable, "-c", "from pulumi_gpufleet.cli import main; main()", "report", str(preview)]
    return Reports(
        clusters,
        {
            form: measure([*command, "--format", form], directory, os.environ, LIMIT_SECONDS).wall_seconds
            for form in FORMS
        },
    )


def _replacement(number: int) -> dict[str, object]:
    urn = f"urn:pulumi:bench::bench::pulumi-python:dynamic/together:Cluster::cluster-{number}"
    nodes = [{"host_name": f"node-{node}", "num_gpus": 8, "status": "Running"} for node in range(8)]
    inputs = {
        "region": "us-central-8",
        "gpu_type": "H100_SXM",
        "num_gpus": 64,
        "billing_type": "ON_DEMAND",
        "shared_volume": {"volume_name": f"data-{number}", "size_tib": 4, "region": "us-central-8"},
    }
    return {
        "op": "replace",
        "urn": urn,
        "oldState": {"inputs": inputs, "outputs": {"gpu_worker_nodes": nodes}, "pendingReplacement": True},
        "newState": {"inputs": inputs | {"region": "us-east-1"}, "outputs": {}},
        "replaceReasons": ["region"],
        "detailedDiff": {"region": {"kind": "update-replace", "inputDiff": True}},
    }
