"""``flask audit seal`` and ``flask audit verify``: every change of sealed rows is found."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from bankapp.services import audit_seals
from tests.support.api_keys import bearer, make
from tests.support.factories import Bank
from tests.support.raw_sql import RawSql


@pytest.fixture
def bank(fresh_bank: Bank) -> Bank:
    ada = fresh_bank.customer()
    ada.account(balance=100)
    ada.account()
    return fresh_bank


@pytest.fixture
def raw(bank: Bank, raw_sql: Callable[..., RawSql]) -> Iterator[RawSql]:
    """Raw SQL without guards, as an attacker with every right in the database has it."""
    with raw_sql(bank.app, guarded=False) as connection:
        yield connection


def seal(bank: Bank, *arguments: str) -> str:
    result = bank.app.test_cli_runner().invoke(args=["audit", "seal", *arguments])
    assert result.exit_code == 0, result.output
    return result.stdout.splitlines()[-1]


def faults(bank: Bank, *heads: str) -> list[tuple[str, int]]:
    arguments = [word for head in heads for word in ("--head", head)]
    result = bank.app.test_cli_runner().invoke(args=["audit", "verify", "--json", *arguments])
    report = json.loads(result.stdout)
    assert (result.exit_code, report["ok"]) == ((1, False) if report["faults"] else (0, True))
    return [(fault["kind"], fault["position"]) for fault in report["faults"]]


def audit_id_at(raw: RawSql, position: int) -> str:
    [(row,)] = raw.rows(f"SELECT audit_log_id FROM audit_seals WHERE position = {position}")
    return str(row)


def test_an_untouched_log_is_sound_and_every_head_of_it_holds(bank: Bank) -> None:
    first = seal(bank)
    bank.customer().account()
    second = seal(bank)
    assert int(first.split(":")[0]) < int(second.split(":")[0])
    assert seal(bank) == second
    assert faults(bank, first, second) == []


EDITS = {
    "metadata": "metadata = '{\"amount\": 1}'",
    "status": "status = 'failure'",
    "pending again": "status = 'pending', finished_at = NULL",
    "user": "user_id = NULL",
    "ip": "ip_address = '10.0.0.1'",
    "device": "device_id = 'another'",
    "key": "api_key_id = id",
    "request": "request_id = 'another'",
    "event": "event_type = 'logout'",
    "resource": "resource_id = id",
    "time": "created_at = '2020-01-01T00:00:00.000000Z'",
    "end": "finished_at = '2020-01-01T00:00:00.000000Z'",
}


def test_an_edit_of_any_column_is_named(bank: Bank, raw: RawSql) -> None:
    head = seal(bank)
    columns = "user_id, event_type, resource_type, resource_id, status, ip_address, device_id, request_id, metadata"
    columns += ", created_at, finished_at, api_key_id"
    raw.run(f"CREATE TABLE kept AS SELECT id, {columns} FROM audit_logs")
    row = audit_id_at(raw, 2)
    for name, edit in EDITS.items():
        raw.run(f"UPDATE audit_logs SET {edit} WHERE id = '{row}'")
        assert faults(bank, head) == [("edited", 2)], name
        raw.run(
            f"UPDATE audit_logs SET ({columns}) = (SELECT {columns} FROM kept WHERE id = '{row}') WHERE id = '{row}'"
        )
        assert faults(bank, head) == [], name


def test_the_key_of_a_row_is_sealed(bank: Bank, raw: RawSql) -> None:
    ada = bank.customer()
    key = make(ada)
    ada.account()
    bearer(bank, key).account()
    head = seal(bank)
    rows = raw.rows(
        "SELECT s.position, a.api_key_id FROM audit_seals s JOIN audit_logs a ON a.id = s.audit_log_id"
        " WHERE a.event_type = 'account_open' ORDER BY s.position DESC LIMIT 2"
    )
    assert [str(found) for _, found in rows] == [key["id"], "None"]
    for (position, _), other in zip(rows, ("NULL", f"'{key['id']}'"), strict=True):
        raw.run(f"UPDATE audit_logs SET api_key_id = {other} WHERE id = '{audit_id_at(raw, position)}'")
        assert ("edited", position) in faults(bank, head)


def test_rows_that_were_sealed_before_there_were_keys_still_hold() -> None:
    row = dict.fromkeys(audit_seals.COLUMNS, "x") | {"api_key_id": None}
    # The digest of the code before the column existed.
    assert (
        audit_seals._digest_of(row)
        == hashlib.sha256(
            json.dumps(dict.fromkeys(audit_seals.COLUMNS, "x"), sort_keys=True, separators=(",", ":")).encode()
        ).hexdigest()
    )


def test_a_row_made_unreadable_is_named(bank: Bank, raw: RawSql) -> None:
    if raw.dialect == "sqlite":  # PostgreSQL's columns refuse such values
        seal(bank)
        raw.run(f"UPDATE audit_logs SET metadata = 'no json', created_at = 'never' WHERE id = '{audit_id_at(raw, 1)}'")
        assert faults(bank) == [("edited", 1)]


def test_a_removed_row_is_named(bank: Bank, raw: RawSql) -> None:
    seal(bank)
    row = audit_id_at(raw, 3)
    raw.run(f"DELETE FROM audit_logs WHERE id = '{row}'")
    result = bank.app.test_cli_runner().invoke(args=["audit", "verify"])
    assert result.exit_code == 1
    assert result.stdout.splitlines()[0] == f"removed: seal 3, audit row {row}: the row is gone"


def test_a_row_removed_with_its_seal_leaves_a_gap(bank: Bank, raw: RawSql) -> None:
    seal(bank)
    row = audit_id_at(raw, 3)
    raw.run("DELETE FROM audit_seals WHERE position = 3", f"DELETE FROM audit_logs WHERE id = '{row}'")
    assert faults(bank) == [("missing", 3)]


def test_a_gap_that_was_renumbered_is_found(bank: Bank, raw: RawSql) -> None:
    head = seal(bank)
    last = int(head.split(":")[0])
    row = audit_id_at(raw, last - 1)
    raw.run(
        f"DELETE FROM audit_seals WHERE position = {last - 1}",
        f"UPDATE audit_seals SET position = {last - 1} WHERE position = {last}",
        f"DELETE FROM audit_logs WHERE id = '{row}'",
    )
    assert faults(bank, head) == [("moved", last - 1), ("truncated", last)]


def test_reordered_rows_are_found(bank: Bank, raw: RawSql) -> None:
    seal(bank)
    first, second = audit_id_at(raw, 2), audit_id_at(raw, 3)
    swap = "UPDATE audit_seals SET audit_log_id = '{}' WHERE position = {}"
    unused = raw.rows("SELECT id FROM users")[0][0]
    raw.run(swap.format(unused, 2), swap.format(first, 3), swap.format(second, 2))
    assert faults(bank) == [("edited", 2), ("edited", 3)]
    digests = dict(raw.rows("SELECT position, row_digest FROM audit_seals"))
    raw.run(*(f"UPDATE audit_seals SET row_digest = '{digests[5 - at]}' WHERE position = {at}" for at in (2, 3)))
    assert faults(bank) == [("moved", 2), ("moved", 3)]


def test_a_kept_head_reveals_a_log_that_was_cut_short(bank: Bank, raw: RawSql) -> None:
    head = seal(bank)
    last = int(head.split(":")[0])
    row = audit_id_at(raw, last)
    raw.run(f"DELETE FROM audit_seals WHERE position = {last}", f"DELETE FROM audit_logs WHERE id = '{row}'")
    assert faults(bank) == []  # the chain alone does not show the cut
    assert faults(bank, head) == [("truncated", last)]
    bank.customer()
    seal(bank)
    assert ("rewritten", last) in faults(bank, head)


def test_kept_heads_reveal_a_chain_that_was_rewritten(bank: Bank, raw: RawSql) -> None:
    early = seal(bank)
    bank.customer()
    late = seal(bank)
    first, last = (int(head.split(":")[0]) for head in (early, late))
    raw.run(
        f"UPDATE audit_logs SET ip_address = '10.0.0.9' WHERE id = '{audit_id_at(raw, first + 1)}'",
        "DELETE FROM audit_seals",
    )
    seal(bank)
    assert faults(bank) == []
    # The early head still holds, so the change lies between the two heads.
    assert faults(bank, early, late) == [("rewritten", last)]


def test_a_row_that_finishes_late_is_sealed_late_and_a_pending_one_never(bank: Bank, raw: RawSql) -> None:
    row = raw.rows("SELECT id FROM audit_logs ORDER BY id")[0][0]
    [(finished,)] = raw.rows(f"SELECT CAST(finished_at AS text) FROM audit_logs WHERE id = '{row}'")
    raw.run(f"UPDATE audit_logs SET status = 'pending', finished_at = NULL WHERE id = '{row}'")
    [(count,)] = raw.rows("SELECT count(*) FROM audit_logs")
    head = seal(bank)
    assert head.startswith(f"{count - 1}:")
    raw.run(f"UPDATE audit_logs SET status = 'success', finished_at = '{finished}' WHERE id = '{row}'")
    assert checked(bank)["rows_without_seal"] == 1
    later = seal(bank)
    assert later.startswith(f"{count}:")
    assert audit_id_at(raw, count) == row
    assert faults(bank, head, later) == []
    assert checked(bank) == {"audit_seals": count, "rows_without_seal": 0}


def test_seal_all_finds_a_row_that_finished_after_more_than_a_day(
    bank: Bank, raw: RawSql, monkeypatch: pytest.MonkeyPatch
) -> None:
    row = raw.rows("SELECT id FROM audit_logs ORDER BY id")[0][0]
    old = f"01000000{row[8:]}"  # an id of the year 2004
    raw.run(f"UPDATE audit_logs SET id = '{old}', status = 'pending', finished_at = NULL WHERE id = '{row}'")
    head = seal(bank)
    raw.run(f"UPDATE audit_logs SET status = 'success', finished_at = created_at WHERE id = '{old}'")
    assert seal(bank) == head
    assert seal(bank, "--all") != head


def test_sealing_works_in_batches(bank: Bank, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bankapp.services.audit_seals.BATCH_SIZE", 2)
    monkeypatch.setattr("bankapp.db.statements.FETCH_SIZE", 3)
    head = seal(bank)
    assert head.startswith(f"{checked(bank)['audit_seals']}:")
    assert checked(bank)["rows_without_seal"] == 0
    assert faults(bank, head) == []


def test_an_invalid_head_is_refused(bank: Bank) -> None:
    for head in ("", "5", "5:abc", "x:" + "0" * 64, "1:" + "g" * 64):
        result = bank.app.test_cli_runner().invoke(args=["audit", "verify", "--head", head])
        assert result.exit_code == 2
        assert "a head is a number, a colon and 64 hexadecimal digits" in result.output


def checked(bank: Bank) -> dict[str, Any]:
    result = bank.app.test_cli_runner().invoke(args=["audit", "verify", "--json"])
    found: dict[str, Any] = json.loads(result.stdout)["checked"]
    return found
