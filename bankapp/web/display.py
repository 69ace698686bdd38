"""Formats money, account numbers, times and names for the pages."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, Final

from bankapp import clock, money
from bankapp.models import AccountRecord
from bankapp.web import locales, zones

# Symbols that stand for one currency only. Every other currency shows its code.
_SYMBOLS: Final = {"EUR": "€", "USD": "$", "GBP": "£", "JPY": "¥", "INR": "₹", "KRW": "₩", "ILS": "₪", "VND": "₫"}

MINUS: Final = "\N{MINUS SIGN}"
_NBSP: Final = "\N{NO-BREAK SPACE}"

TRANSACTION_NAMES: Final = {
    "deposit": "Deposit",
    "withdrawal": "Withdrawal",
    "transfer_in": "Transfer received",
    "transfer_out": "Transfer sent",
    "card_purchase": "Card purchase",
}

EVENT_NAMES: Final = {
    "account_change": "Account changed",
    "account_holder_change": "Personal data changed",
    "account_holder_create": "Personal data added",
    "account_open": "Account opened",
    "api_key_create": "API key created",
    "api_key_revoke": "API key revoked",
    "api_key_roll": "API key renewed",
    "card_change": "Card changed",
    "card_authorization": "Card payment authorized",
    "card_capture": "Card payment captured",
    "card_issue": "Card issued",
    "card_void": "Card hold released",
    "category_rule_change": "Category rule changed",
    "category_rule_create": "Category rule made",
    "category_rule_delete": "Category rule deleted",
    "login": "Sign-in",
    "logout": "Sign-out",
    "otp_confirm": "Second factor switched on",
    "otp_disable": "Second factor switched off",
    "otp_enrol": "Second factor set-up started",
    "otp_recovery_codes": "Recovery codes renewed",
    "password_change": "Password changed",
    "payee_change": "Payee changed",
    "payee_create": "Payee saved",
    "payee_delete": "Payee removed",
    "payee_trust": "Payee trusted",
    "payee_untrust": "Payee no longer trusted",
    "payee_verification": "Payee's name checked",
    "reversal": "Transfer reversed",
    "session_revoke": "Session ended",
    "signup": "Sign-up",
    "staff_access": "Viewed by staff",
    "token_refresh": "Session renewed",
    "token_reuse": "Session ended: refresh token used twice",
    "transfer_batch": "Batch of transfers",
    "webhook_endpoint_change": "Webhook endpoint changed",
    "webhook_endpoint_create": "Webhook endpoint made",
    "webhook_endpoint_delete": "Webhook endpoint deleted",
    "webhook_endpoint_disable": "Webhook endpoint disabled",
    "webhook_endpoint_replay": "Events sent again",
    "webhook_endpoint_rotate": "Webhook secret renewed",
    "webhook_endpoint_test": "Webhook endpoint tested",
}


@dataclass(frozen=True, slots=True)
class MoneyParts:
    """The parts of an amount, which a page can style separately. ``sign`` is empty or a minus.

    The symbol stands before or behind the digits, with its space; the other place is empty.
    """

    sign: str
    before: str
    whole: str
    decimals: str
    behind: str

    def __str__(self) -> str:
        """Return the amount as one text: ``−€1,234.56``."""
        return "".join((self.sign, self.before, self.whole, self.decimals, self.behind))


def money_parts(amount: int, code: str) -> MoneyParts:
    """Split ``amount`` (minor units) into its parts, with the decimals of its currency: JPY none, KWD three."""
    from babel.numbers import format_decimal  # noqa: PLC0415 - only the pages need it

    locale = locales.locale()
    whole, point, part = money.to_major(abs(amount), code).partition(".")
    symbol = _SYMBOLS.get(code, code)
    # Such as "¤#,##0.00" or "#,##0.00 ¤" with a no-break space (Unicode CLDR).
    pattern = locale.currency_formats["standard"].pattern.partition(";")[0]
    is_before = pattern.startswith("¤")
    space = _NBSP if symbol == code or _NBSP in pattern else ""
    return MoneyParts(
        sign=MINUS if amount < 0 else "",
        before=symbol + space if is_before else "",
        whole=format_decimal(int(whole), locale=locale),
        decimals=locales.decimal_point() + part if point else "",
        behind="" if is_before else space + symbol,
    )


def money_text(amount: int, code: str) -> str:
    """Format ``amount`` (minor units) as one text: ``123456, "EUR"`` → ``€1,234.56``."""
    return str(money_parts(amount, code))


def iban(number: str) -> str:
    """Format an IBAN in groups of four (ISO 13616, print format)."""
    return " ".join(number[at : at + 4] for at in range(0, len(number), 4))


def day(value: date | datetime) -> str:
    """Format a day: ``24 November 2026``."""
    return _date(value, "long")


def short_day(value: date | datetime) -> str:
    """Format a day in short form: ``24 Nov``."""
    return _skeleton(value, "MMMd")


def month(value: date) -> str:
    """Format the month of a day: ``November 2026``."""
    return _skeleton(value, "yMMMM")


def month_name(value: date) -> str:
    """Format the month of a day without its year: ``November``."""
    return _date(value, "LLLL")


def _skeleton(value: date, skeleton: str) -> str:
    # A set of fields, to which each locale has a pattern (Unicode CLDR).
    from babel.dates import format_skeleton  # noqa: PLC0415 - only the pages need it

    return str(format_skeleton(skeleton, value, locale=locales.locale()))


def _date(value: date | datetime, format: str) -> str:
    from babel.dates import format_date  # noqa: PLC0415 - only the pages need it

    return str(format_date(value, format, locales.locale()))


def near_day(value: datetime) -> str:
    """Format the day of a time, in the viewer's zone, as Today, Yesterday or the date."""
    today = zones.local(clock.now()).date()
    names = {today: "Today", today - timedelta(days=1): "Yesterday"}
    local_day = zones.local(value).date()
    return names.get(local_day) or day(local_day)


def moment(value: datetime) -> str:
    """Format a time in the viewer's zone: ``24 Nov 2026, 09:30 UTC``."""
    local = zones.local(value)
    zone = f"{local:%Z}"
    # Zones without letters have an offset for a name.
    return f"{_date(local, 'medium')}, {local:%H:%M} {'UTC' if zone[:1] in '+-' else ''}{zone}"


def clock_time(value: datetime, format: str = "%H:%M") -> str:
    """Format the time of day in the viewer's zone: ``09:30``."""
    return zones.local(value).strftime(format)


def account_name(account: AccountRecord) -> str:
    """Return what the owner calls an account, or its type: ``Checking account``.

    The owner's name stands between U+2068 and U+2069, so that its direction does not turn the words beside it.
    """
    return f"\u2068{account.name}\u2069" if account.name else f"{words(account.type)} account"


def transaction_name(type: str) -> str:
    """Return the name of a transaction type."""
    return TRANSACTION_NAMES.get(type) or words(type)


def event_name(event_type: str) -> str:
    """Return the name of an event type of the audit log."""
    return EVENT_NAMES.get(event_type) or words(event_type)


def words(identifier: str) -> str:
    """Turn an identifier into words: ``card_issue`` → ``Card issue``."""
    return identifier.replace("_", " ").capitalize()


FILTERS: Final[dict[str, Callable[..., Any]]] = {
    "account_name": account_name,
    "clock_time": clock_time,
    "day": day,
    "event_name": event_name,
    "iban": iban,
    "moment": moment,
    "money": money_text,
    "money_parts": money_parts,
    "month": month,
    "month_name": month_name,
    "near_day": near_day,
    "short_day": short_day,
    "timestamp": clock.to_text,
    "transaction_name": transaction_name,
    "words": words,
}
