"""What all pages share: how one is declared and rendered, and how its query string is read."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, TypeVar

from flask import Blueprint, Response, render_template, request
from marshmallow import Schema, ValidationError

from bankapp import errors, ids
from bankapp.endpoints import Access, declare

View = TypeVar("View", bound=Callable[..., Any])

# Everything comes from here, nothing is inline, and a form that no script took over goes nowhere.
POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self';"
    " connect-src 'self'; form-action 'none'; base-uri 'none'; frame-ancestors 'none'"
)


class Pages(Blueprint):
    """The pages of one subject, under ``/pages``."""

    def __init__(self, name: str, import_name: str) -> None:
        super().__init__(name, import_name, url_prefix="/pages")

    def page(self, rule: str, access: Access = Access.USER) -> Callable[[View], View]:
        """Declare a view as the page ``rule``, for any user unless told otherwise."""

        def decorate(view: View) -> View:
            self.add_url_rule(rule, view_func=view)
            declare(f"web.{self.name}.{view.__name__}", access)
            return view

        return decorate


def protect(response: Response) -> Response:
    """Let the browser take nothing from anywhere else."""
    response.headers["Content-Security-Policy"] = POLICY
    return response


def render(template: str, **values: Any) -> str:
    """Render a page's template, ``web/<template>.html``."""
    return render_template(f"web/{template}.html", **values)


def load(schema: Schema, data: dict[str, Any]) -> Any:
    """Read ``data`` by a wire shape of the API. Raises ValidationFailed."""
    try:
        return schema.load(data)
    except ValidationError as problem:
        raise errors.ValidationFailed(errors=problem.messages_dict) from None


def argument(name: str) -> str:
    """Return a parameter of the query string without blanks around it, or an empty string."""
    return request.args.get(name, "").strip()


def id_argument(name: str) -> str:
    """Return a parameter of the query string that is an id. Raises NotFound for anything else, as a path would."""
    found = argument(name)
    if not ids.is_id(found):
        raise errors.NotFound("There is no such page.")
    return found
