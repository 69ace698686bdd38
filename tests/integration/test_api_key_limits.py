"""What a key may not do: other scopes, other accounts, other networks, too many requests. Each on every route."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import pytest
from flask import Flask
from werkzeug.test import TestResponse

from bankapp import ids
from bankapp.endpoints import NO_KEYS, Access, Scope, scope_of
from tests.integration.test_access import CALLERS, TABLE, Row, World
from tests.support.api_keys import ALL_SCOPES, bearer, make
from tests.support.factories import Bank, Caller, ok, refused
from tests.support.routes import operations
from tests.support.statements import statements

NO_LIST_OF_ACCOUNTS: Final = {"GET /v1/currencies", "GET /v1/events/stream", "POST /v1/payee-verifications"}
"""What answers 200 without a list of the owner's objects: what every key sees, and a stream."""

BEYOND_ACCOUNTS: Final = {
    "POST /v1/accounts",
    "POST /v1/category-rules",
    "POST /v1/payees",
    "POST /v1/webhook-endpoints",
}
"""What a key that is limited to some accounts may not do, because it would reach beyond them."""


@pytest.fixture(scope="module")
def world(app: Flask) -> World:
    return World(Bank(app))


def scopes(app: Flask) -> dict[str, Scope | None]:
    """Return the scope of each route of the table."""
    return {
        f"{method} {rule.rule}": scope_of(rule.endpoint)
        for rule in app.url_map.iter_rules()
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
    }


def send(world: World, row: Row, server: Caller) -> TestResponse:
    """Send the request of a row, for objects of the owner, with a key."""
    headers = row.headers | {"Authorization": f"Bearer {server.tokens['access_token']}"}
    body = row.body(world) if row.body else None
    return server.client.open(row.url(world), method=row.method, json=body, headers=headers)


def is_public(row: Row) -> bool:
    return row.outcomes[CALLERS.index("anonymous")] != 401


@pytest.mark.parametrize("row", [row for row in TABLE if not is_public(row)], ids=str)
def test_each_route_asks_a_key_for_its_scope(world: World, row: Row) -> None:
    world.revoke_old_api_keys()
    scope = scopes(world.bank.app)[str(row)]
    if scope is NO_KEYS:
        answer = send(world, row, bearer(world.bank, make(world.owner)))
        assert refused(answer, 403, "insufficient_scope")["detail"] == "No API key may do this: sign in."
        return
    others = [name for name in ALL_SCOPES if name != scope.value]
    answer = send(world, row, bearer(world.bank, make(world.owner, scopes=others)))
    assert refused(answer, 403, "insufficient_scope")["required_scope"] == scope.value
    enough = bearer(world.bank, make(world.owner, scopes=[scope.value]))
    expected = row.outcomes[CALLERS.index("owner")] or row.success
    assert send(world, row, enough).status_code == expected


@pytest.mark.parametrize("row", [row for row in TABLE if not is_public(row)], ids=str)
def test_each_route_hides_the_accounts_that_a_key_is_not_for(world: World, row: Row) -> None:
    if scopes(world.bank.app)[str(row)] is NO_KEYS:
        return
    world.revoke_old_api_keys()
    allowed = world.account()
    server = bearer(world.bank, make(world.owner, account_ids=[allowed["id"]]))
    for makes in (world.transaction_id, world.transfer_id, world.authorization_id):
        makes()  # something on other accounts, which a list must not show
    answer = send(world, row, server)
    if str(row) in BEYOND_ACCOUNTS:
        refused(answer, 403, "insufficient_scope")
        return
    # Every object of the row is on another account of the owner; it looks like somebody else's.
    assert answer.status_code == (row.outcomes[CALLERS.index("other")] or row.success), answer.get_data(as_text=True)
    if answer.mimetype == "text/csv":
        assert len(answer.get_data(as_text=True).splitlines()) == 1, "the names of the columns alone"
    elif answer.status_code == 200 and str(row) not in NO_LIST_OF_ACCOUNTS:
        items = answer.get_json()["items"]
        assert items == [] or [item["id"] for item in items] == [allowed["id"]]
        assert (items != []) == (row.rule == "/v1/accounts")


def test_a_key_for_one_account_does_there_what_its_owner_does(world: World) -> None:
    ada, allowed, other = world.owner, world.account(balance=1_000), world.account(balance=50)
    server = bearer(world.bank, make(ada, account_ids=[allowed["id"]]))
    ok(server.transfer(allowed, other, 100), 201)
    ok(server.transfer(allowed, world.bank.customer().account(), 100), 201)
    refused(server.transfer(other, allowed, 1), 404, "not_found")
    ok(ada.transfer(other, allowed, 10), 201)
    card = server.card(allowed)
    hold = server.hold(card, 100)
    ok(server.post(f"/authorizations/{hold['id']}/capture", {}))
    foreign = ada.card(other)
    ok(ada.authorize(foreign, 1), 201)
    assert [one["id"] for one in ok(server.get("/accounts"))["items"]] == [allowed["id"]]
    assert [one["id"] for one in ok(server.get("/cards"))["items"]] == [card["id"]]
    assert [one["id"] for one in ok(server.get("/authorizations"))["items"]] == [hold["id"]]
    history = ok(server.get("/transactions?limit=100"))["items"]
    assert {one["account_id"] for one in history} == {allowed["id"]}
    assert history == ok(ada.get(f"/transactions?account_id={allowed['id']}&limit=100"))["items"]
    transfers = ok(server.get("/transfers?limit=100"))["items"]
    assert len(transfers) == 3
    for one in transfers:
        assert allowed["id"] in (one["from_account_id"], one["to_account_id"])
        ok(server.get(f"/transfers/{one['id']}"))
    for path in (f"/cards?account_id={other['id']}", f"/transfers?account_id={other['id']}"):
        refused(server.get(path), 404, "not_found")
    refused(server.get(f"/authorizations?card_id={foreign['id']}"), 404, "not_found")
    refused(server.get(f"/statements/periods?account_id={other['id']}"), 404, "not_found")
    refused(server.get(f"/accounts/{other['id']}/balance?at=2026-01-01T00:00:00Z"), 404, "not_found")
    ok(server.get(f"/statements/{allowed['id']}"))
    refused(server.get(f"/statements/{other['id']}"), 404, "not_found")


def test_a_hidden_account_answers_like_anyone_elses(world: World) -> None:
    server = bearer(world.bank, make(world.owner, account_ids=[world.account_id()]))
    hidden = refused(server.get(f"/accounts/{world.account_id()}"), 404, "not_found")
    foreign = refused(server.get(f"/accounts/{world.bank.customer().account()['id']}"), 404, "not_found")
    missing = refused(server.get(f"/accounts/{ids.new()}"), 404, "not_found")
    assert len({(one["title"], one["detail"]) for one in (hidden, foreign, missing)}) == 1


def test_a_key_does_not_learn_the_state_of_the_owners_other_accounts(world: World) -> None:
    source, frozen = world.account(balance=10), world.frozen_account_id()
    server = bearer(world.bank, make(world.owner, account_ids=[source["id"]]))
    refused(server.transfer(source, {"id": frozen}, 1), 422, "payee_not_payable")
    refused(world.owner.transfer(source, {"id": frozen}, 1), 422, "account_not_active")
    whole = bearer(world.bank, make(world.owner))
    refused(whole.transfer(source, {"id": frozen}, 1), 422, "account_not_active")


def test_a_key_for_some_accounts_does_not_include_a_later_one(world: World) -> None:
    key, whole = make(world.owner, account_ids=[world.account_id()]), make(world.owner)
    later = world.account_id()
    refused(bearer(world.bank, key).get(f"/accounts/{later}"), 404, "not_found")
    ok(bearer(world.bank, whole).get(f"/accounts/{later}"))


@pytest.mark.parametrize("role", ["staff", "admin"])
def test_a_key_of_an_employee_has_no_power_of_staff(bank: Bank, role: str) -> None:
    ada, employee = bank.customer(), bank.employee(role)
    account = ada.account(balance=5)
    transfer = ok(ada.transfer(account, ada.account(), 5), 201)
    server = bearer(bank, make(employee))
    refused(server.get(f"/accounts/{account['id']}"), 404, "not_found")
    refused(server.get(f"/transfers/{transfer['id']}"), 404, "not_found")
    refused(server.post(f"/accounts/{account['id']}/close"), 404, "not_found")
    for path in ("/accounts", "/cards", "/transfers", "/transactions", "/authorizations"):
        assert ok(server.get(path))["items"] == []
    for operation in operations(bank.app):
        if operation.access is Access.STAFF:
            refused(server.request(operation.method, operation.path), 403, "insufficient_scope")


def test_a_refused_scope_touches_nothing(bank: Bank) -> None:
    ada = bank.customer()
    source, target = ada.account(balance=10), ada.account()
    server = bearer(bank, make(ada, scopes=["accounts:read"]))
    ok(server.get("/accounts"))
    before = ok(ada.get("/audit-logs?limit=100"))
    with statements(bank.app) as executed:
        refused(server.transfer(source, target, 1, key="k"), 403, "insufficient_scope")
    assert len(executed) == 1  # the check of the key
    assert ok(ada.get("/audit-logs?limit=100")) == before
    # The idempotency key is free: the same request with the scope is carried out.
    ok(bearer(bank, make(ada)).transfer(source, target, 1, key="k"), 201)


@pytest.fixture
def behind_proxy(bank_with: Callable[..., Bank]) -> Bank:
    return bank_with(TRUSTED_PROXIES="1")


@pytest.mark.parametrize(
    ("allowed", "inside", "outside"),
    [
        (["203.0.113.7"], ["203.0.113.7", "::ffff:203.0.113.7"], ["203.0.113.8", "2001:db8::7"]),
        (["203.0.113.0/24"], ["203.0.113.0", "203.0.113.255"], ["203.0.112.255", "203.0.114.0"]),
        (["2001:db8:1::/48"], ["2001:db8:1::", "2001:DB8:1:ffff::1"], ["2001:db8:2::1", "203.0.113.7"]),
        (["198.51.100.0/25", "2001:db8::1"], ["198.51.100.127", "2001:db8::1"], ["198.51.100.128", "2001:db8::2"]),
        (["0.0.0.0/0"], ["203.0.113.7"], ["2001:db8::1"]),
    ],
    ids=str,
)
def test_a_key_is_used_from_its_networks_only(
    behind_proxy: Bank, allowed: list[str], inside: list[str], outside: list[str]
) -> None:
    ada = behind_proxy.customer()
    key = make(ada, ip_allowlist=allowed)
    for address in inside:
        ok(bearer(behind_proxy, key, **{"X-Forwarded-For": address}).get("/accounts"))
    for address in outside:
        server = bearer(behind_proxy, key, **{"X-Forwarded-For": address})
        refused(server.get("/accounts"), 403, "ip_address_not_allowed")
        refused(server.post("/auth/logout"), 403, "ip_address_not_allowed")


def test_a_forged_address_does_not_help_without_a_proxy(bank: Bank) -> None:
    ada = bank.customer()
    key = make(ada, ip_allowlist=["203.0.113.7"])
    forged = bearer(bank, key, **{"X-Forwarded-For": "203.0.113.7"})
    refused(forged.get("/accounts"), 403, "ip_address_not_allowed")
    ok(bearer(bank, make(ada, ip_allowlist=["127.0.0.0/8"])).get("/accounts"))


def test_an_address_that_cannot_be_read_is_that_of_the_proxy(behind_proxy: Bank) -> None:
    ada = behind_proxy.customer()
    for allowed, status in (("203.0.113.7", 403), ("127.0.0.1", 200)):
        server = bearer(behind_proxy, make(ada, ip_allowlist=[allowed]), **{"X-Forwarded-For": "203.0.113.x"})
        assert server.get("/accounts").status_code == status


def test_a_client_cannot_choose_the_address_behind_the_proxy(behind_proxy: Bank) -> None:
    key = make(behind_proxy.customer(), ip_allowlist=["203.0.113.7"])
    server = bearer(behind_proxy, key, **{"X-Forwarded-For": "203.0.113.7, 198.51.100.1"})
    refused(server.get("/accounts"), 403, "ip_address_not_allowed")


def test_each_key_has_a_limit_of_its_own(bank_with: Callable[..., Bank]) -> None:
    bank = bank_with(RATELIMIT_ENABLED="true", API_KEY_RATE_LIMIT="3/hour")
    ada = bank.customer()
    first, second = bearer(bank, make(ada)), bearer(bank, make(ada))
    for left in (2, 1, 0):
        answer = first.get("/accounts")
        ok(answer)
        assert (answer.headers["RateLimit-Limit"], answer.headers["RateLimit-Remaining"]) == ("3", str(left))
        assert 3500 <= int(answer.headers["RateLimit-Reset"]) <= 3601
    with statements(bank.app) as executed:
        answer = first.get("/accounts")
    refused(answer, 429, "rate_limited")
    assert executed == []
    assert 3500 <= int(answer.headers["Retry-After"]) <= 3601
    assert answer.headers["RateLimit-Remaining"] == "0"
    ok(second.get("/accounts"))
    # A token is not counted.
    assert "RateLimit-Limit" not in ada.get("/accounts").headers


def test_a_new_secret_does_not_begin_a_new_count(bank_with: Callable[..., Bank]) -> None:
    bank = bank_with(RATELIMIT_ENABLED="true", API_KEY_RATE_LIMIT="2/hour")
    ada = bank.customer()
    key = make(ada)
    ok(bearer(bank, key).get("/accounts"))
    body = {"overlap_seconds": 60, "password": "violet-otter-sings-17"}
    rolled = ok(ada.post(f"/api-keys/{key['id']}/roll", body))
    assert bearer(bank, rolled).get("/accounts").headers["RateLimit-Remaining"] == "0"
    refused(bearer(bank, key).get("/accounts"), 429, "rate_limited")


def test_refused_requests_of_a_key_count_and_tell_the_limit(bank_with: Callable[..., Bank]) -> None:
    bank = bank_with(RATELIMIT_ENABLED="true", API_KEY_RATE_LIMIT="5/hour")
    server = bearer(bank, make(bank.customer(), scopes=["accounts:read"]))
    answers: list[tuple[TestResponse, int]] = [
        (server.get("/auth/me"), 403),
        (server.get("/cards"), 403),
        (server.get(f"/accounts/{ids.new()}"), 404),
        (server.post("/auth/logout", data=b"{"), 403),
    ]
    assert [(answer.status_code, answer.headers["RateLimit-Remaining"]) for answer, _ in answers] == [
        (status, str(4 - at)) for at, (_, status) in enumerate(answers)
    ]


def test_a_key_is_served_while_the_store_of_limits_is_down(bank_with: Callable[..., Bank]) -> None:
    bank = bank_with(
        RATELIMIT_ENABLED="true", RATELIMIT_STORAGE_URI="redis://127.0.0.1:1/0", API_KEY_RATE_LIMIT="2/day"
    )
    server = bearer(bank, make(bank.customer()))
    assert [server.get("/accounts").status_code for _ in range(3)] == [200, 200, 429]


def test_payees_that_cannot_be_paid_are_counted_for_the_owner(bank_with: Callable[..., Bank]) -> None:
    bank = bank_with(RATELIMIT_ENABLED="true")
    ada = bank.customer()
    account = ada.account(balance=10)
    orders: list[dict[str, Any]] = [
        {"from_account_id": account["id"], "to_account_id": ids.new(), "amount": 1, "currency": "EUR"}
    ] * 100
    ok(ada.post("/transfers/batch", {"transfers": orders, "atomic": False}))
    answer = bearer(bank, make(ada)).transfer(account, {"id": ids.new()}, 1)
    refused(answer, 429, "rate_limited")
