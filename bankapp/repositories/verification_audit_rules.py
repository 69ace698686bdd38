"""The rules of the audit log, as queries like those of ``verification_rules``.

A successful audit row of a money command names the transfer, transaction or authorization that the command made
or changed; these queries find the rows that name none, or one of another amount, currency or account.
``{money_audits}`` and the other names in braces stand for parts that differ by dialect. :func:`in_dialect` puts
them in.
"""

from __future__ import annotations

from typing import Final

from bankapp import db, ids

_MONEY_EVENTS = "'transfer', 'deposit', 'withdrawal', 'card_capture', 'reversal', 'transfer_batch'"


def _money_audits(fact: str, posted: str) -> str:
    """Return a query for the successful audit rows of money commands in a range, with their facts as text.

    ``fact`` is SQL for one fact of the audit row; its ``{}`` is replaced by the fact's name. ``posted`` is SQL for
    the number of transfers that a batch made.
    """
    names = ("amount", "currency", "account_id", "from_account_id", "to_account_id", "reverses_transfer_id")
    facts = ", ".join(f"{fact.format(name)} AS {name}" for name in names)
    return f"""SELECT id, event_type, resource_id, {facts}, {posted} AS posted, metadata
        FROM audit_logs
        WHERE id > :low AND id <= :high AND status = 'success' AND event_type IN ({_MONEY_EVENTS})"""  # noqa: S608 - constants of the code


# SQLite raises for a text that is not JSON, so such a text counts as NULL.
_SQLITE_JSON = "CASE WHEN json_valid(metadata) THEN metadata END"

_BY_DIALECT: Final = {
    "sqlite": {
        "{money_audits}": _money_audits(
            f"CAST(json_extract({_SQLITE_JSON}, '$.{{}}') AS text)",
            f"""CASE WHEN json_type({_SQLITE_JSON}, '$.transfers') = 'integer'
                AND json_type({_SQLITE_JSON}, '$.rejected') = 'integer'
                THEN json_extract(metadata, '$.transfers') - json_extract(metadata, '$.rejected') END""",
        ),
        "{batch_items}": f"json_each({_SQLITE_JSON}, '$.transfer_ids') AS item",
        "{batch_item_id}": "item.value",
        "{a_day_ago}": "strftime('%Y-%m-%dT%H:%M:%f000Z', 'now', '-1 day')",
    },
    "postgresql": {
        "{money_audits}": _money_audits(
            "metadata ->> '{}'",
            """CASE WHEN jsonb_typeof(metadata -> 'transfers') = 'number'
                AND jsonb_typeof(metadata -> 'rejected') = 'number'
                THEN CAST(metadata ->> 'transfers' AS numeric) - CAST(metadata ->> 'rejected' AS numeric) END""",
        ),
        "{batch_items}": """LATERAL jsonb_array_elements_text(
            CASE WHEN jsonb_typeof(metadata -> 'transfer_ids') = 'array' THEN metadata -> 'transfer_ids' END
            ) WITH ORDINALITY AS item (value, key)""",
        "{batch_item_id}": f"CASE WHEN item.value ~ '^{ids.PATTERN}$' THEN CAST(item.value AS uuid) END",
        "{a_day_ago}": "now() - interval '1 day'",
    },
}
"""Dialect → placeholder in a query → the part of it that this dialect writes in its own way: JSON and time."""

_OUTCOMES = """
SELECT 'audit_outcome', id, NULL,
    CASE WHEN status = 'pending' THEN 'no finished_at' ELSE 'success or failure, with finished_at' END,
    status || ', finished at ' || coalesce(CAST(finished_at AS text), 'none')
FROM audit_logs WHERE id > :low AND id <= :high
    AND (status NOT IN ('pending', 'success', 'failure') OR (status = 'pending') <> (finished_at IS NULL))
"""

_PENDING = """
SELECT 'audit_pending', id, NULL, 'an outcome within a day', 'pending since ' || CAST(created_at AS text)
FROM audit_logs WHERE id > :low AND id <= :high AND status = 'pending' AND created_at < {a_day_ago}
"""

_TRANSFER_AUDITS = """
SELECT 'audit_money', a.id, a.resource_id,
    'a transfer of ' || coalesce(a.amount, 'no amount') || ' ' || coalesce(a.currency, 'without currency')
        || ' from ' || coalesce(a.from_account_id, 'any') || ' to ' || coalesce(a.to_account_id, 'any'),
    coalesce('one of ' || CAST(tr.amount AS text) || ' ' || tr.currency || ' from ' || CAST(tr.from_account_id AS text)
        || ' to ' || CAST(tr.to_account_id AS text)
        || CASE WHEN tr.reverses_transfer_id IS NULL THEN '' ELSE ', a reversal' END, 'none')
FROM ({money_audits}) AS a LEFT JOIN transfers tr ON tr.id = a.resource_id
WHERE a.event_type = 'transfer' AND (tr.id IS NULL OR tr.reverses_transfer_id IS NOT NULL
    OR coalesce(a.amount, '') <> CAST(tr.amount AS text) OR coalesce(a.currency, '') <> tr.currency
    OR a.from_account_id <> CAST(tr.from_account_id AS text) OR a.to_account_id <> CAST(tr.to_account_id AS text))
"""

# The rule `reversal` checks that a reversal moves the amount of its original.
_REVERSAL_AUDITS = """
SELECT 'audit_money', a.id, a.resource_id,
    'the reversal of ' || coalesce(a.reverses_transfer_id, 'a transfer'),
    CASE WHEN tr.id IS NULL THEN 'none' WHEN tr.reverses_transfer_id IS NULL THEN 'no reversal'
        ELSE 'that of ' || CAST(tr.reverses_transfer_id AS text) END
FROM ({money_audits}) AS a LEFT JOIN transfers tr ON tr.id = a.resource_id
WHERE a.event_type = 'reversal' AND (tr.id IS NULL
    OR coalesce(CAST(tr.reverses_transfer_id AS text), 'none') <> coalesce(a.reverses_transfer_id, ''))
"""

_MOVEMENT_AUDITS = """
SELECT 'audit_money', a.id, a.resource_id,
    'a ' || a.event_type || ' of ' || coalesce(a.amount, 'no amount') || ' '
        || coalesce(a.currency, 'without currency') || ' on ' || coalesce(a.account_id, 'any account'),
    coalesce('a ' || t.type || ' of ' || CAST(t.amount AS text) || ' ' || t.currency
        || ' on ' || CAST(t.account_id AS text), 'none')
FROM ({money_audits}) AS a LEFT JOIN transactions t ON t.id = a.resource_id
WHERE a.event_type IN ('deposit', 'withdrawal') AND (t.id IS NULL OR t.type <> a.event_type
    OR coalesce(a.amount, '') <> CAST(t.amount AS text) OR coalesce(a.currency, '') <> t.currency
    OR a.account_id <> CAST(t.account_id AS text))
"""

# The rule `capture` checks that a captured authorization has its posting and its purchase.
_CAPTURE_AUDITS = """
SELECT 'audit_money', a.id, a.resource_id, 'a capture of ' || coalesce(a.amount, 'no amount'),
    CASE WHEN h.id IS NULL THEN 'none'
        ELSE 'one that is ' || h.status || ', of ' || CAST(h.captured_amount AS text) END
FROM ({money_audits}) AS a LEFT JOIN authorizations h ON h.id = a.resource_id
WHERE a.event_type = 'card_capture' AND (h.id IS NULL OR h.status <> 'captured' OR h.posting_id IS NULL
    OR coalesce(a.amount, '') <> CAST(h.captured_amount AS text))
"""

# Materialized, so that the metadata of a batch is not read again for each of its transfers.
_BATCH_AUDITS = """
WITH b AS MATERIALIZED (SELECT id, posted, metadata FROM ({money_audits}) AS a WHERE event_type = 'transfer_batch')
SELECT 'audit_money', b.id, NULL, coalesce(CAST(b.posted AS text), 'a number of') || ' transfers',
    CAST(count(DISTINCT tr.id) AS text) || ' of ' || CAST(count(item.key) AS text) || ' that are named'
FROM b LEFT JOIN {batch_items} ON true LEFT JOIN transfers tr ON tr.id = {batch_item_id}
GROUP BY b.id, b.posted
HAVING b.posted IS NULL OR count(item.key) <> b.posted OR count(DISTINCT tr.id) <> b.posted
"""

_AUDITED_ONCE = f"""
SELECT 'audit_once', a.id, a.resource_id, 'the only success', 'another in ' || CAST(min(CAST(o.id AS text)) AS text)
FROM audit_logs a JOIN audit_logs o ON o.resource_id = a.resource_id AND o.event_type = a.event_type
    AND o.status = 'success' AND o.id < a.id
WHERE a.id > :low AND a.id <= :high AND a.status = 'success' AND a.event_type IN ({_MONEY_EVENTS})
GROUP BY a.id, a.resource_id
"""  # noqa: S608 - constants of the code

AUDIT_RULES: Final = (
    _OUTCOMES,
    _PENDING,
    _TRANSFER_AUDITS,
    _REVERSAL_AUDITS,
    _MOVEMENT_AUDITS,
    _CAPTURE_AUDITS,
    _BATCH_AUDITS,
    _AUDITED_ONCE,
)


def in_dialect(query: str) -> str:
    """Return ``query`` with its placeholders replaced by what the application's dialect writes."""
    readers = db.for_dialect(sqlite=_BY_DIALECT["sqlite"], postgresql=_BY_DIALECT["postgresql"])
    for name, reader in readers.items():
        query = query.replace(name, reader)
    return query
