"""Runs the user's program in its own process and forwards its output."""

from __future__ import annotations

import asyncio
import contextlib
import json
import signal
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal

from pulumi_embedded.providers.child_process import signal_child, start_child

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping

    from pulumi_embedded.steps.events import Events

EXPLAINED_EXIT_CODE: Final = 32
"""Exit code of a program that failed and has reported why; Pulumi's own language host uses the same."""

_HOST: Final = Path(__file__).with_name("program_host.py")
_CHUNK_BYTES: Final = 1 << 16
_LONGEST_LINE: Final = 1 << 16
_STOP_SECONDS: Final = 2
_FINISH_SECONDS: Final = 10


@dataclass(frozen=True, slots=True)
class ProgramSettings:
    """What the program is told about the deployment."""

    project: str
    stack: str
    organization: str
    root_directory: str
    program: str
    working_directory: str
    monitor: str
    engine: str
    parallel: int
    dry_run: bool
    config: dict[str, str]
    config_secret_keys: list[str]


class Program:
    """The running program."""

    def __init__(self, process: asyncio.subprocess.Process, events: Events) -> None:
        self._process = process
        self._events = events
        self._muted = False
        self._forwarders: list[asyncio.Task[None]] = []

    @classmethod
    async def start(
        cls, python: str, settings: ProgramSettings, environment: Mapping[str, str], events: Events
    ) -> Program:
        """Start the program. The settings contain decrypted config, so they are passed through standard input."""
        process = await start_child(
            [python, "-u", str(_HOST)], environment, settings.working_directory, stdin=asyncio.subprocess.PIPE
        )
        assert process.stdin is not None and process.stdout is not None and process.stderr is not None
        program = cls(process, events)
        program._forwarders = [
            asyncio.create_task(program._forward(process.stdout, "stdout")),
            asyncio.create_task(program._forward(process.stderr, "stderr")),
        ]
        document: dict[str, Any] = {name: getattr(settings, name) for name in settings.__slots__}
        with contextlib.suppress(ConnectionError):
            process.stdin.write(json.dumps(document).encode())
            await process.stdin.drain()
            process.stdin.close()
        return program

    async def _forward(self, reader: asyncio.StreamReader, stream: Literal["stdout", "stderr"]) -> None:
        async for line in lines_of(reader):
            if line.strip() and not self._muted:
                self._events.output(stream, line)

    async def wait(self) -> int:
        """Wait for the exit and for the rest of the output. Returns the exit code; a negative one is a signal."""
        code = await self._process.wait()
        await asyncio.wait(self._forwarders, timeout=_STOP_SECONDS)
        return code

    async def finish(self) -> None:
        """Wait for a program that has declared everything; stop it if it does not exit in time."""
        with contextlib.suppress(asyncio.TimeoutError):
            await asyncio.wait_for(self.wait(), _FINISH_SECONDS)
        await self.stop()

    async def stop(self) -> None:
        """Terminate the program, and kill it if it does not exit; its further output is discarded."""
        self._muted = True
        for number in (None, signal.SIGTERM, signal.SIGKILL):
            if self._process.returncode is None:
                if number is not None:
                    signal_child(self._process, number)
                with contextlib.suppress(asyncio.TimeoutError):
                    await asyncio.wait_for(self._process.wait(), _STOP_SECONDS)
        for forwarder in self._forwarders:
            forwarder.cancel()

    def kill(self) -> None:
        """Kill the program."""
        signal_child(self._process, signal.SIGKILL)


async def lines_of(stream: asyncio.StreamReader) -> AsyncIterator[str]:
    """The lines of a stream; very long ones are split."""
    rest = b""
    while chunk := await stream.read(_CHUNK_BYTES):
        *lines, rest = (rest + chunk).split(b"\n")
        for line in lines:
            yield line.decode(errors="replace").rstrip("\r")
        if len(rest) > _LONGEST_LINE:
            yield rest.decode(errors="replace")
            rest = b""
        # A program that prints megabytes must not block the engine.
        await asyncio.sleep(0)
    if rest:
        yield rest.decode(errors="replace")
