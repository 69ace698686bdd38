"""Security: where one is signed in, the password, the second factor."""

from __future__ import annotations

from bankapp import context
from bankapp.listing import Window
from bankapp.services.identity import auth, passwords, second_factors, sessions
from bankapp.web.pages import Pages, render

blueprint = Pages("security", __name__)


@blueprint.page("/security")
def security() -> str:
    """Answer the sessions of whoever asks, and the forms that change how they sign in."""
    return render(
        "security",
        user=auth.me(),
        sessions=sessions.live(Window(100)).items,
        current=context.user().session_id,
        second_factor=second_factors.status(),
        min_length=passwords.MIN_LENGTH,
        max_length=passwords.MAX_LENGTH,
    )
