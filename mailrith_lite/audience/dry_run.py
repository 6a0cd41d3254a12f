"""Plans the chunks of an import one after another, without applying them.

A row can change a subscriber that another row, a million rows earlier, would create or change. So the planned
state of each such subscriber goes into a scratch database, and later chunks read that state first. The saved
subscribers come from one committed state of the database, and the plans from the code that plans real imports.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Mapping, Sequence
from pathlib import Path

from mailrith_lite.audience import bulk, row_lists
from mailrith_lite.audience.bulk import ChunkTooLarge
from mailrith_lite.audience.bulk_plan import Change, Outcome, RowLists, as_json, plan_changes, sorted_emails
from mailrith_lite.audience.sequences import select_known_sequence_ids
from mailrith_lite.database import Connection, Database
from mailrith_lite.unicode_forms import fold

NEW_TAG_ID = -1
"""Stands for a tag that the import would create. No subscriber has it. Further tags count down from it."""

_SUBSCRIBERS = """FROM json_each(:emails) AS row
    LEFT JOIN scratch.states AS planned ON planned.email = row.value
    LEFT JOIN subscribers ON planned.email IS NULL
        AND subscribers.workspace_id = :workspace_id AND subscribers.email = row.value
    WHERE planned.email IS NOT NULL OR subscribers.id IS NOT NULL"""


class DryRun:
    """`connection`: sees one committed state of the database for as long as it is open."""

    def __init__(self, connection: Connection, next_id: int) -> None:
        self.connection = connection
        self._next_id = next_id
        self._new_tags: dict[str, int] = {}

    def add_new_tag(self, name: str) -> int:
        """The integer id for the tag, which does not exist."""
        return self._new_tags.setdefault(fold(name), NEW_TAG_ID - len(self._new_tags))

    async def plan(
        self, workspace_id: int, changes: Sequence[Change], *, tag_ids: Sequence[int], sequence_ids: Sequence[int]
    ) -> Outcome:
        """The outcome of the changes after all earlier ones; otherwise like `bulk.plan`.

        Raises:
            ChunkTooLarge: plan fewer changes at once.
        """
        existing_sequence_ids = await select_known_sequence_ids(self.connection, workspace_id, sequence_ids)
        tags = as_json(list(dict.fromkeys(tag_ids)))
        sequences = as_json(sorted(existing_sequence_ids))
        emails = await asyncio.to_thread(sorted_emails, changes)
        if len(changes) > 1 and await self._select_characters(workspace_id, emails) > bulk.MAX_CHARACTERS:
            raise ChunkTooLarge
        lists = await self._resolve(workspace_id, changes)
        known = await self._select_known(workspace_id, emails, bulk.list_parameters(tags, sequences, lists))
        plan = await asyncio.to_thread(plan_changes, known, changes, self._next_id, tags, sequences, lists)
        for new_states in (plan.inserts, plan.updates):
            await self._insert_states(new_states or "[]")
        self._next_id += plan.outcome.created
        return plan.outcome

    async def _resolve(self, workspace_id: int, changes: Sequence[Change]) -> RowLists:
        """The same as `row_lists.resolve`, without a new tag."""
        tags = await row_lists.select_tags(self.connection, workspace_id, changes)
        return RowLists(
            tags={name: self.add_new_tag(name) if tag_id is None else tag_id for name, tag_id in tags.items()},
            sequences=await row_lists.select_sequences(self.connection, workspace_id, changes),
        )

    async def _select_characters(self, workspace_id: int, emails: str) -> int:
        """The approximate size of the subscribers' states: of a planned state all of it, else the custom fields."""
        rows = await self.connection.execute_fetchall(
            f"SELECT coalesce(sum(length(coalesce(planned.state, custom_fields))), 0) {_SUBSCRIBERS}",
            {"workspace_id": workspace_id, "emails": emails},
        )
        return int(next(iter(rows))[0])

    async def _select_known(self, workspace_id: int, emails: str, parameters: Mapping[str, str]) -> str:
        known = bulk.known_subscriber(
            f"json(coalesce(planned.state, {bulk.STATE}))",
            "coalesce(subscribers.id, json_extract(planned.state, '$[0]'))",
        )
        rows = await self.connection.execute_fetchall(
            f"SELECT json_group_array({known}) {_SUBSCRIBERS}",
            {"workspace_id": workspace_id, "emails": emails, **parameters},
        )
        return str(next(iter(rows))[0])

    async def _insert_states(self, states: str) -> None:
        await self.connection.execute(
            """INSERT OR REPLACE INTO scratch.states (email, state)
            SELECT json_extract(value, '$[1]'), value FROM json_each(?)""",
            (states,),
        )


@contextlib.asynccontextmanager
async def open_dry_run(database: Database, scratch: Path) -> AsyncIterator[DryRun]:
    """`scratch`: a temporary file; it grows with the number of created and changed subscribers."""
    async with database.scratch_snapshot(scratch) as connection:
        await connection.execute(
            "CREATE TABLE scratch.states (email TEXT PRIMARY KEY, state TEXT NOT NULL) WITHOUT ROWID"
        )
        yield DryRun(connection, await bulk.select_next_id(connection))
