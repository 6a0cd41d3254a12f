"""The fields of a subscriber that a column can be mapped to, in one table.

A new field is an entry here, its member and SQL in `audience.bulk`, a migration if it has a column of its own, and
a line in docs/imports.md.
"""

from collections.abc import Callable
from typing import Literal

import msgspec

from mailrith_lite.audience import list_cells, sequences, tags, values
from mailrith_lite.audience.column_format import Format
from mailrith_lite.audience.custom_fields import CustomField

MappedType = Literal[
    "email",
    "name",
    "first-name",
    "last-name",
    "country",
    "subscriber-status",
    "tags",
    "sequences",
    "subscribed-at",
    "last-opened-at",
    "custom-field",
    "new-custom-field",
]
Reader = Callable[[str], values.FieldValue | tuple[str, ...] | None]
"""Reads a filled cell, or raises Refused. None: the cell has a word that means blank."""
MomentReaders = Callable[[Format | None], Callable[[str], int | None]]
"""Makes a function that reads a date, or a date and a time, as milliseconds since 1970."""


class MappableField(msgspec.Struct, frozen=True, kw_only=True):
    """`type`: in a mapping. `label`: for people, and as a column name. `member`: of `bulk.Change`. `read`: reads a
    filled cell or raises `values.Refused`; None where the file decides (`moment`) or the type of a custom field.
    `required`: must be mapped, and a blank cell is read and refused. `decides`: a cell that cannot be read always
    refuses its row. `several`: several columns can be mapped to it. `moment`: a date and a time.
    """

    type: MappedType
    label: str
    member: str
    read: Reader | None = None
    required: bool = False
    decides: bool = False
    several: bool = False
    moment: bool = False

    @property
    def takes_custom_field(self) -> bool:
        return self.member == "custom_fields"

    def reader(
        self, custom_field: CustomField | None, cell_format: Format | None, moments: MomentReaders
    ) -> Reader:
        """`custom_field`: the one that a mapping names. `cell_format`: of a column of dates or numbers."""
        if self.moment:
            return moments(cell_format)
        if self.read is not None:
            return self.read
        assert custom_field is not None
        return values.field_reader(custom_field.type, custom_field.options, cell_format)


FIELDS: dict[MappedType, MappableField] = {
    field.type: field
    for field in (
        MappableField(
            type="email",
            label="Email",
            member="email",
            read=values.email_cell,
            required=True,
            decides=True,
        ),
        MappableField(
            type="name",
            label="Name",
            member="name",
            read=values.name,
        ),
        MappableField(
            type="first-name",
            label="First name",
            member="name",
            read=values.name,
        ),
        MappableField(
            type="last-name",
            label="Last name",
            member="name",
            read=values.name,
        ),
        MappableField(
            type="country",
            label="Country",
            member="country",
            read=values.country_cell,
        ),
        MappableField(
            type="subscriber-status",
            label="Status",
            member="status",
            read=values.status_cell,
            decides=True,
            several=True,
        ),
        MappableField(type="tags", label="Tags", member="tags", read=list_cells.names_reader(tags.MAX_NAME)),
        MappableField(
            type="sequences",
            label="Sequences",
            member="sequences",
            read=list_cells.names_reader(sequences.MAX_NAME),
        ),
        MappableField(type="subscribed-at", label="Subscribed at", member="subscribed_at", moment=True),
        MappableField(type="last-opened-at", label="Last opened at", member="last_opened_at", moment=True),
        MappableField(type="custom-field", label="Custom field", member="custom_fields"),
        MappableField(type="new-custom-field", label="New custom field", member="custom_fields"),
    )
}

STANDARD_FIELDS = tuple(field for field in FIELDS.values() if not field.takes_custom_field)
"""The fields that every subscriber has."""


def find_standard_field(text: str) -> MappableField | None:
    """The field with this type or label, ignoring case."""
    key = text.casefold()
    return next((field for field in STANDARD_FIELDS if key in (field.type, field.label.casefold())), None)
