"""The two JSON documents that hold a stack's state: the checkpoint and the export.

Both hold one *deployment*, `{"manifest", "secrets_providers", "resources", "pending_operations", "metadata"}`:

- the export, `{"version": 3, "deployment": {…}}`, what `stack export` prints and `stack import` reads;
- the checkpoint, `{"version": 3, "checkpoint": {"stack": "organization/<project>/<stack>", "latest": {…}}}`, the
  backend's own file.

Version 4 is version 3 with a list of `features` that a reader must know. Fields that this module does not model survive
a round trip in `extra`. Source of the format: `sdk/go/common/apitype/core.go` of Pulumi 3.259.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import fields
from typing import Any, Final, Protocol, cast

from pulumi_embedded.errors import StateError
from pulumi_embedded.storage.snapshot import Manifest, Operation, ResourceState, SecretsProvider, Snapshot
from pulumi_embedded.values import (
    SECRET,
    SIGNATURE,
    Json,
    MalformedValue,
    from_checkpoint_json,
    to_checkpoint_json,
)

_BYTE_STRING: Final = "byteString"
# A feature marks states that an engine without support for it would corrupt.
_SUPPORTED_FEATURES: Final = frozenset({"refreshBeforeUpdate", "hooks", "taint", "replaceWith", _BYTE_STRING})


class Crypter(Protocol):
    """Encrypts and decrypts a stack's secrets (`secrets.PassphraseCrypter`)."""

    @property
    def provider_type(self) -> str:
        """The secrets provider, as in `secrets_providers.type`."""
        ...

    @property
    def provider_state(self) -> dict[str, str]:
        """The secrets provider's settings, as in `secrets_providers.state`."""
        ...

    def encrypt(self, plaintext: str) -> str:
        """The ciphertext of a plaintext."""
        ...

    def decrypt(self, ciphertext: str) -> str:
        """The plaintext of a ciphertext."""
        ...


CrypterOf = Callable[[str, Any], Crypter]
"""Returns the crypter for the type and state of a `secrets_providers` entry (`secrets.crypter_of`)."""


# --- one resource -----------------------------------------------------------------------------------------------------

_PROPERTY_FIELDS: Final = frozenset({"inputs", "outputs"})


def _json_name(name: str) -> str:
    return "importID" if name == "import_id" else re.sub(r"_(.)", lambda match: match[1].upper(), name)


_FIELDS: Final = tuple((f.name, _json_name(f.name)) for f in fields(ResourceState) if f.name != "extra")
_NAME_OF: Final = {json_name: name for name, json_name in _FIELDS}
_TYPE_OF: Final[dict[str, type]] = {name: type(getattr(ResourceState("", ""), name)) for name, _ in _FIELDS}


def dump_resource(state: ResourceState, encrypt: Callable[[str], str] | None) -> dict[str, Json]:
    """The resource as a JSON object of a state file; `encrypt=None` writes secrets in plaintext.

    Empty fields are absent, as in the CLI's files.
    """
    document: dict[str, Any] = {}
    for name, json_name in _FIELDS:
        value: Any = getattr(state, name)
        if not value and name != "custom":
            continue
        if name in _PROPERTY_FIELDS or name == "replacement_trigger":
            value = to_checkpoint_json(value, encrypt)
        elif name == "stack_trace":
            value = [{"sourcePosition": position} if position else {} for position in value]
        document[json_name] = value
    document.update(state.extra)
    return document


def load_resource(document: object, decrypt: Callable[[str], str] | None) -> ResourceState:
    """The resource of a JSON object of a state file; `decrypt=None` leaves property values as they are in the file.

    Raises StateError if it lacks its URN or type, or a field has the wrong type.
    """
    if not isinstance(document, dict):
        raise StateError("a resource in the state is not an object")
    entries = cast("dict[str, Any]", document)
    urn = entries.get("urn")
    for required in ("urn", "type"):
        if not isinstance(entries.get(required), str) or not entries[required]:
            raise StateError(f"a resource in the state has no {required!r}: {urn or entries.get('id')!r}")
    state = ResourceState(urn=entries["urn"], type=entries["type"])
    for json_name, value in entries.items():
        name = _NAME_OF.get(json_name)
        if name is None:
            state.extra[json_name] = value
        elif value is not None:
            try:
                setattr(state, name, _load_field(name, value, decrypt))
            except (MalformedValue, ValueError, TypeError, LookupError) as error:
                raise StateError(f"{urn}: malformed {json_name!r} in the state: {error}") from error
    return state


def _load_field(name: str, value: Any, decrypt: Callable[[str], str] | None) -> Any:
    if name == "replacement_trigger":
        return from_checkpoint_json(value, decrypt) if decrypt else value
    if not isinstance(value, _TYPE_OF[name]):
        raise MalformedValue(f"unexpected {type(value).__name__}")
    if name in _PROPERTY_FIELDS and decrypt:
        return {key: from_checkpoint_json(item, decrypt) for key, item in value.items()}
    if name == "stack_trace":
        return [frame.get("sourcePosition", "") for frame in value]
    return value


# --- a deployment -----------------------------------------------------------------------------------------------------


def dump_deployment(snapshot: Snapshot, crypter: Crypter | None, *, show_secrets: bool = False) -> dict[str, Any]:
    """The export of a snapshot: `{"version", "deployment"}`.

    `crypter` is None for a stack without a passphrase; raises StateError if the snapshot has secrets then.
    """
    deployment, version, features = _dump(snapshot, crypter, show_secrets)
    return {"version": version} | ({"features": features} if features else {}) | {"deployment": deployment}


def dump_checkpoint(stack: str, snapshot: Snapshot | None, crypter: Crypter | None) -> dict[str, Any]:
    """The checkpoint of a snapshot: `{"version", "checkpoint"}`; `stack` is `organization/<project>/<stack>`.

    `snapshot` is None for a stack that was never deployed. Raises StateError as `dump_deployment`.
    """
    if snapshot is None:
        return {"version": 3, "checkpoint": {"stack": stack}}
    latest, version, features = _dump(snapshot, crypter, show_secrets=False)
    checkpoint = {"stack": stack, "latest": latest}
    return {"version": version} | ({"features": features} if features else {}) | {"checkpoint": checkpoint}


def _dump(snapshot: Snapshot, crypter: Crypter | None, show_secrets: bool) -> tuple[dict[str, Any], int, list[str]]:
    encrypt = None if show_secrets else crypter.encrypt if crypter else refuse_secret
    manifest = snapshot.manifest
    deployment: dict[str, Any] = {
        "manifest": {"time": manifest.time, "magic": manifest.magic, "version": manifest.version} | manifest.extra
    }
    if crypter:
        deployment["secrets_providers"] = {"type": crypter.provider_type, "state": crypter.provider_state}
    elif snapshot.secrets_providers:
        deployment["secrets_providers"] = {
            "type": snapshot.secrets_providers.type,
            "state": snapshot.secrets_providers.state,
        }
    if snapshot.resources:
        deployment["resources"] = [dump_resource(state, encrypt) for state in snapshot.resources]
    if snapshot.pending_operations:
        deployment["pending_operations"] = [
            {"resource": dump_resource(operation.resource, encrypt), "type": operation.type}
            for operation in snapshot.pending_operations
        ]
    deployment["metadata"] = snapshot.metadata
    deployment.update(snapshot.extra)
    features = sorted(_features(snapshot))
    return deployment, 4 if features else 3, features


def _features(snapshot: Snapshot) -> set[str]:
    # A byte string may be inside a secret, so this feature is taken over from the file that was read.
    features = {_BYTE_STRING} & set(snapshot.features)
    for state in snapshot.resources:
        if state.refresh_before_update:
            features.add("refreshBeforeUpdate")
        if state.resource_hooks:
            features.add("hooks")
        if state.taint:
            features.add("taint")
        if state.replace_with:
            features.add("replaceWith")
    return features


def load_deployment(document: object, crypter_of: CrypterOf | None) -> Snapshot:
    """The snapshot of an exported deployment; `crypter_of=None` leaves its secrets encrypted.

    Raises StateError for a version or a feature that is not supported.
    """
    outer = _object(document, "the deployment")
    return _load(outer, outer.get("deployment"), crypter_of)


def load_checkpoint(document: object, crypter_of: CrypterOf | None) -> Snapshot | None:
    """The snapshot of a checkpoint; None for a stack that was never deployed. Otherwise as `load_deployment`."""
    outer = _object(document, "the state file")
    if "checkpoint" not in outer and "latest" in outer:
        raise StateError(_too_old(0))
    checkpoint = _object(outer.get("checkpoint"), "the checkpoint in the state file")
    latest = checkpoint.get("latest")
    _check_version(outer)
    return None if latest is None else _load(outer, latest, crypter_of)


def _load(outer: dict[str, Any], document: object, crypter_of: CrypterOf | None) -> Snapshot:
    _check_version(outer)
    deployment = _object(document, "the deployment")
    snapshot = Snapshot(features=list(outer.get("features") or []))
    manifest = _object(deployment.pop("manifest", None) or {}, "the manifest")
    snapshot.manifest = Manifest(
        time=str(manifest.pop("time", "0001-01-01T00:00:00Z")),
        magic=str(manifest.pop("magic", "")),
        version=str(manifest.pop("version", "")),
        extra=manifest,
    )
    decrypt: Callable[[str], str] | None = _refuse_ciphertext if crypter_of else None
    if provider := deployment.pop("secrets_providers", None):
        entry = _object(provider, "secrets_providers")
        if provider_type := entry.get("type"):
            snapshot.secrets_providers = SecretsProvider(provider_type, entry.get("state"))
            decrypt = _LazyDecrypter(crypter_of, snapshot.secrets_providers) if crypter_of else None
    snapshot.resources = [load_resource(entry, decrypt) for entry in _list(deployment, "resources")]
    for entry in _list(deployment, "pending_operations"):
        operation = _object(entry, "a pending operation")
        resource = load_resource(operation.get("resource"), decrypt)
        snapshot.pending_operations.append(Operation(resource, operation.get("type", "creating")))
    snapshot.metadata = deployment.pop("metadata", None) or {}
    snapshot.extra = deployment
    return snapshot


def _check_version(outer: dict[str, Any]) -> None:
    version = outer.get("version")
    if version in (1, 2):
        raise StateError(_too_old(version))
    if version not in (3, 4):
        raise StateError(
            f"the state has the version {version!r}; only versions 3 and 4 are supported. A newer Pulumi wrote it"
        )
    if version == 4 and (unknown := sorted(set(outer.get("features") or []) - _SUPPORTED_FEATURES)):
        raise StateError(
            f"the state uses features that are not supported here: {', '.join(unknown)}; use the Pulumi CLI"
        )


def _too_old(version: int) -> str:
    return (
        f"the state has the version {version}, from before 2019; run `pulumi stack export | pulumi stack import` with "
        "the Pulumi CLI, which rewrites it as version 3"
    )


def has_plaintext(document: object) -> bool:
    """Whether any secret in the JSON of a deployment is stored in plaintext."""
    if isinstance(document, dict):
        entries = cast("dict[str, object]", document)
        return _is_plaintext(entries) or any(has_plaintext(item) for item in entries.values())
    return isinstance(document, list) and any(has_plaintext(item) for item in cast("list[object]", document))


def encrypt_plaintext(document: Any, encrypt: Callable[[str], str]) -> Any:
    """The JSON of a deployment with every plaintext secret encrypted; all else is as it was."""
    if isinstance(document, dict):
        entries = cast("dict[str, Any]", document)
        if _is_plaintext(entries):
            return {SIGNATURE: SECRET, "ciphertext": encrypt(entries["plaintext"])}
        return {key: encrypt_plaintext(item, encrypt) for key, item in entries.items()}
    if isinstance(document, list):
        return [encrypt_plaintext(item, encrypt) for item in cast("list[Any]", document)]
    return document


def _is_plaintext(entries: dict[str, Any]) -> bool:
    return entries.get(SIGNATURE) == SECRET and isinstance(entries.get("plaintext"), str)


class _LazyDecrypter:
    """Needs the passphrase only to decrypt a secret, so that a state without secrets is read without one."""

    def __init__(self, crypter_of: CrypterOf, provider: SecretsProvider) -> None:
        self._crypter_of, self._provider = crypter_of, provider
        self._crypter: Crypter | None = None

    def __call__(self, ciphertext: str) -> str:
        if self._crypter is None:
            self._crypter = self._crypter_of(self._provider.type, self._provider.state)
        return self._crypter.decrypt(ciphertext)


def _refuse_ciphertext(_: str) -> str:
    raise StateError("the state has an encrypted secret, but no secrets provider to decrypt it")


def refuse_secret(_: str) -> str:
    """The `encrypt` of a stack without a passphrase: raises StateError."""
    raise StateError("the state has a secret, but the stack has no passphrase; set PULUMI_CONFIG_PASSPHRASE")


def _object(document: object, what: str) -> dict[str, Any]:
    if not isinstance(document, dict):
        raise StateError(f"{what} is not a JSON object")
    return dict(cast("dict[str, Any]", document))


def _list(document: dict[str, Any], key: str) -> list[object]:
    entries: object = document.pop(key, None)
    if not isinstance(entries, list | None):
        raise StateError(f"{key} in the state is not a list")
    return cast("list[object]", entries or [])
