"""Passphrase encryption of secrets, in the format of the Pulumi CLI.

A ciphertext is `v1:<nonce>:<data>`, AES-256-GCM with a 12-byte nonce. The key is PBKDF2-SHA256 of the passphrase with
1,000,000 rounds and an 8-byte salt. The salt is stored as `v1:<salt>:v1:<nonce>:<data>`, in `encryptionsalt` of the
stack's config file and in the state; the part after the salt decrypts to `pulumi`, by which a wrong passphrase is
detected. Salt, nonce and data are base64.
"""

from __future__ import annotations

import base64
import binascii
import functools
import hashlib
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from pulumi_embedded.errors import SecretsError

if TYPE_CHECKING:
    from collections.abc import Mapping

PASSPHRASE = "passphrase"

_ROUNDS = 1_000_000
_KEY_BYTES = 32
_SALT_BYTES = 8
_NONCE_BYTES = 12
_CHECK_VALUE = "pulumi"


class PassphraseCrypter:
    """Encrypts and decrypts the secrets of one stack; may be shared by threads."""

    provider_type = PASSPHRASE

    def __init__(self, salt_state: str, key: bytes) -> None:
        self.salt_state = salt_state
        self._cipher = AESGCM(key)

    @classmethod
    def create(cls, passphrase: str) -> PassphraseCrypter:
        """A crypter with a new salt, for a stack that has none yet."""
        salt = os.urandom(_SALT_BYTES)
        key = _derive_key(passphrase, salt)
        check = cls("", key).encrypt(_CHECK_VALUE)
        return cls(f"v1:{_base64(salt)}:{check}", key)

    @classmethod
    def unlock(cls, salt_state: str, passphrase: str) -> PassphraseCrypter:
        """The crypter of an existing salt; raises SecretsError if the passphrase is wrong."""
        version, salt, check = _split(salt_state, "encryption salt")
        if version != "v1":
            raise SecretsError(f"the encryption salt has the unknown version {version!r}; only v1 is supported")
        crypter = cls(salt_state, _derive_key(passphrase, _unbase64(salt, "encryption salt")))
        if crypter._open(check) != _CHECK_VALUE:
            raise SecretsError(
                "incorrect passphrase: PULUMI_CONFIG_PASSPHRASE (or PULUMI_CONFIG_PASSPHRASE_FILE) is not the one "
                "that this stack was encrypted with"
            )
        return crypter

    @property
    def provider_state(self) -> dict[str, str]:
        """The settings in `secrets_providers.state` of a deployment."""
        return {"salt": self.salt_state}

    def encrypt(self, plaintext: str) -> str:
        """A ciphertext `v1:<nonce>:<data>`, different for every call."""
        nonce = os.urandom(_NONCE_BYTES)
        data = self._cipher.encrypt(nonce, plaintext.encode(), None)
        return f"v1:{_base64(nonce)}:{_base64(data)}"

    def decrypt(self, ciphertext: str) -> str:
        """The plaintext; raises SecretsError for a ciphertext of another key or a damaged one."""
        plaintext = self._open(ciphertext)
        if plaintext is None:
            raise SecretsError(
                "a secret cannot be decrypted: it is damaged or was encrypted with another passphrase or salt"
            )
        return plaintext

    def _open(self, ciphertext: str) -> str | None:
        version, nonce, data = _split(ciphertext, "secret")
        if version != "v1":
            raise SecretsError(f"a secret has the unknown version {version!r}; only v1 is supported")
        try:
            return self._cipher.decrypt(_unbase64(nonce, "secret"), _unbase64(data, "secret"), None).decode()
        except (InvalidTag, ValueError):
            return None


class BlindCrypter:
    """Reads every secret as `[secret]`: what is not to be shown is not decrypted, and needs no passphrase."""

    provider_type = PASSPHRASE

    @property
    def provider_state(self) -> dict[str, str]:
        """No settings."""
        return {}

    def encrypt(self, plaintext: str) -> str:
        """Raises SecretsError: a state that was read blindly is not written."""
        raise SecretsError("a state that was read without its secrets cannot be written")

    def decrypt(self, ciphertext: str) -> str:
        """The JSON of `[secret]`."""
        return '"[secret]"'


def blind_crypter_of(provider_type: str, provider_state: Any) -> BlindCrypter:
    """The blind crypter of any secrets provider."""
    return BlindCrypter()


def passphrase_from_environment(environment: Mapping[str, str] = os.environ) -> str:
    """The passphrase in PULUMI_CONFIG_PASSPHRASE, or in the file that PULUMI_CONFIG_PASSPHRASE_FILE names.

    An empty passphrase is valid, as in the CLI. Raises SecretsError if neither variable is set.
    """
    if (passphrase := environment.get("PULUMI_CONFIG_PASSPHRASE")) is not None:
        return passphrase
    if path := environment.get("PULUMI_CONFIG_PASSPHRASE_FILE"):
        try:
            return Path(path).read_text().strip()
        except (OSError, UnicodeDecodeError) as error:
            reason = error.strerror if isinstance(error, OSError) else "not a text file"
            raise SecretsError(f"PULUMI_CONFIG_PASSPHRASE_FILE: {path}: {reason}") from error
    raise SecretsError(
        "passphrase must be set with the environment variable PULUMI_CONFIG_PASSPHRASE or PULUMI_CONFIG_PASSPHRASE_FILE"
    )


def crypter_of(provider_type: str, provider_state: Any) -> PassphraseCrypter:
    """The crypter of a deployment's `secrets_providers`, unlocked with the passphrase in the environment.

    Raises SecretsError for every provider but `passphrase`.
    """
    if provider_type != PASSPHRASE:
        raise SecretsError(
            f"the state is encrypted with the secrets provider {provider_type!r}, and only a passphrase is supported "
            "here; run `pulumi stack change-secrets-provider passphrase` with the Pulumi CLI first"
        )
    state = cast("dict[str, Any]", provider_state) if isinstance(provider_state, dict) else {}
    salt = state.get("salt")
    if not isinstance(salt, str):
        raise SecretsError("the state has the secrets provider `passphrase` without a salt")
    return PassphraseCrypter.unlock(salt, passphrase_from_environment())


@functools.lru_cache(maxsize=16)
def _derive_key(passphrase: str, salt: bytes) -> bytes:
    # Takes about half a second, and every command needs it once per salt.
    return hashlib.pbkdf2_hmac("sha256", passphrase.encode(), salt, _ROUNDS, _KEY_BYTES)


def _split(text: str, what: str) -> tuple[str, str, str]:
    parts = text.split(":", 2)
    if len(parts) != 3:
        raise SecretsError(f"malformed {what}: expected three parts separated by colons")
    return parts[0], parts[1], parts[2]


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def _unbase64(text: str, what: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise SecretsError(f"malformed {what}: not base64") from error
