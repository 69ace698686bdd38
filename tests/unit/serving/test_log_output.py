"""The log's output keeps lines for a reader that is slow, in order, up to a limit."""

from __future__ import annotations

import io
import os
import socket
import threading
from collections.abc import Iterator

import pytest

from bankapp.serving import log_output
from bankapp.serving.log_output import NonBlockingOutput
from tests.support.servers import until

LINE = "x" * 999 + "\n"


@pytest.fixture
def pipe() -> Iterator[tuple[int, io.TextIOWrapper]]:
    reads, writes = os.pipe()
    with open(writes, "w", encoding="utf-8") as text:  # noqa: PTH123 - a descriptor has no path
        yield reads, text
    os.close(reads)


def output_to(text: io.TextIOWrapper, limit_bytes: int) -> NonBlockingOutput:
    output = log_output.without_waiting(text)
    assert isinstance(output, NonBlockingOutput)
    output._limit_bytes = limit_bytes
    return output


def read_lines(reads: int, count: int) -> list[str]:
    received = b""
    while received.count(b"\n") < count:
        received += os.read(reads, 65_536)
    return received.decode().splitlines(keepends=True)


def test_lines_wait_for_the_reader_and_keep_their_order(pipe: tuple[int, io.TextIOWrapper]) -> None:
    reads, text = pipe
    output = output_to(text, limit_bytes=10_000_000)
    lines = [f"{number} {LINE}" for number in range(500)]
    for line in lines:
        output.write(line)
    assert read_lines(reads, len(lines)) == lines
    # The thread has ended, and later lines are written at once.
    until(lambda: not [thread for thread in threading.enumerate() if thread.name == "log output"])
    output.write("last\n")
    assert os.read(reads, 100) == b"last\n"


def test_a_line_that_has_begun_is_completed(pipe: tuple[int, io.TextIOWrapper]) -> None:
    reads, text = pipe
    output = output_to(text, limit_bytes=0)
    long = "y" * 200_000 + "\n"
    output.write(long)
    assert read_lines(reads, 1) == [long]


def test_lines_beyond_the_limit_are_counted_and_reported(
    pipe: tuple[int, io.TextIOWrapper], caplog: pytest.LogCaptureFixture
) -> None:
    reads, text = pipe
    output = output_to(text, limit_bytes=10 * len(LINE))
    counted: list[None] = []
    output.on_loss = lambda: counted.append(None)
    for _ in range(200):
        output.write(LINE)
    kept = 200 - len(counted)
    assert 0 < len(counted) < 200
    assert read_lines(reads, kept) == [LINE] * kept
    until(lambda: caplog.messages != [])
    assert caplog.messages == [f"{len(counted)} lines of the log were lost, because standard output was not read"]


def test_a_socket_is_written_without_waiting(pipe: tuple[int, io.TextIOWrapper]) -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs, ours.makefile("w") as text:
        output = log_output.without_waiting(text)
        assert isinstance(output, NonBlockingOutput)
        lines = [f"{number} {LINE}" for number in range(1_000)]
        for line in lines:
            output.write(line)
        assert read_lines(theirs.fileno(), len(lines)) == lines


def test_a_file_is_written_as_before(tmp_path: os.PathLike[str]) -> None:
    with open(os.path.join(tmp_path, "log"), "w", encoding="utf-8") as file:  # noqa: PTH118, PTH123
        assert log_output.without_waiting(file) is file


def test_a_reader_that_is_gone_is_an_error_of_the_line(pipe: tuple[int, io.TextIOWrapper]) -> None:
    ours, theirs = socket.socketpair()
    with ours, ours.makefile("w") as text:
        output = log_output.without_waiting(text)
        theirs.close()
        with pytest.raises(BrokenPipeError):
            output.write(LINE)
