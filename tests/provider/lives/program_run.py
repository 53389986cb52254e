"""Runs a program of several clusters as a person does, and holds each run against what that person expects."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
from gpufleet_provider.model.errors import CloudError, Refusal

from tests.conformance.run import Declined, Run, offered
from tests.provider.lives.accounts import SimulatedAccount
from tests.provider.lives.facts import TOGETHER, Expected, Inputs, can_become
from tests.provider.lives.life import Life, Runs
from tests.provider.lives.program import Resolved, resolve, sources

SHORT_SECONDS = 0.3
"""How long is waited for what may never come: whether it does is not for these tests to say."""


class Program:
    """A program that is refreshed, previewed and brought up; `lives` are its clusters by name, in their order."""

    def __init__(self, lives: Mapping[str, Life], accounts: tuple[SimulatedAccount, ...]) -> None:
        self.lives = lives
        self.accounts = accounts

    def take_out(self, life: Life) -> None:
        """Take a cluster out; what another took from its outputs is written there as it was."""
        life.declared = None
        for other in self.lives.values():
            if life.name in sources(other.declared):
                other.declared = dict(other.told) if other.state is not None else None
            if life.name in sources(other.accepted):
                other.accepted = None

    def refresh(self) -> None:
        """Take into the state what runs."""
        runs = Runs()
        for life in self.lives.values():
            if life.state is None:
                continue
            run = runs.of(life)
            life.state = run.refresh(life.name, life.state)
            if life.id is None and life.told.get("billing_type") == "RESERVED":
                assert life.state is not None, f"{life.name} was prepaid, and would be bought again"
                life.has_ended, life.has_failed, life.came_up = True, False, True
                continue
            if life.id is None:
                assert life.state is None, f"{life.name} is gone, and the state still holds it"
                life.forget_state()
                continue
            assert life.state is not None, f"{life.name} runs, and a refresh has dropped it"
            assert life.state.id == life.id
            life.told = {**life.told, **life.in_place()}
            life.asked = ()
            if life.health in ("degraded", "paused"):
                assert life.is_unfinished, f"{life.name} is {life.health}, and a refresh does not say so"

    def up(self, fault: str) -> None:
        """Preview the program and bring it up; the fault meets every cluster of this run that it fits."""
        before = [account.changes() for account in self.accounts]
        plans = self._preview()
        assert [account.changes() for account in self.accounts] == before, "a preview has changed something"
        refused = [name for name, plan in plans.items() if plan.action == "refused"]
        if refused:
            for life in map(self.lives.__getitem__, refused):
                # Whoever is refused goes back to the program that went through, or does without.
                if life.accepted in (None, life.declared):
                    self.take_out(life)
                else:
                    life.declared = life.accepted
            return
        runs, skipped = Runs(), set[str]()
        for life in self.lives.values():
            if life.declared is None:
                continue
            if sources(life.declared) & skipped or not self._bring_up(runs, life, plans.get(life.name), fault):
                skipped.add(life.name)
        for life in reversed(self.lives.values()):
            if life.declared is None and life.state is not None and not self._delete(runs.of(life), life, fault):
                skipped.add(life.name)
        if not skipped and all(life.health == "well" for life in self.lives.values()):
            again = {name: plan.action for name, plan in self._preview().items()}
            assert set(again.values()) <= {"same"}, f"a second run would change something: {again}"

    # --- The preview ------------------------------------------------------------------------------------------------

    def _preview(self) -> dict[str, Expected]:
        """Preview every cluster that the state holds and that is declared; hold it against what is expected."""
        runs, plans = Runs(), dict[str, Expected]()
        outputs: dict[str, Inputs | None] = {}
        for life in self.lives.values():
            outputs[life.name] = None
            if life.declared is None or life.state is None:
                continue
            resolved = resolve(life.declared, outputs)
            expected = life.known().expected(resolved.inputs, resolved.unknown)
            self._compare(runs.of(life), life, resolved, expected)
            plans[life.name] = expected
            if expected.action == "same":
                outputs[life.name] = life.state.outputs
        return plans

    def _compare(self, run: Run, life: Life, resolved: Resolved, expected: Expected) -> Inputs:
        """Check and compare inputs with the state, and hold what is shown against what is expected."""
        assert life.state is not None
        said = len(run.warnings)
        inputs: Inputs = {}
        try:
            inputs = run.check(life.name, offered(resolved.inputs, life.name), life.state)
            plan = run.diff(life.name, inputs, life.state)
        except (Declined, CloudError) as refused:
            assert expected.action == "refused", f"{life.name}: expected {expected}, and it was refused: {refused}"
            text = str(refused)
            assert all(word in text for word in (*expected.asks_for, *expected.because)), (expected, text)
            return inputs
        shown = "replace" if plan.replaces else "update" if plan.changes else "same"
        assert shown == expected.action, (life.name, expected, plan.detailed, plan.replaces)
        assert set(plan.replaces) == (expected.because if shown == "replace" else set()), (expected, plan.replaces)
        warnings = run.warnings[said:]
        for name in expected.because:
            assert any(f"because of {name}" in warning for warning in warnings), (name, warnings)
        for name in expected.maybe if shown == "update" else ():
            assert name not in plan.replaces
        volume = life.told.get("shared_volume")
        goes = volume is not None and not volume.get("is_lifecycle_independent") and not life.has_failed
        if shown == "replace" and goes:
            assert any("data and all" in warning for warning in warnings), warnings
        if shown != "replace":
            self._hear(life, expected, " ".join(warnings), is_certain=not resolved.unknown)
        return inputs

    def _hear(self, life: Life, expected: Expected, text: str, *, is_certain: bool) -> None:
        """Whatever runs otherwise than the state says is said, and nothing else is."""
        if life.id is None:
            # What an unfinished run waits for is looked at by the run that goes on waiting.
            assert "is gone" in text or life.is_unfinished, (life.name, text)
            return
        if life.health in ("degraded", "paused"):
            word = {"degraded": "egraded" if life.slot.kind is TOGETHER else "in error", "paused": "aused"}
            assert word[life.health] in text, (life.name, life.health, text)
        if life.is_unfinished:
            return
        now = life.in_place()
        drifted = {name for name in now if now[name] != life.told[name]} - expected.sends
        for name in ("num_gpus", "shared_volume", "cluster_config"):
            assert (f"{name} is " in text or f"{name}." in text) is (name in drifted) or not is_certain, (name, text)
        if not drifted and life.health == "well" and is_certain and expected.action == "same":
            assert text == "", f"{life.name} is as it should be, and yet: {text}"

    # --- The run ----------------------------------------------------------------------------------------------------

    def _bring_up(self, runs: Runs, life: Life, planned: Expected | None, fault: str) -> bool:
        """Bring one cluster up as the preview has said; returns whether what depends on it goes on."""
        assert life.declared is not None
        outputs = {name: other.state.outputs if other.state is not None else None for name, other in self.lives.items()}
        try:
            resolved = resolve(life.declared, outputs)
        except (LookupError, TypeError):
            return False
        run, tag = runs.of(life), (life.name, planned)
        if life.state is None:
            assert planned is None, f"{tag}: a create that did not stand in the preview"
            return self._create(run, life, resolved.inputs, fault)
        expected = life.known().expected(resolved.inputs, resolved.unknown)
        assert planned is not None
        inputs = self._compare(run, life, resolved, expected)
        if expected.action == "refused":
            assert planned.maybe, f"{tag}: refused, which the preview did not say"
            life.declared = life.accepted
            return False
        if expected.action == "replace":
            assert expected.because == planned.because or planned.maybe & expected.because, f"{tag}: {expected}"
            return self._replace(run, life, resolved.inputs, fault)
        if expected.action == "update":
            assert planned.action == "update", f"{tag}: {expected}"
            return self._update(run, life, inputs, resolved.inputs, expected, fault)
        life.accepted = life.declared
        return life.id is not None

    def _replace(self, run: Run, life: Life, inputs: Inputs, fault: str) -> bool:
        assert life.state is not None
        # Pulumi checks the inputs of a replacement as those of a new resource.
        run.check(life.name, offered(inputs, life.name), None)
        if fault == "heals before the delete" and life.health == "failed":
            life.heal()
            before = life.account.changes()
            with pytest.raises(Refusal, match="it is not any more"):
                run.delete(life.name, life.state)
            assert life.account.changes() == before
            return False
        return self._delete(run, life, fault) and self._create(run, life, inputs, fault)

    def _create(self, run: Run, life: Life, inputs: Inputs, fault: str) -> bool:
        account, left, was = life.account, life.id, dict(life.runs)
        if left is None and fault == "create reply lost":
            account.simulator.fault("reply_lost", method="POST", times=1)
        if left is None and fault == "sold out":
            account.simulator.fault("sold_out", times=1)
        if left is None and fault == "create fails":
            account.simulator.fault("provisioning_failed", times=1)
        comes_up = life.health == "well" and (left is not None or fault != "create fails")
        before = account.living()
        try:
            news = run.check(life.name, offered(inputs, life.name), None)
            made = run.create(life.name, news, timeout_seconds=None if comes_up else SHORT_SECONDS)
        except CloudError as error:
            assert account.living() == before, error
            if fault == "sold out" and left is None:
                return False
            assert left is not None and left in str(error), error
            assert not can_become(was, inputs, life.slot.kind), f"{life.name}: what was left is not taken over: {error}"
            return False
        finally:
            account.simulator.clear_faults()
        if left is not None:
            assert made.id == left, f"{life.name}: a second cluster beside {left}"
            assert can_become(was, inputs, life.slot.kind), f"{life.name}: {was} cannot become {inputs}"
        life.id, life.runs = made.id, account.living()[made.id]
        if fault == "create fails" and left is None:
            life.health = "failing" if life.slot.kind is TOGETHER else "failed"
        if fault == "create killed":
            return False
        life.state, life.told, life.asked, life.accepted = made, inputs, (), life.declared
        life.came_up, life.has_failed = life.health == "well", life.health == "failed"
        if life.health == "well":
            assert made.wait is None, made.wait
            assert life.in_place() == {name: inputs[name] for name in life.in_place()}
            return True
        return False

    def _update(self, run: Run, life: Life, checked: Inputs, inputs: Inputs, expected: Expected, fault: str) -> bool:
        assert life.state is not None
        account, was = life.account, dict(life.runs)
        unanswered = fault in ("update reply lost", "update reset")
        if unanswered:
            account.simulator.fault(fault.removeprefix("update ").replace(" ", "_"), method="PUT", times=0)
        is_sound = life.health == "well" and life.id is not None
        try:
            timeout_seconds = None if is_sound else SHORT_SECONDS
            updated = run.update(life.name, checked, life.state, timeout_seconds=timeout_seconds)
        except CloudError as error:
            # Nothing has come of it: it is gone, or it takes no changes as it is.
            assert life.id is None or life.health != "well" or life.has_swapped_volume, error
            assert life.id is not None or "pulumi refresh" in str(error)
            return False
        finally:
            account.simulator.clear_faults()
        if life.id is None:
            assert updated.wait is not None
            life.state = updated
            life.has_failed = not life.came_up
            return False
        assert updated.id == life.id
        life.runs = account.living()[life.id]
        if fault == "update killed":
            return False
        if unanswered and expected.sends:
            assert updated.wait is not None, "nobody has answered, and the state says that all is well"
            life.state, life.asked = updated, (*life.asked, inputs)
            return False
        life.state = updated
        if updated.wait is not None and life.health != "well":
            self._believe(life, inputs, was)
            return False
        assert updated.wait is None, updated.wait
        life.told, life.asked, life.accepted, life.came_up = inputs, (), life.declared, True
        if not life.has_swapped_volume:
            drifted = {name for name in life.in_place() if life.in_place()[name] != inputs[name]}
            assert not drifted & expected.sends, (drifted, life.runs)
        return True

    def _believe(self, life: Life, inputs: Inputs, was: Inputs) -> None:
        """Take from the state whether a cluster in trouble was sent its change, which nobody states."""
        assert life.state is not None
        kept: Inputs = life.state.outputs["__inputs"]
        sent = {name for name in life.slot.kind.changes_in_place if kept.get(name) != life.told.get(name)}
        assert all(kept.get(name) == inputs.get(name) for name in sent)
        if life.runs != was or sent:
            life.told, life.asked = inputs, ()

    def _delete(self, run: Run, life: Life, fault: str) -> bool:
        """Delete a cluster; returns whether the state knows of it."""
        assert life.state is not None
        run.delete(life.name, life.state)
        life.forget_cluster()
        if fault == "delete killed":
            return False
        life.forget_state()
        return True
