-- The statement of the references R1 and R2: writes the same rows as a transfer of the service, with the same triggers.
CREATE TABLE bench_accounts (n integer PRIMARY KEY, id uuid NOT NULL, user_id uuid NOT NULL);

CREATE FUNCTION bench_transfer(source uuid, target uuid, moved bigint, actor uuid, key_scope text)
RETURNS uuid LANGUAGE plpgsql AS $$
DECLARE
    transfer uuid := gen_random_uuid();
    audit uuid := gen_random_uuid();
    moment timestamptz;
    a accounts%ROWTYPE;
    b accounts%ROWTYPE;
BEGIN
    INSERT INTO idempotency_keys (scope, fingerprint, claim_id, claimed_at)
        VALUES (key_scope, key_scope, audit, clock_timestamp());
    INSERT INTO audit_logs (id, user_id, event_type, resource_type, status, ip_address, request_id, metadata, created_at)
        VALUES (audit, actor, 'transfer', 'transfer', 'pending', '127.0.0.1', key_scope,
            jsonb_build_object('from_account_id', source, 'to_account_id', target, 'amount', moved, 'currency', 'EUR'),
            clock_timestamp());
    PERFORM 1 FROM accounts WHERE id IN (source, target) ORDER BY id FOR NO KEY UPDATE;
    SELECT * INTO a FROM accounts WHERE id = source;
    SELECT * INTO b FROM accounts WHERE id = target;
    moment := greatest(clock_timestamp(), a.last_posted_at, b.last_posted_at);
    INSERT INTO transfers (id, from_account_id, to_account_id, amount, currency, created_at)
        VALUES (transfer, source, target, moved, 'EUR', moment);
    INSERT INTO transactions (id, account_id, posting_id, transfer_id, type, direction, amount, currency, sequence,
            balance_after, created_at)
        VALUES (gen_random_uuid(), source, transfer, transfer, 'transfer_out', -1, moved, 'EUR', a.sequence + 1,
                a.balance - moved, moment),
            (gen_random_uuid(), target, transfer, transfer, 'transfer_in', 1, moved, 'EUR', b.sequence + 1,
                b.balance + moved, moment);
    INSERT INTO postings (id, kind, created_at) VALUES (transfer, 'transfer', moment);
    UPDATE audit_logs SET status = 'success', resource_id = transfer, finished_at = clock_timestamp() WHERE id = audit;
    UPDATE idempotency_keys SET finished_at = clock_timestamp(), answer_status = 201,
            answer_media_type = 'application/json', answer_body = convert_to(transfer::text, 'UTF8')
        WHERE scope = key_scope;
    RETURN transfer;
END $$;
