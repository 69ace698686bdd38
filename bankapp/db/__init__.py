"""The database: statements, transactions, and the errors of both.

Every other package imports this module and none of its parts. A statement runs on the connection of the
current application context (:mod:`bankapp.db.connection`). Outside a transaction it commits by itself.
"""

from bankapp.db.connection import (
    close_connection,
    for_dialect,
    guard,
    in_transaction,
    is_sqlite,
    open_connection,
)
from bankapp.db.dialects import dispose, init_app
from bankapp.db.driver_errors import ConstraintViolated, outage_of
from bankapp.db.probes import demand_database, ping
from bankapp.db.statements import (
    change,
    change_without_waiting,
    check_guard,
    insert,
    insert_all,
    one,
    rows,
    rows_if_admitted,
    stream,
    value,
)
from bankapp.db.tables import has_newer_tables, table_refusal
from bankapp.db.transactions import (
    ATTEMPTS,
    OutcomeUnknown,
    after_commit,
    run,
    run_statement,
    snapshot,
)

__all__ = [
    "ATTEMPTS",
    "ConstraintViolated",
    "OutcomeUnknown",
    "after_commit",
    "change",
    "change_without_waiting",
    "check_guard",
    "close_connection",
    "demand_database",
    "dispose",
    "for_dialect",
    "guard",
    "has_newer_tables",
    "in_transaction",
    "init_app",
    "insert",
    "insert_all",
    "is_sqlite",
    "one",
    "open_connection",
    "outage_of",
    "ping",
    "rows",
    "rows_if_admitted",
    "run",
    "run_statement",
    "snapshot",
    "stream",
    "table_refusal",
    "value",
]
