"""A client's connection to a worker."""

from __future__ import annotations

import socket
from typing import Any

from bankapp.api.parking import Stream
from bankapp.serving.exchange import Exchange
from bankapp.serving.framing import IncomingRequest
from bankapp.serving.parking import Wait


class Connection:
    """A client's connection. ``deadline`` (monotonic seconds) bounds what it waits for at the moment.

    ``wait`` is the waiting of its parked request, and ``served_at`` (monotonic seconds) the begin of the last serving.
    """

    __slots__ = ("deadline", "exchange", "incoming", "peer", "served_at", "server", "sock", "wait")

    def __init__(self, sock: socket.socket, peer: Any, server: Any, incoming: IncomingRequest) -> None:
        self.sock = sock
        self.peer = peer
        self.server = server
        self.incoming = incoming
        self.exchange: Exchange | None = None
        self.deadline = 0.0
        self.served_at = 0.0
        self.wait: Wait | None = None

    @property
    def stream(self) -> Stream | None:
        """The event stream that the connection carries, as of its last part."""
        park = self.exchange.park if self.exchange is not None else None
        if park is None and self.wait is not None:
            park = self.wait.park
        return park.stream if park is not None else None
