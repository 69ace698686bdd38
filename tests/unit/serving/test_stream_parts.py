"""The parts of an answer that goes on: what the application answers when a stream is served again."""

from __future__ import annotations

import logging
import socket
from collections.abc import Callable, Iterable
from typing import Any

import pytest
from gunicorn.config import Config

from bankapp.api.parking import OFFER, PARK, Offer, Park
from bankapp.serving.exchange import Exchange, Exchanger
from bankapp.serving.framing import IncomingRequest

BEFORE = Park("user", 15, position=3, is_behind=True)
AFTER = Park("user", 15, position=4)


def served(status: str, park: Park | None, *, version: str = "1.1") -> tuple[Exchange, bytes]:
    """Serve a stream again, which the application answers with ``status``; return the exchange and its bytes."""

    def application(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        assert environ[OFFER].again == BEFORE
        if park is not None:
            environ[PARK] = park
        length = [] if park else [("Content-Length", "7")]
        start_response(status, length)
        return [b"content"]

    incoming = IncomingRequest(0)
    incoming.feed(f"GET / HTTP/{version}\r\nHost: bank\r\n\r\n".encode())
    exchanger = Exchanger(application, Config(), logging.getLogger(), 0)
    offer = Offer(has_room=False, again=BEFORE)
    exchange = exchanger.answer(incoming, ("127.0.0.1", 1), ("127.0.0.1", 2), keep_alive=True, offer=offer)
    near, far = socket.socketpair()
    with near, far:
        assert exchange.answer.send_to(near)
        near.shutdown(socket.SHUT_WR)
        return exchange, far.recv(1_000)


@pytest.mark.parametrize(("version", "sent"), [("1.1", b"7\r\ncontent\r\n"), ("1.0", b"content")])
def test_the_next_part_has_no_head(version: str, sent: bytes) -> None:
    exchange, data = served("200 OK", AFTER, version=version)
    assert data == sent
    assert exchange.park == AFTER
    assert not exchange.keep_alive


def test_a_problem_ends_the_stream() -> None:
    exchange, data = served("401 Unauthorized", None)
    assert data == b"0\r\n\r\n"
    assert exchange.park is None
    assert not exchange.keep_alive


def test_a_database_that_is_away_does_not_end_the_stream() -> None:
    exchange, data = served("503 Service Unavailable", None)
    assert data == b"4\r\n: \n\n\r\n"
    assert exchange.park is not None
    # It is served again with its heartbeat, not at once.
    assert (exchange.park.position, exchange.park.is_behind) == (3, False)
