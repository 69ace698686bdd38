"""The Flask extensions before :func:`bankapp.create_app` binds them to an application."""

from __future__ import annotations

import flask_smorest
from flask_jwt_extended import JWTManager
from flask_sqlalchemy import SQLAlchemy
from sqlalchemy import MetaData
from sqlalchemy.orm import DeclarativeBase


class Base(DeclarativeBase):
    """The declarative base. Its naming convention gives every constraint a name that migrations can use."""

    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
            "pk": "pk_%(table_name)s",
        }
    )


class Api(flask_smorest.Api):
    """flask-smorest without its own error answers and error documentation: ``api/errors.py`` makes both."""

    DEFAULT_ERROR_RESPONSE_NAME = None

    def _register_error_handlers(self) -> None:
        pass


db = SQLAlchemy(model_class=Base)
"""The tables and the engine. :mod:`bankapp.db` runs statements; the session of this object is not used."""

jwt = JWTManager()
api = Api()
