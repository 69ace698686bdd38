"""Drafts: which postings the accounts allow, and the rows of those."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bankapp import errors, ids
from bankapp.models import Posting as PostingRow
from bankapp.models import Transaction, Transfer
from bankapp.money import MAX_AMOUNT, MAX_BALANCE
from bankapp.services import ledger
from bankapp.services.ledger import AccountState, Draft, Posted, Posting
from tests.support.clocks import at
from tests.unit.services.records import account

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
CREDITS = ("deposit", "transfer_in")


def deposit(to: AccountState, amount: int, currency: str = "EUR") -> Posting:
    return ledger.movement("deposit", to, amount, currency, None)


def withdrawal(source: AccountState, amount: int, currency: str = "EUR") -> Posting:
    return ledger.movement("withdrawal", source, amount, currency, None)


def transfer(source: AccountState, target: AccountState, amount: int, currency: str = "EUR") -> Posting:
    return ledger.transfer(source, target, amount, currency, "rent")


def reversal(source: AccountState, target: AccountState, amount: int, currency: str = "EUR") -> Posting:
    return ledger.transfer(source, target, amount, currency, None, reverses_transfer_id=ids.new())


def own(source: AccountState, **changes: Any) -> AccountState:
    """Return another account of the user who owns ``source``."""
    return account(user_id=source.user_id, **changes)


def refusal(*movements: Posting) -> type[object]:
    """Return the class of what became of the last posting."""
    return type(ledger.draft(movements).outcomes[-1])


def legs_of(draft: Draft, owner: AccountState) -> list[Mapping[str, Any]]:
    return [row for row in draft.rows["transactions"] if row["account_id"] == owner.id]


# Rows


def test_a_transfer_takes_from_one_account_and_gives_to_the_other() -> None:
    source, target = account(balance=100, sequence=7), account(balance=5, sequence=2)
    posting = transfer(source, target, 60)
    draft = ledger.draft([posting])
    made = draft.only()

    taken, given = made.transactions
    assert (taken.account_id, taken.type, taken.direction, taken.amount) == (source.id, "transfer_out", -1, 60)
    assert (taken.sequence, taken.balance_after, taken.user_id) == (8, 40, source.user_id)
    assert (given.account_id, given.type, given.direction, given.amount) == (target.id, "transfer_in", 1, 60)
    assert (given.sequence, given.balance_after, given.user_id) == (3, 65, target.user_id)
    assert {leg.description for leg in made.transactions} == {"rent"}

    assert made.transfer is not None
    assert made.transfer.id == taken.transfer_id == given.transfer_id == posting.id
    assert (made.transfer.from_account_id, made.transfer.to_account_id) == (source.id, target.id)
    assert made.transfer.reverses_transfer_id is None
    assert [row["id"] for row in draft.rows["transfers"]] == [posting.id]
    assert [(row["id"], row["kind"]) for row in draft.rows["postings"]] == [(posting.id, "transfer")]


def test_a_reversal_names_the_transfer_that_it_reverses() -> None:
    posting = reversal(account(balance=9), account(), 9)
    made = ledger.draft([posting]).only()
    assert made.transfer is not None
    assert made.transfer.reverses_transfer_id == posting.reverses_transfer_id
    assert posting.kind == "reversal"


@pytest.mark.parametrize(
    ("type", "counter", "direction"),
    [("deposit", "cash_received", -1), ("withdrawal", "cash_paid", 1), ("card_purchase", "card_settlement", 1)],
)
@pytest.mark.parametrize("currency", ["EUR", "JPY"])
def test_a_movement_is_booked_against_the_cash_of_its_currency(
    type: str, counter: str, direction: int, currency: str
) -> None:
    owner = account(balance=50, currency=currency)
    draft = ledger.draft([ledger.movement(type, owner, 20, currency, None)])
    customers, cash = draft.rows["transactions"]
    assert (customers["account_id"], customers["type"], customers["direction"]) == (owner.id, type, -direction)
    assert (cash["account_id"], cash["type"], cash["direction"]) == (
        ids.of_bank(f"cash:{currency}"),
        counter,
        direction,
    )
    # The cash account is one row that every movement would wait for, so its legs carry no running balance.
    assert (cash["sequence"], cash["balance_after"], cash["transfer_id"]) == (None, None, None)
    made = draft.only()
    assert [leg.account_id for leg in made.transactions] == [owner.id]
    assert made.transfer is None
    assert draft.rows["transfers"] == []


def test_rows_name_every_column_of_their_table() -> None:
    rows = ledger.draft([transfer(account(balance=1), account(), 1)]).rows
    for model in (Transaction, Transfer, PostingRow):
        columns = set(model.__table__.columns.keys())
        for row in rows[model.__tablename__]:
            assert columns - row.keys() == set()
            assert row.keys() - columns == set()


def test_transfers_are_stored_before_the_legs_and_postings_last() -> None:
    # Legs refer to their transfer, and the row of a posting seals the legs that are there by then.
    assert list(ledger.draft([]).rows) == ["transfers", "transactions", "postings"]


# Running balances


def test_each_posting_continues_the_one_before() -> None:
    a, b = account(balance=100, sequence=4), account()
    draft = ledger.draft([transfer(a, b, 60), withdrawal(b, 10), transfer(b, a, 50), deposit(a, 1)])
    assert [(leg["sequence"], leg["balance_after"]) for leg in legs_of(draft, a)] == [(5, 40), (6, 90), (7, 91)]
    assert [(leg["sequence"], leg["balance_after"]) for leg in legs_of(draft, b)] == [(1, 60), (2, 50), (3, 0)]


def test_money_that_an_earlier_posting_brought_can_be_spent() -> None:
    a, b = account(balance=10), account()
    assert refusal(transfer(b, a, 10)) is errors.InsufficientFunds
    assert refusal(transfer(a, b, 10), transfer(b, a, 10)) is Posted


def test_money_that_an_earlier_posting_took_is_gone() -> None:
    a, b = account(balance=10), account()
    assert refusal(transfer(a, b, 6), transfer(a, b, 5)) is errors.InsufficientFunds


def test_a_refused_posting_leaves_no_rows_and_the_others_alone() -> None:
    a, b = account(balance=10), account()
    movements = [transfer(a, b, 11), transfer(a, b, 4), transfer(a, b, 7), transfer(a, b, 6)]
    draft = ledger.draft(movements)
    assert [type(outcome) for outcome in draft.outcomes] == [
        errors.InsufficientFunds,
        Posted,
        errors.InsufficientFunds,
        Posted,
    ]
    kept = [movements[1].id, movements[3].id]
    assert [row["id"] for row in draft.rows["postings"]] == kept
    assert [row["id"] for row in draft.rows["transfers"]] == kept
    assert {row["posting_id"] for row in draft.rows["transactions"]} == set(kept)
    assert [(leg["sequence"], leg["balance_after"]) for leg in legs_of(draft, a)] == [(1, 6), (2, 0)]


def test_base_tells_each_account_once_as_it_was_read() -> None:
    a, b = account(balance=100, sequence=4), account(balance=1)
    draft = ledger.draft([transfer(a, b, 60), transfer(b, a, 1), deposit(a, 5)])
    assert draft.base == (
        {"id": a.id, "balance": 100, "sequence": 4},
        {"id": b.id, "balance": 1, "sequence": 0},
    )


# Refusals


@pytest.mark.parametrize("status", ["frozen", "closed"])
@pytest.mark.parametrize("currency", ["EUR", "USD"])
def test_the_state_is_told_before_currency_and_funds(status: str, currency: str) -> None:
    stopped = account(status=status)
    assert refusal(withdrawal(stopped, 1, currency)) is errors.AccountNotActive
    assert refusal(deposit(stopped, MAX_BALANCE + 1, currency)) is errors.AccountNotActive
    assert refusal(transfer(stopped, account(), 1, currency)) is errors.AccountNotActive
    payer = account(balance=MAX_BALANCE, currency=currency)
    assert refusal(transfer(payer, own(payer, status=status), MAX_BALANCE, currency)) is errors.AccountNotActive


def test_the_currency_is_told_before_the_funds() -> None:
    assert refusal(withdrawal(account(), 1, "USD")) is errors.CurrencyMismatch
    assert refusal(transfer(account(), account(currency="USD"), 1, "USD")) is errors.CurrencyMismatch
    assert refusal(deposit(account(balance=MAX_BALANCE), 1, "USD")) is errors.CurrencyMismatch


def test_a_refusal_for_the_state_names_the_account() -> None:
    payer = account(balance=1)
    closed = own(payer, status="closed")
    [outcome] = ledger.draft([transfer(payer, closed, 1)]).outcomes
    assert isinstance(outcome, errors.AccountNotActive)
    assert outcome.extra == {"account_id": closed.id}


# How an account cannot receive 6 EUR, and the reason by the ledger's rules.
UNPAYABLE = [
    pytest.param({"status": "frozen"}, errors.AccountNotActive, id="frozen"),
    pytest.param({"status": "closed"}, errors.AccountNotActive, id="closed"),
    pytest.param({"currency": "USD"}, errors.CurrencyMismatch, id="currency"),
    pytest.param({"balance": MAX_BALANCE - 5}, errors.BalanceLimitExceeded, id="limit"),
]


@pytest.mark.parametrize(("changes", "reason"), UNPAYABLE)
def test_a_payer_learns_no_reason_on_the_side_of_another_customer(
    changes: dict[str, Any], reason: type[errors.BankError]
) -> None:
    payee = account(**changes)
    [outcome] = ledger.draft([transfer(account(balance=6), payee, 6)]).outcomes
    assert isinstance(outcome, errors.PayeeNotPayable)
    assert isinstance(outcome.__cause__, reason)
    # Every reason is answered in the same words, and none names the account.
    assert outcome.detail == "The payee's account cannot receive this transfer."
    assert not outcome.extra


@pytest.mark.parametrize(("changes", "reason"), UNPAYABLE)
def test_the_reason_is_told_for_an_account_of_the_payer(
    changes: dict[str, Any], reason: type[errors.BankError]
) -> None:
    payer = account(balance=6)
    assert refusal(transfer(payer, own(payer, **changes), 6)) is reason


@pytest.mark.parametrize(("changes", "reason"), UNPAYABLE)
def test_the_reason_is_told_for_a_deposit(changes: dict[str, Any], reason: type[errors.BankError]) -> None:
    assert refusal(deposit(account(**changes), 6)) is reason


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        pytest.param({"status": "closed"}, errors.AccountNotActive, id="closed"),
        pytest.param({"currency": "USD"}, errors.CurrencyMismatch, id="currency"),
        pytest.param({"balance": MAX_BALANCE - 5}, errors.BalanceLimitExceeded, id="limit"),
    ],
)
def test_staff_who_reverse_learn_the_reason(changes: dict[str, Any], reason: type[errors.BankError]) -> None:
    assert refusal(reversal(account(balance=6), account(**changes), 6)) is reason


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        pytest.param({"status": "frozen"}, errors.AccountNotActive, id="frozen"),
        pytest.param({"status": "closed"}, errors.AccountNotActive, id="closed"),
        pytest.param({"currency": "USD"}, errors.CurrencyMismatch, id="currency"),
        pytest.param({"balance": 5}, errors.InsufficientFunds, id="funds"),
        pytest.param({"held": 1}, errors.InsufficientFunds, id="held"),
    ],
)
def test_the_payers_own_side_is_told_first(changes: dict[str, Any], reason: type[errors.BankError]) -> None:
    # Otherwise a payer without the money could probe other customers' accounts.
    payer = account(**{"balance": 6} | changes)
    for payee in (account(status="closed"), account(currency="JPY"), account(balance=MAX_BALANCE)):
        assert refusal(transfer(payer, payee, 6)) is reason
    assert refusal(transfer(payer, own(payer, status="closed"), 6)) is reason
    assert refusal(ledger.unpayable(payer, 6, "EUR", errors.NotFound())) is reason


def test_an_unpayable_transfer_is_refused_as_its_maker_says() -> None:
    payer, payee = account(balance=6), account()
    missing = errors.NotFound("There is no such payee.")
    draft = ledger.draft([ledger.unpayable(payer, 6, "EUR", missing), transfer(payer, payee, 6)])
    assert draft.outcomes[0] is missing
    # It moved nothing: the whole balance is there for the next transfer.
    assert isinstance(draft.outcomes[1], Posted)
    assert [row["balance_after"] for row in legs_of(draft, payer)] == [0]
    assert len(draft.rows["transfers"]) == len(draft.rows["postings"]) == 1


@pytest.mark.parametrize("amount", [60, 61])
def test_held_money_cannot_be_spent(amount: int) -> None:
    owner = account(balance=100, held=40)
    expected = Posted if amount == 60 else errors.InsufficientFunds
    assert refusal(withdrawal(owner, amount)) is expected
    assert refusal(transfer(owner, account(), amount)) is expected
    assert refusal(ledger.movement("card_purchase", owner, amount, "EUR", None)) is expected


def test_held_money_does_not_stand_against_what_comes_in() -> None:
    assert refusal(deposit(account(balance=1, held=1), 1)) is Posted


def test_a_balance_may_reach_the_largest_and_not_pass_it() -> None:
    owner = account(balance=MAX_BALANCE - 5)
    assert refusal(deposit(owner, 5)) is Posted
    assert refusal(deposit(owner, 6)) is errors.BalanceLimitExceeded
    payer = own(owner, balance=6)
    assert refusal(transfer(payer, owner, 5)) is Posted
    assert refusal(transfer(payer, owner, 6)) is errors.BalanceLimitExceeded
    assert refusal(deposit(owner, 5), deposit(owner, 1)) is errors.BalanceLimitExceeded


def test_the_senders_funds_are_told_before_the_receivers_limit() -> None:
    assert refusal(transfer(account(), account(balance=MAX_BALANCE), 1)) is errors.InsufficientFunds


@pytest.mark.parametrize(
    ("source", "target", "expected"),
    [
        ("frozen", "active", Posted),
        ("active", "frozen", Posted),
        ("frozen", "frozen", Posted),
        ("closed", "active", errors.AccountNotActive),
        ("frozen", "closed", errors.AccountNotActive),
    ],
)
def test_a_reversal_passes_frozen_accounts_and_no_closed_ones(source: str, target: str, expected: type[object]) -> None:
    assert refusal(reversal(account(status=source, balance=5), account(status=target), 5)) is expected


def test_a_reversal_needs_the_money_that_it_gives_back() -> None:
    assert refusal(reversal(account(balance=5, held=1), account(), 5)) is errors.InsufficientFunds


def test_a_transfer_needs_two_accounts() -> None:
    owner = account(balance=5)
    with pytest.raises(errors.SameAccount):
        transfer(owner, owner._replace(balance=6), 5)


def test_only_returns_what_was_posted_or_raises_the_refusal() -> None:
    owner = account(balance=5)
    assert ledger.draft([withdrawal(owner, 5)]).only().transactions[0].balance_after == 0
    with pytest.raises(errors.InsufficientFunds):
        ledger.draft([withdrawal(owner, 6)]).only()
    with pytest.raises(ValueError, match="too many values"):
        ledger.draft([withdrawal(owner, 1), withdrawal(owner, 1)]).only()


def test_a_draft_is_empty_where_nothing_could_be_posted() -> None:
    owner = account(balance=5)
    assert Draft().is_empty
    assert ledger.draft([withdrawal(owner, 6)]).is_empty
    assert not ledger.draft([withdrawal(owner, 6), withdrawal(owner, 5)]).is_empty


# Time


def test_a_draft_has_the_time_of_now() -> None:
    with at(NOW):
        draft = ledger.draft([transfer(account(balance=1, last_posted_at=NOW - timedelta(days=1)), account(), 1)])
    assert {row["created_at"] for rows in draft.rows.values() for row in rows} == {NOW}


def test_time_never_runs_backwards_within_an_account() -> None:
    later, latest = NOW + timedelta(seconds=1), NOW + timedelta(seconds=2)
    a, b, c = account(balance=1, last_posted_at=later), account(last_posted_at=latest), account()
    with at(NOW):
        draft = ledger.draft([transfer(a, b, 1), deposit(c, 1)])
    assert {row["created_at"] for rows in draft.rows.values() for row in rows} == {latest}


# Names and locks


def test_names_are_sorted_and_told_once() -> None:
    # Commands that lock the same accounts in another order would wait for each other for ever.
    named = ledger.names(["b", None, "a", "b"], [None, "DE2", "DE1", "DE2"])
    assert named == ledger.AccountNames(("a", "b"), ("DE1", "DE2"))


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """Release 30 on each account that is asked for, and return what was asked."""
    calls: list[list[str]] = []

    def release(account_ids: list[str]) -> list[SimpleNamespace]:
        calls.append(account_ids)
        return [SimpleNamespace(account_id=account_id, amount=30) for account_id in account_ids]

    monkeypatch.setattr(ledger, "release_overdue", release)
    return calls


def hold_on(monkeypatch: pytest.MonkeyPatch, *accounts: AccountState) -> ledger.AccountNames:
    monkeypatch.setattr(ledger.account_rows, "lock", lambda _names: list(accounts))
    return ledger.names(owner.id for owner in accounts)


def test_a_lock_releases_expired_holds(monkeypatch: pytest.MonkeyPatch, asked: list[list[str]]) -> None:
    holding, free = account(balance=100, held=50), account(balance=100)
    with at(NOW):
        locked = ledger.lock(hold_on(monkeypatch, holding, free))
    assert locked == {holding.id: holding._replace(held=20), free.id: free}
    assert asked == [[holding.id]]


def test_a_lock_spares_the_look_for_expired_holds(monkeypatch: pytest.MonkeyPatch, asked: list[list[str]]) -> None:
    holding, free = account(balance=100, held=50), account(balance=100)
    assert ledger.lock(hold_on(monkeypatch, free)) == {free.id: free}
    assert ledger.lock(hold_on(monkeypatch, holding), release_expired=False) == {holding.id: holding}
    assert asked == []


# Any postings on any accounts

STATUSES = st.sampled_from(["active"] * 6 + ["frozen", "closed"])
CURRENCIES = st.sampled_from(["EUR"] * 4 + ["JPY"])
AMOUNTS = st.one_of(st.integers(1, 20), st.integers(1, MAX_AMOUNT))
BALANCES = st.one_of(st.integers(0, 40), st.integers(MAX_BALANCE - 40, MAX_BALANCE))
KINDS = ["transfer", "reversal", "deposit", "withdrawal", "card_purchase", "unpayable"]
TIMES = st.one_of(st.none(), st.integers(-3, 3).map(lambda seconds: NOW + timedelta(seconds=seconds)))


@st.composite
def account_lists(draw: st.DrawFn) -> list[AccountState]:
    found = []
    users = [ids.new(), ids.new()]
    for _ in range(draw(st.integers(2, 4))):
        balance = draw(BALANCES)
        found.append(
            account(
                user_id=draw(st.sampled_from(users)),
                status=draw(STATUSES),
                currency=draw(CURRENCIES),
                balance=balance,
                held=draw(st.integers(0, min(balance, 30))),
                sequence=draw(st.integers(0, 5)),
                last_posted_at=draw(TIMES),
            )
        )
    return found


@st.composite
def batches(draw: st.DrawFn) -> tuple[list[AccountState], list[Posting]]:
    accounts = draw(account_lists())
    movements = []
    for _ in range(draw(st.integers(0, 8))):
        first, second = draw(st.permutations(accounts))[:2]
        amount, currency = draw(AMOUNTS), draw(CURRENCIES)
        kind = draw(st.sampled_from(KINDS))
        if kind in ("transfer", "reversal"):
            reverses = ids.new() if kind == "reversal" else None
            movements.append(ledger.transfer(first, second, amount, currency, None, reverses_transfer_id=reverses))
        elif kind == "unpayable":
            movements.append(ledger.unpayable(first, amount, currency, errors.NotFound()))
        else:
            movements.append(ledger.movement(kind, first, amount, currency, None))
    return accounts, movements


def expected_outcomes(accounts: Sequence[AccountState], movements: Sequence[Posting]) -> list[type[object]]:
    """Return what the contract says of each posting, in the order in which it tells reasons."""
    balances = {owner.id: owner.balance for owner in accounts}
    found: list[type[object]] = []
    for posting in movements:
        owners = {leg.type in CREDITS: leg.account for leg in posting.legs if leg.account is not None}
        payer, payee = owners.get(False), owners.get(True)
        reasons: list[type[object]] = []
        if payer is not None:
            reasons += reasons_of_state(payer, posting)
            if balances[payer.id] - payer.held < posting.amount:
                reasons.append(errors.InsufficientFunds)
        if posting.refusal is not None:
            reasons.append(type(posting.refusal))
        if payee is not None:
            of_payee = reasons_of_state(payee, posting)
            if balances[payee.id] + posting.amount > MAX_BALANCE:
                of_payee.append(errors.BalanceLimitExceeded)
            is_hidden = posting.kind == "transfer" and payer is not None and payer.user_id != payee.user_id
            reasons += [errors.PayeeNotPayable] if of_payee and is_hidden else of_payee
        if not reasons:
            for is_credit, owner in owners.items():
                balances[owner.id] += posting.amount if is_credit else -posting.amount
        found.append(reasons[0] if reasons else Posted)
    return found


def reasons_of_state(owner: AccountState, posting: Posting) -> list[type[object]]:
    found: list[type[object]] = []
    if owner.status == "closed" or (owner.status == "frozen" and posting.kind != "reversal"):
        found.append(errors.AccountNotActive)
    if owner.currency != posting.currency:
        found.append(errors.CurrencyMismatch)
    return found


@given(batches())
def test_outcomes_follow_the_contract(batch: tuple[list[AccountState], list[Posting]]) -> None:
    accounts, movements = batch
    draft = ledger.draft(movements)
    assert [type(outcome) for outcome in draft.outcomes] == expected_outcomes(accounts, movements)
    posted = [
        posting.id
        for posting, outcome in zip(movements, draft.outcomes, strict=True)
        if not isinstance(outcome, errors.BankError)
    ]
    assert [row["id"] for row in draft.rows["postings"]] == posted


@given(batches())
def test_every_posting_sums_to_zero_in_its_one_currency(batch: tuple[list[AccountState], list[Posting]]) -> None:
    _, movements = batch
    draft = ledger.draft(movements)
    sums: Counter[tuple[str, str]] = Counter()
    for row in draft.rows["transactions"]:
        assert row["amount"] >= 1
        sums[row["posting_id"], row["currency"]] += row["direction"] * row["amount"]
    assert set(sums.values()) <= {0}
    # One currency for each posting, and no posting without legs.
    assert [posting for posting, _ in sums] == [row["id"] for row in draft.rows["postings"]]


@given(batches())
def test_every_history_continues_without_a_gap_and_stays_in_range(
    batch: tuple[list[AccountState], list[Posting]],
) -> None:
    accounts, movements = batch
    draft = ledger.draft(movements)
    for owner in accounts:
        balance, sequences = owner.balance, itertools.count(owner.sequence + 1)
        for leg in legs_of(draft, owner):
            balance += leg["direction"] * leg["amount"]
            assert (leg["sequence"], leg["balance_after"]) == (next(sequences), balance)
            assert 0 <= balance <= MAX_BALANCE
            assert leg["direction"] == 1 or balance >= owner.held
            assert leg["currency"] == owner.currency


@given(batches())
def test_all_rows_have_one_time_that_no_account_has_passed(batch: tuple[list[AccountState], list[Posting]]) -> None:
    _, movements = batch
    with at(NOW):
        draft = ledger.draft(movements)
    owners = [leg.account for posting in movements for leg in posting.legs if leg.account is not None]
    latest = max([NOW, *(owner.last_posted_at for owner in owners if owner.last_posted_at is not None)])
    assert {row["created_at"] for rows in draft.rows.values() for row in rows} <= {latest}


@given(batches())
def test_what_is_returned_is_what_is_stored(batch: tuple[list[AccountState], list[Posting]]) -> None:
    _, movements = batch
    draft = ledger.draft(movements)
    posted = [outcome for outcome in draft.outcomes if isinstance(outcome, Posted)]
    transactions = [leg for made in posted for leg in made.transactions]
    transfers = [made.transfer for made in posted if made.transfer]
    owned = [row for row in draft.rows["transactions"] if row["sequence"] is not None]
    for returned, stored in ((transactions, owned), (transfers, draft.rows["transfers"])):
        # What is returned holds more: the owner and the annotation of a leg, the payer's view of a transfer.
        assert [{name: getattr(one, name) for name in stored[0]} for one in returned] == stored
