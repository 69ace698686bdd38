"""Account holders: names in every script, dates of birth, and changes that need the current tag."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from bankapp import clock
from tests.support.factories import PERSON, Bank, Caller, ok, refused, unique_email


@pytest.fixture
def ada(bank: Bank) -> Caller:
    return bank.customer()


def birthday(years: int, *, days: int = 0) -> str:
    """Return the date ``years`` ago, ``days`` later; for 29 February the day on which the birthday is kept."""
    today = clock.now().date()
    try:
        day = today.replace(year=today.year - years)
    except ValueError:
        day = date(today.year - years, 3, 1)
    return str(date.fromordinal(day.toordinal() + days))


@pytest.mark.parametrize("dob", [birthday(18), "1904-02-29", birthday(150), "2000-02-29"])
def test_adults_may(bank: Bank, dob: str) -> None:
    caller = bank.customer(holder=False)
    assert ok(caller.post("/account-holders", PERSON | {"dob": dob}), 201)["dob"] == dob


@pytest.mark.parametrize(
    "dob",
    [
        birthday(18, days=1),
        birthday(0, days=1),
        birthday(150, days=-1),
        "0001-01-01",
        "9999-12-31",
        "1900-02-29",
        "0000-01-01",
        "1990-13-01",
        "1990-1-1",
        "19900101",
        "1990-W01-1",
        "1990-12-10T00:00:00Z",
        "\u0661\u0669\u0669\u0660-12-10",
        "",
        None,
        19901210,
    ],
)
def test_a_day_of_birth_that_is_none_too_late_or_too_early(bank: Bank, dob: object) -> None:
    body: dict[str, Any] = PERSON | {"dob": dob}
    problem = refused(bank.customer(holder=False).post("/account-holders", body), 422, "validation_error")
    assert problem["errors"].keys() == {"dob"}
    signup = {"email": unique_email(), "password": "violet-otter-sings-17"} | body
    problem = refused(bank.anonymous().post("/auth/signup", signup), 422, "validation_error")
    assert problem["errors"].keys() == {"dob"}


@pytest.mark.parametrize("name", ["Zoë", "李小龍", "مريم", "O’Neill-Ångström", "👩🏽‍🚀", "x" * 100, "ß" * 100])
def test_names_of_every_script_come_back_as_given(bank: Bank, ada: Caller, name: str) -> None:
    holder = ok(ada.get("/account-holders/me"))
    changed = ok(ada.patch(f"/account-holders/{holder['id']}", {"last_name": name}, headers={"If-Match": "*"}))
    assert changed["last_name"] == name
    assert ok(ada.get("/account-holders/me")) == changed
    found = ok(bank.employee().get("/account-holders", query_string={"name": name.upper(), "email": ada.email}))
    # Without "ß": databases differ in how they fold its capital.
    assert "ß" in name or [item["id"] for item in found["items"]] == [holder["id"]]


def test_names_are_trimmed_and_composed(ada: Caller) -> None:
    holder = ok(ada.get("/account-holders/me"))
    body = {"first_name": "  Ada ", "last_name": "Zoe\u0308"}
    changed = ok(ada.patch(f"/account-holders/{holder['id']}", body, headers={"If-Match": "*"}))
    assert (changed["first_name"], changed["last_name"]) == ("Ada", "Zo\u00eb")


@pytest.mark.parametrize("name", ["", "   ", "x" * 101, "a\tb", "a\nb", "\u0085x\u009b", None, 7, ["Ada"]])
def test_an_invalid_name_is_refused(bank: Bank, name: object) -> None:
    caller = bank.customer(holder=False)
    problem = refused(caller.post("/account-holders", PERSON | {"first_name": name}), 422, "validation_error")
    assert problem["errors"].keys() == {"first_name"}


def test_sign_up_takes_all_personal_fields_or_none(bank: Bank) -> None:
    body = {"email": unique_email(), "password": "violet-otter-sings-17", "first_name": "Ada"}
    problem = refused(bank.anonymous().post("/auth/signup", body), 422, "validation_error")
    assert problem["errors"].keys() == {"last_name", "dob"}
    del body["first_name"]
    assert ok(bank.anonymous().post("/auth/signup", body), 201)["account_holder"] is None


@pytest.mark.parametrize("email", ["ada", "ada@", "@example.com", "a b@example.com", "ß" * 33 + "@example.com", "", 1])
def test_an_invalid_email_is_refused(bank: Bank, email: object) -> None:
    body = {"email": email, "password": "violet-otter-sings-17"}
    problem = refused(bank.anonymous().post("/auth/signup", body), 422, "validation_error")
    assert problem["errors"].keys() == {"email"}


def test_staff_find_people_by_email_in_any_case_and_by_part_of_the_name(bank: Bank, ada: Caller) -> None:
    staff = bank.employee()
    holder = ok(ada.get("/account-holders/me"))
    query = {"email": ada.email.upper(), "name": "DA LOVEL"}
    assert ok(staff.get("/account-holders", query_string=query))["items"] == [holder]
    for name in ("a%e", "a_a", "Lovelace Ada"):
        assert ok(staff.get("/account-holders", query_string=query | {"name": name}))["items"] == []
    # A customer finds only the own account holder.
    other = bank.customer()
    assert ok(other.get("/account-holders", query_string={"email": ada.email}))["items"] == []


class TestPreconditions:
    @pytest.fixture
    def holder(self, ada: Caller) -> str:
        return f"/account-holders/{ok(ada.get('/account-holders/me'))['id']}"

    def change(self, caller: Caller, holder: str, **headers: str) -> Any:
        return caller.patch(holder, {"last_name": "King"}, headers={"If-Match": headers["if_match"]})

    def test_every_single_answer_has_the_tag_of_its_version(self, bank: Bank, ada: Caller, holder: str) -> None:
        tags = [ada.get(path).headers["ETag"] for path in (holder, "/account-holders/me")]
        assert tags == ['"1"', '"1"']
        changed = self.change(ada, holder, if_match=tags[0])
        assert (ok(changed)["last_name"], changed.headers["ETag"]) == ("King", '"2"')
        assert ada.get(holder).headers["ETag"] == '"2"'
        made = bank.customer(holder=False).post("/account-holders", PERSON, key="made")
        assert (made.status_code, made.headers["ETag"]) == (201, '"1"')

    def test_a_replay_has_the_tag_of_the_first_answer(self, bank: Bank) -> None:
        caller = bank.customer(holder=False)
        first, again = (caller.post("/account-holders", PERSON, key="made") for _ in range(2))
        assert (again.data, again.headers["ETag"]) == (first.data, '"1"')

    def test_a_change_without_a_tag_is_refused(self, ada: Caller, holder: str) -> None:
        refused(ada.patch(holder, {"last_name": "King"}), 428, "precondition_required")
        assert ok(ada.get(holder))["last_name"] == "Lovelace"

    @pytest.mark.parametrize("if_match", ['"0"', '"2"', 'W/"1"', '"01"', '"1 "', '"é"', '""', "", f'"{"9" * 5000}"'])
    def test_a_change_with_another_tag_is_refused(self, ada: Caller, holder: str, if_match: str) -> None:
        refused(self.change(ada, holder, if_match=if_match), 412, "precondition_failed")
        assert ok(ada.get(holder))["last_name"] == "Lovelace"

    @pytest.mark.parametrize("if_match", ['"1"', "*", '"0", "1"', '"7",W/"2","1"'])
    def test_a_change_with_a_matching_tag_is_made(self, ada: Caller, holder: str, if_match: str) -> None:
        assert ok(self.change(ada, holder, if_match=if_match))["last_name"] == "King"

    def test_the_second_of_two_changes_to_one_version_is_refused(self, ada: Caller, holder: str) -> None:
        ok(self.change(ada, holder, if_match='"1"'))
        refused(self.change(ada, holder, if_match='"1"'), 412, "precondition_failed")

    def test_a_foreign_holder_is_not_found_with_any_tag(self, bank: Bank, holder: str) -> None:
        for caller in (bank.customer(), bank.employee()):
            refused(self.change(caller, holder, if_match="*"), 404, "not_found")
