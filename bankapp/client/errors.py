"""The errors of the command line and their exit codes."""

from __future__ import annotations

from typing import Any, ClassVar, Final

OK: Final = 0
REFUSED: Final = 1
USAGE: Final = 2  # click's own
NOT_SIGNED_IN: Final = 3
UNREACHABLE: Final = 4
UNKNOWN: Final = 5
INTERRUPTED: Final = 130  # a shell's own: 128 + SIGINT

EXIT_CODES: Final = {
    OK: "done",
    REFUSED: "refused by the bank, or a step of a run file had an unexpected outcome",
    USAGE: "the command was not understood",
    NOT_SIGNED_IN: "not signed in: no session, an ended session, or wrong credentials",
    UNREACHABLE: "the bank cannot be reached or cannot answer; nothing was changed",
    UNKNOWN: "the request was sent but the answer was lost: see `resume`",
    INTERRUPTED: "interrupted, or a question was not answered",
}


class ClientError(Exception):
    """An error that ends a command. ``code`` is for programs, the message for people."""

    exit_code: ClassVar[int] = REFUSED
    code: ClassVar[str] = "failed"

    def document(self) -> dict[str, Any]:
        """Return what ``--json`` prints on standard error."""
        return {"code": self.code, "detail": str(self), "exit_code": self.exit_code}


class Refused(ClientError):
    """The bank refused the request. ``problem`` is its problem document (RFC 9457)."""

    def __init__(self, problem: dict[str, Any], retry_after_seconds: float | None = None) -> None:
        self.problem = problem
        self.status: int = problem["status"]
        self.reason: str = problem["code"]
        self.retry_after_seconds = retry_after_seconds
        super().__init__(_sentence(problem))

    def document(self) -> dict[str, Any]:
        """Return the bank's own problem document, and the exit code."""
        return self.problem | {"exit_code": self.exit_code}


class SignInRefused(Refused):
    """The bank does not accept the credentials."""

    exit_code = NOT_SIGNED_IN


class ExpectationFailed(ClientError):
    """A step of a run file had another outcome than the file expects."""

    code = "expectation_failed"


class NotSignedIn(ClientError):
    """The command needs a session and there is none."""

    exit_code = NOT_SIGNED_IN
    code = "not_signed_in"


class Unreachable(ClientError):
    """The bank gave no usable answer. ``sent`` tells whether it may have received the request."""

    exit_code = UNREACHABLE
    code = "unreachable"

    def __init__(self, message: str, *, sent: bool, retry_after_seconds: float | None = None) -> None:
        self.sent = sent
        self.retry_after_seconds = retry_after_seconds
        super().__init__(message)


class OutcomeUnknown(ClientError):
    """The bank may or may not have carried the request out."""

    exit_code = UNKNOWN
    code = "outcome_unknown"


def _sentence(problem: dict[str, Any]) -> str:
    lines = [str(problem.get("detail") or problem.get("title") or "The bank refused.")]
    for field, messages in (problem.get("errors") or {}).items():
        lines.append(f"  {field}: {' '.join(messages) if isinstance(messages, list) else messages}")
    lines.append(f"  ({problem['code']}, request {problem.get('request_id')})")
    return "\n".join(lines)
