"""Stands for one process of the warm Python: hands over what it was started with, and ends as that process ends.

It runs without the site packages and imports nothing that would take time.
"""

import _socket
import marshal
import os
import sys

# SETTINGS
_SOL_SOCKET, _SCM_RIGHTS = _socket.SOL_SOCKET, _socket.SCM_RIGHTS


def main() -> int:
    arguments = sys.argv[1:]
    words = arguments[1:] if arguments[:1] == ["-u"] else arguments
    if not words or (words[0].startswith("-") and words[0] != "-m") or "PYTHONPATH" in os.environ:
        os.execv(FRESH_PYTHON, [FRESH_PYTHON, *arguments])  # noqa: F821
    request = marshal.dumps((words, len(words) < len(arguments), os.getcwd(), dict(os.environ)))
    server = _socket.socket(_socket.AF_UNIX, _socket.SOCK_STREAM)
    server.connect(SOCKET)  # noqa: F821
    streams = b"".join(fd.to_bytes(4, sys.byteorder) for fd in (0, 1, 2))
    sent = server.sendmsg([len(request).to_bytes(4, "big")], [(_SOL_SOCKET, _SCM_RIGHTS, streams)])
    assert sent == 4
    server.sendall(request)
    answer = server.recv(4)
    if len(answer) < 4:
        sys.exit("the server of the warm Python is gone")
    code = int.from_bytes(answer, "big", signed=True)
    if code < 0:
        os.kill(os.getpid(), -code)
    return code


os._exit(main())
