"""Reads the cells of a record as a change to a subscriber, or as an error."""

from collections.abc import Mapping, Sequence
from typing import Any, Final, Literal

import msgspec

from mailrith_lite.audience import values
from mailrith_lite.audience.bulk_plan import Change
from mailrith_lite.audience.custom_fields import CustomField
from mailrith_lite.audience.values import CellReader
from mailrith_lite.cells import unguard
from mailrith_lite.imports.fields import FIELDS
from mailrith_lite.imports.mapping import Column

RowErrorCode = values.RefusalCode | Literal["status_kept"]
_NO_CELLS: Final[list[str]] = []


class RowError(msgspec.Struct, frozen=True, kw_only=True):
    """One line of the report. `status_kept` is a warning: the rest of the row was applied."""

    line: int
    column: str
    code: RowErrorCode
    message: str
    cells: list[str]


class Row(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One record, with either a change or an error. `cells` is empty unless a warning may need them."""

    line: int
    cells: list[str]
    change: Change | None = None
    error: RowError | None = None


class _Step(msgspec.Struct, frozen=True, kw_only=True):
    """How one mapped column is read. `custom_field`: its key in `Change.custom_fields`; "" for another member."""

    index: int
    column: str
    member: str
    custom_field: str
    required: bool
    read: CellReader


class RowReader:
    """Reads the rows of one file by its mapped columns. `width`: how many columns the header has."""

    def __init__(
        self, columns: Sequence[Column], fields: Mapping[int, CustomField], *, width: int, formula_guard: bool
    ) -> None:
        """`fields`: by their integer ids."""
        self._width = width
        self._formula_guard = formula_guard
        self._steps = [_step(column, fields) for column in columns]
        self._status_column = next((step.column for step in self._steps if step.member == "status"), "")

    def read(self, line: int, cells: list[str]) -> Row:
        count = len(cells)
        if count > self._width:
            message = f"The row has {count:,} cells and the header {self._width}; remove the extra cells."
            return _refused(line, cells[: self._width], "", "too_many_columns", message)
        members: dict[str, Any] = {}
        custom_fields: dict[str, Any] = {}
        step = self._steps[0]
        try:
            for step in self._steps:
                cell = cells[step.index] if step.index < count else ""
                if cell[:1] == "'" and self._formula_guard:
                    cell = unguard(cell)
                if (not cell or cell.isspace()) and not step.required:
                    continue
                value = step.read(cell)
                if value is None:
                    continue
                if step.custom_field:
                    custom_fields[step.custom_field] = value
                else:
                    members[step.member] = value
        except values.Refused as refusal:
            return _refused(line, cells, step.column, refusal.code, refusal.message)
        return Row(
            line=line,
            cells=cells if self._status_column else _NO_CELLS,
            change=Change(line=line, custom_fields=custom_fields, **members),
        )

    def status_kept(self, row: Row) -> RowError:
        return RowError(
            line=row.line,
            column=self._status_column,
            code="status_kept",
            message="An import never changes a suppressed status to Active or Unconfirmed; the rest was applied.",
            cells=row.cells,
        )


def _step(column: Column, custom_fields: Mapping[int, CustomField]) -> _Step:
    field = FIELDS[column.type]
    custom = None if column.custom_field_id is None else custom_fields[column.custom_field_id]
    return _Step(
        index=column.index,
        column=column.name,
        member=field.member,
        custom_field="" if custom is None else str(custom.id),
        required=field.required,
        read=field.reader(custom),
    )


def _refused(line: int, cells: list[str], column: str, code: RowErrorCode, message: str) -> Row:
    error = RowError(line=line, column=column, code=code, message=message, cells=cells)
    return Row(line=line, cells=_NO_CELLS, error=error)
