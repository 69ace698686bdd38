"""Holds an answer until its client takes it."""

from __future__ import annotations

import socket
import tempfile
from typing import Final

MEMORY_BYTES: Final = 1024 * 1024
STEP_BYTES: Final = 256 * 1024


class Outgoing:
    """The bytes of an answer: in memory up to ``MEMORY_BYTES``, beyond that in a temporary file.

    gunicorn's ``Response`` writes to it as to a socket, and never waits.
    """

    def __init__(self) -> None:
        self._parts: list[bytes] = []
        self._size_bytes = 0
        self._file: tempfile.SpooledTemporaryFile[bytes] | None = None
        self._next = memoryview(b"")

    def sendall(self, data: bytes) -> None:
        """Add ``data`` to the answer."""
        self._size_bytes += len(data)
        if self._file is None and self._size_bytes <= MEMORY_BYTES:
            self._parts.append(data)
            return
        if self._file is None:
            self._file = tempfile.SpooledTemporaryFile(max_size=MEMORY_BYTES)  # noqa: SIM115 - closed by `close`
            self._file.writelines(self._parts)
            self._parts.clear()
        self._file.write(data)

    def finish(self) -> None:
        """End the writing: from now on the answer is sent."""
        self._next = memoryview(b"".join(self._parts))
        self._parts.clear()
        if self._file is not None:
            self._file.seek(0)

    def send_to(self, client: socket.socket) -> bool:
        """Send as much as ``client`` takes without waiting, and tell whether that was all. Raises OSError."""
        while self._next or self._advance():
            try:
                sent = client.send(self._next)
            except BlockingIOError:
                return False
            self._next = self._next[sent:]
        return True

    def _advance(self) -> bool:
        if self._file is not None:
            self._next = memoryview(self._file.read(STEP_BYTES))
        return bool(self._next)

    def close(self) -> None:
        """Forget what was not sent."""
        self._next = memoryview(b"")
        if self._file is not None:
            self._file.close()
            self._file = None
