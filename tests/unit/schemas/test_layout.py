"""Answers are the JSON of what marshmallow dumps, only faster."""

from __future__ import annotations

import dataclasses
import json
import zoneinfo
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta, timezone
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from marshmallow import fields, post_dump

from bankapp import clock
from bankapp.schemas.base import BaseSchema, Day, Identifier, Timestamp
from bankapp.schemas.layout import json_of
from bankapp.schemas.transfers import BatchItem


class Item(BaseSchema):
    id = Identifier()
    amount = fields.Integer()
    at = Timestamp(allow_none=True)
    day = Day(data_key="on")
    flag = fields.Boolean(dump_default=True)
    shown = fields.String(attribute="hidden")
    code = fields.String(load_only=True)


class Everything(BaseSchema):
    name = fields.String()
    item = fields.Nested(Item)
    items = fields.List(fields.Nested(Item))
    many = fields.Nested(Item, many=True)
    words = fields.List(fields.String())
    computed = fields.Function(lambda found: len(found["words"] if isinstance(found, dict) else found.words))


class Hooked(Item):
    @post_dump
    def mark(self, data: dict[str, Any], **_: Any) -> dict[str, Any]:
        return data | {"marked": True}


ITEM = {
    "id": "0193a1b2-c3d4-7e5f-8a9b-0c1d2e3f4a5b",
    "amount": 10**15,
    "at": datetime(2026, 11, 24, 9, 30, tzinfo=UTC),
    "day": date(2026, 11, 24),
    "hidden": "x",
    "code": "never",
}
LACKS = {"id": ITEM["id"], "amount": None, "at": None, "flag": False}
WHOLE = {"name": "Zoë", "item": ITEM, "items": [ITEM, LACKS], "many": [LACKS, ITEM], "words": ["a", "b"]}


def as_row(found: Any) -> Any:
    return found


def as_object(found: Any) -> Any:
    if isinstance(found, dict):
        return SimpleNamespace(**{name: as_object(value) for name, value in found.items()})
    return [as_object(item) for item in found] if isinstance(found, list) else found


@pytest.mark.parametrize("shape", [as_row, as_object])
@pytest.mark.parametrize(
    ("schema", "found"),
    [
        (Item(), ITEM),
        (Item(), LACKS),
        (Everything(), WHOLE),
        (Everything(exclude=["computed"]), WHOLE),
        (Hooked(), ITEM),
    ],
)
def test_as_marshmallow_would(schema: BaseSchema, found: Any, shape: Callable[[Any], Any]) -> None:
    expected = schema.dump(shape(found))
    assert expected
    laid_out = json.loads(json_of(schema)(shape(found)))
    assert laid_out == expected
    assert list(laid_out) == list(expected)


ZONES = st.sampled_from([UTC, *map(zoneinfo.ZoneInfo, ("UTC", "Europe/Warsaw")), timezone(timedelta(hours=-9))])
MOMENTS = st.datetimes(timezones=ZONES).filter(lambda moment: 1 < moment.year < 9999)


@given(MOMENTS, st.booleans())
def test_a_time_has_one_spelling(moment: datetime, whole: bool) -> None:
    moment = moment.replace(microsecond=0) if whole else moment
    assert json.loads(json_of(Item(only=["at"]))({"at": moment})) == {"at": clock.to_text(moment)}


def test_what_is_optional_is_left_out_where_it_has_no_value() -> None:
    @dataclasses.dataclass
    class Found:
        index: int
        transfer: Any = None
        error: Any = None

    refusal = {"code": "insufficient_funds", "detail": "too little"}
    assert json.loads(json_of(BatchItem())(Found(3, error=refusal))) == {"index": 3, "error": refusal}
