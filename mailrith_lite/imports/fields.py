"""The fields of a subscriber that a column can be mapped to, in one table.

A new field is an entry here, its member and SQL in `audience.bulk`, a migration if it has a column of its own, and
a line in docs/imports.md.
"""

from typing import Literal

import msgspec

from mailrith_lite.audience import values
from mailrith_lite.audience.custom_fields import CustomField
from mailrith_lite.audience.values import CellReader

MappedType = Literal["email", "name", "country", "subscriber-status", "custom-field"]


class Evidence(msgspec.Struct, frozen=True, kw_only=True):
    """A column with so many filled cells, and this share of them valid, is the field whatever its name is."""

    cells: int
    share: float


class MappableField(msgspec.Struct, frozen=True, kw_only=True):
    """`type`: in a mapping. `label`: for people, and as a column name. `names`: other column names for the field,
    the best first. `member`: of `bulk.Change`. `read`: reads a filled cell or raises `values.Refused`; None for the
    entry that takes a custom field, whose own type decides. `required`: must be mapped, and a blank cell is read
    and refused. `evidence`: None if the cells of a column do not show the field.
    """

    type: MappedType
    label: str
    member: str
    read: CellReader | None = None
    names: tuple[str, ...] = ()
    required: bool = False
    evidence: Evidence | None = None

    @property
    def takes_custom_field(self) -> bool:
        return self.read is None

    def reader(self, custom_field: CustomField | None) -> CellReader:
        """`custom_field`: the one that a mapping names."""
        if self.read is not None:
            return self.read
        assert custom_field is not None
        return values.field_reader(custom_field.type, custom_field.options)


FIELDS: dict[MappedType, MappableField] = {
    field.type: field
    for field in (
        MappableField(
            type="email",
            label="Email",
            member="email",
            read=values.email,
            names=("email address", "e mail", "e mail address", "mail", "mail address", "subscriber email"),
            required=True,
            evidence=Evidence(cells=1, share=0.5),  # nothing else has an @ and a domain
        ),
        MappableField(
            type="name",
            label="Name",
            member="name",
            read=values.name,
            names=(
                "full name",
                "fullname",
                "subscriber name",
                "contact name",
                "display name",
                "first name",
                "firstname",
                "given name",
                "fname",
            ),
        ),
        MappableField(
            type="country",
            label="Country",
            member="country",
            read=values.country_cell,
            names=("country code", "country name", "country iso", "country or region", "cc"),
            evidence=Evidence(cells=3, share=1.0),  # one "Georgia" or "Jordan" may be a person
        ),
        MappableField(
            type="subscriber-status",
            label="Status",
            member="status",
            read=values.status_cell,
            names=("subscriber status", "subscription status", "email status", "subscription state"),
            evidence=Evidence(cells=2, share=1.0),
        ),
        MappableField(type="custom-field", label="Custom field", member="custom_fields"),
    )
}

STANDARD_FIELDS = tuple(field for field in FIELDS.values() if not field.takes_custom_field)
"""The fields that every subscriber has."""


def find_standard_field(text: str) -> MappableField | None:
    """The field with this type or label, ignoring case."""
    key = text.casefold()
    return next((field for field in STANDARD_FIELDS if key in (field.type, field.label.casefold())), None)
