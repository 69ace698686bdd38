"""API keys on the command line: managing them, and using one instead of a sign-in."""

from __future__ import annotations

import json

import httpx
import pyotp
import pytest

from bankapp import clock
from tests.client.conftest import Person
from tests.client.wire import LOSE_ANSWER, PASS, Wire
from tests.support.factories import PASSWORD

pytestmark = pytest.mark.parametrize("dialect", ["sqlite"], indirect=True, scope="session")

WITH_PASSWORD = {"BANKAPP_PASSWORD": PASSWORD}
SCOPES = ("--scope", "accounts:read", "--scope", "transfers:write", "--scope", "transactions:write")


def create(person: Person, *more: str) -> dict[str, str]:
    return dict(json.loads(person.run("keys", "create", "Payroll", *SCOPES, "--json", *more, **WITH_PASSWORD).stdout))


@pytest.fixture
def server(stranger: Person, other: Person) -> tuple[Person, Person, dict[str, str]]:
    """A machine without a sign-in, the owner of the key it gets, and the key."""
    return stranger, other, create(other)


def test_a_key_is_made_listed_rolled_and_revoked(person: Person) -> None:
    account = person.account()
    made = person.run("keys", "create", "Payroll", *SCOPES, "--account", account["id"], "--days", "7", **WITH_PASSWORD)
    assert "bk_test_" in made.stdout
    assert "not shown again" in made.stderr
    [key] = person.json("keys", "list")["items"]
    assert (key["name"], key["account_ids"], key["ip_allowlist"]) == ("Payroll", [account["id"]], None)
    rolled = person.run("keys", "roll", key["last4"], "--overlap-hours", "1", "--json", **WITH_PASSWORD)
    assert json.loads(rolled.stdout)["secret"] not in made.stdout
    assert "bk_test_" not in person.run("keys", "list").stdout
    assert person.json("keys", "revoke", key["id"][-12:])["revoked_at"]
    person.run("keys", "revoke", key["id"])


def test_a_wrong_password_neither_makes_a_key_nor_ends_the_session(person: Person) -> None:
    wrong = {"BANKAPP_PASSWORD": "wrong"}
    problem = person.run("keys", "create", "Payroll", *SCOPES, "--json", code=3, **wrong).stderr
    assert json.loads(problem)["code"] == "invalid_credentials"
    assert person.json("keys", "list")["items"] == []
    failures = person.json("audit", "--type", "api_key_create")["items"]
    assert len(failures) == 1  # the password was sent once


def test_the_code_of_a_second_factor_is_asked_for(person: Person, url: str) -> None:
    token = {"Authorization": f"Bearer {json.loads((person.folder / 'tokens.json').read_text())['access_token']}"}
    enrolled = httpx.post(f"{url}/v1/auth/otp/enrol", json={"password": PASSWORD}, headers=token).json()
    code = pyotp.TOTP(enrolled["secret"])
    httpx.post(f"{url}/v1/auth/otp/confirm", json={"otp": code.at(clock.now())}, headers=token).raise_for_status()
    later = code.at(clock.now(), counter_offset=1)
    made = person.run("keys", "create", "Payroll", *SCOPES, input=f"{later}\n", **WITH_PASSWORD)
    assert "One-time password" in made.stderr
    assert "bk_test_" in made.stdout


def test_a_server_uses_a_key_without_a_sign_in(server: tuple[Person, Person, dict[str, str]]) -> None:
    machine, owner, key = server
    account = owner.account(balance="100")
    machine.run("accounts", code=3)
    by_key = {"BANKAPP_API_KEY": key["secret"]}
    assert account["number"] in machine.run("accounts", **by_key).stdout
    machine.run("withdraw", account["id"], "10", **by_key)
    assert owner.balance(account) == 9_000
    refusal = machine.run("history", account["id"], "--json", code=1, **by_key).stderr
    assert json.loads(refusal)["code"] == "insufficient_scope"
    assert key["secret"] not in "".join(path.read_text() for path in machine.folder.parent.rglob("*") if path.is_file())
    owner.run("keys", "revoke", key["id"])
    assert "does not accept the API key" in machine.run("accounts", code=3, **by_key).stderr


def test_a_lost_answer_is_finished_with_the_new_secret(wire: Wire, wired: Person, without_pauses: None) -> None:
    account = wired.account(balance="100")
    key = create(wired)
    wire.on_posts("/v1/transactions", *[LOSE_ANSWER] * 5)
    wired.run("withdraw", account["id"], "10", code=5, BANKAPP_API_KEY=key["secret"])
    wire.act = lambda _request: PASS
    rolled = json.loads(wired.run("keys", "roll", key["id"], "--json", **WITH_PASSWORD).stdout)
    again = wired.run("withdraw", account["id"], "10", BANKAPP_API_KEY=rolled["secret"])
    assert "An identical earlier request was unfinished" in again.stderr
    assert wired.balance(account) == 9_000


def test_the_key_is_not_an_argument_that_help_shows(person: Person) -> None:
    assert "api-key" not in person.run("--help").stdout
