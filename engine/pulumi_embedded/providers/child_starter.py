"""The program that every child process of the engine begins as, so that none outlives the engine, however it ends.

On Linux it asks the kernel for a death signal and becomes the command, which keeps it. Where there is no such signal,
and for a script, whose interpreter would get the signal and not what the script starts, it stays as the command's
parent and reads a pipe that closes when the engine ends; then it kills the whole process group.

    python -I -S child_starter.py <pid of the engine> <number of the pipe> <command>…
"""

from __future__ import annotations

import os
import signal
import sys

_PR_SET_PDEATHSIG = 1
NOT_STARTED = 127
"""The exit code if the command cannot be run, or the engine has ended before it could."""


def main(arguments: list[str]) -> int:
    """Become the command, or wait for it; returns an exit code."""
    engine, pipe, command = int(arguments[0]), int(arguments[1]), arguments[2:]
    signals = sys.platform.startswith("linux") and not _is_script(command[0])
    if signals and _ask_for_death_signal():
        if os.getppid() != engine:
            return NOT_STARTED  # It ended before it could be asked for.
        os.close(pipe)
        return _become(command)
    return _watch(pipe, command)


def _is_script(program: str) -> bool:
    try:
        with open(program, "rb") as file:
            return file.read(2) == b"#!"
    except OSError:
        return False


def _ask_for_death_signal() -> bool:
    try:
        import ctypes

        return ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0) == 0
    except (ImportError, OSError, AttributeError):
        return False


def _become(command: list[str]) -> int:
    try:
        os.execvp(command[0], command)
    except OSError as error:
        print(f"{error.strerror}: {command[0]}", file=sys.stderr)
        return NOT_STARTED


def _watch(pipe: int, command: list[str]) -> int:
    import _thread

    child = os.fork()
    if child == 0:
        os.close(pipe)
        _ask_for_death_signal()  # Where there is one, killing this parent kills the script as well.
        os._exit(_become(command))
    # Signals are sent to the whole process group, so the command gets its own.
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    _thread.start_new_thread(_kill_group_at_end_of, (pipe,))
    return _exit_code(os.waitpid(child, 0)[1])


def _kill_group_at_end_of(pipe: int) -> None:
    os.read(pipe, 1)
    os.killpg(0, signal.SIGKILL)


def _exit_code(status: int) -> int:
    code = os.waitstatus_to_exitcode(status)
    if code < 0:
        if -code != signal.SIGKILL:
            signal.signal(-code, signal.SIG_DFL)
        os.kill(os.getpid(), -code)
    return code


if __name__ == "__main__":
    os._exit(main(sys.argv[1:]))
