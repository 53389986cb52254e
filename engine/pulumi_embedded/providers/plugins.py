"""Finds and starts the provider of a package: the SDK's own server, a plugin binary, or a built-in provider.

`pulumi-python` is the SDK's own server for dynamic providers, run with the program's Python. Other packages are
binaries named `pulumi-resource-<package>`, on PATH or in Pulumi's plugin folder; without its binary, `random` is
built in.
"""

from __future__ import annotations

import asyncio
import os
import re
import shutil
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final

from pulumi_embedded.providers.builtin_provider import BuiltinProvider
from pulumi_embedded.providers.plugin_client import PluginProvider
from pulumi_embedded.providers.plugin_process import PluginProcess
from pulumi_embedded.providers.provider_api import Provider, ProviderError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pulumi_embedded.providers.plugin_process import OutputListener
    from pulumi_embedded.storage.project_keys import ProjectPlugin

DYNAMIC_PACKAGE: Final = "pulumi-python"
BUILTIN_PACKAGE: Final = "pulumi"


@dataclass(slots=True)
class PluginHost:
    """All plugins of one deployment."""

    python: str
    """The program's Python, which runs dynamic providers too."""
    directory: Path
    environment: dict[str, str]
    on_output: OutputListener
    builtin: BuiltinProvider
    plugins: Sequence[ProjectPlugin] = ()
    """Those that Pulumi.yaml names, which go before all others."""
    engine_address: str = ""
    providers: list[Provider] = field(default_factory=list[Provider])
    processes: list[PluginProcess] = field(default_factory=list[PluginProcess])

    async def load(self, package: str, version: str) -> Provider:
        """Start an unconfigured provider for the package. Raises `ProviderError` that names the plugin to install."""
        provider = await self._load(package, version)
        self.providers.append(provider)
        return provider

    async def _load(self, package: str, version: str) -> Provider:
        if package == BUILTIN_PACKAGE:
            return self.builtin
        if package == DYNAMIC_PACKAGE:
            return await self._start(package, [self.python, "-u", "-m", "pulumi.dynamic", self.engine_address])
        binary = self._of_project(package, version) or find_binary(package, version)
        if binary is not None:
            return await self._start(package, [str(binary), self.engine_address])
        if package == "random":
            from pulumi_embedded.providers.random_provider import RandomProvider

            return RandomProvider()
        what = f"{package} {version}".strip()
        raise ProviderError(
            f"the package {what} needs the plugin pulumi-resource-{package}, which is neither on PATH nor in "
            f"{plugin_folder()}; install it with `pulumi plugin install resource {what}`, or put the binary on PATH"
        )

    def _of_project(self, package: str, version: str) -> Path | None:
        for plugin in self.plugins:
            if plugin.name == package and (not plugin.version or not version or plugin.version == version):
                return plugin.folder / f"pulumi-resource-{package}"
        return None

    async def _start(self, package: str, command: Sequence[str]) -> Provider:
        process = await PluginProcess.start(package, command, self.environment, self.directory, self.on_output)
        self.processes.append(process)
        provider = PluginProvider(process, self.engine_address)
        await provider.handshake()
        return provider

    async def cancel(self) -> None:
        """Ask every provider to cancel its operations."""
        await asyncio.gather(*(provider.cancel() for provider in self.providers))

    def kill(self) -> None:
        """Kill every plugin."""
        for process in self.processes:
            process.kill()

    async def close(self) -> None:
        """Stop every plugin."""
        await asyncio.gather(*(provider.close() for provider in self.providers))
        self.providers.clear()


def plugin_folder() -> Path:
    """The folder of Pulumi's plugins."""
    home = os.environ.get("PULUMI_HOME")
    return (Path(home) if home else Path.home() / ".pulumi") / "plugins"


def find_binary(package: str, version: str) -> Path | None:
    """The plugin's binary: on PATH, or this version (the newest, if none is given) in the plugin folder; else None."""
    name = f"pulumi-resource-{package}"
    found = shutil.which(name)
    if found:
        return Path(found)
    prefix = f"resource-{package}-v"
    candidates: list[tuple[list[int], Path]] = []
    folder = plugin_folder()
    for entry in folder.iterdir() if folder.is_dir() else ():
        binary = entry / name
        if entry.name.startswith(prefix) and binary.is_file():
            candidates.append(([int(n) for n in re.findall(r"\d+", entry.name.removeprefix(prefix))], binary))
            if entry.name == prefix + version:
                return binary
    return max(candidates, key=lambda candidate: candidate[0])[1] if candidates and not version else None
