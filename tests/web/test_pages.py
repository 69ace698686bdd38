"""The pages as the server renders them, on both databases."""

from __future__ import annotations

import html
import json
import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from flask import Flask

from bankapp import clock, context, db
from bankapp.context import Context
from bankapp.services import seeding, transactions
from bankapp.services.identity import auth
from bankapp.web import display
from tests.support import clocks
from tests.support.api_keys import make
from tests.support.factories import PERSON, Bank, Caller, ok, refused
from tests.support.streams import stream

CUSTOMER_PAGES = (
    "overview",
    "accounts/new",
    "movements",
    "insights",
    "send",
    "cash",
    "cards",
    "statements",
    "security",
    "activity",
    "developers",
    "developers/keys/new",
    "developers/webhooks/new",
    "developers/events",
)


@pytest.fixture
def bank(app: Flask) -> Bank:
    """A bank on each database; replaces the fixture of the browser tests, which share a live server."""
    return Bank(app)


def page(caller: Caller, path: str, status: int = 200, zone: str | None = None, **query: str) -> str:
    headers = _bearer(caller) | ({"X-Time-Zone": zone} if zone else {})
    answer = caller.client.get(f"/pages/{path}", query_string=query, headers=headers)
    assert answer.status_code == status, answer.get_data(as_text=True)
    return answer.get_data(as_text=True)


def _bearer(caller: Caller) -> dict[str, str]:
    return {"Authorization": f"Bearer {caller.tokens['access_token']}"} if caller.tokens else {}


@pytest.mark.parametrize("path", CUSTOMER_PAGES)
def test_every_page_is_rendered_for_a_new_customer_and_for_staff(bank: Bank, path: str) -> None:
    for caller in (bank.customer(), bank.customer(holder=False), bank.employee()):
        assert "<h1" in page(caller, path)


def test_pages_show_only_the_token_owners_data(bank: Bank) -> None:
    ada, bob = bank.customer(), bank.customer()
    account = ada.account(balance=100)
    card = ok(ada.post("/cards", {"account_id": account["id"], "type": "virtual"}), 201)
    transfer = ok(ada.transfer(account, ada.account(), 50), 201)
    for path in (f"accounts/{account['id']}", f"cards/{card['id']}", f"transfers/{transfer['id']}"):
        refused(bank.anonymous().client.get(f"/pages/{path}"), 401, "token_missing")
        refused(bob.client.get(f"/pages/{path}", headers=_bearer(bob)), 404, "not_found")
        assert "<h1" in page(ada, path)


def test_staff_pages_are_for_staff(bank: Bank) -> None:
    ada = bank.customer()
    refused(ada.client.get("/pages/customers", headers=_bearer(ada)), 403, "forbidden")
    assert "Find a customer" in page(bank.employee(), "customers")


def test_the_shell_is_public_and_forbids_inline_scripts(bank: Bank) -> None:
    for path in ("/app", "/app/overview", "/app/accounts/anything"):
        answer = bank.app.test_client().get(path)
        policy = answer.headers["Content-Security-Policy"]
        assert answer.status_code == 200
        assert "unsafe" not in policy
        assert "default-src 'none'" in policy
        assert "style=" not in answer.text
        assert "onclick" not in answer.text
        assert "http" not in answer.text.replace("http-equiv", "")
    assert bank.app.test_client().get("/").headers["Location"] == "/app"


def test_the_demo_login_is_offered_on_a_seeded_development_server_only(
    fresh_bank: Bank, make_app: Callable[..., Flask]
) -> None:
    url = fresh_bank.app.config["SQLALCHEMY_DATABASE_URI"].replace("+psycopg", "")
    development = make_app(url, BANKAPP_ENV="development", BCRYPT_ROUNDS="4")
    sign_in = "/pages/sign-in"
    assert "Demo" not in development.test_client().get(sign_in).text
    with fresh_bank.app.app_context():
        db.run(lambda: auth.create_user(seeding.CUSTOMER_EMAIL, "", context.CUSTOMER))
    assert "Demo" not in fresh_bank.app.test_client().get(sign_in).text
    form = development.test_client().get(sign_in).text
    for email in (seeding.CUSTOMER_EMAIL, seeding.NEIGHBOUR_EMAIL, *seeding.EMPLOYEES.values()):
        assert f'value="{email}"' in form


def test_amounts_have_the_decimals_of_their_currency(bank: Bank) -> None:
    ada = bank.customer()
    for currency, minor in (("EUR", 123456), ("JPY", 123456), ("KWD", 123456)):
        ada.account(currency, minor)
    form = page(ada, "cash")
    for text in ("€1,234.56", "¥123,456", "KWD\N{NO-BREAK SPACE}123.456"):
        assert text in form


def test_history_is_filtered_and_paged(bank: Bank) -> None:
    ada = bank.customer()
    account = ada.account(balance=10_000)
    for amount in range(1, 18):
        ok(ada.move(account, amount * 100, "withdrawal" if amount % 2 else "deposit"), 201)
    path = f"accounts/{account['id']}/history"
    first = page(ada, path)
    assert first.count('class="row"') == 15
    following = first.split('hx-get="')[1].split('"')[0].replace("&amp;", "&")
    rest = ada.client.get(following, headers=_bearer(ada)).text
    assert rest.count('class="row"') == 3
    assert "Today</h3>" not in rest
    today = clock.now().date()
    yesterday = (today - timedelta(days=1)).isoformat()
    for narrowed, count in (
        ({"type": "withdrawal"}, 9),
        ({"min": "16", "max": "17.00"}, 2),
        ({"from": today.isoformat(), "min": "100"}, 1),
        ({"to": yesterday}, 0),
    ):
        assert page(ada, path, **narrowed).count('class="row"') == count, narrowed
    problem = ada.client.get(f"/pages/{path}?min=1,234", headers=_bearer(ada))
    assert set(refused(problem, 422, "validation_error")["errors"]) == {"min"}


def test_movements_are_those_of_all_own_accounts(bank: Bank) -> None:
    ada, bob = bank.customer(), bank.customer()
    account, yen = ada.account(balance=10_000), ada.account("JPY", 500)
    ok(ada.patch(f"/accounts/{yen['id']}", {"name": "Tokyo"}))
    ok(ada.transfer(account, bob.account(), 250, description="Rent"), 201)
    for _ in range(14):
        ada.deposit(account, 100)
    shown = page(ada, "movements")
    assert shown.count('class="row"') == 15
    assert 'id="newest" data-live' in shown
    following = shown.split('class="wide load-more" hx-get="')[1].split('"')[0].replace("&amp;", "&")
    rest = ada.client.get(following, headers=_bearer(ada)).text
    assert rest.count('class="row"') == 2
    assert "<bdi>Tokyo</bdi>" in rest
    assert "Today</h3>" not in rest
    for narrowed, count in (
        ({"account": yen["id"]}, 1),
        ({"type": "transfer_out"}, 1),
        ({"account": account["id"], "min": "2.50", "max": "2.50"}, 1),
        ({"account": yen["id"], "min": "500"}, 1),
        ({"to": (clock.now().date() - timedelta(days=1)).isoformat()}, 0),
    ):
        found = page(ada, "movements/more", **narrowed)
        assert found.count('class="row"') == count, narrowed
        assert "data-live" not in found
    refusal = ada.client.get("/pages/movements/more?min=5", headers=_bearer(ada))
    assert "different currencies" in refused(refusal, 422, "validation_error")["errors"]["min"][0]
    page(bob, "movements/more", 404, account=account["id"])
    page(bank.employee(), "movements/more", 404, account=account["id"])
    assert page(bob, "movements").count('class="row"') == 1


def test_a_history_is_searched_and_each_filter_is_a_chip(bank: Bank) -> None:
    ada = bank.customer()
    account, other = ada.account(balance=10_000), bank.customer().account()
    rent = ok(ada.transfer(account, other, 250, description="Rent"), 201)
    [out] = [one for one in ok(ada.get("/transactions"))["items"] if one["transfer_id"] == rent["id"]]
    content = {"category": "my_flat", "tags": ["spring"]}
    ok(ada.request("PUT", f"/transactions/{out['id']}/annotation", json=content, headers={"If-Match": "*"}))
    for path, app in (("movements", "/app/movements"), (f"accounts/{account['id']}", f"/app/accounts/{account['id']}")):
        for narrowed in ({"q": "rent"}, {"category": "my_flat"}, {"tag": "spring"}, {"counterparty": "Ada Lovelace"}):
            found = page(ada, path, **narrowed)
            assert found.count('class="row"') == 1, narrowed
            assert f'<a class="chip chip-all" href="{app}">Clear all</a>' in found
        found = page(ada, path, q="rent & more", category="my_flat")
        assert 'class="row"' not in found
        assert f'href="{app}?category=my_flat" aria-label="Remove filter Search: rent &amp; more"' in found
        assert f'href="{app}?q=rent+%26+more" aria-label="Remove filter Category: My flat"' in found
    staff = bank.employee()
    assert 'name="q"' not in page(staff, f"accounts/{account['id']}")
    page(staff, f"accounts/{account['id']}", 404, q="rent")


def test_staff_see_only_movements_of_their_own_accounts(bank: Bank) -> None:
    bank.customer().account(balance=100)
    clerk = bank.employee()
    ok(clerk.post("/account-holders", PERSON), 201)
    clerk.account(balance=250)
    for path in ("movements", "movements/more"):
        assert page(clerk, path).count('class="row"') == 1, path
    # The file would have everybody's movements.
    assert "/v1/transactions/csv" not in page(clerk, "movements/more", type="deposit")


def test_every_movement_has_a_page_with_its_facts(bank: Bank) -> None:
    ada, bob, clerk = bank.customer(), bank.customer(), bank.employee()
    account, target = ada.account(balance=10_000), bob.account()
    extra = {"description": "Rent <b>", "reference": "INV-7", "end_to_end_id": "E2E-7"}
    transfer = ok(ada.transfer(account, target, 250, **extra), 201)
    hold = ok(ada.authorize(ada.card(account), 1_234, merchant="Corner Bookshop"), 201)
    ok(ada.post(f"/authorizations/{hold['id']}/capture"))
    ok(ada.move(account, 100, "withdrawal"), 201)
    history = ok(ada.get(f"/transactions?account_id={account['id']}"))["items"]
    by_type = {item["type"]: item for item in history}
    assert set(by_type) == {"deposit", "withdrawal", "transfer_out", "card_purchase"}
    listed = page(ada, "movements")
    shown = {}
    for type, item in by_type.items():
        assert f'href="/app/movements/{item["id"]}"' in listed
        shown[type] = page(ada, f"movements/{item['id']}")
        assert item["id"] in shown[type]
        assert "Booked" in shown[type]
        page(bob, f"movements/{item['id']}", 404)
    sent = shown["transfer_out"]
    for text in (
        "Rent &lt;b&gt;",
        "INV-7",
        "E2E-7",
        display.iban(target["number"]),
        "€97.50",
        f"again={transfer['id']}",
    ):
        assert text in sent, text
    assert "Corner Bookshop" in shown["card_purchase"]
    assert "block the card" in shown["card_purchase"]
    out = by_type["transfer_out"]["id"]
    looked_at = page(clerk, f"movements/{out}")
    assert "Reverse transfer" in looked_at
    assert "Report a problem" not in looked_at
    reversal = ok(clerk.post(f"/transfers/{transfer['id']}/reversal"), 201)
    reversed_ = page(ada, f"movements/{out}")
    assert f'href="/app/transfers/{reversal["id"]}"' in reversed_
    assert "Reverse transfer" not in page(clerk, f"movements/{out}")


def test_the_details_of_a_problem_contain_nothing_that_others_wrote(bank: Bank) -> None:
    ada = bank.customer()
    account = ada.account(balance=10_000)
    ok(ada.transfer(account, bank.customer().account(), 250, description="Rent", reference="INV-7"), 201)
    [movement, *_] = ok(ada.get(f"/transactions?account_id={account['id']}"))["items"]
    details = html.unescape(
        page(ada, f"movements/{movement['id']}").split("<pre")[1].split(">", 1)[1].split("</pre")[0]
    )
    assert details.splitlines()[1:3] == ["Type: Transfer sent", "Amount: −€2.50"]
    assert details.endswith(f"Movement id: {movement['id']}\nTransfer id: {movement['transfer_id']}\nWhat is wrong:")
    assert not [text for text in ("97.50", "Rent", "INV-7") if text in details]


# The day of at least one of them is not the day of UTC.
@pytest.mark.parametrize(("zone", "name"), [("Pacific/Kiritimati", "UTC+14"), ("Pacific/Pago_Pago", "SST")])
def test_days_and_times_are_those_of_the_viewer(bank: Bank, zone: str, name: str) -> None:
    ada = bank.customer()
    with clocks.at(clocks.ago(days=3)):
        account = ada.account()
        moved = ada.deposit(account, 100)
    local = clock.from_text(moved["created_at"]).astimezone(ZoneInfo(zone))
    ada = bank.signed_in(ada.email)
    listed = page(ada, "movements", zone=zone)
    assert f'<h3 class="day">{display.day(local.date())}</h3>' in listed
    assert f">{local:%H:%M}</time>" in listed
    assert f"in {zone}." in listed
    assert f"{local:%H:%M} {name}" in page(ada, f"movements/{moved['id']}", zone=zone)
    day, before = local.date().isoformat(), (local.date() - timedelta(days=1)).isoformat()
    assert page(ada, "movements/more", zone=zone, **{"from": day, "to": day}).count('class="row"') == 1
    assert page(ada, "movements/more", zone=zone, to=before).count('class="row"') == 0


@pytest.mark.parametrize("zone", ["Europe", "../../etc/passwd", "/etc/passwd", "Nowhere/Land", "x" * 5000, "\u00e9"])
def test_an_unknown_time_zone_is_utc(bank: Bank, zone: str) -> None:
    assert "in UTC." in page(bank.customer(), "movements", zone=zone)


@pytest.mark.parametrize("day", ["0001-01-01", "9999-12-31", "2026-13-01", "today"])
@pytest.mark.parametrize("bound", ["from", "to"])
def test_a_filter_takes_any_day_or_refuses_it(bank: Bank, bound: str, day: str) -> None:
    ada = bank.customer()
    ada.account()
    for zone in ("Pacific/Kiritimati", "Pacific/Pago_Pago"):
        headers = _bearer(ada) | {"X-Time-Zone": zone}
        answer = ada.client.get(f"/pages/movements/more?{bound}={day}", headers=headers)
        assert answer.status_code in (200, 422), answer.text


def test_the_page_without_movements_says_what_to_do(bank: Bank) -> None:
    ada = bank.customer()
    assert 'href="/app/accounts/new"' in page(ada, "movements")
    ada.account()
    assert 'href="/app/cash?kind=deposit"' in page(ada, "movements")


def test_the_balance_chart_ends_at_the_balance(bank: Bank) -> None:
    ada = bank.customer()
    account = ada.account(balance=5_000)
    ok(ada.move(account, 1_250, "withdrawal"), 201)
    today = clock.now().date()
    with bank.app.app_context():
        context.begin(Context(user=context.User(ada.user_id, context.CUSTOMER, "", "")))
        balances = transactions.daily_balances(account["id"], today - timedelta(days=2), today)
        context.clear()
    assert balances == [0, 0, 3_750]


def review(caller: Caller, path: str, **values: str) -> str:
    return page(caller, f"{path}/review", **values)


def test_the_review_shows_errors_at_their_fields(bank: Bank) -> None:
    ada = bank.customer()
    account, yen = ada.account(balance=1_000), ada.account("JPY")
    good: dict[str, Any] = {"from": account["id"], "to": "iban", "iban": ada.account()["number"], "amount": "1.00"}
    assert "Is this right?" in review(ada, "send", **good)
    for wrong in (
        {"amount": "10.01"},
        {"amount": "1,000"},
        {"iban": good["iban"][:-1] + "x"},
        {"to": account["id"]},
        {"to": "nobody"},
        {"from": bank.customer().account()["id"]},
        {"from": yen["id"], "amount": "1.5"},
        {"description": "x" * 141},
    ):
        shown = review(ada, "send", **good | wrong)
        assert "Is this right?" not in shown, wrong
        assert 'aria-invalid="true"' in shown, wrong


def test_text_of_users_is_escaped(bank: Bank) -> None:
    ada = bank.customer()
    account = ada.account(balance=1_000)
    attack = "<img src=x onerror=alert(1)>\"'{{7*7}}"
    transfer = ok(ada.transfer(account, ada.account(), 100, description=attack), 201)
    shown = [page(ada, path) for path in ("overview", f"accounts/{account['id']}", f"transfers/{transfer['id']}")]
    target = ada.account()["number"]
    values = {"from": account["id"], "to": "iban", "iban": target, "amount": "1", "description": attack}
    shown.append(review(ada, "send", **values))
    for text in shown:
        assert "<img" not in text
        assert "&lt;img" in text
        assert "49" not in text.split("onerror")[1][:20]


def test_news_say_what_an_event_means(bank: Bank) -> None:
    ada, bob = bank.customer(), bank.customer()
    account, target = ada.account(balance=10_000), bob.account()
    ok(ada.transfer(account, target, 1_234), 201)
    ok(bank.employee().post(f"/accounts/{account['id']}/freeze"))
    end = account["number"][-4:]
    found = {item["type"]: item["position"] for item in stream(bank.app, ada)}
    assert page(ada, "news", position=str(found["account.frozen"]), more="0") == f"Checking account ·· {end} is frozen"
    paid = page(ada, "news", position=str(found["transaction.created"]), more="2")
    assert paid == f"€12.34 paid from checking account ·· {end} and 2 more"
    [received] = stream(bank.app, bob, "after=0&type=transaction.created")
    text = page(bob, "news", position=str(received["position"]), more="0")
    assert text == f"€12.34 received on checking account ·· {target['number'][-4:]}"
    page(bob, "news", 404, position="1000", more="0")
    page(bob, "news", 422, position="last", more="0")


def test_an_account_has_the_name_that_its_owner_gave_it(bank: Bank) -> None:
    ada = bank.customer()
    account, _ = ada.account(balance=10_000), ada.account()
    named = "Holidays <2027>"
    ok(ada.patch(f"/accounts/{account['id']}", {"name": named}))
    card = ada.card(account)
    transfer = ok(ada.transfer(account, bank.customer().account(), 100), 201)
    visible, plain = "<bdi>Holidays &lt;2027&gt;</bdi>", "\u2068Holidays &lt;2027&gt;\u2069"
    for path in (
        "overview",
        f"accounts/{account['id']}",
        "cards",
        f"cards/{card['id']}",
        f"transfers/{transfer['id']}",
    ):
        assert visible in page(ada, path), path
    for path in ("send", "cash", "statements", "cards", f"accounts/{account['id']}"):
        assert plain in page(ada, path), path
    assert "Checking account ·· " in page(ada, "send"), "the account without a name"
    assert visible in page(bank.employee(), f"accounts/{account['id']}")
    [paid] = [item for item in stream(bank.app, ada, "limit=100") if item["data"].get("transfer_id") == transfer["id"]][
        :1
    ]
    assert page(ada, "news", position=str(paid["position"]), more="0") == (
        f"€1.00 paid from \u2068{named}\u2069 ·· {account['number'][-4:]}"
    )


def test_an_account_can_become_the_first(bank: Bank) -> None:
    ada = bank.customer()
    first, second, third = ada.account(), ada.account(), ada.account()
    for account in (first, third, second, first):
        shown = page(ada, f"accounts/{account['id']}")
        if "data-moves" in shown:
            for moved, position in json.loads(html.unescape(shown.split('data-moves="')[1].split('"')[0])):
                ok(ada.patch(f"/accounts/{moved}", {"position": position}))
            ok(ada.patch(f"/accounts/{account['id']}", {"position": 0}))
        options = re.findall(r'<option value="([0-9a-f-]{36})"', page(ada, "cash"))
        assert options[0] == account["id"]
    assert options == [account["id"] for account in (first, second, third)]
    assert "This is your first account" in page(ada, f"accounts/{first['id']}")
    assert "data-moves" not in page(bank.employee(), f"accounts/{second['id']}")


def test_only_the_newest_part_of_a_whole_history_is_live(bank: Bank) -> None:
    ada = bank.customer()
    path = f"accounts/{ada.account(balance=100)['id']}/history"
    assert 'id="newest" data-live' in page(ada, path)
    assert "data-live" not in page(ada, path, type="deposit")


def test_the_event_log_has_the_events_that_are_kept(fresh_bank: Bank) -> None:
    with clocks.at(clocks.ago(days=100)):
        ada = fresh_bank.customer()
    ada = fresh_bank.signed_in(ada.email)
    [kept] = stream(fresh_bank.app, ada, "limit=100")
    shown = page(ada, "developers/events")
    assert re.findall(r'id="event-([0-9a-f-]+)"', shown) == [kept["id"]]
    assert "No event of this type." in page(ada, "developers/events/more", type="account.opened")
    assert 'class="row' not in page(ada, "developers/events/more", before=str(kept["position"]))
    assert 'class="row' not in page(fresh_bank.customer(), "developers/events")


def test_pages_for_developers_show_only_ones_own(bank: Bank) -> None:
    ada, bob = bank.customer(), bank.customer()
    key = make(ada, name="Payroll <b>")
    endpoint = ok(ada.post("/webhook-endpoints", {"url": "https://ada.example/hook"}), 201)
    shown = page(ada, "developers")
    assert "Payroll &lt;b&gt;" in shown
    assert "https://ada.example/hook" in shown
    for path in (f"keys/{key['id']}", f"webhooks/{endpoint['id']}", f"webhooks/{endpoint['id']}/deliveries"):
        page(ada, f"developers/{path}")
        page(bob, f"developers/{path}", 404)
    staff = bank.employee()
    page(staff, f"developers/keys/{key['id']}", 404)
    looked_at = page(staff, f"developers/webhooks/{endpoint['id']}")
    assert "data-api" not in looked_at
    assert "ada.example" not in page(staff, "developers")
