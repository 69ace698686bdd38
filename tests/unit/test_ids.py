"""Ids: UUIDs that sort by the time they were made, and the digits of numbers."""

from __future__ import annotations

import random
import string
import threading
import time
import uuid
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bankapp import ids

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
MILLISECONDS = st.integers(0, 2**48 - 1)


def made(milliseconds: int, random_bits: int) -> str:
    """Return the version 7 UUID of a time, with these 74 bits (RFC 9562, section 5.7)."""
    high, low = divmod(random_bits, 2**62)
    return str(uuid.UUID(int=milliseconds << 80 | 7 << 76 | high << 64 | 0b10 << 62 | low))


def milliseconds(id: str) -> int:
    return uuid.UUID(id).int >> 80


def test_an_id_is_a_version_7_uuid_of_now() -> None:
    before = time.time_ns() // 1_000_000
    new = ids.new()
    after = time.time_ns() // 1_000_000
    parsed = uuid.UUID(new)
    assert (str(parsed), parsed.version, parsed.variant) == (new, 7, uuid.RFC_4122)
    assert before <= milliseconds(new) <= after


def test_ids_of_one_process_are_in_the_order_in_which_they_were_made() -> None:
    # Lists are paged by id, and rows of one moment keep their order.
    found = [ids.new() for _ in range(20_000)]
    assert found == sorted(set(found))


def test_seeded_ids_are_version_7_and_in_order_within_a_millisecond() -> None:
    with ids.drawn_from(random.Random(7), lambda: NOON):
        found = [ids.new() for _ in range(4_000)]
    assert found == sorted(set(found))
    assert {(uuid.UUID(id).version, uuid.UUID(id).variant) for id in found} == {(7, uuid.RFC_4122)}
    assert {milliseconds(id) for id in found} == {int(NOON.timestamp() * 1000)}


def test_the_same_seed_and_times_draw_the_same() -> None:
    def drawn(seed: int) -> list[str]:
        with ids.drawn_from(random.Random(seed), lambda: NOON):
            return [ids.new(), ids.digits(16), ids.new(), ids.digits(4)]

    assert drawn(1) == drawn(1)
    assert not set(drawn(1)) & set(drawn(2))


def test_the_seed_counts_inside_of_its_block_alone() -> None:
    found: list[str] = []
    thread = threading.Thread(target=lambda: found.append(ids.new()))
    with ids.drawn_from(random.Random(1), lambda: NOON):
        thread.start()
        thread.join()
    with pytest.raises(RuntimeError), ids.drawn_from(random.Random(1), lambda: NOON):
        raise RuntimeError
    found.append(ids.new())
    assert int(NOON.timestamp() * 1000) not in {milliseconds(id) for id in found}


@pytest.mark.parametrize("is_seeded", [False, True])
def test_digits_keep_their_leading_zeros(is_seeded: bool) -> None:
    def drawn() -> list[str]:
        return [ids.digits(3) for _ in range(2_000)]

    if is_seeded:
        with ids.drawn_from(random.Random(1), lambda: NOON):
            numbers = drawn()
    else:
        numbers = drawn()
    assert {len(number) for number in numbers} == {3}
    assert all({number[place] for number in numbers} == set(string.digits) for place in range(3))


@given(MILLISECONDS, st.timedeltas(timedelta(0), timedelta(days=400)), st.integers(0, 2**74 - 1))
def test_an_earlier_id_divides_what_was_made_before_from_what_was_made_since(
    now: int, span: timedelta, random_bits: int
) -> None:
    least = ids.earlier(made(now, random_bits), span)
    assert ids.is_id(least)
    first = max(now - span // timedelta(milliseconds=1), 0)
    assert least <= made(first, 0)
    if first > 0:
        assert made(first - 1, 2**74 - 1) < least


def test_nothing_comes_before_the_first_id() -> None:
    assert ids.earlier(made(1, 5), timedelta(seconds=1)) == ids.FIRST
    assert ids.is_id(ids.FIRST)


def test_the_ids_of_the_banks_own_accounts_never_change() -> None:
    # Every database has its cash accounts under these ids: another one would start from nothing.
    assert ids.of_bank("cash:EUR") == "690c3a6f-4ce4-5d6a-8bb0-1926086ec9e6"
    assert ids.of_bank("cash:JPY") == "7473384c-3e4c-517a-acd5-09b1f9f86113"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("0195b1de-7c00-7000-8000-0123456789ab", True),
        ("0195B1DE-7C00-7000-8000-0123456789AB", False),
        ("0195b1de7c00700080000123456789ab", False),
        ("{0195b1de-7c00-7000-8000-0123456789ab}", False),
        ("urn:uuid:0195b1de-7c00-7000-8000-0123456789ab", False),
        (" 0195b1de-7c00-7000-8000-0123456789ab", False),
        ("0195b1de-7c00-7000-8000-0123456789ab\n", False),
        ("0195b1de-7c00-7000-8000-0123456789ag", False),
        ("0195b1de-7c00-7000-8000-0123456789a", False),
        ("", False),
    ],
)
def test_an_id_is_written_in_one_way(text: str, expected: bool) -> None:
    assert ids.is_id(text) is expected


def test_every_id_that_is_made_is_written_so() -> None:
    assert all(map(ids.is_id, [ids.new(), made(1, 5), ids.of_bank("cash:EUR"), ids.earlier(ids.new(), timedelta(1))]))
