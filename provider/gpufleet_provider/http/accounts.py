"""The account that a program means: key and address of each cloud, from configuration, else from the environment."""

from __future__ import annotations

import os
import threading
import urllib.parse
from collections.abc import Callable

from gpufleet_provider.http.client import CloudClient
from gpufleet_provider.model.cloud import Cloud
from gpufleet_provider.model.errors import Invalid, MissingKey

Setting = Callable[[str], str | None]
"""Looks up a configuration value such as `together:apiKey`; None where it is not set."""

_clients: dict[tuple[str, str, str], CloudClient] = {}
_lock = threading.Lock()


def client_for(cloud: Cloud, setting: Setting) -> CloudClient:
    """Return the one client of the account that config and environment name.

    Raises MissingKey when no key is set, and Invalid when the key or the base URL cannot be one.
    """
    key = _value(setting, cloud.api_key_config, cloud.api_key_environment)
    if key is None:
        raise MissingKey(
            f"{cloud.title}: no API key is set. Set it with `pulumi config set --secret {cloud.api_key_config}`, "
            f"or in the environment variable {cloud.api_key_environment}"
        )
    base_url = base_url_for(cloud, setting)
    with _lock:
        known = (cloud.name, base_url, key)
        if known not in _clients:
            _clients[known] = CloudClient(cloud, base_url, key)
        return _clients[known]


def base_url_for(cloud: Cloud, setting: Setting) -> str:
    """Return the normalised address of a cloud's API; raises Invalid when what is set is not an http(s) address."""
    given = _value(setting, cloud.base_url_config, cloud.base_url_environment)
    if given is None:
        return cloud.normalise_base_url(cloud.base_url)
    try:
        parts = urllib.parse.urlsplit(given)
        reachable = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        reachable = False
    if not reachable or any(character.isspace() for character in given):
        raise Invalid(
            f"{cloud.title}: {cloud.base_url_config} (or {cloud.base_url_environment}) is not an http:// or https:// "
            f"address; without it, {cloud.base_url} is used"
        )
    return cloud.normalise_base_url(given)


def _value(setting: Setting, config: str, environment: str) -> str | None:
    """Return a value, config first; what is set to nothing or to blanks is not set."""
    for value in (setting(config), os.environ.get(environment)):
        if value is not None and value.strip():
            return value.strip()
    return None
