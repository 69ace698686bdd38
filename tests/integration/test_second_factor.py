"""The second factor: enrolment, sign-in, single use, recovery codes, switching off."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import timedelta
from threading import Barrier
from typing import Any

import pyotp
import pytest
from sqlalchemy import select
from werkzeug.test import TestResponse

from bankapp import clock
from bankapp.extensions import db
from bankapp.models import RecoveryCode, SecondFactor
from tests.support import clocks
from tests.support.factories import PASSWORD, Bank, Caller, ok, refused

OLD_KEY = "an-old-secret-key-that-signs-nothing-any-more"
NEW_KEY = "a-new-secret-key-that-encrypts-what-is-written"


@dataclass
class Protected:
    """A customer with a second factor, and the secret of the authenticator app."""

    caller: Caller
    secret: str
    recovery_codes: list[str] = field(default_factory=list)
    first_code: str = ""

    def code(self, steps: int = 1) -> str:
        """Return a code of a later time step than the confirmed one; the server accepts one step early or late."""
        return str(pyotp.TOTP(self.secret).at(clock.now(), counter_offset=steps))

    def login(self, otp: str | None = None, password: str = PASSWORD) -> TestResponse:
        body = {"email": self.caller.email, "password": password} | ({"otp": otp} if otp is not None else {})
        return Caller(self.caller.client).post("/auth/login", body)


def protect(bank: Bank) -> Protected:
    caller = bank.customer(holder=False)
    secret = ok(caller.post("/auth/otp/enrol", {"password": PASSWORD}))["secret"]
    protected = Protected(caller, secret)
    protected.first_code = protected.code(0)
    confirmed = ok(caller.post("/auth/otp/confirm", {"otp": protected.first_code}))
    protected.recovery_codes = confirmed["recovery_codes"]
    return protected


@pytest.fixture
def protected(bank: Bank) -> Protected:
    return protect(bank)


def test_enrolling_returns_the_uri_for_the_app(bank: Bank) -> None:
    caller = bank.customer(holder=False)
    enrolment = ok(caller.post("/auth/otp/enrol", {"password": PASSWORD}))
    read = pyotp.parse_uri(enrolment["otpauth_uri"])
    assert (read.secret, read.name, read.issuer) == (enrolment["secret"], caller.email, "bankapp")
    assert len(enrolment["secret"]) == 32


def test_login_asks_for_no_code_until_the_factor_is_confirmed(bank: Bank) -> None:
    caller = bank.customer(holder=False)
    refused(caller.post("/auth/otp/enrol", {"password": "wrong"}), 401, "invalid_credentials")
    ok(caller.post("/auth/otp/enrol", {"password": PASSWORD}))
    refused(caller.post("/auth/otp/confirm", {"otp": "000000"}), 401, "invalid_credentials")
    assert ok(caller.get("/auth/otp")) == {"enabled": False, "recovery_codes_left": 0}
    bank.signed_in(caller.email)


def test_login_asks_for_the_code(protected: Protected) -> None:
    refused(protected.login(), 401, "otp_required")
    refused(protected.login("000000"), 401, "invalid_credentials")
    # A wrong password does not reveal that there is a second factor.
    refused(protected.login(password="wrong"), 401, "invalid_credentials")
    refused(protected.login(protected.code(), password="wrong"), 401, "invalid_credentials")
    ok(protected.login(protected.code()))


def test_a_code_works_once(protected: Protected) -> None:
    refused(protected.login(protected.first_code), 401, "invalid_credentials")
    code = protected.code()
    ok(protected.login(code))
    refused(protected.login(code), 401, "invalid_credentials")


def test_an_old_code_is_refused(protected: Protected) -> None:
    code = protected.code()
    with clocks.at(clock.now() + timedelta(seconds=90)):
        refused(protected.login(code), 401, "invalid_credentials")
        ok(protected.login(protected.code(0)))


def test_one_of_ten_concurrent_logins_with_one_code_succeeds(bank: Bank, protected: Protected) -> None:
    code, barrier = protected.code(), Barrier(10)

    def attempt(_: int) -> int:
        mine = Protected(Caller(bank.app.test_client(), protected.caller.email), protected.secret)
        barrier.wait()
        return mine.login(code).status_code

    with ThreadPoolExecutor(10) as pool:
        outcomes = sorted(pool.map(attempt, range(10)))
    assert outcomes == [200] + [401] * 9


def test_a_recovery_code_works_once(protected: Protected) -> None:
    first, second = protected.recovery_codes[:2]
    assert len(set(protected.recovery_codes)) == 10
    ok(protected.login(first))
    refused(protected.login(first), 401, "invalid_credentials")
    ok(protected.login(second.lower().replace("-", " ")))
    assert ok(protected.caller.get("/auth/otp")) == {"enabled": True, "recovery_codes_left": 8}


def test_new_recovery_codes_replace_the_old(protected: Protected) -> None:
    body = {"password": PASSWORD, "otp": protected.recovery_codes[0]}
    renewed = ok(protected.caller.post("/auth/otp/recovery-codes", body))["recovery_codes"]
    refused(protected.login(protected.recovery_codes[1]), 401, "invalid_credentials")
    ok(protected.login(renewed[0]))


def test_switching_off_needs_password_and_code(protected: Protected) -> None:
    path = "/auth/otp/disable"
    ok(protected.caller.post(path, {"password": PASSWORD}), 422)
    wrong = {"password": "wrong", "otp": protected.code()}
    refused(protected.caller.post(path, wrong), 401, "invalid_credentials")
    refused(protected.caller.post(path, {"password": PASSWORD, "otp": "000000"}), 401, "invalid_credentials")
    refused(protected.login(), 401, "otp_required")
    ok(protected.caller.post(path, {"password": PASSWORD, "otp": protected.code()}), 204)
    ok(protected.login())
    refused(protected.caller.post(path, {"password": PASSWORD, "otp": "000000"}), 409, "state_conflict")


def test_a_second_enrolment_does_not_replace_the_first(protected: Protected) -> None:
    refused(protected.caller.post("/auth/otp/enrol", {"password": PASSWORD}), 409, "state_conflict")
    refused(protected.caller.post("/auth/otp/confirm", {"otp": protected.code()}), 409, "state_conflict")
    ok(protected.login(protected.code()))


def test_switching_on_and_off_ends_other_sessions(bank: Bank) -> None:
    caller = bank.customer(holder=False)
    other = bank.signed_in(caller.email)
    secret = ok(caller.post("/auth/otp/enrol", {"password": PASSWORD}))["secret"]
    ok(other.get("/auth/me"))
    ok(caller.post("/auth/otp/confirm", {"otp": pyotp.TOTP(secret).now()}))
    refused(other.get("/auth/me"), 401, "token_revoked")
    ok(caller.get("/auth/me"))


def test_guessing_codes_is_slowed_down(protected: Protected) -> None:
    for _ in range(10):
        refused(protected.login("000000"), 401, "invalid_credentials")
    refused(protected.login(protected.code()), 429, "rate_limited")


def test_each_step_is_audited_without_secrets(protected: Protected) -> None:
    ok(protected.login(protected.recovery_codes[0]))
    ok(protected.caller.post("/auth/otp/disable", {"password": PASSWORD, "otp": protected.code()}), 204)
    rows = ok(protected.caller.get("/audit-logs"))["items"]
    assert [row["event_type"] for row in rows][:4] == ["otp_disable", "login", "otp_confirm", "otp_enrol"]
    assert rows[1]["metadata"] == {"second_factor": "recovery_code"}
    assert protected.secret not in str(rows)
    assert not any(code in str(rows) for code in protected.recovery_codes)


def test_stored_secrets_are_encrypted_or_hashed(bank: Bank, protected: Protected) -> None:
    with bank.app.app_context():
        factor = db.session.get_one(SecondFactor, protected.caller.user_id)
        hashes = db.session.scalars(
            select(RecoveryCode.code_hash).where(RecoveryCode.user_id == protected.caller.user_id)
        ).all()
    assert protected.secret.encode() not in factor.sealed_secret
    assert not {code.replace("-", "") for code in protected.recovery_codes} & set(hashes)


def test_a_secret_copied_to_another_user_cannot_be_decrypted(bank: Bank, protected: Protected) -> None:
    thief = protect(bank)
    with bank.app.app_context():
        stolen = db.session.get_one(SecondFactor, thief.caller.user_id).sealed_secret
        db.session.get_one(SecondFactor, protected.caller.user_id).sealed_secret = stolen
        db.session.flush()
        db.session.commit()
    refused(protected.login(thief.code()), 401, "invalid_credentials")


def test_the_next_use_encrypts_the_secret_with_the_new_key(bank_with: Callable[..., Bank]) -> None:
    protected = protect(bank_with(SECRET_KEY=OLD_KEY))

    def through(bank: Bank) -> Protected:
        return Protected(Caller(bank.app.test_client(), protected.caller.email), protected.secret)

    refused(through(bank_with(SECRET_KEY=NEW_KEY)).login(protected.code()), 401, "invalid_credentials")
    ok(through(bank_with(SECRET_KEY=f"{NEW_KEY},{OLD_KEY}")).login(protected.code()))
    with clocks.at(clock.now() + timedelta(minutes=2)):
        ok(through(bank_with(SECRET_KEY=NEW_KEY)).login(protected.code()))


def test_without_the_key_recovery_codes_still_work(bank_with: Callable[..., Bank]) -> None:
    protected = protect(bank_with(SECRET_KEY=OLD_KEY))
    lost: Any = bank_with(SECRET_KEY=NEW_KEY)
    ok(Protected(Caller(lost.app.test_client(), protected.caller.email), "").login(protected.recovery_codes[0]))
