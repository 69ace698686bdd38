"""Addresses that requests on behalf of customers may reach."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable
from ipaddress import ip_address
from typing import Any

import pytest

from bankapp.outgoing import addresses
from bankapp.outgoing.addresses import AddressRefused, HostNotFound, is_loopback, is_public, resolve

REFUSED = """
    0.0.0.0 0.1.2.3 10.0.0.1 10.255.255.255 100.64.0.1 100.127.255.255 127.0.0.1 127.255.255.254 169.254.0.1
    169.254.169.254 172.16.0.1 172.31.255.255 192.0.0.8 192.0.2.1 192.88.99.1 192.168.0.1 192.168.255.255 198.18.0.1
    198.19.255.255 198.51.100.7 203.0.113.7 224.0.0.1 239.255.255.255 240.0.0.1 255.255.255.255
    :: ::1 ::127.0.0.1 ::ffff:127.0.0.1 ::ffff:10.0.0.1 ::ffff:8.8.8.8 64:ff9b::7f00:1 64:ff9b::808:808 64:ff9b:1::1
    100::1 2001::1 2001:0:4136:e378:8000:63bf:3fff:fdd2 2001:2::1 2001:db8::1 2002:7f00:1:: 2002:808:808::1 3fff::1
    5f00::1 fc00::1 fd00:ec2::254 fdff::1 fe80::1 febf::1 fec0::1 ff02::1 ff0e::1 4000::1
""".split()
PUBLIC = """
    1.1.1.1 8.8.8.8 9.255.255.255 11.0.0.0 100.63.255.255 100.128.0.0 126.255.255.255 128.0.0.0 172.15.255.255
    172.32.0.0 192.167.255.255 192.169.0.0 198.17.255.255 198.20.0.0 223.255.255.255 2606:4700::1111 2a00:1450::1
    2001:4860:4860::8888
""".split()


@pytest.mark.parametrize("text", REFUSED)
def test_addresses_inside_of_a_network_are_refused(text: str) -> None:
    assert not is_public(ip_address(text))


@pytest.mark.parametrize("text", PUBLIC)
def test_addresses_of_the_internet_are_accepted(text: str) -> None:
    assert is_public(ip_address(text))


@pytest.mark.parametrize(
    ("text", "expected"),
    [("127.0.0.1", True), ("127.9.9.9", True), ("::1", True), ("::ffff:127.0.0.1", False), ("10.0.0.1", False)],
)
def test_loopback_is_the_machine_itself(text: str, expected: bool) -> None:
    assert is_loopback(ip_address(text)) is expected


@pytest.fixture
def answers(monkeypatch: pytest.MonkeyPatch) -> Callable[..., list[str]]:
    """Return a function that sets what the resolver answers, and returns the list of the names it was asked for."""

    def answer(*texts: str) -> list[str]:
        asked: list[str] = []

        def getaddrinfo(host: str, port: int, **_: Any) -> list[Any]:
            asked.append(host)
            return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (text, port)) for text in texts]

        monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
        return asked

    return answer


def look_up(host: str = "ada.example", **options: Any) -> list[str]:
    return resolve(host, 443, **({"loopback_only": False, "allow_loopback": False, "timeout": 5.0} | options))


def test_every_address_of_a_host_must_be_public(answers: Callable[..., list[str]]) -> None:
    answers("8.8.8.8", "2606:4700::1111", "8.8.8.8")
    assert look_up() == ["8.8.8.8", "2606:4700::1111"]
    answers("8.8.8.8", "10.0.0.1")
    with pytest.raises(AddressRefused):
        look_up()


def test_a_scope_does_not_hide_a_link_local_address(answers: Callable[..., list[str]]) -> None:
    answers("fe80::1%eth0")
    with pytest.raises(AddressRefused):
        look_up()


def test_a_host_without_an_address_is_not_found(answers: Callable[..., list[str]]) -> None:
    answers()
    with pytest.raises(HostNotFound):
        look_up()


def test_loopback_needs_the_setting(answers: Callable[..., list[str]]) -> None:
    answers("127.0.0.1")
    with pytest.raises(AddressRefused):
        look_up()
    assert look_up(allow_loopback=True) == ["127.0.0.1"]
    answers("10.0.0.1")
    with pytest.raises(AddressRefused):
        look_up(allow_loopback=True)


def test_plain_http_reaches_loopback_only(answers: Callable[..., list[str]]) -> None:
    answers("8.8.8.8")
    with pytest.raises(AddressRefused):
        look_up(loopback_only=True, allow_loopback=True)


@pytest.mark.parametrize("host", ["2130706433", "0x7f000001", "127.1", "0177.0.0.1", "0x7f.1"])
def test_a_number_that_the_resolver_reads_as_loopback_is_refused(host: str) -> None:
    """The system's resolver reads these spellings as 127.0.0.1; the check looks at its answer."""
    with pytest.raises(AddressRefused):
        look_up(host)


def test_a_name_that_does_not_exist_is_not_found() -> None:
    with pytest.raises(HostNotFound):
        look_up("does-not-exist.invalid")
    with pytest.raises(HostNotFound):
        look_up("a" * 64 + ".example")


def test_a_resolver_that_hangs_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(addresses.socket, "getaddrinfo", lambda *_, **__: time.sleep(3) or [])
    began = time.monotonic()
    with pytest.raises(HostNotFound, match="in time"):
        look_up(timeout=0.05)
    assert time.monotonic() - began < 2.5
