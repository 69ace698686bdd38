-- A pending audit row keeps its API key until it is finished, and after that.

CREATE TRIGGER audit_logs_keep_api_key BEFORE UPDATE ON audit_logs
WHEN NEW.api_key_id IS NOT OLD.api_key_id
BEGIN SELECT RAISE(ABORT, 'ledger: audit_logs are history: UPDATE refused'); END;
