"""The rules for emails, names, countries, statuses and values of custom fields. No other module has such a rule.

Each function that reads a text raises Refused when the text breaks a rule.
"""

import contextlib
import functools
import math
import re
from collections.abc import Callable, Mapping, Sequence
from datetime import date
from decimal import Decimal
from typing import Any, Final, Literal

import idna

from mailrith_lite.audience import countries, vocabulary
from mailrith_lite.audience.vocabulary import STATUSES, Status
from mailrith_lite.cells import join_list, split_list
from mailrith_lite.unicode_forms import compose

FieldType = Literal[
    "Text", "Number", "Date", "Select (Dropdown)", "Single Select", "Multi Select", "Text Area", "Checkbox"
]
FieldValue = str | int | Decimal | bool | list[str]
CellReader = Callable[[str], FieldValue | None]
"""Reads a cell; None for a blank one, such as N/A in a typed cell."""
RefusalCode = Literal[
    "missing_email",
    "invalid_email",
    "invalid_status",
    "invalid_country",
    "invalid_custom_field",
    "invalid_date",
    "value_too_long",
    "too_many_columns",
]

CHOICE_TYPES: Final = frozenset(["Select (Dropdown)", "Single Select", "Multi Select"])

MAX_EMAIL: Final = 254
MAX_NAME: Final = 200
MAX_TEXT: Final = 10_000
MAX_NUMBER: Final = 100
MAX_QUOTED: Final = 60

# https://html.spec.whatwg.org/multipage/input.html#valid-e-mail-address, lower case
_EMAIL = re.compile(
    r"[a-z0-9.!#$%&'*+/=?^_`{|}~-]+@"
    r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?)*"
)
_NUMBER = re.compile(r"[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]{1,3})?", re.ASCII)
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", re.ASCII)
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")
_STATUS_BY_NAME: Final[dict[str, Status]] = {status.lower(): status for status in STATUSES}

_JSON_FORMS = {"Number": "a number", "Checkbox": "true or false", "Multi Select": "a list of options"}


class Refused(ValueError):
    """A value breaks a rule. `code`: that of the row error. `message`: a sentence that says what to change."""

    def __init__(self, code: RefusalCode, message: str) -> None:
        super().__init__(message)
        self.code: RefusalCode = code
        self.message = message


def quoted(text: str) -> str:
    """The beginning of the value for a message, in quotation marks and on one line."""
    trimmed = text.strip()
    start = " ".join(_CONTROL.sub(" ", trimmed[: 2 * MAX_QUOTED]).split())
    if len(start) > MAX_QUOTED or len(trimmed) > 2 * MAX_QUOTED:
        start = start[: MAX_QUOTED - 1] + "…"
    return f'"{start}"'


def email(text: str) -> str:
    """Trimmed and lower-case, with the domain in ASCII."""
    address = text.strip()
    if not address:
        raise Refused("missing_email", "The email is missing.")
    if len(address) <= MAX_EMAIL and not address.isascii():
        local, _, domain = address.rpartition("@")
        address = f"{local}@{_ascii_domain(domain)}"
    if len(address) > MAX_EMAIL:
        raise Refused("value_too_long", f"An email has at most {MAX_EMAIL} characters.")
    lowered = address.lower()
    if not address.isascii() or not _EMAIL.fullmatch(lowered):  # lower() makes a k of the Kelvin sign
        raise Refused("invalid_email", f"{quoted(text)} is not an email address.")
    return lowered


def name(text: str) -> str:
    """Trimmed, in the normal form NFC."""
    trimmed = compose(text.strip())
    if len(trimmed) > MAX_NAME:
        raise Refused("value_too_long", f"A name has at most {MAX_NAME} characters.")
    return trimmed


def status(text: str) -> Status:
    """One of the six statuses, ignoring case."""
    known = _STATUS_BY_NAME.get(text.strip().lower())
    if known is None:
        raise Refused(
            "invalid_status", f"{quoted(text)} is not a status. A status is one of {', '.join(STATUSES)}."
        )
    return known


def status_cell(text: str) -> Status | None:
    """A status in the words of any tool; None for a blank cell."""
    known = vocabulary.status_of(text)
    if known is None and not vocabulary.is_blank(text):
        raise Refused("invalid_status", f"{quoted(text)} is not a known status. Known are {_known_statuses()}.")
    return known


def country(text: str) -> str:
    """The ISO 3166-1 alpha-2 code. The text is an ISO 3166-1 code or a name in any language, ignoring case."""
    code = countries.find(text.strip())
    if code is None:
        message = f"{quoted(text)} is not a country. Use its name or its ISO 3166-1 code."
        raise Refused("invalid_country", message)
    return code


def country_cell(text: str) -> str | None:
    """As `country`; None for a blank cell."""
    return None if vocabulary.is_blank(text) else country(text)


def has_control(text: str) -> bool:
    """Whether the text has a control character, such as a line end or NUL."""
    return _CONTROL.search(text) is not None


def field_reader(field_type: FieldType, options: Sequence[str]) -> CellReader:
    """A function that turns a cell into a value of the custom field, or raises Refused."""
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
            return functools.partial(_multiple_choice_cell, option_by_text(options))
        case "Select (Dropdown)" | "Single Select":
            return functools.partial(_single_choice, option_by_text(options))


def field_value(field_type: FieldType, options: Sequence[str], sent: Any) -> FieldValue | None:
    """The value of the custom field for a JSON value; None for a blank one. A text is read like a cell.

    Raises:
        Refused: the field cannot have this value.
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
        return _multiple_choice(option_by_text(options), sent)
    raise Refused(
        "invalid_custom_field", f"A value of the type {field_type} is {_JSON_FORMS.get(field_type, 'a text')}."
    )


def option_by_text(options: Sequence[str]) -> dict[str, str]:
    """The normal form NFC of each option -> the option. Options of an older database can have another form."""
    return {compose(option): option for option in options}


def field_text(value: Any) -> str:
    """The value as an export writes it. `field_reader` reads the same value back."""
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
def _known_statuses() -> str:
    """Each status with the two most usual of its other words."""
    others = {
        status: [word for word in vocabulary.words_of(status) if word != status.lower()] for status in STATUSES
    }
    return "; ".join(f"{status} ({', '.join(others[status][:3])}, …)" for status in STATUSES)


def _text(text: str) -> str:
    return _text_area(text.strip())


def _text_area(text: str) -> str:
    if len(text) > MAX_TEXT:
        raise Refused("value_too_long", f"A text has at most {MAX_TEXT:,} characters.")
    return text


def _number(text: str) -> int | Decimal:
    """The exact number: every digit counts, and trailing zeros of a fraction go."""
    digits = text.strip()
    if len(digits) < 16 and digits.isdecimal() and digits.isascii():
        return int(digits)  # most numbers; ten times as fast as the rest of the function
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
    return Decimal(format(number, "f").rstrip("0"))  # normalize() rounds to the precision of the context


def day(text: str) -> str:
    """`YYYY-MM-DD`."""
    trimmed = text.strip()
    if _DATE.fullmatch(trimmed):
        with contextlib.suppress(ValueError):  # a day that does not exist is refused below
            return date.fromisoformat(trimmed).isoformat()
    raise Refused("invalid_custom_field", "A date is written YYYY-MM-DD.")


def _checkbox(text: str) -> bool | None:
    value = vocabulary.yes_or_no(text)
    if value is None and not vocabulary.is_blank(text):
        raise Refused("invalid_custom_field", f"{quoted(text)} is neither yes nor no.")
    return value


def _single_choice(options: Mapping[str, str], text: str) -> str:
    option = options.get(compose(text.strip()))
    if option is None:
        raise Refused("invalid_custom_field", "The value is not one of the field's options.")
    return option


def _multiple_choice_cell(options: Mapping[str, str], text: str) -> list[str]:
    """The options in the order of the text, each once."""
    try:
        chosen = split_list(text)
    except ValueError as error:
        raise Refused("invalid_custom_field", f"The list of options cannot be read: {error}.") from None
    return _multiple_choice(options, chosen)


def _multiple_choice(options: Mapping[str, str], chosen: list[str]) -> list[str]:
    texts = [compose(item.strip()) for item in chosen]
    if not options.keys() >= set(texts):
        raise Refused("invalid_custom_field", "A value is not one of the field's options.")
    return list(dict.fromkeys(options[text] for text in texts))
