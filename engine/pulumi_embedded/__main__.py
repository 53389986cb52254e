"""`python -m pulumi_embedded`, and the command `pulumi-embedded`."""

from __future__ import annotations

import os
import signal
from typing import Final

_INTERRUPTED: Final = 130


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
    from pulumi_embedded.commands.main import main
    from pulumi_embedded.display.stdout import replace_unencodable

    if interruptible:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    replace_unencodable()
    main(prog_name="pulumi-embedded")


if __name__ == "__main__":
    run()
