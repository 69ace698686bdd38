"""The settings. This is the only module that reads the environment.

``Config.from_env()`` parses every setting. It raises :class:`ConfigError`, which names the setting, for
a value that it cannot parse.
"""

from __future__ import annotations

import contextlib
import os
import re
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from typing import Any, ClassVar, Final, TypeVar

T = TypeVar("T")

ROOT: Final = Path(__file__).resolve().parent
INSTANCE: Final = ROOT / "instance"
MIN_SECRET_BYTES: Final = 32
KIB: Final = 1024


class ConfigError(ValueError):
    """A setting is missing or cannot be parsed. The message is one line that begins with its name."""

    def __init__(self, name: str, reason: str) -> None:
        self.name = name
        super().__init__(f"{name} {reason}")


@dataclass(frozen=True)
class Setting:
    """An environment variable: the field of :class:`Config` that it fills, its parser, and its words in the documents.

    ``default`` is there where the documents say something else than the field's default. Of a secret, no part is shown.
    """

    name: str
    field: str
    parse: Callable[[str], Any]
    meaning: str
    default: str = ""
    is_secret: bool = False


@dataclass(frozen=True, kw_only=True)
class Config:
    """The parsed settings. Durations are timedeltas, sizes are bytes, origins and secrets are tuples."""

    env: ClassVar[str] = ""
    is_production: ClassVar[bool] = False

    database_url: str = field(repr=False)
    jwt_secrets: tuple[str, ...] = field(repr=False)
    secret_key: str = field(repr=False)
    secret_key_fallbacks: tuple[str, ...] = field(default=(), repr=False)
    web_concurrency: int = field(default_factory=lambda: 2 * (os.cpu_count() or 1))
    web_threads: int = 1
    drain: timedelta = timedelta(0)
    trusted_proxies: int = 0
    ratelimit_enabled: bool = True
    ratelimit_storage_uri: str = field(default="memory://", repr=False)
    api_key_rate_limit: str = "600/minute"
    idempotency_required: bool = False
    idempotency_kept: timedelta = timedelta(days=7)
    idempotency_lease: timedelta = timedelta(seconds=5)
    """As long as the longest statement may run: after it, a retry takes an unfinished claim over."""
    cors_origins: tuple[str, ...] = ()
    log_level: str = "INFO"
    log_format: str = "json"
    docs_enabled: bool = True
    bcrypt_rounds: int = 12
    database_pooler: str = "none"
    """``transaction`` behind pgbouncer in transaction mode: no session settings, no prepared statements."""
    access_token_lifetime: timedelta = timedelta(minutes=10)
    refresh_token_idle: timedelta = timedelta(hours=12)
    session_lifetime: timedelta = timedelta(days=7)
    payee_verification: str = "advisory"
    """``required`` refuses a transfer to somebody else's account that names no verification of the payee."""
    card_bin: str = "400000"
    hold_lifetime: timedelta = timedelta(days=7)
    event_retention: timedelta = timedelta(days=90)
    webhooks_allow_loopback: bool = False
    """Also accept webhook endpoints on the machine itself, by http, too. Refused in production."""
    event_stream_connections: int = 1000
    """How many clients may wait for events at one worker."""
    metrics_directory: str | None = None
    tracing_endpoint: str | None = None
    """The OpenTelemetry collector's base URL, such as http://127.0.0.1:4318; None turns tracing off."""
    iban_country: str = "DE"
    iban_bank_code: str = "50010517"

    body_limit_bytes: ClassVar[int] = 64 * KIB

    def with_changes(self, **changes: Any) -> Config:
        """Return a copy with some settings changed, for tests and tools."""
        return replace(self, **changes)

    def flask_settings(self) -> dict[str, Any]:
        """Return the settings that Flask and its extensions read from ``app.config``."""
        return {
            "TESTING": self.env == "testing",
            "SECRET_KEY": self.secret_key,
            "SQLALCHEMY_DATABASE_URI": self.database_url,
            "MAX_CONTENT_LENGTH": None,
            "JWT_SECRET_KEY": self.jwt_secrets[0],
            "JWT_ALGORITHM": "HS256",
            "JWT_COOKIE_CSRF_PROTECT": False,
            "JWT_DECODE_ALGORITHMS": ["HS256"],
            "JWT_TOKEN_LOCATION": ["headers"],
            "JWT_ENCODE_ISSUER": "bankapp",
            "JWT_DECODE_ISSUER": "bankapp",
            "JWT_ENCODE_AUDIENCE": "bankapp-api",
            "JWT_DECODE_AUDIENCE": "bankapp-api",
            "JWT_ACCESS_TOKEN_EXPIRES": self.access_token_lifetime,
            "JWT_DECODE_LEEWAY": 5,
            "API_TITLE": "bankapp",
            "API_VERSION": "v1",
            "OPENAPI_VERSION": "3.1.0",
            "RATELIMIT_ENABLED": self.ratelimit_enabled,
            "RATELIMIT_STORAGE_URI": self.ratelimit_storage_uri,
        }

    @classmethod
    def from_env(cls, environ: Mapping[str, str] | None = None) -> Config:
        """Read the settings from ``environ``, by default the environment of the process. Raises ConfigError."""
        given = os.environ if environ is None else environ
        values = {setting.field: _read(setting, given) for setting in SETTINGS if is_given(setting, given)}
        kind: type[Config] = values.pop("env", Development)
        jwt_secrets = values.pop("jwt_secrets", None) or kind.missing_jwt_secret()
        secret_key, *fallbacks = values.pop("secret_key", jwt_secrets)
        return kind(
            database_url=values.pop("database_url", None) or kind.default_database_url(),
            jwt_secrets=jwt_secrets,
            secret_key=secret_key,
            secret_key_fallbacks=tuple(fallbacks),
            **values,
        )

    @classmethod
    def missing_jwt_secret(cls) -> tuple[str, ...]:
        """Return the signing keys if ``JWT_SECRET`` is not set."""
        return (_development_secret(),)

    @classmethod
    def default_database_url(cls) -> str:
        """Return the database if ``DATABASE_URL`` is not set: a SQLite file in ``instance/``."""
        INSTANCE.mkdir(exist_ok=True)
        return f"sqlite:///{INSTANCE / 'bankapp.sqlite3'}"


@dataclass(frozen=True, kw_only=True)
class Development(Config):
    """A developer's machine: docs are on, the secret is generated once and kept, SQLite is the default."""

    env = "development"


@dataclass(frozen=True, kw_only=True)
class Testing(Config):
    """The test suite: cheap password hashes and no rate limits. Everything else keeps its default."""

    env = "testing"
    bcrypt_rounds: int = 4
    ratelimit_enabled: bool = False


@dataclass(frozen=True, kw_only=True)
class Production(Config):
    """Production: no default secret, docs are off by default, time to drain before a shutdown."""

    env = "production"
    is_production = True
    docs_enabled: bool = False
    drain: timedelta = timedelta(seconds=5)

    def __post_init__(self) -> None:
        """Raise ConfigError for a setting that is for development only."""
        if self.webhooks_allow_loopback:
            raise ConfigError("WEBHOOKS_ALLOW_LOOPBACK", "is refused in production")

    @classmethod
    def missing_jwt_secret(cls) -> tuple[str, ...]:
        """Raise ConfigError: a production secret is never generated."""
        raise ConfigError("JWT_SECRET", f"is required in production (at least {MIN_SECRET_BYTES} bytes)")


KINDS: Final[dict[str, type[Config]]] = {kind.env: kind for kind in (Development, Testing, Production)}


def is_given(setting: Setting, environ: Mapping[str, str]) -> bool:
    """Tell whether ``environ`` gives a setting a value. An empty one means the default."""
    return bool(environ.get(setting.name, "").strip())


def _read(setting: Setting, environ: Mapping[str, str]) -> Any:
    try:
        return setting.parse(environ[setting.name].strip())
    except ValueError as problem:
        raise ConfigError(setting.name, str(problem)) from None


def _one_of(choices: Mapping[str, T]) -> Callable[[str], T]:
    def parse(text: str) -> T:
        if text not in choices:
            raise ValueError(f"must be one of {', '.join(choices)}")
        return choices[text]

    return parse


def _integer(low: int, high: int) -> Callable[[str], int]:
    def parse(text: str) -> int:
        if not (text.isascii() and text.isdigit() and low <= int(text) <= high):
            raise ValueError(f"must be an integer from {low} to {high}")
        return int(text)

    return parse


def _seconds(low: int, high: int) -> Callable[[str], timedelta]:
    parse_integer = _integer(low, high)
    return lambda text: timedelta(seconds=parse_integer(text))


def _boolean(text: str) -> bool:
    return _one_of({"true": True, "1": True, "yes": True, "false": False, "0": False, "no": False})(text.lower())


def _digits(length: int) -> Callable[[str], str]:
    def parse(text: str) -> str:
        if not (text.isascii() and text.isdigit() and len(text) == length):
            raise ValueError(f"must be {length} digits")
        return text

    return parse


def _secret(text: str) -> str:
    if len(text.encode()) < MIN_SECRET_BYTES:
        raise ValueError(f"must have at least {MIN_SECRET_BYTES} bytes")
    if len(set(text)) < 8:
        raise ValueError("is too easy to guess")
    return text


def _secrets(text: str) -> tuple[str, ...]:
    return tuple(_secret(part.strip()) for part in text.split(","))


def _database_url(text: str) -> str:
    for prefix in ("postgres://", "postgresql://", "postgresql+psycopg://"):
        if text.startswith(prefix):
            return f"postgresql+psycopg://{text.removeprefix(prefix)}"
    if text.startswith("sqlite:///") and text != "sqlite:///:memory:":
        return text
    raise ValueError("must begin with postgresql:// or sqlite:/// and name a database that outlives the process")


def _origins(text: str) -> tuple[str, ...]:
    origins = tuple(part.strip().rstrip("/") for part in text.split(",") if part.strip())
    for origin in origins:
        scheme, _, host = origin.partition("://")
        if scheme not in ("http", "https") or not host or "/" in host or "*" in host:
            raise ValueError("must be a comma-separated list of origins such as https://bank.example")
    return origins


def _storage_uri(text: str) -> str:
    if not text.startswith(("memory://", "redis://", "rediss://")):
        raise ValueError("must begin with memory://, redis:// or rediss://")
    return text


def _http_url(text: str) -> str:
    if not re.fullmatch(r"https?://[^/\s]+(/\S*)?", text):
        raise ValueError("must begin with http:// or https:// and name a host")
    return text


def _rate(text: str) -> str:
    if not re.fullmatch(r"[1-9][0-9]{0,6}/(second|minute|hour|day)", text):
        raise ValueError("must be a number of requests in a time, such as 600/minute")
    return text


def _development_secret() -> str:
    path = INSTANCE / "jwt_secret"
    INSTANCE.mkdir(exist_ok=True)
    # Written to a draft and then linked, so that no process can read an incomplete secret.
    draft = path.with_suffix(f".{os.getpid()}")
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        file.write(secrets.token_urlsafe(48))
    with contextlib.suppress(FileExistsError):
        path.hardlink_to(draft)
    draft.unlink()
    return path.read_text()


_LEVELS: Final = {name: name for name in ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")}
_FORMATS: Final = {name: name for name in ("json", "console")}

SETTINGS: Final = (
    Setting("BANKAPP_ENV", "env", _one_of(KINDS), "`development`, `testing` or `production`", default="development"),
    Setting(
        "DATABASE_URL",
        "database_url",
        _database_url,
        "`sqlite:///…` or `postgresql://…`",
        default="a SQLite file in `instance/`",
    ),
    Setting(
        "DATABASE_POOLER",
        "database_pooler",
        _one_of({"none": "none", "transaction": "transaction"}),
        "`transaction` behind pgbouncer in transaction mode: the role carries the session settings,"
        " nothing is prepared",
    ),
    Setting(
        "JWT_SECRET",
        "jwt_secrets",
        _secrets,
        "signs access tokens; at least 32 bytes, or several such keys separated by commas, of which the first signs;"
        " required in production, elsewhere a random one is kept in `instance/`",
        default="none",
        is_secret=True,
    ),
    Setting(
        "SECRET_KEY",
        "secret_key",
        _secrets,
        "signs cursors and verifications of payees",
        default="like `JWT_SECRET`",
        is_secret=True,
    ),
    Setting("WEB_CONCURRENCY", "web_concurrency", _integer(1, 256), "worker processes", default="two per core"),
    Setting("WEB_THREADS", "web_threads", _integer(1, 64), "threads of each worker"),
    Setting(
        "DRAIN_SECONDS",
        "drain",
        _seconds(0, 300),
        "how many seconds the readiness probe answers 503 before the server stops",
    ),
    Setting("TRUSTED_PROXIES", "trusted_proxies", _integer(0, 10), "how many proxies set `X-Forwarded-For`"),
    Setting(
        "RATELIMIT_ENABLED",
        "ratelimit_enabled",
        _boolean,
        "whether sign-in, sign-up, refresh, API keys, verifications of payees and tries of payees that cannot be paid"
        " are limited",
    ),
    Setting(
        "API_KEY_RATE_LIMIT",
        "api_key_rate_limit",
        _rate,
        "how many requests each API key may make, as `number/second`, `minute`, `hour` or `day`",
    ),
    Setting(
        "RATELIMIT_STORAGE_URI",
        "ratelimit_storage_uri",
        _storage_uri,
        "where the limits are counted; `redis://…` when several machines share them",
    ),
    Setting(
        "IDEMPOTENCY_REQUIRED",
        "idempotency_required",
        _boolean,
        "whether a POST that creates or moves something is refused without `Idempotency-Key`",
    ),
    Setting(
        "CORS_ORIGINS", "cors_origins", _origins, "origins that may call the API from a browser, separated by commas"
    ),
    Setting(
        "LOG_LEVEL",
        "log_level",
        lambda text: _one_of(_LEVELS)(text.upper()),
        "`DEBUG`, `INFO`, `WARNING`, `ERROR` or `CRITICAL`",
    ),
    Setting("LOG_FORMAT", "log_format", _one_of(_FORMATS), "`json`, or `console` for reading in a terminal"),
    Setting("DOCS_ENABLED", "docs_enabled", _boolean, "whether `/docs` and `/openapi.json` are served"),
    Setting(
        "BCRYPT_ROUNDS", "bcrypt_rounds", _integer(4, 16), "the cost of a password hash; each step doubles its time"
    ),
    Setting(
        "PROMETHEUS_MULTIPROC_DIR",
        "metrics_directory",
        str,
        "the folder in which the workers share their metrics; a temporary folder by default",
    ),
    Setting(
        "OTEL_EXPORTER_OTLP_ENDPOINT",
        "tracing_endpoint",
        _http_url,
        "the address of an OpenTelemetry collector to which traces are sent, such as `http://127.0.0.1:4318`; needs the"
        " packages of `requirements-tracing.txt`",
    ),
    Setting(
        "PAYEE_VERIFICATION",
        "payee_verification",
        _one_of({name: name for name in ("advisory", "required")}),
        "`required` refuses a transfer to somebody else's account that does not name a verification of the payee",
    ),
    Setting("CARD_BIN", "card_bin", _digits(6), "the first six digits of card numbers"),
    Setting(
        "HOLD_SECONDS",
        "hold_lifetime",
        _seconds(60, 31 * 24 * 3600),
        "how many seconds a card authorization holds money",
    ),
    Setting(
        "EVENT_RETENTION_SECONDS",
        "event_retention",
        _seconds(3600, 3660 * 24 * 3600),
        "how many seconds events can be listed; they stay stored",
    ),
    Setting(
        "WEBHOOKS_ALLOW_LOOPBACK",
        "webhooks_allow_loopback",
        _boolean,
        "also accepts webhook endpoints on the machine itself, by http, too; refused in production",
    ),
    Setting(
        "EVENT_STREAM_CONNECTIONS",
        "event_stream_connections",
        _integer(0, 100_000),
        "how many clients may wait for events at one worker; beyond that 503",
    ),
    Setting("IBAN_BANK_CODE", "iban_bank_code", _digits(8), "the bank code in account numbers"),
)
"""Every setting, in the order of the documents."""


def shown(config: Config, setting: Setting) -> str:
    """Return the value of a setting as text, in the form in which it is given; secrets and passwords are masked."""
    if setting.is_secret:
        return "***"
    value = getattr(config, setting.field)
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, timedelta):
        return str(int(value.total_seconds()))
    if isinstance(value, tuple):
        return ", ".join(value) or "none"
    return "none" if value is None else _without_password(str(value))


def _without_password(text: str) -> str:
    text = re.sub(r"(://[^:/@]*):.*@", r"\1:***@", text)
    return re.sub(r"([?&](?:password|passfile|sslpassword)=)[^&]*", r"\1***", text)


def documented_default(setting: Setting) -> str:
    """Return the default of a setting as the documents say it, with that of production where it differs."""
    if setting.default:
        return setting.default
    needed: dict[str, Any] = {"database_url": "", "jwt_secrets": ("",), "secret_key": ""}
    usual, production = (shown(kind(**needed), setting) for kind in (Development, Production))
    return usual if usual == production else f"{usual} (production: {production})"
