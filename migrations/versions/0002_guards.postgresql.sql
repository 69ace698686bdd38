-- The triggers that protect the ledger (see docs/decisions/0002-the-database-guards-the-books.md).
-- Functions that write run with the owner's rights, so the application's role needs no right to
-- change a balance. Every refusal is a check_violation whose message begins with "ledger:".

-- The functions use the tables of this schema, whatever the caller's search_path is. pg_temp must be
-- last: otherwise a temporary table of the caller would be read instead of the table of this schema.
SELECT set_config('search_path', quote_ident(current_schema()) || ', pg_temp', true);

CREATE FUNCTION ledger_refuse(reason text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION USING ERRCODE = 'check_violation', MESSAGE = 'ledger: ' || reason;
END $$;

-- History

CREATE FUNCTION ledger_refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM ledger_refuse(TG_TABLE_NAME || ' are history: ' || TG_OP || ' refused');
    RETURN NULL;
END $$;

CREATE TRIGGER transactions_are_history BEFORE UPDATE OR DELETE ON transactions
    FOR EACH ROW EXECUTE FUNCTION ledger_refuse_change();
CREATE TRIGGER transactions_no_truncate BEFORE TRUNCATE ON transactions
    FOR EACH STATEMENT EXECUTE FUNCTION ledger_refuse_change();
CREATE TRIGGER transfers_are_history BEFORE UPDATE OR DELETE ON transfers
    FOR EACH ROW EXECUTE FUNCTION ledger_refuse_change();
CREATE TRIGGER transfers_no_truncate BEFORE TRUNCATE ON transfers
    FOR EACH STATEMENT EXECUTE FUNCTION ledger_refuse_change();
CREATE TRIGGER postings_are_history BEFORE UPDATE OR DELETE ON postings
    FOR EACH ROW EXECUTE FUNCTION ledger_refuse_change();
CREATE TRIGGER postings_no_truncate BEFORE TRUNCATE ON postings
    FOR EACH STATEMENT EXECUTE FUNCTION ledger_refuse_change();

CREATE FUNCTION audit_logs_guard() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF OLD.status <> 'pending' THEN
        PERFORM ledger_refuse('a finished audit row never changes');
    END IF;
    IF NEW.status = 'pending' OR (NEW.id, NEW.user_id, NEW.event_type, NEW.resource_type, NEW.ip_address,
            NEW.device_id, NEW.request_id, NEW.created_at) IS DISTINCT FROM (OLD.id, OLD.user_id, OLD.event_type,
            OLD.resource_type, OLD.ip_address, OLD.device_id, OLD.request_id, OLD.created_at) THEN
        PERFORM ledger_refuse('a pending audit row can only be finished');
    END IF;
    RETURN NEW;
END $$;

CREATE TRIGGER audit_logs_finish_once BEFORE UPDATE ON audit_logs
    FOR EACH ROW EXECUTE FUNCTION audit_logs_guard();
CREATE TRIGGER audit_logs_are_history BEFORE DELETE ON audit_logs
    FOR EACH ROW EXECUTE FUNCTION ledger_refuse_change();
CREATE TRIGGER audit_logs_no_truncate BEFORE TRUNCATE ON audit_logs
    FOR EACH STATEMENT EXECUTE FUNCTION ledger_refuse_change();
CREATE TRIGGER audit_seals_are_history BEFORE UPDATE OR DELETE ON audit_seals
    FOR EACH ROW EXECUTE FUNCTION ledger_refuse_change();
CREATE TRIGGER audit_seals_no_truncate BEFORE TRUNCATE ON audit_seals
    FOR EACH STATEMENT EXECUTE FUNCTION ledger_refuse_change();

-- Legs change balances

CREATE FUNCTION transactions_post() RETURNS trigger LANGUAGE plpgsql
    SECURITY DEFINER SET search_path FROM CURRENT AS $$
BEGIN
    IF NEW.sequence IS NULL THEN
        IF NOT EXISTS (SELECT 1 FROM accounts
                WHERE id = NEW.account_id AND type = 'cash' AND currency = NEW.currency) THEN
            PERFORM ledger_refuse('a leg without sequence belongs on the cash account of its currency');
        END IF;
        RETURN NULL;
    END IF;
    UPDATE accounts
        SET balance = NEW.balance_after, sequence = NEW.sequence, last_posted_at = NEW.created_at
        WHERE id = NEW.account_id
            AND type <> 'cash'
            AND currency = NEW.currency
            AND sequence = NEW.sequence - 1
            AND balance + NEW.direction * NEW.amount = NEW.balance_after
            AND (last_posted_at IS NULL OR last_posted_at <= NEW.created_at)
            AND (status = 'active' OR (status = 'frozen' AND EXISTS (SELECT 1 FROM transfers
                WHERE id = NEW.transfer_id AND reverses_transfer_id IS NOT NULL)));
    IF NOT FOUND THEN
        PERFORM ledger_refuse('the leg does not continue its account (status, currency, sequence, balance or time)');
    END IF;
    RETURN NULL;
END $$;

-- A role that could use this function as a trigger of its own table would write with the owner's rights.
REVOKE EXECUTE ON FUNCTION transactions_post() FROM PUBLIC;

CREATE TRIGGER transactions_post AFTER INSERT ON transactions
    FOR EACH ROW EXECUTE FUNCTION transactions_post();

-- Only legs change balances

CREATE FUNCTION accounts_guard_insert() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM ledger_refuse('an account begins empty and active');
    RETURN NULL;
END $$;

CREATE TRIGGER accounts_begin_empty BEFORE INSERT ON accounts FOR EACH ROW
    WHEN (NEW.balance <> 0 OR NEW.held <> 0 OR NEW.sequence <> 0 OR NEW.last_posted_at IS NOT NULL
        OR NEW.status <> 'active')
    EXECUTE FUNCTION accounts_guard_insert();

CREATE FUNCTION accounts_guard_balance() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
    IF NEW.sequence <> OLD.sequence + 1 OR NOT EXISTS (SELECT 1 FROM transactions
            WHERE account_id = NEW.id AND sequence = NEW.sequence AND balance_after = NEW.balance
                AND created_at = NEW.last_posted_at) THEN
        PERFORM ledger_refuse('a balance changes only with its transaction');
    END IF;
    RETURN NEW;
END $$;

CREATE TRIGGER accounts_balance_follows_transactions BEFORE UPDATE ON accounts FOR EACH ROW
    WHEN (NEW.balance <> OLD.balance OR NEW.sequence <> OLD.sequence
        OR NEW.last_posted_at IS DISTINCT FROM OLD.last_posted_at)
    EXECUTE FUNCTION accounts_guard_balance();

CREATE FUNCTION accounts_guard_identity() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM ledger_refuse('an account keeps its identity, and a closed one stays closed');
    RETURN NULL;
END $$;

CREATE TRIGGER accounts_keep_identity BEFORE UPDATE ON accounts FOR EACH ROW
    WHEN (NEW.id <> OLD.id OR NEW.holder_id IS DISTINCT FROM OLD.holder_id OR NEW.number <> OLD.number
        OR NEW.type <> OLD.type OR NEW.currency <> OLD.currency OR NEW.created_at <> OLD.created_at
        OR OLD.status = 'closed')
    EXECUTE FUNCTION accounts_guard_identity();

CREATE TRIGGER accounts_are_history BEFORE DELETE ON accounts
    FOR EACH ROW EXECUTE FUNCTION ledger_refuse_change();
CREATE TRIGGER accounts_no_truncate BEFORE TRUNCATE ON accounts
    FOR EACH STATEMENT EXECUTE FUNCTION ledger_refuse_change();

CREATE FUNCTION account_holders_guard() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM ledger_refuse('an account holder stays the same person''s');
    RETURN NULL;
END $$;

CREATE TRIGGER account_holders_keep_user BEFORE UPDATE ON account_holders FOR EACH ROW
    WHEN (NEW.id <> OLD.id OR NEW.user_id <> OLD.user_id OR NEW.created_at <> OLD.created_at)
    EXECUTE FUNCTION account_holders_guard();

-- A posting seals its legs

CREATE FUNCTION postings_seal() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
DECLARE
    legs bigint;
    unbalanced boolean;
    fitting bigint;
BEGIN
    SELECT sum(count), bool_or(total <> 0) INTO legs, unbalanced
        FROM (SELECT count(*) AS count, sum(direction * amount) AS total
            FROM transactions WHERE posting_id = NEW.id GROUP BY currency) AS by_currency;
    IF legs IS NULL OR legs < 2 OR unbalanced THEN
        PERFORM ledger_refuse('the legs of a posting sum to zero in each currency');
    END IF;
    IF NEW.kind IN ('transfer', 'reversal') THEN
        SELECT count(*) INTO fitting
            FROM transfers t
            JOIN transactions leg ON leg.transfer_id = t.id AND leg.amount = t.amount AND leg.currency = t.currency
                AND leg.created_at = NEW.created_at
                AND ((leg.type = 'transfer_out' AND leg.account_id = t.from_account_id)
                    OR (leg.type = 'transfer_in' AND leg.account_id = t.to_account_id))
            LEFT JOIN transfers o ON o.id = t.reverses_transfer_id
            WHERE t.id = NEW.id AND t.created_at <= NEW.created_at
                AND (CASE NEW.kind WHEN 'transfer' THEN t.reverses_transfer_id IS NULL
                    ELSE o.reverses_transfer_id IS NULL AND o.from_account_id = t.to_account_id
                        AND o.to_account_id = t.from_account_id AND o.amount = t.amount END);
        IF legs <> 2 OR fitting <> 2 THEN
            PERFORM ledger_refuse('a transfer has exactly its two legs');
        END IF;
    ELSE
        SELECT count(DISTINCT type) INTO fitting
            FROM transactions
            WHERE posting_id = NEW.id AND created_at = NEW.created_at
                AND type IN (NEW.kind, CASE NEW.kind WHEN 'deposit' THEN 'cash_received'
                    WHEN 'withdrawal' THEN 'cash_paid' WHEN 'card_purchase' THEN 'card_settlement' END);
        IF legs <> 2 OR fitting <> 2 THEN
            PERFORM ledger_refuse('a movement has its leg and the counter-leg on the cash account');
        END IF;
    END IF;
    RETURN NULL;
END $$;

CREATE TRIGGER postings_seal AFTER INSERT ON postings
    FOR EACH ROW EXECUTE FUNCTION postings_seal();

-- Holds: accounts.held is the sum of the account's pending authorizations. Each authorization ends once.

CREATE FUNCTION authorizations_guard_insert() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
    IF NEW.status NOT IN ('pending', 'declined') OR NOT EXISTS (SELECT 1
            FROM cards JOIN accounts ON accounts.id = cards.account_id
            WHERE cards.id = NEW.card_id AND accounts.id = NEW.account_id AND (NEW.status = 'declined'
                OR (cards.status = 'active' AND accounts.status = 'active' AND accounts.currency = NEW.currency))) THEN
        PERFORM ledger_refuse('a hold begins pending, on an active card of an active account of its currency');
    END IF;
    RETURN NEW;
END $$;

CREATE TRIGGER authorizations_begin BEFORE INSERT ON authorizations
    FOR EACH ROW EXECUTE FUNCTION authorizations_guard_insert();

CREATE FUNCTION authorizations_guard_update() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
    IF OLD.status <> 'pending' OR NEW.status NOT IN ('captured', 'voided', 'expired') THEN
        PERFORM ledger_refuse('a hold ends once');
    END IF;
    IF (NEW.id, NEW.card_id, NEW.account_id, NEW.amount, NEW.currency, NEW.merchant, NEW.expires_at, NEW.created_at)
            IS DISTINCT FROM (OLD.id, OLD.card_id, OLD.account_id, OLD.amount, OLD.currency, OLD.merchant,
            OLD.expires_at, OLD.created_at) THEN
        PERFORM ledger_refuse('a hold can only end');
    END IF;
    IF EXISTS (SELECT 1 FROM postings WHERE id = NEW.posting_id) THEN
        PERFORM ledger_refuse('a capture makes a posting of its own');
    END IF;
    RETURN NEW;
END $$;

CREATE TRIGGER authorizations_end_once BEFORE UPDATE ON authorizations
    FOR EACH ROW EXECUTE FUNCTION authorizations_guard_update();
CREATE TRIGGER authorizations_are_history BEFORE DELETE ON authorizations
    FOR EACH ROW EXECUTE FUNCTION ledger_refuse_change();
CREATE TRIGGER authorizations_no_truncate BEFORE TRUNCATE ON authorizations
    FOR EACH STATEMENT EXECUTE FUNCTION ledger_refuse_change();

CREATE FUNCTION authorizations_hold() RETURNS trigger LANGUAGE plpgsql
    SECURITY DEFINER SET search_path FROM CURRENT AS $$
BEGIN
    -- A statement of its own, so that the sum is taken after whoever had the account before.
    PERFORM 1 FROM accounts WHERE id = NEW.account_id FOR NO KEY UPDATE;
    UPDATE accounts
        SET held = (SELECT coalesce(sum(amount), 0) FROM authorizations
            WHERE account_id = NEW.account_id AND status = 'pending')
        WHERE id = NEW.account_id;
    RETURN NULL;
END $$;

REVOKE EXECUTE ON FUNCTION authorizations_hold() FROM PUBLIC;

CREATE TRIGGER authorizations_hold AFTER INSERT OR UPDATE ON authorizations
    FOR EACH ROW WHEN (NEW.status <> 'declined') EXECUTE FUNCTION authorizations_hold();

CREATE FUNCTION accounts_guard_held() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
    IF NEW.held <> (SELECT coalesce(sum(amount), 0) FROM authorizations
            WHERE account_id = NEW.id AND status = 'pending') THEN
        PERFORM ledger_refuse('what an account holds changes only with its authorizations');
    END IF;
    RETURN NEW;
END $$;

CREATE TRIGGER accounts_held_follows_authorizations BEFORE UPDATE ON accounts
    FOR EACH ROW WHEN (NEW.held <> OLD.held) EXECUTE FUNCTION accounts_guard_held();

CREATE FUNCTION postings_seal_purchase() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
    IF (SELECT count(*) FROM transactions WHERE posting_id = NEW.id) <> 2 OR NOT EXISTS (SELECT 1
            FROM authorizations a
            JOIN transactions leg ON leg.posting_id = a.posting_id AND leg.account_id = a.account_id
                AND leg.type = 'card_purchase' AND leg.amount = a.captured_amount AND leg.currency = a.currency
            WHERE a.posting_id = NEW.id) THEN
        PERFORM ledger_refuse('a card purchase is the capture of a hold');
    END IF;
    RETURN NULL;
END $$;

CREATE TRIGGER postings_seal_purchase AFTER INSERT ON postings
    FOR EACH ROW WHEN (NEW.kind = 'card_purchase') EXECUTE FUNCTION postings_seal_purchase();

-- Two concurrent transactions that write legs of one posting do not see each other's rows. These checks run at
-- commit, after the foreign keys, because triggers fire in order of their names. The second transaction sees both.

CREATE FUNCTION transactions_recount() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
    IF (SELECT count(*) FROM transactions WHERE posting_id = NEW.posting_id) <> 2 THEN
        PERFORM ledger_refuse('the posting is sealed');
    END IF;
    RETURN NULL;
END $$;

CREATE CONSTRAINT TRIGGER transactions_recount AFTER INSERT ON transactions DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW EXECUTE FUNCTION transactions_recount();

CREATE FUNCTION transfers_are_posted() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
    IF NOT EXISTS (SELECT 1 FROM postings WHERE id = NEW.id AND kind IN ('transfer', 'reversal')) THEN
        PERFORM ledger_refuse('a transfer is posted as one');
    END IF;
    RETURN NULL;
END $$;

CREATE CONSTRAINT TRIGGER transfers_are_posted AFTER INSERT ON transfers DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW EXECUTE FUNCTION transfers_are_posted();

CREATE FUNCTION captures_are_posted() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
    IF NOT EXISTS (SELECT 1 FROM postings WHERE id = NEW.posting_id AND kind = 'card_purchase') THEN
        PERFORM ledger_refuse('a capture is posted as a card purchase');
    END IF;
    RETURN NULL;
END $$;

CREATE CONSTRAINT TRIGGER captures_are_posted AFTER UPDATE ON authorizations DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW WHEN (NEW.posting_id IS NOT NULL) EXECUTE FUNCTION captures_are_posted();
