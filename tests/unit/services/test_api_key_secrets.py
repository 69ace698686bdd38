"""Secrets of API keys: a format that a secret scanner knows, and a checksum that needs no database."""

from __future__ import annotations

import re
import string
import zlib
from collections.abc import Iterator

import pytest

from bankapp import context
from bankapp.services.identity import api_key_secrets
from config import Production
from tests.support.databases import SECRET, settings

# Written again, as a secret scanner would have it.
SCANNER = re.compile(r"\bbk_(?:live|test)_[0-9A-Za-z]{49}\b")
BASE62 = string.digits + string.ascii_uppercase + string.ascii_lowercase


@pytest.fixture(autouse=True)
def _development() -> Iterator[None]:
    context.enter(settings("sqlite:///unused"))
    yield
    context.leave()


@pytest.fixture
def production() -> Iterator[None]:
    context.enter(Production(database_url="sqlite:///unused", jwt_secrets=(SECRET,), secret_key=SECRET))
    yield
    context.leave()


def number(digits: str) -> int:
    value = 0
    for digit in digits:
        value = value * 62 + BASE62.index(digit)
    return value


def test_a_scanner_finds_the_secret_in_a_text() -> None:
    secret = api_key_secrets.new()
    assert SCANNER.findall(f"export BANK_KEY={secret} # production") == [secret]
    assert re.fullmatch(api_key_secrets.PATTERN, secret)
    assert len(secret) == 57


def test_the_last_six_digits_are_the_crc32_of_the_rest() -> None:
    for _ in range(100):
        secret = api_key_secrets.new()
        assert number(secret[-6:]) == zlib.crc32(secret[:-6].encode())


def test_a_secret_has_256_random_bits() -> None:
    numbers = [number(api_key_secrets.new()[8:-6]) for _ in range(200)]
    assert len(set(numbers)) == 200
    assert all(value < 2**256 for value in numbers)
    # Each bit is set in some secret and clear in another: no bit is fixed.
    every = [{value >> bit & 1 for value in numbers} for bit in range(256)]
    assert every == [{0, 1}] * 256


def test_any_changed_character_is_noticed() -> None:
    secret = api_key_secrets.new()
    assert api_key_secrets.is_well_formed(secret)
    for at in range(len(secret)):
        other = "1" if secret[at] != "1" else "2"
        assert not api_key_secrets.is_well_formed(secret[:at] + other + secret[at + 1 :]), at


@pytest.mark.parametrize("wrong", ["", "bk_", "bk_test_", "bk_test_" + 49 * "0", "bk_test_" + 49 * "\u0660"])
def test_other_texts_are_no_secrets(wrong: str) -> None:
    assert not api_key_secrets.is_well_formed(wrong)


def test_a_secret_has_no_text_around_it() -> None:
    secret = api_key_secrets.new()
    for wrong in (secret + "\n", secret + "0", " " + secret, secret.lower(), secret[:-1]):
        assert not api_key_secrets.is_well_formed(wrong)


def test_production_makes_live_secrets_and_takes_no_others(production: None) -> None:
    live = api_key_secrets.new()
    assert live.startswith("bk_live_")
    assert api_key_secrets.is_well_formed(live)
    context.leave()
    test = api_key_secrets.new()
    assert test.startswith("bk_test_")
    assert not api_key_secrets.is_well_formed(live)
    context.enter(Production(database_url="sqlite:///unused", jwt_secrets=(SECRET,), secret_key=SECRET))
    assert not api_key_secrets.is_well_formed(test)


def test_the_digest_tells_nothing_of_the_secret() -> None:
    secret = api_key_secrets.new()
    digest = api_key_secrets.digest(secret)
    assert re.fullmatch("[0-9a-f]{64}", digest)
    assert digest != api_key_secrets.digest(api_key_secrets.new())
