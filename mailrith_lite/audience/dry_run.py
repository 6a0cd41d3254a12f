"""What changes would come to, chunk after chunk, without applying any of them.

A later row of a file may meet somebody whom an earlier one has made or altered, a million rows before. So who is
touched is written down as they would be then, beside the database, and later chunks read them there first. All is
told from one committed state, by the very code that plans what is applied.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

from mailrith_lite.audience import bulk
from mailrith_lite.audience.bulk import Change, ChunkTooLarge, Outcome
from mailrith_lite.audience.sequences import select_known_sequence_ids
from mailrith_lite.database import Connection, Database

NOBODYS_TAG = -1
"""Stands for a tag that the import would make: nobody has it yet."""


class DryRun:
    """`connection`: sees one committed state however long it is open."""

    def __init__(self, connection: Connection, next_id: int) -> None:
        self.connection = connection
        self._next_id = next_id

    async def plan(
        self, workspace_id: int, changes: Sequence[Change], *, tag_ids: Sequence[int], sequence_ids: Sequence[int]
    ) -> Outcome:
        """What the changes would come to behind all those before them; as `bulk.plan` otherwise.

        Raises:
            ChunkTooLarge
        """
        known = await select_known_sequence_ids(self.connection, workspace_id, sequence_ids)
        tags = bulk.as_json(list(dict.fromkeys(tag_ids)))
        sequences = bulk.as_json(sorted(known))
        emails = await asyncio.to_thread(bulk.sorted_emails, changes)
        if len(changes) > 1 and await self._select_size(workspace_id, emails) > bulk.MAX_CHARACTERS:
            raise ChunkTooLarge
        states = await self._select_states(workspace_id, emails, tags, sequences)
        planned = await asyncio.to_thread(bulk.work_out, states, changes, self._next_id, tags, sequences)
        for altered in (planned.inserts, planned.updates):
            await self._keep(altered or "[]")
        self._next_id += planned.outcome.created
        return planned.outcome

    async def _select_size(self, workspace_id: int, emails: str) -> int:
        """How long what is known of these subscribers is, roughly."""
        rows = await self.connection.execute_fetchall(
            f"SELECT coalesce(sum(length(coalesce(kept.state, custom_fields))), 0) {_WHO}",
            {"workspace_id": workspace_id, "emails": emails},
        )
        return int(next(iter(rows))[0])

    async def _select_states(self, workspace_id: int, emails: str, tags: str, sequences: str) -> str:
        rows = await self.connection.execute_fetchall(
            f"SELECT json_group_array(json(coalesce(kept.state, {bulk.STATE}))) {_WHO}",
            {"workspace_id": workspace_id, "emails": emails, "tags": tags, "sequences": sequences},
        )
        return str(next(iter(rows))[0])

    async def _keep(self, states: str) -> None:
        await self.connection.execute(
            """INSERT OR REPLACE INTO scratch.states (address, state)
            SELECT json_extract(value, '$[1]'), value FROM json_each(?)""",
            (states,),
        )


_WHO = """FROM json_each(:emails) AS row
    LEFT JOIN scratch.states AS kept ON kept.address = row.value
    LEFT JOIN subscribers ON kept.address IS NULL
        AND subscribers.workspace_id = :workspace_id AND subscribers.email = row.value
    WHERE kept.address IS NOT NULL OR subscribers.id IS NOT NULL"""


@contextlib.asynccontextmanager
async def open_dry_run(database: Database, scratch: Path) -> AsyncIterator[DryRun]:
    """`scratch`: a file for the time being, as large as what the changes make and alter."""
    async with database.scratch_snapshot(scratch) as connection:
        await connection.execute(
            "CREATE TABLE scratch.states (address TEXT PRIMARY KEY, state TEXT NOT NULL) WITHOUT ROWID"
        )
        yield DryRun(connection, await bulk.select_next_id(connection))
