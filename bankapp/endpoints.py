"""What every endpoint says of itself: who may call it. The API and the pages declare it, one hook checks it."""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum
from typing import Any, TypeVar


class Access(Enum):
    """Who may call an endpoint; what they see there is the services' business."""

    PUBLIC = "public"
    USER = "user"
    STAFF = "staff"


View = TypeVar("View", bound=Callable[..., Any])


def declare(view: View, access: Access, *, identifies: bool = False) -> View:
    """Declare who may call ``view``; without a declaration nobody may.

    ``identifies``: before it answers anything, the view itself sees to it that the token was looked up
    (``context.identify``), so that this can be done in its first statement.
    """
    view.access = access  # type: ignore[attr-defined]  # where api/security.py looks
    view.identifies = identifies  # type: ignore[attr-defined]  # as above
    return view


def public(view: View) -> View:
    """Declare that anybody may call ``view``."""
    return declare(view, Access.PUBLIC)
