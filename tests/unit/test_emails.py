"""One spelling of an e-mail address: which addresses are the same, and which are none."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis.strategies import characters, sampled_from, text

from bankapp import emails


@pytest.mark.parametrize(
    ("email", "spelling"),
    [
        (" Ada.King+bank@Example.COM ", "ada.king+bank@example.com"),
        ("ada@ab--cd.example", "ada@ab--cd.example"),
        ("ada@[127.0.0.1]", "ada@[127.0.0.1]"),
        # Full-width and half-width characters, also those that stand for the dot.
        ("ａｄａ．king@example.com", "ada.king@example.com"),
        ("ada@ｅｘａｍｐｌｅ．com", "ada@example.com"),
        ("ada@example。com", "ada@example.com"),
        ("ﾊﾟﾝ@example.jp", "パン@example.jp"),
        # UTS #46 leaves out what cannot be seen.
        ("ada@exam\u00adple.com", "ada@example.com"),
        ("ada@exam\u200bple.com", "ada@example.com"),
        # A domain has one spelling, whether in Unicode or in ASCII.
        ("ada@BÜCHER.example", "ada@bücher.example"),
        ("ada@xn--bcher-kva.example", "ada@bücher.example"),
        ("ada@bu\u0308cher.example", "ada@bücher.example"),
        ("ada@faß.example", "ada@fass.example"),
        ("ada@xn--fa-hia.example", "ada@fass.example"),
        # Names of every script stay what they are.
        ("Zoe\u0308@example.com", "zoë@example.com"),
        ("ΣΊΣΥΦΟΣ@example.gr", "σίσυφοσ@example.gr"),
        ("мария@почта.рф", "мария@почта.рф"),
        ("مريم.1990@example.com", "مريم.1990@example.com"),
        ("李小龍@例え.jp", "李小龍@例え.jp"),
        ("نامه\u200cها@example.ir", "نامه\u200cها@example.ir"),
    ],
)
def test_an_address_has_one_spelling(email: str, spelling: str) -> None:
    assert emails.canonical(email) == spelling
    assert emails.canonical(spelling) == spelling
    assert emails.fold(email) == spelling


@pytest.mark.parametrize(
    "email",
    [
        "ada",
        "",
        '"ada"@example.com',
        "a\u00adda@example.com",
        "a\u200bda@example.com",
        "a\u200dda@example.com",
        "\ufeffada@example.com",
        "a\u202eda@example.com",
        "a\u2066da@example.com",
        "ada@a\u202eb.com",
        "ada@a\u2066b.com",
        "\u0301ada@example.com",
        "مريم.ada@example.com",
        "🦊@example.com",
        "ada¹@example.com",
        "\u115f@example.com",
        "ada@xn--zzzz.com",
        "ada@xn--.com",
        "ada@ü_b.com",
        f"ada@{'ü' * 300}.com",
    ],
)
def test_what_is_no_address_is_only_case_folded(email: str) -> None:
    with pytest.raises(ValueError, match=r".+"):
        emails.canonical(email)
    assert emails.fold(email) == email.strip().casefold()


@given(text(characters(exclude_categories=["Cs"]), max_size=8), sampled_from(["example.com", "bücher.example"]))
def test_a_spelling_is_its_own_spelling(local: str, domain: str) -> None:
    email = f"{local}@{domain}"
    assert emails.fold(emails.fold(email)) == emails.fold(email)
    assert emails.fold(email) in emails.spellings(email)
    assert email.strip().casefold() == emails.spellings(email)[0]


def test_an_older_spelling_is_looked_up_first() -> None:
    assert emails.spellings("Ada@Example.com") == ("ada@example.com",)
    assert emails.spellings("ADA@XN--BCHER-KVA.example") == ("ada@xn--bcher-kva.example", "ada@bücher.example")
    assert emails.spellings("a\u00adda@example.com") == ("a\u00adda@example.com",)
