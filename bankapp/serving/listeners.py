"""Refuses new connections on a listening socket while those in its queue can still be accepted."""

from __future__ import annotations

import ctypes
import logging
import socket
import struct
from typing import Any, Final

log = logging.getLogger(__name__)

_SO_ATTACH_FILTER: Final = 26

# A classic BPF program (https://docs.kernel.org/networking/filter.html) over the TCP header: drops packets that have
# the SYN flag, keeps all others. So no handshake begins, and one that has begun is finished.
_DROP_SYN: Final = (
    (0x30, 0, 0, 13),  # ldb [13]      the flags
    (0x45, 0, 1, 0x02),  # jset #2, next, +1
    (0x06, 0, 0, 0),  # ret #0        drop
    (0x06, 0, 0, 0xFFFFFFFF),  # ret #-1       keep
)


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
