"""Public ids: made from the integer ids of the database and decoded without a look-up.

A public id is a readable prefix and 13 letters or digits: the integer times an odd constant modulo 2^64, in
Crockford's base 32. Two ids in a row look unrelated, every id has one spelling, and nothing is stored. An id is not
a secret: workspaces are separate because every query names its workspace.
"""

import secrets
from collections.abc import Callable
from contextvars import ContextVar
from typing import Final

API_KEY: Final = "api_key"
AUDIT_ENTRY: Final = "audit_entry"
CHANGE: Final = "change"
CUSTOM_FIELD: Final = "custom_field"
DELIVERY: Final = "delivery"
EVENT: Final = "event"
IMPORT_JOB: Final = "import_job"
SEGMENT: Final = "segment"
SEQUENCE: Final = "sequence"
SUBSCRIBER: Final = "subscriber"
TAG: Final = "tag"
UPLOAD: Final = "upload"
WEBHOOK_SUBSCRIPTION: Final = "webhook_subscription"
WORKSPACE: Final = "workspace"

_DIGITS = "0123456789abcdefghjkmnpqrstvwxyz"
_PAIRS = [first + second for first in _DIGITS for second in _DIGITS]
_VALUES = {digit: value for value, digit in enumerate(_DIGITS)}
_LENGTH = 13
_MODULUS = 1 << 64
_FACTOR = 0x9E3779B97F4A7C15  # 2^64 divided by the golden ratio: odd, so it has an inverse
_INVERSE = pow(_FACTOR, -1, _MODULUS)


def _random() -> str:
    return secrets.token_hex(12)


_request_names: ContextVar[Callable[[], str]] = ContextVar("request_names", default=_random)


def new_request_id() -> str:
    return f"req_{_request_names.get()()}"


def use_request_names(source: Callable[[], str]) -> None:
    """Makes request ids from `source()`, in this context and in the tasks and threads that start from it."""
    _request_names.set(source)


def encode(prefix: str, number: int) -> str:
    mixed = number * _FACTOR % _MODULUS
    high, low = mixed >> 30, mixed & (1 << 30) - 1
    return (
        f"{prefix}_{_DIGITS[high >> 30]}{_PAIRS[high >> 20 & 1023]}{_PAIRS[high >> 10 & 1023]}{_PAIRS[high & 1023]}"
        f"{_PAIRS[low >> 20]}{_PAIRS[low >> 10 & 1023]}{_PAIRS[low & 1023]}"
    )


def decode(prefix: str, public_id: str) -> int | None:
    """The integer of a public id with this prefix; None for any other text."""
    head, separator, digits = public_id.rpartition("_")
    if not separator or head != prefix or len(digits) != _LENGTH:
        return None
    mixed = 0
    for digit in digits:
        value = _VALUES.get(digit)
        if value is None:
            return None
        mixed = mixed << 5 | value
    if mixed >= _MODULUS:
        return None
    number = mixed * _INVERSE % _MODULUS
    return number if 0 < number < 1 << 63 else None
