"""A record's cells become a change to a subscriber, or an error that says why not."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, Literal

import msgspec

from mailrith_lite.audience import values
from mailrith_lite.audience.bulk_plan import Change
from mailrith_lite.audience.custom_fields import CustomField
from mailrith_lite.cells import unguard
from mailrith_lite.imports.mapping import Column

RowErrorCode = values.RefusalCode | Literal["status_kept"]
_CUSTOM: Final = "custom_fields"
_NO_CELLS: Final[list[str]] = []


class RowError(msgspec.Struct, frozen=True, kw_only=True):
    """One line of the report. `status_kept` is a warning: the rest of that row was applied."""

    line: int
    column: str
    code: RowErrorCode
    message: str
    cells: list[str]


class Row(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One record: it has either a change or an error. `cells` are kept where a warning may need them."""

    line: int
    cells: list[str]
    change: Change | None = None
    error: RowError | None = None


class RowReader:
    """Reads rows of one file by its mapped columns. `width`: how many columns the header has."""

    def __init__(
        self, columns: Sequence[Column], fields: Mapping[int, CustomField], *, width: int, formula_guard: bool
    ) -> None:
        self._width = width
        self._formula_guard = formula_guard
        self._steps = [_step(column, fields) for column in columns]
        self._status_column = next((column.name for column in columns if column.type == "subscriber-status"), "")

    def read(self, line: int, cells: list[str]) -> Row:
        count = len(cells)
        if count > self._width:
            message = f"The row has {count:,} cells and the header {self._width}; remove those too many."
            return _refused(line, cells[: self._width], "", "too_many_columns", message)
        found: dict[str, Any] = {}
        fields: dict[str, Any] = {}
        step = self._steps[0]
        try:
            for step in self._steps:
                index, _, slot, key, read = step
                cell = cells[index] if index < count else ""
                if cell[:1] == "'" and self._formula_guard:
                    cell = unguard(cell)
                if not cell or cell.isspace():
                    if slot == "email":
                        raise values.Refused("missing_email", "The email is missing.")
                elif slot is _CUSTOM:
                    fields[key] = read(cell)
                else:
                    found[slot] = read(cell)
        except values.Refused as refusal:
            return _refused(line, cells, step[1], refusal.code, refusal.message)
        return Row(
            line=line,
            cells=cells if self._status_column else _NO_CELLS,
            change=Change(line=line, custom_fields=fields, **found),
        )

    def status_kept(self, row: Row) -> RowError:
        return RowError(
            line=row.line,
            column=self._status_column,
            code="status_kept",
            message="An import never lifts a suppressed subscriber; the rest of the row was applied.",
            cells=row.cells,
        )


def _step(
    column: Column, fields: Mapping[int, CustomField]
) -> tuple[int, str, str, str, Callable[[str], values.FieldValue]]:
    """(index, column name, attribute of a change, key in `custom_fields`, function that reads a cell)"""
    match column.type:
        case "email":
            return column.index, column.name, "email", "", values.email
        case "name":
            return column.index, column.name, "name", "", values.name
        case "country":
            return column.index, column.name, "country", "", values.country
        case "subscriber-status":
            return column.index, column.name, "status", "", values.status
        case "custom-field":
            assert column.custom_field_id is not None
            field = fields[column.custom_field_id]
            return (
                column.index,
                column.name,
                _CUSTOM,
                str(field.id),
                values.field_reader(field.type, field.options),
            )


def _refused(line: int, cells: list[str], column: str, code: RowErrorCode, message: str) -> Row:
    error = RowError(line=line, column=column, code=code, message=message, cells=cells)
    return Row(line=line, cells=_NO_CELLS, error=error)
