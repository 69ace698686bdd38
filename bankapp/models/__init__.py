"""The tables, one family per module, and the records that rows are read as.

Importing the package completes the metadata.
"""

from bankapp.models.account import Account, AccountRecord
from bankapp.models.account_holder import AccountHolder, AccountHolderRecord
from bankapp.models.annotation import Annotation, AnnotationRecord
from bankapp.models.api_key import ApiKey, ApiKeyRecord
from bankapp.models.audit_log import AuditLog, AuditLogRecord, AuditSeal
from bankapp.models.authorization import Authorization, AuthorizationRecord
from bankapp.models.card import Card, CardLimitsRecord, CardRecord
from bankapp.models.category_rule import CategoryRule, CategoryRuleRecord
from bankapp.models.event import Event, EventRecord, EventSequencer, NumberedEvent
from bankapp.models.idempotency_key import IdempotencyKey, IdempotencyKeyRecord
from bankapp.models.job_lease import JobLease, JobLeaseRecord
from bankapp.models.login_throttle import LoginThrottle, LoginThrottleRecord
from bankapp.models.payee import Payee, PayeeRecord
from bankapp.models.schema_support import SchemaSupport
from bankapp.models.search import SearchProgress, SearchTerm, SearchText
from bankapp.models.second_factor import RecoveryCode, SecondFactor, SecondFactorRecord
from bankapp.models.statement import Statement, StatementRecord
from bankapp.models.transaction import Posting, Transaction, TransactionRecord, Transfer, TransferRecord
from bankapp.models.user import (
    AuthToken,
    RefreshToken,
    RefreshTokenRecord,
    Session,
    SessionRecord,
    User,
    UserRecord,
)
from bankapp.models.webhook import (
    WebhookDelivery,
    WebhookDeliveryRecord,
    WebhookEndpoint,
    WebhookEndpointRecord,
    WebhookFanOut,
)

__all__ = [
    "Account",
    "AccountHolder",
    "AccountHolderRecord",
    "AccountRecord",
    "Annotation",
    "AnnotationRecord",
    "ApiKey",
    "ApiKeyRecord",
    "AuditLog",
    "AuditLogRecord",
    "AuditSeal",
    "AuthToken",
    "Authorization",
    "AuthorizationRecord",
    "Card",
    "CardLimitsRecord",
    "CardRecord",
    "CategoryRule",
    "CategoryRuleRecord",
    "Event",
    "EventRecord",
    "EventSequencer",
    "IdempotencyKey",
    "IdempotencyKeyRecord",
    "JobLease",
    "JobLeaseRecord",
    "LoginThrottle",
    "LoginThrottleRecord",
    "NumberedEvent",
    "Payee",
    "PayeeRecord",
    "Posting",
    "RecoveryCode",
    "RefreshToken",
    "RefreshTokenRecord",
    "SchemaSupport",
    "SearchProgress",
    "SearchTerm",
    "SearchText",
    "SecondFactor",
    "SecondFactorRecord",
    "Session",
    "SessionRecord",
    "Statement",
    "StatementRecord",
    "Transaction",
    "TransactionRecord",
    "Transfer",
    "TransferRecord",
    "User",
    "UserRecord",
    "WebhookDelivery",
    "WebhookDeliveryRecord",
    "WebhookEndpoint",
    "WebhookEndpointRecord",
    "WebhookFanOut",
]
