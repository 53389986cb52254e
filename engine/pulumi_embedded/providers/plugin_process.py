"""One plugin process: starts it, connects to the port that it prints, forwards its output and stops it."""

from __future__ import annotations

import asyncio
import contextlib
import signal
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal, TypeAlias

from pulumi_embedded.providers.child_process import signal_child, start_child
from pulumi_embedded.providers.protocol import CHANNEL_OPTIONS, rpc
from pulumi_embedded.providers.provider_api import ProviderError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

OutputStream: TypeAlias = Literal["stdout", "stderr"]
OutputListener: TypeAlias = Callable[[OutputStream, str], None]
"""Called with every line that a plugin prints."""

_START_SECONDS: Final = 60
_STOP_SECONDS: Final = 5
_EXIT_GRACE_SECONDS: Final = 1
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
        cls,
        name: str,
        command: Sequence[str],
        environment: Mapping[str, str],
        directory: Path,
        on_output: OutputListener,
    ) -> PluginProcess:
        """Run the command and connect to the port that it prints. Raises `ProviderError`."""
        process = await start_child(command, environment, directory, longest_line_bytes=_LINE_LIMIT)
        assert process.stdout is not None and process.stderr is not None
        plugin = cls(name, process, rpc.aio.insecure_channel("127.0.0.1:0"))
        errors = asyncio.create_task(plugin._forward(process.stderr, "stderr", on_output))
        plugin._readers.append(errors)
        try:
            line = await asyncio.wait_for(process.stdout.readline(), _START_SECONDS)
            port = int(line)
        except (asyncio.TimeoutError, ValueError):
            await asyncio.wait([errors], timeout=1)
            await plugin.stop()
            output = f": {plugin._last_line}" if plugin._last_line else ""
            raise ProviderError(f"the plugin {name} did not start ({' '.join(command)}){output}") from None
        plugin.channel = rpc.aio.insecure_channel(f"127.0.0.1:{port}", options=CHANNEL_OPTIONS)
        plugin._readers.append(asyncio.create_task(plugin._forward(process.stdout, "stdout", on_output)))
        return plugin

    async def _forward(self, reader: asyncio.StreamReader, stream: OutputStream, on_output: OutputListener) -> None:
        while line := await reader.readline():
            text = line.decode(errors="replace").rstrip("\n")
            if text.strip():
                self._last_line = text
                on_output(stream, text)

    async def has_ended(self) -> bool:
        """Whether the process has exited; waits a moment for one that is about to."""
        with contextlib.suppress(asyncio.TimeoutError):
            await asyncio.wait_for(self._process.wait(), _EXIT_GRACE_SECONDS)
        return self._process.returncode is not None

    def exit_message(self) -> str:
        """One line that says how the process exited and what it printed last."""
        code = self._process.returncode
        how = f"exited with code {code}" if code is None or code >= 0 else f"was killed by {signal.Signals(-code).name}"
        return f"the plugin {self.name} {how}" + (f"; its last output: {self._last_line}" if self._last_line else "")

    def kill(self) -> None:
        """Kill the process."""
        signal_child(self._process, signal.SIGKILL)

    async def stop(self) -> None:
        """Close the channel and terminate the process; kill it if it does not exit in time."""
        await self.channel.close()
        for number in (signal.SIGTERM, signal.SIGKILL):
            if self._process.returncode is None:
                signal_child(self._process, number)
                with contextlib.suppress(asyncio.TimeoutError):
                    await asyncio.wait_for(self._process.wait(), _STOP_SECONDS)
        if self._readers:
            await asyncio.wait(self._readers, timeout=1)
        for reader in self._readers:
            reader.cancel()
