"""Whether the name that a payer gives is the name of an account's holder."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from bankapp.payee_names import MATCH, NO_MATCH, compare

PAIRS = Path(__file__).parent.parent / "data" / "payee_names" / "pairs.csv"
"""Pairs of names with the result, and what the pair is about. Read it to learn the rules by example."""

with PAIRS.open(encoding="utf-8", newline="") as file:
    ROWS = list(csv.DictReader(file))


@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row['given']}-{row['actual']}")
def test_names_are_compared_as_the_pairs_say(row: dict[str, str]) -> None:
    assert compare(row["given"], row["actual"]) == row["result"], row["reason"]


@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row['actual']}-{row['given']}")
def test_the_order_of_the_two_names_does_not_count(row: dict[str, str]) -> None:
    assert compare(row["actual"], row["given"]) == row["result"], row["reason"]


def test_a_name_of_many_words_is_not_put_in_every_order() -> None:
    words = [str(index) for index in range(10, 80)]
    assert compare(" ".join(words), " ".join(words[1:])) == NO_MATCH
    assert compare(" ".join(words), " ".join(reversed(words))) == MATCH
