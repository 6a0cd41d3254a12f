"""What a valid email, name, country, status and custom-field value is: the one place that decides."""

import contextlib
import functools
import math
import re
from collections.abc import Callable, Sequence
from datetime import date
from decimal import Decimal
from typing import Any, Final, Literal, get_args

import idna

from mailrith_lite.cells import join_list, split_list

Status = Literal["Active", "Unconfirmed", "Unsubscribed", "Complained", "Bounced", "Blocked"]
FieldType = Literal[
    "Text", "Number", "Date", "Select (Dropdown)", "Single Select", "Multi Select", "Text Area", "Checkbox"
]
FieldValue = str | int | Decimal | bool | list[str]
RefusalCode = Literal[
    "missing_email",
    "invalid_email",
    "invalid_status",
    "invalid_country",
    "invalid_custom_field",
    "value_too_long",
    "too_many_columns",
]

STATUSES: Final[tuple[Status, ...]] = get_args(Status)
SUPPRESSED: Final = frozenset(["Unsubscribed", "Complained", "Bounced", "Blocked"])
"""Nobody is lifted out of these by an import."""
CHOICE_TYPES: Final = frozenset(["Select (Dropdown)", "Single Select", "Multi Select"])

MAX_EMAIL: Final = 254
MAX_NAME: Final = 200
MAX_TEXT: Final = 10_000
MAX_NUMBER: Final = 100

# https://html.spec.whatwg.org/multipage/input.html#valid-e-mail-address, lower case
_EMAIL = re.compile(
    r"[a-z0-9.!#$%&'*+/=?^_`{|}~-]+@"
    r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?)*"
)
_NUMBER = re.compile(r"[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]{1,3})?", re.ASCII)
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", re.ASCII)
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")
_CHECKBOX = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}
_STATUS_BY_KEY: Final[dict[str, Status]] = {status.lower(): status for status in STATUSES}

_JSON_FORMS = {"Number": "a number", "Checkbox": "true or false", "Multi Select": "a list of options"}


class Refused(ValueError):
    """A value breaks a rule; `code` is the row error's code, the text says what to change."""

    def __init__(self, code: RefusalCode, message: str) -> None:
        super().__init__(message)
        self.code: RefusalCode = code
        self.message = message


def email(text: str) -> str:
    """Trimmed, lower-cased, with its domain in ASCII."""
    address = text.strip()
    if not address:
        raise Refused("missing_email", "The email is missing.")
    if len(address) <= MAX_EMAIL and not address.isascii():
        local, _, domain = address.rpartition("@")
        address = f"{local}@{_ascii_domain(domain)}"
    if len(address) > MAX_EMAIL:
        raise Refused("value_too_long", f"An email has at most {MAX_EMAIL} characters.")
    lowered = address.lower()
    if not address.isascii() or not _EMAIL.fullmatch(lowered):  # lower() makes an ASCII k of the Kelvin sign
        raise Refused("invalid_email", "This is not an email address.")
    return lowered


def name(text: str) -> str:
    trimmed = text.strip()
    if len(trimmed) > MAX_NAME:
        raise Refused("value_too_long", f"A name has at most {MAX_NAME} characters.")
    return trimmed


def status(text: str) -> Status:
    """In any case."""
    found = _STATUS_BY_KEY.get(text.strip().lower())
    if found is None:
        raise Refused("invalid_status", f"A status is one of {', '.join(STATUSES)}.")
    return found


def country(text: str) -> str:
    """The ISO 3166-1 alpha-2 code of a code or a name, in any case."""
    code = _countries().get(text.strip().casefold())
    if code is None:
        raise Refused("invalid_country", "A country is an ISO 3166-1 code or an English country name.")
    return code


def has_control(text: str) -> bool:
    """Is there a line end, a NUL or another control character in it? Labels and tags' names have none."""
    return _CONTROL.search(text) is not None


def field_reader(field_type: FieldType, options: Sequence[str]) -> Callable[[str], FieldValue]:
    """The function that turns a non-blank cell into a value of this custom field, or raises Refused."""
    match field_type:
        case "Text":
            return _text
        case "Text Area":
            return _text_area
        case "Number":
            return _number
        case "Date":
            return day
        case "Checkbox":
            return _checkbox
        case "Multi Select":
            return functools.partial(_choices, frozenset(options))
        case "Select (Dropdown)" | "Single Select":
            return functools.partial(_choice, frozenset(options))


def field_value(field_type: FieldType, options: Sequence[str], sent: Any) -> FieldValue | None:
    """What a JSON value is worth in this custom field; None for a blank one. A text counts as it would in a cell.

    Raises:
        Refused: it is no value of the field.
    """
    if isinstance(sent, str):
        return field_reader(field_type, options)(sent) if sent and not sent.isspace() else None
    if sent is None or sent == []:
        return None
    if isinstance(sent, bool):
        if field_type == "Checkbox":
            return sent
    elif isinstance(sent, int | Decimal):
        if field_type == "Number":
            return _number(str(sent))
    elif isinstance(sent, list) and field_type == "Multi Select" and all(isinstance(item, str) for item in sent):
        return _listed(frozenset(options), sent)
    raise Refused(
        "invalid_custom_field", f"A value of the type {field_type} is {_JSON_FORMS.get(field_type, 'a text')}."
    )


def field_text(value: Any) -> str:
    """A custom-field value as the text that an export writes and an import reads back."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list):
        return join_list(value)
    return format(value, "f") if isinstance(value, Decimal) else str(value)


def _ascii_domain(domain: str) -> str:
    try:
        return idna.encode(domain, uts46=True).decode("ascii")
    except (idna.IDNAError, UnicodeError):
        raise Refused("invalid_email", "The email's domain is not a valid domain.") from None


@functools.cache
def _countries() -> dict[str, str]:
    import pycountry  # 0.1 s: only who imports a country pays for it

    fields = ("name", "official_name", "common_name", "alpha_3", "alpha_2")
    return {
        getattr(entry, field).casefold(): entry.alpha_2
        for field in fields  # codes last: they win over a name that looks like one
        for entry in pycountry.countries
        if hasattr(entry, field)
    }


def _text(text: str) -> str:
    return _text_area(text.strip())


def _text_area(text: str) -> str:
    if len(text) > MAX_TEXT:
        raise Refused("value_too_long", f"A text has at most {MAX_TEXT:,} characters.")
    return text


def _number(text: str) -> int | Decimal:
    """Exact: a decimal keeps every digit, and 1.50 is 1.5."""
    digits = text.strip()
    if len(digits) < 16 and digits.isdecimal() and digits.isascii():
        return int(digits)  # most numbers, and ten times as quick
    if len(digits) > MAX_NUMBER:
        raise Refused("value_too_long", f"A number has at most {MAX_NUMBER} characters.")
    if not _NUMBER.fullmatch(digits) or not math.isfinite(float(digits)):
        raise Refused("invalid_custom_field", "A number is a finite decimal such as 12.5.")
    number = _shortest(Decimal(digits))
    if len(field_text(number)) > MAX_NUMBER:
        raise Refused("value_too_long", f"A number has at most {MAX_NUMBER} characters, written without exponent.")
    return number


def _shortest(number: Decimal) -> int | Decimal:
    if number == number.to_integral_value():
        return int(number)
    return Decimal(format(number, "f").rstrip("0"))  # normalize() would round to the context's precision


def day(text: str) -> str:
    """`YYYY-MM-DD`."""
    trimmed = text.strip()
    if _DATE.fullmatch(trimmed):
        with contextlib.suppress(ValueError):  # the 30th of February: refused below, like any other text
            return date.fromisoformat(trimmed).isoformat()
    raise Refused("invalid_custom_field", "A date is written YYYY-MM-DD.")


def _checkbox(text: str) -> bool:
    value = _CHECKBOX.get(text.strip().lower())
    if value is None:
        raise Refused("invalid_custom_field", "A checkbox is true, false, yes, no, 1 or 0.")
    return value


def _choice(options: frozenset[str], text: str) -> str:
    chosen = text.strip()
    if chosen not in options:
        raise Refused("invalid_custom_field", "The value is not one of the field's options.")
    return chosen


def _choices(options: frozenset[str], text: str) -> list[str]:
    """In the order given, each option once."""
    try:
        chosen = split_list(text)
    except ValueError as error:
        raise Refused("invalid_custom_field", f"The options cannot be told apart: {error}.") from None
    return _listed(options, chosen)


def _listed(options: frozenset[str], chosen: list[str]) -> list[str]:
    distinct = list(dict.fromkeys(item.strip() for item in chosen))
    if not options.issuperset(distinct):
        raise Refused("invalid_custom_field", "A value is not one of the field's options.")
    return distinct
