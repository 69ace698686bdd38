"""Signing in and out, profiles, and the renewal of the session."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from pyotp import TOTP

from tests.client.conftest import Person
from tests.client.wire import Wire
from tests.support.factories import PASSWORD, Caller, ok

pytestmark = pytest.mark.parametrize("dialect", ["sqlite"], indirect=True, scope="session")
REFRESH = "/v1/auth/refresh"


def change_tokens(person: Person, **changes: Any) -> dict[str, Any]:
    path = person.folder / "tokens.json"
    tokens: dict[str, Any] = json.loads(path.read_text()) | changes
    path.write_text(json.dumps(tokens))
    return tokens


def test_sign_up_in_and_out(stranger: Person) -> None:
    person = stranger.signed_up()
    assert person.json("whoami")["email"] == person.email
    person.run("logout")
    assert person.problem("whoami", code=3)["code"] == "not_signed_in"
    person.run("login", person.email, "--password-stdin", input=f"{PASSWORD}\n")
    assert person.json("whoami")["email"] == person.email
    # No file has the password.
    assert PASSWORD not in "".join(path.read_text() for path in person.home.rglob("*") if path.is_file())


def test_the_password_prompt_hides_the_password(person: Person) -> None:
    result = person.run("login", input=f"{person.email}\n{PASSWORD}\n")
    assert PASSWORD not in result.output
    assert person.problem("login", person.email, code=3, BANKAPP_PASSWORD="wrong")["code"] == "invalid_credentials"


def test_only_the_owner_can_read_the_files(person: Person) -> None:
    person.account(balance="1")
    found = list((person.home / "bankapp").rglob("*"))
    assert {path.name for path in found} >= {"tokens.json", "device-id", "currencies.json"}
    assert {path.stat().st_mode & 0o777 for path in found if path.is_file()} == {0o600}
    assert {path.stat().st_mode & 0o777 for path in found if path.is_dir()} == {0o700}


def test_the_device_id_is_kept_and_sent(person: Person) -> None:
    [first] = person.json("sessions")["items"]
    person.run("login", person.email, BANKAPP_PASSWORD=PASSWORD)
    devices = {item["device_id"] for item in person.json("sessions")["items"]}
    assert devices == {first["device_id"]} == {(person.home / "bankapp" / "device-id").read_text()}


def test_two_profiles_are_signed_in_at_once(person: Person, other: Person) -> None:
    person.run("login", other.email, "--profile", "work", BANKAPP_PASSWORD=PASSWORD)
    assert person.json("whoami")["email"] == person.email
    assert person.json("whoami", "--profile", "work")["email"] == other.email
    assert person.json("whoami", BANKAPP_PROFILE="work")["email"] == other.email
    assert person.json("whoami", "--profile", "default", BANKAPP_PROFILE="work")["email"] == person.email
    person.run("whoami", "--profile", "../default", code=2)


def test_an_access_token_is_renewed_before_it_ends(wired: Person, wire: Wire) -> None:
    before = change_tokens(wired, access_expires_at=time.time() + 5)
    wired.run("whoami")
    after = json.loads((wired.folder / "tokens.json").read_text())
    assert after["access_token"] != before["access_token"]
    assert after["access_expires_at"] > time.time() + 60
    wired.run("whoami")
    assert len(wire.posts(REFRESH)) == 1


def test_a_refused_access_token_is_renewed(wired: Person, wire: Wire) -> None:
    change_tokens(wired, access_token="not.a.token")
    wired.run("whoami")
    assert len(wire.posts(REFRESH)) == 1


def test_concurrent_processes_renew_the_session_once(wired: Person, wire: Wire) -> None:
    change_tokens(wired, access_expires_at=0)
    processes = [wired.start("whoami") for _ in range(4)]
    outputs = [process.communicate(timeout=60) for process in processes]
    assert [process.returncode for process in processes] == [0] * 4, outputs
    assert len(wire.posts(REFRESH)) == 1


def test_a_session_ended_elsewhere_needs_a_new_sign_in(person: Person) -> None:
    other_device = Person(person.url, person.home / "phone", person.email)
    other_device.run("login", person.email, BANKAPP_PASSWORD=PASSWORD)
    other_device.run("sessions", "--end-all")
    assert person.problem("accounts", code=3)["code"] == "not_signed_in"
    assert not (person.folder / "tokens.json").exists()
    other_device.run("whoami", code=3)


def test_ending_one_session(person: Person) -> None:
    phone = Person(person.url, person.home / "phone", person.email)
    phone.run("login", person.email, BANKAPP_PASSWORD=PASSWORD)
    foreign = next(item for item in person.json("sessions")["items"] if not item["current"])
    person.run("sessions", "--end", foreign["id"][-12:])
    phone.run("whoami", code=3)
    person.run("whoami")


def test_a_token_is_not_sent_to_another_bank(wired: Person, wire: Wire, url: str) -> None:
    assert f"signed in at {wire.url}" in wired.run("whoami", BANKAPP_URL=url, code=3).stderr
    # Without an address the command goes to the bank of the profile.
    wired.environ = {"BANKAPP_URL": ""}
    assert wired.json("whoami")["url"] == wire.url


def test_an_unreachable_bank_has_its_own_exit_code(person: Person, tmp_path: Path, without_pauses: None) -> None:
    nowhere = Person("http://127.0.0.1:9", tmp_path / "nowhere")
    assert nowhere.problem("login", "a@example.com", code=4, BANKAPP_PASSWORD="x")["code"] == "unreachable"
    # The logout removes the local session although the bank does not answer.
    change_tokens(person, url=nowhere.url)
    person.run("logout", "--url", nowhere.url, code=4)
    assert not (person.folder / "tokens.json").exists()


@pytest.mark.parametrize("address", ["bank.example", "ftp://bank.example", "http://", "http://bank.example?x=1"])
def test_an_invalid_address_is_a_usage_error(stranger: Person, address: str) -> None:
    stranger.run("whoami", "--url", address, code=2)


def test_a_second_factor_is_asked_for(person: Person, app: Flask) -> None:
    tokens = json.loads((person.folder / "tokens.json").read_text())
    caller = Caller(app.test_client(), tokens=tokens)
    secret = ok(caller.post("/auth/otp/enrol", {"password": PASSWORD}))["secret"]
    codes = ok(caller.post("/auth/otp/confirm", {"otp": TOTP(secret).now()}))["recovery_codes"]
    person.run("logout")
    result = person.run("login", person.email, input=f"{codes[0]}\n", BANKAPP_PASSWORD=PASSWORD)
    assert "One-time password" in result.stderr
    person.run("login", person.email, "--otp", codes[1], BANKAPP_PASSWORD=PASSWORD)
    # Without an answer to the question, the sign-in fails.
    assert person.run("login", person.email, BANKAPP_PASSWORD=PASSWORD, input="", code=130).exit_code
    assert person.problem("login", person.email, "--otp", "000000", BANKAPP_PASSWORD=PASSWORD, code=3)
