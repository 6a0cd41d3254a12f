"""What imports keep of people who were deleted: refused rows and warnings, names of columns, error messages.

A refused row belongs to everybody whose address is in one of its cells.
"""

import asyncio
import itertools
import operator
from collections.abc import AsyncIterator, Sequence
from typing import Final

import msgspec

from mailrith_lite.audience import erasures, mentions
from mailrith_lite.audience.erasures import Mention, TextColumn
from mailrith_lite.audience.mentions import ERASED
from mailrith_lite.database import Database, Row
from mailrith_lite.imports import report

_LOOKED_UP_AT_ONCE: Final = 20_000
_DELETED_AT_ONCE: Final = 2_000
_cells_decoder = msgspec.json.Decoder(list[str])
_NAMES_ERASED: Final = f"(SELECT json_group_array('{ERASED}') FROM json_each(header))"

TEXT_COLUMNS: Final = (
    # A file without a header, read as if it had one: the names of its columns are the cells of a person.
    TextColumn(
        select="""SELECT job_id AS key, header AS text, job_id FROM imports JOIN jobs ON jobs.id = job_id
            WHERE workspace_id = :workspace_id AND completed_at IS NOT NULL AND instr(header, '@')""",
        updates=(
            f"""UPDATE imports SET header = {_NAMES_ERASED},
                columns = (SELECT json_group_array(json_set(value, '$.name', '{ERASED}')) FROM json_each(columns))
            WHERE job_id = :key""",
            f"UPDATE import_row_errors SET column_name = '{ERASED}' WHERE job_id = :key",
        ),
        is_json=True,
    ),
    TextColumn(
        select="""SELECT id AS key, header AS text, coalesce(import_job_id, 0) AS job_id FROM uploads
            WHERE workspace_id = :workspace_id AND source IS NULL AND instr(header, '@')""",
        updates=(f"UPDATE uploads SET header = {_NAMES_ERASED} WHERE id = :key",),
        is_json=True,
    ),
    TextColumn(
        select="""SELECT id AS key, file_name AS text, coalesce(import_job_id, 0) AS job_id FROM uploads
            WHERE workspace_id = :workspace_id AND source IS NULL AND instr(file_name, '@')""",
        updates=("UPDATE uploads SET file_name = :text WHERE id = :key",),
    ),
    TextColumn(
        select="""SELECT job_id AS key, file_name AS text, job_id FROM dry_runs JOIN jobs ON jobs.id = job_id
            WHERE workspace_id = :workspace_id AND instr(file_name, '@')""",
        updates=("UPDATE dry_runs SET file_name = :text WHERE job_id = :key",),
    ),
    TextColumn(
        select="""SELECT id AS key, error_message AS text, id AS job_id FROM jobs
            WHERE workspace_id = :workspace_id AND instr(error_message, '@')""",
        updates=("UPDATE jobs SET error_message = :text WHERE id = :key",),
    ),
    TextColumn(  # a client can make the id of its request of an address
        select="""SELECT id AS key, request_id AS text, id AS job_id FROM jobs
            WHERE workspace_id = :workspace_id AND instr(request_id, '@')""",
        updates=("UPDATE jobs SET request_id = :text WHERE id = :key",),
    ),
)


async def erase_rows(database: Database, workspace_id: int) -> None:
    """Deletes the rows of reports that name a deleted person, a batch in each transaction."""
    async for named in _mentions(database, workspace_id):
        async with database.read() as connection:
            erased = await erasures.select_erased(connection, workspace_id, named)
        rows = sorted({(one.job_id, one.position) for one in erased})
        for job_id, its_rows in itertools.groupby(rows, operator.itemgetter(0)):
            lines = [line for _, line in its_rows]
            for start in range(0, len(lines), _DELETED_AT_ONCE):
                async with database.write(housekeeping=True) as connection:
                    await report.delete_lines(connection, job_id, lines[start : start + _DELETED_AT_ONCE])


async def _mentions(database: Database, workspace_id: int) -> AsyncIterator[list[Mention]]:
    """The addresses in the rows of all reports, many at once. `position` is the line of the row."""
    async with database.read() as connection:
        job_ids = await report.select_jobs_with_rows(connection, workspace_id)
    named: list[Mention] = []
    for job_id in job_ids:
        async for rows in _batches(database, workspace_id, job_id):
            named += await asyncio.to_thread(_find, rows, job_id)
            if len(named) >= _LOOKED_UP_AT_ONCE:
                yield named
                named = []
    yield named


async def _batches(database: Database, workspace_id: int, job_id: int) -> AsyncIterator[list[Row]]:
    """The rows of a report in the order of the file."""
    line = position = 0
    while True:
        async with database.read() as connection:
            rows = await report.select_row_errors(
                connection, workspace_id, job_id, after_line=line, after_position=position
            )
        if not rows:
            return
        yield rows
        line, position = rows[-1]["line"], rows[-1]["position"]


def _find(rows: Sequence[Row], job_id: int) -> list[Mention]:
    return [
        Mention(position=row["line"], address=address, job_id=job_id)
        for row in rows
        for cell in _cells_decoder.decode(row["cells"])
        if "@" in cell
        for address in mentions.addresses(cell)
    ]
