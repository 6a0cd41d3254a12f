"""The report of an import as its page shows it: reasons with their counts, and the first rows of each."""

import itertools
from collections.abc import Mapping, Sequence

import msgspec

from mailrith_lite.audience.custom_fields import CustomField
from mailrith_lite.audience.values import FieldType
from mailrith_lite.console import phrases
from mailrith_lite.database import Connection, Row
from mailrith_lite.imports import mapping, report
from mailrith_lite.imports.fields import FIELDS
from mailrith_lite.imports.import_table import ImportPlan
from mailrith_lite.imports.mapping import Column
from mailrith_lite.jobs.queue import Job

MAX_REASONS = 50
MAX_SAMPLES = 20
_WHOLE_ROW = frozenset({"too_many_columns"})
"""Codes that are about no single cell."""


class ReportRow(msgspec.Struct, frozen=True, kw_only=True):
    """`cell`: the wrong one; None if the whole row is wrong. `others`: the rest of the row as one text."""

    line: int
    cell: str | None
    message: str
    others: str


class Reason(msgspec.Struct, frozen=True, kw_only=True):
    """The lines of a report with one code in one column. `text`: `not a date in Joined`. `warning`: the rows were
    applied all the same. `optional`: the rows can be applied without the cell. `place`: of the column in the
    header, if another way to read its cells may help."""

    text: str
    code: str
    count: int
    warning: bool
    optional: bool
    place: int | None
    rows: list[ReportRow]

    @property
    def more(self) -> int:
        return self.count - len(self.rows)


class ReportView(msgspec.Struct, frozen=True, kw_only=True):
    """`complete`: the counts include every line of the report."""

    reasons: list[Reason] = []
    complete: bool = True

    @property
    def refused_for_optional_cells(self) -> int:
        """The number of people who could be imported without the cell that cannot be read."""
        return sum(reason.count for reason in self.reasons if reason.optional)


async def select_report(
    connection: Connection, workspace_id: int, job: Job, plan: ImportPlan, custom_fields: Sequence[CustomField]
) -> ReportView:
    """Empty until the job is final and the report is complete."""
    lines = job.progress.rejected_count + job.progress.warning_count
    if not job.final or not lines:
        return ReportView()
    rows = await report.select_reasons(connection, workspace_id, job.id, samples=MAX_SAMPLES, reasons=MAX_REASONS)
    types = {field.id: field.type for field in custom_fields}
    columns = {column.name: column for column in plan.columns}
    reasons = [
        _reason(list(group), columns.get(name), types)
        for (_, _, name), group in itertools.groupby(
            rows, key=lambda row: (row["warning"], row["code"], row["column_name"])
        )
    ]
    return ReportView(reasons=reasons, complete=sum(reason.count for reason in reasons) == lines)


def _reason(rows: Sequence[Row], column: Column | None, types: Mapping[int, FieldType]) -> Reason:
    code, name = rows[0]["code"], rows[0]["column_name"]
    kind = "" if column is None else _field_type(column, types)
    text = phrases.reason(code, kind)
    warning = bool(rows[0]["warning"])
    readable = column is not None and kind in mapping.FORMATS and code not in _WHOLE_ROW
    return Reason(
        text=f"{text} in {name}" if name else text,
        code=code,
        count=rows[0]["count"],
        warning=warning,
        optional=not warning and column is not None and not FIELDS[column.type].decides,
        place=column.index if column is not None and readable else None,
        rows=[_row(row, column) for row in rows],
    )


def _field_type(column: Column, types: Mapping[int, FieldType]) -> FieldType | str:
    if FIELDS[column.type].moment:
        return "Date"
    if column.new_field is not None:
        return column.new_field.type
    return "" if column.custom_field_id is None else types.get(column.custom_field_id, "")


def _row(row: Row, column: Column | None) -> ReportRow:
    cells = msgspec.json.decode(row["cells"], type=list[str])
    if column is None:
        return ReportRow(line=row["line"], cell=None, message=row["message"], others=phrases.row(cells))
    index = column.index
    others = cells[:index] + cells[index + 1 :]
    return ReportRow(
        line=row["line"],
        cell=cells[index] if index < len(cells) else "",
        message=row["message"],
        others=phrases.row(others),
    )
