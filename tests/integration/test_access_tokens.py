"""Access tokens: forged and malformed ones are refused, valid ones are accepted in any spelling of the header."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import pytest

from bankapp.api.security import REQUIRED_CLAIMS, key_id
from tests.support.databases import SECRET
from tests.support.factories import Bank, Caller, ok, refused
from tests.support.tokens import OTHER_SECRET, claims_of, part, signed, unsigned


@pytest.fixture
def caller(bank: Bank) -> Caller:
    return bank.customer(holder=False)


def me(caller: Caller, authorization: str) -> Any:
    return caller.client.get("/v1/auth/me", headers={"Authorization": authorization})


def swap(token: str, position: int, replacement: str) -> str:
    parts = token.split(".")
    parts[position] = replacement
    return ".".join(parts)


def test_a_token_with_the_servers_claims_and_key_is_accepted(caller: Caller) -> None:
    # The forgeries below start from this token and change one thing each.
    claims = claims_of(caller.tokens["access_token"])
    assert claims.keys() >= REQUIRED_CLAIMS
    ok(me(caller, f"Bearer {signed(claims, kid=key_id(SECRET))}"))
    ok(me(caller, f"Bearer {signed(claims)}"))


FORGERIES: dict[str, Callable[[dict[str, Any]], str]] = {
    "alg none": lambda claims: unsigned(claims, alg="none", typ="JWT"),
    "alg NoNe": lambda claims: unsigned(claims, alg="NoNe", typ="JWT"),
    "HS512": lambda claims: signed(claims, algorithm="HS512"),
    "HS384": lambda claims: signed(claims, algorithm="HS384"),
    "says RS256, signed with a secret": lambda claims: swap(signed(claims), 0, part({"alg": "RS256", "typ": "JWT"})),
    "wrong key": lambda claims: signed(claims, key=OTHER_SECRET),
    "wrong key that claims to be ours": lambda claims: signed(claims, key=OTHER_SECRET, kid=key_id(SECRET)),
    "right key under an unknown name": lambda claims: signed(claims, kid=key_id(OTHER_SECRET)),
    "kid is a path": lambda claims: signed(claims, kid="../../../../dev/null"),
    "kid is a number": lambda claims: swap(signed(claims), 0, part({"alg": "HS256", "kid": 7})),
    "kid is a list": lambda claims: swap(signed(claims), 0, part({"alg": "HS256", "kid": ["a"]})),
    "brings its own key": lambda claims: signed(claims, key=OTHER_SECRET, jwk={"kty": "oct", "k": "YQ"}),
    "critical extension": lambda claims: signed(claims, crit=["exp2"], exp2=1),
    "claims changed after signing": lambda claims: swap(signed(claims), 1, part(claims | {"sub": "somebody else"})),
    "no signature": lambda claims: swap(signed(claims), 2, ""),
    "other issuer": lambda claims: signed(claims | {"iss": "elsewhere"}),
    "other audience": lambda claims: signed(claims | {"aud": "elsewhere"}),
    "refresh type": lambda claims: signed(claims | {"type": "refresh"}),
    "type is a list": lambda claims: signed(claims | {"type": ["access"]}),
    "not yet valid": lambda claims: signed(claims | {"nbf": int(time.time()) + 31}),
    "issued in the future": lambda claims: signed(claims | {"iat": int(time.time()) + 31}),
    "another session": lambda claims: signed(claims | {"sid": claims["jti"]}),
    "another user": lambda claims: signed(claims | {"sub": claims["jti"]}),
    "subject is a number": lambda claims: signed(claims | {"sub": 1}),
    "jti is a number": lambda claims: signed(claims | {"jti": 1}),
    "jti is SQL": lambda claims: signed(claims | {"jti": "' OR 1=1 --"}),
    "exp is text": lambda claims: signed(claims | {"exp": "tomorrow"}),
    "exp is infinite": lambda claims: signed(claims | {"exp": float("inf")}),
    "nbf is text": lambda claims: signed(claims | {"nbf": "x"}),
    "claims are a list": lambda claims: swap(signed(claims), 1, part([1])),
    "header is a list": lambda claims: swap(signed(claims), 0, part([1])),
}


@pytest.mark.parametrize("forgery", FORGERIES.values(), ids=FORGERIES.keys())
def test_a_forged_token_is_invalid(caller: Caller, forgery: Callable[[dict[str, Any]], str]) -> None:
    token = forgery(claims_of(caller.tokens["access_token"]))
    answer = me(caller, f"Bearer {token}")
    refused(answer, 401, "token_invalid")
    assert answer.headers["WWW-Authenticate"] == "Bearer"


@pytest.mark.parametrize("value", [None, True, 1.5, "9999999999", ["bankapp"], {}], ids=repr)
@pytest.mark.parametrize("claim", sorted(REQUIRED_CLAIMS))
def test_a_claim_of_another_type_is_invalid(caller: Caller, claim: str, value: object) -> None:
    claims = claims_of(caller.tokens["access_token"])
    refused(me(caller, f"Bearer {signed(claims | {claim: value})}"), 401, "token_invalid")


def test_times_beyond_every_calendar(caller: Caller) -> None:
    claims = claims_of(caller.tokens["access_token"])
    ok(me(caller, f"Bearer {signed(claims | {'exp': 10**400})}"))
    refused(me(caller, f"Bearer {signed(claims | {'exp': -(10**400)})}"), 401, "token_expired")
    for claim in ("nbf", "iat"):
        refused(me(caller, f"Bearer {signed(claims | {claim: 10**400})}"), 401, "token_invalid")


@pytest.mark.parametrize("claim", sorted(REQUIRED_CLAIMS))
def test_every_claim_is_required(caller: Caller, claim: str) -> None:
    claims = claims_of(caller.tokens["access_token"])
    del claims[claim]
    refused(me(caller, f"Bearer {signed(claims)}"), 401, "token_invalid")


@pytest.mark.parametrize(
    "authorization",
    [
        "Bearer",
        "Bearer ",
        "Bearer x",
        "Bearer a.b.c",
        "Bearer ..",
        "Bearer .....",
        "Bearer " + "A" * 7000,
        "Bearer é.é.é",
        "Bearer eyJhbGciOiJIUzI1NiJ9.e30",
        "Bearer null",
        "Basic YTpi",
        "Token {token}",
        "{token}",
        "Bearer {token} {token}",
        "Bearer {token}, Bearer {token}",
        "Bearer\t{token}x",
        "Bearer {token}x",
        'Bearer "{token}"',
    ],
)
def test_a_malformed_header_is_invalid(caller: Caller, authorization: str) -> None:
    refused(me(caller, authorization.format(token=caller.tokens["access_token"])), 401, "token_invalid")


def test_a_missing_token_is_reported_as_missing(caller: Caller) -> None:
    refused(caller.client.get("/v1/auth/me"), 401, "token_missing")
    refused(caller.client.get(f"/v1/auth/me?jwt={caller.tokens['access_token']}"), 401, "token_missing")
    caller.client.set_cookie("access_token_cookie", caller.tokens["access_token"])
    refused(caller.client.get("/v1/auth/me"), 401, "token_missing")


@pytest.mark.parametrize("scheme", ["Bearer", "bearer", "BEARER", "Bearer  "])
def test_the_scheme_is_accepted_in_any_case(caller: Caller, scheme: str) -> None:
    ok(me(caller, f"{scheme} {caller.tokens['access_token']}"))


def test_the_two_kinds_of_token_are_not_exchangeable(caller: Caller) -> None:
    refused(me(caller, f"Bearer {caller.tokens['refresh_token']}"), 401, "token_invalid")
    body = {"refresh_token": caller.tokens["access_token"]}
    refused(caller.post("/auth/refresh", body), 401, "refresh_token_invalid")


@pytest.mark.parametrize(("seconds", "accepted"), [(2, True), (31, False)])
def test_the_leeway_is_at_most_half_a_minute(caller: Caller, seconds: int, accepted: bool) -> None:
    claims = claims_of(caller.tokens["access_token"]) | {"exp": int(time.time()) - seconds}
    answer = me(caller, f"Bearer {signed(claims)}")
    if accepted:
        ok(answer)
    else:
        refused(answer, 401, "token_expired")


def test_an_access_token_lives_ten_minutes(caller: Caller) -> None:
    claims = claims_of(caller.tokens["access_token"])
    assert claims["exp"] - claims["iat"] == caller.tokens["expires_in"] == 600


def test_rotating_keys_ends_no_session(bank_with: Callable[..., Bank], caller: Caller) -> None:
    rotated = bank_with(JWT_SECRET=f"{OTHER_SECRET},{SECRET}")
    old = Caller(rotated.app.test_client(), tokens=caller.tokens)
    ok(old.get("/auth/me"))
    new = rotated.signed_in(caller.email)
    refused(me(caller, f"Bearer {new.tokens['access_token']}"), 401, "token_invalid")

    retired = bank_with(JWT_SECRET=OTHER_SECRET)
    ok(Caller(retired.app.test_client(), tokens=new.tokens).get("/auth/me"))
    refused(Caller(retired.app.test_client(), tokens=caller.tokens).get("/auth/me"), 401, "token_invalid")


def test_the_key_id_does_not_reveal_the_key() -> None:
    assert key_id(SECRET) != key_id(OTHER_SECRET)
    assert SECRET not in key_id(SECRET)
    assert len(key_id(SECRET)) == 16
