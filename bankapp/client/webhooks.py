"""Signed messages of webhooks: how to write, sign, verify and forward one.

The messages and their signatures are those of the bank: Standard Webhooks 1.0.0, scheme ``v1``, HMAC-SHA256.
https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md

A receiver in Python may use :func:`verify` as it is; the function needs nothing but the standard library.
"""

from __future__ import annotations

import base64
import binascii
import hmac
import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Final
from urllib.parse import urlsplit

import httpx

PREFIX: Final = "whsec_"
SECRET_BYTES: Final = 32
TOLERANCE_SECONDS: Final = 300
"""A message whose timestamp is further away than this is refused, so that an old one cannot be sent again."""

TIMEOUT_SECONDS: Final = 15.0
"""How long the bank waits for a receiver, too."""


class SignatureRefused(Exception):
    """A message is not genuine. The text says why."""


@dataclass(frozen=True)
class Message:
    """A webhook that is to be sent: its id and its body."""

    id: str
    body: bytes


@dataclass(frozen=True)
class Answer:
    """What a receiver answered: its status, or why there is none; and the milliseconds that it took."""

    status: int | None
    error: str | None
    latency_ms: int

    @property
    def is_success(self) -> bool:
        """Whether the receiver has confirmed the message: a status from 200 to 299."""
        return self.status is not None and 200 <= self.status <= 299


def new_secret() -> str:
    """Return a new random secret: ``whsec_`` and its bytes in Base64."""
    return PREFIX + base64.b64encode(secrets.token_bytes(SECRET_BYTES)).decode()


def key_of(secret: str) -> bytes:
    """Return the bytes of a secret with which messages are signed. Raises ValueError if it is not a secret."""
    try:
        key = base64.b64decode(secret.removeprefix(PREFIX), validate=True)
    except (binascii.Error, ValueError):
        key = b""
    if not secret.startswith(PREFIX) or not key:
        raise ValueError(f"a secret begins with {PREFIX} and goes on in Base64")
    return key


def message(event_id: str, type: str, timestamp: str, data: str) -> Message:
    """Return the message about an event; ``data`` is the JSON text of the event as the bank shows it."""
    return Message(event_id, f'{{"type":"{type}","timestamp":"{timestamp}","data":{data}}}'.encode())


def signature(message_id: str, timestamp: str, body: bytes, secret: str) -> str:
    """Return the signature of a message: ``v1,`` and the Base64 of the HMAC-SHA256 of ``id.timestamp.body``."""
    content = f"{message_id}.{timestamp}.".encode() + body
    return "v1," + base64.b64encode(hmac.digest(key_of(secret), content, "sha256")).decode()


def verify(headers: Mapping[str, str], body: bytes, secret: str, now: float | None = None) -> None:
    """Raise SignatureRefused unless a message is signed with ``secret`` and was sent a moment ago.

    ``body`` must be the bytes as they came, before any parser. ``headers`` are ``webhook-id``, ``webhook-timestamp``
    and ``webhook-signature`` under names of any case. ``now`` (seconds since 1970) is the present time by default.
    """
    found = {name.lower(): value for name, value in headers.items()}
    try:
        message_id, timestamp = found["webhook-id"], found["webhook-timestamp"]
        signatures = found["webhook-signature"].split()
    except KeyError as missing:
        raise SignatureRefused(f"The header {missing.args[0]} is missing.") from None
    if not (timestamp.isascii() and timestamp.isdigit()):
        raise SignatureRefused("The header webhook-timestamp is not a number of seconds.")
    expected = signature(message_id, timestamp, body, secret).encode()
    # While a secret is replaced, a message has two signatures.
    if not any(hmac.compare_digest(expected, one.encode()) for one in signatures):
        raise SignatureRefused("No signature is of this secret over this id, timestamp and body.")
    age_seconds = (time.time() if now is None else now) - int(timestamp)
    if abs(age_seconds) > TOLERANCE_SECONDS:
        raise SignatureRefused(f"The signature is genuine, but its timestamp is {age_seconds:.0f} seconds old.")


def is_local(url: str) -> bool:
    """Tell whether a URL is of this machine: its host is ``localhost`` or a loopback address."""
    host = urlsplit(url).hostname or ""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


class Forwarder:
    """Sends messages to one receiver, signed with one secret."""

    def __init__(self, url: str, secret: str) -> None:
        self._url = url
        self._secret = secret
        # As the bank: no proxy of the environment, no redirects, a new connection for each message.
        self._http = httpx.Client(
            trust_env=False, timeout=TIMEOUT_SECONDS, limits=httpx.Limits(max_keepalive_connections=0)
        )

    def send(self, message: Message) -> Answer:
        """Send a message once and return the answer. Nothing is raised for the network."""
        timestamp = str(int(time.time()))
        headers = {
            "Content-Type": "application/json",
            "User-Agent": "bankapp-client",
            "webhook-id": message.id,
            "webhook-timestamp": timestamp,
            "webhook-signature": signature(message.id, timestamp, message.body, self._secret),
        }
        began = time.monotonic()
        status, error = None, None
        try:
            status = self._http.post(self._url, content=message.body, headers=headers).status_code
        except (httpx.HTTPError, httpx.InvalidURL) as problem:
            error = str(problem) or type(problem).__name__
        return Answer(status, error, round((time.monotonic() - began) * 1000))

    def close(self) -> None:
        """Close the connections."""
        self._http.close()
