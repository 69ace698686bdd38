"""A statement shows one snapshot during concurrent postings, and a long one streams in bounded memory."""

from __future__ import annotations

import gc
import threading
from pathlib import Path
from typing import Any

import pytest

from bankapp import context
from bankapp.services import statements
from bankapp.statement_formats import FORMATS
from tests.support import histories
from tests.support.factories import Bank, Caller, ok, refused
from tests.unit.statement_formats.readers import READERS

PROCESS = Path("/proc/self")


def in_a_thread(call: Any) -> None:
    thread = threading.Thread(target=call)
    thread.start()
    thread.join()


@pytest.mark.parametrize("name", FORMATS)
def test_a_statement_has_no_entry_posted_while_it_is_written(bank: Bank, name: str) -> None:
    ada = bank.customer()
    account = ada.account(balance=100)
    for _ in range(3):
        ada.deposit(account, 10)
    with bank.app.app_context():
        context.update(user=context.User(ada.user_id, context.CUSTOMER, "", ""))
        with statements.opened(account["id"], *statements.period(None, None)) as statement:
            # Between the totals and the entries: without a snapshot, the second query would see another balance.
            in_a_thread(lambda: ada.deposit(account, 1_000))
            written = b"".join(FORMATS[name].write(statement))
    assert READERS[name](written, "EUR") == (0, 130, 4, 130)
    assert ada.balance(account) == 1_130


def test_statements_add_up_while_others_write(bank: Bank) -> None:
    ada = bank.customer()
    account, other = ada.account(balance=100_000), ada.account()
    done = threading.Event()

    def keep_moving() -> None:
        caller = Caller(bank.app.test_client(), tokens=ada.tokens)
        while not done.is_set():
            ok(caller.transfer(account, other, 3), 201)

    writer = threading.Thread(target=keep_moving)
    writer.start()
    try:
        for name, reader in READERS.items():
            for _ in range(2):
                response = ada.get(f"/statements/{account['id']}?format={name}")
                assert response.status_code == 200, response.data
                opening, closing, count, total = reader(response.data, "EUR")
                assert (opening + total, 100_000 - 3 * (count - 1)) == (closing, closing)
    finally:
        done.set()
        writer.join()


@pytest.fixture(scope="module")
def long_history(app: Any, dialect: str) -> tuple[Caller, dict[str, Any], int]:
    """An account with a long history; a shorter one on PostgreSQL, which takes longer to write it."""
    count = 100_000 if dialect == "sqlite" else 30_000
    ada = Bank(app).customer()
    account = ada.account()
    histories.load(app, account, count)
    return ada, account, count


def resident_bytes(name: str) -> int:
    """Return this process's resident memory now (``VmRSS``), or its peak (``VmHWM``)."""
    [line] = [line for line in PROCESS.joinpath("status").read_text().splitlines() if line.startswith(name)]
    return int(line.split()[1]) * 1024


@pytest.mark.slow
@pytest.mark.skipif(not PROCESS.exists(), reason="only Linux tells the peak of a span")
def test_a_long_statement_streams_in_bounded_memory(long_history: tuple[Caller, dict[str, Any], int]) -> None:
    ada, account, count = long_history
    gc.collect()
    # tracemalloc would make this test ten times slower. Writing "5" resets the peak to the current size.
    PROCESS.joinpath("clear_refs").write_text("5")
    before = resident_bytes("VmRSS")
    response = ada.get(f"/statements/{account['id']}?format=csv", buffered=False)
    assert response.status_code == 200
    lines, tail = 0, b""
    for chunk in response.iter_encoded():
        lines += chunk.count(b"\n")
        tail = (tail + chunk)[-400:]
    response.close()
    growth = resident_bytes("VmHWM") - before
    # Three more lines: the head, the opening balance and the closing balance.
    assert lines == count + 3
    assert tail.splitlines()[-1].split(b",")[5] == f"{count // 2}.00".encode()
    assert growth < 12_000_000


@pytest.mark.slow
def test_a_format_that_cannot_stream_names_its_limit(long_history: tuple[Caller, dict[str, Any], int]) -> None:
    ada, account, _ = long_history
    for name in ("json", "pdf", "camt053"):
        problem = refused(ada.get(f"/statements/{account['id']}?format={name}"), 422, "validation_error")
        assert problem["errors"] == {"format": [f"{name} takes at most 10000 entries; choose fewer days, or csv."]}
