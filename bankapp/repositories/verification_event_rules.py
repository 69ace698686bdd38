"""The rules of events, as queries that return the rows which break them (see ``verification_rules``)."""

from __future__ import annotations

from typing import Final

_TRANSACTION_EVENTS = """
SELECT 'transaction_event', t.id, t.account_id, '1', CAST(count(e.id) AS text)
FROM transactions t JOIN accounts a ON a.id = t.account_id JOIN account_holders h ON h.id = a.holder_id
LEFT JOIN events e ON e.resource_id = t.id AND e.type = 'transaction.created' AND e.account_id = t.account_id
    AND e.account_sequence = t.sequence AND e.created_at = t.created_at AND e.user_id = h.user_id
WHERE t.account_id > :low AND t.account_id <= :high AND t.sequence IS NOT NULL
GROUP BY t.id, t.account_id HAVING count(e.id) <> 1
"""

_TRANSFER_EVENTS = """
SELECT 'transfer_event', tr.id, NULL, '1', CAST(count(e.id) AS text)
FROM transfers tr
JOIN accounts a ON a.id = CASE WHEN tr.reverses_transfer_id IS NULL THEN tr.from_account_id ELSE tr.to_account_id END
JOIN account_holders h ON h.id = a.holder_id
LEFT JOIN events e ON e.resource_id = coalesce(tr.reverses_transfer_id, tr.id)
    AND e.type = CASE WHEN tr.reverses_transfer_id IS NULL THEN 'transfer.created' ELSE 'transfer.reversed' END
    AND e.account_id = a.id AND e.user_id = h.user_id
WHERE tr.id > :low AND tr.id <= :high
GROUP BY tr.id HAVING count(e.id) <> 1
"""

_RESOURCES = """
SELECT 'event_resource', e.id, e.resource_id, 'a row for the event ' || e.type, 'none'
FROM events e
LEFT JOIN transactions t ON t.id = e.resource_id AND t.account_id = e.account_id AND t.sequence = e.account_sequence
LEFT JOIN transfers tr ON tr.id = CASE WHEN e.type = 'transfer.created' THEN e.resource_id END
LEFT JOIN transfers r ON r.reverses_transfer_id = CASE WHEN e.type = 'transfer.reversed' THEN e.resource_id END
WHERE e.id > :low AND e.id <= :high AND CASE e.type
    WHEN 'transaction.created' THEN t.id IS NULL
    WHEN 'transfer.created' THEN tr.id IS NULL
    WHEN 'transfer.reversed' THEN r.id IS NULL
    ELSE false END
"""

_BANK_POSITIONS = """
SELECT 'event_position', e.id, NULL, CAST(e.position - 1 AS text) || ' before it', 'none'
FROM events e LEFT JOIN events b ON b.position = e.position - 1
WHERE e.id > :low AND e.id <= :high AND e.position > 1 AND b.id IS NULL
"""

_USER_POSITIONS = """
SELECT 'event_position', e.id, e.user_id,
    CAST(e.user_position - 1 AS text) || ' before it in the stream of the user', 'none'
FROM events e LEFT JOIN events b ON b.user_id = e.user_id AND b.user_position = e.user_position - 1
WHERE e.id > :low AND e.id <= :high AND e.user_position > 1 AND b.id IS NULL
"""

# Asked once, with the last range.
_LAST_POSITION = """
SELECT 'event_position', 'sequencer', NULL, CAST(s.last_position AS text), CAST(last.position AS text)
FROM event_sequencer s, (SELECT coalesce(max(position), 0) AS position FROM events) AS last
WHERE s.last_position <> last.position AND :low < :high AND NOT EXISTS (SELECT 1 FROM events WHERE id > :high)
"""

_ORDER = """
SELECT 'event_order', e.id, e.account_id, 'after the event of sequence ' || CAST(t.sequence AS text),
    coalesce('position ' || CAST(e.position AS text) || ', before ' || CAST(b.position AS text), 'that has no position')
FROM events e
JOIN transactions t ON t.account_id = e.account_id AND t.sequence = e.account_sequence - 1
JOIN events b ON b.resource_id = t.id AND b.type = 'transaction.created'
WHERE e.id > :low AND e.id <= :high AND e.type = 'transaction.created' AND e.position IS NOT NULL
    AND (b.position IS NULL OR b.position > e.position)
"""

ACCOUNT_RULES: Final = (_TRANSACTION_EVENTS,)
TRANSFER_RULES: Final = (_TRANSFER_EVENTS,)
EVENT_RULES: Final = (_RESOURCES, _BANK_POSITIONS, _USER_POSITIONS, _LAST_POSITION, _ORDER)
