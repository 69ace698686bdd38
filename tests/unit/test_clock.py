"""The time: one source, always aware and in UTC, and text that sorts like the times it stands for."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bankapp import clock

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
ZONES = st.integers(-14 * 60, 14 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes)))
TIMES = st.datetimes(datetime(1970, 1, 2), datetime(9999, 12, 30), timezones=ZONES)  # noqa: DTZ001 - a zone is drawn


def test_now_is_the_current_time_in_utc() -> None:
    before = datetime.now(UTC)
    now = clock.now()
    assert before <= now <= datetime.now(UTC)
    assert now.utcoffset() == timedelta(0)


def test_another_time_lasts_as_long_as_its_block() -> None:
    with clock.at(NOON):
        with clock.at(NOON + timedelta(days=1)):
            assert clock.now() == NOON + timedelta(days=1)
        assert clock.now() == NOON
    assert abs(clock.now() - datetime.now(UTC)) < timedelta(minutes=1)


def test_an_error_ends_another_time() -> None:
    with pytest.raises(RuntimeError), clock.at(NOON):
        raise RuntimeError
    assert abs(clock.now() - datetime.now(UTC)) < timedelta(minutes=1)


def test_another_time_is_not_that_of_other_threads() -> None:
    found: list[datetime] = []
    with clock.at(NOON):
        thread = threading.Thread(target=lambda: found.append(clock.now()))
        thread.start()
        thread.join()
    assert found != [NOON]


@pytest.mark.parametrize(
    ("moment", "text"),
    [
        (NOON, "2026-03-01T12:00:00.000000Z"),
        (NOON.replace(microsecond=7), "2026-03-01T12:00:00.000007Z"),
        (datetime(2026, 3, 1, 0, 30, tzinfo=timezone(timedelta(hours=5, minutes=45))), "2026-02-28T18:45:00.000000Z"),
        (datetime(2026, 12, 31, 23, tzinfo=timezone(-timedelta(hours=3))), "2027-01-01T02:00:00.000000Z"),
    ],
)
def test_a_time_is_written_in_utc_with_microseconds(moment: datetime, text: str) -> None:
    assert clock.to_text(moment) == text
    assert clock.from_text(text) == moment
    assert clock.from_text(text).utcoffset() == timedelta(0)


@given(TIMES, TIMES)
def test_text_sorts_like_the_times(one: datetime, other: datetime) -> None:
    # SQLite keeps times as text and compares them as such.
    first, second = clock.to_text(one), clock.to_text(other)
    assert (first < second, first == second) == (one < other, one == other)
    assert len(first) == 27


@given(TIMES)
def test_reading_gives_back_what_was_written(moment: datetime) -> None:
    assert clock.from_text(clock.to_text(moment)) == moment


@pytest.mark.parametrize("text", ["", "now", "2026-13-01T00:00:00Z", "2026-02-30T00:00:00Z", "1772366400"])
def test_what_is_no_time_is_refused(text: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - the type is the promise
        clock.from_text(text)


def test_a_timestamp_counts_from_the_epoch_in_utc() -> None:
    assert clock.from_timestamp(0) == datetime(1970, 1, 1, tzinfo=UTC)
    assert clock.to_text(clock.from_timestamp(1_772_366_400.25)) == "2026-03-01T12:00:00.250000Z"
