"""Thousands of valid and invalid requests made from the OpenAPI document: each answer must be documented, no 5xx."""

from __future__ import annotations

from typing import Any, Final

import pytest
import schemathesis
from flask import Flask
from hypothesis import HealthCheck, given, settings
from hypothesis.strategies import booleans
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi import checks

from tests.support.factories import Bank, Caller, ok

CHECKS: Final = [
    not_a_server_error,
    checks.status_code_conformance,
    checks.content_type_conformance,
    checks.response_schema_conformance,
    checks.response_headers_conformance,
]

EXAMPLES: Final = 3
"""How many requests are made for each operation and mode."""

ENDS_THE_SESSION: Final = {"logout", "revoke_sessions", "revoke_session", "change_password"}


class World:
    """An application, signed-in callers, and objects of theirs that requests can name."""

    def __init__(self, app: Flask) -> None:
        self.bank = Bank(app)
        self.ada: Caller = self.bank.customer()
        self.staff: Caller = self.bank.employee()
        source, target = self.ada.account(balance=10**12), self.ada.account()
        self.ids = {
            "account_id": source["id"],
            "from_account_id": source["id"],
            "to_account_id": target["id"],
            "card_id": ok(self.ada.post("/cards", {"account_id": source["id"], "type": "virtual"}), 201)["id"],
            "account_holder_id": ok(self.ada.get("/account-holders/me"))["id"],
            "transfer_id": ok(self.ada.transfer(source, target, 5), 201)["id"],
            "transaction_id": ok(self.ada.get("/transactions?limit=1"))["items"][0]["id"],
        }

    def send(self, case: schemathesis.Case, *, staff: bool, real: bool) -> None:
        caller = self.caller(case.operation.definition.raw["operationId"], staff=staff)
        if real:
            for part in (case.path_parameters, case.query, case.body):
                self.name_real_things(part)
        headers = {"Authorization": f"Bearer {caller.tokens['access_token']}"}
        case.call_and_validate(headers=headers, checks=CHECKS)

    def caller(self, operation_id: str, *, staff: bool) -> Caller:
        if operation_id in ENDS_THE_SESSION:
            return self.bank.customer()
        return self.staff if staff else self.ada

    def name_real_things(self, part: Any) -> None:
        if isinstance(part, dict):
            part.update({name: value for name, value in self.ids.items() if name in part})


@pytest.fixture(scope="module")
def world(app: Flask) -> World:
    return World(app)


@pytest.mark.slow
@pytest.mark.parametrize("mode", list(GenerationMode), ids=lambda mode: mode.value)
def test_no_request_causes_a_5xx_or_an_undocumented_answer(world: World, mode: GenerationMode) -> None:
    schema = schemathesis.openapi.from_wsgi("/openapi.json", world.bank.app)
    for found in schema.get_all_operations():
        operation = found.ok()

        @given(case=operation.as_strategy(generation_mode=mode), staff=booleans(), real=booleans())
        @settings(
            max_examples=EXAMPLES,
            deadline=None,
            derandomize=True,
            database=None,
            suppress_health_check=list(HealthCheck),
        )
        def send(case: schemathesis.Case, staff: bool, real: bool) -> None:
            world.send(case, staff=staff, real=real)

        send()
    # Guards against a run in which most requests are answered with 401.
    ok(world.ada.get("/auth/me"))
    ok(world.staff.get("/auth/me"))
