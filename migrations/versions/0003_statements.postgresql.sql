-- Statements are history: each one follows the one before, says what the books say, and never changes.
-- Every refusal is a check_violation whose message begins with "ledger:".

-- The functions mean the tables of this schema, as in 0002.
SELECT set_config('search_path', quote_ident(current_schema()) || ', pg_temp', true);

CREATE TRIGGER statements_are_history BEFORE UPDATE OR DELETE ON statements
    FOR EACH ROW EXECUTE FUNCTION ledger_refuse_change();
CREATE TRIGGER statements_no_truncate BEFORE TRUNCATE ON statements
    FOR EACH STATEMENT EXECUTE FUNCTION ledger_refuse_change();

CREATE FUNCTION statements_continue() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
DECLARE
    start_time timestamptz := NEW.from_date::timestamp AT TIME ZONE 'UTC';
    end_time timestamptz := (NEW.to_date + 1)::timestamp AT TIME ZONE 'UTC';
BEGIN
    IF extract(day FROM NEW.from_date) <> 1 OR NEW.to_date <> NEW.from_date + interval '1 month' - interval '1 day' THEN
        PERFORM ledger_refuse('a statement is of one calendar month');
    END IF;
    IF NOT (NEW.number = 1 AND NEW.opening_balance = 0 AND NEW.first_sequence = 1) AND NOT EXISTS (
            SELECT 1 FROM statements
            WHERE account_id = NEW.account_id AND number = NEW.number - 1 AND to_date = NEW.from_date - 1
                AND closing_balance = NEW.opening_balance AND last_sequence = NEW.first_sequence - 1) THEN
        PERFORM ledger_refuse('a statement continues the one before');
    END IF;
    IF NEW.closing_balance <> coalesce((SELECT balance_after FROM transactions
            WHERE account_id = NEW.account_id AND sequence = NEW.last_sequence), 0)
        OR EXISTS (SELECT 1 FROM transactions WHERE account_id = NEW.account_id
            AND ((sequence = NEW.first_sequence AND created_at < start_time)
                OR (sequence = NEW.last_sequence AND created_at >= end_time)
                OR (sequence = NEW.last_sequence + 1 AND created_at < end_time))) THEN
        PERFORM ledger_refuse('a statement has the entries of its month and the balance after them');
    END IF;
    RETURN NULL;
END $$;

CREATE TRIGGER statements_continue AFTER INSERT ON statements
    FOR EACH ROW EXECUTE FUNCTION statements_continue();
