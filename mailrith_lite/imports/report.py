"""The table `import_row_errors`, and the error report: a CSV file that can be corrected and sent again."""

import asyncio
import csv
import io
from collections.abc import AsyncIterator, Sequence

import msgspec

from mailrith_lite.cells import guard, header_line, unguard
from mailrith_lite.database import Connection, Database, Row
from mailrith_lite.imports.import_table import select_import
from mailrith_lite.imports.records import REPORT_COLUMNS
from mailrith_lite.imports.rows import RowError

_BATCH_ROWS = 1_000
_BATCH_CHARACTERS = 1 << 20
_DELETE_ROWS = 5_000
_cells_decoder = msgspec.json.Decoder(list[str])


async def insert_row_errors(connection: Connection, job_id: int, row_errors: Sequence[RowError]) -> None:
    rows = await asyncio.to_thread(_as_json, row_errors)
    await connection.execute(
        """INSERT INTO import_row_errors (job_id, line, column_name, code, message, cells)
        SELECT ?, json_extract(value, '$[0]'), json_extract(value, '$[1]'), json_extract(value, '$[2]'),
            json_extract(value, '$[3]'), json_extract(value, '$[4]')
        FROM json_each(?)""",
        (job_id, rows),
    )


async def delete_row_errors(connection: Connection, job_id: int) -> bool:
    """Deletes at most as many as take a few milliseconds. False if there were none."""
    cursor = await connection.execute(
        """DELETE FROM import_row_errors WHERE job_id = :job_id AND line IN (
            SELECT line FROM import_row_errors WHERE job_id = :job_id ORDER BY line LIMIT :limit)""",
        {"job_id": job_id, "limit": _DELETE_ROWS},
    )
    return cursor.rowcount > 0


async def select_row_errors(
    connection: Connection, workspace_id: int, job_id: int, *, after_line: int
) -> list[Row]:
    """The next rows in the order of the file: one batch, or one row that is larger than a batch."""
    rows = await connection.execute_fetchall(
        """WITH sizes AS (
            SELECT line, sum(size) OVER (ORDER BY line) - size AS before
            FROM (SELECT line, length(cells) AS size FROM import_row_errors
                WHERE job_id = :job_id AND line > :after_line ORDER BY line LIMIT :limit)
        )
        SELECT line, column_name, code, message, cells FROM import_row_errors
        JOIN jobs ON jobs.id = job_id
        WHERE job_id = :job_id AND workspace_id = :workspace_id AND line > :after_line
            AND line <= (SELECT max(line) FROM sizes WHERE before < :characters)
        ORDER BY line""",
        {
            "job_id": job_id,
            "workspace_id": workspace_id,
            "after_line": after_line,
            "limit": _BATCH_ROWS,
            "characters": _BATCH_CHARACTERS,
        },
    )
    return list(rows)


async def stream_report(
    database: Database, workspace_id: int, job_id: int, *, formula_guard: bool
) -> AsyncIterator[bytes]:
    """The columns of the file and the four error columns, as CSV (RFC 4180) in UTF-8, in pieces of one batch."""
    async with database.read() as connection:
        plan = await select_import(connection, workspace_id, job_id)
    yield header_line([*(_name(name, formula_guard) for name in plan.header), *REPORT_COLUMNS])
    line = 0
    while True:
        # A transaction for each batch: a slow reader must not keep the WAL from its checkpoint, and new rows only
        # come after those that are read already.
        async with database.read() as connection:
            rows = await select_row_errors(connection, workspace_id, job_id, after_line=line)
        if not rows:
            return
        yield await asyncio.to_thread(_format, rows, len(plan.header), formula_guard)
        line = rows[-1]["line"]


def _as_json(row_errors: Sequence[RowError]) -> str:
    return msgspec.json.encode(
        [(error.line, error.column, error.code, error.message, error.cells) for error in row_errors]
    ).decode()


def _format(rows: Sequence[Row], width: int, formula_guard: bool) -> bytes:
    lines = []
    for row in rows:
        cells = [_safe(cell, formula_guard) for cell in _cells_decoder.decode(row["cells"])]
        cells += [""] * (width - len(cells))
        lines.append([*cells, row["line"], _name(row["column_name"], formula_guard), row["code"], row["message"]])
    return _write_rows(lines)


def _safe(cell: str, formula_guard: bool) -> str:
    """The cell with exactly one guard, which the import of the corrected report removes again."""
    return guard(unguard(cell)) if formula_guard else cell


def _name(name: str, formula_guard: bool) -> str:
    """A column name, without its guard, written so that an import reads the same name."""
    return guard(name) if formula_guard or unguard(name) != name else name


def _write_rows(rows: Sequence[Sequence[str]]) -> bytes:
    text = io.StringIO(newline="")
    csv.writer(text).writerows(rows)
    return text.getvalue().encode()
