"""What the engine tells a user when it cannot go on: one line that says what happened and what to do.

EngineError
├── StateError          a state file that cannot be used
│   └── StorageFull     nothing was written: the disk is full or the folder refuses writes
├── LockedError         another engine holds the stack
├── ProjectError        Pulumi.yaml, a stack's config file, or a name in them
└── SecretsError        a passphrase that is missing or wrong, or a secrets provider that is not a passphrase
"""


class EngineError(Exception):
    """A failure with one line for the user; the command line prints it as it is and ends with exit code 255."""


class StateError(EngineError):
    """A state file, an imported deployment or a journal cannot be used, and nothing was changed."""


class StorageFull(StateError):
    """A write of state did not happen (no space, quota, read-only); what stood there before still stands."""


class LockedError(EngineError):
    """The stack is locked by another engine; the message names the owner, the age and what clears the lock."""


class ProjectError(EngineError):
    """Pulumi.yaml, a stack's config file, a stack name or a config key is missing or malformed."""


class SecretsError(EngineError):
    """The passphrase is missing or wrong, a ciphertext is damaged, or the secrets provider is not supported."""
