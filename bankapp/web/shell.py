"""The shell around all pages, and the two public pages: sign-in and sign-up."""

from __future__ import annotations

from typing import Final

from flask import Blueprint, redirect, url_for
from werkzeug.wrappers import Response

from bankapp import context
from bankapp.endpoints import Access, declare
from bankapp.services import seeding
from bankapp.services.account_holders import ADULT_YEARS
from bankapp.services.identity import passwords
from bankapp.web.pages import render

blueprint = Blueprint("shell", __name__)

_DEVELOPMENT: Final = "development"
_LOGINS: Final = (
    (seeding.CUSTOMER_EMAIL, "Ada, a customer"),
    (seeding.NEIGHBOUR_EMAIL, "Jürgen, another customer"),
    (seeding.EMPLOYEES[context.STAFF], "A member of staff"),
    (seeding.EMPLOYEES[context.ADMIN], "An administrator"),
)


@blueprint.get("/")
def home() -> Response:
    """Redirect to the shell."""
    return redirect(url_for(".shell"))


@blueprint.get("/app", defaults={"page": ""})
@blueprint.get("/app/<path:page>")
def shell(page: str) -> str:  # noqa: ARG001 - the shell's script reads the page from the address
    """Return the shell. It is the same for every page."""
    return render("shell")


@blueprint.get("/pages/sign-in")
def sign_in() -> str:
    """Return the sign-in form. A development server also offers the demo users of its seed."""
    is_demo = context.config().env == _DEVELOPMENT and seeding.is_seeded()
    return render("sign_in", logins=_LOGINS if is_demo else (), password=seeding.PASSWORD)


@blueprint.get("/pages/sign-up")
def sign_up() -> str:
    """Return the sign-up form."""
    return render("sign_up", min_length=passwords.MIN_LENGTH, max_length=passwords.MAX_LENGTH, adult=ADULT_YEARS)


for _view in (home, shell, sign_in, sign_up):
    declare(f"web.{blueprint.name}.{_view.__name__}", Access.PUBLIC)
