"""Shared by all pages: declaring and rendering a page, and reading its query string."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, TypeVar

from flask import Blueprint, Response, render_template, request
from marshmallow import Schema, ValidationError

from bankapp import errors, ids
from bankapp.endpoints import Access, declare

View = TypeVar("View", bound=Callable[..., Any])

# All content comes from this server and nothing is inline. A form that no script handles cannot be sent.
POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self';"
    " connect-src 'self'; form-action 'none'; base-uri 'none'; frame-ancestors 'none'"
)


class Pages(Blueprint):
    """The pages of one resource, under ``/pages``."""

    def __init__(self, name: str, import_name: str) -> None:
        super().__init__(name, import_name, url_prefix="/pages")

    def page(self, rule: str, access: Access = Access.USER) -> Callable[[View], View]:
        """Declare a view as the page ``rule``. By default every signed-in user may see it."""

        def decorate(view: View) -> View:
            self.add_url_rule(rule, view_func=view)
            declare(f"web.{self.name}.{view.__name__}", access)
            return view

        return decorate


def protect(response: Response) -> Response:
    """Add the content security policy of the pages."""
    response.headers["Content-Security-Policy"] = POLICY
    return response


def render(template: str, **values: Any) -> str:
    """Render a page's template, ``web/<template>.html``."""
    return render_template(f"web/{template}.html", **values)


def load(schema: Schema, data: dict[str, Any]) -> Any:
    """Parse ``data`` with a schema of the API. Raises ValidationFailed."""
    try:
        return schema.load(data)
    except ValidationError as problem:
        raise errors.ValidationFailed(errors=problem.messages_dict) from None


def argument(name: str) -> str:
    """Return a parameter of the query string, stripped, or an empty string."""
    return request.args.get(name, "").strip()


def id_argument(name: str) -> str:
    """Return a parameter of the query string that is an id. Raises NotFound otherwise, as for an id in a path."""
    text = argument(name)
    if not ids.is_id(text):
        raise errors.NotFound("There is no such page.")
    return text
