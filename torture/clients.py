"""Clients: threads that send operations and resend those whose outcome they do not know."""

from __future__ import annotations

import random
import threading
import time
import traceback
from collections import deque
from dataclasses import dataclass, field, replace
from typing import Any, Final

from tests.support.factories import PASSWORD
from torture import wire
from torture.history import DEFINITE, FAIL, INFO, OK, History
from torture.operations import READS, SIGN_INS, Generator, Operation, Targets

MAX_UNKNOWN: Final = 8
RESEND_SHARE: Final = 0.3
REPEAT_SHARE: Final = 0.08
HANG_UP_SHARE: Final = 0.03
HANG_UP_WITHIN_SECONDS: Final = 0.02
PAUSE_SECONDS: Final = 0.3
RESENT_AFTER_SECONDS: Final = (0.05, 1.0)


@dataclass
class Session:
    """The tokens of one sign-in."""

    email: str
    tokens: dict[str, Any] = field(default_factory=dict)

    @property
    def is_open(self) -> bool:
        """Whether there are tokens to try."""
        return bool(self.tokens)


@dataclass
class Resend:
    """An operation whose outcome is unknown, and when it is sent again (seconds of the monotonic clock)."""

    operation: Operation
    due: float


class Client:
    """One client: its sessions, its operations, and those whose outcome it does not know yet.

    :meth:`run` goes on until ``stop`` is set; :meth:`settle` then resends what is unknown.
    """

    def __init__(
        self, address: str, history: History, generator: Generator, rng: random.Random, *, staff_email: str
    ) -> None:
        self._address = address
        self._history = history
        self._generator = generator
        self._rng = rng
        self._targets: Targets = generator.targets
        self._customer = generator.customer
        self._sessions = {"customer": Session(generator.customer.email), "staff": Session(staff_email)}
        self._attempts: dict[str, int] = {}
        self.unknown: deque[Resend] = deque()
        self.problem = ""

    def run(self, stop: threading.Event) -> None:
        """Send operations until ``stop``. An exception ends the client; ``problem`` then has its stack trace."""
        try:
            while not stop.is_set():
                self._step()
        except Exception:  # noqa: BLE001  # a client that ended must make the verdict unknown, whatever the cause
            self.problem = traceback.format_exc()

    def settle(self, deadline: float) -> None:
        """Resend every unknown operation until its outcome is definite, or until ``deadline``."""
        try:
            while self.unknown and time.monotonic() < deadline:
                time.sleep(max(0.0, min(one.due for one in self.unknown) - time.monotonic()))
                self._resend_due()
        except Exception:  # noqa: BLE001  # as above
            self.problem = traceback.format_exc()

    def _step(self) -> None:
        if len(self.unknown) >= MAX_UNKNOWN or (self.unknown and self._rng.random() < RESEND_SHARE):
            if self._resend_due() != OK:
                time.sleep(self._rng.uniform(0, PAUSE_SECONDS))
            return
        operation = self._generator.next()
        if operation.kind == "refresh":
            session = self._sessions[operation.role]
            if not session.is_open or any(one.operation.kind == "refresh" for one in self.unknown):
                return
            operation = replace(operation, secret=_refreshing(session))
        outcome = self._try(operation)
        if outcome == INFO:
            # Otherwise a server that is down would be asked thousands of times a second.
            time.sleep(self._rng.uniform(0, PAUSE_SECONDS))
        elif operation.has_key and self._rng.random() < REPEAT_SHARE:
            self._try(operation)

    def _resend_due(self) -> str | None:
        """Resend the first operation that is due, and return its outcome; None if there was none."""
        for _ in range(len(self.unknown)):
            one = self.unknown.popleft()
            if one.due <= time.monotonic():
                return self._try(one.operation)
            self.unknown.append(one)
        return None

    def _try(self, operation: Operation) -> str:
        """Send an operation once and return the outcome. What is unknown and can be resent waits for its turn."""
        hang_up = self._rng.uniform(0, HANG_UP_WITHIN_SECONDS) if self._rng.random() < HANG_UP_SHARE else None
        session = self._sessions[operation.role]
        if operation.kind not in SIGN_INS and not session.is_open and not self._sign_in(session):
            # Nothing was sent, and nothing is written.
            self._wait(operation, 0.2)
            return INFO
        answer, outcome = self._send(operation, session, None if operation.kind == "login" else hang_up)
        if answer is not None and answer.status == 401 and operation.kind not in SIGN_INS:
            session.tokens = {}
        if outcome == INFO and operation.kind not in READS and operation.kind != "login":
            self._wait(operation, (answer and answer.retry_after_seconds) or self._rng.uniform(*RESENT_AFTER_SECONDS))
        if outcome in DEFINITE and answer is not None:
            self._learn(operation, session, outcome, answer)
        return outcome

    def _send(self, operation: Operation, session: Session, hang_up: float | None) -> tuple[wire.Answer | None, str]:
        number = self._attempts[operation.id] = self._attempts.get(operation.id, 0) + 1
        request_id = f"{operation.id}-{number}"
        headers = {"X-Request-Id": request_id}
        if operation.has_key:
            headers["Idempotency-Key"] = operation.id
        if operation.kind not in SIGN_INS:
            headers["Authorization"] = f"Bearer {session.tokens['access_token']}"
        self._history.invoke(operation, request_id, first=number == 1)
        try:
            answer = wire.send(
                self._address,
                operation.method,
                operation.path,
                operation.secret or operation.body,
                headers,
                hang_up_after=hang_up,
            )
        except wire.Lost as problem:
            self._history.complete(operation, request_id, INFO, reason=str(problem))
            return None, INFO
        outcome = wire.outcome(operation, answer)
        # Tokens are written to no file.
        text = "" if operation.kind in SIGN_INS and outcome == OK else answer.text
        self._history.complete(operation, request_id, outcome, status=answer.status, text=text)
        return answer, outcome

    def _wait(self, operation: Operation, seconds: float) -> None:
        self.unknown.append(Resend(operation, time.monotonic() + seconds))

    def _learn(self, operation: Operation, session: Session, outcome: str, answer: wire.Answer) -> None:
        if operation.kind == "login" and outcome == OK:
            session.tokens = answer.body
        elif operation.kind == "refresh":
            # A client that lost the new pair signs in again: the old token is used up, the new one unknown.
            if operation.secret == _refreshing(session):
                session.tokens = answer.body if outcome == OK else {}
        elif outcome == FAIL:
            return
        elif operation.kind == "transfer":
            self._targets.add("transfer", answer.body["id"])
        elif operation.kind == "authorization":
            self._targets.add(f"authorization of {self._customer.email}", answer.body["id"])

    def _login(self, session: Session) -> Operation:
        role = next(role for role, one in self._sessions.items() if one is session)
        secret = {"email": session.email, "password": PASSWORD}
        return self._generator.new("login", "POST", "/auth/login", secret=secret, role=role)

    def _sign_in(self, session: Session) -> bool:
        self._try(self._login(session))
        return session.is_open


def _refreshing(session: Session) -> dict[str, str]:
    return {"refresh_token": session.tokens.get("refresh_token", "")}
