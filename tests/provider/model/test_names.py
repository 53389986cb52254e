"""Names that are made: of one stack and resource they begin alike, and end by the state."""

from __future__ import annotations

import re

from gpufleet_provider.model.names import is_made, is_of_stack, made_name
from gpufleet_provider.model.state_properties import OFFERED_NAME, STATE
from hypothesis import given
from hypothesis import strategies as st

OFFERED, MARK = "train-12345678", "abcdef01"
digits = st.text("0123456789abcdef", min_size=8, max_size=8)
offered_names = st.builds("{}-{}".format, st.text("abcxyz0189-", max_size=51), digits)


def test_a_name_ends_with_the_mark_of_its_state() -> None:
    assert made_name({OFFERED_NAME: OFFERED, STATE: MARK}) == f"{OFFERED}-{MARK}"


def test_a_state_that_is_not_told_leaves_the_name_as_it_is_offered() -> None:
    assert made_name({OFFERED_NAME: OFFERED}) == OFFERED
    assert made_name({OFFERED_NAME: OFFERED, STATE: None}) == OFFERED
    assert made_name({}) is None


def test_a_name_is_unknown_while_its_state_is() -> None:
    unknown = object()
    assert made_name({OFFERED_NAME: OFFERED, STATE: unknown}, lambda value: value is unknown) is unknown


@given(offered=offered_names, mark=digits, other=digits)
def test_names_of_one_stack_know_each_other_and_are_short(offered: str, mark: str, other: str) -> None:
    name = made_name({OFFERED_NAME: offered, STATE: mark})
    assert len(name) <= 60 and re.fullmatch(r"[a-z0-9-]+", name)
    assert is_made({"name": name, OFFERED_NAME: offered}, "name")
    assert is_of_stack(made_name({OFFERED_NAME: offered, STATE: other}), offered)
    assert is_of_stack(offered, offered)
    assert (name == made_name({OFFERED_NAME: offered, STATE: other})) is (mark == other)


def test_what_only_resembles_a_name_is_none() -> None:
    for name in ("train", "train-12345678-", f"{OFFERED}-1", f"{OFFERED}-ABCDEF01", f"x{OFFERED}-{MARK}", None, 5):
        assert not is_of_stack(name, OFFERED)
    assert not is_made({"name": "mine", OFFERED_NAME: OFFERED}, "name")
    assert not is_made({"name": "mine"}, "name")
