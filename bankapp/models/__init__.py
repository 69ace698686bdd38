"""One table family per module; importing the package makes the metadata complete."""

from bankapp.models.account import Account, AccountView
from bankapp.models.account_holder import AccountHolder
from bankapp.models.audit_log import AuditLog, AuditSeal
from bankapp.models.authorization import Authorization
from bankapp.models.card import Card
from bankapp.models.idempotency_key import IdempotencyKey
from bankapp.models.login_throttle import LoginThrottle
from bankapp.models.second_factor import RecoveryCode, SecondFactor
from bankapp.models.transaction import Posting, Transaction, Transfer
from bankapp.models.user import AuthToken, RefreshToken, Session, User

__all__ = [
    "Account",
    "AccountHolder",
    "AccountView",
    "AuditLog",
    "AuditSeal",
    "AuthToken",
    "Authorization",
    "Card",
    "IdempotencyKey",
    "LoginThrottle",
    "Posting",
    "RecoveryCode",
    "RefreshToken",
    "SecondFactor",
    "Session",
    "Transaction",
    "Transfer",
    "User",
]
