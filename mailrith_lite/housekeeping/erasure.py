"""Takes the address and every cell of deleted people off the disk.

The rows of a subscriber are deleted with them, in one transaction. This deletes what other tables have of them. The
table `erasures` lists who is left to erase, so that a crash loses nobody. SQLite overwrites what it deletes with
zeros (`secure_delete`). At the end a small file is compacted and the WAL is emptied.
"""

import functools
from collections.abc import Sequence

from mailrith_lite.api import erased_answers
from mailrith_lite.audience import erased_selections, erasures, search_index
from mailrith_lite.audience.erasures import Pending, TextColumn
from mailrith_lite.bulk_changes import bulk_table
from mailrith_lite.console import choices_table
from mailrith_lite.database import Connection, Database
from mailrith_lite.exports import export_table
from mailrith_lite.imports import erasing
from mailrith_lite.webhooks import delivery_table

_AUDIT = TextColumn(  # a client can make the id of its request of an address
    select="""SELECT id AS key, request_id AS text, 0 AS job_id FROM audit_entries
        WHERE workspace_id = :workspace_id AND instr(request_id, '@')""",
    updates=("UPDATE audit_entries SET request_id = :text WHERE id = :key",),
)
_TEXT_COLUMNS = (*erasing.TEXT_COLUMNS, choices_table.TEXT_COLUMN, _AUDIT)


class Erasure:
    def __init__(self, database: Database) -> None:
        self._database = database
        self._last_id = 0  # the newest entry of `erasures` that a step has worked on
        self._file_has_traces = False
        self._wal_has_traces = True  # an earlier process may have left some

    async def step(self) -> None:
        """Erases who was deleted so far. Each of its transactions is short.

        What is left is for the next step: people with rows in an unfinished job, and the WAL while somebody reads
        from it.
        """
        async with self._database.read() as connection:
            pending = await erasures.select_pending(connection)
        due = [one for one in pending if one.last_id > self._last_id or one.any_finished]
        if due:
            self._file_has_traces = self._wal_has_traces = True
            await self._erase(due)
            self._last_id = max(one.last_id for one in due)
        if self._file_has_traces:
            await self._database.scrub()
            self._file_has_traces = False
        if self._wal_has_traces:
            self._wal_has_traces = not await self._database.empty_wal()

    async def _erase(self, due: Sequence[Pending]) -> None:
        for workspace_id in (one.workspace_id for one in due):
            await erasing.erase_rows(self._database, workspace_id)
            for column in _TEXT_COLUMNS:
                await erasures.erase_texts(self._database, workspace_id, column)
            for table in (export_table, bulk_table):
                await erased_selections.erase(
                    self._database, workspace_id, table.select_finished, table.update_selection
                )
            await delivery_table.erase_answers(self._database, workspace_id)
            await erased_answers.erase_answers(self._database, workspace_id)
        await search_index.erase_deleted(self._database)
        for one in due:
            await self._database.write_in_steps(functools.partial(_delete_finished, one))


async def _delete_finished(pending: Pending, connection: Connection) -> bool:
    return await erasures.delete_finished(connection, pending)
