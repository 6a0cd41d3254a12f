"""Which column of a file goes to which field, when nobody says: by its name, and by what its cells look like."""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence

from mailrith_lite.audience import values
from mailrith_lite.imports.mapping import MappedField, MappedType
from mailrith_lite.imports.mapping import Mapping as ColumnMapping

PLAIN: dict[str, MappedType] = {
    "email": "email",
    "name": "name",
    "country": "country",
    "status": "subscriber-status",
    "subscriber-status": "subscriber-status",
}
"""What a person calls the fields that every subscriber has."""
_OTHER_NAMES: dict[MappedType, tuple[str, ...]] = {  # the better ones first
    "email": ("email address", "e mail", "e mail address", "mail", "mail address", "subscriber email"),
    "name": (
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
    "country": ("country code", "country name", "country iso", "country or region", "cc"),
    "subscriber-status": ("subscriber status", "subscription status", "email status", "subscription state"),
}
_READERS: dict[MappedType, Callable[[str], object]] = {
    "email": values.email,
    "country": values.country,
    "subscriber-status": values.status,
}
_CELLS_ENOUGH: dict[MappedType, tuple[int, float]] = {
    "email": (1, 0.5),
    "country": (3, 1.0),
    "subscriber-status": (2, 1.0),
}
"""How many cells, and which share of them, say by themselves what a column is.

An address can be nothing else, but a single "Georgia" or "Jordan" is no country yet.
"""


def guess(
    columns: Sequence[str], custom_fields: Mapping[str, str], cells: Mapping[str, Sequence[str]] | None = None
) -> list[ColumnMapping]:
    """In the order of the columns. `custom_fields`: label -> id. `cells`: column -> some of its cells.

    A field's own name comes first, then the label of a custom field, then what other tools call the field; last,
    what the cells look like. A column whose cells say that it is something else is not taken by its name. Each
    column and each field is taken once; a column whose name stands twice in the header cannot be mapped.
    """
    seen = cells or {}
    places = {_key(name): name for name in reversed(columns) if name and columns.count(name) == 1}
    found: dict[str, MappedField] = {}
    for key, field in _candidates(custom_fields):
        column = places.get(key)
        if column is None or column in found or field in found.values():
            continue
        if 2 * _share(field.type, seen.get(column, ())) >= 1:
            found[column] = field
    for column, field in _by_cells([name for name in columns if name in places.values()], seen):
        if column not in found and field not in found.values():
            found[column] = field
    return [ColumnMapping(csv_column=name, field=found[name]) for name in columns if name in found]


def custom(public_id: str) -> MappedField:
    return MappedField(type="custom-field", custom_field_id=public_id)


def _candidates(custom_fields: Mapping[str, str]) -> Iterable[tuple[str, MappedField]]:
    for name, mapped in PLAIN.items():
        yield _key(name), MappedField(type=mapped)
    for label, public_id in custom_fields.items():
        yield _key(label), custom(public_id)
    for mapped, names in _OTHER_NAMES.items():
        for name in names:
            yield name, MappedField(type=mapped)


def _by_cells(columns: Sequence[str], cells: Mapping[str, Sequence[str]]) -> Iterable[tuple[str, MappedField]]:
    for mapped, (enough, share) in _CELLS_ENOUGH.items():
        for column in columns:
            filled = [cell for cell in cells.get(column, ()) if cell.strip()]
            if len(filled) >= enough and _share(mapped, filled) >= share:
                yield column, MappedField(type=mapped)


def _share(mapped: MappedType, cells: Sequence[str]) -> float:
    """Of the cells that are not blank, those that the field would take; all, where nothing speaks against it."""
    read = _READERS.get(mapped)
    filled = [cell for cell in cells if cell.strip()]
    if read is None or not filled:
        return 1.0
    return sum(_reads(read, cell) for cell in filled) / len(filled)


def _reads(read: Callable[[str], object], cell: str) -> bool:
    try:
        read(cell.strip())
    except values.Refused:
        return False
    return True


def _key(name: str) -> str:
    """`E-Mail_Address` and `e mail address` are the same."""
    return " ".join(re.split(r"[\s_./-]+", name.casefold())).strip()
