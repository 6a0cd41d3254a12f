"""The rules for emails, names, countries, statuses and values of custom fields. No other module has such a rule.

Each function that reads a text raises Refused when the text breaks a rule.
"""

import contextlib
import functools
import math
import re
from collections.abc import Callable, Sequence
from datetime import date
from decimal import Decimal
from typing import Any, Final, Literal, cast

import idna

from mailrith_lite.audience import countries, date_formats, mailboxes, number_formats, vocabulary
from mailrith_lite.audience.choices import Choices
from mailrith_lite.audience.column_format import Format
from mailrith_lite.audience.date_formats import DateFormat
from mailrith_lite.audience.number_formats import MAX_NUMBER
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
MAX_QUOTED: Final = 60

# https://html.spec.whatwg.org/multipage/input.html#valid-e-mail-address, lower case
_EMAIL = re.compile(
    r"[a-z0-9.!#$%&'*+/=?^_`{|}~-]+@"
    r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?)*"
)
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


def email_cell(text: str) -> str:
    """As `email`, without what people write around an address: a name, `mailto:`, a comma, invisible characters."""
    try:
        return email(text)
    except Refused as refusal:
        if vocabulary.is_blank(text):
            raise Refused("missing_email", "The email is missing.") from None
        addresses = mailboxes.addresses(text) if len(text) <= mailboxes.MAX_LENGTH else []
        if len(addresses) > 1:
            raise Refused("invalid_email", f"{quoted(text)} has two addresses; keep one of them.") from None
        if not addresses or addresses[0] == text:
            raise
        try:
            return email(addresses[0])
        except Refused:
            raise refusal from None


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
        raise Refused(
            "invalid_status", f"{quoted(text)} is not a known status. The known words are {_known_statuses()}."
        )
    return known


def country(text: str) -> str:
    """The ISO 3166-1 alpha-2 code. The text is an ISO 3166-1 code or a name in any language, ignoring case."""
    code = countries.find(text)
    if code is None:
        message = f"{quoted(text)} is not a country. Use its name or its ISO 3166-1 code."
        raise Refused("invalid_country", message)
    return code


def country_cell(text: str) -> str | None:
    """As `country`; None for a blank cell."""
    code = countries.find(text)
    return code if code is not None or vocabulary.is_blank(text) else country(text)


def has_control(text: str) -> bool:
    """Whether the text has a control character, such as a line end or NUL."""
    return _CONTROL.search(text) is not None


def field_reader(field_type: FieldType, options: Sequence[str], cell_format: Format | None = None) -> CellReader:
    """A function that turns a cell into a value of the custom field, or raises Refused.

    `cell_format`: of the column, for a Date or a Number. None: dates as in ISO 8601, numbers as in JSON.
    """
    match field_type:
        case "Text":
            return _text
        case "Text Area":
            return _text_area
        case "Number":
            return _number if cell_format is None else functools.partial(_number, cell_format=cell_format)
        case "Date":
            date_format = cast(DateFormat, cell_format or "iso")
            return _iso_day if date_format == "iso" else functools.partial(_day, date_format=date_format)
        case "Checkbox":
            return _checkbox
        case "Multi Select":
            return functools.partial(_multiple_choice_cell, Choices(options))
        case "Select (Dropdown)" | "Single Select":
            return functools.partial(_single_choice_cell, Choices(options))


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
        return _multiple_choice(Choices(options), sent)
    raise Refused(
        "invalid_custom_field", f"A value of the type {field_type} is {_JSON_FORMS.get(field_type, 'a text')}."
    )


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
    """Each status with some of its other words."""
    return "; ".join(f"{status} ({', '.join(vocabulary.words_of(status)[1:4])}, …)" for status in STATUSES)


def _refuse_unless_blank(text: str, message: str) -> None:
    """Comes after all readings of the text, because a word for a blank cell can be an option."""
    if not vocabulary.is_blank(text):
        raise Refused("invalid_custom_field", f"{quoted(text)} {message}.")


def _text(text: str) -> str:
    return _text_area(text.strip())


def _text_area(text: str) -> str:
    if len(text) > MAX_TEXT:
        raise Refused("value_too_long", f"A text has at most {MAX_TEXT:,} characters.")
    return text


def _number(text: str, cell_format: Format | None = None) -> int | Decimal | None:
    """The exact number: every digit counts, and trailing zeros of a fraction are removed."""
    digits = text.strip()
    if len(digits) < 16 and digits.isdecimal() and digits.isascii():
        return int(digits)  # most numbers; ten times as fast as the rest of the function
    if len(digits) > MAX_NUMBER:
        raise Refused("value_too_long", f"A number has at most {MAX_NUMBER} characters.")
    plain = number_formats.READERS[cell_format](digits)
    if plain is None or not math.isfinite(float(plain)):
        _refuse_unless_blank(text, f"is not a number such as {number_formats.EXAMPLES[cell_format]}")
        return None
    number = _shortest(Decimal(plain))
    if len(field_text(number)) > MAX_NUMBER:
        raise Refused("value_too_long", f"A number has at most {MAX_NUMBER} characters, written without exponent.")
    return number


def _shortest(number: Decimal) -> int | Decimal:
    if number == number.to_integral_value():
        return int(number)
    return Decimal(format(number, "f").rstrip("0"))  # normalize() rounds to the precision of the context


def day(text: str) -> str:
    """`YYYY-MM-DD` of an ISO 8601 date, without its time."""
    result = None if vocabulary.is_blank(text) else _iso_day(text)
    if result is None:
        raise Refused("invalid_custom_field", "The date is missing.")
    return result


def _iso_day(text: str) -> str | None:
    if len(text) == 10 and _DATE.fullmatch(text):
        with contextlib.suppress(ValueError):  # a day that does not exist is refused below
            return date.fromisoformat(text).isoformat()
    return _day(text, "iso")


def _day(text: str, date_format: DateFormat) -> str | None:
    result = date_formats.read_date(text, date_format)
    if result is None:
        _refuse_unless_blank(text, f"is not a date such as {date_formats.EXAMPLES[date_format]}")
        return None
    return result.isoformat()


def _checkbox(text: str) -> bool | None:
    value = vocabulary.yes_or_no(text)
    if value is None:
        _refuse_unless_blank(text, "is neither yes nor no")
    return value


def _single_choice_cell(choices: Choices, text: str) -> str | None:
    option = choices.find(text)
    if option is None:
        _refuse_unless_blank(text, "is not one of the field's options")
    return option


def _multiple_choice_cell(choices: Choices, text: str) -> list[str] | None:
    chosen = choices.find_all(text)
    if chosen is not None or vocabulary.is_blank(text):
        return chosen or None
    try:
        items = split_list(text)
    except ValueError as error:
        raise Refused("invalid_custom_field", f"{quoted(text)} cannot be read: {error}.") from None
    return _multiple_choice(choices, items)


def _multiple_choice(choices: Choices, items: Sequence[str]) -> list[str] | None:
    """The options in the order of the items, each once."""
    chosen = (_single_choice_cell(choices, item) for item in items)
    return list(dict.fromkeys(option for option in chosen if option is not None)) or None
