"""`python -m pulumi_embedded`, and the command `pulumi-embedded`."""

from __future__ import annotations

import importlib.util
import os
import signal
import sys
from typing import Final

_INTERRUPTED: Final = 130


_OF_UNIX: Final = ("fcntl", "pwd")
_OF_THE_EXTRA: Final = ("bcrypt", "click", "cryptography", "rich", "ruamel", "semver")


def _cannot_run_without(module: str) -> str:
    if module in _OF_UNIX:
        return (
            f"error: pulumi-embedded runs on Linux and macOS, not on {sys.platform}: Python has no {module} here. "
            "Use the Pulumi CLI"
        )
    return f"error: pulumi-embedded needs {module}: install it with `pip install 'pulumi-gpufleet[embedded]'`"


def run() -> None:
    """Run the command line. An interrupt while it is still being imported ends in one line."""

    def interrupt(*_: object) -> None:
        # An exception would surface as the traceback of whichever module is being imported.
        os.write(2, b"error: interrupted before anything was done\n")
        os._exit(_INTERRUPTED)

    # In the background of a shell script, interrupts are ignored, and stay so.
    interruptible = signal.getsignal(signal.SIGINT) is signal.default_int_handler
    if interruptible:
        signal.signal(signal.SIGINT, interrupt)
    for module in (*_OF_UNIX, *_OF_THE_EXTRA):
        # Some are imported when they are needed, which is too late for a user to hear of it.
        if importlib.util.find_spec(module) is None:
            sys.exit(_cannot_run_without(module))
    from pulumi_embedded.commands.main import main
    from pulumi_embedded.display.stdout import replace_unencodable

    if interruptible:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    replace_unencodable()
    main(prog_name="pulumi-embedded")


if __name__ == "__main__":
    run()
