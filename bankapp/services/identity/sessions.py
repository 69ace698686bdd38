"""The caller's sessions, and how they end."""

from __future__ import annotations

from bankapp import clock, context, db
from bankapp.listing import Page, Window
from bankapp.models import SessionRecord
from bankapp.repositories import sessions
from bankapp.services import access, audit


def logout() -> None:
    """End the current session; its tokens are dead at once."""
    end(context.user().session_id, event_type="logout")


def live(window: Window) -> Page[SessionRecord]:
    """Return the caller's live sessions, newest first."""
    return sessions.live_of_user(context.user().id, clock.now(), window)


def end(session_id: str, *, event_type: str = "session_revoke") -> None:
    """End one of the caller's sessions. Raises NotFound."""

    def revoke() -> None:
        access.own(sessions.get(session_id), "session")
        if not sessions.revoke(session_id, clock.now()):
            raise access.not_found("session")
        audit.record(event_type, user_id=context.user().id, resource_type="session", resource_id=session_id)

    db.run(revoke)


def end_all() -> None:
    """End all of the caller's sessions, this one too."""

    def revoke() -> None:
        user_id = context.user().id
        count = sessions.revoke_all(user_id, clock.now())
        audit.record("session_revoke", user_id=user_id, metadata={"count": count})

    db.run(revoke)
