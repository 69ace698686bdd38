"""The URLs to which requests are sent on behalf of a customer."""

from __future__ import annotations

import re
from dataclasses import dataclass
from ipaddress import IPv6Address, ip_address
from typing import Final
from urllib.parse import urlsplit

from bankapp.outgoing.addresses import is_loopback, is_public

MAX_LENGTH: Final = 2_000
PATTERN: Final = r"^https?://[!-~]+$"
"""The URL has ASCII characters only; a name in another script is written in Punycode."""

_TEXT: Final = re.compile(PATTERN)
_LABEL: Final = re.compile(r"[A-Za-z0-9_]([A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?")
_NUMBER: Final = re.compile(r"[0-9]+|0[xX][0-9A-Fa-f]*")
_BAD: Final = re.compile(r'["<>\\^`{|}]')


class UrlRefused(ValueError):
    """The URL is not one to which requests are sent. The message says why, in a sentence for its author."""


@dataclass(frozen=True, slots=True)
class Target:
    """The parts of an accepted URL. ``host`` has no brackets, ``path`` has the query."""

    is_secure: bool
    host: str
    port: int
    path: str

    @property
    def authority(self) -> str:
        """The value of the header ``Host``."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == (443 if self.is_secure else 80) else f"{host}:{self.port}"


def parse(url: str, *, allow_loopback: bool) -> Target:
    """Return the parts of a URL, or raise UrlRefused. This looks at the text; no name is resolved.

    ``allow_loopback`` also accepts ``http`` and loopback addresses, for development.
    """
    if len(url) > MAX_LENGTH or not _TEXT.fullmatch(url) or _BAD.search(url):
        raise UrlRefused(f"Must be an https URL of at most {MAX_LENGTH} ASCII characters.")
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise UrlRefused("Must be a valid URL.") from None
    if parts.scheme != "https" and not allow_loopback:
        raise UrlRefused("Must begin with https://.")
    if "@" in parts.netloc:
        raise UrlRefused("Must not contain a user name or a password.")
    if "#" in url:
        raise UrlRefused("Must not contain a fragment.")
    host = (parts.hostname or "").lower()
    is_secure = parts.scheme == "https"
    if port is None and not parts.netloc.endswith(":"):
        port = 443 if is_secure else 80
    _check_host(host, is_secure=is_secure, allow_loopback=allow_loopback, bracketed="[" in parts.netloc)
    if port is None or (port not in (80, 443) and port < 1024) or (port == 80 and is_secure):
        raise UrlRefused("Must have the port 443, or one from 1024 on.")
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return Target(is_secure, host, port, path)


def _check_host(host: str, *, is_secure: bool, allow_loopback: bool, bracketed: bool) -> None:
    try:
        address = ip_address(host)
    except ValueError:
        address = None
    if address is not None:
        if bracketed != isinstance(address, IPv6Address) or getattr(address, "scope_id", None):
            raise UrlRefused("Must have a valid host.")
        is_own = is_loopback(address)
        if not is_public(address) and not (allow_loopback and is_own):
            raise UrlRefused("Must have a public address.")
    else:
        labels = host.removesuffix(".").split(".")
        if bracketed or len(host) > 253 or not all(map(_LABEL.fullmatch, labels)):
            raise UrlRefused("Must have a valid host.")
        # Resolvers read a name that ends in a number as an IPv4 address: 2130706433, 0x7f.1, 127.1, 0177.0.0.1.
        if _NUMBER.fullmatch(labels[-1]):
            raise UrlRefused("Must not have a host that ends in a number.")
        is_own = labels[-1] == "localhost"
        if is_own and not allow_loopback:
            raise UrlRefused("Must have a public host.")
    if not is_secure and not is_own:
        raise UrlRefused("Must begin with https://; http is for loopback addresses only.")
