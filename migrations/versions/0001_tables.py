"""The tables: users, sessions, second factors, account holders, accounts, the ledger, cards, audit log, keys.

Revision: 0001, the first
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from migrations.support import ID, JSON, TIME

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the tables."""
    op.create_table(
        "idempotency_keys",
        sa.Column("scope", sa.String(length=64), nullable=False),
        sa.Column("fingerprint", sa.String(length=64), nullable=False),
        sa.Column("claim_id", ID, nullable=False),
        sa.Column("claimed_at", TIME, nullable=False),
        sa.Column("finished_at", TIME, nullable=True),
        sa.Column("answer_status", sa.SmallInteger(), nullable=True),
        sa.Column("answer_media_type", sa.String(length=64), nullable=True),
        sa.Column("answer_etag", sa.String(length=20), nullable=True),
        sa.Column("answer_body", sa.LargeBinary(), nullable=True),
        sa.CheckConstraint(
            "(finished_at IS NULL) = (answer_status IS NULL) AND (finished_at IS NULL) = (answer_body IS NULL)",
            name=op.f("ck_idempotency_keys_finished_with_answer"),
        ),
        sa.PrimaryKeyConstraint("scope", name="pk_idempotency_keys"),
    )
    op.create_index("ix_idempotency_keys_claimed_at", "idempotency_keys", ["claimed_at"], unique=False)
    op.create_table(
        "login_throttles",
        sa.Column("bucket", sa.String(length=64), nullable=False),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("last_attempt_at", TIME, nullable=False),
        sa.PrimaryKeyConstraint("bucket", name="pk_login_throttles"),
    )
    op.create_index("ix_login_throttles_last_attempt_at", "login_throttles", ["last_attempt_at"], unique=False)
    op.create_table(
        "postings",
        sa.Column("id", ID, nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("created_at", TIME, nullable=False),
        sa.CheckConstraint(
            "kind IN ('deposit', 'withdrawal', 'transfer', 'reversal', 'card_purchase')",
            name=op.f("ck_postings_kind"),
        ),
        sa.PrimaryKeyConstraint("id", name="pk_postings"),
    )
    op.create_table(
        "users",
        sa.Column("id", ID, nullable=False),
        sa.Column("email", sa.String(length=254), nullable=False),
        sa.Column("hashed_password", sa.String(length=128), nullable=False),
        sa.Column("role", sa.String(length=16), nullable=False),
        sa.Column("status", sa.String(length=16), nullable=False),
        sa.Column("created_at", TIME, nullable=False),
        sa.CheckConstraint("role IN ('customer', 'staff', 'admin')", name=op.f("ck_users_role")),
        sa.CheckConstraint("status IN ('active', 'disabled')", name=op.f("ck_users_status")),
        sa.PrimaryKeyConstraint("id", name="pk_users"),
        sa.UniqueConstraint("email", name="uq_users_email"),
    )
    op.create_table(
        "account_holders",
        sa.Column("id", ID, nullable=False),
        sa.Column("user_id", ID, nullable=False),
        sa.Column("first_name", sa.String(length=100), nullable=False),
        sa.Column("last_name", sa.String(length=100), nullable=False),
        sa.Column("dob", sa.Date(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("created_at", TIME, nullable=False),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name="fk_account_holders_user_id_users"),
        sa.PrimaryKeyConstraint("id", name="pk_account_holders"),
        sa.UniqueConstraint("user_id", name="uq_account_holders_user_id"),
    )
    op.create_table(
        "audit_logs",
        sa.Column("id", ID, nullable=False),
        sa.Column("user_id", ID, nullable=True),
        sa.Column("event_type", sa.String(length=32), nullable=False),
        sa.Column("resource_type", sa.String(length=32), nullable=True),
        sa.Column("resource_id", ID, nullable=True),
        sa.Column("status", sa.String(length=16), nullable=False),
        sa.Column("ip_address", sa.String(length=45), nullable=True),
        sa.Column("device_id", sa.String(length=128), nullable=True),
        sa.Column("request_id", sa.String(length=64), nullable=True),
        sa.Column("metadata", JSON, nullable=False),
        sa.Column("created_at", TIME, nullable=False),
        sa.Column("finished_at", TIME, nullable=True),
        sa.CheckConstraint("(status = 'pending') = (finished_at IS NULL)", name=op.f("ck_audit_logs_finished")),
        sa.CheckConstraint("status IN ('pending', 'success', 'failure')", name=op.f("ck_audit_logs_status")),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name="fk_audit_logs_user_id_users"),
        sa.PrimaryKeyConstraint("id", name="pk_audit_logs"),
    )
    op.create_index("ix_audit_logs_resource_id", "audit_logs", ["resource_id"], unique=False)
    op.create_index("ix_audit_logs_user_id_created_at_id", "audit_logs", ["user_id", "created_at", "id"], unique=False)
    op.create_table(
        "audit_seals",
        sa.Column("position", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("audit_log_id", ID, nullable=False),
        sa.Column("row_digest", sa.String(length=64), nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("sealed_at", TIME, nullable=False),
        sa.CheckConstraint("position >= 1", name=op.f("ck_audit_seals_position_positive")),
        sa.ForeignKeyConstraint(["audit_log_id"], ["audit_logs.id"], name="fk_audit_seals_audit_log_id_audit_logs"),
        sa.PrimaryKeyConstraint("position", name="pk_audit_seals"),
        sa.UniqueConstraint("audit_log_id", name="uq_audit_seals_audit_log_id"),
    )
    op.create_table(
        "sessions",
        sa.Column("id", ID, nullable=False),
        sa.Column("user_id", ID, nullable=False),
        sa.Column("ip_address", sa.String(length=45), nullable=True),
        sa.Column("device_id", sa.String(length=128), nullable=True),
        sa.Column("created_at", TIME, nullable=False),
        sa.Column("last_used_at", TIME, nullable=False),
        sa.Column("expires_at", TIME, nullable=False),
        sa.Column("revoked_at", TIME, nullable=True),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name="fk_sessions_user_id_users"),
        sa.PrimaryKeyConstraint("id", name="pk_sessions"),
    )
    op.create_index("ix_sessions_expires_at", "sessions", ["expires_at"], unique=False)
    op.create_index("ix_sessions_user_id_id", "sessions", ["user_id", "id"], unique=False)
    op.create_table(
        "second_factors",
        sa.Column("user_id", ID, nullable=False),
        sa.Column("sealed_secret", sa.LargeBinary(), nullable=False),
        sa.Column("last_step", sa.BigInteger(), nullable=True),
        sa.Column("created_at", TIME, nullable=False),
        sa.Column("confirmed_at", TIME, nullable=True),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name="fk_second_factors_user_id_users"),
        sa.PrimaryKeyConstraint("user_id", name="pk_second_factors"),
    )
    op.create_table(
        "recovery_codes",
        sa.Column("id", ID, nullable=False),
        sa.Column("user_id", ID, nullable=False),
        sa.Column("code_hash", sa.String(length=64), nullable=False),
        sa.Column("used_at", TIME, nullable=True),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name="fk_recovery_codes_user_id_users"),
        sa.PrimaryKeyConstraint("id", name="pk_recovery_codes"),
        sa.UniqueConstraint("user_id", "code_hash", name="uq_recovery_codes_user_id_code_hash"),
    )
    op.create_table(
        "accounts",
        sa.Column("id", ID, nullable=False),
        sa.Column("holder_id", ID, nullable=True),
        sa.Column("number", sa.String(length=34), nullable=False),
        sa.Column("type", sa.String(length=16), nullable=False),
        sa.Column("currency", sa.String(length=3), nullable=False),
        sa.Column("balance", sa.BigInteger(), nullable=False),
        sa.Column("held", sa.BigInteger(), nullable=False),
        sa.Column("sequence", sa.BigInteger(), nullable=False),
        sa.Column("last_posted_at", TIME, nullable=True),
        sa.Column("status", sa.String(length=16), nullable=False),
        sa.Column("created_at", TIME, nullable=False),
        sa.CheckConstraint("(type = 'cash') = (holder_id IS NULL)", name=op.f("ck_accounts_cash_has_no_holder")),
        sa.CheckConstraint("status <> 'closed' OR balance = 0", name=op.f("ck_accounts_closed_is_empty")),
        sa.CheckConstraint("status IN ('active', 'frozen', 'closed')", name=op.f("ck_accounts_status")),
        sa.CheckConstraint(
            "type <> 'cash' OR (balance = 0 AND sequence = 0)", name=op.f("ck_accounts_cash_balance_derived")
        ),
        sa.CheckConstraint("type <> 'cash' OR status = 'active'", name=op.f("ck_accounts_cash_stays_active")),
        sa.CheckConstraint("type IN ('checking', 'savings', 'cash')", name=op.f("ck_accounts_type")),
        sa.CheckConstraint("balance BETWEEN 0 AND 9007199254740991", name=op.f("ck_accounts_balance_range")),
        sa.CheckConstraint("held BETWEEN 0 AND balance", name=op.f("ck_accounts_balance_covers_held")),
        sa.CheckConstraint("sequence >= 0", name=op.f("ck_accounts_sequence_positive")),
        sa.ForeignKeyConstraint(["holder_id"], ["account_holders.id"], name="fk_accounts_holder_id_account_holders"),
        sa.PrimaryKeyConstraint("id", name="pk_accounts"),
        sa.UniqueConstraint("number", name="uq_accounts_number"),
    )
    op.create_index("ix_accounts_holder_id_id", "accounts", ["holder_id", "id"], unique=False)
    op.create_table(
        "auth_tokens",
        sa.Column("id", ID, nullable=False),
        sa.Column("user_id", ID, nullable=False),
        sa.Column("session_id", ID, nullable=False),
        sa.Column("jti", ID, nullable=False),
        sa.Column("issued_at", TIME, nullable=False),
        sa.Column("expires_at", TIME, nullable=False),
        sa.Column("revoked_at", TIME, nullable=True),
        sa.ForeignKeyConstraint(["session_id"], ["sessions.id"], name="fk_auth_tokens_session_id_sessions"),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name="fk_auth_tokens_user_id_users"),
        sa.PrimaryKeyConstraint("id", name="pk_auth_tokens"),
        sa.UniqueConstraint("jti", name="uq_auth_tokens_jti"),
    )
    op.create_index("ix_auth_tokens_expires_at", "auth_tokens", ["expires_at"], unique=False)
    op.create_index("ix_auth_tokens_session_id", "auth_tokens", ["session_id"], unique=False)
    op.create_table(
        "refresh_tokens",
        sa.Column("id", ID, nullable=False),
        sa.Column("user_id", ID, nullable=False),
        sa.Column("token_hash", sa.String(length=64), nullable=False),
        sa.Column("family_id", ID, nullable=False),
        sa.Column("issued_at", TIME, nullable=False),
        sa.Column("expires_at", TIME, nullable=False),
        sa.Column("rotated_at", TIME, nullable=True),
        sa.Column("revoked_at", TIME, nullable=True),
        sa.Column("ip_address", sa.String(length=45), nullable=True),
        sa.Column("device_id", sa.String(length=128), nullable=True),
        sa.ForeignKeyConstraint(["family_id"], ["sessions.id"], name="fk_refresh_tokens_family_id_sessions"),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name="fk_refresh_tokens_user_id_users"),
        sa.PrimaryKeyConstraint("id", name="pk_refresh_tokens"),
        sa.UniqueConstraint("token_hash", name="uq_refresh_tokens_token_hash"),
    )
    op.create_index("ix_refresh_tokens_expires_at", "refresh_tokens", ["expires_at"], unique=False)
    op.create_index("ix_refresh_tokens_family_id", "refresh_tokens", ["family_id"], unique=False)
    op.create_table(
        "cards",
        sa.Column("id", ID, nullable=False),
        sa.Column("account_id", ID, nullable=False),
        sa.Column("type", sa.String(length=16), nullable=False),
        sa.Column("last4", sa.String(length=4), nullable=False),
        sa.Column("status", sa.String(length=16), nullable=False),
        sa.Column("expires", sa.Date(), nullable=False),
        sa.Column("limit_per_authorization", sa.BigInteger(), nullable=True),
        sa.Column("limit_per_day", sa.BigInteger(), nullable=True),
        sa.Column("created_at", TIME, nullable=False),
        sa.CheckConstraint(
            "limit_per_authorization BETWEEN 1 AND 1000000000000", name=op.f("ck_cards_limit_per_authorization_range")
        ),
        sa.CheckConstraint("limit_per_day BETWEEN 1 AND 1000000000000", name=op.f("ck_cards_limit_per_day_range")),
        sa.CheckConstraint("status IN ('active', 'blocked', 'terminated')", name=op.f("ck_cards_status")),
        sa.CheckConstraint("type IN ('virtual', 'physical')", name=op.f("ck_cards_type")),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name="fk_cards_account_id_accounts"),
        sa.PrimaryKeyConstraint("id", name="pk_cards"),
    )
    op.create_index("ix_cards_account_id_id", "cards", ["account_id", "id"], unique=False)
    op.create_table(
        "authorizations",
        sa.Column("id", ID, nullable=False),
        sa.Column("card_id", ID, nullable=False),
        sa.Column("account_id", ID, nullable=False),
        sa.Column("amount", sa.BigInteger(), nullable=False),
        sa.Column("captured_amount", sa.BigInteger(), nullable=False),
        sa.Column("currency", sa.String(length=3), nullable=False),
        sa.Column("merchant", sa.String(length=140), nullable=False),
        sa.Column("status", sa.String(length=16), nullable=False),
        sa.Column("decline_reason", sa.String(length=32), nullable=True),
        sa.Column("posting_id", ID, nullable=True),
        sa.Column("expires_at", TIME, nullable=True),
        sa.Column("created_at", TIME, nullable=False),
        sa.Column("finished_at", TIME, nullable=True),
        sa.CheckConstraint(
            "status IN ('pending', 'captured', 'voided', 'expired', 'declined')", name=op.f("ck_authorizations_status")
        ),
        sa.CheckConstraint("amount BETWEEN 1 AND 1000000000000", name=op.f("ck_authorizations_amount_range")),
        sa.CheckConstraint("captured_amount BETWEEN 0 AND amount", name=op.f("ck_authorizations_captured_within_hold")),
        sa.CheckConstraint(
            "(status = 'captured') = (captured_amount > 0)", name=op.f("ck_authorizations_captured_has_amount")
        ),
        sa.CheckConstraint(
            "(status = 'captured') = (posting_id IS NOT NULL)", name=op.f("ck_authorizations_captured_has_posting")
        ),
        sa.CheckConstraint(
            "(status = 'pending') = (finished_at IS NULL)", name=op.f("ck_authorizations_pending_is_not_finished")
        ),
        sa.CheckConstraint(
            "(status = 'declined') = (decline_reason IS NOT NULL)", name=op.f("ck_authorizations_declined_has_reason")
        ),
        sa.CheckConstraint(
            "(status = 'declined') = (expires_at IS NULL)", name=op.f("ck_authorizations_declined_never_expires")
        ),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name="fk_authorizations_account_id_accounts"),
        sa.ForeignKeyConstraint(["card_id"], ["cards.id"], name="fk_authorizations_card_id_cards"),
        sa.ForeignKeyConstraint(
            ["posting_id"],
            ["postings.id"],
            name="fk_authorizations_posting_id_postings",
            initially="DEFERRED",
            deferrable=True,
        ),
        sa.PrimaryKeyConstraint("id", name="pk_authorizations"),
        sa.UniqueConstraint("posting_id", name="uq_authorizations_posting_id"),
    )
    op.create_index(
        "ix_authorizations_card_id_created_at_id", "authorizations", ["card_id", "created_at", "id"], unique=False
    )
    pending = sa.text("status = 'pending'")
    for columns in (["account_id", "expires_at"], ["expires_at"]):
        op.create_index(
            f"ix_authorizations_{'_'.join(columns)}",
            "authorizations",
            columns,
            unique=False,
            postgresql_where=pending,
            sqlite_where=pending,
        )
    op.create_table(
        "transfers",
        sa.Column("id", ID, nullable=False),
        sa.Column("from_account_id", ID, nullable=False),
        sa.Column("to_account_id", ID, nullable=False),
        sa.Column("amount", sa.BigInteger(), nullable=False),
        sa.Column("currency", sa.String(length=3), nullable=False),
        sa.Column("description", sa.String(length=140), nullable=True),
        sa.Column("reverses_transfer_id", ID, nullable=True),
        sa.Column("created_at", TIME, nullable=False),
        sa.CheckConstraint("amount BETWEEN 1 AND 1000000000000", name=op.f("ck_transfers_amount_range")),
        sa.CheckConstraint("from_account_id <> to_account_id", name=op.f("ck_transfers_two_accounts")),
        sa.ForeignKeyConstraint(["from_account_id"], ["accounts.id"], name="fk_transfers_from_account_id_accounts"),
        sa.ForeignKeyConstraint(
            ["id"], ["postings.id"], name="fk_transfers_id_postings", initially="DEFERRED", deferrable=True
        ),
        sa.ForeignKeyConstraint(
            ["reverses_transfer_id"], ["transfers.id"], name="fk_transfers_reverses_transfer_id_transfers"
        ),
        sa.ForeignKeyConstraint(["to_account_id"], ["accounts.id"], name="fk_transfers_to_account_id_accounts"),
        sa.PrimaryKeyConstraint("id", name="pk_transfers"),
        sa.UniqueConstraint("reverses_transfer_id", name="uq_transfers_reverses_transfer_id"),
    )
    op.create_index(
        "ix_transfers_from_account_id_created_at_id",
        "transfers",
        ["from_account_id", "created_at", "id"],
        unique=False,
    )
    op.create_index(
        "ix_transfers_to_account_id_created_at_id",
        "transfers",
        ["to_account_id", "created_at", "id"],
        unique=False,
    )
    op.create_table(
        "transactions",
        sa.Column("id", ID, nullable=False),
        sa.Column("account_id", ID, nullable=False),
        sa.Column("posting_id", ID, nullable=False),
        sa.Column("transfer_id", ID, nullable=True),
        sa.Column("type", sa.String(length=16), nullable=False),
        sa.Column("direction", sa.SmallInteger(), nullable=False),
        sa.Column("amount", sa.BigInteger(), nullable=False),
        sa.Column("currency", sa.String(length=3), nullable=False),
        sa.Column("sequence", sa.BigInteger(), nullable=True),
        sa.Column("balance_after", sa.BigInteger(), nullable=True),
        sa.Column("description", sa.String(length=140), nullable=True),
        sa.Column("created_at", TIME, nullable=False),
        sa.CheckConstraint(
            "(sequence IS NULL) = (type IN ('cash_received', 'cash_paid', 'card_settlement'))",
            name=op.f("ck_transactions_cash_has_no_sequence"),
        ),
        sa.CheckConstraint(
            "(transfer_id IS NOT NULL) = (type IN ('transfer_in', 'transfer_out'))",
            name=op.f("ck_transactions_transfer_type"),
        ),
        sa.CheckConstraint(
            "direction = CASE WHEN type IN ('deposit', 'transfer_in', 'cash_paid', 'card_settlement')"
            " THEN 1 ELSE -1 END",
            name=op.f("ck_transactions_direction"),
        ),
        sa.CheckConstraint(
            "type IN ('deposit', 'withdrawal', 'transfer_in', 'transfer_out', 'card_purchase',"
            " 'cash_received', 'cash_paid', 'card_settlement')",
            name=op.f("ck_transactions_type"),
        ),
        sa.CheckConstraint(
            "(sequence IS NULL) = (balance_after IS NULL)", name=op.f("ck_transactions_sequence_with_balance")
        ),
        sa.CheckConstraint("amount BETWEEN 1 AND 1000000000000", name=op.f("ck_transactions_amount_range")),
        sa.CheckConstraint("balance_after BETWEEN 0 AND 9007199254740991", name=op.f("ck_transactions_balance_range")),
        sa.CheckConstraint(
            "transfer_id IS NULL OR transfer_id = posting_id", name=op.f("ck_transactions_transfer_is_posting")
        ),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name="fk_transactions_account_id_accounts"),
        sa.ForeignKeyConstraint(
            ["posting_id"],
            ["postings.id"],
            name="fk_transactions_posting_id_postings",
            initially="DEFERRED",
            deferrable=True,
        ),
        sa.ForeignKeyConstraint(["transfer_id"], ["transfers.id"], name="fk_transactions_transfer_id_transfers"),
        sa.PrimaryKeyConstraint("id", name="pk_transactions"),
        sa.UniqueConstraint("account_id", "sequence", name="uq_transactions_account_id_sequence"),
    )
    op.create_index(
        "ix_transactions_account_id_created_at_sequence",
        "transactions",
        ["account_id", "created_at", "sequence"],
        unique=False,
    )
    op.create_index(
        "ix_transactions_created_at_account_id_sequence",
        "transactions",
        ["created_at", "account_id", "sequence"],
        unique=False,
    )
    op.create_index("ix_transactions_posting_id", "transactions", ["posting_id"], unique=False)


def downgrade() -> None:
    """Drop the tables."""
    op.drop_table("transactions")
    op.drop_table("transfers")
    op.drop_table("authorizations")
    op.drop_table("cards")
    op.drop_table("refresh_tokens")
    op.drop_table("auth_tokens")
    op.drop_table("accounts")
    op.drop_table("recovery_codes")
    op.drop_table("second_factors")
    op.drop_table("sessions")
    op.drop_table("audit_seals")
    op.drop_table("audit_logs")
    op.drop_table("account_holders")
    op.drop_table("users")
    op.drop_table("postings")
    op.drop_table("login_throttles")
    op.drop_table("idempotency_keys")
