-- The triggers that protect the ledger (see docs/decisions/0002-the-database-guards-the-books.md).
-- Every refusal is an IntegrityError whose message begins with "ledger:".

-- History. REPLACE deletes rows without firing DELETE triggers. So an insert is refused if a row with one of
-- its keys exists, the hidden rowid included.

CREATE TRIGGER transactions_no_update BEFORE UPDATE ON transactions
BEGIN SELECT RAISE(ABORT, 'ledger: transactions are history: UPDATE refused'); END;
CREATE TRIGGER transactions_no_delete BEFORE DELETE ON transactions
BEGIN SELECT RAISE(ABORT, 'ledger: transactions are history: DELETE refused'); END;
CREATE TRIGGER transactions_no_replace BEFORE INSERT ON transactions
WHEN EXISTS (SELECT 1 FROM transactions WHERE id = NEW.id)
    OR EXISTS (SELECT 1 FROM transactions WHERE rowid = NEW.rowid)
    OR EXISTS (SELECT 1 FROM transactions WHERE account_id = NEW.account_id AND sequence = NEW.sequence)
BEGIN SELECT RAISE(ABORT, 'ledger: transactions are history: the row exists'); END;

CREATE TRIGGER transfers_no_update BEFORE UPDATE ON transfers
BEGIN SELECT RAISE(ABORT, 'ledger: transfers are history: UPDATE refused'); END;
CREATE TRIGGER transfers_no_delete BEFORE DELETE ON transfers
BEGIN SELECT RAISE(ABORT, 'ledger: transfers are history: DELETE refused'); END;
CREATE TRIGGER transfers_no_replace BEFORE INSERT ON transfers
WHEN EXISTS (SELECT 1 FROM transfers WHERE id = NEW.id)
    OR EXISTS (SELECT 1 FROM transfers WHERE rowid = NEW.rowid)
    OR EXISTS (SELECT 1 FROM transfers WHERE reverses_transfer_id = NEW.reverses_transfer_id)
BEGIN SELECT RAISE(ABORT, 'ledger: transfers are history: the row exists'); END;

CREATE TRIGGER postings_no_update BEFORE UPDATE ON postings
BEGIN SELECT RAISE(ABORT, 'ledger: postings are history: UPDATE refused'); END;
CREATE TRIGGER postings_no_delete BEFORE DELETE ON postings
BEGIN SELECT RAISE(ABORT, 'ledger: postings are history: DELETE refused'); END;
CREATE TRIGGER postings_no_replace BEFORE INSERT ON postings
WHEN EXISTS (SELECT 1 FROM postings WHERE id = NEW.id)
    OR EXISTS (SELECT 1 FROM postings WHERE rowid = NEW.rowid)
BEGIN SELECT RAISE(ABORT, 'ledger: postings are history: the row exists'); END;

CREATE TRIGGER audit_logs_finish_once BEFORE UPDATE ON audit_logs
BEGIN
    SELECT RAISE(ABORT, 'ledger: a finished audit row never changes') WHERE OLD.status <> 'pending';
    SELECT RAISE(ABORT, 'ledger: a pending audit row can only be finished')
        WHERE NEW.status = 'pending' OR NEW.id <> OLD.id OR NEW.rowid <> OLD.rowid
            OR NEW.user_id IS NOT OLD.user_id OR NEW.event_type <> OLD.event_type
            OR NEW.resource_type IS NOT OLD.resource_type OR NEW.ip_address IS NOT OLD.ip_address
            OR NEW.device_id IS NOT OLD.device_id OR NEW.request_id IS NOT OLD.request_id
            OR NEW.created_at <> OLD.created_at;
END;
CREATE TRIGGER audit_logs_no_delete BEFORE DELETE ON audit_logs
BEGIN SELECT RAISE(ABORT, 'ledger: audit_logs are history: DELETE refused'); END;
CREATE TRIGGER audit_logs_no_replace BEFORE INSERT ON audit_logs
WHEN EXISTS (SELECT 1 FROM audit_logs WHERE id = NEW.id)
    OR EXISTS (SELECT 1 FROM audit_logs WHERE rowid = NEW.rowid)
BEGIN SELECT RAISE(ABORT, 'ledger: audit_logs are history: the row exists'); END;

CREATE TRIGGER audit_seals_no_update BEFORE UPDATE ON audit_seals
BEGIN SELECT RAISE(ABORT, 'ledger: audit_seals are history: UPDATE refused'); END;
CREATE TRIGGER audit_seals_no_delete BEFORE DELETE ON audit_seals
BEGIN SELECT RAISE(ABORT, 'ledger: audit_seals are history: DELETE refused'); END;
CREATE TRIGGER audit_seals_no_replace BEFORE INSERT ON audit_seals
WHEN EXISTS (SELECT 1 FROM audit_seals WHERE position = NEW.position)
    OR EXISTS (SELECT 1 FROM audit_seals WHERE rowid = NEW.rowid)
    OR EXISTS (SELECT 1 FROM audit_seals WHERE audit_log_id = NEW.audit_log_id)
BEGIN SELECT RAISE(ABORT, 'ledger: audit_seals are history: the row exists'); END;

-- Legs change balances. Everything that could make the UPDATE fail is refused before it: under INSERT OR IGNORE
-- or OR FAIL, a CHECK that fails inside a trigger would keep the leg but not change the balance.

CREATE TRIGGER transactions_post AFTER INSERT ON transactions
WHEN NEW.sequence IS NOT NULL
BEGIN
    SELECT RAISE(ABORT, 'ledger: a leg has whole minor units and a time in UTC')
        WHERE typeof(NEW.amount) <> 'integer' OR length(NEW.created_at) <> 27 OR datetime(NEW.created_at) IS NULL;
    SELECT RAISE(ABORT, 'ledger: the posting is sealed')
        WHERE EXISTS (SELECT 1 FROM postings WHERE id = NEW.posting_id);
    SELECT RAISE(ABORT, 'ledger: the leg does not continue its account (status, currency, sequence, balance, holds or time)')
        WHERE NOT EXISTS (SELECT 1 FROM accounts
            WHERE id = NEW.account_id
                AND type <> 'cash'
                AND currency = NEW.currency
                AND sequence = NEW.sequence - 1
                AND balance + NEW.direction * NEW.amount = NEW.balance_after
                AND held <= NEW.balance_after
                AND (last_posted_at IS NULL OR last_posted_at <= NEW.created_at)
                AND (status = 'active' OR (status = 'frozen' AND EXISTS (SELECT 1 FROM transfers
                    WHERE id = NEW.transfer_id AND reverses_transfer_id IS NOT NULL))));
    UPDATE accounts
        SET balance = NEW.balance_after, sequence = NEW.sequence, last_posted_at = NEW.created_at
        WHERE id = NEW.account_id;
END;

CREATE TRIGGER transactions_post_cash AFTER INSERT ON transactions
WHEN NEW.sequence IS NULL
BEGIN
    SELECT RAISE(ABORT, 'ledger: the posting is sealed')
        WHERE EXISTS (SELECT 1 FROM postings WHERE id = NEW.posting_id);
    SELECT RAISE(ABORT, 'ledger: a leg without sequence belongs on the cash account of its currency')
        WHERE NOT EXISTS (SELECT 1 FROM accounts
            WHERE id = NEW.account_id AND type = 'cash' AND currency = NEW.currency);
END;

-- Only legs change balances

CREATE TRIGGER accounts_begin_empty BEFORE INSERT ON accounts
WHEN NEW.balance <> 0 OR NEW.held <> 0 OR NEW.sequence <> 0 OR NEW.last_posted_at IS NOT NULL
    OR NEW.status <> 'active' OR EXISTS (SELECT 1 FROM accounts WHERE id = NEW.id OR number = NEW.number)
    OR EXISTS (SELECT 1 FROM accounts WHERE rowid = NEW.rowid)
BEGIN SELECT RAISE(ABORT, 'ledger: an account begins empty and active'); END;

CREATE TRIGGER accounts_balance_follows_transactions BEFORE UPDATE ON accounts
WHEN (NEW.balance <> OLD.balance OR NEW.sequence <> OLD.sequence OR NEW.last_posted_at IS NOT OLD.last_posted_at)
    AND (NEW.sequence <> OLD.sequence + 1 OR NOT EXISTS (SELECT 1 FROM transactions
        WHERE account_id = NEW.id AND sequence = NEW.sequence AND balance_after = NEW.balance
            AND created_at = NEW.last_posted_at))
BEGIN SELECT RAISE(ABORT, 'ledger: a balance changes only with its transaction'); END;

CREATE TRIGGER accounts_keep_identity BEFORE UPDATE ON accounts
WHEN NEW.id <> OLD.id OR NEW.rowid <> OLD.rowid OR NEW.holder_id IS NOT OLD.holder_id
    OR NEW.number <> OLD.number OR NEW.type <> OLD.type OR NEW.currency <> OLD.currency OR NEW.created_at <> OLD.created_at
    OR OLD.status = 'closed'
BEGIN SELECT RAISE(ABORT, 'ledger: an account keeps its identity, and a closed one stays closed'); END;

CREATE TRIGGER accounts_hold_whole_units BEFORE UPDATE ON accounts
WHEN typeof(NEW.held) <> 'integer'
BEGIN SELECT RAISE(ABORT, 'ledger: a hold has whole minor units'); END;

CREATE TRIGGER accounts_no_delete BEFORE DELETE ON accounts
BEGIN SELECT RAISE(ABORT, 'ledger: accounts are history: DELETE refused'); END;

CREATE TRIGGER account_holders_keep_user BEFORE UPDATE ON account_holders
WHEN NEW.id <> OLD.id OR NEW.rowid <> OLD.rowid OR NEW.user_id <> OLD.user_id OR NEW.created_at <> OLD.created_at
BEGIN SELECT RAISE(ABORT, 'ledger: an account holder stays the same person''s'); END;
CREATE TRIGGER account_holders_no_replace BEFORE INSERT ON account_holders
WHEN EXISTS (SELECT 1 FROM account_holders WHERE id = NEW.id)
    OR EXISTS (SELECT 1 FROM account_holders WHERE rowid = NEW.rowid)
BEGIN SELECT RAISE(ABORT, 'ledger: an account holder stays the same person''s'); END;

-- A posting seals its legs

CREATE TRIGGER transfers_are_posted BEFORE INSERT ON transfers
WHEN EXISTS (SELECT 1 FROM postings WHERE id = NEW.id)
BEGIN SELECT RAISE(ABORT, 'ledger: the posting is sealed'); END;

CREATE TRIGGER postings_seal AFTER INSERT ON postings
BEGIN
    SELECT RAISE(ABORT, 'ledger: the legs of a posting sum to zero in each currency')
        WHERE (SELECT count(*) FROM transactions WHERE posting_id = NEW.id) < 2
            OR EXISTS (SELECT 1 FROM transactions WHERE posting_id = NEW.id
                GROUP BY currency HAVING sum(direction * amount) <> 0);
    SELECT RAISE(ABORT, 'ledger: a transfer has exactly its two legs')
        WHERE NEW.kind IN ('transfer', 'reversal') AND (
            (SELECT count(*) FROM transactions WHERE posting_id = NEW.id) <> 2
            OR (SELECT count(*)
                FROM transfers t
                JOIN transactions leg ON leg.transfer_id = t.id AND leg.posting_id = NEW.id
                    AND leg.amount = t.amount AND leg.currency = t.currency AND leg.created_at = NEW.created_at
                    AND ((leg.type = 'transfer_out' AND leg.account_id = t.from_account_id)
                        OR (leg.type = 'transfer_in' AND leg.account_id = t.to_account_id))
                LEFT JOIN transfers o ON o.id = t.reverses_transfer_id
                WHERE t.id = NEW.id AND t.created_at <= NEW.created_at AND (CASE NEW.kind WHEN 'transfer' THEN t.reverses_transfer_id IS NULL
                    ELSE o.reverses_transfer_id IS NULL AND o.from_account_id = t.to_account_id
                        AND o.to_account_id = t.from_account_id AND o.amount = t.amount END)) <> 2);
    SELECT RAISE(ABORT, 'ledger: a movement has its leg and the counter-leg on the cash account')
        WHERE NEW.kind NOT IN ('transfer', 'reversal') AND (
            (SELECT count(*) FROM transactions WHERE posting_id = NEW.id) <> 2
            OR (SELECT count(DISTINCT type) FROM transactions
                WHERE posting_id = NEW.id AND created_at = NEW.created_at
                    AND type IN (NEW.kind, CASE NEW.kind WHEN 'deposit' THEN 'cash_received'
                        WHEN 'withdrawal' THEN 'cash_paid' WHEN 'card_purchase' THEN 'card_settlement' END)) <> 2);
    SELECT RAISE(ABORT, 'ledger: a transfer is posted as one')
        WHERE NEW.kind NOT IN ('transfer', 'reversal') AND EXISTS (SELECT 1 FROM transfers WHERE id = NEW.id);
END;

-- Holds: accounts.held is the sum of the account's pending authorizations. Each authorization ends once.

CREATE TRIGGER authorizations_begin BEFORE INSERT ON authorizations
BEGIN
    SELECT RAISE(ABORT, 'ledger: authorizations are history: the row exists')
        WHERE EXISTS (SELECT 1 FROM authorizations
            WHERE id = NEW.id OR posting_id = NEW.posting_id OR rowid = NEW.rowid);
    SELECT RAISE(ABORT, 'ledger: a hold begins pending, on an active card of an active account of its currency')
        WHERE NEW.status NOT IN ('pending', 'declined') OR NOT EXISTS (SELECT 1
            FROM cards JOIN accounts ON accounts.id = cards.account_id
            WHERE cards.id = NEW.card_id AND accounts.id = NEW.account_id AND (NEW.status = 'declined'
                OR (cards.status = 'active' AND accounts.status = 'active' AND accounts.currency = NEW.currency)));
END;
CREATE TRIGGER authorizations_end_once BEFORE UPDATE ON authorizations
BEGIN
    SELECT RAISE(ABORT, 'ledger: a hold ends once')
        WHERE OLD.status <> 'pending' OR NEW.status NOT IN ('captured', 'voided', 'expired');
    SELECT RAISE(ABORT, 'ledger: a hold can only end')
        WHERE NEW.id <> OLD.id OR NEW.rowid <> OLD.rowid OR NEW.card_id <> OLD.card_id
            OR NEW.account_id <> OLD.account_id
            OR NEW.amount <> OLD.amount OR NEW.currency <> OLD.currency OR NEW.merchant <> OLD.merchant
            OR NEW.expires_at <> OLD.expires_at OR NEW.created_at <> OLD.created_at;
    SELECT RAISE(ABORT, 'ledger: a capture makes a posting of its own')
        WHERE EXISTS (SELECT 1 FROM postings WHERE id = NEW.posting_id);
END;
CREATE TRIGGER authorizations_no_delete BEFORE DELETE ON authorizations
BEGIN SELECT RAISE(ABORT, 'ledger: authorizations are history: DELETE refused'); END;

CREATE TRIGGER authorizations_hold AFTER INSERT ON authorizations WHEN NEW.status = 'pending'
BEGIN
    SELECT RAISE(ABORT, 'ledger: a hold is covered by the balance')
        WHERE (SELECT sum(amount) FROM authorizations WHERE account_id = NEW.account_id AND status = 'pending')
            > (SELECT balance FROM accounts WHERE id = NEW.account_id);
    UPDATE accounts SET held = (SELECT coalesce(sum(amount), 0) FROM authorizations
        WHERE account_id = NEW.account_id AND status = 'pending') WHERE id = NEW.account_id;
END;
CREATE TRIGGER authorizations_release AFTER UPDATE ON authorizations
BEGIN
    UPDATE accounts SET held = (SELECT coalesce(sum(amount), 0) FROM authorizations
        WHERE account_id = NEW.account_id AND status = 'pending') WHERE id = NEW.account_id;
END;

CREATE TRIGGER accounts_held_follows_authorizations BEFORE UPDATE ON accounts
WHEN NEW.held <> OLD.held AND NEW.held <> (SELECT coalesce(sum(amount), 0) FROM authorizations
    WHERE account_id = NEW.id AND status = 'pending')
BEGIN SELECT RAISE(ABORT, 'ledger: what an account holds changes only with its authorizations'); END;

CREATE TRIGGER captures_are_posted AFTER INSERT ON postings
WHEN NEW.kind <> 'card_purchase' AND EXISTS (SELECT 1 FROM authorizations WHERE posting_id = NEW.id)
BEGIN SELECT RAISE(ABORT, 'ledger: a capture is posted as a card purchase'); END;

CREATE TRIGGER postings_seal_purchase AFTER INSERT ON postings WHEN NEW.kind = 'card_purchase'
BEGIN
    SELECT RAISE(ABORT, 'ledger: a card purchase is the capture of a hold')
        WHERE (SELECT count(*) FROM transactions WHERE posting_id = NEW.id) <> 2 OR NOT EXISTS (SELECT 1
            FROM authorizations a
            JOIN transactions leg ON leg.posting_id = a.posting_id AND leg.account_id = a.account_id
                AND leg.type = 'card_purchase' AND leg.amount = a.captured_amount AND leg.currency = a.currency
            WHERE a.posting_id = NEW.id);
END;
