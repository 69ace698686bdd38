"""The Flask extensions, unbound; ``create_app`` binds them to an application."""

from __future__ import annotations

from contextvars import ContextVar
from typing import Any, Final

import flask_smorest
from flask_jwt_extended import JWTManager
from flask_sqlalchemy import SQLAlchemy, session
from sqlalchemy import Connection, Engine, MetaData
from sqlalchemy.orm import DeclarativeBase


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


open_connection: Final[ContextVar[Connection | None]] = ContextVar("bankapp_open_connection", default=None)
"""The connection of the transaction that is open here; ``database.transaction`` sets it."""


class Session(session.Session):
    """Works on the connection of the open transaction; outside of one, on a connection of its own."""

    def get_bind(self, *args: Any, **kwargs: Any) -> Connection | Engine:
        """Return where a statement goes."""
        return open_connection.get() or super().get_bind(*args, **kwargs)


class Api(flask_smorest.Api):
    """Neither answers nor documents errors of its own: ``api/errors.py`` makes them all."""

    DEFAULT_ERROR_RESPONSE_NAME = None

    def _register_error_handlers(self) -> None:
        pass


# Objects stay readable after the commit that wrote them: answers are rendered from them.
db = SQLAlchemy(model_class=Base, session_options={"class_": Session, "expire_on_commit": False})
jwt = JWTManager()
api = Api()
