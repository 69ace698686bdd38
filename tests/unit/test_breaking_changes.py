"""The API breaks no client of the previous release, unless the changelog says so."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from typing import Any

import pytest

from config import ROOT
from tests.support.breaking_changes import breaking
from tests.support.releases import previous_document

DOCUMENT: dict[str, Any] = json.loads((ROOT / "docs" / "openapi.json").read_text())


def test_the_changelog_names_each_breaking_change_since_the_previous_release() -> None:
    unreleased = (ROOT / "CHANGELOG.md").read_text().split("\n## [")[1]
    unnamed = [found for found in breaking(previous_document(), DOCUMENT) if f"`{found[0]}`" not in unreleased]
    assert unnamed == [], "name the path or the schema between backquotes under [Unreleased]"


def test_the_same_document_has_no_difference() -> None:
    assert list(breaking(DOCUMENT, DOCUMENT)) == []


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (lambda new: new["paths"].pop("/v1/currencies"), ("/v1/currencies", "get is removed")),
        (
            lambda new: new["paths"]["/v1/accounts"]["post"]["responses"].pop("201"),
            ("/v1/accounts", "post: the answer 201 is removed"),
        ),
        (
            lambda new: new["components"]["schemas"]["Account"]["properties"].pop("balance"),
            ("Account", "balance is removed"),
        ),
        (
            lambda new: new["components"]["schemas"]["NewAccount"]["required"].append("purpose"),
            ("NewAccount", "purpose is newly required"),
        ),
        (
            lambda new: new["components"]["schemas"]["Account"]["properties"]["balance"].update(type="string"),
            ("Account", "balance changes from integer to string"),
        ),
    ],
    ids=["operation", "status", "property", "required", "type"],
)
def test_a_breaking_change_is_found(change: Callable[[dict[str, Any]], object], expected: tuple[str, str]) -> None:
    new = copy.deepcopy(DOCUMENT)
    change(new)
    assert list(breaking(DOCUMENT, new)) == [expected]
