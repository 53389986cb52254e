"""The engine's errors; the text of each is one line for the user that says what happened and what to do.

EngineError
├── StateError          a state file that cannot be used
│   └── StorageFull     nothing was written: the disk is full or the folder is not writable
├── LockedError         another engine holds the stack
├── ProjectError        Pulumi.yaml, a stack's config file, or a name in them
│   └── StackNotFound   no stack of this name, or one without a state
└── SecretsError        a passphrase that is missing or wrong, or a secrets provider that is not a passphrase
"""


class EngineError(Exception):
    """An error with one line for the user; the command line prints it, and `commands.exit_codes` has its code."""


class StateError(EngineError):
    """A state file, an imported deployment or a journal cannot be used, and nothing was changed."""


class StorageFull(StateError):
    """State could not be written (no space, quota, read-only); the previous file is unchanged."""


class LockedError(EngineError):
    """The stack is locked by another engine; the message names the owner, the age and how to remove the lock."""


class ProjectError(EngineError):
    """Pulumi.yaml, a stack's config file, a stack name or a config key is missing or malformed."""


class StackNotFound(ProjectError):
    """There is no stack of this name, or the stack has no state yet."""


class SecretsError(EngineError):
    """The passphrase is missing or wrong, a ciphertext is damaged, or the secrets provider is not supported."""
