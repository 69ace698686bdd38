"""Does a customer's main job with the client that openapi-python-client generated, and prints a line for each step.

    PYTHONPATH=folder-of-bank_api python main_job.py http://127.0.0.1:8000

``bank_api`` is the generated package. Types are checked by mypy --strict, so what a step reads is what the client
declares.
"""

from __future__ import annotations

import datetime
import sys
import uuid
from typing import Final, TypeVar

from bank_api import AuthenticatedClient, Client
from bank_api.api.accounts import open_account
from bank_api.api.auth import login, signup
from bank_api.api.cards import issue_card
from bank_api.api.statement_files import (
    download_camt053_statement,
    download_csv_statement,
    download_mt940_statement,
    download_ofx_statement,
    download_pdf_statement,
)
from bank_api.api.statements import read_statement
from bank_api.api.transactions import create_transaction, list_transactions
from bank_api.api.transfers import create_transfer
from bank_api.models import (
    Account,
    AccountType,
    AnnotatedTransaction,
    AnnotatedTransactionPage,
    CardType,
    IssuedCard,
    Login,
    NewAccount,
    NewCard,
    NewTransaction,
    NewTransferById,
    Problem,
    SignedUp,
    Signup,
    Statement,
    TokenPair,
    Transfer,
)
from bank_api.models.new_transaction_type import NewTransactionType
from bank_api.types import UNSET, File, Response, Unset

T = TypeVar("T")

PASSWORD: Final = "amber-heron-dances-41"
FILES: Final = {
    "csv": download_csv_statement,
    "pdf": download_pdf_statement,
    "ofx": download_ofx_statement,
    "camt053": download_camt053_statement,
    "mt940": download_mt940_statement,
}


def typed(kind: type[T], answer: Response[Problem | T]) -> T:
    """Return the body of ``answer``; one of another type ends the run."""
    if not isinstance(answer.parsed, kind):
        raise SystemExit(f"{answer.status_code} is no {kind.__name__}: {answer.content!r}")
    return answer.parsed


def show(step: str, result: str) -> None:
    """Print a step and what came of it."""
    print(f"{step}: {result}")  # noqa: T201 - standard output is the program's interface


def sign_in(url: str) -> AuthenticatedClient:
    """Sign up and sign in, and return a client that sends the token."""
    email = f"{uuid.uuid4().hex}@example.com"
    person = Signup(
        email=email, password=PASSWORD, first_name="Ada", last_name="Lovelace", dob=datetime.date(1990, 12, 10)
    )
    credentials = Login(email=email, password=PASSWORD)
    with Client(base_url=url, raise_on_unexpected_status=True) as anonymous:
        signed_up = typed(SignedUp, signup.sync_detailed(client=anonymous, body=person))
        tokens = typed(TokenPair, login.sync_detailed(client=anonymous, body=credentials))
    assert signed_up.account_holder is not None
    show("sign-up", f"{signed_up.user.role} {signed_up.account_holder.first_name}")
    show("sign-in", f"{tokens.token_type} for {tokens.expires_in} s")
    return AuthenticatedClient(base_url=url, token=tokens.access_token, raise_on_unexpected_status=True)


def open_one(client: AuthenticatedClient, type_: AccountType) -> Account:
    """Open an account in euro."""
    account = typed(Account, open_account.sync_detailed(client=client, body=NewAccount(type_=type_, currency="EUR")))
    show("account", f"{account.type_} {account.currency}, balance {account.balance}")
    return account


def pay(client: AuthenticatedClient, source: Account, target: Account) -> None:
    """Deposit, transfer, be refused, and repeat the transfer with the same key."""
    cash = NewTransaction(account_id=source.id, type_=NewTransactionType.DEPOSIT, amount=10_000, currency="EUR")
    deposit = typed(AnnotatedTransaction, create_transaction.sync_detailed(client=client, body=cash))
    show("deposit", f"{deposit.amount}, balance {deposit.balance_after}")

    order = NewTransferById(from_account_id=source.id, to_account_id=target.id, amount=2_500, currency="EUR")
    order.description = "Rent, Grüße"
    key = f"rent-{uuid.uuid4()}"
    first = create_transfer.sync_detailed(client=client, body=order, idempotency_key=key)
    transfer = typed(Transfer, first)
    show("transfer", f"{transfer.amount} {transfer.currency}, {transfer.description}")
    again = create_transfer.sync_detailed(client=client, body=order, idempotency_key=key)
    assert typed(Transfer, again) == transfer
    assert again.content == first.content
    show("retry", f"the same answer, replayed: {again.headers['Idempotent-Replayed']}")

    order.amount = 1_000_000
    problem = create_transfer.sync_detailed(client=client, body=order).parsed
    assert isinstance(problem, Problem), problem
    show("refusal", f"{problem.status} {problem.code}")


def walk_pages(client: AuthenticatedClient, account: Account) -> None:
    """Read the account's history one transaction at a time."""
    amounts: list[int] = []
    cursor: str | Unset = UNSET
    while True:
        answer = list_transactions.sync_detailed(client=client, account_id=account.id, limit=1, cursor=cursor)
        page = typed(AnnotatedTransactionPage, answer)
        amounts += [item.amount for item in page.items]
        if page.next_cursor is None:
            break
        cursor = page.next_cursor
    show("pages", ", ".join(map(str, amounts)))


def issue(client: AuthenticatedClient, account: Account) -> None:
    """Issue a card."""
    body = NewCard(account_id=account.id, type_=CardType.VIRTUAL)
    card = typed(IssuedCard, issue_card.sync_detailed(client=client, body=body))
    assert card.pan is not None
    assert card.pan.endswith(card.last4)
    show("card", f"{card.type_}, {card.status}, {len(card.pan)} digits")


def download(client: AuthenticatedClient, account: Account) -> None:
    """Read the account's statement in every format."""
    today = datetime.datetime.now(datetime.UTC).date()
    # The day may end between the payments and this call.
    first = today - datetime.timedelta(days=1)
    statement = typed(Statement, read_statement.sync_detailed(account.id, client=client, from_=first, to=today))
    balances = f"{statement.opening_balance} to {statement.closing_balance}"
    show("statement json", f"{balances}, {len(statement.entries)} entries")
    for name, operation in FILES.items():
        answer = operation.sync_detailed(account.id, client=client, from_=first, to=today)
        content = typed(File, answer).payload.read()
        assert content == answer.content
        ending = answer.headers["Content-Disposition"].rpartition(".")[2].strip('"')
        show(f"statement {name}", f"{content[:4].decode()} in a file that ends in {ending}")


def main(url: str) -> None:
    """Do the whole job."""
    with sign_in(url) as client:
        checking = open_one(client, AccountType.CHECKING)
        savings = open_one(client, AccountType.SAVINGS)
        pay(client, checking, savings)
        walk_pages(client, checking)
        issue(client, checking)
        download(client, checking)


if __name__ == "__main__":
    main(sys.argv[1])
