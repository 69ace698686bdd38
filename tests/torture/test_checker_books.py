"""Legs, balances and the total."""

from __future__ import annotations

import pytest

from tests.torture.stories import Story, rules
from torture.checker.verdict import BALANCE, ONE_SIDED, TOTAL


@pytest.mark.parametrize("kind", ["transfer_in", "transfer_out"])
def test_a_transfer_without_one_of_its_legs_is_one_sided(story: Story, kind: str) -> None:
    account = "b" if kind == "transfer_in" else "a"
    rows = story.observation.transactions[account]
    rows.remove(next(row for row in rows if row["type"] == kind))
    assert ONE_SIDED in rules(story)


def test_a_leg_of_another_amount_is_one_sided(story: Story) -> None:
    next(row for row in story.observation.transactions["b"] if row["type"] == "transfer_in")["amount"] = 1
    assert ONE_SIDED in rules(story)


def test_a_capture_without_its_purchase_is_one_sided(story: Story) -> None:
    rows = story.observation.transactions["a"]
    rows.remove(next(row for row in rows if row["type"] == "card_purchase"))
    assert ONE_SIDED in rules(story)


def test_a_purchase_without_a_capture_is_one_sided(story: Story) -> None:
    story._leg("card_purchase", "a", -1, "somebody's shop")
    assert rules(story) == {ONE_SIDED, TOTAL}


def test_a_lost_update_of_the_balance_is_found(story: Story) -> None:
    for name in ("balance", "available_balance"):
        story.account("b")[name] -= 20
    assert rules(story) == {BALANCE, TOTAL}


def test_a_balance_after_that_does_not_continue_is_found(story: Story) -> None:
    story.observation.transactions["b"][1]["balance_after"] += 1
    assert rules(story) == {BALANCE}


def test_an_available_balance_that_forgets_a_hold_is_found(story: Story) -> None:
    story.account("a")["available_balance"] += 60
    assert rules(story) == {BALANCE}
