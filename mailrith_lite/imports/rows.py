"""Reads the cells of a record as a change to a subscriber, or as an error."""

from collections.abc import Mapping, Sequence
from typing import Any, Final, Literal

import msgspec

from mailrith_lite.audience import values
from mailrith_lite.audience.bulk_plan import Change
from mailrith_lite.audience.custom_fields import CustomField
from mailrith_lite.audience.vocabulary import Status, strictest
from mailrith_lite.cells import unguard
from mailrith_lite.imports.fields import FIELDS, MomentReaders, Reader
from mailrith_lite.imports.mapping import Column, translate
from mailrith_lite.imports.options import ImportOptions

RowErrorCode = values.RefusalCode | Literal["status_kept", "unknown_sequence"]
_NO_CELLS: Final[list[str]] = []
_SHOWN = 60
"""Characters of a name in a message."""
_SHOWN_NAMES = 5
_NAME_PARTS: Final = ("first-name", "last-name")


class RowError(msgspec.Struct, frozen=True, kw_only=True):
    """One line of the report. `warning`: the rest of the row was applied."""

    line: int
    column: str
    code: RowErrorCode
    message: str
    cells: list[str]
    warning: bool = False


class Row(msgspec.Struct, frozen=True, kw_only=True, array_like=True, gc=False):
    """One record, with either a change or an error. `cells` is empty unless a warning may need them.

    `left_out`: the cells that could not be read, when the row is applied without them.
    """

    line: int
    cells: list[str]
    change: Change | None = None
    error: RowError | None = None
    left_out: tuple[RowError, ...] = ()


class _Step(msgspec.Struct, frozen=True, kw_only=True):
    """How one mapped column is read. `custom_field`: its key in `Change.custom_fields`; "" for another member.

    `decides`: a cell that cannot be read refuses its row, whatever the request says of invalid cells.
    `translations`: a folded cell -> what it means; None means blank.
    """

    index: int
    column: str
    member: str
    custom_field: str
    required: bool
    decides: bool
    translations: dict[str, str | None]
    read: Reader


class RowReader:
    """Reads the rows of one file by its mapped columns. `width`: how many columns the header has."""

    def __init__(
        self,
        columns: Sequence[Column],
        fields: Mapping[int, CustomField],
        *,
        width: int,
        formula_guard: bool,
        moments: MomentReaders,
        options: ImportOptions,
    ) -> None:
        """`fields`: by their integer ids."""
        self._width = width
        self._formula_guard = formula_guard
        self._leave_out = options.invalid_cells == "leave_out"
        self._status = options.status
        self._steps = [_step(column, fields, moments) for column in columns]
        self._name_parts = [step for step in self._steps if step.member in _NAME_PARTS]
        self._statuses = [step for step in self._steps if step.member == "status"]
        self._sequence_column = next((step.column for step in self._steps if step.member == "sequences"), "")
        self._may_warn = bool(self._statuses or self._status or self._sequence_column)

    def read(self, line: int, cells: list[str]) -> Row:
        count = len(cells)
        if count > self._width:
            return self._too_wide(line, cells)
        members: dict[str, Any] = {}
        custom_fields: dict[str, Any] = {}
        left_out: tuple[RowError, ...] = ()
        step = self._steps[0]
        try:
            for step in self._steps:
                cell = cells[step.index] if step.index < count else ""
                if cell[:1] == "'" and self._formula_guard:
                    cell = unguard(cell)
                if step.translations:
                    cell = translate(step.translations, cell)
                if (not cell or cell.isspace()) and not step.required:
                    continue
                try:
                    value: Any = step.read(cell)
                except values.Refused as refusal:
                    if step.decides or not self._leave_out:
                        raise
                    left_out += (_error(line, cells, step.column, refusal, warning=True),)
                    continue
                if value is None:
                    continue
                if step.custom_field:
                    custom_fields[step.custom_field] = value
                elif step.member in members:
                    members[step.member] = strictest((members[step.member], value))
                else:
                    members[step.member] = value
            if self._name_parts:
                step = self._name_parts[-1]
                left_out += self._join_name(line, cells, members)
        except values.Refused as refusal:
            return Row(line=line, cells=_NO_CELLS, error=_error(line, cells, step.column, refusal))
        change = self._change(line, custom_fields, members)
        return Row(line=line, cells=cells if self._may_warn else _NO_CELLS, change=change, left_out=left_out)

    def _change(self, line: int, custom_fields: dict[str, Any], members: dict[str, Any]) -> Change:
        if self._status is not None:
            members.setdefault("status", self._status)
        return Change(line=line, custom_fields=custom_fields, **members)

    def _join_name(self, line: int, cells: list[str], members: dict[str, Any]) -> tuple[RowError, ...]:
        try:
            _join_name(members)
        except values.Refused as refusal:
            if not self._leave_out:
                raise
            return (_error(line, cells, self._name_parts[-1].column, refusal, warning=True),)
        return ()

    def _too_wide(self, line: int, cells: list[str]) -> Row:
        message = f"The row has {len(cells):,} cells and the header {self._width}; remove the extra cells."
        refusal = values.Refused("too_many_columns", message)
        return Row(line=line, cells=_NO_CELLS, error=_error(line, cells, "", refusal))

    def status_kept(self, row: Row) -> RowError:
        """The warning names the column that asked for the status."""
        assert row.change is not None
        asked = (step.column for step in self._statuses if self._says(step, row.cells, row.change.status))
        return RowError(
            line=row.line,
            column=next(asked, ""),
            code="status_kept",
            message="An import never changes a suppressed status to Active or Unconfirmed; the rest was applied.",
            cells=row.cells,
            warning=True,
        )

    def unknown_sequence(self, row: Row, names: Sequence[str]) -> RowError:
        """`names`: those in the row that are not sequences of the workspace."""
        listed = ", ".join(f'"{name[:_SHOWN]}"' for name in names[:_SHOWN_NAMES])
        more = f" and {len(names) - _SHOWN_NAMES} more" if len(names) > _SHOWN_NAMES else ""
        return RowError(
            line=row.line,
            column=self._sequence_column,
            code="unknown_sequence",
            message=f"There is no sequence {listed}{more}; the rest was applied. Create the sequence first.",
            cells=row.cells,
            warning=True,
        )

    def _says(self, step: _Step, cells: Sequence[str], status: Status | None) -> bool:
        cell = cells[step.index] if step.index < len(cells) else ""
        if self._formula_guard:
            cell = unguard(cell)
        cell = translate(step.translations, cell)
        return bool(cell.strip()) and step.read(cell) == status


def _join_name(members: dict[str, Any]) -> None:
    """First and last name make the name, unless the row has a name.

    Raises:
        Refused: they are too long together.
    """
    parts = [members.pop(part, "") for part in _NAME_PARTS]
    if not members.get("name") and any(parts):
        members["name"] = values.name(" ".join(filter(None, parts)))


def _step(column: Column, custom_fields: Mapping[int, CustomField], moments: MomentReaders) -> _Step:
    field = FIELDS[column.type]
    custom = None if column.custom_field_id is None else custom_fields[column.custom_field_id]
    return _Step(
        index=column.index,
        column=column.name,
        member=column.type if column.type in _NAME_PARTS else field.member,
        custom_field="" if custom is None else str(custom.id),
        required=field.required,
        decides=field.decides,
        translations=column.values,
        read=field.reader(custom, column.format, moments),
    )


def _error(line: int, cells: list[str], column: str, refusal: values.Refused, *, warning: bool = False) -> RowError:
    return RowError(
        line=line, column=column, code=refusal.code, message=refusal.message, cells=cells, warning=warning
    )
