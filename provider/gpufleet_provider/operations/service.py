"""`ResourceService`: the life of any resource, from the check of its inputs until it is gone. No Pulumi in here.

A resource whose id is known is never lost: whatever happens from then on, its id and what is known of it are returned,
with the reason under the hidden output `__wait`, and the next update goes on from there.
"""

from __future__ import annotations

import functools
import time
from collections.abc import Callable
from typing import Any, Protocol

from gpufleet_provider.http.accounts import Setting
from gpufleet_provider.http.client import CloudClient
from gpufleet_provider.model.checking import Checked, check, ended_message, lost_term
from gpufleet_provider.model.comparing import corrected, differences
from gpufleet_provider.model.errors import Ambiguous, CloudError, MissingKey, NotFound, Refusal, describe
from gpufleet_provider.model.fields import Failure, Local, Properties, marked
from gpufleet_provider.model.lifecycle import Lifecycle
from gpufleet_provider.model.planning import Plan, lost_by_the_engine, plan, prior_inputs
from gpufleet_provider.model.replies import parse_info
from gpufleet_provider.model.state_properties import ACCOUNT, ENDED, IMPORT_ID, INPUTS, WAIT
from gpufleet_provider.model.unanswered import settled
from gpufleet_provider.model.unfinished_wait import UnfinishedWait
from gpufleet_provider.operations import catalogue
from gpufleet_provider.operations.adoption import (
    attachment_differences,
    certain_list,
    claim_name,
    ensure_importable,
    find_created,
    find_leftover,
    shown_in_place,
    shown_inputs,
    warn_of_duplicates,
)
from gpufleet_provider.operations.another_account import refuse_another_account, remember_with_account
from gpufleet_provider.operations.another_state import TAKE_OVER, found_by_check, takes_over
from gpufleet_provider.operations.awaiting import (
    deadline_of,
    outputs_of,
    request_delete,
    seconds_until_shown,
    wait_now,
    wait_until_gone,
    wait_until_ready,
    with_current_outputs,
    without_wait,
)
from gpufleet_provider.operations.call import Call
from gpufleet_provider.operations.health import warn_before_a_run, warn_of_trouble
from gpufleet_provider.operations.operation import Operation, poll_seconds
from gpufleet_provider.operations.run_memory import RunMemory
from gpufleet_provider.operations.second_look import ensure_replaceable, looked_at_again
from gpufleet_provider.operations.unsettled import warn_of_unsettled
from gpufleet_provider.operations.updating import apply_changes
from gpufleet_provider.waiting.wait import age
from gpufleet_provider.waiting.watcher import watcher_for


class Service(Protocol):
    """The six verbs of one kind of resource. Properties are plain values, whole numbers among them as integers.

    `check` and `diff` need no API key. All raise CloudError, whose message is one line for the user.
    """

    def check(self, call: Call, olds: Properties, news: Properties) -> Checked:
        """Validate declared inputs; `olds` are empty for a new resource, which the inputs of a replacement are, too."""
        ...

    def diff(self, call: Call, id: str, olds: Properties, news: Properties) -> Plan:
        """Compare old outputs with declared inputs; raises Refusal where a run may not do what they ask for."""
        ...

    def create(self, call: Call, inputs: Properties) -> tuple[str, Properties]:
        """Return the id and the outputs of the declared resource."""
        ...

    def read(self, call: Call, id: str, outputs: Properties) -> tuple[Properties, Properties | None] | None:
        """Return outputs and corrected inputs as they are now (None for what is only referred to); None if gone.

        A reference that is read for the first time must exist: raises Refusal if it does not.
        """
        ...

    def update(self, call: Call, id: str, olds: Properties, inputs: Properties) -> Properties:
        """Bring the resource to the declared inputs and return its outputs."""
        ...

    def delete(self, call: Call, id: str, outputs: Properties) -> None:
        """Delete the resource; returns when it is gone."""
        ...


class ResourceService:
    """The six verbs of one kind of resource of one cloud, each in the account that its call names."""

    def __init__(self, lifecycle: Lifecycle[Any], connect: Callable[[Setting], CloudClient]) -> None:
        """Serve a lifecycle; `connect` returns the account that a configuration names, or raises CloudError."""
        self.lifecycle = lifecycle
        self.memory = RunMemory(lifecycle.token)
        self._connect = connect

    def _operation(self, call: Call, inputs: Properties | None) -> Operation:
        client = self._connect(call.setting)
        watcher = watcher_for(self.lifecycle, client, poll_seconds(call.setting))
        scope: Any = (inputs or {}).get(self.lifecycle.scope_field)
        if isinstance(scope, str):
            watcher.include(scope)
        return Operation(self.lifecycle, client, watcher, self.memory, call)

    def check(self, call: Call, olds: Properties, news: Properties) -> Checked:
        """Return normalised inputs and every failure at its property path; warnings are also shown."""
        checked = check(self.lifecycle, olds, news, call.is_unknown)
        if not olds:
            self._name_what_is_taken_over(call, checked)
        loss = self.memory.record_check(call.urn, checked.inputs, is_new=not olds)
        if loss is not None and checked.inputs.get(loss.path) is not True:
            checked.failures.append(loss)
        if not checked.failures:
            inputs = {name: value for name, value in checked.inputs.items() if not call.is_unknown(value)}
            connect = functools.partial(self._connect, call.setting)
            found = catalogue.failures(self.lifecycle, connect, call, olds, inputs)
            (checked.failures if olds else checked.warnings).extend(found)
        for warning in checked.warnings:
            call.warn(f"{self.lifecycle.token}: {warning.path}: {warning.reason}")
        return checked

    def _name_what_is_taken_over(self, call: Call, checked: Checked) -> None:
        """Give a new resource the name under which a lost state has made it, where this run takes that over."""
        try:
            name = (
                found_by_check(self._operation(call, checked.inputs), checked.inputs)
                if takes_over(call.setting)
                else None
            )
        except MissingKey:
            return
        except CloudError as error:
            checked.failures.append(Failure(self.lifecycle.name_field, str(error)))
            return
        if name is not None:
            checked.inputs[self.lifecycle.name_field] = name

    def diff(self, call: Call, id: str, olds: Properties, news: Properties) -> Plan:
        """Compare declared inputs with declared inputs; raises Refusal where a run may not do what they ask for.

        What is paused, degraded or being deleted is warned of, even if nothing is to be changed.
        """
        self.memory.record_diff(id, call.urn)
        if ACCOUNT in olds:
            self.memory.record_account(id, olds[ACCOUNT])
        connect = functools.partial(self._operation, call, olds.get(INPUTS))
        olds = looked_at_again(connect, id, olds)
        planned = plan(self.lifecycle, olds, news, call.is_unknown)
        loss = None if planned.replaces else lost_by_the_engine(self.lifecycle, olds, news, call.is_unknown)
        self.memory.record_plan(call.urn, loss)
        # Right after a read, a diff is a refresh's view of what has drifted, and nothing comes of it.
        is_view = self.memory.end_refresh_view(call.urn)
        if is_view:
            return planned
        for warning in planned.warnings:
            call.warn(f"{self.lifecycle.token} {id}: {warning}")
        if planned.refusal is not None:
            raise Refusal(f"{self.lifecycle.token} {id}: {planned.refusal}")
        warn_before_a_run(self.lifecycle, self.memory, call, id, olds, connect)
        warn_of_unsettled(connect, id, olds, planned)
        return planned

    def create(self, call: Call, inputs: Properties) -> tuple[str, Properties]:
        """Create the resource, or take over the one that an interrupted run created; returns its id and outputs.

        Raises CloudError while nothing exists, or when what exists is not certainly ours; the message says which. From
        the moment that an id is known nothing is raised: an error could not carry it.
        """
        operation = self._operation(call, inputs)
        deadline = deadline_of(call, self.lifecycle.timeouts.create_seconds)
        self.memory.record_create(call.urn)
        import_id = str(inputs.get(IMPORT_ID) or "")
        if import_id and not self.memory.is_replaced(import_id, call.urn):
            ensure_importable(operation, import_id, inputs)
            return import_id, wait_until_ready(operation, import_id, inputs, deadline, {}, "create")
        claim_name(operation, inputs)
        before = certain_list(operation)
        leftover = find_leftover(operation, before, inputs)
        if leftover is None:
            id = _post(operation, before, inputs)
            return id, wait_until_ready(operation, id, inputs, deadline, {}, "create")
        id = operation.id_of(leftover)
        # A warning stays visible: with a lost state it could be another's after all.
        why = f"as {TAKE_OVER} asks" if takes_over(call.setting) else "which an interrupted run has left"
        call.warn(f"{self.lifecycle.token}: taking over {id}, {why}")
        was = shown_in_place(self.lifecycle, shown_inputs(self.lifecycle, leftover, inputs), inputs)
        return id, _adopt(operation, id, was, inputs, deadline)

    def read(self, call: Call, id: str, outputs: Properties) -> tuple[Properties, Properties | None] | None:
        """Return outputs and corrected inputs as they are now; None only if the cloud says that the resource is gone.

        What was prepaid is never gone: taken out of the state, it would be bought again by the next run.
        """
        self.memory.record_read(call.urn)
        inputs: Properties | None = outputs.get(INPUTS)
        operation, lifecycle = self._operation(call, inputs), self.lifecycle
        if inputs is not None:
            # What is only referred to, by its id, is not managed here.
            remember_with_account(operation, id, outputs)
        try:
            shown_before = [name for name in lifecycle.info_body.model_fields if outputs.get(name)]
            raw = operation.watcher.fresh(id, within_seconds=1.0, showing=shown_before)
            info = parse_info(lifecycle.info_body, raw)
        except NotFound:
            raw, info = Properties(), None
        if info is None:
            refuse_another_account(operation, id, outputs)
        else:
            self.memory.record_shown(id, operation.client.mark)
        if info is None or lifecycle.gone(info):
            seconds = seconds_until_shown(outputs) if info is None else 0.0
            if seconds <= 0:
                return _read_gone(operation, id, outputs, inputs)
            call.warn(
                f"{lifecycle.token} {id}: the cloud has accepted it and does not show it yet; "
                f"it is kept for {age(seconds)} more at least"
            )
            return outputs, inputs
        if inputs is None:
            warn_of_trouble(operation, id, info)
            return lifecycle.outputs(info), None
        inputs = {key: value for key, value in inputs.items() if key != ENDED}
        warn_of_duplicates(operation, id, inputs)
        inputs = settled(lifecycle, inputs, lifecycle.observed(info, inputs))
        now = _drifted(operation, id, inputs, lifecycle.observed(info, inputs))
        result = {**outputs_of(lifecycle, raw, outputs), INPUTS: now, ACCOUNT: operation.client.mark}
        wait = wait_now(lifecycle, info, now, outputs)
        if wait is not None:
            result[WAIT] = wait.to_property()
        return result, now

    def update(self, call: Call, id: str, olds: Properties, inputs: Properties) -> Properties:
        """Send what changed, wait until it holds, and return the outputs; without a change, go on waiting.

        Raises CloudError when the change was certainly not accepted: the state then keeps what it has. Where that is
        not known, what was asked for is kept with the inputs, and the next update settles it.
        """
        operation = self._operation(call, inputs)
        remember_with_account(operation, id, olds)
        deadline = deadline_of(call, self.lifecycle.timeouts.update_seconds)
        prior = prior_inputs(self.lifecycle, olds, inputs)
        return apply_changes(operation, id, olds, prior, inputs, deadline)

    def delete(self, call: Call, id: str, outputs: Properties) -> None:
        """Delete the resource and what it made besides itself, and return when all of it is gone.

        Raises CloudError when the cloud refuses or the time is up; the resource then still stands in the state.
        """
        operation, lifecycle = self._operation(call, outputs.get(INPUTS)), self.lifecycle
        if self.memory.is_adopted(id):
            # A resource that was renamed, and renamed back without an alias: another one of this run goes on with it.
            call.warn(f"{lifecycle.token} {id} is not deleted: another resource of this run has taken it over")
            return
        remember_with_account(operation, id, outputs)
        declared = self.memory.record_delete(call.urn)
        if declared is not None:
            outputs = ensure_replaceable(operation, id, outputs, declared)
        deadline = deadline_of(call, lifecycle.timeouts.delete_seconds)
        if outputs.get(ACCOUNT, operation.client.mark) != operation.client.mark:
            try:
                operation.watcher.fresh(id)
                self.memory.record_shown(id, operation.client.mark)
            except NotFound:
                refuse_another_account(operation, id, outputs)
        if WAIT in outputs:
            outputs = with_current_outputs(operation, id, outputs)
        request_delete(operation, id, outputs)
        wait_until_gone(operation, id, deadline)
        self.memory.record_gone(id)
        warn_of_duplicates(operation, id, outputs.get(INPUTS) or {})
        _delete_attached(operation, id, outputs, deadline)


# --- Create ---------------------------------------------------------------------------------------------------------


def _post(operation: Operation, before: list[Properties], inputs: Properties) -> str:
    """Post the create once and return the new id; where the answer is lost, the list is searched for it."""
    lifecycle = operation.lifecycle
    subject = f"create of {operation.token} {inputs[lifecycle.name_field]!r}"
    operation.call.before_create()
    try:
        id = lifecycle.create(operation.client, _sendable(lifecycle, inputs))
        if id:
            return id
        ambiguous = Ambiguous(f"{subject}: it was accepted, but the answer holds no id")
    except Ambiguous as lost:
        ambiguous = lost
    except CloudError:
        raise
    except Exception as error:
        # A mistake of ours, perhaps over an answer of an unknown shape: the resource may exist.
        ambiguous = Ambiguous(f"{subject}: {describe(error)}")
    return find_created(operation, before, inputs, ambiguous)


def _sendable(lifecycle: Lifecycle[Any], inputs: Properties) -> Properties:
    ours = marked(lifecycle.create_body, Local)
    return {name: value for name, value in inputs.items() if name not in ours and not name.startswith("__")}


def _adopt(operation: Operation, id: str, shown: Properties, inputs: Properties, deadline: float) -> Properties:
    """Wait for what was left as it was declared then, and bring it to what is declared now. Never raises."""
    outputs = wait_until_ready(operation, id, shown, deadline, {}, "create")
    if WAIT in outputs:
        return outputs
    if others := attachment_differences(operation.lifecycle, outputs, inputs):
        # Some clouds attach it only while the resource is created.
        message = f"{id} was taken over and is as it was, because {'; '.join(others)}. Declare what runs, or delete it"
        return {**outputs, WAIT: UnfinishedWait("pending", message).to_property()}
    try:
        return apply_changes(operation, id, outputs, shown, inputs, deadline)
    except Exception as error:
        message = f"{id} was taken over and is as it was, because an update failed: {describe(error)}"
        return {**outputs, WAIT: UnfinishedWait("pending", message).to_property()}


# --- Read -----------------------------------------------------------------------------------------------------------


def _read_gone(
    operation: Operation, id: str, outputs: Properties, inputs: Properties | None
) -> tuple[Properties, Properties | None] | None:
    """Return what a read keeps of a resource that is gone: nothing, unless it was prepaid.

    Raises Refusal for the id that a program refers to. Pulumi would go on with empty outputs, and bring what depends on
    them to those. A refresh, which has outputs to compare with, takes it out of the state.
    """
    lifecycle, warn = operation.lifecycle, operation.call.warn
    if inputs is None and not outputs.get(lifecycle.id_field):
        raise Refusal(
            f"{lifecycle.token} {id}: {operation.client.cloud.title} has no such id, and this program refers to it. "
            "Correct the id, or take the reference out of the program"
        )
    became = lost_term(lifecycle, inputs, outputs) if inputs is not None else None
    if inputs is None or became is None:
        for attached in lifecycle.attached_resources(inputs or {}, outputs):
            warn(f"{lifecycle.token} {id} is gone, but {attached.description} may still exist, and cost money")
        return None
    warn(f"{lifecycle.token} {id}: {ended_message(lifecycle, became)}")
    ended = {**inputs, ENDED: became}
    return {**without_wait(outputs), lifecycle.status_field: "Ended", INPUTS: ended}, ended


def _drifted(operation: Operation, id: str, inputs: Properties, shown: Properties) -> Properties:
    """Return the inputs with drift written in; what cannot change in place is noted, and the declared value stays."""
    lifecycle = operation.lifecycle
    now = shown_in_place(lifecycle, shown, inputs)
    fixed = corrected(lifecycle.create_body, now, shown)
    for where in differences(lifecycle.create_body, fixed, now).values():
        for difference in where:
            operation.call.note(f"{lifecycle.token} {id}: {difference.message()}; it cannot change, so nothing is done")
    return now


# --- Delete ---------------------------------------------------------------------------------------------------------


def _delete_attached(operation: Operation, id: str, outputs: Properties, deadline: float) -> None:
    """Delete what a resource that is gone has made besides itself; raises CloudError when the time is up."""
    for attached in operation.lifecycle.attached_resources(outputs.get(INPUTS) or {}, outputs):
        operation.call.progress(f"deleting {attached.description}")
        while not attached.delete(operation.client):
            if time.monotonic() > deadline:
                raise CloudError(
                    f"delete of {operation.token} {id}: it is gone, but {attached.description} is still there"
                )
            operation.watcher.pause()
