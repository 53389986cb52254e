"""Checks inputs against a cloud's live catalogue, which is read once per account and process.

A create that the catalogue contradicts is only warned of: the cloud refuses it by itself, and nothing is lost. A
replacement is refused: the old resource would be deleted first, and the new one could not be created. Without a key, or
while the catalogue cannot be read, the check is skipped with a note, so that previews of forks work.
"""

from __future__ import annotations

import copy
import threading
from collections.abc import Callable
from typing import Any

from gpufleet_provider.http.client import CloudClient
from gpufleet_provider.model.comparing import differences
from gpufleet_provider.model.errors import CloudError, MissingKey, Unavailable
from gpufleet_provider.model.fields import Failure, Properties
from gpufleet_provider.model.lifecycle import Lifecycle
from gpufleet_provider.operations.call import Call

_lock = threading.Lock()
_catalogues: dict[tuple[CloudClient, str], _Catalogue] = {}
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
        catalogue = _catalogue_of(lifecycle, connect()).read()
        return list(lifecycle.catalogue_errors(catalogue, inputs))
    except CloudError as error:
        _note_once(lifecycle, call, error)
    except Exception as error:
        # A catalogue of a shape that nobody has seen: it is there to warn, and must not end the run.
        _note_once(lifecycle, call, Unavailable(f"it could not be understood ({type(error).__name__})"))
    return []


class _Catalogue:
    """The catalogue of one account: whoever asks first reads it, and those who ask meanwhile wait for that."""

    def __init__(self, lifecycle: Lifecycle[Any], client: CloudClient) -> None:
        self._lifecycle = lifecycle
        self._client = client
        self._asked = False
        self._answered = threading.Event()
        self._answer: Any = None

    def read(self) -> Any:
        """Return the catalogue; raises CloudError, or whatever the lifecycle makes of a garbled reply."""
        with _lock:
            is_first, self._asked = not self._asked, True
        if is_first:
            try:
                self._answer = self._lifecycle.catalogue(self._client)
            except Exception as error:
                # Kept, too: a thousand checks do not each wait for an address that does not answer.
                self._answer = error
            finally:
                self._answered.set()
        self._answered.wait()
        if isinstance(self._answer, Exception):
            raise copy.copy(self._answer)
        return self._answer


def _catalogue_of(lifecycle: Lifecycle[Any], client: CloudClient) -> _Catalogue:
    key = (client, lifecycle.token)
    with _lock:
        if key not in _catalogues:
            _catalogues[key] = _Catalogue(lifecycle, client)
        return _catalogues[key]


def _note_once(lifecycle: Lifecycle[Any], call: Call, error: CloudError) -> None:
    with _lock:
        if lifecycle.token in _noted:
            return
        _noted.add(lifecycle.token)
    message = f"{lifecycle.token}: inputs were not checked against the live catalogue: {error}"
    (call.note if isinstance(error, MissingKey) else call.warn)(message)
