"""An audience as the documentation has it, in plain Python: nothing of the product's own rules is used here."""

import csv
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
CODES = {name.casefold(): code for code, names in COUNTRIES.items() for name in names}
CHECKBOX = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}
MEMBERSHIPS = {
    "is_active_in_any_of": ("active",),
    "is_not_active_in_any_of": ("active",),
    "has_completed_any_of": ("completed",),
    "has_not_completed_any_of": ("completed",),
    "has_ever_been_in_any_of": ("active", "completed", "removed"),
    "has_never_been_in_any_of": ("active", "completed", "removed"),
}
NEGATIVE_MEMBERSHIPS = ("is_not_active_in_any_of", "has_not_completed_any_of", "has_never_been_in_any_of")


class Refused(Exception):
    """A value that the field cannot have."""


@dataclass
class Field:
    label: str
    type: str
    options: tuple[str, ...] = ()

    def read(self, sent: Any) -> Any:
        """The value as it is saved; None for a blank one."""
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
        chosen = text if isinstance(text, list) else [text]
        if self.type == "Multi Select" and isinstance(text, str) and text not in self.options:
            chosen = next(csv.reader([text], skipinitialspace=True))
        if not set(chosen) <= set(self.options):
            raise Refused
        return list(dict.fromkeys(chosen)) if self.type == "Multi Select" else text

    @staticmethod
    def _number(text: Any) -> Decimal:
        try:
            return Decimal(str(text))
        except ArithmeticError:
            raise Refused from None


@dataclass
class Person:
    """`fields`: custom field's id -> value; `sequences`: id -> status; times in milliseconds."""

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

    def has(self, needle: str) -> bool:
        """Would a search for it show them?"""
        text = needle.strip()
        folded = text.casefold()
        return (
            text == self.id
            or text.lower() == self.status.lower()
            or folded in self.email
            or folded in self.name.casefold()
        )

    def in_any(self, sequence_ids: list[str], operator: str) -> bool:
        found = any(self.sequences.get(one) in MEMBERSHIPS[operator] for one in sequence_ids)
        return found != (operator in NEGATIVE_MEMBERSHIPS)


@dataclass
class Audience:
    """`people`: oldest first. `tags`, `sequences`: id -> name; `segments`: id -> definition."""

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
        """What a request says of somebody; False when it alters nothing.

        Raises:
            Refused: a value cannot be; nothing is altered.
        """
        values = {key: self.fields[key].read(value) for key, value in sent.get("custom_fields", {}).items()}
        before = (person.email, person.name, person.status, person.country, person.subscribed_at, person.fields)
        person.email = sent.get("email", person.email).strip().lower()
        person.name = sent.get("name", person.name).strip()
        person.status = sent.get("status", person.status)
        if "country" in sent:
            person.country = CODES[sent["country"].casefold()] if sent["country"] else None
        if "subscribed_on" in sent:
            person.subscribed_at = self._begin(date.fromisoformat(sent["subscribed_on"]), person.subscribed_at)
        person.fields = person.fields | {key: value for key, value in values.items() if value is not None}
        after = (person.email, person.name, person.status, person.country, person.subscribed_at, person.fields)
        if after != before:
            person.updated_at = now
        return after != before

    def tag(self, name: str) -> str | None:
        return next((key for key, other in self.tags.items() if other.casefold() == name.casefold()), None)

    def listed(self, wanted: dict[str, Any], now: int) -> list[Person]:
        """Whom a list with these parameters shows, newest first."""
        return [person for person in reversed(self.people) if self._shows(person, wanted, now)]

    def _shows(self, person: Person, wanted: dict[str, Any], now: int) -> bool:
        tag_ids, sequence_ids = wanted.get("tag_ids"), wanted.get("sequence_ids")
        without = wanted.get("tag_operator") == "has_none_of"
        return (
            ("search" not in wanted or person.has(wanted["search"]))
            and ("email" not in wanted or person.email == wanted["email"].strip().lower())
            and wanted.get("status") in (None, person.status)
            and (not wanted.get("cold_only") or person.is_cold(now))
            and (tag_ids is None or bool(person.tags & set(tag_ids)) != without)
            and (
                sequence_ids is None
                or person.in_any(sequence_ids, wanted.get("sequence_operator", "is_active_in_any_of"))
            )
        )

    def _begin(self, day: date, saved: int) -> int:
        """The day's begin, but the same day keeps its hour."""
        if self.today(saved) == day:
            return saved
        return int(datetime(day.year, day.month, day.day, tzinfo=self._zone()).timestamp()) * 1_000

    def _zone(self) -> Any:
        return ZoneInfo(self.time_zone) if self.time_zone else UTC


def text_of(value: Any) -> str:
    """A value of a custom field in a cell of an export."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Decimal):
        text = format(value, "f")
        return (text.rstrip("0").rstrip(".") if "." in text else text) if value else "0"
    if isinstance(value, list):
        return joined(value)
    return str(value)


def joined(items: list[str]) -> str:
    quoted = ('"' + item.replace('"', '""') + '"' if set(item) & set(',"\r\n') else item for item in items)
    return ", ".join(quoted)


def written(moment: int | None) -> str | None:
    """RFC 3339, as the contract has it."""
    if moment is None:
        return None
    return f"{datetime.fromtimestamp(moment // 1_000, UTC):%Y-%m-%dT%H:%M:%S}.{moment % 1_000:03d}Z"
