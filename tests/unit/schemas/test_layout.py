"""The prepared layout of answers gives the same JSON as marshmallow."""

from __future__ import annotations

import dataclasses
import json
import zoneinfo
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta, timezone
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from marshmallow import Schema, fields, post_dump

import bankapp.api  # noqa: F401 - registers the operations
from bankapp import clock
from bankapp.api import operations
from bankapp.models import TransactionRecord
from bankapp.schemas.api_keys import ApiKeyWithSecret
from bankapp.schemas.auth import Session
from bankapp.schemas.base import BaseSchema, Day, Identifier, Timestamp
from bankapp.schemas.cards import IssuedCard
from bankapp.schemas.events import Resource
from bankapp.schemas.layout import json_of
from bankapp.schemas.transfers import BatchItem
from bankapp.schemas.webhook_endpoints import WebhookEndpointWithSecret


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
def test_the_json_equals_that_of_marshmallow(schema: BaseSchema, found: Any, shape: Callable[[Any], Any]) -> None:
    expected = schema.dump(shape(found))
    assert expected
    laid_out = json.loads(json_of(schema)(shape(found)))
    assert laid_out == expected
    assert list(laid_out) == list(expected)


ZONES = st.sampled_from([UTC, *map(zoneinfo.ZoneInfo, ("UTC", "Europe/Warsaw")), timezone(timedelta(hours=-9))])
MOMENTS = st.datetimes(timezones=ZONES).filter(lambda moment: 1 < moment.year < 9999)


@given(MOMENTS, st.booleans())
def test_a_time_is_written_in_one_format(moment: datetime, whole: bool) -> None:
    moment = moment.replace(microsecond=0) if whole else moment
    assert json.loads(json_of(Item(only=["at"]))({"at": moment})) == {"at": clock.to_text(moment)}


def test_an_optional_field_without_a_value_is_left_out() -> None:
    @dataclasses.dataclass
    class Found:
        index: int
        transfer: Any = None
        error: Any = None

    refusal = {"code": "insufficient_funds", "detail": "too little"}
    assert json.loads(json_of(BatchItem())(Found(3, error=refusal))) == {"index": 3, "error": refusal}


def answers() -> Iterator[type[BaseSchema]]:
    for operation in operations.every():
        yield from filter(None, (operation.answer, *operation.also.values()))


ANSWERS = sorted(
    # Whether a session is the current one depends on the caller, which an integration test looks at.
    {*answers()} - {Session},
    key=lambda schema: schema.__qualname__,
)


INTEGERS = st.integers(-(2**53), 2**53)


def values(field: fields.Field[Any]) -> st.SearchStrategy[Any]:
    """Return what a service may hand over for ``field``."""
    if isinstance(field, fields.Nested):
        found = objects(field.schema)
        found = st.lists(found, max_size=3) if field.many else found
    elif isinstance(field, fields.List):
        found = st.lists(values(field.inner), max_size=3)
    elif isinstance(field, Timestamp):
        found = MOMENTS
    elif isinstance(field, Day):
        found = st.dates()
    elif isinstance(field, fields.Integer):
        found = INTEGERS
    elif isinstance(field, fields.Boolean):
        found = st.booleans()
    elif isinstance(field, fields.Dict):
        found = st.dictionaries(st.text(max_size=5), st.integers(-9, 9) | st.text(max_size=5), max_size=3)
    elif isinstance(field, Resource):
        found = st.builds(TransactionRecord, amount=INTEGERS, balance_after=INTEGERS, created_at=MOMENTS)
    else:
        assert isinstance(field, fields.String), f"how does a {type(field).__name__} look?"
        found = st.text(max_size=20)
    return st.none() | found if field.allow_none else found


def objects(schema: Schema) -> st.SearchStrategy[Any]:
    """Return objects with an attribute for every field of ``schema``."""
    plain = {name: field for name, field in schema.dump_fields.items() if not isinstance(field, fields.Function)}
    names = {field.attribute or name: values(field) for name, field in plain.items()}
    found = st.fixed_dictionaries(names).map(lambda each: SimpleNamespace(**each))
    if isinstance(schema, IssuedCard):
        return found.map(lambda each: SimpleNamespace(card=each, pan=each.pan))
    if isinstance(schema, ApiKeyWithSecret):
        return found.map(lambda each: SimpleNamespace(key=each, secret=each.secret))
    if isinstance(schema, WebhookEndpointWithSecret):
        return found.map(lambda each: SimpleNamespace(endpoint=each, secret=each.secret))
    return found


def dumped(schema: Schema, found: Any) -> Any:
    """Return what marshmallow dumps, without the optional fields that have no value, at every depth."""
    document = schema.dump(found)
    optional: frozenset[str] = getattr(schema, "optional", frozenset())
    for name, field in schema.dump_fields.items():
        inner = field.inner if isinstance(field, fields.List) else field
        if isinstance(inner, fields.Nested) and document.get(field.data_key or name) is not None:
            nested = getattr(found, field.attribute or name)
            several = inner.many or isinstance(field, fields.List)
            parts = [dumped(inner.schema, each) for each in nested] if several else dumped(inner.schema, nested)
            document[field.data_key or name] = parts
    return {key: value for key, value in document.items() if value is not None or key not in optional}


@pytest.mark.parametrize("answer", ANSWERS, ids=lambda answer: answer.__name__)
@given(data=st.data())
@settings(max_examples=50)
def test_every_answer_is_laid_out_as_marshmallow_dumps_it(answer: type[BaseSchema], data: st.DataObject) -> None:
    schema = answer()
    found = data.draw(objects(schema))
    assert json.loads(json_of(schema)(found)) == dumped(schema, found)
