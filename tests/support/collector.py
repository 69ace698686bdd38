"""A log collector that can stop reading: the server writes to a pipe, and a thread copies the pipe to a file."""

from __future__ import annotations

import fcntl
import os
import sys
import termios
from pathlib import Path
from threading import Event, Thread
from types import TracebackType
from typing import Self


class Collector:
    """Copies what is written to :attr:`writes` to a file, except while it is paused."""

    def __init__(self, file: Path) -> None:
        self._reads, self.writes = os.pipe()
        self._file = file
        self._may_read = Event()
        self._may_read.set()
        self._thread = Thread(target=self._copy)

    def pause(self) -> None:
        self._may_read.clear()

    def resume(self) -> None:
        self._may_read.set()

    @property
    def waiting_bytes(self) -> int:
        """How much of what was written is still in the pipe."""
        answer = fcntl.ioctl(self._reads, termios.FIONREAD, b"\0" * 4)
        return int.from_bytes(answer, sys.byteorder)

    def _copy(self) -> None:
        with self._file.open("ab", buffering=0) as file:
            while data := os.read(self._reads, 4096):
                file.write(data)
                self._may_read.wait()

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        self.resume()
        os.close(self.writes)
        self._thread.join()
        os.close(self._reads)
