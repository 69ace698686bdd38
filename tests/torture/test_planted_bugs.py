"""Each planted bug is found in a running service by a short run, and the service without one passes."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.torture.planted import PLANTS
from torture.checker import verdict
from torture.run import Plan, Result, run

pytestmark = pytest.mark.slow

SEED = 1

RULES = {
    "forgotten_key": verdict.DOUBLED,
    "double_apply": verdict.DOUBLED,
    "stale_read": verdict.STALE_READ,
    "dropped_row": verdict.LOST,
    "one_sided_leg": verdict.ONE_SIDED,
    "lost_update": verdict.BALANCE,
    "missing_audit_row": verdict.AUDIT,
}


def torture(folder: Path, **environ: str) -> Result:
    target = "tests.torture.planted:app" if environ else "wsgi:app"
    # One process, so that a plant's count and cache are those of all requests.
    environ |= {"WEB_CONCURRENCY": "1", "WEB_THREADS": "4"}
    return run(Plan("sqlite", SEED, seconds=2, target=target, environ=environ), folder)


@pytest.mark.parametrize("plant", PLANTS)
def test_a_planted_bug_is_found(plant: str, tmp_path: Path) -> None:
    found = torture(tmp_path, PLANT=plant).verdict
    assert found.outcome == verdict.FAIL, found.gaps
    assert RULES[plant] in {finding.rule for finding in found.findings}, [str(one) for one in found.findings[:5]]


def test_the_service_without_a_bug_passes(tmp_path: Path) -> None:
    result = torture(tmp_path)
    assert result.verdict.outcome == verdict.PASS, (result.verdict.findings[:5], result.verdict.gaps)
    assert len(result.entries) > 100
