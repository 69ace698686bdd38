-- Events are history: an event gets its positions once, and nothing else of it ever changes.
-- Every refusal is an IntegrityError whose message begins with "ledger:".

CREATE TRIGGER events_number_once BEFORE UPDATE ON events
WHEN OLD.position IS NOT NULL OR NEW.position IS NULL OR NEW.id <> OLD.id OR NEW.rowid <> OLD.rowid
    OR NEW.type <> OLD.type OR NEW.user_id <> OLD.user_id OR NEW.resource_id <> OLD.resource_id
    OR NEW.account_id IS NOT OLD.account_id OR NEW.account_sequence IS NOT OLD.account_sequence
    OR NEW.data IS NOT OLD.data OR NEW.created_at <> OLD.created_at
BEGIN SELECT RAISE(ABORT, 'ledger: an event is numbered once and never changes'); END;
CREATE TRIGGER events_no_delete BEFORE DELETE ON events
BEGIN SELECT RAISE(ABORT, 'ledger: events are history: DELETE refused'); END;
-- REPLACE deletes without firing DELETE triggers.
CREATE TRIGGER events_no_replace BEFORE INSERT ON events
WHEN EXISTS (SELECT 1 FROM events WHERE id = NEW.id)
    OR EXISTS (SELECT 1 FROM events WHERE rowid = NEW.rowid)
    OR EXISTS (SELECT 1 FROM events WHERE position = NEW.position)
    OR EXISTS (SELECT 1 FROM events WHERE user_id = NEW.user_id AND user_position = NEW.user_position)
BEGIN SELECT RAISE(ABORT, 'ledger: events are history: the row exists'); END;

-- The events of the ledger. The event of a row has the row's id, and no other row has it, because ids are random.

CREATE TRIGGER transactions_have_events AFTER INSERT ON transactions WHEN NEW.sequence IS NOT NULL
BEGIN
    INSERT INTO events (id, type, user_id, resource_id, account_id, account_sequence, created_at)
    SELECT NEW.id, 'transaction.created', h.user_id, NEW.id, NEW.account_id, NEW.sequence, NEW.created_at
    FROM accounts a JOIN account_holders h ON h.id = a.holder_id WHERE a.id = NEW.account_id;
END;
CREATE TRIGGER transfers_have_events AFTER INSERT ON transfers
BEGIN
    INSERT INTO events (id, type, user_id, resource_id, account_id, created_at)
    SELECT NEW.id, CASE WHEN NEW.reverses_transfer_id IS NULL THEN 'transfer.created' ELSE 'transfer.reversed' END,
        h.user_id, coalesce(NEW.reverses_transfer_id, NEW.id), a.id, NEW.created_at
    FROM accounts a JOIN account_holders h ON h.id = a.holder_id
    WHERE a.id = CASE WHEN NEW.reverses_transfer_id IS NULL THEN NEW.from_account_id ELSE NEW.to_account_id END;
END;
