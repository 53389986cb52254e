"""What only a cloud's live catalogue can tell of inputs, asked once per account and process.

A create that the catalogue contradicts is warned of: the cloud itself refuses it, and nothing is lost. A replacement is
refused: the living resource would be deleted first, and its successor could not be made. Without a key, or while the
catalogue cannot be read, this is skipped with a note, so that previews of forks work.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

from gpufleet_provider.http.client import CloudClient
from gpufleet_provider.model.comparing import differences
from gpufleet_provider.model.errors import CloudError, MissingKey
from gpufleet_provider.model.fields import Failure, Properties
from gpufleet_provider.model.lifecycle import Lifecycle
from gpufleet_provider.plugin import engine_log

_lock = threading.Lock()
_read: dict[tuple[str, int], Any] = {}
_noted: set[str] = set()


def complaints(
    lifecycle: Lifecycle[Any], client_of: Callable[[], CloudClient], olds: Properties, inputs: Properties
) -> list[Failure]:
    """Return where inputs contradict the live catalogue; nothing while what it knows of them has not changed."""
    if not lifecycle.catalogue_fields:
        return []
    if olds and not set(differences(lifecycle.create_body, olds, inputs)).intersection(lifecycle.catalogue_fields):
        return []
    try:
        catalogue = _catalogue(lifecycle, client_of())
    except CloudError as error:
        _note_once(lifecycle, error)
        return []
    return list(lifecycle.catalogue_errors(catalogue, inputs))


def _catalogue(lifecycle: Lifecycle[Any], client: CloudClient) -> Any:
    key = (lifecycle.token, id(client))
    with _lock:
        if key not in _read:
            try:
                _read[key] = lifecycle.catalogue(client)
            except CloudError as error:
                # Kept, too: a thousand checks do not each wait for an address that does not answer.
                _read[key] = error
    if isinstance(_read[key], CloudError):
        raise _read[key]
    return _read[key]


def _note_once(lifecycle: Lifecycle[Any], error: CloudError) -> None:
    with _lock:
        if lifecycle.token in _noted:
            return
        _noted.add(lifecycle.token)
    words = f"{lifecycle.token}: inputs were not held against the live catalogue: {error}"
    (engine_log.note if isinstance(error, MissingKey) else engine_log.warn)(words)
