"""Random lives of five clusters in two accounts: each rule is something that a person does, or that happens to them."""

from __future__ import annotations

import functools
import ssl
from typing import Any, ClassVar

import httpx
import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from tests.conformance.run import Clock
from tests.provider.lives.accounts import SimulatedAccount
from tests.provider.lives.facts import TOGETHER
from tests.provider.lives.life import Life, chosen_by_vendor
from tests.provider.lives.program import SLOTS, edits, programs, with_defaults_toggled
from tests.provider.lives.program_run import Program

FAULTS = (
    *([""] * 6),
    "create reply lost",
    "create killed",
    "create fails",
    "sold out",
    "update reply lost",
    "update reset",
    "update killed",
    "delete killed",
    "heals before the delete",
)

_HttpClient = httpx.Client
_NO_CERTIFICATES = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)


class Lives(RuleBasedStateMachine):
    """What `up` does stood in the preview; nothing is lost, doubled, or destroyed without a word."""

    accounts: ClassVar[tuple[SimulatedAccount, SimulatedAccount]]

    def __init__(self) -> None:
        super().__init__()
        self.patch = pytest.MonkeyPatch()
        clock = Clock(self.patch)
        # Certificates are read for each client, which takes longer than all the rest, and plain HTTP needs none.
        self.patch.setattr(httpx, "Client", functools.partial(_HttpClient, verify=_NO_CERTIFICATES))
        for account in self.accounts:
            account.clock = clock
            account.reset()
        self.lives = {slot.name: Life(slot, self.accounts[slot.account]) for slot in SLOTS}
        self.program = Program(self.lives, self.accounts)

    def teardown(self) -> None:
        """Give the clock back."""
        self.patch.undo()

    # --- What a person writes ---------------------------------------------------------------------------------------

    @initialize(data=st.data())
    def begin(self, data: st.DataObject) -> None:
        """Write a program, and bring it up."""
        for name in data.draw(st.sampled_from(["a", "ab", "ac", "d", "de", "ad", "abcde"]), "clusters"):
            self._write(name, data)
        self.program.up("")

    @rule(name=st.sampled_from([slot.name for slot in SLOTS]), data=st.data())
    def write(self, name: str, data: st.DataObject) -> None:
        """Write a cluster anew."""
        self._write(name, data)
        self._go_on(data)

    def _write(self, name: str, data: st.DataObject) -> None:
        life = self.lives[name]
        may_take = life.slot.source is not None and self.lives[life.slot.source].declared is not None
        life.declared = data.draw(programs(life.slot, may_take), name)

    @precondition(lambda self: bool(self._declared()))
    @rule(data=st.data())
    def edit(self, data: st.DataObject) -> None:
        """Change one input."""
        life = self._one(data, self._declared())
        assert life.declared is not None
        may_take = life.slot.source is not None and self.lives[life.slot.source].declared is not None
        life.declared = data.draw(st.sampled_from(edits(life.slot, life.declared, may_take)), "edited")
        self._go_on(data)

    @precondition(lambda self: bool(self._settled()))
    @rule(data=st.data())
    def say_what_is(self, data: st.DataObject) -> None:
        """Say the same in other words: what is the default is written out, or left out."""
        life = self._one(data, self._settled())
        assert life.state is not None
        chosen = chosen_by_vendor(life.state.outputs)
        chosen.pop("cluster_config", None)
        life.declared = with_defaults_toggled(life.told, life.slot.kind, chosen)
        self._go_on(data)

    @precondition(lambda self: bool(self._declared()))
    @rule(data=st.data())
    def take_out(self, data: st.DataObject) -> None:
        """Take a cluster out of the program; what another took from its outputs is written there as it was."""
        life = self._one(data, self._declared())
        self.program.take_out(life)
        self._go_on(data)

    def _go_on(self, data: st.DataObject) -> None:
        """Refresh or bring up the program, both, or nothing."""
        what = data.draw(st.sampled_from(["up", "up", "refresh", "refresh and up", "nothing"]), "then")
        if "refresh" in what:
            self.program.refresh()
        if "up" in what:
            self.program.up(data.draw(st.sampled_from(FAULTS), "fault"))

    def _one(self, data: st.DataObject, lives: list[Life]) -> Life:
        return self.lives[data.draw(st.sampled_from([life.name for life in lives]), "cluster")]

    def _declared(self) -> list[Life]:
        return [life for life in self.lives.values() if life.declared is not None]

    def _settled(self) -> list[Life]:
        return [life for life in self._declared() if life.is_settled and life.health == "well"]

    def _running(self) -> list[Life]:
        return [life for life in self.lives.values() if life.id is not None and life.state is not None]

    # --- What happens in the clouds ---------------------------------------------------------------------------------

    @precondition(lambda self: bool(self._running()))
    @rule(data=st.data(), num_gpus=st.sampled_from([8, 16, 24]))
    def somebody_scales(self, data: st.DataObject, num_gpus: int) -> None:
        """A Together cluster is scaled from outside; whether that gives up what is prepaid is stated nowhere."""
        life = self._one(data, self._running())
        if life.slot.kind is not TOGETHER or life.health != "well" or life.is_unfinished:
            return
        prepaid = life.runs["num_reserved_gpus"]
        kept = data.draw(st.sampled_from([prepaid, min(prepaid, num_gpus)]), "prepaid")
        assert life.id is not None
        life.account.simulator.intervene(life.id, "edit", num_gpus=num_gpus, num_reserved_gpus=kept)
        life.runs |= {"num_gpus": num_gpus, "num_reserved_gpus": kept}
        self._go_on(data)

    @precondition(lambda self: bool(self._running()))
    @rule(data=st.data())
    def it_vanishes(self, data: st.DataObject) -> None:
        """A cluster is gone without anybody here having deleted it."""
        life = self._one(data, self._running())
        if life.is_unfinished:
            return
        assert life.id is not None
        life.account.simulator.intervene(life.id, "vanish")
        life.forget_cluster()
        self._go_on(data)

    @precondition(lambda self: bool(self._running()))
    @rule(data=st.data(), health=st.sampled_from(["degraded", "paused"]))
    def it_suffers(self, data: st.DataObject, health: Any) -> None:
        """A cluster gets into trouble."""
        life = self._one(data, self._running())
        if life.health != "well" or life.is_unfinished or (life.slot.kind is not TOGETHER and health == "paused"):
            return
        assert life.id is not None
        life.account.simulator.intervene(life.id, "degrade" if health == "degraded" else "pause")
        life.health = health
        self._go_on(data)

    @precondition(lambda self: any(life.health != "well" for life in self._running()))
    @rule(data=st.data())
    def it_heals(self, data: st.DataObject) -> None:
        """A cluster in trouble runs again, or for the first time."""
        life = self._one(data, [life for life in self._running() if life.health != "well"])
        life.heal()
        self._go_on(data)

    @precondition(lambda self: bool(self._running()))
    @rule(data=st.data())
    def its_volume_is_swapped(self, data: st.DataObject) -> None:
        """Somebody attaches another volume to a cluster, which has to outlive it."""
        life = self._one(data, self._running())
        if not life.runs.get("volumes") or life.has_swapped_volume or life.health != "well" or life.is_unfinished:
            return
        assert life.id is not None
        life.account.swap_volume(life.id)
        life.has_swapped_volume = True
        life.runs["volumes"] = life.account.living()[life.id]["volumes"]
        self._go_on(data)

    @rule(account=st.sampled_from([0, 1]), what=st.sampled_from(["respells_names", "adds_fields"]), on=st.booleans())
    def replies_change(self, account: int, what: str, on: bool) -> None:
        """A vendor spells names in its own way, or adds a field to every object."""
        setattr(self.accounts[account], what, on)

    # --- What a person runs -----------------------------------------------------------------------------------------

    @rule(data=st.data())
    def go_on(self, data: st.DataObject) -> None:
        """Run what a person runs."""
        self._go_on(data)

    # --- What always holds ------------------------------------------------------------------------------------------

    @invariant()
    def nothing_is_lost_or_doubled(self) -> None:
        """What runs is what is known to run, under the ids that are known."""
        for account in self.accounts:
            ours = {life.id: life.runs for life in self.lives.values() if life.id and life.account is account}
            assert account.living() == ours
            assert account.forgotten_volumes() == []
            assert account.lost_foreign_volumes() == set()
