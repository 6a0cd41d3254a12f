"""/console/imports/…/correct: correct refused rows in the page, and import them with the same mapping."""

import csv
import io
from collections.abc import Sequence

import msgspec
from aiohttp import web

from mailrith_lite import errors
from mailrith_lite.console import phrases, templating
from mailrith_lite.console.columns import queue_import
from mailrith_lite.console.forms import Fields
from mailrith_lite.console.job_pages import find_job
from mailrith_lite.console.job_view import JobView, view_job
from mailrith_lite.console.paths import job_path, redirect
from mailrith_lite.console.session_request import SessionRequest
from mailrith_lite.database import Connection
from mailrith_lite.imports import column_names, import_table, report
from mailrith_lite.imports.accept import ImportOrder
from mailrith_lite.imports.import_table import ImportPlan
from mailrith_lite.imports.options import ImportOptions
from mailrith_lite.jobs.kinds import IMPORT

MAX_ROWS = 500


class RefusedRow(msgspec.Struct, frozen=True, kw_only=True):
    """`index`: of the wrong cell. `known`: the other mapped cells as one text. `cells`: the row of the file."""

    line: int
    column: str
    index: int
    message: str
    known: str
    cells: list[str]

    @property
    def cell(self) -> str:
        return self.cells[self.index] if self.index < len(self.cells) else ""


class _Refused(msgspec.Struct, frozen=True, kw_only=True):
    """The rows that can be corrected in the page: those with one wrong cell."""

    plan: ImportPlan
    job: JobView
    rows: list[RefusedRow]


async def show_corrections(call: SessionRequest) -> web.StreamResponse:
    return await _render(call, await _load(call))


async def import_corrected(call: SessionRequest, fields: Fields) -> web.StreamResponse:
    """Imports the rows whose cell has changed; the others would be refused again."""
    refused = await _load(call)
    corrected = [
        _corrected(row, cell)
        for row in refused.rows
        if (cell := fields.get(f"cell-{row.line}")) is not None and not _is_same(cell, row.cell)
    ]
    if not corrected:
        return await _render(call, refused, "Correct at least one cell; rows that stay as they are are not sent.")
    try:
        job = await queue_import(call, _order(refused, corrected))
    except errors.InvalidRequest as error:  # a field, tag or sequence of the mapping no longer exists
        return await _render(call, refused, error.message)
    return redirect(call.request, job_path(IMPORT, job.public_id))


async def _load(call: SessionRequest) -> _Refused:
    async with call.database.read() as connection:
        job = await find_job(connection, call, IMPORT)
        plan = await import_table.select_import(connection, call.workspace_id, job.id)
        rows = await _select_rows(connection, call, job.id, plan) if job.final and not job.dry_run else []
    return _Refused(plan=plan, job=view_job(job, job.updated_at), rows=rows)


async def _select_rows(
    connection: Connection, call: SessionRequest, job_id: int, plan: ImportPlan
) -> list[RefusedRow]:
    places = {column.name: column.index for column in plan.columns}
    rows = await report.select_refused(connection, call.workspace_id, job_id, limit=MAX_ROWS)
    refused: list[RefusedRow] = []
    for row in rows:
        cells = msgspec.json.decode(row["cells"], type=list[str])
        index = places.get(row["column_name"])
        if index is None or row["code"] == "too_many_columns":
            continue
        mapped = [
            cells[column.index] for column in plan.columns if column.index != index and column.index < len(cells)
        ]
        refused.append(
            RefusedRow(
                line=row["line"],
                column=row["column_name"],
                index=index,
                message=row["message"],
                known=phrases.row(mapped),
                cells=cells,
            )
        )
    return refused


def _is_same(sent: str, cell: str) -> bool:
    """A field of one line loses the line ends of its cell."""
    return sent in (cell, cell.replace("\r", "").replace("\n", ""))


def _corrected(row: RefusedRow, cell: str) -> list[str]:
    cells = row.cells + [""] * (row.index + 1 - len(row.cells))
    cells[row.index] = cell
    return cells


def _order(refused: _Refused, rows: Sequence[Sequence[str]]) -> ImportOrder:
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    writer.writerow(column_names.without_report_columns(refused.plan.layout.names))
    writer.writerows(rows)
    return ImportOrder(
        csv_text=memoryview(msgspec.json.encode(text.getvalue())),
        like=refused.job.id,
        options=ImportOptions(delimiter=",", header=True),
    )


async def _render(call: SessionRequest, refused: _Refused, problem: str = "") -> web.Response:
    return await templating.render_page(
        call.request,
        "corrections.html",
        status=400 if problem else 200,
        job=refused.job,
        rows=refused.rows,
        problem=problem,
    )
