"""What a deployment is started with and what it returns: the stack and its program, and the outcome."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from pulumi_embedded.deployment.language import ProgramSettings
from pulumi_embedded.values import Properties, PropertyValue, Secret

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from pulumi_embedded.deployment.toolchain import Toolchain
    from pulumi_embedded.providers.builtin_provider import StackOutputs
    from pulumi_embedded.steps.events import Result
    from pulumi_embedded.steps.options import Options
    from pulumi_embedded.storage.project_keys import ProjectPlugin

Kind = Literal["update", "refresh", "destroy", "resource-import"]


@dataclass(slots=True)
class Target:
    """The stack to deploy, with its config and its program."""

    stack: str
    project: str
    organization: str
    config: dict[str, str | Secret]
    """Decrypted, by `<namespace>:<name>`; objects as their JSON."""
    root_directory: Path
    program_directory: Path
    program: Path
    toolchain: Toolchain
    environment: dict[str, str]
    stack_outputs: StackOutputs
    client: str = ""
    """The gRPC address of the driver that runs an inline program; empty for a program that the engine starts."""
    disabled_default_providers: frozenset[str] = frozenset()
    secret_texts: Sequence[str] = ()
    """The plaintexts of the secret config, which are not shown wherever they stand."""
    plugins: Sequence[ProjectPlugin] = ()
    """The provider plugins that Pulumi.yaml names."""

    def shown_config(self) -> dict[str, str]:
        """The config with `[secret]` for secrets."""
        return {key: "[secret]" if isinstance(value, Secret) else value for key, value in self.config.items()}

    def program_settings(self, engine_address: str, options: Options) -> ProgramSettings:
        """What the program's process is started with; the config in it is decrypted."""
        return ProgramSettings(
            project=self.project,
            stack=self.stack,
            organization=self.organization,
            root_directory=str(self.root_directory),
            program=str(self.program),
            working_directory=str(self.program_directory),
            monitor=engine_address,
            engine=engine_address,
            parallel=options.parallel,
            dry_run=options.preview,
            config={key: str(v.element) if isinstance(v, Secret) else v for key, v in self.config.items()},
            config_secret_keys=[key for key, value in self.config.items() if isinstance(value, Secret)],
        )


@dataclass(slots=True)
class Outcome:
    """The result of a deployment."""

    result: Result
    changes: dict[str, int]
    duration_seconds: float
    outputs: Properties = field(default_factory=dict[str, PropertyValue])
    """The outputs of the stack."""
