"""Plans what a run does to an existing resource: nothing, an update in place, or a replacement, and what forbids it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from gpufleet_provider.model.checking import ended_message, lost_term
from gpufleet_provider.model.comparing import Verdict, corrected, differences, verdicts
from gpufleet_provider.model.fields import Default, Properties, mark
from gpufleet_provider.model.lifecycle import Lifecycle
from gpufleet_provider.model.replies import parse_info
from gpufleet_provider.model.state_properties import ENDED, INPUTS
from gpufleet_provider.model.unfinished_wait import UnfinishedWait


@dataclass(frozen=True)
class Plan:
    """What a run does: nothing, an update in place (`changed` alone), or a replacement, and why."""

    changed: bool
    replaces: list[str]
    """The properties that make it a replacement."""
    detailed: dict[str, str]
    """Property path → `add`, `delete`, `update`, and the same with `_replace`."""
    refusal: str | None
    """Why the run must not do it, or None."""


def plan(lifecycle: Lifecycle[Any], olds: Properties, news: Properties) -> Plan:
    """Compare the inputs that a resource was last given with the declared ones, and see whether its wait has ended."""
    prior = prior_inputs(lifecycle, olds, news)
    found = [it for it in verdicts(lifecycle, prior, news) if not _says_what_is(lifecycle, it, prior, news, olds)]
    if ENDED in prior:
        # Whatever else has changed, only a new term is a reason to buy it again; check has refused all others.
        terms = [verdict.field for verdict in found if verdict.field in lifecycle.term_fields]
        return Plan(bool(terms), terms, _detailed(found, terms), None)
    wait = UnfinishedWait.from_outputs(olds)
    replaces = [verdict.field for verdict in found if verdict.action == "replace"]
    detailed = _detailed(found, replaces)
    if wait is not None and not replaces:
        replaces = [lifecycle.status_field] if wait.state == "failed" else []
        detailed[lifecycle.status_field] = "update_replace" if replaces else "update"
    if replaces:
        return Plan(True, replaces, detailed, _loss(lifecycle, replaces, prior, olds, news))
    refusal = next((f"{v.differences[0].path}: {v.reason}" for v in found if v.action == "refuse"), None)
    return Plan(bool(detailed), replaces, detailed, refusal)


def _says_what_is(
    lifecycle: Lifecycle[Any], verdict: Verdict, prior: Properties, news: Properties, olds: Properties
) -> bool:
    """Return whether an input that was added or removed leaves the resource as it is.

    It does if its value is what the vendor takes where none is set, or what the outputs show; but removing an input
    that changes in place asks for another value, whatever is shown now.
    """
    body, name = lifecycle.create_body, verdict.field
    before, after = prior.get(name), news.get(name)
    if (before is None) == (after is None):
        return False
    value = before if after is None else after
    default = mark(body, name, Default)
    if default is not None and value == default.value:
        return True
    if after is None and verdict.action == "update":
        return False
    shown = lifecycle.observed(parse_info(lifecycle.info_body, olds), {**prior, name: value})
    return name in shown and not differences(body, {name: value}, corrected(body, {name: value}, shown))


def _loss(
    lifecycle: Lifecycle[Any], replaces: list[str], prior: Properties, olds: Properties, news: Properties
) -> str | None:
    """Return why a replacement is refused: it would forfeit a prepaid term, or buy one again; None if it may go on."""
    is_over = lifecycle.ended(prior, olds) is not None
    if is_over and not set(replaces).intersection(lifecycle.term_fields):
        return ended_message(lifecycle, lost_term(lifecycle, prior, olds) or "")
    return _forfeit(lifecycle, prior, olds, news, f"because of {', '.join(replaces)}")


def forfeited_by_the_engine(lifecycle: Lifecycle[Any], olds: Properties, news: Properties) -> str | None:
    """Return why a replacement that the engine decides on by itself is refused; None if it is not.

    `--replace`, a taint, `replace_on_changes` and the like replace a resource that no changed input would replace.
    """
    prior: Properties = olds.get(INPUTS) or {}
    why = "although no input asks for it (--replace, a taint, or an option of the resource does)"
    return None if ENDED in prior else _forfeit(lifecycle, prior, olds, news, why)


def _forfeit(lifecycle: Lifecycle[Any], prior: Properties, olds: Properties, news: Properties, why: str) -> str | None:
    forfeited = lifecycle.forfeits(prior, olds)
    if forfeited is None or news.get(lifecycle.forfeit_field) is True:
        return None
    return (
        f"it would be replaced {why}, which forfeits {forfeited}; nothing was changed. "
        f"Take the change back, or set {lifecycle.forfeit_field}=True"
    )


def prior_inputs(lifecycle: Lifecycle[Any], olds: Properties, news: Properties) -> Properties:
    """Return the inputs that a resource was last given, from its old outputs.

    Outputs that hold none (a state written by hand) show some; what they cannot show is taken to be as declared.
    """
    kept: Properties | None = olds.get(INPUTS)
    if kept is not None:
        return kept
    return corrected(lifecycle.create_body, news, lifecycle.observed(parse_info(lifecycle.info_body, olds), news))


def _detailed(found: list[Verdict], replaces: list[str]) -> dict[str, str]:
    kinds: dict[str, str] = {}
    for verdict in found:
        if verdict.action != "ignore":
            suffix = "_replace" if verdict.field in replaces else ""
            kinds.update({difference.path: difference.kind + suffix for difference in verdict.differences})
    return kinds
