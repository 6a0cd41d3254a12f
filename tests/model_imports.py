"""A model of an import: it changes a model audience row by row, and counts the outcomes."""

import csv
import io
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from model_audience import CODES, STATUSES, SUPPRESSED, Audience, Person, Refused

STRICTEST_FIRST = ("Blocked", "Complained", "Bounced", "Unsubscribed")
MAPPED_TYPES = {"Email": "email", "Name": "name", "Country": "country", "Status": "subscriber-status"}


@dataclass
class Import:
    """`rows`: column -> cell. A column is a key of `MAPPED_TYPES`, or the public id of a custom field."""

    rows: list[dict[str, str]]
    columns: list[str]
    tag_ids: list[str] = field(default_factory=list)
    sequence_ids: list[str] = field(default_factory=list)
    new_tag_name: str | None = None

    def body(self) -> dict[str, Any]:
        text = io.StringIO(newline="")
        table = csv.writer(text, quoting=csv.QUOTE_ALL)
        table.writerow(self.columns)
        table.writerows([row[column] for column in self.columns] for row in self.rows)
        return {
            "csv_text": text.getvalue(),
            "mappings": [{"csv_column": column, "field": _mapped_field(column)} for column in self.columns],
            "existing_tag_ids": self.tag_ids,
            "sequence_ids": self.sequence_ids,
            "new_tag_name": self.new_tag_name,
        }

    def apply(self, audience: Audience, tag_ids: list[str], now: int) -> dict[str, int]:
        """Returns the counters of the job. `tag_ids`: including the tag of `new_tag_name`."""
        outcomes: Counter[str] = Counter()
        for row in self.rows:
            try:
                outcomes[self._apply_row(audience, row, tag_ids, now, outcomes)] += 1
            except Refused:
                outcomes["rejected"] += 1
        counts = {f"{name}_count": outcomes[name] for name in ("created", "updated", "unchanged", "rejected")}
        return {
            "rows_total": len(self.rows),
            "rows_processed": len(self.rows),
            "warning_count": outcomes["status_kept"],
            **counts,
        }

    def _apply_row(
        self, audience: Audience, row: dict[str, str], tag_ids: list[str], now: int, outcomes: Counter[str]
    ) -> str:
        """Returns `created`, `updated` or `unchanged`."""
        sent = _request(audience, row)
        person = audience.find(sent["email"])
        if person is None:
            person = Person(sent["email"], "Active", now)
            audience.change(person, sent, now)
            audience.people.append(person)
            self._add_memberships(person, tag_ids)
            return "created"
        if person.status in SUPPRESSED and sent.get("status") in STATUSES[:2]:
            del sent["status"]
            outcomes["status_kept"] += 1
        if person.status in SUPPRESSED and "status" in sent:
            sent["status"] = min(person.status, sent["status"], key=STRICTEST_FIRST.index)
        altered = audience.change(person, sent, now)
        if self._add_memberships(person, tag_ids) or altered:
            person.updated_at = now
            return "updated"
        return "unchanged"

    def _add_memberships(self, person: Person, tag_ids: list[str]) -> bool:
        """Returns False when nothing changes."""
        missing = [key for key in self.sequence_ids if person.sequences.get(key) in (None, "removed")]
        altered = bool(missing) or not set(tag_ids) <= person.tags
        person.tags |= set(tag_ids)
        person.sequences |= dict.fromkeys(missing, "active")
        return altered


def _request(audience: Audience, row: dict[str, str]) -> dict[str, Any]:
    """The row as the members of a request. Blank cells are left out."""
    filled = {column: cell.strip() for column, cell in row.items() if cell.strip()}
    email = filled.get("Email", "").lower()
    if email.count("@") != 1:
        raise Refused
    sent: dict[str, Any] = {"email": email}
    if "Name" in filled:
        sent["name"] = filled["Name"]
    if "Country" in filled:
        if filled["Country"].casefold() not in CODES:
            raise Refused
        sent["country"] = filled["Country"]
    if "Status" in filled:
        sent["status"] = filled["Status"].capitalize()
        if sent["status"] not in STATUSES:
            raise Refused
    sent["custom_fields"] = {key: cell for key, cell in row.items() if key not in MAPPED_TYPES}
    for key, cell in sent["custom_fields"].items():
        audience.fields[key].read(cell)
    return sent


def _mapped_field(column: str) -> dict[str, str]:
    if column in MAPPED_TYPES:
        return {"type": MAPPED_TYPES[column]}
    return {"type": "custom-field", "custom_field_id": column}
