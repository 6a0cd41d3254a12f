"""The error report of an import: its first rows, without reading the rest of a long file."""

import codecs
import contextlib
import csv
import io
from collections.abc import AsyncGenerator, AsyncIterator, Sequence

import msgspec

from mailrith_lite.audience.export_columns import REPORT_COLUMNS
from mailrith_lite.audience.values import quoted
from mailrith_lite.cells import unguard
from mailrith_lite.cli.http_client import ApiClient
from mailrith_lite.errors import StartError

_OPTIONAL_CELLS = frozenset({"invalid_country", "invalid_custom_field", "invalid_date", "value_too_long"})
"""Codes of rows that `leave_out` applies without the cell. An email that is too long is counted with them."""


class ReportedRow(msgspec.Struct, frozen=True, kw_only=True):
    """A refused cell or row, or a warning. `line`: of the imported file. `cell`: quoted; empty without a cell."""

    line: str
    column: str
    cell: str
    reason: str


async def first_rows(client: ApiClient, url: str, limit: int) -> list[ReportedRow]:
    """At most `limit` rows of the report at a signed link.

    Raises:
        Unreachable, Refused
        StartError: it is not an error report.
    """
    rows: list[ReportedRow] = []
    async with contextlib.aclosing(_records(client.stream(url))) as records:
        columns = await _imported_columns(records)
        async for cells in records:
            if len(cells) < len(columns) + 4:
                raise StartError("the error report cannot be shown: a row has too few columns")
            rows.append(_reported(columns, cells))
            if len(rows) == limit:
                break
    return rows


async def count_left_out(client: ApiClient, url: str) -> int:
    """How many rows were refused for a cell that can be left out.

    Raises:
        Unreachable, Refused
        StartError: it is not an error report.
    """
    count = 0
    async with contextlib.aclosing(_records(client.stream(url))) as records:
        start = len(await _imported_columns(records))
        async for cells in records:
            count += len(cells) >= start + 4 and cells[start + 2] in _OPTIONAL_CELLS
    return count


def _reported(columns: Sequence[str], cells: Sequence[str]) -> ReportedRow:
    """Most messages begin with the cell, which has a column of its own here."""
    line, column, _, message = map(unguard, cells[len(columns) : len(columns) + 4])
    text = unguard(cells[columns.index(column)]) if column in columns else ""
    cell = quoted(text) if text.strip() else ""
    return ReportedRow(line=line, column=column, cell=cell, reason=message.removeprefix(f"{cell} "))


async def _imported_columns(records: AsyncGenerator[list[str]]) -> list[str]:
    """Reads the header, and returns its columns before those that the service has added."""
    header: list[str] = await anext(records, [])
    names = list(REPORT_COLUMNS)
    places = [place for place in range(len(header)) if header[place : place + len(names)] == names]
    if not places:
        raise StartError("the error report cannot be shown: its header is not known")
    return [unguard(name) for name in header[: places[-1]]]


async def _records(blocks: AsyncIterator[bytes]) -> AsyncGenerator[list[str]]:
    """The records of a CSV file that csv.writer wrote: a line end outside quotes ends a record.

    Raises:
        StartError: csv.reader refuses a record.
    """
    record = io.StringIO(newline="")
    quoted = False
    async for line in _lines(blocks):
        record.write(line)
        quoted ^= line.count('"') % 2 == 1
        if not quoted:
            try:
                yield next(csv.reader(io.StringIO(record.getvalue(), newline="")))
            except csv.Error as error:
                raise StartError(f"the error report cannot be shown: {error}") from error
            record = io.StringIO(newline="")


async def _lines(blocks: AsyncIterator[bytes]) -> AsyncIterator[str]:
    decoder = codecs.getincrementaldecoder("utf-8")("replace")
    pieces: list[str] = []
    async for block in blocks:
        first, *others = decoder.decode(block).split("\n")
        pieces.append(first)
        for other in others:
            yield "".join(pieces) + "\n"
            pieces = [other]
