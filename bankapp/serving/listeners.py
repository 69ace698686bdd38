"""The listening sockets: whether their addresses are free at the start, and how they close at the end."""

from __future__ import annotations

import contextlib
import ctypes
import errno
import logging
import socket
import struct
import time
from collections.abc import Iterable
from typing import Any, Final

log = logging.getLogger(__name__)

_WAIT_SECONDS: Final = 5

_SO_ATTACH_FILTER: Final = 26

# A classic BPF program (https://docs.kernel.org/networking/filter.html) over the TCP header: drops packets that have
# the SYN flag, keeps all others. So no handshake begins, and one that has begun is finished.
_DROP_SYN: Final = (
    (0x30, 0, 0, 13),  # ldb [13]      the flags
    (0x45, 0, 1, 0x02),  # jset #2, next, +1
    (0x06, 0, 0, 0),  # ret #0        drop
    (0x06, 0, 0, 0xFFFFFFFF),  # ret #-1       keep
)


class AddressTaken(Exception):
    """The server cannot listen on an address. The message is one line that names it."""


def demand_free(addresses: Iterable[Any]) -> None:
    """Check that the server can listen on ``addresses``; those that are not (host, port) are left to gunicorn.

    It waits up to five seconds for the end of a server before. So does gunicorn, but with ten lines in the log.
    Raises AddressTaken.
    """
    deadline = time.monotonic() + _WAIT_SECONDS
    for address in addresses:
        while isinstance(address, tuple) and (problem := _problem_of(address)):
            if problem.errno != errno.EADDRINUSE or time.monotonic() > deadline:
                raise AddressTaken(f"cannot listen on {address[0]} port {address[1]}: {problem.strerror}") from problem
            time.sleep(0.1)


def _problem_of(address: tuple[Any, ...]) -> OSError | None:
    family = socket.AF_INET6 if ":" in address[0] else socket.AF_INET
    with contextlib.closing(socket.socket(family, socket.SOCK_STREAM)) as candidate:
        candidate.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            candidate.bind(address)
            # Another socket may be bound to the address, too, but only one may listen.
            candidate.listen()
        except OSError as problem:
            return problem
    return None


def stop_new_connections(listener: Any) -> None:
    """Make the kernel drop every new connection to ``listener``, in all processes that share it.

    A client whose connection attempt is dropped tries again after a second and is then refused, or served by the next
    server on that port. Where the kernel has no such filter, the listener stays as it is.
    """
    if listener.family not in (socket.AF_INET, socket.AF_INET6):
        return
    code = b"".join(struct.pack("HBBI", *step) for step in _DROP_SYN)
    buffer = ctypes.create_string_buffer(code, len(code))
    program = struct.pack("HP", len(_DROP_SYN), ctypes.addressof(buffer))
    try:
        listener.setsockopt(socket.SOL_SOCKET, _SO_ATTACH_FILTER, program)
    except OSError as problem:
        log.info("new connections cannot be filtered: %s", problem.strerror)
