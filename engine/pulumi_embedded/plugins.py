"""Starts provider plugins: finds the binary, runs it, reads the port that it prints, and forwards what else it says.

`pulumi-python` is the SDK's own server for dynamic providers, run with the program's Python. Other packages are
binaries named `pulumi-resource-<package>`, on PATH or in Pulumi's plugin folder; `random` is built in where its binary
is not.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import shutil
import signal
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from .builtin_provider import BuiltinProvider
from .plugin_client import PluginProvider
from .protocol import CHANNEL_OPTIONS, rpc
from .provider_api import Provider, ProviderError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from .events import Events, Severity

DYNAMIC_PACKAGE: Final = "pulumi-python"
BUILTIN_PACKAGE: Final = "pulumi"

_START_SECONDS: Final = 60
_STOP_SECONDS: Final = 5
_LAST_BREATH_SECONDS: Final = 1
_LINE_LIMIT: Final = 16 * 1024 * 1024


class PluginProcess:
    """A running plugin and the channel to it."""

    def __init__(self, name: str, process: asyncio.subprocess.Process, channel: Any) -> None:
        self.name = name
        self.channel = channel
        self._process = process
        self._last_line = ""
        self._readers: list[asyncio.Task[None]] = []

    @classmethod
    async def start(
        cls, name: str, command: Sequence[str], environment: Mapping[str, str], directory: Path, events: Events
    ) -> PluginProcess:
        """Run the command and connect to the port that it prints. Raises `ProviderError`."""
        try:
            # Its own session: a Ctrl-C in the terminal must reach the plugin as a call of Cancel, not as a signal.
            process = await asyncio.create_subprocess_exec(
                *command,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.PIPE,
                env=dict(environment),
                cwd=directory,
                limit=_LINE_LIMIT,
                start_new_session=True,
            )
        except OSError as error:
            raise ProviderError(f"the plugin {name} did not start: {error.strerror}: {command[0]}") from None
        assert process.stdout is not None and process.stderr is not None
        plugin = cls(name, process, rpc.aio.insecure_channel("127.0.0.1:0"))
        errors = asyncio.create_task(plugin._forward(process.stderr, events, "info#err"))
        plugin._readers.append(errors)
        try:
            line = await asyncio.wait_for(process.stdout.readline(), _START_SECONDS)
            port = int(line)
        except (asyncio.TimeoutError, ValueError):
            await asyncio.wait([errors], timeout=1)
            await plugin.stop()
            said = f": {plugin._last_line}" if plugin._last_line else ""
            raise ProviderError(f"the plugin {name} did not start ({' '.join(command)}){said}") from None
        plugin.channel = rpc.aio.insecure_channel(f"127.0.0.1:{port}", options=CHANNEL_OPTIONS)
        plugin._readers.append(asyncio.create_task(plugin._forward(process.stdout, events, "info")))
        return plugin

    async def _forward(self, stream: asyncio.StreamReader, events: Events, severity: Severity) -> None:
        from .events import Diagnostic

        while line := await stream.readline():
            text = line.decode(errors="replace").rstrip("\n")
            if text.strip():
                self._last_line = text
                events.emit(Diagnostic(severity, text))

    async def has_ended(self) -> bool:
        """Whether the process is gone; one that is about to go gets a moment for it."""
        with contextlib.suppress(asyncio.TimeoutError):
            await asyncio.wait_for(self._process.wait(), _LAST_BREATH_SECONDS)
        return self._process.returncode is not None

    def obituary(self) -> str:
        """What to tell about a plugin that died."""
        code = self._process.returncode
        how = f"with code {code}" if code is None or code >= 0 else f"by {signal.Signals(-code).name}"
        return f"the plugin {self.name} ended {how}" + (f"; it last said: {self._last_line}" if self._last_line else "")

    def kill(self) -> None:
        """End the process at once."""
        if self._process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                self._process.kill()

    async def stop(self) -> None:
        """End the process: politely, then not."""
        await self.channel.close()
        for ask in (self._process.terminate, self._process.kill):
            if self._process.returncode is None:
                with contextlib.suppress(ProcessLookupError):
                    ask()
                with contextlib.suppress(asyncio.TimeoutError):
                    await asyncio.wait_for(self._process.wait(), _STOP_SECONDS)
        if self._readers:
            await asyncio.wait(self._readers, timeout=1)
        for reader in self._readers:
            reader.cancel()


@dataclass(slots=True)
class PluginHost:
    """All plugins of one deployment."""

    python: str
    """The program's Python, which runs dynamic providers too."""
    directory: Path
    environment: dict[str, str]
    events: Events
    builtin: BuiltinProvider
    engine_address: str = ""
    providers: list[Provider] = field(default_factory=list[Provider])
    processes: list[PluginProcess] = field(default_factory=list[PluginProcess])

    async def load(self, package: str, version: str) -> Provider:
        """A fresh, unconfigured provider for the package. Raises `ProviderError` that names what to install."""
        provider = await self._load(package, version)
        self.providers.append(provider)
        return provider

    async def _load(self, package: str, version: str) -> Provider:
        if package == BUILTIN_PACKAGE:
            return self.builtin
        if package == DYNAMIC_PACKAGE:
            return await self._start(package, [self.python, "-u", "-m", "pulumi.dynamic", self.engine_address])
        binary = find_binary(package, version)
        if binary is not None:
            return await self._start(package, [str(binary), self.engine_address])
        if package == "random":
            from .random_provider import RandomProvider

            return RandomProvider()
        what = f"{package} {version}".strip()
        raise ProviderError(
            f"the package {what} needs the plugin pulumi-resource-{package}, which is neither on PATH nor in "
            f"{plugin_folder()}; install it with `pulumi plugin install resource {what}`, or put the binary on PATH"
        )

    async def _start(self, package: str, command: Sequence[str]) -> Provider:
        process = await PluginProcess.start(package, command, self.environment, self.directory, self.events)
        self.processes.append(process)
        provider = PluginProvider(process, self.engine_address)
        await provider.handshake()
        return provider

    async def cancel(self) -> None:
        """Ask every provider to end what it does."""
        await asyncio.gather(*(provider.cancel() for provider in self.providers))

    def kill(self) -> None:
        """End every plugin at once."""
        for process in self.processes:
            process.kill()

    async def close(self) -> None:
        """End every plugin."""
        await asyncio.gather(*(provider.close() for provider in self.providers))
        self.providers.clear()


def plugin_folder() -> Path:
    """Where Pulumi keeps plugins."""
    home = os.environ.get("PULUMI_HOME")
    return (Path(home) if home else Path.home() / ".pulumi") / "plugins"


def find_binary(package: str, version: str) -> Path | None:
    """The plugin's binary: on PATH, else this version (or, without one, the newest) from Pulumi's plugin folder."""
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
