"""When the bytes of a request are enough, however they are cut into pieces."""

from __future__ import annotations

import pytest

from bankapp.serving.framing import MAX_HEAD_BYTES, IncomingRequest

LIMIT = 1000
CHUNKED = b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"

WHOLE = {
    "no body": b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
    "a length": b"POST / HTTP/1.1\r\ncontent-length:  5 \r\nHost: x\r\n\r\n12345",
    "an empty body": b"POST / HTTP/1.1\r\nContent-Length: 0\r\n\r\n",
    "chunks": CHUNKED + b"3\r\nabc\r\nA;x=y\r\n0123456789\r\n0\r\n\r\n",
    "trailers": CHUNKED + b"1\r\na\r\n00\r\nX-Sum: 1\r\nX-More: 2\r\n\r\n",
    "no chunks": CHUNKED + b"0\r\n\r\n",
    # The parser refuses these; no further byte would change that.
    "a bare line feed": b"GET / HTTP/1.1\n",
    "a bare line feed in a field": b"GET / HTTP/1.1\r\nHost: x\n",
    "another coding": b"POST / HTTP/1.1\r\nTransfer-Encoding: gzip\r\n\r\n",
    "a chunk size of letters": CHUNKED + b"zz\r\n",
    "a negative chunk size": CHUNKED + b"-1\r\n",
    "a chunk without its end": CHUNKED + b"1\r\nabc",
    "a length above the limit": b"POST / HTTP/1.1\r\nContent-Length: 1001\r\n\r\n",
    "a chunk above the limit": CHUNKED + b"3e9\r\n" + b"a" * 1001,
}


@pytest.mark.parametrize("data", WHOLE.values(), ids=WHOLE)
@pytest.mark.parametrize("step", [1, 2, 3, 7, 10_000])
def test_it_is_whole_with_its_last_byte_and_not_before(data: bytes, step: int) -> None:
    incoming = IncomingRequest(LIMIT)
    pieces = [data[at : at + step] for at in range(0, len(data), step)]
    for piece in pieces[:-1]:
        incoming.feed(piece)
        assert not incoming.is_whole
    incoming.feed(pieces[-1])
    assert incoming.is_whole
    assert incoming.buffer == data


def test_a_head_without_an_end_is_enough_at_its_limit() -> None:
    incoming = IncomingRequest(LIMIT)
    incoming.feed(b"GET / HTTP/1.1\r\n")
    while len(incoming.buffer) <= MAX_HEAD_BYTES:
        assert not incoming.is_whole
        incoming.feed(b"X: " + b"a" * 1000 + b"\r\n")
    assert incoming.is_whole
    assert incoming.head_is_too_large


def test_many_small_chunks_are_not_collected_for_ever() -> None:
    incoming = IncomingRequest(LIMIT)
    incoming.feed(CHUNKED)
    chunks = 0
    while not incoming.is_whole:
        incoming.feed(b"1;" + b"x" * 20 + b"\r\na\r\n")
        chunks += 1
    assert chunks <= LIMIT / 20


@pytest.mark.parametrize(
    ("version", "field", "expected"),
    [
        ("1.1", "Expect: 100-continue", True),
        ("1.1", "expect:100-Continue", True),
        ("1.0", "Expect: 100-continue", False),
        ("1.1", "Expect: else", False),
        ("1.1", "X-Expect: 100-continue", False),
    ],
)
def test_who_waits_for_leave_to_send_the_body(version: str, field: str, expected: bool) -> None:
    for fields in (f"{field}\r\nContent-Length: 3", f"Content-Length: 3\r\n{field}"):
        incoming = IncomingRequest(LIMIT)
        incoming.feed(f"POST / HTTP/{version}\r\n{fields}\r\n\r\n".encode())
        assert (incoming.is_whole, incoming.expects_continue) == (False, expected)
