"""Contexts: who is asking and under which settings, apart for each application context and thread."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from bankapp import context, errors
from bankapp.context import Context, User
from config import Config
from tests.support.databases import settings

ADA = User("ada", context.CUSTOMER, "session-1", "jti-1")
BOB = User("bob", context.STAFF, "session-2", "jti-2")
OUTER = settings("sqlite:///outer")
INNER = settings("sqlite:///inner")


@pytest.fixture(autouse=True)
def _outer() -> Iterator[None]:
    context.enter(OUTER)
    yield
    context.leave()


def in_thread(ask: object) -> object:
    """Return what ``ask`` returns or raises in a thread of its own."""
    found: list[object] = []

    def run() -> None:
        try:
            found.append(ask())  # type: ignore[operator]
        except LookupError as problem:
            found.append(type(problem))

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    return found[0]


def test_an_inner_context_begins_with_no_facts() -> None:
    context.begin(Context(request_id="outer", user=ADA))
    context.enter(INNER)
    try:
        assert context.current() == Context()
        with pytest.raises(LookupError):
            context.user()
    finally:
        context.leave()


def test_facts_of_an_inner_context_do_not_reach_the_outer_one() -> None:
    outer = Context(request_id="outer", ip_address="192.0.2.1", device_id="phone", user=ADA)
    context.begin(outer)
    context.enter(INNER)
    try:
        context.update(request_id="inner", user=BOB)
        assert (context.current().request_id, context.user()) == ("inner", BOB)
        context.clear()
        assert context.current() == Context()
    finally:
        context.leave()
    assert context.current() == outer
    assert context.user() == ADA


def test_settings_belong_to_the_innermost_context() -> None:
    assert context.config() is OUTER
    context.enter(INNER)
    try:
        assert context.config() is INNER
        context.begin(Context(user=BOB))
        context.update(device_id="phone")
        context.clear()
        assert context.config() is INNER
    finally:
        context.leave()
    assert context.config() is OUTER


def test_an_update_adds_to_the_facts() -> None:
    context.begin(Context(request_id="first", ip_address="192.0.2.1"))
    context.update(device_id="phone", request_id="second")
    assert context.current() == Context(request_id="second", ip_address="192.0.2.1", device_id="phone")


def test_an_update_knows_the_fields_of_a_context_alone() -> None:
    with pytest.raises(TypeError):
        context.update(role="admin")


def test_another_thread_has_no_context() -> None:
    context.begin(Context(request_id="mine", user=ADA))
    assert in_thread(context.current) == Context()
    assert in_thread(context.config) is LookupError
    assert in_thread(context.user) is LookupError


def test_what_another_thread_does_stays_there() -> None:
    context.begin(Context(user=ADA))

    def other() -> Config:
        context.enter(INNER)
        context.begin(Context(user=BOB))
        return context.config()

    assert in_thread(other) is INNER
    assert (context.user(), context.config()) == (ADA, OUTER)


def test_outside_of_every_context_there_are_no_facts_and_no_settings() -> None:
    context.leave()
    try:
        assert context.current() == Context()
        with pytest.raises(LookupError):
            context.config()
        with pytest.raises(ValueError, match="not enough values"):
            context.begin(Context(user=ADA))
    finally:
        context.enter(OUTER)


def test_the_token_is_checked_when_the_user_is_first_asked_for() -> None:
    checks: list[str] = []

    def authenticate() -> None:
        checks.append("token")
        context.update(user=ADA)

    context.begin(Context(subject=ADA.id, authenticate=authenticate))
    assert checks == []
    assert context.user() == context.user() == ADA
    assert checks == ["token"]


def test_a_user_that_a_statement_authenticated_is_not_checked_again() -> None:
    def authenticate() -> None:
        raise AssertionError

    context.begin(Context(user=ADA, authenticate=authenticate))
    assert context.user() == ADA


def test_a_refused_token_gives_no_user_however_often_one_asks() -> None:
    def authenticate() -> None:
        raise errors.TokenRevoked

    context.begin(Context(subject=ADA.id, authenticate=authenticate))
    for _ in range(2):
        with pytest.raises(errors.TokenRevoked):
            context.user()
    assert context.current().user is None


def test_the_subject_of_a_token_alone_is_no_user() -> None:
    context.begin(Context(subject=ADA.id))
    with pytest.raises(LookupError):
        context.user()


@pytest.mark.parametrize(("role", "is_staff"), [("customer", False), ("staff", True), ("admin", True), ("", False)])
def test_staff_and_admins_hold_the_powers_of_staff(role: str, is_staff: bool) -> None:
    assert User("id", role, "session", "jti").is_staff is is_staff


def test_facts_cannot_be_changed_in_place() -> None:
    context.begin(Context(user=ADA))
    with pytest.raises(AttributeError):
        context.current().user = BOB  # type: ignore[misc]
    with pytest.raises(AttributeError):
        context.user().role = context.ADMIN  # type: ignore[misc]
