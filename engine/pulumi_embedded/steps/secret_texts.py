"""Hides the plaintexts of secret config in what is shown: a program may print one, or use it as an ordinary value."""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Iterable
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from pulumi_embedded.values import PropertyValue

if TYPE_CHECKING:
    from pulumi_embedded.steps.steps import Step
    from pulumi_embedded.storage.snapshot import ResourceState
    from pulumi_embedded.values import Properties

_HIDDEN: Final = "[secret]"
_SHORTEST: Final = 3
"""As in the CLI: a shorter text stands in too many others."""


class SecretTexts:
    """The texts that no event shows, nor what they are within a JSON string."""

    def __init__(self, texts: Iterable[str] = ()) -> None:
        long_enough = {t for t in texts if len(t) >= _SHORTEST and t.lower() not in ("true", "false")}
        all_ = long_enough | {json.dumps(t)[1:-1] for t in long_enough}
        all_ |= {json.dumps(t, ensure_ascii=False)[1:-1] for t in long_enough}
        # The longest first: one secret may be a part of another.
        pattern = "|".join(re.escape(each) for each in sorted(all_, key=len, reverse=True))
        self._pattern = re.compile(pattern) if pattern else None

    def __bool__(self) -> bool:
        return self._pattern is not None

    def text(self, text: str) -> str:
        """The text with `[secret]` for every secret in it."""
        return self._pattern.sub(_HIDDEN, text) if self._pattern else text

    def step(self, step: Step) -> Step:
        """The step as it is shown; the same one if there is nothing to hide in it."""
        old = step.old and self._state(step.old)
        new = old if step.new is step.old else step.new and self._state(step.new)
        if old is step.old and new is step.new:
            return step
        shown = copy.copy(step)
        shown.old, shown.new = old, new
        return shown

    def _state(self, state: ResourceState) -> ResourceState:
        inputs, outputs = self._properties(state.inputs), self._properties(state.outputs)
        if inputs is state.inputs and outputs is state.outputs:
            return state
        return replace(state, inputs=inputs, outputs=outputs)

    def _properties(self, properties: Properties) -> Properties:
        shown = {key: self._value(value) for key, value in properties.items()}
        return shown if any(shown[key] is not value for key, value in properties.items()) else properties

    def _value(self, value: PropertyValue) -> PropertyValue:
        if isinstance(value, str):
            shown = self.text(value)
            return value if shown == value else shown
        if isinstance(value, dict):
            return self._properties(value)
        if isinstance(value, list):
            items = [self._value(item) for item in value]
            return items if any(a is not b for a, b in zip(items, value, strict=True)) else value
        return value
