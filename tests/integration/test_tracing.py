"""Tracing: one trace through request, command and statements, which logs and errors name."""

from __future__ import annotations

import builtins
import secrets
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from bankapp import create_app
from config import ConfigError
from tests.support.collectors import Collector
from tests.support.databases import application, settings
from tests.support.factories import ok, refused
from tests.support.servers import GunicornServer, RemoteBank, until


@pytest.fixture(scope="module")
def collector() -> Iterator[Collector]:
    with Collector() as running:
        yield running


@pytest.fixture(scope="module")
def traced(
    collector: Collector, new_database: Callable[[], str], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[GunicornServer]:
    environ = {"OTEL_EXPORTER_OTLP_ENDPOINT": collector.url, "OTEL_BSP_SCHEDULE_DELAY": "50"}
    with GunicornServer(new_database(), tmp_path_factory.mktemp("traced"), **environ) as running:
        yield running


@pytest.fixture
def traced_bank(traced: GunicornServer) -> Iterator[RemoteBank]:
    with application(settings(traced.database_url)) as app:
        yield RemoteBank(app, traced)


def traceparent(trace_id: str) -> dict[str, str]:
    return {"traceparent": f"00-{trace_id}-{secrets.token_hex(8)}-01"}


def test_a_transfer_is_one_trace_of_the_caller(
    traced: GunicornServer, traced_bank: RemoteBank, collector: Collector
) -> None:
    ada = traced_bank.customer()
    account, other = ada.account(balance=500), ada.account()
    trace_id = secrets.token_hex(16)
    ada.headers |= traceparent(trace_id)
    ok(ada.transfer(account, other, 200, description="for Zoë"), 201)
    until(lambda: any(span.name == "POST /v1/transfers" for span in collector.of(trace_id)))
    spans = {span.span_id: span for span in collector.of(trace_id)}
    parents = {
        (span.name, spans[span.parent_span_id].name if span.parent_span_id in spans else None)
        for span in spans.values()
    }
    assert ("POST /v1/transfers", None) in parents
    assert ("transfer", "POST /v1/transfers") in parents
    assert any(parent == "transfer" for _, parent in parents), parents
    texts = str(list(spans.values()))
    assert "INSERT INTO" in texts
    assert "for Zo" not in texts
    [line] = [line for line in traced.lines if line.get("path") == "/v1/transfers"]
    assert line["trace_id"] == trace_id


def test_a_problem_and_its_span_name_the_trace(traced_bank: RemoteBank, collector: Collector) -> None:
    trace_id = secrets.token_hex(16)
    ada = traced_bank.customer()
    ada.headers |= traceparent(trace_id)
    problem = refused(ada.get("/transactions?q=secret-word&limit=0"), 422, "validation_error")
    assert problem["trace_id"] == trace_id
    until(lambda: bool(collector.of(trace_id)))
    assert "secret-word" not in str(collector.of(trace_id))


def test_without_the_setting_nothing_of_it_is_imported(
    traced: GunicornServer, new_database: Callable[[], str], tmp_path: Path
) -> None:
    def has_protobuf(server: GunicornServer) -> bool:
        return "/google/_upb/" in Path(f"/proc/{server.workers[0]}/maps").read_text()

    assert has_protobuf(traced)
    with GunicornServer(new_database(), tmp_path, WEB_CONCURRENCY="1") as server:
        assert not has_protobuf(server)


def test_missing_packages_are_named_at_the_start(monkeypatch: pytest.MonkeyPatch) -> None:
    present = builtins.__import__

    def without(name: str, *arguments: Any, **options: Any) -> Any:
        if name.startswith("opentelemetry"):
            raise ImportError(name)
        return present(name, *arguments, **options)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(
        ConfigError, match=r"^OTEL_EXPORTER_OTLP_ENDPOINT needs the packages of requirements-tracing.txt"
    ):
        create_app(settings("sqlite:////nowhere/bank.sqlite3", OTEL_EXPORTER_OTLP_ENDPOINT="http://127.0.0.1:4318"))
