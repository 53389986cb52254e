"""Plans what a run does to an existing resource: nothing, an update in place, or a replacement, and what forbids it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

from gpufleet_provider.model.checking import ended_message, is_in_part_unknown, lost_term
from gpufleet_provider.model.comparing import Verdict, corrected, differences, verdicts
from gpufleet_provider.model.fields import Default, Failure, Properties, mark
from gpufleet_provider.model.lifecycle import Effect, Lifecycle
from gpufleet_provider.model.replies import parse_info
from gpufleet_provider.model.state_properties import ENDED, INPUTS
from gpufleet_provider.model.unanswered import unsettled
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
    warnings: tuple[str, ...] = field(default=(), compare=False)
    """What the user is told beforehand: each reason of the replacement, and what may replace once it is known."""


def _is_never_unknown(_value: Any) -> bool:
    return False


def plan(
    lifecycle: Lifecycle[Any],
    olds: Properties,
    news: Properties,
    is_unknown: Callable[[Any], bool] = _is_never_unknown,
) -> Plan:
    """Compare the inputs that a resource was last given with the declared ones, and see whether its wait has ended.

    A value that is not known yet refuses, forfeits and replaces nothing: that it may replace is a warning.
    """
    prior = prior_inputs(lifecycle, olds, news)
    found: list[Verdict] = []
    warnings: list[str] = []
    for verdict in verdicts(lifecycle, prior, news):
        if any(is_in_part_unknown(difference.new, is_unknown) for difference in verdict.differences):
            may_be = {"replace": "replaced", "refuse": "refused"}.get(verdict.action)
            if may_be is not None:
                name = verdict.field
                warnings.append(f"it may be {may_be} because of {name}, which is not known yet: {verdict.reason}")
            found.append(replace(verdict, effect=Effect("update", "is not known yet")))
        elif not _says_what_is(lifecycle, verdict, prior, news, olds):
            found.append(verdict)
    reasons = {verdict.field: verdict.reason for verdict in found if verdict.action == "replace"}
    if ENDED in prior:
        # Whatever else has changed, only a new term is a reason to buy it again; check has refused all others.
        terms = [verdict.field for verdict in found if verdict.field in lifecycle.term_fields]
        known = [name for name in terms if not is_in_part_unknown(news.get(name), is_unknown)]
        refusal = _loss(lifecycle, known, prior, olds, news, is_unknown) if known else None
        why = f"{prior[ENDED]}, and another term is bought{lifecycle.replacement_loss(prior)}"
        warnings += [f"it is to be replaced because of {name}: {why}" for name in known]
        return Plan(bool(terms), known, _detailed(found, known), refusal, tuple(warnings))
    detailed = _detailed(found, list(reasons))
    wait = UnfinishedWait.from_outputs(olds)
    if not reasons:
        detailed = {**unsettled(lifecycle, prior, news), **detailed}
    if wait is not None and not reasons:
        if wait.state == "failed":
            lost = "" if _is_without_data(olds) else lifecycle.replacement_loss(prior)
            reasons[lifecycle.status_field] = wait.message + lost
        detailed[lifecycle.status_field] = "update_replace" if reasons else "update"
    warnings += [f"it is to be replaced because of {name}: {reason}" for name, reason in reasons.items()]
    refusal = next((f"{v.differences[0].path}: {v.reason}" for v in found if v.action == "refuse"), None)
    if refusal is None and reasons:
        refusal = _loss(lifecycle, list(reasons), prior, olds, news, is_unknown)
    elif refusal is None:
        refusal = _loss_in_place(lifecycle, prior, olds, news, is_unknown)
    return Plan(bool(detailed), list(reasons), detailed, refusal, tuple(warnings))


def _says_what_is(
    lifecycle: Lifecycle[Any], verdict: Verdict, prior: Properties, news: Properties, olds: Properties
) -> bool:
    """Return whether an edit leaves the resource as it is.

    It does if the value that was added or removed is what the vendor takes where none is set, or what the outputs show.
    But an input that changes in place is an order: removing or changing it asks for another value, whatever is shown.
    """
    body, name = lifecycle.create_body, verdict.field
    before, after = prior.get(name), news.get(name)
    in_place = name in lifecycle.update_body.model_fields
    default = mark(body, name, Default)
    if after is None and default is not None and before == default.value:
        return True
    if before is not None and in_place:
        return False
    value = before if after is None else after
    declared = {**prior, name: value}
    if _owns(lifecycle, declared, olds) and not _owns(lifecycle, prior, olds):
        # To declare a thing that exists as made by the resource is to have it deleted with the resource.
        return False
    # What would be refused has to be shown in so many words, not left out because of its value.
    shown = lifecycle.observed(parse_info(lifecycle.info_body, olds), prior if verdict.action == "refuse" else declared)
    if name in shown:
        return not differences(body, {name: value}, corrected(body, {name: value}, shown))
    return before is None and default is not None and value == default.value


def _owns(lifecycle: Lifecycle[Any], inputs: Properties, olds: Properties) -> bool:
    return any(True for _ in lifecycle.attached_resources(inputs, olds))


# --- What would be lost ---------------------------------------------------------------------------------------------


def _loss(
    lifecycle: Lifecycle[Any],
    replaces: list[str],
    prior: Properties,
    olds: Properties,
    news: Properties,
    is_unknown: Callable[[Any], bool],
) -> str | None:
    """Return why a replacement is refused: it would lose something, or buy a term again; None if it may go on."""
    is_over = lifecycle.ended(prior, olds) is not None
    if is_over and not set(replaces).intersection(lifecycle.term_fields):
        return ended_message(lifecycle, lost_term(lifecycle, prior, olds) or "")
    failure = _unconfirmed(lifecycle, prior, olds, news, is_unknown, f"because of {', '.join(replaces)}")
    return None if failure is None else failure.reason


def lost_by_the_engine(
    lifecycle: Lifecycle[Any],
    olds: Properties,
    news: Properties,
    is_unknown: Callable[[Any], bool] = _is_never_unknown,
) -> Failure | None:
    """Return why a replacement that the engine decides on by itself is refused, at the input that confirms the loss.

    `--replace`, a taint, `replace_on_changes` and the like replace a resource that no changed input would replace.
    """
    why = "although no input asks for it (--replace, a taint, or an option of the resource does)"
    return _unconfirmed(lifecycle, olds.get(INPUTS) or {}, olds, news, is_unknown, why)


def _unconfirmed(
    lifecycle: Lifecycle[Any],
    prior: Properties,
    olds: Properties,
    news: Properties,
    is_unknown: Callable[[Any], bool],
    why: str,
) -> Failure | None:
    """Return what a replacement would lose without the program's consent."""
    # What is over, or gone, has nothing of its term left; the volume of a reservation outlives it.
    forfeited = None if ENDED in prior else lifecycle.forfeits(prior, olds)
    losses = {
        lifecycle.forfeit_field: "" if forfeited is None else f", which forfeits {forfeited}",
        lifecycle.data_loss_field: "" if _is_without_data(olds) else lifecycle.replacement_loss(prior),
    }
    asked = {name: loss for name, loss in losses.items() if loss and not _is_confirmed(news.get(name), is_unknown)}
    if not asked:
        return None
    words = " and ".join(f"{name}=True" for name in asked)
    return Failure(
        next(iter(asked)),
        f"it would be replaced {why}{''.join(asked.values())}; nothing was changed. "
        f"Take the change back, or set {words}",
    )


def _loss_in_place(
    lifecycle: Lifecycle[Any],
    prior: Properties,
    olds: Properties,
    news: Properties,
    is_unknown: Callable[[Any], bool],
) -> str | None:
    """Return why an update is refused: it would give up what is prepaid; None if it may go on."""
    known = {name: value for name, value in news.items() if not is_in_part_unknown(value, is_unknown)}
    forfeited = lifecycle.forfeits_in_place(prior, olds, known)
    if forfeited is None or _is_confirmed(news.get(lifecycle.forfeit_field), is_unknown):
        return None
    return (
        f"the update would forfeit {forfeited}; nothing was changed. "
        f"Take the change back, or set {lifecycle.forfeit_field}=True"
    )


def _is_confirmed(value: Any, is_unknown: Callable[[Any], bool]) -> bool:
    return value is True or is_unknown(value)


def _is_without_data(olds: Properties) -> bool:
    """Return whether a resource never came up and is given up, so that what was made with it is new and empty."""
    wait = UnfinishedWait.from_outputs(olds)
    return wait is not None and wait.state == "failed" and wait.during == "create"


# --- Inputs of before -----------------------------------------------------------------------------------------------


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
