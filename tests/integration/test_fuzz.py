"""Thousands of valid and invalid requests made from the OpenAPI document: each answer is documented, and none is a 5xx.

``make fuzz`` makes more than 20,000 of them. Each test prints how many were answered with each status.
"""

from __future__ import annotations

import itertools
import os
import sys
from collections.abc import Callable, Iterator
from typing import Final

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis.errors import Unsatisfiable
from hypothesis.strategies import booleans
from schemathesis import GenerationMode

from tests import conftest
from tests.support.factories import ok
from tests.support.fuzzing import ROLES, World, document

EXAMPLES: Final = int(os.environ.get("FUZZ_EXAMPLES", "3"))
"""How many random requests are made for each operation, mode, role and dialect."""


@pytest.fixture
def world(new_database: Callable[[], str], capsys: pytest.CaptureFixture[str]) -> Iterator[World]:
    # Without limits: a 429 would hide the answer of the operation.
    limitless = conftest.settings(new_database(), RATELIMIT_ENABLED="false", LOG_LEVEL="ERROR")
    with conftest.application(limitless) as app:
        world = World(app)
        yield world
        with capsys.disabled():
            sys.stdout.write(f"\n{world.statuses.total()} requests: {dict(sorted(world.statuses.items()))}\n")


def check(world: World) -> None:
    """Fail with all findings of a run."""
    assert not world.findings, "\n\n".join(f"{name}\n{request}" for name, request in world.findings.items())
    # Guards against a run in which most requests are answered with 401.
    for caller in world.callers.values():
        ok(caller.get("/auth/me"))


@pytest.mark.slow
@pytest.mark.parametrize("role", ROLES)
def test_random_requests_get_documented_answers(world: World, role: str) -> None:
    for found in document(world.bank.app).get_all_operations():
        operation = found.ok()
        for mode in GenerationMode:

            @given(case=operation.as_strategy(generation_mode=mode), real=booleans())
            @settings(
                max_examples=EXAMPLES,
                deadline=None,
                derandomize=True,
                database=None,
                phases=[Phase.generate],
                suppress_health_check=list(HealthCheck),
            )
            def send(case: schemathesis.Case, real: bool) -> None:
                world.send(case, role, real=real)

            try:
                send()
            except Unsatisfiable:
                # An operation without body and parameters has no invalid requests.
                assert mode is GenerationMode.NEGATIVE
    check(world)


@pytest.mark.slow
@pytest.mark.skipif("FUZZ_EXAMPLES" not in os.environ, reason="takes minutes: make fuzz")
@pytest.mark.parametrize("role", ROLES)
def test_values_at_every_boundary_get_documented_answers(world: World, role: str) -> None:
    schema = document(world.bank.app)
    for found in schema.get_all_operations():
        operation = found.ok()
        config = schema.config.generation_for(operation=operation, phase="coverage")
        cases = schema.iter_coverage_cases(operation, generation_modes=list(GenerationMode), generation_config=config)
        for case, real in zip(cases, itertools.cycle([True, True, False])):
            world.send(case, role, real=real)
    check(world)
