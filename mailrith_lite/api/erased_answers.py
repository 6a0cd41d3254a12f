"""What the recorded answers to POSTs keep of people who were deleted."""

import asyncio
from collections.abc import Sequence
from typing import Any

import msgspec

from mailrith_lite.api.bulk_request import BulkFilter
from mailrith_lite.api.export_request import ExportSelection
from mailrith_lite.api.idempotency import hashed_key
from mailrith_lite.audience import erased_selections, erasures, mentions
from mailrith_lite.audience.erasures import Mention
from mailrith_lite.audience.selection import Selection
from mailrith_lite.database import Connection, Database, Row
from mailrith_lite.jobs.kinds import BULK_CHANGE, EXPORT

_BATCH = 500
_CREATES_EXPORT = "createSubscriberExportJob"
_CREATES_BULK_CHANGE = "createSubscriberBulkChangeJob"


class _Created(msgspec.Struct, frozen=True, kw_only=True):
    """An export has a `selection`, a bulk change a `filter` unless it lists the people."""

    id: str
    selection: ExportSelection | None = None
    filter: BulkFilter | None = None

    @property
    def job_id(self) -> int:
        return EXPORT.decode(self.id) or BULK_CHANGE.decode(self.id) or 0

    @property
    def chosen(self) -> Selection:
        if self.selection is not None:
            return self.selection.selection()
        return Selection() if self.filter is None else self.filter.selection()


class _Answer(msgspec.Struct, frozen=True, kw_only=True):
    """What an answer to one of the two operations says of the people."""

    data: _Created


_answer_decoder = msgspec.json.Decoder(_Answer)


async def erase_answers(database: Database, workspace_id: int) -> None:
    """Takes the addresses of deleted people out of recorded answers and keys, and their names out of searches.

    A trigger emptied the answer about a subscriber when they were deleted. A key with an address is replaced by its
    hash, so that a repeated request is still recognized.
    """
    operation = key = ""
    while True:
        async with database.read() as connection:
            rows = await _select_batch(connection, workspace_id, operation, key)
            if not rows:
                return
            named = await asyncio.to_thread(_mentions, rows)
            erased = await erasures.select_erased(connection, workspace_id, named)
            bodies = {
                position: body
                for position, row in enumerate(rows)
                if (body := await _erased_body(connection, workspace_id, row)) is not None
            }
        addresses: dict[int, set[str]] = {position: set() for position in bodies}
        for one in erased:
            addresses.setdefault(one.position, set()).add(one.address)
        for position, its_addresses in addresses.items():
            row = rows[position]
            await _scrub(database, workspace_id, row, bodies.get(position, row["body"]), its_addresses)
        operation, key = rows[-1]["operation"], rows[-1]["key"]


async def _select_batch(connection: Connection, workspace_id: int, operation: str, key: str) -> list[Row]:
    """The next answers and keys that can name somebody."""
    rows = await connection.execute_fetchall(
        """SELECT operation, idempotency_key AS key, CAST(body AS TEXT) AS body,
            subscriber_id IS NOT NULL AS about_subscriber
        FROM idempotency_records WHERE workspace_id = ? AND (operation, idempotency_key) > (?, ?)
            AND (instr(idempotency_key, '@') OR operation IN (?, ?)
                OR (subscriber_id IS NULL AND instr(CAST(body AS TEXT), '@')))
        ORDER BY operation, idempotency_key LIMIT ?""",
        (workspace_id, operation, key, _CREATES_EXPORT, _CREATES_BULK_CHANGE, _BATCH),
    )
    return list(rows)


def _mentions(rows: Sequence[Row]) -> list[Mention]:
    return [
        Mention(position=position, address=address)
        for position, row in enumerate(rows)
        for address in (
            *mentions.word_addresses(row["key"]),
            *(() if row["about_subscriber"] else mentions.json_addresses(row["body"])),
        )
    ]


async def _erased_body(connection: Connection, workspace_id: int, row: Row) -> str | None:
    """The answer without what its filter can say about deleted people. None: it says nothing about them."""
    if row["operation"] not in (_CREATES_EXPORT, _CREATES_BULK_CHANGE):
        return None
    job = _answer_decoder.decode(row["body"]).data
    selection = await erased_selections.without_erased(connection, workspace_id, job.chosen, job.job_id)
    if selection == job.chosen:
        return None
    answer: dict[str, Any] = msgspec.json.decode(row["body"])
    if job.selection is not None:
        answer["data"]["selection"] = ExportSelection.of(selection)
    else:
        answer["data"]["filter"] = BulkFilter.of(selection)
    return msgspec.json.encode(answer).decode()


async def _scrub(database: Database, workspace_id: int, row: Row, body: str, addresses: set[str]) -> None:
    """`body`: that of the row, perhaps without the texts of its filter."""
    if not row["about_subscriber"]:
        await _write_body(database, workspace_id, row, mentions.scrub_json(body, addresses))
    if mentions.word_addresses(row["key"]) & addresses:
        async with database.write(housekeeping=True) as connection:
            await connection.execute(
                """UPDATE OR REPLACE idempotency_records SET idempotency_key = ?
                WHERE workspace_id = ? AND operation = ? AND idempotency_key = ?""",
                (hashed_key(row["key"]), workspace_id, row["operation"], row["key"]),
            )


async def _write_body(database: Database, workspace_id: int, row: Row, body: str) -> None:
    async with database.write(housekeeping=True) as connection:
        await connection.execute(
            """UPDATE idempotency_records SET body = ?
            WHERE workspace_id = ? AND operation = ? AND idempotency_key = ?""",
            (body.encode(), workspace_id, row["operation"], row["key"]),
        )
