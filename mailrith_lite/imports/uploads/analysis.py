"""Propose a field for each column of a file: by the column's name, and by what its cells look like."""

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from mailrith_lite.audience import values
from mailrith_lite.imports.fields import FIELDS, STANDARD_FIELDS, Reader
from mailrith_lite.imports.mapping import MappedField
from mailrith_lite.imports.mapping import Mapping as ColumnMapping
from mailrith_lite.unicode_forms import fold


def guess(
    columns: Sequence[str], custom_fields: Mapping[str, str], cells: Mapping[str, Sequence[str]] | None = None
) -> list[ColumnMapping]:
    """In the order of the columns. `custom_fields`: label -> id. `cells`: column -> some of its cells.

    The label of a field comes first, then the labels of custom fields, then other names of a field, then the cells.
    A name does not count if most cells of its column are invalid in the field. Each column and each field is mapped
    once. A column whose name is in the header twice cannot be mapped.
    """
    cells = cells or {}
    count = Counter(columns)
    column_by_key = {_key(name): name for name in reversed(columns) if name and count[name] == 1}
    mapped: dict[str, MappedField] = {}
    for name, field in _names(custom_fields):
        column = column_by_key.get(_key(name))
        if column is None or column in mapped or field in mapped.values():
            continue
        if _fits(field, cells.get(column, ())):
            mapped[column] = field
    distinct = set(column_by_key.values())
    for column, field in _evident([name for name in columns if name in distinct], cells):
        if column not in mapped and field not in mapped.values():
            mapped[column] = field
    return [ColumnMapping(csv_column=name, field=mapped[name]) for name in columns if name in mapped]


def _names(custom_fields: Mapping[str, str]) -> Iterable[tuple[str, MappedField]]:
    """Column names and the field that each suggests, the best first."""
    for field in STANDARD_FIELDS:
        yield field.label, MappedField(type=field.type)
        yield field.type, MappedField(type=field.type)
    for label, public_id in custom_fields.items():
        yield label, MappedField.custom(public_id)
    for field in STANDARD_FIELDS:
        for name in field.names:
            yield name, MappedField(type=field.type)


def _evident(columns: Sequence[str], cells: Mapping[str, Sequence[str]]) -> Iterable[tuple[str, MappedField]]:
    """Columns and the fields that their cells alone show."""
    for field in STANDARD_FIELDS:
        if field.read is None or field.evidence is None:
            continue
        for column in columns:
            filled = _filled(cells.get(column, ()))
            if len(filled) >= field.evidence.cells and _valid_share(field.read, filled) >= field.evidence.share:
                yield column, MappedField(type=field.type)


def _fits(mapped: MappedField, cells: Sequence[str]) -> bool:
    """Whether half of the filled cells are valid, or the cells say nothing about the field."""
    field = FIELDS[mapped.type]
    filled = _filled(cells)
    if field.read is None or field.evidence is None or not filled:
        return True
    return _valid_share(field.read, filled) >= 0.5


def _filled(cells: Sequence[str]) -> list[str]:
    return [cell for cell in cells if cell.strip()]


def _valid_share(read: Reader, cells: Sequence[str]) -> float:
    return sum(_is_valid(read, cell) for cell in cells) / len(cells)


def _is_valid(read: Reader, cell: str) -> bool:
    try:
        read(cell.strip())
    except values.Refused:
        return False
    return True


def _key(name: str) -> str:
    """`E-Mail_Address` and `e mail address` have the same key."""
    return " ".join(re.split(r"[\s_./-]+", fold(name))).strip()
