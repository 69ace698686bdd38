"""Access: a customer sees what is theirs, staff everything, and each look of staff leaves an audit row."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from bankapp import context, errors, ids
from bankapp.listing import Owner
from bankapp.services import access
from bankapp.services.ledger import AccountState
from tests.unit.services.records import account, signed_in

STAFF = pytest.mark.parametrize("role", [context.STAFF, context.ADMIN])
Rows = list[tuple[str, dict[str, Any]]]


@pytest.fixture
def recorded(monkeypatch: pytest.MonkeyPatch) -> Rows:
    """Return the audit rows that are recorded instead of stored."""
    rows: Rows = []
    monkeypatch.setattr(access.audit, "record", lambda event_type, **facts: rows.append((event_type, facts)))
    return rows


def refused(call: Callable[[], object]) -> errors.NotFound:
    """Return the refusal with which ``call`` must end."""
    with pytest.raises(errors.NotFound) as caught:
        call()
    return caught.value


def test_own_returns_the_callers_record(recorded: Rows) -> None:
    with signed_in() as me:
        mine = account(user_id=me.id)
        assert access.own(mine, "account") is mine
    assert recorded == []


@pytest.mark.parametrize("role", context.ROLES)
def test_own_is_for_owners_alone_even_among_staff(role: str, recorded: Rows) -> None:
    with signed_in(role):
        refused(lambda: access.own(account(), "account"))
    assert recorded == []


def test_visible_returns_the_callers_record_without_an_audit_row(recorded: Rows) -> None:
    for role in context.ROLES:
        with signed_in(role) as me:
            mine = account(user_id=me.id)
            assert access.visible(mine, "account") is mine
    assert recorded == []


@STAFF
def test_visible_returns_a_customers_record_to_staff_with_an_audit_row(role: str, recorded: Rows) -> None:
    theirs = account()
    with signed_in(role):
        assert access.visible(theirs, "account holder") is theirs
    facts = {
        "resource_type": "account_holder",
        "resource_id": theirs.id,
        "metadata": {"customer_id": theirs.user_id},
    }
    assert recorded == [("staff_access", facts)]


@pytest.mark.parametrize("look", [access.own, access.visible])
def test_what_is_not_there_and_what_is_anothers_look_the_same(
    look: Callable[[AccountState | None, str], AccountState], recorded: Rows
) -> None:
    with signed_in():
        missing = refused(lambda: look(None, "account"))
        foreign = refused(lambda: look(account(), "account"))
    told = [(type(refusal), refusal.detail, refusal.errors, refusal.extra) for refusal in (missing, foreign)]
    assert told[0] == told[1]
    assert recorded == []


@pytest.mark.parametrize("role", context.ROLES)
def test_nobody_sees_what_is_not_there(role: str, recorded: Rows) -> None:
    with signed_in(role):
        refused(lambda: access.visible(None, "account"))
        refused(lambda: access.own(None, "account"))
        refused(lambda: access.authorize_read(None, None, "account", ids.new()))
    assert recorded == []


def test_authorize_read_lets_the_owner_pass(recorded: Rows) -> None:
    with signed_in() as me:
        access.authorize_read(me.id, ids.new(), "transfer", ids.new())
        refused(lambda: access.authorize_read(ids.new(), ids.new(), "transfer", ids.new()))
    assert recorded == []


def test_customers_list_their_own_rows(recorded: Rows) -> None:
    with signed_in() as me:
        assert access.authorize_listing("card", email="ada@example.com") == Owner(me.id, None)
    assert recorded == []


@STAFF
def test_staff_list_everything_and_their_filters_are_audited(role: str, recorded: Rows) -> None:
    with signed_in(role):
        assert access.authorize_listing("account holder", email="ada@example.com", name=None) is None
    facts = {
        "resource_type": "account_holder",
        "resource_id": None,
        "metadata": {"filters": {"email": "ada@example.com"}},
    }
    assert recorded == [("staff_access", facts)]


def test_what_cannot_be_audited_is_not_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> None:
        raise errors.Unavailable

    monkeypatch.setattr(access.audit, "record", fail)
    with signed_in(context.STAFF):
        with pytest.raises(errors.Unavailable):
            access.visible(account(), "account")
        with pytest.raises(errors.Unavailable):
            access.authorize_listing("account")


def test_without_a_user_there_is_no_access(recorded: Rows) -> None:
    with signed_in() as me:
        theirs = account(user_id=me.id)
        context.clear()
        calls: list[Callable[[], object]] = [
            lambda: access.own(theirs, "account"),
            lambda: access.visible(theirs, "account"),
            lambda: access.authorize_read(theirs.user_id, theirs.id, "account", theirs.id),
            lambda: access.authorize_listing("account"),
        ]
        for call in calls:
            with pytest.raises(LookupError):
                call()
    assert recorded == []


def test_a_limit_to_accounts_holds_in_every_function(recorded: Rows) -> None:
    allowed, other = account(), account()
    other = other._replace(user_id=allowed.user_id)
    with signed_in(user_id=allowed.user_id, account_ids=frozenset({allowed.id})) as me:
        assert access.own(allowed, "account") is allowed
        assert access.visible(allowed, "account") is allowed
        access.authorize_read(me.id, allowed.id, "transfer", ids.new())
        for look in (access.own, access.visible):
            refused(lambda look=look: look(other, "account"))  # type: ignore[misc]  # bound now
        refused(lambda: access.authorize_read(me.id, other.id, "transfer", ids.new()))
        assert access.authorize_listing("card") == Owner(me.id, frozenset({allowed.id}))
    assert recorded == []


def test_what_belongs_to_no_account_is_not_of_a_caller_who_is_limited_to_some() -> None:
    with signed_in(account_ids=frozenset({ids.new()})) as me:
        refused(lambda: access.authorize_read(me.id, None, "account holder", ids.new()))
        with pytest.raises(errors.InsufficientScope):
            access.demand_all_accounts("open another one")
    with signed_in() as me:
        access.authorize_read(me.id, None, "account holder", ids.new())
        access.demand_all_accounts("open another one")


def test_a_record_must_tell_its_account() -> None:
    class Forgetful:
        def __init__(self, user_id: str) -> None:
            self.id, self.user_id = ids.new(), user_id

    with signed_in() as me, pytest.raises(AttributeError, match="account_id"):
        access.own(Forgetful(me.id), "goal")  # type: ignore[type-var]  # mypy refuses it, too
