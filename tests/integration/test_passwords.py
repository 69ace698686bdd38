"""Passwords: accepted ones, their hashes, and the equal answers to a wrong password and an unknown user."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable

import pytest
from sqlalchemy import select

from bankapp.extensions import db
from bankapp.models import User
from tests.support.factories import PASSWORD, Bank, ok, refused, unique_email


def signup(bank: Bank, password: str, **extra: str) -> tuple[str, int, dict[str, object]]:
    email = unique_email()
    answer = bank.anonymous().post("/auth/signup", {"email": email, "password": password} | extra)
    return email, answer.status_code, answer.get_json()


def stored(bank: Bank, email: str) -> str:
    with bank.app.app_context():
        return db.session.scalars(select(User.hashed_password).where(User.email == email)).one()


def characters(first: int, count: int) -> str:
    """Return characters from ``first`` on, in an order that is hard to guess."""
    return "".join(chr(first + 37 * n % 89) for n in range(count))


@pytest.mark.parametrize(
    ("password", "length_in_bytes"),
    [
        (characters(0x21, 12), 12),
        (characters(0x21, 72), 72),
        (characters(0x21, 73), 73),
        (characters(0x21, 128), 128),
        (characters(0x430, 100), 200),
        (characters(0x4E00, 128), 384),
        (characters(0x1F400, 128), 512),
        ("violet otter sings 17 songs", 27),
    ],
    ids=lambda value: f"{value} bytes" if isinstance(value, int) else "",
)
def test_every_character_counts_beyond_72_bytes(bank: Bank, password: str, length_in_bytes: int) -> None:
    assert len(password.encode()) == length_in_bytes
    email, status, answer = signup(bank, password)
    assert status == 201, answer
    bank.signed_in(email, password)
    for wrong in (password[:-1], password + "x", password.swapcase() + "y"):
        login = bank.anonymous().post("/auth/login", {"email": email, "password": wrong})
        refused(login, 401, "invalid_credentials")


@pytest.mark.parametrize("password", ["kV9#tq2!Lz7", "kV9#tq2!Lz7m" * 11])
def test_too_short_and_too_long_are_refused(bank: Bank, password: str) -> None:
    _, status, answer = signup(bank, password)
    assert (status, answer["errors"]) == (422, {"password": ["Length must be between 12 and 128."]})


@pytest.mark.parametrize(
    ("password", "reason"),
    [
        ("password1234", "This is a very common password."),
        ("aaaaaaaaaaaaaaaa", 'Repeats like "aaa" are easy to guess.'),
        ("qwertyuiop12", "This is similar to a commonly used password."),
        ("abcdefghijklmnop", 'Sequences like "abc" or "6543" are easy to guess.'),
        ("bankappbankapp", 'Repeats like "abcabcabc" are only slightly harder to guess than "abc".'),
    ],
)
def test_a_guessable_password_is_refused_with_its_reason(bank: Bank, password: str, reason: str) -> None:
    _, status, answer = signup(bank, password)
    assert (status, answer["code"], answer["errors"]) == (422, "validation_error", {"password": [reason]})


def test_a_password_made_of_ones_own_name_is_refused(bank: Bank) -> None:
    person = {"first_name": "Thorvald", "last_name": "Skjaergaard", "dob": "1990-12-10"}
    _, status, _ = signup(bank, "thorvaldskjaergaard", **person)
    assert status == 422
    assert signup(bank, "thorvaldskjaergaard")[1] == 201


def test_judging_the_longest_password_is_quick(bank: Bank) -> None:
    # zxcvbn takes 14 seconds for all 128 characters of this one.
    started = time.perf_counter()
    signup(bank, ("4@8({[<6931!|1|7$5+720" * 9)[:128])
    assert time.perf_counter() - started < 5


def test_composed_and_decomposed_letters_are_the_same_password(bank: Bank) -> None:
    email, status, _ = signup(bank, "Gru\u0308n-Dru\u0308ben-O\u0308de-4711")
    assert status == 201
    bank.signed_in(email, "Gr\u00fcn-Dr\u00fcben-\u00d6de-4711")


def test_the_hash_has_the_configured_cost_and_hides_the_password(bank: Bank) -> None:
    email, _, _ = signup(bank, PASSWORD)
    assert stored(bank, email).startswith("$2b$04$")
    assert PASSWORD not in stored(bank, email)


def test_a_raised_cost_reaches_old_hashes_at_the_next_sign_in(bank: Bank, bank_with: Callable[..., Bank]) -> None:
    email = bank.customer(holder=False).email
    dearer = bank_with(BCRYPT_ROUNDS="5")
    refused(dearer.anonymous().post("/auth/login", {"email": email, "password": "wrong"}), 401, "invalid_credentials")
    assert stored(bank, email).startswith("$2b$04$")
    dearer.signed_in(email)
    raised = stored(bank, email)
    assert raised.startswith("$2b$05$")
    bank.signed_in(email)
    assert stored(bank, email) == raised


def test_the_case_of_an_email_does_not_matter(bank: Bank) -> None:
    email = unique_email()
    ok(bank.anonymous().post("/auth/signup", {"email": email.upper(), "password": PASSWORD}), 201)
    caller = bank.signed_in(email.capitalize())
    assert ok(caller.get("/auth/me"))["email"] == email
    again = bank.anonymous().post("/auth/signup", {"email": email, "password": PASSWORD})
    refused(again, 409, "email_taken")


def test_an_unknown_email_and_a_wrong_password_answer_alike_in_the_same_time(bank_with: Callable[..., Bank]) -> None:
    bank = bank_with(BCRYPT_ROUNDS="9")
    known = bank.customer(holder=False).email
    caller = bank.anonymous()
    bodies, times = [], []
    for email in (known, unique_email()):
        samples = []
        for _ in range(7):
            started = time.perf_counter()
            answer = caller.post("/auth/login", {"email": email, "password": "not-the-password"})
            samples.append(time.perf_counter() - started)
        bodies.append(refused(answer, 401, "invalid_credentials"))
        times.append(statistics.median(samples))
    for body in bodies:
        del body["request_id"]
    assert bodies[0] == bodies[1]
    # Without a comparison with a hash, the answer would come ten times sooner.
    assert 0.5 < times[0] / times[1] < 2, times
