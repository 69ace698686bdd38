-- Statements are history: each one follows the one before, says what the books say, and never changes.
-- Every refusal is an IntegrityError whose message begins with "ledger:".

CREATE TRIGGER statements_no_update BEFORE UPDATE ON statements
BEGIN SELECT RAISE(ABORT, 'ledger: statements are history: UPDATE refused'); END;
CREATE TRIGGER statements_no_delete BEFORE DELETE ON statements
BEGIN SELECT RAISE(ABORT, 'ledger: statements are history: DELETE refused'); END;
-- REPLACE deletes without firing DELETE triggers.
CREATE TRIGGER statements_no_replace BEFORE INSERT ON statements
WHEN EXISTS (SELECT 1 FROM statements WHERE id = NEW.id)
    OR EXISTS (SELECT 1 FROM statements WHERE rowid = NEW.rowid)
    OR EXISTS (SELECT 1 FROM statements WHERE account_id = NEW.account_id AND number = NEW.number)
BEGIN SELECT RAISE(ABORT, 'ledger: statements are history: the row exists'); END;

CREATE TRIGGER statements_continue AFTER INSERT ON statements
BEGIN
    SELECT RAISE(ABORT, 'ledger: a statement is of one calendar month')
        WHERE NEW.from_date IS NOT date(NEW.from_date, 'start of month')
            OR NEW.to_date IS NOT date(NEW.from_date, 'start of month', '+1 month', '-1 day');
    SELECT RAISE(ABORT, 'ledger: a statement continues the one before')
        WHERE NOT (NEW.number = 1 AND NEW.opening_balance = 0 AND NEW.first_sequence = 1) AND NOT EXISTS (
            SELECT 1 FROM statements
            WHERE account_id = NEW.account_id AND number = NEW.number - 1 AND to_date = date(NEW.from_date, '-1 day')
                AND closing_balance = NEW.opening_balance AND last_sequence = NEW.first_sequence - 1);
    -- Times are text that begins with the day, so a day compares with them as its first moment.
    SELECT RAISE(ABORT, 'ledger: a statement has the entries of its month and the balance after them')
        WHERE NEW.closing_balance <> coalesce((SELECT balance_after FROM transactions
                WHERE account_id = NEW.account_id AND sequence = NEW.last_sequence), 0)
            OR EXISTS (SELECT 1 FROM transactions
                WHERE account_id = NEW.account_id AND sequence = NEW.first_sequence AND created_at < NEW.from_date)
            OR EXISTS (SELECT 1 FROM transactions
                WHERE account_id = NEW.account_id AND sequence = NEW.last_sequence
                    AND created_at >= date(NEW.to_date, '+1 day'))
            OR EXISTS (SELECT 1 FROM transactions
                WHERE account_id = NEW.account_id AND sequence = NEW.last_sequence + 1
                    AND created_at < date(NEW.to_date, '+1 day'));
END;
