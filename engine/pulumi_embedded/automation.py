"""The command of the Automation API (`pulumi.automation`): this engine, in place of the Pulumi CLI.

from pulumi import automation
from pulumi_embedded.automation import EmbeddedCommand

options = automation.LocalWorkspaceOptions(pulumi_command=EmbeddedCommand())
stack = automation.create_or_select_stack("dev", project_name="fleet", program=program, opts=options)
"""

from __future__ import annotations

import sys
from pathlib import Path

from pulumi import automation
from semver import VersionInfo

from pulumi_embedded.errors import EngineError
from pulumi_embedded.storage.snapshot import ENGINE_VERSION


class EmbeddedCommand(automation.PulumiCommand):
    """Runs `pulumi-embedded` of the Python environment that this program runs in.

    Raises EngineError if that environment has no command `pulumi-embedded`.
    """

    def __init__(self) -> None:
        path = Path(sys.executable).with_name("pulumi-embedded")
        if not path.exists():
            raise EngineError(f"there is no command {path}: install pulumi-gpufleet for {sys.executable}")
        self.command = str(path)
        self.version = VersionInfo.parse(ENGINE_VERSION.removeprefix("v"))
