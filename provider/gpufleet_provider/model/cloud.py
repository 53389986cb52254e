"""A cloud: how to reach an account, and how to read its errors."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any


def without_trailing_slash(base_url: str) -> str:
    """Return a base URL without a slash at its end."""
    return base_url.strip().rstrip("/")


@dataclass(frozen=True)
class Cloud:
    """A cloud: how to reach an account, and how to read its errors."""

    name: str
    """Its name in CLOUDS; the names of its settings are made from it."""
    title: str
    """Its name in messages."""
    base_url: str
    """The address of its API, where nothing else is set."""
    authorization: Callable[[str], Mapping[str, str]]
    """The headers that carry an API key."""
    read_error: Callable[[dict[str, Any]], tuple[str, str]]
    """From the JSON object of a refusal: the vendor's error code (or '') and message (or '')."""
    normalise_base_url: Callable[[str], str] = without_trailing_slash

    @property
    def api_key_config(self) -> str:
        """The stack config key of the API key."""
        return f"{self.name}:apiKey"

    @property
    def base_url_config(self) -> str:
        """The stack config key of the address."""
        return f"{self.name}:baseUrl"

    @property
    def api_key_environment(self) -> str:
        """The environment variable of the API key, used where the config has none."""
        return f"{self.name.upper()}_API_KEY"

    @property
    def base_url_environment(self) -> str:
        """The environment variable of the address, used where the config has none."""
        return f"{self.name.upper()}_BASE_URL"
