"""A cloud: how to reach an account, and how it words errors."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Cloud:
    """A cloud: how to reach an account, and how it words errors."""

    name: str
    title: str
    base_url: str
    api_key_config: str
    base_url_config: str
    api_key_environment: str
    base_url_environment: str
    authorization: Callable[[str], Mapping[str, str]]
    """The headers that carry an API key."""
    normalise_base_url: Callable[[str], str]
    read_error: Callable[[int, str], tuple[str, str]]
    """From a status and a body's text: the vendor's error code (or '') and its words, with nothing secret in them."""
