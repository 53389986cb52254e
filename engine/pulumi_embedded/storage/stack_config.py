"""A stack's config file, `Pulumi.<stack>.yaml`: values, encrypted values and the encryption salt.

A key is `<namespace>:<name>`; the default namespace is the project. A value is text, an object or a list, in which
`{secure: <ciphertext>}` is a secret. The program gets every value as text: objects and lists as JSON.
"""

from __future__ import annotations

import copy
import itertools
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, cast

from pulumi_embedded import property_paths
from pulumi_embedded.errors import ProjectError, SecretsError
from pulumi_embedded.storage.markup import as_yaml_string, plain, read_mapping, write_mapping
from pulumi_embedded.storage.project import fits
from pulumi_embedded.storage.secrets import PASSPHRASE, PassphraseCrypter, passphrase_from_environment

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from pulumi_embedded.storage.project import Project

_SECURE: Final = "secure"


@dataclass(frozen=True)
class ProgramConfig:
    """The config of a program: values by full key, the keys whose values contain a secret, and the secrets alone."""

    values: dict[str, str]
    secret_keys: frozenset[str]
    secret_texts: list[str]


class StackConfig:
    """One config file; `save` writes changes."""

    def __init__(self, project: Project, stack: str, path: Path | None = None) -> None:
        """Read the file, if it exists. Raises ProjectError."""
        self.path = path or project.stack_config_path(stack)
        self._project, self._stack = project, stack
        try:
            self._document = read_mapping(self.path)
        except FileNotFoundError:
            self._document: dict[str, Any] = {}
        if self._document.get("environment"):
            raise ProjectError(f"{self.path}: `environment` needs Pulumi ESC, which is not supported; remove it")
        if self._document.get("encryptedkey"):
            raise ProjectError(
                f"{self.path}: `encryptedkey` belongs to a secrets provider other than a passphrase, which is not "
                "supported; run `pulumi stack change-secrets-provider passphrase` with the Pulumi CLI first"
            )
        if not isinstance(self._document.get("config") or {}, dict):
            raise ProjectError(f"{self.path}: config must be a mapping")

    # --- secrets ---

    @property
    def encryption_salt(self) -> str | None:
        """The encryption salt, `v1:<salt>:v1:<nonce>:<data>`; None if there is none yet."""
        salt: object = self._document.get("encryptionsalt")
        return str(salt) if salt else None

    def crypter(self, state_salt: str | None = None) -> PassphraseCrypter:
        """The crypter for this stack's secrets; `state_salt` is the salt of the state, if it has one.

        A stack without a salt gets a new one, which the caller must `save`. Raises SecretsError for a missing or wrong
        passphrase.
        """
        provider = self._document.get("secretsprovider")
        if provider and provider != PASSPHRASE:
            raise SecretsError(
                f"{self.path}: the secrets provider {str(provider).split(':')[0]!r} is not supported; run "
                "`pulumi stack change-secrets-provider passphrase` with the Pulumi CLI first"
            )
        salt = self.encryption_salt or state_salt
        passphrase = passphrase_from_environment()
        crypter = PassphraseCrypter.unlock(salt, passphrase) if salt else PassphraseCrypter.create(passphrase)
        if self.encryption_salt is None:
            self._document["encryptionsalt"] = crypter.salt_state
        return crypter

    # --- values ---

    def keys(self) -> list[str]:
        """The full keys in the file, and those with a value in Pulumi.yaml, sorted."""
        return sorted(self._defaults() | self._config())

    def get(self, key: str, decrypt: Callable[[str], str], *, path: bool = False) -> str | None:
        """A value as text, objects as JSON; None if there is none. With `path`, `key` is a property path."""
        full, steps = self._key(key, path)
        value: object = self._config().get(full)
        for step in steps:
            value = None if _is_secure(value) else _item(value, step)
        return None if value is None else _text(_decrypted(plain(value), decrypt))

    def describe(self, key: str, decrypt: Callable[[str], str] | None, *, path: bool = False) -> dict[str, Any] | None:
        """A value as `describe_value` has it; None if there is none. With `path`, `key` is a property path.

        What is not in the file has the value in Pulumi.yaml, if there is one.
        """
        full, steps = self._key(key, path)
        value: object = (self._defaults() | self._config()).get(full)
        for step in steps:
            value = None if _is_secure(value) else _item(value, step)
        return None if value is None else describe_value(plain(value), decrypt)

    def is_secret(self, key: str, *, path: bool = False) -> bool:
        """Whether the value is or contains a secret."""
        return _has_secure(self._config().get(self._key(key, path)[0]))

    def set(self, key: str, value: str, encrypt: Callable[[str], str] | None, *, path: bool = False) -> None:
        """Set a value; with `encrypt`, as a secret. With `path`, `key` is a property path.

        Inside an object, `8` becomes a number and `true` a boolean. Raises ProjectError for a malformed key, and for a
        path into a value that is neither an object nor a list.
        """
        full, steps = self._key(key, path)
        new: Any = {_SECURE: encrypt(value)} if encrypt else _coerced(value) if steps else as_yaml_string(value)
        config = self._own_config()
        full = self._spelling(full)
        if not steps:
            config[full] = new
            return
        # Changed as a copy, so that an invalid path changes nothing.
        root = copy.deepcopy(config.get(full))
        if not _is_container(root):
            root = _empty_for(steps[0])
        container = root
        for step, following in itertools.pairwise(steps):
            container = self._inside(key, container, step, _empty_for(following))
        self._put(key, container, steps[-1], new)
        config[full] = root

    def set_object(self, key: str, value: Any) -> None:
        """Set an object or a list as plaintext. Raises ProjectError for a malformed key."""
        self._own_config()[self._spelling(self._qualified(key))] = copy.deepcopy(value)

    def replace(self, values: Mapping[str, Any]) -> None:
        """Replace all values, with those of `as_stored`."""
        self._document["config"] = copy.deepcopy(dict(values))

    def remove(self, key: str, *, path: bool = False) -> bool:
        """Remove a value; returns whether there was one."""
        full, steps = self._key(key, path)
        container: Any = self._own_config()
        last: str | int = self._spelling(full)
        for step in steps:
            container = _item(container, last)
            last = step
        if _item(container, last) is None:
            return False
        del container[last]
        if not self._document.get("config"):
            self._document.pop("config", None)
        return True

    def save(self) -> None:
        """Write the file, comments kept. Raises StorageFull."""
        write_mapping(self.path, self._document)

    def as_stored(self) -> dict[str, Any]:
        """The values by full key, with secrets encrypted, as they are stored in the history."""
        return {key: plain(value) for key, value in self._config().items()}

    def for_program(self, decrypt: Callable[[str], str]) -> ProgramConfig:
        """The decrypted config with the project's defaults. Raises ProjectError for a missing or mistyped value."""
        stored = self.as_stored()
        defaults = self._defaults()
        missing: list[str] = []
        for key in self._project.config:
            full = self._qualified(key)
            if full in stored:
                self._check_type(key, full, stored, decrypt)
            elif full not in defaults and full.startswith(f"{self._project.name}:"):
                missing.append(key)
        stored = defaults | stored
        if missing:
            keys = ", ".join(f"'{key}'" for key in sorted(missing))
            raise ProjectError(
                f"stack '{self._stack}' is missing configuration {keys}; set it with `pulumi-embedded config set`"
            )
        texts: list[str] = []

        def decrypt_and_keep(ciphertext: str) -> str:
            texts.append(decrypt(ciphertext))
            return texts[-1]

        return ProgramConfig(
            values={key: _text(_decrypted(value, decrypt_and_keep)) for key, value in stored.items()},
            secret_keys=frozenset(key for key, value in stored.items() if _has_secure(value)),
            secret_texts=texts,
        )

    def _defaults(self) -> dict[str, Any]:
        """The values in Pulumi.yaml, by full key."""
        given = {
            self._qualified(key): declared.value if declared.default is None else declared.default
            for key, declared in self._project.config.items()
        }
        return {full: value for full, value in given.items() if value is not None}

    def _check_type(self, key: str, full: str, stored: dict[str, Any], decrypt: Callable[[str], str]) -> None:
        declared = self._project.config[key]
        if declared.type is None:
            return
        if declared.secret and not _has_secure(stored[full]):
            raise ProjectError(f"stack '{self._stack}': the config key '{key}' must be a secret: set it with --secret")
        if not fits(declared.type, declared.items, _decrypted(stored[full], decrypt)):
            raise ProjectError(f"stack '{self._stack}': the config key '{key}' must be of type '{declared.type}'")

    # --- keys ---

    def _qualified(self, key: str) -> str:
        parts = key.split(":")
        if len(parts) == 3 and parts[1] == "config":
            # The old form: aws:config:region.
            parts = [parts[0], parts[2]]
        if len(parts) > 2 or not all(parts):
            raise ProjectError(f"'{key}' is not a config key: use <name> or <namespace>:<name>")
        return key if len(parts) == 2 and ":config:" not in key else ":".join([self._project.name, *parts][-2:])

    def _key(self, key: str, path: bool) -> tuple[str, list[str | int]]:
        end = next((i for i, letter in enumerate(key) if letter in ".["), 0) if path else 0
        try:
            steps = list(property_paths.parse(key))[1:] if end else []
        except property_paths.MalformedPath as error:
            raise ProjectError(f"invalid configuration key: {error}") from error
        if any(isinstance(step, int) and step < 0 for step in steps):
            raise ProjectError(f"invalid configuration key: {key!r} has a negative index")
        return self._qualified(key[:end] if end else key), steps

    def _spelling(self, full: str) -> str:
        """The key as it is written in the file."""
        return next((key for key in self._own_config() if self._qualified(str(key)) == full), full)

    def _config(self) -> dict[str, Any]:
        entries = cast("dict[Any, Any]", self._document.get("config") or {})
        return {self._qualified(str(key)): value for key, value in entries.items()}

    def _own_config(self) -> dict[str, Any]:
        if self._document.get("config") is None:
            self._document["config"] = {}
        return cast("dict[str, Any]", self._document["config"])

    def _inside(self, key: str, container: Any, step: str | int, empty: Any) -> Any:
        inner = _item(container, step)
        if inner is None:
            self._put(key, container, step, empty)
            return empty
        if not _is_container(inner):
            raise ProjectError(f"'{key}' is a path into a value that is neither an object nor a list")
        return inner

    def _put(self, key: str, container: Any, step: str | int, value: Any) -> None:
        if isinstance(container, list):
            items = cast("list[Any]", container)
            if not isinstance(step, int) or step > len(items):
                raise ProjectError(f"'{key}': {step!r} is not an index of a list of {len(items)}")
            items[step : step + 1] = [value]
        elif isinstance(step, int):
            raise ProjectError(f"'{key}': {step} is an index, but the value is an object, not a list")
        elif step == _SECURE and not container and isinstance(value, str):
            raise ProjectError(f"'{key}': an object with the single key '{_SECURE}' is reserved for secrets")
        else:
            container[step] = value


def describe_value(stored: Any, decrypt: Callable[[str], str] | None) -> dict[str, Any]:
    """A stored value as the CLI's JSON: `value` as text, `objectValue` of an object or a list, and `secret`.

    Without `decrypt`, a secret has no `value`.
    """
    secret = _has_secure(stored)
    if secret and decrypt is None:
        return {"secret": True}
    value = _decrypted(stored, decrypt) if decrypt else stored
    described: dict[str, Any] = {"value": _text(value)}
    if isinstance(value, dict | list):
        described["objectValue"] = value
    return described | {"secret": secret}


def _item(container: Any, step: str | int) -> Any:
    if isinstance(container, dict):
        return cast("dict[Any, Any]", container).get(step)
    items = cast("list[Any]", container) if isinstance(container, list) else []
    return items[step] if isinstance(step, int) and step < len(items) else None


def _empty_for(step: str | int) -> Any:
    return [] if isinstance(step, int) else {}


def _is_container(value: object) -> bool:
    return isinstance(value, dict | list) and not _is_secure(cast("object", value))


def _is_secure(value: object) -> bool:
    if not isinstance(value, dict):
        return False
    entries = cast("dict[str, object]", value)
    return len(entries) == 1 and isinstance(entries.get(_SECURE), str)


def _has_secure(value: object) -> bool:
    if _is_secure(value):
        return True
    if isinstance(value, dict):
        return any(_has_secure(item) for item in cast("dict[str, object]", value).values())
    return isinstance(value, list) and any(_has_secure(item) for item in cast("list[object]", value))


def _decrypted(value: Any, decrypt: Callable[[str], str]) -> Any:
    if _is_secure(value):
        return decrypt(value[_SECURE])
    if isinstance(value, dict):
        return {key: _decrypted(item, decrypt) for key, item in cast("dict[str, Any]", value).items()}
    if isinstance(value, list):
        return [_decrypted(item, decrypt) for item in cast("list[Any]", value)]
    return value


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, separators=(",", ":"), sort_keys=True)


def _coerced(text: str) -> Any:
    if text in ("true", "false"):
        return text == "true"
    digits = text.removeprefix("-")
    is_number = digits.isascii() and digits.isdecimal() and (len(text) == 1 or text[0] != "0")
    return int(text) if is_number else as_yaml_string(text)
