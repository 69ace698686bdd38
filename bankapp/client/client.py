"""The client object that every command gets: profile, bank and output."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cached_property
from typing import Any, Final, TypeVar

import click

from bankapp.client import orders
from bankapp.client.api import Api
from bankapp.client.money import Currencies
from bankapp.client.output import Output
from bankapp.client.session import Session
from bankapp.client.store import Profile, Store

R = TypeVar("R")

DEFAULT_URL: Final = "http://127.0.0.1:8000"
DEFAULT_TIMEOUT_SECONDS: Final = 15.0


class Client:
    """The settings of a command: the profile, the bank's URL and the output."""

    def __init__(self, store: Store | None = None) -> None:
        self.store = store or Store()
        self.given_url: str | None = None
        self.profile_name = "default"
        self.timeout_seconds = DEFAULT_TIMEOUT_SECONDS
        self.password: str | None = None
        self.api_key: str | None = None
        self.out = Output(as_json=False)

    def as_profile(self, name: str) -> Client:
        """Return a client with the same settings and another profile."""
        other = Client(self.store)
        other.given_url, other.timeout_seconds, other.out = self.given_url, self.timeout_seconds, self.out
        other.profile_name = name
        return other

    @cached_property
    def profile(self) -> Profile:
        """The files of the chosen profile."""
        return self.store.profile(self.profile_name)

    @cached_property
    def session(self) -> Session:
        """The sign-in of the chosen profile, or an API key in place of it.

        Without ``--url`` the bank is the one where the profile is signed in; with a key it is the default.
        """
        tokens = None if self.api_key else self.profile.tokens()
        url = self.given_url or (tokens.url if tokens else DEFAULT_URL)
        return Session(Api(url, self.store.device_id(), self.timeout_seconds), self.profile, self.api_key)

    @cached_property
    def currencies(self) -> Currencies:
        """The bank's currencies."""
        return Currencies(self.session)

    def place(self, path: str, body: Mapping[str, Any], summary: str, key: str | None = None) -> Any:
        """Place an order with :func:`orders.place`. Warn if this finished an earlier order."""
        answer, was_earlier = orders.place(self.session, path, body, summary, key)
        if was_earlier:
            self.out.warn("An identical earlier request was unfinished. It is finished now; no second one was sent.")
        return answer


def pass_client(function: Callable[..., R]) -> Callable[..., R]:
    """Give a command the client as its first argument."""
    return click.make_pass_decorator(Client)(function)
