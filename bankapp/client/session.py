"""A sign-in: sends its access token with requests and renews it, once for all processes of a profile.

An API key takes the place of a sign-in where there is one. It is sent, and never stored.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from typing import Any, Final, TypeVar

import httpx

from bankapp.client import api
from bankapp.client.api import Api
from bankapp.client.errors import NotSignedIn, Refused, SignInRefused
from bankapp.client.store import Profile, Tokens

T = TypeVar("T")

RENEW_BEFORE_SECONDS: Final = 15
API_KEY_USER: Final = "api-key"
"""Stands for the user in the orders that are made with an API key."""

PAGE_LIMIT: Final = 100
"""The largest page of a list that the bank allows."""


class Session:
    """Sends requests to the bank with the tokens of a profile, or with an API key."""

    def __init__(self, bank: Api, profile: Profile, api_key: str | None = None) -> None:
        self.bank = bank
        self.profile = profile
        self._api_key = api_key

    def sign_in(self, email: str, password: str, otp: str | None = None) -> dict[str, Any]:
        """Open a session, store it and return the user. Raises SignInRefused."""
        body = {"email": email, "password": password} | ({"otp": otp} if otp else {})
        pair = api.document(self.bank.call("POST", "/auth/login", body=body))
        user: dict[str, Any] = api.document(self.bank.call("GET", "/auth/me", headers=_bearer(pair["access_token"])))
        self.profile.keep_tokens(_renewed(Tokens(self.bank.url, user["id"], user["email"], "", 0, "", 0), pair))
        return user

    def sign_out(self) -> None:
        """End the session at the bank and delete it here. It is deleted even if the bank cannot be reached."""
        try:
            self.call("POST", "/auth/logout")
        finally:
            self.profile.forget_tokens()

    def tokens(self) -> Tokens:
        """Return the tokens of the session, or the API key as one that does not expire.

        Raises NotSignedIn if there are none, or if they are of another bank.
        """
        if self._api_key:
            # Unfinished orders of a key stay its own when its secret changes, so they go by the profile.
            return Tokens(self.bank.url, API_KEY_USER, "", self._api_key, math.inf, "", math.inf)
        found = self.profile.tokens()
        if found is None:
            raise NotSignedIn("You are not signed in; use `login`.")
        if found.url != self.bank.url:
            # A token must never be sent to a server that did not issue it.
            raise NotSignedIn(f"You are signed in at {found.url}, not at {self.bank.url}; use `login`.")
        return found

    def call(
        self,
        method: str,
        path: str,
        *,
        body: Mapping[str, Any] | None = None,
        query: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> httpx.Response:
        """Send a request like :meth:`Api.call`, with the access token. Raises NotSignedIn if the session has ended."""
        given = dict(headers or {})
        return self._with_token(
            lambda bearer: self.bank.call(method, path, body=body, query=query, headers=given | bearer)
        )

    @contextmanager
    def stream(
        self, path: str, query: Mapping[str, Any], headers: Mapping[str, str], silence_seconds: float
    ) -> Iterator[Iterator[bytes]]:
        """Open a stream like :meth:`Api.stream`, with the access token. Raises NotSignedIn if the session has ended."""
        with ExitStack() as stack:
            yield self._with_token(
                lambda bearer: stack.enter_context(
                    self.bank.stream(path, query, dict(headers) | bearer, silence_seconds)
                )
            )

    def _with_token(self, send: Callable[[dict[str, str]], T]) -> T:
        """Call ``send`` with the header of the access token, which is renewed if it has expired."""
        tokens = self.tokens()
        if tokens.access_expires_at - RENEW_BEFORE_SECONDS < time.time():
            tokens = self._renew(tokens)
        for last in (False, True):
            try:
                return send(_bearer(tokens.access_token))
            except SignInRefused:
                # A wrong password or code of this request; the session is not in doubt.
                raise
            except Refused as refusal:
                if refusal.status != 401:
                    raise
                if last or self._api_key:
                    kind = "API key" if self._api_key else "session"
                    raise NotSignedIn(f"The bank does not accept the {kind}: {refusal}") from None
                tokens = self._renew(tokens)
        raise AssertionError("the second attempt returns or raises")

    def get(self, path: str, **query: Any) -> Any:
        """Return the JSON of ``path``. Temporary failures are retried."""
        return api.document(self.read(path, query))

    def read(self, path: str, query: Mapping[str, Any]) -> httpx.Response:
        """Return the answer to a GET. Temporary failures are retried."""
        return api.retried(lambda: self.call("GET", path, query=query, headers={"Accept": "*/*"}))

    def change(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> Any:
        """Send a change of state, which has no idempotency key, and return its answer. Raises like :func:`api.once`."""
        return api.once(lambda: api.document(self.call(method, path, body=body)))

    def page(self, path: str, limit: int | None = None, cursor: str | None = None, **query: Any) -> dict[str, Any]:
        """Return up to ``limit`` items (None means all) of a list from ``cursor`` on, and the next cursor."""
        items: list[dict[str, Any]] = []
        while limit is None or len(items) < limit:
            size = PAGE_LIMIT if limit is None else min(PAGE_LIMIT, limit - len(items))
            found = self.get(path, limit=size, cursor=cursor, **query)
            items += found["items"]
            cursor = found["next_cursor"]
            if cursor is None:
                break
        return {"items": items, "next_cursor": cursor}

    def _renew(self, stale: Tokens) -> Tokens:
        with self.profile.locked():
            current = self.tokens()
            if current.access_token != stale.access_token:
                # Another process has renewed the session. Using the refresh token twice would end it.
                return current
            try:
                pair = self.bank.call("POST", "/auth/refresh", body={"refresh_token": current.refresh_token})
            except Refused as refusal:
                if refusal.status != 401:
                    raise
                self.profile.forget_tokens()
                raise NotSignedIn("The session has ended; use `login`.") from None
            renewed = _renewed(current, api.document(pair))
            self.profile.keep_tokens(renewed)
            return renewed


def _bearer(access_token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {access_token}"}


def _renewed(tokens: Tokens, pair: Mapping[str, Any]) -> Tokens:
    now = time.time()
    return replace(
        tokens,
        access_token=pair["access_token"],
        access_expires_at=now + pair["expires_in"],
        refresh_token=pair["refresh_token"],
        refresh_expires_at=now + pair["refresh_expires_in"],
    )
