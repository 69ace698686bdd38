"""Tells when the bytes of a request are enough to parse it without waiting for more."""

from __future__ import annotations

import re
from typing import Final

MAX_HEAD_BYTES: Final = 64 * 1024
MAX_CHUNK_LINE_BYTES: Final = 8 * 1024
MAX_TRAILER_BYTES: Final = 8 * 1024

# A line that ends without CR, which the parser refuses (RFC 9112 section 2.2).
_BARE_LINE_FEED: Final = re.compile(rb"(?<!\r)\n")
# Of a head in lower case.
_CONTENT_LENGTH: Final = re.compile(rb"\r\ncontent-length:[ \t]*([0-9]{1,18})[ \t]*\r\n")
_CHUNKED: Final = re.compile(rb"\r\ntransfer-encoding:[ \t]*chunked[ \t]*\r\n")
_CONTINUE: Final = re.compile(rb"[^\r\n]* http/1\.1\r\n(?s:.*\r\n)?expect:[ \t]*100-continue[ \t]*\r\n")
_CHUNK_LINE: Final = re.compile(rb"([0-9A-Fa-f]{1,8})[ \t]*(?=;|\r\n)")


class IncomingRequest:
    """The bytes of one request, collected as they arrive.

    ``is_whole`` turns true when gunicorn's parser needs no further byte to accept or to refuse the request. The parser
    alone decides what the bytes mean and where the request ends. Where the two disagree, the parser meets the end
    of its input and refuses the request.
    """

    def __init__(self, max_body_bytes: int) -> None:
        self.buffer = bytearray()
        self.is_whole = False
        self.expects_continue = False
        self._max_body_bytes = max_body_bytes
        self._head_bytes = 0
        self._needed_bytes: int | None = None
        # For a chunked body: where the next chunk begins, and what the chunks before it held.
        self._chunk_at = 0
        self._decoded_bytes = 0
        self._overhead_bytes = 0

    def feed(self, data: bytes) -> None:
        """Add the bytes that came next."""
        before = len(self.buffer)
        self.buffer += data
        if not self._head_bytes and not self._find_head(before):
            self.is_whole = self.is_whole or self.head_is_too_large
        elif not self.is_whole:
            if self._needed_bytes is not None:
                self.is_whole = len(self.buffer) >= self._needed_bytes
            else:
                self.is_whole = self._has_all_chunks()

    @property
    def head_is_too_large(self) -> bool:
        """Tell whether the head has not ended within ``MAX_HEAD_BYTES``."""
        return not self._head_bytes and len(self.buffer) > MAX_HEAD_BYTES

    def _find_head(self, searched_bytes: int) -> bool:
        end = self.buffer.find(b"\r\n\r\n", max(0, searched_bytes - 3)) + 4
        if end < 4:
            self.is_whole = _BARE_LINE_FEED.search(self.buffer, max(0, searched_bytes - 1)) is not None
            return False
        if end == 4:
            # An empty line before the request line, and another: the parser refuses that.
            self.is_whole = True
        self._head_bytes = end
        # The searches for plain bytes spare most requests the regular expressions.
        head = bytes(self.buffer[:end]).lower()
        self._needed_bytes = end
        if b"\r\nexpect:" in head:
            self.expects_continue = _CONTINUE.match(head) is not None
        if b"\r\ntransfer-encoding:" in head:
            # The parser refuses every other coding, or the body for its missing end.
            if _CHUNKED.search(head):
                self._needed_bytes = None
                self._chunk_at = end
        elif b"\r\ncontent-length:" in head and (length := _CONTENT_LENGTH.search(head)):
            # A length above the limit is refused for what it says; its body is not waited for.
            body_bytes = int(length[1])
            self._needed_bytes += body_bytes if body_bytes <= self._max_body_bytes else 0
        return True

    def _has_all_chunks(self) -> bool:
        while (line_end := self.buffer.find(b"\r\n", self._chunk_at)) >= 0:
            size = _CHUNK_LINE.match(self.buffer, self._chunk_at)
            if size is None:
                return True
            if int(size[1], 16) == 0:
                ended = self.buffer.find(b"\r\n\r\n", line_end) >= 0
                return ended or len(self.buffer) - line_end > MAX_TRAILER_BYTES
            begin = line_end + 2
            end = begin + int(size[1], 16)
            decoded_bytes = self._decoded_bytes + min(end, len(self.buffer)) - begin
            overhead_bytes = self._overhead_bytes + begin - self._chunk_at
            if max(decoded_bytes, overhead_bytes) > self._max_body_bytes:
                return True
            if len(self.buffer) < end + 2:
                return False
            if self.buffer[end : end + 2] != b"\r\n":
                return True
            self._decoded_bytes, self._overhead_bytes, self._chunk_at = decoded_bytes, overhead_bytes, end + 2
        return len(self.buffer) - self._chunk_at > MAX_CHUNK_LINE_BYTES
