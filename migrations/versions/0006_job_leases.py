"""The jobs of the worker: who runs each, when it is due, and how it ended.

Revision: 0006, after 0005
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from migrations.support import ID, TIME

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the table. The worker adds the row of a job when it first sees the job."""
    op.create_table(
        "job_leases",
        sa.Column("name", sa.String(length=40), nullable=False),
        sa.Column("holder", ID, nullable=True),
        sa.Column("leased_until", TIME, nullable=True),
        sa.Column("due_at", TIME, nullable=False),
        sa.Column("last_started_at", TIME, nullable=True),
        sa.Column("last_finished_at", TIME, nullable=True),
        sa.Column("last_success_at", TIME, nullable=True),
        sa.Column("last_outcome", sa.String(length=7), nullable=True),
        sa.Column("last_detail", sa.String(length=200), nullable=True),
        sa.Column("failures", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("last_outcome IN ('success', 'failure')", name=op.f("ck_job_leases_last_outcome")),
        sa.CheckConstraint("(holder IS NULL) = (leased_until IS NULL)", name=op.f("ck_job_leases_lease_complete")),
        sa.PrimaryKeyConstraint("name", name="pk_job_leases"),
    )


def downgrade() -> None:
    """Drop the table."""
    op.drop_table("job_leases")
