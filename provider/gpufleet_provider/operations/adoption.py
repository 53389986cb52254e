"""Adoption: decides whether an existing resource belongs to this program.

It may be left from an interrupted run, created by a call whose answer was lost, or named by the user for import. No
API has an ownership mark: a name that the resource class derived from the program serves as one. An id that the state
holds already is never taken over.
"""

from __future__ import annotations

import time
from typing import Any

from gpufleet_provider.model.comparing import corrected, differences, verdicts
from gpufleet_provider.model.errors import Ambiguous, CloudError, NotFound, Refusal, Stopped
from gpufleet_provider.model.fields import Properties, folded, same_name
from gpufleet_provider.model.lifecycle import Lifecycle
from gpufleet_provider.model.names import is_made
from gpufleet_provider.model.replies import parse_info
from gpufleet_provider.model.state_properties import CREATE_FIRST
from gpufleet_provider.operations.another_state import of_other_states, refuse_another_state, takes_over
from gpufleet_provider.operations.operation import Operation

RECONCILE_POLLS = 15
"""How often the list is read after a create whose answer was lost, before it is reported as possibly existing."""
QUIET_WITHIN_SECONDS = 60.0
"""How long is waited at most for a run that still meets what its state holds."""


# --- Import ---------------------------------------------------------------------------------------------------------


def ensure_importable(operation: Operation, id: str, inputs: Properties) -> None:
    """Make sure that a living resource can become the declared one as it is, and claim it; raises Refusal otherwise."""
    subject = f"import of {operation.token} {id}"
    held = Refusal(f"{subject}: this stack manages it already, under another name")
    if operation.memory.knows(id):
        raise held
    try:
        raw = operation.watcher.fresh(id)
    except NotFound:
        raise Refusal(
            f"{subject}: the account has no such id; nothing was created. Correct import_, or remove import_ to create "
            "a new one"
        ) from None
    if not operation.lifecycle.live(parse_info(operation.lifecycle.info_body, raw)):
        raise Refusal(f"{subject}: it is being deleted; nothing was created")
    found = [*mismatches(operation.lifecycle, raw, inputs), *attachment_differences(operation.lifecycle, raw, inputs)]
    if found:
        raise Refusal(
            f"{subject}: inputs do not match what runs: {'; '.join(found)}; "
            "write what runs into the program, import, then change it"
        )
    if not operation.memory.claim_import(id, operation.call.urn):
        raise held


# --- What an interrupted run left -----------------------------------------------------------------------------------


def certain_list(operation: Operation) -> list[Properties]:
    """Return a fresh list to look for a name in; raises CloudError.

    A create rests on what the list does not show, so one that shows nothing, or lacks what this run has met and not
    deleted, may have come back short by a fault: it is read twice.
    """
    listed = operation.watcher.fresh_list()
    shown = {operation.id_of(raw) for raw in listed}
    if shown and shown.issuperset(operation.memory.expected_ids()):
        return listed
    again = operation.watcher.fresh_list()
    shown_again = {operation.id_of(raw) for raw in again}
    return [*again, *(raw for raw in listed if operation.id_of(raw) not in shown_again)]


def find_leftover(operation: Operation, listed: list[Properties], inputs: Properties) -> Properties | None:
    """Return the raw reply of what an interrupted run created under our name, and claim it; None if there is nothing.

    Raises Refusal when something has the name and is not certainly ours, or cannot become what is declared, and when
    another state of the stack has made something for this resource.
    """
    found = _leftover(operation, listed, inputs)
    if found is not None or of_other_states(operation, listed, inputs):
        # The state may hold it under a URN that this run has still to meet: a renamed resource keeps its name.
        wait_until_quiet(operation)
        found = _leftover(operation, listed, inputs)
    if found is None:
        refuse_another_state(operation, listed, inputs)
        return None
    operation.memory.record_adopted(operation.id_of(found))
    return found


def wait_until_quiet(operation: Operation) -> None:
    """Wait until this run has probably met all that its state holds, for a minute at most."""
    until = time.monotonic() + QUIET_WITHIN_SECONDS
    while not operation.memory.is_quiet() and time.monotonic() < until:
        operation.watcher.pause()


def _leftover(operation: Operation, listed: list[Properties], inputs: Properties) -> Properties | None:
    lifecycle, name = operation.lifecycle, inputs[operation.lifecycle.name_field]
    subject = f"create of {operation.token} {name!r}"
    named = _under_our_name(operation, listed, inputs)
    for id in map(operation.id_of, named):
        holder = operation.memory.holder(id)
        if holder not in ("", operation.call.urn):
            raise Refusal(
                f"{subject}: {id} runs under that name already, as {holder.rpartition('::')[2]!r} of this stack; "
                f"nothing was created. Give one of them another {lifecycle.name_field}"
            )
    found = _unknown(operation, named)
    if not found:
        return None
    ids = ", ".join(operation.id_of(raw) for raw in found)
    if not is_made(inputs, lifecycle.name_field) and not takes_over(operation.call.setting):
        raise Refusal(
            f"{subject}: {ids} runs under that name already and may belong to somebody; nothing was created. Give "
            f"another {lifecycle.name_field}, or take it over with "
            f'ResourceOptions(import_="{operation.id_of(found[0])}")'
        )
    if len(found) > 1:
        raise Refusal(
            f"{subject}: {len(found)} live resources have that name ({ids}); nothing was created or taken over. "
            "Delete what is not wanted, or take one over with ResourceOptions(import_=...)"
        )
    if inputs.get(CREATE_FIRST) and not operation.memory.knows_resource(operation.call.urn):
        # The engine replaces by its own decision (--replace, a taint) without a diff, so no id has been named.
        raise Refusal(
            f"{subject}: {ids} runs under that name, and it is not known whether it is what is being replaced or "
            "left from an interrupted run; nothing was created. Remove delete_before_replace=False, or take it over "
            f'with ResourceOptions(import_="{ids}")'
        )
    shown = shown_inputs(lifecycle, found[0], inputs)
    fixed = [verdict for verdict in verdicts(lifecycle, shown, inputs) if verdict.action in ("replace", "refuse")]
    found_differences = [difference for verdict in fixed for difference in verdict.differences]
    reasons = [it.message() for it in found_differences if not _is_spelled(it.old, str(it.new))]
    reasons += attachment_differences(lifecycle, found[0], inputs)
    if reasons:
        raise Refusal(
            f"{subject}: {ids} is left from an interrupted run, but {'; '.join(reasons)}; nothing was created. Declare "
            "what runs, or delete it"
        )
    forfeited = lifecycle.forfeits_in_place(shown, found[0], inputs)
    if forfeited is not None and inputs.get(lifecycle.forfeit_field) is not True:
        raise Refusal(
            f"{subject}: {ids} is left from an interrupted run, and to bring it to what is declared would forfeit "
            f"{forfeited}; nothing was changed. Declare what runs, or set {lifecycle.forfeit_field}=True"
        )
    return found[0]


def _unknown(operation: Operation, found: list[Properties]) -> list[Properties]:
    """Return what the state does not hold."""
    return [raw for raw in found if not operation.memory.knows(operation.id_of(raw))]


def _under_our_name(operation: Operation, listed: list[Properties], inputs: Properties) -> list[Properties]:
    """Return the live resources under our name: by its very letters, or, where there is none, however it is spelled.

    A name of our own making is the ownership mark, wherever the resource stands; a name that the user gave counts
    in its place only.
    """
    lifecycle = operation.lifecycle
    name = inputs[lifecycle.name_field]
    places = () if is_made(inputs, lifecycle.name_field) else _places(lifecycle)

    def is_ours(raw: Properties) -> bool:
        info = parse_info(lifecycle.info_body, raw)
        shown = lifecycle.observed(info, inputs)
        return lifecycle.live(info) and all(_may_be(shown.get(place), inputs.get(place)) for place in places)

    # The raw name is looked at first: parsing a thousand replies for each of a thousand creates is a million.
    spelled = [raw for raw in listed if _is_spelled(raw.get(lifecycle.name_field), name)]
    exact = [raw for raw in spelled if raw[lifecycle.name_field] == name and is_ours(raw)]
    return exact or [raw for raw in spelled if raw[lifecycle.name_field] != name and is_ours(raw)]


def _places(lifecycle: Lifecycle[Any]) -> tuple[str, ...]:
    return (*lifecycle.place_fields, *filter(None, [lifecycle.scope_field]))


def _is_spelled(shown: Any, declared: str) -> bool:
    return isinstance(shown, str) and (shown == declared or same_name(declared, shown))


def _may_be(shown: Any, declared: Any) -> bool:
    return shown is None or declared is None or shown == declared or _is_spelled(shown, str(declared))


# --- One name, one resource -----------------------------------------------------------------------------------------


def claim_name(operation: Operation, inputs: Properties) -> None:
    """Keep a name for the resource that is being created; raises Refusal where another of this run has it.

    Two of them would both find nothing under it, and of two posts it could not be known whose answer was lost.
    """
    lifecycle, urn = operation.lifecycle, operation.call.urn
    if not urn:
        return
    name = inputs[lifecycle.name_field]
    places = (inputs.get(place) for place in _places(lifecycle))
    claim = (operation.client.mark, *(folded(str(part)) for part in (name, *places)))
    holder = operation.memory.claim_name(claim, urn)
    if holder != urn:
        raise Refusal(
            f"create of {operation.token} {name!r}: {holder.rpartition('::')[2]!r} of this program has that name, too; "
            f"nothing was created. Give one of them another {lifecycle.name_field}"
        )


def warn_of_duplicates(operation: Operation, id: str, inputs: Properties) -> None:
    """Warn of other live resources under the name that only this one may have, by the list that was read last.

    No API has an idempotency key: a create that a killed run had sent may be carried out, or shown, only after the
    next run has looked for it and created another. From then on this warning is all that points to it.
    """
    for duplicate in _duplicates(operation, id, inputs):
        operation.call.warn(
            f"{operation.token} {duplicate} runs as {inputs[operation.lifecycle.name_field]!r} beside {id}, and costs "
            "money: an interrupted run has made it, and this state does not hold it. "
            "`gpufleet orphans --stack NAME --delete` deletes what no stack holds"
        )


def _duplicates(operation: Operation, id: str, inputs: Properties) -> list[str]:
    if not is_made(inputs, operation.lifecycle.name_field):
        return []
    found = _unknown(operation, _under_our_name(operation, operation.watcher.newest_list(), inputs))
    return [other for other in map(operation.id_of, found) if other != id]


# --- What a lost answer made ----------------------------------------------------------------------------------------


def find_created(operation: Operation, before: list[Properties], inputs: Properties, ambiguous: Ambiguous) -> str:
    """Return the id of what a create made whose answer was lost; `before` is the list that was read ahead of it.

    Raises Refusal, with what may exist, when nothing or more than one thing has appeared by the end.
    """
    name = inputs[operation.lifecycle.name_field]
    seen = {operation.id_of(raw) for raw in before}
    operation.call.progress("the answer to the create was lost; reading the list to see what became of it")
    trouble = ""
    for attempt in range(RECONCILE_POLLS):
        try:
            if attempt:
                operation.watcher.pause()
            listed, last = operation.watcher.fresh_list(), False
        except Stopped:
            # One look past the end of the run: an id in the state is worth more than a second of it.
            listed, last = _last_look(operation), True
        except CloudError as error:
            trouble = f" (the list could not be read either: {error})"
            continue
        trouble = ""
        ours = map(operation.id_of, _unknown(operation, _under_our_name(operation, listed, inputs)))
        found = [id for id in ours if id not in seen]
        if len(found) == 1:
            return found[0]
        if found:
            ids = ", ".join(found)
            raise Refusal(f"{ambiguous}; several resources named {name!r} have appeared: {ids}; delete all but one")
        if last:
            break
    raise Refusal(
        f"{ambiguous}; no resource named {name!r} has appeared since{trouble}. It may still: run `pulumi up` again, "
        "which looks for it before it creates anything"
    )


def _last_look(operation: Operation) -> list[Properties]:
    try:
        return operation.watcher.list_everything()
    except Exception:
        return []


# --- Declared and shown ---------------------------------------------------------------------------------------------


def shown_inputs(lifecycle: Lifecycle[Any], raw: Properties, inputs: Properties) -> Properties:
    """Return the declared inputs with what the cloud shows written in, but for another spelling of the name."""
    shown = lifecycle.observed(parse_info(lifecycle.info_body, raw), inputs)
    now, name = corrected(lifecycle.create_body, inputs, shown), lifecycle.name_field
    return {**now, name: inputs[name]} if _is_spelled(shown.get(name), inputs.get(name, "")) else now


def shown_in_place(lifecycle: Lifecycle[Any], shown: Properties, inputs: Properties) -> Properties:
    """Return the declared inputs with what the cloud shows written in, but only where it can change in place.

    What cannot change in place cannot drift either: a cloud that shows it differently spells it differently, and a
    correction would have the next run replace the resource.
    """
    in_place = lifecycle.update_body.model_fields
    return corrected(lifecycle.create_body, inputs, {name: shown[name] for name in shown if name in in_place})


def mismatches(lifecycle: Lifecycle[Any], raw: Properties, inputs: Properties) -> list[str]:
    """Say of every declared input that the cloud shows to be different what it is and what is declared."""
    found = differences(lifecycle.create_body, shown_inputs(lifecycle, raw, inputs), inputs)
    return [difference.message() for where in found.values() for difference in where]


def attachment_differences(lifecycle: Lifecycle[Any], raw: Properties, inputs: Properties) -> list[str]:
    """Say what is attached otherwise than declared, by a raw reply or by outputs."""
    return [*lifecycle.attachment_differences(parse_info(lifecycle.info_body, raw), inputs)]
