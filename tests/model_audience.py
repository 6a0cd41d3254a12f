"""A model of an audience in plain Python, written from the documentation. It uses no rule of the product."""

import csv
import unicodedata
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

DAY = 86_400_000
STATUSES = ("Active", "Unconfirmed", "Unsubscribed", "Complained", "Bounced", "Blocked")
SUPPRESSED = STATUSES[2:]
COUNTRIES = {
    "DE": ("de", "DE", "Germany", "DEU"),
    "US": ("us", "US", "united states", "USA"),
    "GB": ("gb", "GB", "United Kingdom"),
    "NO": ("no", "NO", "NORWAY"),
    "CI": ("ci", "CI", "Côte d'Ivoire", "CÔTE D'IVOIRE"),
}


def fold(text: str) -> str:
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", text).casefold())


CODES = {name.casefold(): code for code, names in COUNTRIES.items() for name in names}
CHECKBOX = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}
MEMBERSHIP_STATUSES = {
    "is_active_in_any_of": ("active",),
    "is_not_active_in_any_of": ("active",),
    "has_completed_any_of": ("completed",),
    "has_not_completed_any_of": ("completed",),
    "has_ever_been_in_any_of": ("active", "completed", "removed"),
    "has_never_been_in_any_of": ("active", "completed", "removed"),
}
NEGATIVE_OPERATORS = ("is_not_active_in_any_of", "has_not_completed_any_of", "has_never_been_in_any_of")


class Refused(Exception):
    """The field cannot have the value."""


@dataclass
class Field:
    label: str
    type: str
    options: tuple[str, ...] = ()

    def read(self, sent: Any) -> Any:
        """The saved value; None for a blank one."""
        if sent is None or sent == [] or (isinstance(sent, str) and not sent.strip()):
            return None
        if self.type == "Text Area":
            return sent
        text = sent.strip() if isinstance(sent, str) else sent
        if self.type == "Text":
            return text
        if self.type == "Number":
            return self._number(text)
        if self.type == "Date":
            return date.fromisoformat(text).isoformat()
        if self.type == "Checkbox":
            return text if isinstance(text, bool) else CHECKBOX[text.lower()]
        options = text if isinstance(text, list) else [text]
        if self.type == "Multi Select" and isinstance(text, str) and text not in self.options:
            options = next(csv.reader([text], skipinitialspace=True))
        if not set(options) <= set(self.options):
            raise Refused
        return list(dict.fromkeys(options)) if self.type == "Multi Select" else text

    @staticmethod
    def _number(text: Any) -> Decimal:
        try:
            return Decimal(str(text))
        except ArithmeticError:
            raise Refused from None


@dataclass
class Person:
    """`fields`: public id -> value. `sequences`: public id -> status. Times are in milliseconds."""

    email: str
    status: str
    now: int
    id: str = ""
    name: str = ""
    country: str | None = None
    fields: dict[str, Any] = field(default_factory=dict)
    tags: set[str] = field(default_factory=set)
    sequences: dict[str, str] = field(default_factory=dict)
    subscribed_at: int = 0
    opened_at: int | None = None
    updated_at: int = 0

    def __post_init__(self) -> None:
        self.subscribed_at = self.updated_at = self.now

    def is_cold(self, now: int) -> bool:
        if self.status != "Active":
            return False
        if self.opened_at is None:
            return now - self.subscribed_at >= 30 * DAY
        return now - self.opened_at >= 90 * DAY

    def matches_search(self, text: str) -> bool:
        trimmed = text.strip()
        folded = fold(trimmed)
        return (
            trimmed == self.id
            or trimmed.lower() == self.status.lower()
            or folded in self.email
            or folded in fold(self.name)
        )

    def matches_sequences(self, sequence_ids: list[str], operator: str) -> bool:
        statuses = MEMBERSHIP_STATUSES[operator]
        is_member = any(self.sequences.get(sequence_id) in statuses for sequence_id in sequence_ids)
        return is_member != (operator in NEGATIVE_OPERATORS)


@dataclass
class Audience:
    """`people`: oldest first. `tags`, `sequences`: public id -> name. `segments`: public id -> definition."""

    time_zone: str | None = None
    people: list[Person] = field(default_factory=list)
    tags: dict[str, str] = field(default_factory=dict)
    fields: dict[str, Field] = field(default_factory=dict)
    sequences: dict[str, str] = field(default_factory=dict)
    segments: dict[str, Any] = field(default_factory=dict)

    def find(self, email: str) -> Person | None:
        return next((person for person in self.people if person.email == email), None)

    def today(self, now: int) -> date:
        return datetime.fromtimestamp(now / 1_000, self._zone()).date()

    def change(self, person: Person, sent: dict[str, Any], now: int) -> bool:
        """Applies a request's members. Returns False when nothing changes.

        Raises:
            Refused: a field cannot have its value; nothing is changed.
        """
        values = {key: self.fields[key].read(value) for key, value in sent.get("custom_fields", {}).items()}
        before = (person.email, person.name, person.status, person.country, person.subscribed_at, person.fields)
        person.email = sent.get("email", person.email).strip().lower()
        person.name = unicodedata.normalize("NFC", sent.get("name", person.name).strip())
        person.status = sent.get("status", person.status)
        if "country" in sent:
            person.country = CODES[sent["country"].casefold()] if sent["country"] else None
        if "subscribed_on" in sent:
            person.subscribed_at = self._subscribed_at(
                date.fromisoformat(sent["subscribed_on"]), person.subscribed_at
            )
        person.fields = person.fields | {key: value for key, value in values.items() if value is not None}
        after = (person.email, person.name, person.status, person.country, person.subscribed_at, person.fields)
        if after != before:
            person.updated_at = now
        return after != before

    def tag_id_by_name(self, name: str) -> str | None:
        return next((key for key, other in self.tags.items() if fold(other) == fold(name)), None)

    def select(self, parameters: dict[str, Any], now: int) -> list[Person]:
        """The people of a list with these parameters, newest first."""
        return [person for person in reversed(self.people) if self._matches(person, parameters, now)]

    def _matches(self, person: Person, parameters: dict[str, Any], now: int) -> bool:
        tag_ids, sequence_ids = parameters.get("tag_ids"), parameters.get("sequence_ids")
        negative = parameters.get("tag_operator") == "has_none_of"
        return (
            ("search" not in parameters or person.matches_search(parameters["search"]))
            and ("email" not in parameters or person.email == parameters["email"].strip().lower())
            and parameters.get("status") in (None, person.status)
            and (not parameters.get("cold_only") or person.is_cold(now))
            and (tag_ids is None or bool(person.tags & set(tag_ids)) != negative)
            and (
                sequence_ids is None
                or person.matches_sequences(
                    sequence_ids, parameters.get("sequence_operator", "is_active_in_any_of")
                )
            )
        )

    def _subscribed_at(self, day: date, saved: int) -> int:
        """The start of the day; the saved day keeps its time."""
        if self.today(saved) == day:
            return saved
        return int(datetime(day.year, day.month, day.day, tzinfo=self._zone()).timestamp()) * 1_000

    def _zone(self) -> Any:
        return ZoneInfo(self.time_zone) if self.time_zone else UTC


def text_of(value: Any) -> str:
    """The cell of an export for a value of a custom field."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Decimal):
        text = format(value, "f")
        return (text.rstrip("0").rstrip(".") if "." in text else text) if value else "0"
    if isinstance(value, list):
        return join_list(value)
    return str(value)


def join_list(items: list[str]) -> str:
    quoted = ('"' + item.replace('"', '""') + '"' if set(item) & set(',"\r\n') else item for item in items)
    return ", ".join(quoted)


def rfc3339(moment: int | None) -> str | None:
    """With milliseconds, in UTC."""
    if moment is None:
        return None
    return f"{datetime.fromtimestamp(moment // 1_000, UTC):%Y-%m-%dT%H:%M:%S}.{moment % 1_000:03d}Z"
