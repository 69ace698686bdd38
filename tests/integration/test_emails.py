"""A second sign-up with an e-mail address that looks like a stored one is refused; stored users keep theirs."""

from __future__ import annotations

import pytest

from bankapp import clock, db, ids
from bankapp.models import UserRecord
from bankapp.repositories import users
from bankapp.services.identity import passwords
from tests.support.factories import PASSWORD, Bank, Caller, ok, refused, unique_email


def signup(bank: Bank, email: str) -> Caller:
    ok(bank.anonymous().post("/auth/signup", {"email": email, "password": PASSWORD}), 201)
    return bank.signed_in(email)


def stored_as(bank: Bank, email: str) -> str:
    """Store a user under ``email`` as it is, which earlier releases did, and return their id."""
    with bank.app.app_context():
        user = UserRecord(
            id=ids.new(),
            email=email,
            hashed_password=passwords.hashed(PASSWORD),
            role="customer",
            status="active",
            created_at=clock.now(),
        )
        db.run(lambda: users.add(user))
        return user.id


TWINS = {
    "capitals": lambda local, domain: f"{local.upper()}@{domain.upper()}",
    "full-width name": lambda local, domain: f"\uff55{local.removeprefix('u')}@{domain}",
    "full-width domain": lambda local, domain: f"{local}@\uff42{domain.removeprefix('b')}",
    "ideographic full stop": lambda local, domain: f"{local}@{domain.replace('.', chr(0x3002))}",
    "soft hyphen": lambda local, domain: f"{local}@{domain.replace('.', chr(0xAD) + '.')}",
    "zero-width space": lambda local, domain: f"{local}@{domain.replace('.', chr(0x200B) + '.')}",
    "decomposed": lambda local, domain: f"{local}@{domain.replace('ü', 'u' + chr(0x308))}",
    "punycode": lambda local, domain: f"{local}@{domain.encode('idna').decode()}",
}


@pytest.mark.parametrize("twin", TWINS.values(), ids=TWINS.keys())
def test_a_twin_is_the_same_user(bank: Bank, twin: object) -> None:
    local, domain = unique_email().split("@")[0], "bücher.example"
    user = signup(bank, f"{local}@{domain}")
    other = twin(local, domain)  # type: ignore[operator]  # from the table above
    refused(bank.anonymous().post("/auth/signup", {"email": other, "password": PASSWORD}), 409, "email_taken")
    assert bank.signed_in(other).user_id == user.user_id
    assert ok(user.get("/auth/me"))["email"] == f"{local}@{domain}"


@pytest.mark.parametrize(
    "email", ["a\u00adda@{}", "a\u200bda@{}", "a\u202eda@{}", "\u3164@{}", '"ada"@{}', "ada¹@{}", "ada@xn--{}"]
)
def test_an_address_that_cannot_be_told_from_another_is_refused(bank: Bank, email: str) -> None:
    body = {"email": email.format("bücher.example"), "password": PASSWORD}
    problem = refused(bank.anonymous().post("/auth/signup", body), 422, "validation_error")
    assert problem["errors"] == {"email": ["Not a valid email address."]}
    # Sign-in does not tell: no user has such an address.
    refused(bank.anonymous().post("/auth/login", body), 401, "invalid_credentials")


@pytest.mark.parametrize(
    "spelling", ["ａ{}@example.com", "a\u00ad{}@example.com", '"{}"@example.com', "{}@xn--a-1ga.se"]
)
def test_who_signed_up_under_an_older_spelling_signs_in_with_it(bank: Bank, spelling: str) -> None:
    email = spelling.format(unique_email().split("@")[0])
    user_id = stored_as(bank, email)
    assert bank.signed_in(email).user_id == user_id
    assert bank.signed_in(email.upper()).user_id == user_id
    for command in ("disable", "enable"):
        result = bank.app.test_cli_runner().invoke(args=["users", command, email])
        assert result.exit_code == 0, result.output


def test_an_older_twin_and_a_newer_one_each_sign_in_with_what_they_signed_up_with(bank: Bank) -> None:
    local = unique_email().split("@")[0]
    older, newer = f"ａ{local}@example.com", f"a{local}@example.com"
    user_id = stored_as(bank, older)
    assert signup(bank, newer).user_id != user_id
    assert bank.signed_in(older).user_id == user_id
