"""The rules of the books, as queries that return the rows which break them.

Each query checks the keys from ``:low`` (excluded) to ``:high`` (included) of one table. It returns the columns
``rule, id, other_id, expected, found``: the broken rule, the row that breaks it, and its account or posting. The
queries run on both dialects.
"""

from __future__ import annotations

from typing import Final

from bankapp.models.transaction import CASH_DIRECTIONS, CASH_NAME, CREDIT, DIRECTIONS
from bankapp.money import MAX_AMOUNT, MAX_BALANCE
from bankapp.repositories.verification_audit_rules import AUDIT_RULES
from bankapp.repositories.verification_event_rules import ACCOUNT_RULES, EVENT_RULES, TRANSFER_RULES

_CREDITS = ", ".join(f"'{name}'" for name, direction in (DIRECTIONS | CASH_DIRECTIONS).items() if direction == CREDIT)

_HISTORY = """
SELECT CASE WHEN sequence <> sequence_before + 1 THEN 'sequence'
        WHEN balance_after <> balance_before + change THEN 'running_balance' ELSE 'time' END,
    id, account_id,
    CASE WHEN sequence <> sequence_before + 1 THEN CAST(sequence_before + 1 AS text)
        WHEN balance_after <> balance_before + change THEN CAST(balance_before + change AS text)
        ELSE 'not before ' || CAST(created_before AS text) END,
    CASE WHEN sequence <> sequence_before + 1 THEN CAST(sequence AS text)
        WHEN balance_after <> balance_before + change THEN CAST(balance_after AS text)
        ELSE CAST(created_at AS text) END
FROM (SELECT id, account_id, sequence, balance_after, created_at, direction * amount AS change,
        lag(sequence, 1, CAST(0 AS bigint)) OVER history AS sequence_before,
        lag(balance_after, 1, CAST(0 AS bigint)) OVER history AS balance_before,
        lag(created_at) OVER history AS created_before
    FROM transactions WHERE sequence IS NOT NULL AND account_id > :low AND account_id <= :high
    WINDOW history AS (PARTITION BY account_id ORDER BY sequence)) AS legs
WHERE sequence <> sequence_before + 1 OR balance_after <> balance_before + change OR created_at < created_before
"""

_BALANCES = """
SELECT CASE WHEN a.balance <> coalesce(t.total, 0) THEN 'balance'
        WHEN a.sequence <> coalesce(t.last, 0) THEN 'last_sequence' ELSE 'last_time' END,
    a.id, NULL,
    CASE WHEN a.balance <> coalesce(t.total, 0) THEN CAST(coalesce(t.total, 0) AS text)
        WHEN a.sequence <> coalesce(t.last, 0) THEN CAST(coalesce(t.last, 0) AS text)
        ELSE coalesce(CAST(t.last_at AS text), 'none') END,
    CASE WHEN a.balance <> coalesce(t.total, 0) THEN CAST(a.balance AS text)
        WHEN a.sequence <> coalesce(t.last, 0) THEN CAST(a.sequence AS text)
        ELSE coalesce(CAST(a.last_posted_at AS text), 'none') END
FROM accounts a
LEFT JOIN (SELECT account_id, sum(direction * amount) AS total, max(sequence) AS last, max(created_at) AS last_at
    FROM transactions WHERE sequence IS NOT NULL AND account_id > :low AND account_id <= :high
    GROUP BY account_id) AS t ON t.account_id = a.id
WHERE a.id > :low AND a.id <= :high AND a.type <> 'cash' AND (a.balance <> coalesce(t.total, 0)
    OR a.sequence <> coalesce(t.last, 0)
    OR coalesce(CAST(a.last_posted_at AS text), '') <> coalesce(CAST(t.last_at AS text), ''))
"""

_HOLDS = """
SELECT 'held', a.id, NULL, CAST(coalesce(h.total, 0) AS text), CAST(a.held AS text)
FROM accounts a
LEFT JOIN (SELECT account_id, sum(amount) AS total FROM authorizations
    WHERE status = 'pending' AND account_id > :low AND account_id <= :high
    GROUP BY account_id) AS h ON h.account_id = a.id
WHERE a.id > :low AND a.id <= :high AND a.held <> coalesce(h.total, 0)
"""

_STATES = f"""
SELECT 'account_state', a.id, NULL,
    CASE WHEN a.balance < 0 OR a.balance > {MAX_BALANCE} THEN 'a balance from 0 to {MAX_BALANCE}'
        WHEN a.held < 0 OR a.held > a.balance THEN 'holds from 0 to the balance'
        WHEN a.status = 'closed' AND a.balance <> 0 THEN 'no balance when closed'
        WHEN a.type = 'cash' THEN 'an active cash account without holder and balance'
        WHEN a.type <> 'cash' AND h.id IS NULL THEN 'a holder'
        ELSE 'a status' END,
    a.type || ', ' || a.status || ', balance ' || CAST(a.balance AS text) || ', held ' || CAST(a.held AS text)
FROM accounts a LEFT JOIN account_holders h ON h.id = a.holder_id
WHERE a.id > :low AND a.id <= :high AND (a.balance < 0 OR a.balance > {MAX_BALANCE}
    OR a.held < 0 OR a.held > a.balance OR (a.status = 'closed' AND a.balance <> 0)
    OR (a.type = 'cash' AND (a.balance <> 0 OR a.holder_id IS NOT NULL OR a.status <> 'active'))
    OR (a.type <> 'cash' AND h.id IS NULL) OR a.status NOT IN ('active', 'frozen', 'closed'))
"""  # noqa: S608 - constants of the code

_LEG_ACCOUNTS = """
SELECT 'leg_account', t.id, t.account_id,
    CASE WHEN a.id IS NULL THEN 'an account' WHEN a.currency <> t.currency THEN a.currency
        WHEN a.type = 'cash' THEN 'no sequence on a cash account' ELSE 'a sequence on a customer''s account' END,
    CASE WHEN a.id IS NULL THEN 'none' WHEN a.currency <> t.currency THEN t.currency
        ELSE coalesce(CAST(t.sequence AS text), 'none') END
FROM transactions t LEFT JOIN accounts a ON a.id = t.account_id
WHERE t.account_id > :low AND t.account_id <= :high
    AND (a.id IS NULL OR a.currency <> t.currency OR (a.type = 'cash') <> (t.sequence IS NULL))
"""

_LEGS = f"""
SELECT 'leg', t.id, t.posting_id,
    CASE WHEN t.amount < 1 OR t.amount > {MAX_AMOUNT} OR t.amount <> CAST(t.amount AS bigint)
            THEN 'whole minor units from 1 to {MAX_AMOUNT}'
        WHEN t.direction <> CASE WHEN t.type IN ({_CREDITS}) THEN 1 ELSE -1 END THEN 'the direction of its type'
        ELSE 'a transfer_id exactly for a leg of a transfer' END,
    t.type || ', direction ' || CAST(t.direction AS text) || ', amount ' || CAST(t.amount AS text)
FROM transactions t
WHERE t.posting_id > :low AND t.posting_id <= :high
    AND (t.amount < 1 OR t.amount > {MAX_AMOUNT} OR t.amount <> CAST(t.amount AS bigint)
        OR t.direction <> CASE WHEN t.type IN ({_CREDITS}) THEN 1 ELSE -1 END
        OR (t.transfer_id IS NOT NULL) <> (t.type IN ('transfer_in', 'transfer_out'))
        OR t.transfer_id <> t.posting_id)
"""  # noqa: S608 - constants of the code

_ORPHANS = """
SELECT 'leg_posting', t.id, t.posting_id, 'a posting', 'none'
FROM transactions t LEFT JOIN postings p ON p.id = t.posting_id
WHERE t.posting_id > :low AND t.posting_id <= :high AND p.id IS NULL
"""

_SUMS = """
SELECT 'posting_balance', posting_id, NULL, '0 ' || currency, CAST(sum(direction * amount) AS text) || ' ' || currency
FROM transactions WHERE posting_id > :low AND posting_id <= :high
GROUP BY posting_id, currency HAVING sum(direction * amount) <> 0
"""

# Both legs must have the posting's time.
_PAIRS = """
SELECT 'posting_legs', id, NULL, '2', CAST(legs AS text) || ', of its kind and time ' || CAST(fitting AS text)
FROM (SELECT p.id AS id, count(t.id) AS legs, count(DISTINCT CASE WHEN t.created_at = p.created_at AND CASE p.kind
        WHEN 'deposit' THEN t.type IN ('deposit', 'cash_received')
        WHEN 'withdrawal' THEN t.type IN ('withdrawal', 'cash_paid')
        WHEN 'card_purchase' THEN t.type IN ('card_purchase', 'card_settlement')
        ELSE t.type IN ('transfer_out', 'transfer_in') END THEN t.type END) AS fitting
    FROM postings p LEFT JOIN transactions t ON t.posting_id = p.id
    WHERE p.id > :low AND p.id <= :high
    GROUP BY p.id) AS pairs
WHERE legs <> 2 OR fitting <> 2
"""

# Two comparisons of account_id with OR would make SQLite read the whole history of both accounts for each transfer.
_TRANSFER_LEGS = """
SELECT 'transfer_legs', tr.id, NULL, '2', CAST(count(DISTINCT leg.type) AS text)
FROM transfers tr LEFT JOIN transactions leg ON leg.posting_id = tr.id AND leg.transfer_id = tr.id
    AND leg.amount = tr.amount AND leg.currency = tr.currency AND leg.created_at >= tr.created_at
    AND leg.account_id = CASE leg.type WHEN 'transfer_out' THEN tr.from_account_id
        WHEN 'transfer_in' THEN tr.to_account_id END
WHERE tr.id > :low AND tr.id <= :high
GROUP BY tr.id HAVING count(leg.id) <> 2 OR count(DISTINCT leg.type) <> 2
"""

_TRANSFER_POSTINGS = """
SELECT 'transfer_posting', tr.id, NULL,
    CASE WHEN tr.reverses_transfer_id IS NULL THEN 'transfer' ELSE 'reversal' END, coalesce(p.kind, 'none')
FROM transfers tr LEFT JOIN postings p ON p.id = tr.id
WHERE tr.id > :low AND tr.id <= :high
    AND (p.id IS NULL OR p.kind <> CASE WHEN tr.reverses_transfer_id IS NULL THEN 'transfer' ELSE 'reversal' END)
"""

_POSTING_TRANSFERS = """
SELECT 'posting_transfer', p.id, NULL, 'a transfer', 'none'
FROM postings p LEFT JOIN transfers tr ON tr.id = p.id
WHERE p.id > :low AND p.id <= :high AND p.kind IN ('transfer', 'reversal') AND tr.id IS NULL
"""

_REVERSALS = """
SELECT 'reversal', r.id, r.reverses_transfer_id,
    coalesce(CAST(o.amount AS text) || ' ' || o.currency || ' back, of a transfer that is no reversal', 'a transfer'),
    CASE WHEN o.id IS NULL THEN 'none' ELSE CAST(r.amount AS text) || ' ' || r.currency END
FROM transfers r LEFT JOIN transfers o ON o.id = r.reverses_transfer_id
WHERE r.id > :low AND r.id <= :high AND r.reverses_transfer_id IS NOT NULL
    AND (o.id IS NULL OR o.reverses_transfer_id IS NOT NULL OR o.from_account_id <> r.to_account_id
        OR o.to_account_id <> r.from_account_id OR o.amount <> r.amount OR o.currency <> r.currency)
"""

_REVERSED_TWICE = """
SELECT 'reversed_once', reverses_transfer_id, NULL, '1', CAST(count(*) AS text)
FROM transfers WHERE reverses_transfer_id > :low AND reverses_transfer_id <= :high
GROUP BY reverses_transfer_id HAVING count(*) > 1
"""

_CAPTURES = """
SELECT 'capture', a.id, a.posting_id, CAST(a.captured_amount AS text) || ' ' || a.currency,
    coalesce(CAST(leg.amount AS text) || ' ' || leg.currency, 'none')
FROM authorizations a LEFT JOIN transactions leg ON leg.posting_id = a.posting_id AND leg.type = 'card_purchase'
    AND leg.account_id = a.account_id
WHERE a.posting_id > :low AND a.posting_id <= :high
    AND (leg.id IS NULL OR leg.amount <> a.captured_amount OR leg.currency <> a.currency OR a.status <> 'captured')
"""

_PURCHASES = """
SELECT 'purchase', p.id, NULL, 'the capture of a hold', 'none'
FROM postings p LEFT JOIN authorizations a ON a.posting_id = p.id
WHERE p.id > :low AND p.id <= :high AND p.kind = 'card_purchase' AND a.id IS NULL
"""

# A name is that of its time, so it is only compared with null. Rows of a release without counterparties have none.
_COUNTERPARTIES = f"""
SELECT 'counterparty', t.id, t.posting_id,
    CASE WHEN t.sequence IS NULL THEN 'none'
        WHEN t.transfer_id IS NOT NULL THEN 'the number of the other leg''s account, and its name'
        ELSE coalesce(u.merchant, '{CASH_NAME}') || ' without a number' END,
    coalesce(t.counterparty_name, 'no name') || ', ' || coalesce(t.counterparty_account_number, 'no number')
FROM transactions t
LEFT JOIN transactions other ON t.transfer_id IS NOT NULL AND other.posting_id = t.posting_id AND other.id <> t.id
LEFT JOIN accounts a ON a.id = other.account_id
LEFT JOIN authorizations u ON t.type = 'card_purchase' AND u.posting_id = t.posting_id
WHERE t.posting_id > :low AND t.posting_id <= :high
    AND (t.counterparty_name IS NOT NULL OR t.counterparty_account_number IS NOT NULL)
    AND (t.sequence IS NULL OR t.counterparty_name IS NULL
        OR coalesce(t.counterparty_account_number, '') <> coalesce(a.number, '')
        OR (t.transfer_id IS NULL AND t.counterparty_name <> coalesce(u.merchant, '{CASH_NAME}')))
"""  # noqa: S608 - constants of the code

# Both sides of a transfer have a counterparty, or neither; and both have the same identifiers.
_SIDES = """
SELECT 'counterparty', t.id, t.posting_id, 'the same as the other side', 'others'
FROM transactions t JOIN transactions other ON other.posting_id = t.posting_id AND other.id <> t.id
WHERE t.posting_id > :low AND t.posting_id <= :high AND t.type = 'transfer_out'
    AND ((t.counterparty_name IS NULL) <> (other.counterparty_name IS NULL)
        OR coalesce(t.reference, '') <> coalesce(other.reference, '')
        OR coalesce(t.end_to_end_id, '') <> coalesce(other.end_to_end_id, ''))
"""

_ANSWERS = """
SELECT 'idempotency', scope, claim_id, CASE WHEN finished_at IS NULL THEN 'no answer yet' ELSE 'an answer' END,
    'status ' || coalesce(CAST(answer_status AS text), 'none')
FROM idempotency_keys WHERE scope > :low AND scope <= :high
    AND ((finished_at IS NULL) <> (answer_status IS NULL) OR (finished_at IS NULL) <> (answer_body IS NULL)
        OR (finished_at IS NULL) <> (answer_media_type IS NULL))
"""

_DAY: Final = "CAST(from_date AS text)"
_MONTH: Final = f"(CAST(substr({_DAY}, 1, 4) AS integer) * 12 + CAST(substr({_DAY}, 6, 2) AS integer))"
"""A month as a number: the month after it is one more."""

_STATEMENT_NUMBERS = f"""
SELECT CASE WHEN number <> number_before + 1 OR month <> month_before + 1 THEN 'statement_number'
        ELSE 'statement_balance' END,
    id, account_id,
    CASE WHEN number <> number_before + 1 THEN CAST(number_before + 1 AS text)
        WHEN month <> month_before + 1 THEN 'the month after the one before'
        ELSE 'from ' || CAST(balance_before AS text) || ', entry ' || CAST(sequence_before + 1 AS text) END,
    CASE WHEN number <> number_before + 1 THEN CAST(number AS text)
        WHEN month <> month_before + 1 THEN CAST(from_date AS text)
        ELSE 'from ' || CAST(opening_balance AS text) || ', entry ' || CAST(first_sequence AS text) END
FROM (SELECT id, account_id, number, from_date, opening_balance, first_sequence, {_MONTH} AS month,
        lag(number, 1, 0) OVER records AS number_before,
        lag({_MONTH}, 1, {_MONTH} - 1) OVER records AS month_before,
        lag(closing_balance, 1, CAST(0 AS bigint)) OVER records AS balance_before,
        lag(last_sequence, 1, CAST(0 AS bigint)) OVER records AS sequence_before
    FROM statements WHERE account_id > :low AND account_id <= :high
    WINDOW records AS (PARTITION BY account_id ORDER BY number)) AS s
WHERE number <> number_before + 1 OR month <> month_before + 1
    OR opening_balance <> balance_before OR first_sequence <> sequence_before + 1
"""  # noqa: S608 - SQL of our own

_STATEMENT_ENTRIES = """
SELECT 'statement_balance', s.id, s.account_id,
    CAST(coalesce(t.entries, 0) AS text) || ' entries, together ' || CAST(coalesce(t.change, 0) AS text),
    CAST(s.entry_count AS text) || ' entries, together ' || CAST(s.closing_balance - s.opening_balance AS text)
FROM statements s
LEFT JOIN (SELECT account_id, substr(CAST(created_at AS text), 1, 7) AS month, count(*) AS entries,
        sum(direction * amount) AS change, max(sequence) AS last
    FROM transactions WHERE sequence IS NOT NULL AND account_id > :low AND account_id <= :high
    GROUP BY account_id, substr(CAST(created_at AS text), 1, 7)) AS t
    ON t.account_id = s.account_id AND t.month = substr(CAST(s.from_date AS text), 1, 7)
WHERE s.account_id > :low AND s.account_id <= :high
    AND (s.entry_count <> coalesce(t.entries, 0) OR s.closing_balance - s.opening_balance <> coalesce(t.change, 0)
        OR s.last_sequence <> coalesce(t.last, s.first_sequence - 1))
"""

BY_TABLE: Final = {
    "accounts": (
        _HISTORY,
        _BALANCES,
        _HOLDS,
        _STATES,
        _LEG_ACCOUNTS,
        _STATEMENT_NUMBERS,
        _STATEMENT_ENTRIES,
        *ACCOUNT_RULES,
    ),
    "postings": (
        _LEGS,
        _ORPHANS,
        _SUMS,
        _PAIRS,
        _TRANSFER_LEGS,
        _TRANSFER_POSTINGS,
        _POSTING_TRANSFERS,
        _REVERSALS,
        _REVERSED_TWICE,
        _CAPTURES,
        _PURCHASES,
        _COUNTERPARTIES,
        _SIDES,
        *TRANSFER_RULES,
    ),
    "audit_logs": AUDIT_RULES,
    "events": EVENT_RULES,
    "idempotency_keys": (_ANSWERS,),
}
"""Table whose keys divide the check into ranges → the queries that run on each range."""
