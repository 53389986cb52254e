"""Checks inputs against a cloud's live catalogue, which is read once per account and process.

A create that the catalogue contradicts is only warned of: the cloud refuses it by itself, and nothing is lost. A
replacement is refused: the old resource would be deleted first, and the new one could not be created. Without a key, or
while the catalogue cannot be read, the check is skipped with a note, so that previews of forks work.
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
from gpufleet_provider.operations.call import Call

_lock = threading.Lock()
_catalogues: dict[tuple[CloudClient, str], Any] = {}
_noted: set[str] = set()


def failures(
    lifecycle: Lifecycle[Any], connect: Callable[[], CloudClient], call: Call, olds: Properties, inputs: Properties
) -> list[Failure]:
    """Return where inputs contradict the live catalogue; `connect` returns the account, or raises CloudError.

    Nothing is asked while none of the inputs that it could contradict has changed.
    """
    if not lifecycle.catalogue_fields:
        return []
    if olds and not set(differences(lifecycle.create_body, olds, inputs)).intersection(lifecycle.catalogue_fields):
        return []
    try:
        catalogue = _read(lifecycle, connect())
    except CloudError as error:
        _note_once(lifecycle, call, error)
        return []
    return list(lifecycle.catalogue_errors(catalogue, inputs))


def _read(lifecycle: Lifecycle[Any], client: CloudClient) -> Any:
    key = (client, lifecycle.token)
    with _lock:
        if key not in _catalogues:
            try:
                _catalogues[key] = lifecycle.catalogue(client)
            except CloudError as error:
                # Kept, too: a thousand checks do not each wait for an address that does not answer.
                _catalogues[key] = error
    if isinstance(_catalogues[key], CloudError):
        raise _catalogues[key]
    return _catalogues[key]


def _note_once(lifecycle: Lifecycle[Any], call: Call, error: CloudError) -> None:
    with _lock:
        if lifecycle.token in _noted:
            return
        _noted.add(lifecycle.token)
    message = f"{lifecycle.token}: inputs were not checked against the live catalogue: {error}"
    (call.note if isinstance(error, MissingKey) else call.warn)(message)
