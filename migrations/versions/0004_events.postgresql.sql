-- Events are history: an event gets its positions once, and nothing else of it ever changes.
-- Every refusal is a check_violation whose message begins with "ledger:".

-- The functions mean the tables of this schema, as in 0002.
SELECT set_config('search_path', quote_ident(current_schema()) || ', pg_temp', true);

CREATE FUNCTION events_number_once() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
    IF OLD.position IS NOT NULL OR NEW.position IS NULL OR (NEW.id, NEW.type, NEW.user_id, NEW.resource_id,
            NEW.account_id, NEW.account_sequence, NEW.data, NEW.created_at) IS DISTINCT FROM (OLD.id, OLD.type,
            OLD.user_id, OLD.resource_id, OLD.account_id, OLD.account_sequence, OLD.data, OLD.created_at) THEN
        PERFORM ledger_refuse('an event is numbered once and never changes');
    END IF;
    RETURN NEW;
END $$;

CREATE TRIGGER events_number_once BEFORE UPDATE ON events
    FOR EACH ROW EXECUTE FUNCTION events_number_once();
CREATE TRIGGER events_are_history BEFORE DELETE ON events
    FOR EACH ROW EXECUTE FUNCTION ledger_refuse_change();
CREATE TRIGGER events_no_truncate BEFORE TRUNCATE ON events
    FOR EACH STATEMENT EXECUTE FUNCTION ledger_refuse_change();

-- The events of the ledger. The event of a row has the row's id, and no other row has it, because ids are random.

CREATE FUNCTION transactions_have_events() RETURNS trigger LANGUAGE plpgsql
    SECURITY DEFINER SET search_path FROM CURRENT AS $$
BEGIN
    INSERT INTO events (id, type, user_id, resource_id, account_id, account_sequence, created_at)
    SELECT t.id, 'transaction.created', h.user_id, t.id, t.account_id, t.sequence, t.created_at
    FROM added t JOIN accounts a ON a.id = t.account_id JOIN account_holders h ON h.id = a.holder_id;
    RETURN NULL;
END $$;

CREATE FUNCTION transfers_have_events() RETURNS trigger LANGUAGE plpgsql
    SECURITY DEFINER SET search_path FROM CURRENT AS $$
BEGIN
    INSERT INTO events (id, type, user_id, resource_id, account_id, created_at)
    SELECT tr.id, CASE WHEN tr.reverses_transfer_id IS NULL THEN 'transfer.created' ELSE 'transfer.reversed' END,
        h.user_id, coalesce(tr.reverses_transfer_id, tr.id), a.id, tr.created_at
    FROM added tr
    JOIN accounts a
        ON a.id = CASE WHEN tr.reverses_transfer_id IS NULL THEN tr.from_account_id ELSE tr.to_account_id END
    JOIN account_holders h ON h.id = a.holder_id;
    RETURN NULL;
END $$;

-- A role that could use these functions as triggers of its own tables would write with the owner's rights.
REVOKE EXECUTE ON FUNCTION transactions_have_events(), transfers_have_events() FROM PUBLIC;

CREATE TRIGGER transactions_have_events AFTER INSERT ON transactions
    REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION transactions_have_events();
CREATE TRIGGER transfers_have_events AFTER INSERT ON transfers
    REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION transfers_have_events();
