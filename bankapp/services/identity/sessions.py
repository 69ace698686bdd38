"""The caller's sign-in sessions: listing them and ending them."""

from __future__ import annotations

from bankapp import clock, context, db, errors
from bankapp.listing import Page, Window
from bankapp.models import SessionRecord
from bankapp.repositories import sessions
from bankapp.services import access, audit


def logout() -> None:
    """End the current session; its tokens are dead at once. Raises TokenRevoked when a concurrent request ended it."""
    if not _end(context.user().session_id, "logout"):
        raise errors.TokenRevoked("The token is no longer valid.")


def live(window: Window) -> Page[SessionRecord]:
    """Return the caller's live sessions, newest first."""
    return sessions.live_of_user(context.user().id, clock.now(), window)


def end(session_id: str) -> None:
    """End one of the caller's sessions. Raises NotFound."""
    access.own(sessions.get(session_id), "session")
    if not _end(session_id, "session_revoke"):
        raise access.not_found("session")


def _end(session_id: str, event_type: str) -> bool:
    """Revoke a session with its tokens, audited; False when it had ended before."""

    def revoke() -> bool:
        if not sessions.revoke(session_id, clock.now()):
            return False
        audit.record(event_type, user_id=context.user().id, resource_type="session", resource_id=session_id)
        return True

    return db.run(revoke)


def end_all() -> None:
    """End all sessions of the caller, including the current one."""

    def revoke() -> None:
        user_id = context.user().id
        count = sessions.revoke_all(user_id, clock.now())
        audit.record("session_revoke", user_id=user_id, metadata={"count": count})

    db.run(revoke)
