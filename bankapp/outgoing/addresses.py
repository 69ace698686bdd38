"""The addresses that a request on behalf of a customer may reach.

A customer chooses the host. Without this check a request could reach servers that trust the bank's network: the
metadata service of a cloud, a database, the bank itself (server-side request forgery).
"""

from __future__ import annotations

import socket
import threading
from collections.abc import Sequence
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from queue import Empty, SimpleQueue
from typing import Final

Address = IPv4Address | IPv6Address

# IANA IPv4 Special-Purpose Address Registry (RFC 6890), multicast (RFC 5771) and the reserved class E.
_REFUSED_IPV4: Final = tuple(
    map(
        ip_network,
        (
            "0.0.0.0/8",  # this network
            "10.0.0.0/8",  # private
            "100.64.0.0/10",  # shared by carriers (CGNAT)
            "127.0.0.0/8",  # loopback
            "169.254.0.0/16",  # link-local, with the metadata services of clouds
            "172.16.0.0/12",  # private
            "192.0.0.0/24",  # protocol assignments
            "192.0.2.0/24",  # documentation
            "192.88.99.0/24",  # 6to4 relays
            "192.168.0.0/16",  # private
            "198.18.0.0/15",  # benchmarks
            "198.51.100.0/24",  # documentation
            "203.0.113.0/24",  # documentation
            "224.0.0.0/4",  # multicast
            "240.0.0.0/4",  # reserved, and broadcast
        ),
    )
)
# Only 2000::/3 is global unicast. Loopback, link-local, ULA, multicast, IPv4-mapped and NAT64 addresses are outside.
_GLOBAL_IPV6: Final = ip_network("2000::/3")
_REFUSED_IPV6: Final = tuple(
    map(
        ip_network,
        (
            "2001::/23",  # protocol assignments, with Teredo, which contains an IPv4 address
            "2001:db8::/32",  # documentation
            "2002::/16",  # 6to4, which contains an IPv4 address
            "3fff::/20",  # documentation
        ),
    )
)


class AddressRefused(Exception):
    """The host has an address that may not be reached."""


class HostNotFound(Exception):
    """The host has no address, or the resolver did not answer in time."""


def is_public(address: Address) -> bool:
    """Tell whether an address is one of the public internet."""
    if isinstance(address, IPv4Address):
        return not any(address in network for network in _REFUSED_IPV4)
    return address in _GLOBAL_IPV6 and not any(address in network for network in _REFUSED_IPV6)


def is_loopback(address: Address) -> bool:
    """Tell whether an address is the machine's own: 127.0.0.0/8 or ::1. An IPv4-mapped address is none."""
    return address.is_loopback and getattr(address, "ipv4_mapped", None) is None


def resolve(host: str, port: int, *, loopback_only: bool, allow_loopback: bool, timeout: float) -> list[str]:
    """Return the addresses of a host, each of which may be reached.

    One refused address refuses the host: its name server could otherwise mix a public and an internal address.
    ``allow_loopback`` also accepts the machine's own addresses, ``loopback_only`` nothing else. Raises
    AddressRefused and HostNotFound.
    """
    found = [ip_address(text.partition("%")[0]) for text in _look_up(host, port, timeout)]
    for address in found:
        accepted = is_loopback(address) if loopback_only else is_public(address)
        if not accepted and not (allow_loopback and is_loopback(address)):
            raise AddressRefused(f"{host} has the address {address}, which is not public")
    if not found:
        raise HostNotFound(f"{host} has no address")
    return [str(address) for address in found]


def _look_up(host: str, port: int, timeout: float) -> Sequence[str]:
    """Resolve a name once, in a thread, because the resolver of the system has no time-out."""
    answer: SimpleQueue[list[str] | OSError] = SimpleQueue()

    def ask() -> None:
        try:
            found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
            answer.put(list(dict.fromkeys(str(entry[4][0]) for entry in found)))
        except (OSError, UnicodeError) as problem:
            answer.put(OSError(str(problem)))

    threading.Thread(target=ask, name="resolver", daemon=True).start()
    try:
        found = answer.get(timeout=max(timeout, 0))
    except Empty:
        raise HostNotFound(f"the resolver did not answer for {host} in time") from None
    if isinstance(found, OSError):
        raise HostNotFound(f"{host} cannot be resolved: {found}")
    return found
