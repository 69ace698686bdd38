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


def declare(view: View, access: Access) -> View:
    """Declare who may call ``view``; without a declaration nobody may."""
    view.access = access  # type: ignore[attr-defined]  # where access_of looks
    return view


def public(view: View) -> View:
    """Declare that anybody may call ``view``."""
    return declare(view, Access.PUBLIC)
