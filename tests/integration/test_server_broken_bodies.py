"""Bodies whose framing is broken or that end before they are complete (RFC 9112 sections 7.1 and 8)."""

from __future__ import annotations

import json
from io import RawIOBase

import pytest

from tests.integration.test_server_bodies import chunked
from tests.support.factories import PASSWORD, Bank, ok, refused
from tests.support.raw_http import connect, exchange, request
from tests.support.servers import GunicornServer, RemoteBank, until

CREDENTIALS = json.dumps({"email": "nobody@example.com", "password": PASSWORD}).encode()

LEFT = {
    "after a length": (f"Content-Length: {len(CREDENTIALS) + 1}", CREDENTIALS),
    "with a length alone": ("Content-Length: 5", b""),
    "in a chunk": ("Transfer-Encoding: chunked", chunked(CREDENTIALS)[:20]),
    "between chunks": ("Transfer-Encoding: chunked", b"%x\r\n%s\r\n" % (len(CREDENTIALS), CREDENTIALS)),
    "in a chunk's size": ("Transfer-Encoding: chunked", b"1"),
    "in the trailers": ("Transfer-Encoding: chunked", chunked(CREDENTIALS)[:-2] + b"X-A: b\r\n"),
    "before the last line": ("Transfer-Encoding: chunked", chunked(CREDENTIALS)[:-2]),
}

BROKEN = {
    "letters": b"zz\r\n",
    "negative": b"-1\r\n",
    "prefix": b"0x21\r\n",
    "underscore": b"2_1\r\n",
    "sign": b"+1\r\n",
    "nothing": b"\r\n",
    "space": b" 1\r\na\r\n0\r\n\r\n",
    "no line end after a chunk": b"2\r\n{}0\r\n\r\n",
    "line feeds": b"2\n{}\n0\n\n",
    "extension": b"2;\x00=\r\n{}\r\n0\r\n\r\n",
    "trailer without a colon": b"2\r\n{}\r\n0\r\nX\r\n\r\n",
    "forbidden trailer": b"2\r\n{}\r\n0\r\nContent-Length: 2\r\n\r\n",
    "huge size": b"f" * 17 + b"\r\n",
}


def login(framing: str, body: bytes) -> bytes:
    return request("POST", "/v1/auth/login", "Content-Type: application/json", framing, body=body)


@pytest.mark.parametrize("body", BROKEN.values(), ids=BROKEN)
def test_a_broken_chunk_is_a_malformed_request(server: GunicornServer, body: bytes) -> None:
    # The client goes on waiting: what is broken needs no end to be refused. Line feeds alone might be a longer size.
    answer = exchange(server.address, login("Transfer-Encoding: chunked", body), half_close=b"\n{" in body)
    assert (answer.status, answer.problem["code"]) == (400, "malformed_request")
    assert answer.headers["X-Request-Id"] == answer.problem["request_id"]


@pytest.mark.parametrize(("framing", "body"), LEFT.values(), ids=LEFT)
def test_a_body_that_ends_early_is_a_malformed_request(server: GunicornServer, framing: str, body: bytes) -> None:
    answer = exchange(server.address, login(framing, body), half_close=True)
    assert (answer.status, answer.problem["code"]) == (400, "malformed_request")


@pytest.mark.parametrize("framing", ["Content-Length", "Transfer-Encoding"])
def test_an_incomplete_order_moves_nothing(remote_bank: RemoteBank, framing: str) -> None:
    ada = remote_bank.customer()
    account = ada.account()
    order = {"account_id": account["id"], "type": "deposit", "amount": 500, "currency": "EUR"}
    body = json.dumps(order).encode()
    framed = {
        "Content-Length": (f"Content-Length: {len(body) + 2}", body),
        "Transfer-Encoding": ("Transfer-Encoding: chunked", b"%x\r\n%s\r\n" % (len(body), body)),
    }
    fields = [f"Authorization: Bearer {ada.tokens['access_token']}", "Content-Type: application/json"]
    data = request("POST", "/v1/transactions", *fields, framed[framing][0], body=framed[framing][1])
    answer = exchange(remote_bank.server.address, data, half_close=True)
    assert (answer.status, answer.problem["code"]) == (400, "malformed_request")
    assert ada.balance(account) == 0
    _check_the_log(remote_bank, answer.headers["X-Request-Id"], ada.user_id)


def _check_the_log(bank: RemoteBank, request_id: str, user_id: str) -> None:
    until(lambda: any(line["request_id"] == request_id for line in bank.server.lines))
    [line] = [line for line in bank.server.lines if line["request_id"] == request_id]
    assert (line["status"], line["user_id"], line["level"]) == (400, user_id, "info")
    assert "exc_info" not in bank.server.log.read_text()


def test_a_client_that_leaves_in_a_chunk(remote_bank: RemoteBank) -> None:
    for framing, body in LEFT.values():
        with connect(remote_bank.server.address) as connection:
            connection.sendall(login(f"X-Request-Id: left-in-the-middle\r\n{framing}", body))
    until(lambda: sum(line["request_id"] == "left-in-the-middle" for line in remote_bank.server.lines) == len(LEFT))
    assert not [line for line in remote_bank.server.lines if line["level"] not in ("info", "warning")]


class _Torn(RawIOBase):
    """A body as another server passes it on whose client broke it."""

    def read(self, size: int = -1) -> bytes:
        raise ValueError("chunk size")


def test_another_server_may_pass_a_broken_body_on(bank: Bank) -> None:
    ada = bank.customer()
    account = ada.account()
    order = json.dumps({"account_id": account["id"], "type": "deposit", "amount": 500, "currency": "EUR"})
    for overrides in (
        {"CONTENT_LENGTH": str(len(order) + 1), "wsgi.input_terminated": True},
        {"CONTENT_LENGTH": str(len(order) + 1)},
        {"wsgi.input": _Torn(), "wsgi.input_terminated": True},
    ):
        answer = ada.post("/transactions", data=order, content_type="application/json", environ_overrides=overrides)
        refused(answer, 400, "malformed_request")
    assert ada.balance(account) == 0
    assert ok(ada.post("/transactions", data=order, content_type="application/json"), 201)
