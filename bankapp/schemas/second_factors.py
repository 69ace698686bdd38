"""Wire shapes of the second factor."""

from __future__ import annotations

from typing import Final

from marshmallow import fields

from bankapp.schemas.auth import current_password, one_time_password
from bankapp.schemas.base import BaseSchema

EXAMPLE_SECRET: Final = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"  # noqa: S105 - an example in the documentation
EXAMPLE_CODE: Final = "MZXW-6YTB-OI4D-GNBV-GY3T-QOJ2"


class Enrol(BaseSchema):
    """The password, as a confirmation."""

    password = current_password()


class Confirm(BaseSchema):
    """The first code of the authenticator app."""

    otp = one_time_password(required=True)


class Proof(BaseSchema):
    """Password and code together."""

    password = current_password()
    otp = one_time_password(required=True)


class Status(BaseSchema):
    """Whether a second factor is asked for."""

    enabled = fields.Boolean(metadata={"example": True})
    recovery_codes_left = fields.Integer(metadata={"example": 10})


class Enrolment(BaseSchema):
    """What an authenticator app needs: the secret (Base32), and the same as a URI for a QR code."""

    secret = fields.String(metadata={"example": EXAMPLE_SECRET})
    otpauth_uri = fields.String(
        metadata={"example": f"otpauth://totp/bankapp:ada%40example.com?secret={EXAMPLE_SECRET}&issuer=bankapp"}
    )


class RecoveryCodes(BaseSchema):
    """Codes that work once each; shown in this answer only."""

    recovery_codes = fields.List(fields.String(metadata={"example": EXAMPLE_CODE}))
