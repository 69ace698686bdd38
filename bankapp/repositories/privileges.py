"""The privileges of the running application's database role, by table (PostgreSQL)."""

from __future__ import annotations

from typing import Final

from sqlalchemy import text
from sqlalchemy.dialects import postgresql

from bankapp import db

PRIVILEGES: Final = {
    "account_holders": "SELECT, INSERT, UPDATE (first_name, last_name, dob, version)",
    # Neither balance nor held: triggers change them, with the rights of the tables' owner.
    "accounts": "SELECT, INSERT, UPDATE (status, name, position)",
    # The server checks at its start whether the tables fit the code.
    "alembic_version": "SELECT",
    "annotations": "SELECT, INSERT, UPDATE (category, notes, tags, version, updated_at)",
    # Neither scopes nor limits: what a key may do never changes.
    "api_keys": (
        "SELECT, INSERT, UPDATE (last4, secret_hash, previous_hash, previous_expires_at, last_used_at, revoked_at)"
    ),
    "audit_logs": "SELECT, INSERT, UPDATE (status, resource_id, metadata, finished_at)",
    "audit_seals": "SELECT, INSERT",
    "auth_tokens": "SELECT, INSERT, UPDATE (revoked_at), DELETE",
    "authorizations": "SELECT, INSERT, UPDATE (status, captured_amount, posting_id, finished_at)",
    "cards": "SELECT, INSERT, UPDATE (status, limit_per_authorization, limit_per_day)",
    "category_rules": (
        "SELECT, INSERT, UPDATE (position, category, counterparty, words, type, min_amount, max_amount), DELETE"
    ),
    "event_sequencer": "SELECT, UPDATE (last_position)",
    "events": "SELECT, INSERT, UPDATE (position, user_position)",
    "idempotency_keys": (
        "SELECT, INSERT, DELETE, UPDATE (claim_id, claimed_at, finished_at,"
        " answer_status, answer_media_type, answer_etag, answer_body)"
    ),
    "job_leases": (
        "SELECT, INSERT, UPDATE (holder, leased_until, due_at, last_started_at, last_finished_at, last_success_at,"
        " last_outcome, last_detail, failures)"
    ),
    "login_throttles": "SELECT, INSERT, UPDATE (failures, last_attempt_at), DELETE",
    # Not the account's number: another account is another payee.
    "payees": "SELECT, INSERT, UPDATE (name, nickname, trusted), DELETE",
    "postings": "SELECT, INSERT",
    "recovery_codes": "SELECT, INSERT, UPDATE (used_at), DELETE",
    "refresh_tokens": "SELECT, INSERT, UPDATE (rotated_at, revoked_at), DELETE",
    # As alembic_version.
    "schema_support": "SELECT",
    "search_progress": "SELECT, INSERT, UPDATE (sequence)",
    "search_terms": "SELECT, INSERT, DELETE",
    "search_texts": "SELECT, INSERT, DELETE",
    "second_factors": "SELECT, INSERT, UPDATE (sealed_secret, last_step, confirmed_at), DELETE",
    "sessions": "SELECT, INSERT, UPDATE (ip_address, last_used_at, revoked_at), DELETE",
    "statements": "SELECT, INSERT",
    "transactions": "SELECT, INSERT",
    "transfers": "SELECT, INSERT",
    "users": "SELECT, INSERT, UPDATE (hashed_password, role, status)",
    "webhook_deliveries": (
        "SELECT, INSERT, DELETE, UPDATE (status, attempts, next_attempt_at, lease_id, leased_until,"
        " attempted_at, finished_at, status_code, latency_ms, error, answer)"
    ),
    "webhook_endpoints": (
        "SELECT, INSERT, DELETE, UPDATE (url, event_types, description, status, ordering, sealed_secret,"
        " sealed_previous_secret, previous_secret_expires_at, disabled_at, disabled_reason, failing_since,"
        " not_before, served_at)"
    ),
    "webhook_fan_out": "SELECT, UPDATE (last_position)",
}
"""Table → the privileges on it. History has neither UPDATE nor DELETE."""

_FACTS = text(
    "SELECT role.rolsuper OR role.rolreplication OR role.rolbypassrls OR role.rolcreaterole AS powerful,"
    " EXISTS (SELECT 1 FROM pg_class c WHERE c.relnamespace = to_regnamespace(current_schema())"
    " AND pg_has_role(role.oid, c.relowner, 'MEMBER')) AS owns"
    " FROM pg_roles AS role WHERE role.rolname = :role"
)


def facts(role: str) -> tuple[bool, bool] | None:
    """Return whether ``role`` has powers over the server, and whether it is or may act as the owner of a table.

    Returns None for an unknown role.
    """
    row = db.one(_FACTS, {"role": role})
    return None if row is None else (row.powerful, row.owns)


def grant(role: str) -> None:
    """Grant ``role`` exactly :data:`PRIVILEGES`, and revoke all others."""
    preparer = postgresql.dialect().identifier_preparer  # type: ignore[no-untyped-call]  # untyped in SQLAlchemy
    name = preparer.quote_identifier(role)
    schema = preparer.quote_identifier(db.value(text("SELECT current_schema()")))
    for kind in ("TABLES", "SEQUENCES", "FUNCTIONS"):
        db.change(text(f"REVOKE ALL ON ALL {kind} IN SCHEMA {schema} FROM {name}"))
    # On servers that were upgraded from PostgreSQL 14 or older, every role may create tables here.
    db.change(text(f"REVOKE CREATE ON SCHEMA {schema} FROM {name}, PUBLIC"))
    db.change(text(f"GRANT USAGE ON SCHEMA {schema} TO {name}"))
    for table, privileges in PRIVILEGES.items():
        db.change(text(f"GRANT {privileges} ON {schema}.{table} TO {name}"))
