"""Security: the user's sessions, password and second factor."""

from __future__ import annotations

from bankapp import context
from bankapp.listing import Window
from bankapp.services.identity import auth, passwords, second_factors, sessions
from bankapp.web.pages import Pages, render

blueprint = Pages("security", __name__)


@blueprint.page("/security")
def security() -> str:
    """Return the user's sessions, and the forms for password and second factor."""
    return render(
        "security",
        user=auth.me(),
        sessions=sessions.live(Window(100)).items,
        current=context.user().session_id,
        second_factor=second_factors.status(),
        min_length=passwords.MIN_LENGTH,
        max_length=passwords.MAX_LENGTH,
    )
