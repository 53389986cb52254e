"""Parts of what Together shows of a cluster that comes up."""

from __future__ import annotations

from typing import Any

from gpufleet_provider.model.fields import Properties


def at(minute: int) -> str:
    return f"2026-11-01T08:{minute:02}:00Z"


def node(number: int, phase: str = "RUNNING", **more: Any) -> Properties:
    steps = ["PENDING"] + ([phase] if phase != "PENDING" else [])
    transitions = [{"phase": f"NODE_PHASE_{s}", "transition_time": at(i)} for i, s in enumerate(steps)]
    return {"node_id": f"node-{number}", "status": "", "num_gpus": 8, "phase_transitions": transitions, **more}


def phases(*names: str) -> list[Properties]:
    return [{"phase": f"CLUSTER_PHASE_{name}", "transition_time": at(i)} for i, name in enumerate(names)]
