"""Requests, replies, routes and refusals: what the HTTP server and a simulated cloud exchange."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from werkzeug.datastructures import Headers

from gpufleet_provider.simulator.clock import parse_rfc3339
from gpufleet_provider.simulator.faults import PlannedFailure


@dataclass
class Call:
    """One request, after routing."""

    method: str
    path: str
    template: str
    params: Mapping[str, str]
    query: Mapping[str, str]
    headers: Headers
    body: bytes
    planned_failures: list[PlannedFailure] = field(default_factory=list[PlannedFailure])
    """What fault rules plan for the cluster that this call creates."""


@dataclass
class Reply:
    """One reply."""

    status: int
    body: bytes
    content_type: str = "application/json"
    headers: dict[str, str] = field(default_factory=dict[str, str])

    @classmethod
    def of(cls, value: Any, status: int = 200) -> Reply:
        """`value` as compact JSON."""
        return cls(status, json_bytes(value))


@dataclass(frozen=True)
class Route:
    """One documented operation: `path` is relative to the cloud's prefix, with `{names}`."""

    method: Literal["GET", "POST", "PUT", "DELETE"]
    path: str
    answer: Callable[[Call], Reply]
    creates: str | None = None
    """The kind of resource that a call creates, such as `cluster`."""
    public: bool = False
    """Answered without a key."""


class Refusal(Exception):
    """A call is refused; each cloud turns this into its own error body.

    `code` is the vendor's word if there is one (`OUT_OF_STOCK`, `invalid_api_key`), `param` the field at fault.
    """

    def __init__(self, status: int, message: str, code: str | None = None, param: str | None = None) -> None:
        super().__init__(message)
        self.status, self.message, self.code, self.param = status, message, code, param


def parsed_json(text: bytes) -> Any:
    """Read JSON as RFC 8259 has it; raises ValueError, also for `NaN`, numbers beyond a double and endless nesting."""
    try:
        return json.loads(text, parse_constant=_no_number, parse_float=_double)
    except RecursionError:
        raise ValueError("nested too deep") from None


def _no_number(name: str) -> Any:
    raise ValueError(f"{name} is not JSON")


def _double(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(f"{text[:20]} is too large")
    return number


def json_bytes(value: Any) -> bytes:
    """Compact JSON."""
    return json.dumps(value, separators=(",", ":")).encode()


class Body:
    """A request body that is read field by field; fields that are never read are unknown to the API.

    A `null` counts as absent. Every method raises `Refusal(400)`, which names the field, for a value of another type.
    """

    def __init__(self, fields: dict[str, Any], where: str = "") -> None:
        self._sent = fields
        self._fields = {name: value for name, value in fields.items() if value is not None}
        self._where = where
        self._known: set[str] = set()
        self._children: list[Body] = []

    @classmethod
    def of(cls, raw: bytes) -> Body:
        """Parse a request's JSON object."""
        try:
            value = parsed_json(raw)
        except ValueError:
            raise Refusal(400, "request body is not valid JSON") from None
        if not isinstance(value, dict):
            raise Refusal(400, "request body must be a JSON object")
        return cls(value)  # pyright: ignore[reportUnknownArgumentType]

    def refuse_nulls(self, tolerated: tuple[str, ...] = ()) -> None:
        """Raise for any field that was sent as null, however deep, but for those of this object that are tolerated."""
        for name in self._sent:
            if self.is_null(name) and name not in tolerated:
                raise self.bad(name, "must not be null: leave it out")
        for child in self._children:
            child.refuse_nulls()

    def is_null(self, name: str) -> bool:
        """Whether the field was sent as null."""
        return name in self._sent and self._sent[name] is None

    def as_sent(self) -> dict[str, Any]:
        """The object itself; all of it counts as read."""
        self._known.update(self._sent)
        self._children.clear()
        return self._sent

    def text(self, name: str) -> str | None:
        """An optional string."""
        return self._typed(name, str, "a string")

    def need_text(self, name: str) -> str:
        """A required string that is neither empty nor blank."""
        text = self.text(name)
        return self._need(name, text if text and text.strip() else None)

    def integer(self, name: str) -> int | None:
        """An optional whole number of 64 bits: neither 8.0 nor true is one."""
        value = self._raw(name)
        if value is None:
            return None
        if isinstance(value, int) and not isinstance(value, bool) and -(2**63) <= value < 2**63:
            return value
        raise self.bad(name, "must be an integer")

    def need_integer(self, name: str) -> int:
        """A required whole number."""
        return self._need(name, self.integer(name))

    def flag(self, name: str) -> bool | None:
        """An optional boolean."""
        return self._typed(name, bool, "a boolean")

    def instant(self, name: str) -> float | None:
        """An optional RFC 3339 instant, in seconds since 1970."""
        text = self.text(name)
        if text is None:
            return None
        moment = parse_rfc3339(text)
        if moment is None:
            raise self.bad(name, "must be an RFC 3339 date-time")
        return moment

    def one_of(self, name: str, allowed: tuple[str, ...]) -> str | None:
        """An optional string out of a closed list."""
        value = self.text(name)
        if value is not None and value not in allowed:
            raise self.bad(name, f"must be one of {', '.join(allowed)}")
        return value

    def texts(self, name: str) -> list[str] | None:
        """An optional list of strings."""
        values: list[Any] | None = self._typed(name, list, "an array")
        if values is not None and not all(isinstance(value, str) for value in values):
            raise self.bad(name, "must be an array of strings")
        return values

    def child(self, name: str) -> Body | None:
        """An optional object."""
        value: dict[str, Any] | None = self._typed(name, dict, "an object")
        return None if value is None else self._adopt(Body(value, f"{self._where}{name}."))

    def children(self, name: str) -> list[Body] | None:
        """An optional list of objects."""
        values: list[Any] | None = self._typed(name, list, "an array")
        if values is None:
            return None
        found: list[Body] = []
        for index, value in enumerate(values):
            if not isinstance(value, dict):
                raise self.bad(f"{name}[{index}]", "must be an object")
            found.append(self._adopt(Body(value, f"{self._where}{name}[{index}].")))  # pyright: ignore[reportUnknownArgumentType]
        return found

    def bad(self, name: str, reason: str, status: int = 400) -> Refusal:
        """The refusal of one field, to be raised."""
        return Refusal(status, f"{self._where}{name} {reason}", "invalid_request", f"{self._where}{name}")

    def refuse_unknown(self) -> None:
        """Raise for any field that was not read, however deep."""
        for name in self._fields:
            if name not in self._known:
                raise self.bad(name, "is not a known field")
        for child in self._children:
            child.refuse_unknown()

    def _adopt(self, child: Body) -> Body:
        self._children.append(child)
        return child

    def _raw(self, name: str) -> Any:
        self._known.add(name)
        return self._fields.get(name)

    def _typed(self, name: str, kind: type[Any], expected: str) -> Any:
        value = self._raw(name)
        if value is not None and not isinstance(value, kind):
            raise self.bad(name, f"must be {expected}")
        return value

    def _need(self, name: str, value: Any) -> Any:
        if value is None:
            raise self.bad(name, "is required")
        return value
