"""The names that are made for resources whose program gives none: `<resource name>-<8 hex digits>-<8 hex digits>`.

The first digits are of the stack and the resource in it, the second of the state. Neither API has an ownership mark, so
the name is one: two clones of a repository share the stack's name, and each has a state of its own.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from gpufleet_provider.model.fields import Properties
from gpufleet_provider.model.state_properties import OFFERED_NAME, STATE

NAME_LIMIT = 60
"""The longest name that is made, in characters."""
_DIGITS = 8


def made_name(hidden: Properties, is_unknown: Callable[[Any], bool] = lambda _: False) -> Any:
    """Return the name for a resource whose program gives none; None where the resource class offers none.

    It is unknown while the state's part is, which is before the first run. Without that part (an engine that does not
    tell it, or a state of an older version) it is the offered name.
    """
    offered, state = hidden.get(OFFERED_NAME), hidden.get(STATE)
    if offered is None or state is None or is_unknown(offered):
        return offered
    return state if is_unknown(state) else f"{_beginning(offered)}-{state}"


def is_made(inputs: Properties, name_field: str) -> bool:
    """Return whether the name among checked inputs was made, and not given by the program."""
    name, offered = inputs.get(name_field), inputs.get(OFFERED_NAME)
    return isinstance(name, str) and isinstance(offered, str) and is_of_stack(name, offered)


def is_of_stack(name: Any, offered: str) -> bool:
    """Return whether a name was made for the resource that this name is offered to, in whatever state of the stack."""
    if not isinstance(name, str):
        return False
    beginning, _, digits = name.rpartition("-")
    return name == offered or (beginning == _beginning(offered) and re.fullmatch(r"[0-9a-f]{8}", digits) is not None)


def _beginning(offered: str) -> str:
    stem, _, digits = offered.rpartition("-")
    return f"{stem[: NAME_LIMIT - 2 * (_DIGITS + 1)]}-{digits}"
