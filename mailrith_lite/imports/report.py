"""The table `import_row_errors`, and the error report: a CSV file that can be corrected and sent again."""

import asyncio
import csv
import io
from collections.abc import AsyncIterator, Sequence

import msgspec

from mailrith_lite.audience.export_columns import REPORT_COLUMNS
from mailrith_lite.cells import guard, guard_name, header_line, unguard
from mailrith_lite.database import Connection, Database, Row
from mailrith_lite.imports.import_table import select_import
from mailrith_lite.imports.rows import RowError

_BATCH_ROWS = 1_000
_BATCH_CHARACTERS = 1 << 20
_DELETE_ROWS = 5_000
_CORRECTED_CHARACTERS = 1 << 18
"""Of the rows that fit into a form."""
COUNTED = 50_000
"""Lines whose reasons a page counts."""
_cells_decoder = msgspec.json.Decoder(list[str])


async def insert_row_errors(connection: Connection, job_id: int, row_errors: Sequence[RowError]) -> None:
    """`row_errors`: in the order of the file. One call must have all errors of a row."""
    rows = await asyncio.to_thread(_as_json, row_errors)
    await connection.execute(
        """INSERT INTO import_row_errors (job_id, line, position, column_name, code, message, warning, cells)
        SELECT ?, json_extract(value, '$[0]'), json_extract(value, '$[1]'), json_extract(value, '$[2]'),
            json_extract(value, '$[3]'), json_extract(value, '$[4]'), json_extract(value, '$[5]'),
            json_extract(value, '$[6]')
        FROM json_each(?)""",
        (job_id, rows),
    )


async def delete_row_errors(connection: Connection, job_id: int) -> bool:
    """Deletes the next rows of a report, in a few milliseconds. Returns False if there were none."""
    cursor = await connection.execute(
        """DELETE FROM import_row_errors WHERE job_id = :job_id AND (line, position) IN (
            SELECT line, position FROM import_row_errors
            WHERE job_id = :job_id ORDER BY line, position LIMIT :limit)""",
        {"job_id": job_id, "limit": _DELETE_ROWS},
    )
    return cursor.rowcount > 0


async def delete_lines(connection: Connection, job_id: int, lines: Sequence[int]) -> None:
    """All that is reported of the rows that start on these lines."""
    await connection.execute(
        "DELETE FROM import_row_errors WHERE job_id = ? AND line IN (SELECT value FROM json_each(?))",
        (job_id, msgspec.json.encode(lines).decode()),
    )


async def select_jobs_with_rows(connection: Connection, workspace_id: int) -> list[int]:
    """The integer ids of the imports that have a report."""
    rows = await connection.execute_fetchall(
        """SELECT id FROM jobs WHERE workspace_id = ? AND kind = 'import'
            AND EXISTS (SELECT 1 FROM import_row_errors WHERE job_id = jobs.id) ORDER BY id""",
        (workspace_id,),
    )
    return [int(row["id"]) for row in rows]


async def select_row_errors(
    connection: Connection, workspace_id: int, job_id: int, *, after_line: int = 0, after_position: int = 0
) -> list[Row]:
    """The next rows in the order of the file: one batch, or one row that is larger than a batch."""
    rows = await connection.execute_fetchall(
        """WITH sizes AS (
            SELECT line, position, sum(size) OVER (ORDER BY line, position) - size AS before
            FROM (SELECT line, position, length(cells) AS size FROM import_row_errors
                WHERE job_id = :job_id AND (line, position) > (:after_line, :after_position)
                ORDER BY line, position LIMIT :limit)
        )
        SELECT line, position, column_name, code, message, warning, cells FROM import_row_errors
        JOIN jobs ON jobs.id = job_id
        WHERE job_id = :job_id AND workspace_id = :workspace_id
            AND (line, position) > (:after_line, :after_position)
            AND (line, position) <= (SELECT line, position FROM sizes WHERE before < :characters
                ORDER BY line DESC, position DESC LIMIT 1)
        ORDER BY line, position""",
        {
            "job_id": job_id,
            "workspace_id": workspace_id,
            "after_line": after_line,
            "after_position": after_position,
            "limit": _BATCH_ROWS,
            "characters": _BATCH_CHARACTERS,
        },
    )
    return list(rows)


async def select_reasons(
    connection: Connection, workspace_id: int, job_id: int, *, samples: int, reasons: int
) -> list[Row]:
    """The first `samples` lines of each reason, with the `count` of its lines: refusals before warnings, then the
    most frequent reason first. A reason is a code in a column. Counts the first `COUNTED` lines only."""
    rows = await connection.execute_fetchall(
        """WITH first AS (
            SELECT line, position, column_name, code, warning FROM import_row_errors JOIN jobs ON jobs.id = job_id
            WHERE job_id = :job_id AND workspace_id = :workspace_id ORDER BY line, position LIMIT :counted
        ), grouped AS (
            SELECT warning, code, column_name, count(*) AS count FROM first
            GROUP BY warning, code, column_name ORDER BY warning, count DESC, code, column_name LIMIT :reasons
        ), numbered AS (
            SELECT line, position, count,
                row_number() OVER (PARTITION BY warning, code, column_name ORDER BY line, position) AS number
            FROM first JOIN grouped USING (warning, code, column_name)
        )
        SELECT line, column_name, code, message, warning, cells, count
        FROM numbered JOIN import_row_errors USING (line, position)
        WHERE job_id = :job_id AND number <= :samples
        ORDER BY warning, count DESC, code, column_name, line, position""",
        {
            "job_id": job_id,
            "workspace_id": workspace_id,
            "counted": COUNTED,
            "reasons": reasons,
            "samples": samples,
        },
    )
    return list(rows)


async def select_refused(connection: Connection, workspace_id: int, job_id: int, *, limit: int) -> list[Row]:
    """The first refused rows in the order of the file; fewer if they are long."""
    rows = await connection.execute_fetchall(
        """WITH sizes AS (
            SELECT line, position, sum(length(cells)) OVER (ORDER BY line, position) AS size
            FROM (SELECT line, position, cells FROM import_row_errors JOIN jobs ON jobs.id = job_id
                WHERE job_id = :job_id AND workspace_id = :workspace_id AND NOT warning
                ORDER BY line, position LIMIT :limit)
        )
        SELECT line, column_name, code, message, cells FROM import_row_errors JOIN sizes USING (line, position)
        WHERE job_id = :job_id AND size <= :characters ORDER BY line, position""",
        {"job_id": job_id, "workspace_id": workspace_id, "limit": limit, "characters": _CORRECTED_CHARACTERS},
    )
    return list(rows)


async def stream_report(
    database: Database, workspace_id: int, job_id: int, *, formula_guard: bool
) -> AsyncIterator[bytes]:
    """The columns of the file and the four error columns, as CSV (RFC 4180) in UTF-8, in pieces of one batch."""
    async with database.read() as connection:
        plan = await select_import(connection, workspace_id, job_id)
    yield header_line(
        [*(guard_name(name, formula_guard=formula_guard) for name in plan.layout.names), *REPORT_COLUMNS]
    )
    line = position = 0
    while True:
        # A transaction for each batch: a slow reader must not keep the WAL from its checkpoint, and new rows only
        # come after those that are read already.
        async with database.read() as connection:
            rows = await select_row_errors(
                connection, workspace_id, job_id, after_line=line, after_position=position
            )
        if not rows:
            return
        yield await asyncio.to_thread(_format, rows, len(plan.layout.names), formula_guard)
        line, position = rows[-1]["line"], rows[-1]["position"]


def _as_json(row_errors: Sequence[RowError]) -> str:
    lines = []
    line = position = 0
    for error in row_errors:
        position = position + 1 if error.line == line else 0
        line = error.line
        lines.append((line, position, error.column, error.code, error.message, int(error.warning), error.cells))
    return msgspec.json.encode(lines).decode()


def _format(rows: Sequence[Row], width: int, formula_guard: bool) -> bytes:
    lines = []
    for row in rows:
        cells = [_safe(cell, formula_guard) for cell in _cells_decoder.decode(row["cells"])]
        extra = cells[width:]  # of a row with too many columns: they have no place among the columns of the file
        cells = cells[:width] + [""] * (width - len(cells))
        column = guard_name(row["column_name"], formula_guard=formula_guard)
        lines.append([*cells, row["line"], column, row["code"], row["message"], *extra])
    return _write_rows(lines)


def _safe(cell: str, formula_guard: bool) -> str:
    """The cell with exactly one guard, which the import of the corrected report removes again."""
    return guard(unguard(cell)) if formula_guard else cell


def _write_rows(rows: Sequence[Sequence[str]]) -> bytes:
    text = io.StringIO(newline="")
    csv.writer(text).writerows(rows)
    return text.getvalue().encode()
