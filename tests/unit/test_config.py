"""Settings: their defaults, their valid values, and the message for an invalid value."""

from __future__ import annotations

import stat
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

import config
from config import Config, ConfigError
from tests.support.databases import SECRET

BASE = {"BANKAPP_ENV": "testing", "JWT_SECRET": SECRET, "DATABASE_URL": "sqlite:////var/lib/bank.sqlite3"}

GOOD: list[tuple[str, str, str, Any]] = [
    ("DATABASE_URL", "postgres://u@h/d", "database_url", "postgresql+psycopg://u@h/d"),
    ("DATABASE_URL", "postgresql://u@h/d", "database_url", "postgresql+psycopg://u@h/d"),
    ("DATABASE_URL", "sqlite:////x/y.db", "database_url", "sqlite:////x/y.db"),
    ("JWT_SECRET", f"{SECRET}, {SECRET[::-1]}", "jwt_secrets", (SECRET, SECRET[::-1])),
    ("SECRET_KEY", SECRET[::-1], "secret_key", SECRET[::-1]),
    ("DATABASE_POOLER", "none", "database_pooler", "none"),
    ("DATABASE_POOLER", "transaction", "database_pooler", "transaction"),
    ("WEB_CONCURRENCY", "3", "web_concurrency", 3),
    ("WEB_THREADS", "4", "web_threads", 4),
    ("DRAIN_SECONDS", "0", "drain", timedelta(0)),
    ("DRAIN_SECONDS", "30", "drain", timedelta(seconds=30)),
    ("TRUSTED_PROXIES", "2", "trusted_proxies", 2),
    ("RATELIMIT_ENABLED", "No", "ratelimit_enabled", False),
    ("RATELIMIT_STORAGE_URI", "redis://cache:6379/0", "ratelimit_storage_uri", "redis://cache:6379/0"),
    ("API_KEY_RATE_LIMIT", "20/second", "api_key_rate_limit", "20/second"),
    ("IDEMPOTENCY_REQUIRED", "true", "idempotency_required", True),
    ("CORS_ORIGINS", "https://a.example, http://b:8080/", "cors_origins", ("https://a.example", "http://b:8080")),
    ("LOG_LEVEL", "debug", "log_level", "DEBUG"),
    ("LOG_FORMAT", "console", "log_format", "console"),
    ("DOCS_ENABLED", "1", "docs_enabled", True),
    ("BCRYPT_ROUNDS", "10", "bcrypt_rounds", 10),
    ("PROMETHEUS_MULTIPROC_DIR", "/run/metrics", "metrics_directory", "/run/metrics"),
    ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://otel:4318", "tracing_endpoint", "http://otel:4318"),
    ("PAYEE_VERIFICATION", "required", "payee_verification", "required"),
    ("CARD_BIN", "411111", "card_bin", "411111"),
    ("HOLD_SECONDS", "3600", "hold_lifetime", timedelta(hours=1)),
    ("EVENT_RETENTION_SECONDS", "86400", "event_retention", timedelta(days=1)),
    ("WEBHOOKS_ALLOW_LOOPBACK", "true", "webhooks_allow_loopback", True),
    ("EVENT_STREAM_CONNECTIONS", "0", "event_stream_connections", 0),
    ("IBAN_BANK_CODE", "37040044", "iban_bank_code", "37040044"),
]

BAD: list[tuple[str, str]] = [
    ("BANKAPP_ENV", "prod"),
    ("DATABASE_URL", "mysql://h/d"),
    ("DATABASE_URL", "sqlite://"),
    ("DATABASE_URL", "sqlite:///:memory:"),
    ("JWT_SECRET", "x" * 31),
    ("JWT_SECRET", "ab" * 20),
    ("JWT_SECRET", f"{SECRET},short"),
    ("JWT_SECRET", f"{SECRET},"),
    ("SECRET_KEY", "short"),
    ("DATABASE_POOLER", "session"),
    ("DATABASE_POOLER", "Transaction"),
    ("WEB_CONCURRENCY", "0"),
    ("WEB_CONCURRENCY", "1.5"),
    ("WEB_CONCURRENCY", "٣"),
    ("WEB_THREADS", "65"),
    ("DRAIN_SECONDS", "-1"),
    ("TRUSTED_PROXIES", "many"),
    ("RATELIMIT_ENABLED", "maybe"),
    ("RATELIMIT_STORAGE_URI", "memcached://h"),
    ("API_KEY_RATE_LIMIT", "0/minute"),
    ("API_KEY_RATE_LIMIT", "600"),
    ("IDEMPOTENCY_REQUIRED", "2"),
    ("CORS_ORIGINS", "*"),
    ("CORS_ORIGINS", "https://*.example"),
    ("CORS_ORIGINS", "https://a.example/path"),
    ("LOG_LEVEL", "LOUD"),
    ("LOG_FORMAT", "xml"),
    ("DOCS_ENABLED", "on?"),
    ("BCRYPT_ROUNDS", "3"),
    ("OTEL_EXPORTER_OTLP_ENDPOINT", "otel:4318"),
    ("PAYEE_VERIFICATION", "always"),
    ("CARD_BIN", "4111"),
    ("HOLD_SECONDS", "59"),
    ("EVENT_RETENTION_SECONDS", "3599"),
    ("WEBHOOKS_ALLOW_LOOPBACK", "local"),
    ("EVENT_STREAM_CONNECTIONS", "-1"),
    ("IBAN_BANK_CODE", "3704004x"),
]


@pytest.mark.parametrize(("name", "value", "attribute", "understood"), GOOD)
def test_a_valid_value_is_read(name: str, value: str, attribute: str, understood: Any) -> None:
    assert getattr(Config.from_env(BASE | {name: value}), attribute) == understood


@pytest.mark.parametrize(("name", "value"), BAD)
def test_an_invalid_value_is_named_in_one_line(name: str, value: str) -> None:
    with pytest.raises(ConfigError) as refusal:
        Config.from_env(BASE | {name: value})
    assert str(refusal.value).startswith(f"{name} ")
    assert "\n" not in str(refusal.value)
    if name in ("JWT_SECRET", "SECRET_KEY"):
        assert value not in str(refusal.value)


def test_every_setting_is_tested() -> None:
    assert {setting.name for setting in config.SETTINGS} == {name for name, *_ in (*GOOD, *BAD)}


@pytest.mark.parametrize("name", ["WEB_CONCURRENCY", "LOG_LEVEL", "CORS_ORIGINS"])
def test_an_empty_value_means_the_default(name: str) -> None:
    assert Config.from_env(BASE | {name: " "}) == Config.from_env(BASE)


def test_production_has_no_default_secret_and_no_docs() -> None:
    with pytest.raises(ConfigError, match=r"^JWT_SECRET is required in production"):
        Config.from_env({"BANKAPP_ENV": "production"})
    production = Config.from_env(BASE | {"BANKAPP_ENV": "production"})
    assert (production.docs_enabled, production.bcrypt_rounds, production.ratelimit_enabled) == (False, 12, True)
    assert production.drain > timedelta(0)


def test_production_sends_nothing_to_the_machine_itself() -> None:
    with pytest.raises(ConfigError, match=r"^WEBHOOKS_ALLOW_LOOPBACK is refused in production"):
        Config.from_env(BASE | {"BANKAPP_ENV": "production", "WEBHOOKS_ALLOW_LOOPBACK": "true"})


def test_development_stores_a_random_secret(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(config, "INSTANCE", tmp_path / "instance")
    first, second = Config.from_env({}), Config.from_env({})
    assert first.env == "development"
    assert first.jwt_secrets == second.jwt_secrets
    assert len(first.jwt_secrets[0]) >= config.MIN_SECRET_BYTES
    [secret] = (tmp_path / "instance").glob("jwt_secret*")
    assert stat.S_IMODE(secret.stat().st_mode) == 0o600
    assert first.database_url == f"sqlite:///{tmp_path}/instance/bankapp.sqlite3"


def test_the_repr_of_settings_hides_secrets() -> None:
    assert SECRET not in repr(Config.from_env(BASE))


@pytest.mark.parametrize(
    ("name", "value"),
    [("DATABASE_URL", "postgresql://u:hunter2@h/d"), ("RATELIMIT_STORAGE_URI", "redis://:hunter2@h/0")],
)
def test_the_repr_of_settings_hides_passwords_in_urls(name: str, value: str) -> None:
    assert "hunter2" not in repr(Config.from_env(BASE | {name: value}))
