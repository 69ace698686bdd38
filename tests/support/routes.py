"""Every operation of an application, read from its routes, so that tests include new ones automatically."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from flask import Flask
from werkzeug.routing import Rule

from bankapp import ids
from bankapp.endpoints import Access, access_of
from tests.support import conformance

NOT_OF_THE_API: Final = {
    "static": "files of the pages",
    "docs": "the document itself and the page that shows it",
    "metrics": "for Prometheus, in its own format",
    "web": "pages for people",
}
"""Blueprints (or endpoints without one) that the document leaves out, and why."""

WITH_BODY: Final = ("POST", "PUT", "PATCH", "DELETE")


@dataclass(frozen=True)
class Operation:
    """One method of one rule, and its description in the document, or None."""

    method: str
    rule: Rule
    access: Access | None
    description: dict[str, Any] | None

    def __str__(self) -> str:
        return f"{self.method} {self.rule.rule}"

    @property
    def path(self) -> str:
        """The path below ``/v1``, with ids that do not exist, and numbers."""
        values = {name: 1 if f"<number:{name}>" in self.rule.rule else ids.new() for name in self.rule.arguments}
        _, path = self.rule.build(values) or ("", "")
        return path.removeprefix("/v1")

    @property
    def example(self) -> dict[str, Any]:
        """A body that the schema accepts; empty when the operation takes none."""
        body = (self.description or {}).get("requestBody")
        return dict(body["content"]["application/json"]["example"]) if body else {}

    @property
    def query_parameters(self) -> list[dict[str, Any]]:
        """The query parameters that the document names."""
        return [found for found in (self.description or {}).get("parameters", []) if found["in"] == "query"]


def is_of_the_api(rule: Rule) -> bool:
    """Tell whether the document must describe ``rule``."""
    return rule.endpoint.split(".")[0] not in NOT_OF_THE_API


def operations(app: Flask) -> list[Operation]:
    """Return every operation of the API, in the order of the rules."""
    found = []
    for rule in app.url_map.iter_rules():
        if is_of_the_api(rule):
            described = conformance.document()["paths"].get(conformance.path_of(rule.rule), {})
            access = access_of(rule.endpoint)
            for method in sorted((rule.methods or set()) - {"HEAD", "OPTIONS"}):
                found.append(Operation(method, rule, access, described.get(method.lower())))
    return found
