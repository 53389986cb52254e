"""What a command operates on: the project of the working directory, its backend, and one of its stacks."""

from __future__ import annotations

import functools
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pulumi_embedded.errors import ProjectError, SecretsError, StackNotFound
from pulumi_embedded.storage.backend import FileBackend
from pulumi_embedded.storage.project import Project, load_project, select_stack, selected_stack
from pulumi_embedded.storage.secrets import PASSPHRASE, PassphraseCrypter, blind_crypter_of, crypter_of
from pulumi_embedded.storage.stack_config import StackConfig
from pulumi_embedded.storage.stack_reference import StackReference, backend_folder
from pulumi_embedded.values import Properties

if TYPE_CHECKING:
    from pathlib import Path

    from pulumi_embedded.storage.checkpoint import Crypter
    from pulumi_embedded.storage.snapshot import Snapshot


@dataclass(frozen=True)
class Workspace:
    """A project and the backend that holds its stacks."""

    project: Project
    backend: FileBackend

    @classmethod
    def open(cls, directory: Path) -> Workspace:
        """The workspace of the project that the directory is in. Raises ProjectError."""
        project = load_project(directory)
        return cls(project, FileBackend(backend_folder(project.folder, project.backend_url)))

    def reference(self, name: str) -> StackReference:
        """The stack of this name. Raises ProjectError for one that belongs to another project."""
        return StackReference.parse(name, self.project.name)

    @property
    def selected(self) -> str | None:
        """The name of the selected stack; None if none is selected."""
        return selected_stack(self.project, self.backend.url)

    def stack(self, name: str | None, config_file: Path | None = None) -> Stack:
        """The named stack, or the selected one; `config_file` replaces its config file.

        Raises StackNotFound, or ProjectError if none is named and none is selected.
        """
        name = name or self.selected
        if not name:
            raise ProjectError(
                "no stack selected; please use `pulumi-embedded stack select` to choose one, or pass --stack"
            )
        reference = self.reference(name)
        if not self.backend.exists(reference):
            raise StackNotFound(
                f"no stack named '{reference.name}' found; create it with `pulumi-embedded stack init {reference.name}`"
            )
        return Stack(self, reference, config_file)

    def select(self, reference: StackReference | None) -> None:
        """Make the stack the current one; None leaves no stack selected."""
        select_stack(self.project, self.backend.url, reference.name if reference else None)

    def outputs_of(self, name: str) -> Properties:
        """The outputs of a stack, which is named as in a stack reference. Raises ProjectError if it does not exist.

        The name is `<stack>`, `<organization>/<stack>` or `<organization>/<project>/<stack>`.
        """
        parts = name.split("/")
        if len(parts) == 3:
            reference = StackReference(parts[1], parts[2])
        elif len(parts) == 2:
            reference = StackReference(self.project.name, parts[1])
        else:
            reference = StackReference(self.project.name, name)
        if not self.backend.exists(reference):
            raise ProjectError(f"unknown stack '{name}': it is not in the backend {self.backend.url}")
        snapshot = self.backend.load(reference, crypter_of)
        root = snapshot.root() if snapshot else None
        return root.outputs if root else {}


class Stack:
    """One stack, with its configuration and its secrets."""

    def __init__(self, workspace: Workspace, reference: StackReference, config_file: Path | None = None) -> None:
        self.workspace = workspace
        self.reference = reference
        self.backend = workspace.backend
        self.config = StackConfig(workspace.project, reference.name, config_file)

    @property
    def name(self) -> str:
        """The name of the stack, without its project."""
        return self.reference.name

    def load(self) -> Snapshot | None:
        """The stack's current state; None if nothing was ever deployed. Raises StateError."""
        return self.backend.load(self.reference, crypter_of)

    def load_blindly(self) -> Snapshot | None:
        """The stack's current state with `[secret]` for every secret, for which it needs no passphrase."""
        return self.backend.load(self.reference, blind_crypter_of)

    @functools.cached_property
    def _state_salt(self) -> str | None:
        exported: dict[str, Any] = self.backend.export(self.reference).get("deployment") or {}
        provider: dict[str, Any] = exported.get("secrets_providers") or {}
        state: dict[str, Any] = (provider.get("state") if provider.get("type") == PASSPHRASE else None) or {}
        return state.get("salt")

    @functools.cached_property
    def crypter(self) -> PassphraseCrypter:
        """Encrypts the stack's secrets; a new salt is saved at once. Raises SecretsError."""
        had_salt = self.config.encryption_salt
        crypter = self.config.crypter(self._state_salt)
        if had_salt is None:
            self.config.save()
        return crypter

    def crypter_if_any(self) -> Crypter | None:
        """The crypter; None if there is neither a passphrase nor anything encrypted yet."""
        return self.crypter if self.can_encrypt else None

    @property
    def can_encrypt(self) -> bool:
        """Whether there is a passphrase, or anything encrypted already."""
        given = "PULUMI_CONFIG_PASSPHRASE" in os.environ or "PULUMI_CONFIG_PASSPHRASE_FILE" in os.environ
        return bool(self.config.encryption_salt or self._state_salt) or given

    def decrypt(self, ciphertext: str) -> str:
        """The plaintext of a config secret. Raises SecretsError."""
        if not self.config.encryption_salt:
            raise SecretsError(f"{self.config.path}: contains a secret but no encryptionsalt")
        return self.crypter.decrypt(ciphertext)
