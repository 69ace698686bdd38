"""URLs to which requests may be sent on behalf of customers."""

from __future__ import annotations

import pytest

from bankapp.outgoing.urls import MAX_LENGTH, Target, UrlRefused, parse


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("https://ada.example", Target(True, "ada.example", 443, "/")),
        ("https://ada.example:443/a?b=c", Target(True, "ada.example", 443, "/a?b=c")),
        ("https://ADA.Example:8443/A%20b", Target(True, "ada.example", 8443, "/A%20b")),
        ("https://xn--bcher-kva.example/", Target(True, "xn--bcher-kva.example", 443, "/")),
        ("https://8.8.8.8/", Target(True, "8.8.8.8", 443, "/")),
        ("https://[2606:4700::1111]:1024/", Target(True, "2606:4700::1111", 1024, "/")),
        ("https://ada.example?x", Target(True, "ada.example", 443, "/?x")),
    ],
)
def test_a_public_https_url_is_accepted(url: str, expected: Target) -> None:
    assert parse(url, allow_loopback=False) == expected
    assert parse(url, allow_loopback=True) == expected


REFUSED = [
    "http://ada.example/",
    "HTTPS://ada.example/",
    "ftp://ada.example/",
    "file:///etc/passwd",
    "gopher://ada.example/",
    "//ada.example/",
    "ada.example",
    "https://",
    "https:///path",
    "https://ada@bank.example/",
    "https://ada:secret@bank.example/",
    "https://bank.example@127.0.0.1/",
    "https://ada.example/#fragment",
    "https://ada.example/#",
    "https://ada.example/a b",
    "https://ada.example/\n",
    "https://ada.example\\@127.0.0.1/",
    "https://bücher.example/",
    "https://ada.example:0/",
    "https://ada.example:22/",
    "https://ada.example:80/",
    "https://ada.example:1023/",
    "https://ada.example:65536/",
    "https://ada.example:/",
    "https://ada.example:x/",
    "https://127.0.0.1/",
    "https://127.1/",
    "https://2130706433/",
    "https://0x7f000001/",
    "https://0x7f.0.0.1/",
    "https://0177.0.0.1/",
    "https://127.0.0.1./",
    "https://1.2.3/",
    "https://ada.0x1/",
    "https://0.0.0.0/",
    "https://10.0.0.1/",
    "https://100.64.0.1/",
    "https://169.254.169.254/latest/meta-data/",
    "https://192.168.1.1/",
    "https://224.0.0.1/",
    "https://[::1]/",
    "https://[::]/",
    "https://[::ffff:127.0.0.1]/",
    "https://[::ffff:7f00:1]/",
    "https://[64:ff9b::7f00:1]/",
    "https://[fd00::1]/",
    "https://[fe80::1]/",
    "https://[fe80::1%25eth0]/",
    "https://[8.8.8.8]/",
    "https://localhost/",
    "https://LOCALHOST:8443/",
    "https://a.localhost/",
    "https://localhost./",
    "https://-ada.example/",
    "https://ada..example/",
    f"https://{'a' * 64}.example/",
    f"https://ada.example/{'a' * MAX_LENGTH}",
]


@pytest.mark.parametrize("url", REFUSED)
def test_any_other_url_is_refused(url: str) -> None:
    with pytest.raises(UrlRefused):
        parse(url, allow_loopback=False)


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:5000/", "http://localhost/", "http://[::1]:5000/x", "https://[::1]/"]
)
def test_loopback_needs_the_setting(url: str) -> None:
    assert parse(url, allow_loopback=True)
    with pytest.raises(UrlRefused):
        parse(url, allow_loopback=False)


@pytest.mark.parametrize(
    "url",
    [
        "http://ada.example/",
        "http://8.8.8.8/",
        "https://10.0.0.1/",
        "https://[::ffff:127.0.0.1]/",
        "http://127.0.0.1:22/",
        "http://2130706433/",
        "ftp://localhost/",
    ],
)
def test_the_setting_allows_nothing_else(url: str) -> None:
    with pytest.raises(UrlRefused):
        parse(url, allow_loopback=True)


@pytest.mark.parametrize(
    ("url", "authority"),
    [
        ("https://ada.example/", "ada.example"),
        ("https://ada.example:8443/", "ada.example:8443"),
        ("https://[2606:4700::1111]/", "[2606:4700::1111]"),
        ("http://localhost:5000/", "localhost:5000"),
        ("http://localhost/", "localhost"),
    ],
)
def test_the_host_header_names_a_port_that_is_not_the_usual_one(url: str, authority: str) -> None:
    assert parse(url, allow_loopback=True).authority == authority
