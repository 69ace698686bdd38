"""What people may write in names, descriptions and merchants: text that can be seen, and leaves other text alone."""

from __future__ import annotations

from typing import Any

import jsonschema_rs
import pytest

from bankapp.statement_formats import FORMATS
from tests.support import conformance
from tests.support.factories import PASSWORD, PERSON, Bank, Caller, ok, refused, unique_email


@pytest.fixture(scope="module")
def ada(app: Any) -> Caller:
    return Bank(app).customer()


@pytest.fixture(scope="module")
def account(ada: Caller) -> dict[str, Any]:
    return ada.account(balance=10_000)


@pytest.fixture(scope="module")
def card(ada: Caller, account: dict[str, Any]) -> dict[str, Any]:
    return ada.card(account)


UNSEEN = [
    "\u200b",
    "\u200c\u200d",
    "\ufeff",
    "\u2060\u2060",
    "\u00ad",
    "\u200e",
    "\u034f",
    "\u115f\u1160",
    "\u3164",
    "\uffa0",
    "\u2800",
    "\u0301",
    "\ufe0f",
    "\u180e",
    "\u206a",
    "\u200b \u00a0\u200b",
    "\U000e0041\U000e007f",
    "\U0001d173",
]
TURNING = [
    "Ada\u202e",
    "\u202dAda\u202c",
    "\u202aAda",
    "a\u202bb",
    "\u2066Ada\u2069",
    "Ada\u2067",
    "Ada\u2068",
    "\u200e\u200fAda",
    "Ada\u200f\u200f\u200f",
    "A\u061c\u200eda",
]
BROKEN = ["a\u2028b", "a\u2029b", "a\nb", "a\x85b", "a\x7fb"]
REASONS = {
    "Must contain a character that can be seen.": UNSEEN,
    "Must not contain characters that change the direction of text.": TURNING,
    "Must not contain control characters or line breaks.": BROKEN,
}
REFUSED = [(text, reason) for reason, texts in REASONS.items() for text in texts]
ACCEPTED = [
    "Zoë O’Neill-Ångström",
    "李小龍",
    "مريم",
    "שרה",
    # Persian and Urdu need the non-joiner, scripts of India both joiners, emoji the joiner and selectors.
    "می\u200cخواهم",
    "क्\u200dष",
    "ക്\u200cഷ",
    "👩🏽\u200d🚀",
    "👨\u200d👩\u200d👧\u200d👦",
    "❤\ufe0f",
    "🏴\U000e0067\U000e0062\U000e0065\U000e006e\U000e0067\U000e007f",
    # One mark keeps punctuation beside the Hebrew or Arabic word that it belongs to.
    "C++\u200e שרה",
    "שרה!\u200f",
    "\u200fشركة\u061c 5",
    "co\u00adoperative",
    "\u0e01\u200b\u0e02",
]


@pytest.mark.parametrize("refusal", REFUSED, ids=ascii)
def test_what_nobody_may_be_made_to_read(
    bank: Bank, ada: Caller, account: dict[str, Any], card: dict[str, Any], refusal: tuple[str, str]
) -> None:
    text, reason = refusal
    holder = ok(ada.get("/account-holders/me"))["id"]
    new = {"email": unique_email(), "password": PASSWORD} | PERSON
    transfer = {"from_account_id": account["id"], "to_account_id": account["id"], "amount": 1, "currency": "EUR"}
    transaction = {"account_id": account["id"], "type": "deposit", "amount": 1, "currency": "EUR"}
    answers = {
        "first_name": bank.anonymous().post("/auth/signup", new | {"first_name": text}),
        "last_name": ada.patch(f"/account-holders/{holder}", {"last_name": text}, headers={"If-Match": "*"}),
        "description": ada.post("/transactions", transaction | {"description": text}),
        "transfers.0.description": ada.post("/transfers/batch", {"transfers": [transfer | {"description": text}]}),
        "merchant": ada.authorize(card, 1, merchant=text),
    }
    for field, answer in answers.items():
        assert refused(answer, 422, "validation_error")["errors"] == {field: [reason]}
    refused(ada.post("/transfers", transfer | {"description": text}), 422, "validation_error")


@pytest.mark.parametrize("text", ACCEPTED, ids=ascii)
def test_what_people_write_stays_as_they_wrote_it(
    ada: Caller, account: dict[str, Any], card: dict[str, Any], text: str
) -> None:
    holder = ok(ada.get("/account-holders/me"))["id"]
    changed = ok(ada.patch(f"/account-holders/{holder}", {"last_name": text}, headers={"If-Match": "*"}))
    assert changed["last_name"] == text
    assert ok(ada.move(account, 1, "deposit"), 201)
    body = {"account_id": account["id"], "type": "deposit", "amount": 1, "currency": "EUR", "description": text}
    assert ok(ada.post("/transactions", body), 201)["description"] == text
    assert ok(ada.authorize(card, 1, merchant=text), 201)["merchant"] == text


@pytest.mark.parametrize("format", sorted(FORMATS))
def test_every_statement_can_write_what_is_accepted(bank: Bank, format: str) -> None:
    caller = bank.customer()
    account = caller.account()
    body = {"account_id": account["id"], "type": "deposit", "amount": 1, "currency": "EUR"}
    for text in [*ACCEPTED, "a\uffffb", "a\ufffeb", "a\ufffdb", "\U0001ffff", "\ue000", "\ufdd0"]:
        answer = caller.post("/transactions", body | {"description": text})
        if answer.status_code != 422:
            ok(answer, 201)
    assert caller.get(f"/statements/{account['id']}?format={format}").status_code == 200


@pytest.mark.parametrize("schema", ["NewTransaction", "NewTransferById"])
def test_the_document_says_which_text_is_refused(schema: str) -> None:
    described = conformance.document()["components"]["schemas"][schema]["properties"]["description"]
    pattern = jsonschema_rs.Draft202012Validator(described)
    for text in ACCEPTED:
        assert pattern.is_valid(text), ascii(text)
    for text, _ in REFUSED:
        # Characters beyond U+FFFF cannot be written in a pattern that every language reads.
        assert not pattern.is_valid(text) or max(text) > "\uffff", ascii(text)
    assert not pattern.is_valid("")
    assert not pattern.is_valid("  ")
