"""Standard output for logs that never waits for its reader (decision 0018).

A line is written at once if the reader leaves room for it. Otherwise it waits in memory, in order, for a thread that
lives as long as lines wait. Beyond ``LIMIT_BYTES`` new lines are lost, counted and reported.
"""

from __future__ import annotations

import atexit
import io
import logging
import os
import select
import socket
import stat
import threading
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from typing import Final, TextIO

LIMIT_BYTES: Final = 4 * 1024 * 1024
"""So much of the log waits in the memory of each process."""
EXIT_SECONDS: Final = 2.0
"""So long a process that ends waits for the reader."""

_STDERR: Final = 2

log = logging.getLogger(__name__)


def without_waiting(output: TextIO) -> TextIO | NonBlockingOutput:
    """Return an output to the file of ``output`` that does not wait for a reader.

    Returns ``output`` itself for a file or terminal, and for a pipe that this process may not open anew.
    """
    if isinstance(output, NonBlockingOutput):
        return output
    descriptor = output.fileno()
    mode = os.fstat(descriptor).st_mode
    if stat.S_ISSOCK(mode):
        stream = socket.socket(fileno=os.dup(descriptor))
        return NonBlockingOutput(stream.fileno(), lambda line: stream.send(line, socket.MSG_DONTWAIT))
    if stat.S_ISFIFO(mode):
        # Opened anew, because O_NONBLOCK on the given descriptor would hold for every process that shares it.
        with suppress(OSError):
            pipe = os.open(f"/proc/self/fd/{descriptor}", os.O_WRONLY | os.O_NONBLOCK | os.O_CLOEXEC)
            return NonBlockingOutput(pipe, lambda line: os.write(pipe, line))
    return output


class NonBlockingOutput(io.TextIOBase):
    """Text output to a pipe or socket. ``send`` writes what there is room for, or raises BlockingIOError.

    ``on_loss`` is called for each lost line.
    """

    def __init__(self, descriptor: int, send: Callable[[bytes], int], limit_bytes: int = LIMIT_BYTES) -> None:
        self._descriptor = descriptor
        self._send = send
        self._limit_bytes = limit_bytes
        self.on_loss: Callable[[], None] = lambda: None
        self._begin()
        # A forked process has neither the thread nor a part in the lines that wait.
        os.register_at_fork(after_in_child=self._begin)
        atexit.register(self._end)

    def _begin(self) -> None:
        self._lock = threading.Lock()
        self._waiting: deque[bytes] = deque()
        self._waiting_bytes = 0
        self._lost = 0
        self._writer: threading.Thread | None = None

    def write(self, text: str) -> int:
        """Write ``text``, or keep it for later. Raises OSError when the reader is gone."""
        line = text.encode(errors="backslashreplace")
        with self._lock:
            rest = line if self._waiting else line[self._sent(line) :]
            if rest:
                self._keep(rest)
        return len(text)

    def _sent(self, line: bytes) -> int:
        try:
            return self._send(line)
        except BlockingIOError:
            return 0

    def _keep(self, line: bytes) -> None:
        # What is left of a line that has begun must follow, so the first one is always kept.
        if self._waiting and self._waiting_bytes + len(line) > self._limit_bytes:
            self._lost += 1
            self.on_loss()
            return
        self._waiting.append(line)
        self._waiting_bytes += len(line)
        if self._writer is None:
            self._writer = threading.Thread(target=self._write_waiting, name="log output", daemon=True)
            self._writer.start()

    def _write_waiting(self) -> None:
        room = select.poll()
        room.register(self._descriptor, select.POLLOUT)
        lost = None
        while lost is None:
            room.poll(1000)
            with self._lock:
                if self._write_some():
                    self._writer = None
                    lost, self._lost = self._lost, 0
        if lost:
            log.error("%s lines of the log were lost, because standard output was not read", lost)

    def _write_some(self) -> bool:
        """Write waiting lines while there is room; tell whether none is left."""
        try:
            while self._waiting:
                line = self._waiting[0]
                sent = self._sent(line)
                self._waiting_bytes -= sent
                if sent < len(line):
                    self._waiting[0] = line[sent:]
                    return False
                self._waiting.popleft()
        except OSError:
            # The reader is gone; the next line says so.
            self._lost += len(self._waiting)
            self._waiting.clear()
            self._waiting_bytes = 0
        return True

    def _end(self) -> None:
        writer = self._writer
        if writer is not None:
            writer.join(EXIT_SECONDS)
        lost = len(self._waiting) + self._lost
        if lost and select.select([], [_STDERR], [], 0)[1]:
            message = f"bankapp: {lost} lines of the log were lost, because standard output was not read\n"
            os.write(_STDERR, message.encode())

    def fileno(self) -> int:
        """Return the descriptor."""
        return self._descriptor

    def writable(self) -> bool:
        """Return True."""
        return True
