"""hledger reads the CSV with the rules in docs/statements.md."""

from __future__ import annotations

import json
import re
import subprocess
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from bankapp.statement_formats import FORMATS, Statement
from bankapp.statement_formats.csv import harmless
from bankapp.statement_formats.text import one_line
from tests.unit.statement_formats.hostile import MT940_ATTACKS
from tests.unit.statement_formats.programs import required
from tests.unit.statement_formats.samples import make_statement

DOCS = Path(__file__).parents[3] / "docs" / "statements.md"


def entries(statement: Statement, folder: Path) -> list[dict[str, Any]]:
    program = required("hledger")
    (rules,) = re.findall(r"^```\n(skip 1\n.*?)^```$", DOCS.read_text(), re.MULTILINE | re.DOTALL)
    source = folder / "statement.csv"
    source.with_suffix(".csv.rules").write_text(rules)
    source.write_bytes(b"".join(FORMATS["csv"].write(statement)))
    call = [program, "-f", str(source), "-I", "print", "-O", "json"]
    # hledger decodes the file with the encoding of the locale.
    done = subprocess.run(call, check=True, capture_output=True, env={"LC_ALL": "C.UTF-8"})
    found: list[dict[str, Any]] = json.loads(done.stdout)
    return found


def quantity(amount: dict[str, Any]) -> Decimal:
    return Decimal(amount["aquantity"]["decimalMantissa"]).scaleb(-amount["aquantity"]["decimalPlaces"])


@pytest.mark.parametrize("count", [0, 1, 1_000])
def test_entries_balances_and_references_are_read_back(tmp_path: Path, count: int) -> None:
    found = entries(make_statement(count, "KWD"), tmp_path)
    for entry, wanted in zip(found, make_statement(count, "KWD").entries, strict=True):
        ours, _ = entry["tpostings"]
        (amount,) = ours["pamount"]
        assert (ours["paccount"], amount["acommodity"]) == ("assets:bank", "KWD")
        assert quantity(amount) == Decimal(wanted.signed_amount).scaleb(-3)
        assert quantity(ours["pbalanceassertion"]["baamount"]) == Decimal(wanted.balance_after).scaleb(-3)
        assert (entry["tdate"], entry["tcode"]) == (str(wanted.created_at.date()), wanted.id)


def test_a_description_is_read_back_and_changes_nothing_else(tmp_path: Path) -> None:
    texts = [
        "Zoë & Grüße",
        "日本 😀",
        'a "b", c\\d',
        "=1+1",
        "x ; date:2099-01-01",
        "!",
        "* (code) x | y",
        *MT940_ATTACKS,
    ]
    found = entries(make_statement(len(texts), texts=texts), tmp_path)
    plain = entries(make_statement(len(texts), texts=["Rent"]), tmp_path)
    for entry, other, text in zip(found, plain, texts, strict=True):
        assert " ".join(entry["tdescription"].split()) == " ".join(harmless(one_line(text)).split())
        assert other | {"tdescription": entry["tdescription"]} == entry
