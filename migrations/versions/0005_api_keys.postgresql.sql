-- A pending audit row keeps its API key until it is finished, and after that. WHEN is cheaper than a function.

CREATE TRIGGER audit_logs_keep_api_key BEFORE UPDATE ON audit_logs
    FOR EACH ROW WHEN (NEW.api_key_id IS DISTINCT FROM OLD.api_key_id) EXECUTE FUNCTION ledger_refuse_change();
