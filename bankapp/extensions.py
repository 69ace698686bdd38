"""The Flask extensions, unbound; ``create_app`` binds them to an application."""

from __future__ import annotations

from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, Final

import flask_smorest
from flask_jwt_extended import JWTManager
from flask_sqlalchemy import SQLAlchemy, session
from sqlalchemy import Connection, Engine, MetaData
from sqlalchemy.orm import DeclarativeBase

if TYPE_CHECKING:
    from bankapp.gate import Gate


class Base(DeclarativeBase):
    """The declarative base; its naming convention gives every constraint a name migrations can use."""

    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
            "pk": "pk_%(table_name)s",
        }
    )


class Kept:
    """The connection of a request, taken when the first statement asks for it; ``gate`` stands before it."""

    def __init__(self) -> None:
        self._connection: Connection | None = None
        self.gate: Gate | None = None

    def connection(self) -> Connection:
        """Return it. Raises TimeoutError when the pool has none, and whatever keeps the request out at the gate."""
        if (gate := self.closed_gate()) is not None:
            gate.ask(self.behind_gate())
        return self.behind_gate()

    def closed_gate(self) -> Gate | None:
        """Return the gate if nothing has passed it yet."""
        return None if self.gate is None or self.gate.is_open else self.gate

    def behind_gate(self) -> Connection:
        """Return the connection for a statement that passes the gate itself."""
        if self._connection is None:
            self._connection = db.engine.connect()
        return self._connection

    def close(self) -> None:
        """Give it back to the pool."""
        if self._connection is not None:
            self._connection.close()


kept: Final[ContextVar[Kept | None]] = ContextVar("bankapp_kept_connection", default=None)
"""What ``connections.keep`` set."""

open_connection: Final[ContextVar[Connection | None]] = ContextVar("bankapp_open_connection", default=None)
"""The connection of the transaction that is open here; ``database.transaction`` sets it."""


class Session(session.Session):
    """Works on the connection of the open transaction, or of the request; else on one of its own."""

    def get_bind(self, *args: Any, **kwargs: Any) -> Connection | Engine:
        """Return where a statement goes."""
        if (connection := open_connection.get()) is not None:
            return connection
        if (request := kept.get()) is not None:
            return request.connection()
        return super().get_bind(*args, **kwargs)


class Api(flask_smorest.Api):
    """Neither answers nor documents errors of its own: ``api/errors.py`` makes them all."""

    DEFAULT_ERROR_RESPONSE_NAME = None

    def _register_error_handlers(self) -> None:
        pass


# Objects stay readable after the commit that wrote them: answers are rendered from them.
db = SQLAlchemy(model_class=Base, session_options={"class_": Session, "expire_on_commit": False})
jwt = JWTManager()
api = Api()
