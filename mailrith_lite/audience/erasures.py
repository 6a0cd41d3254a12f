"""The table `erasures`: deleted subscribers whose data may still be in other tables.

A trigger inserts them, or `deletion` for a set. Several rooms have texts that can name such a person. Each room
says which, and how a text is found and changed.
"""

import asyncio
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final

import msgspec

from mailrith_lite.audience import mentions
from mailrith_lite.database import MAX_ID, Connection, Database, by_name

_DELETED_AT_ONCE: Final = 2_000
_SHORTEST_QUERY: Final = 3
"""Characters of a search that can name somebody: a shorter one finds too many."""


class Mention(msgspec.Struct, frozen=True, kw_only=True, array_like=True):
    """An address in a text. `position`: of the text in a list. `job_id`: of the job that has the text, or 0."""

    position: int
    address: str
    job_id: int = 0


class TextColumn(msgspec.Struct, frozen=True, kw_only=True):
    """A column of a table whose texts can name somebody.

    `select`: gives `key`, `text` and `job_id` (0: of no job) of the workspace `:workspace_id`. `updates`: change
    the row with `:key`; `:text` is the text without the addresses. `is_json`: the texts are JSON.
    """

    select: str
    updates: tuple[str, ...]
    is_json: bool = False


class Pending(msgspec.Struct, frozen=True, kw_only=True):
    """The deleted people of a workspace that are not erased.

    `last_id`: of the newest entry. `first_job_id`: the smallest `last_job_id` of an entry. `unfinished_from`: no
    job of the workspace before this one can write rows any more.
    """

    workspace_id: int
    last_id: int
    first_job_id: int
    unfinished_from: int

    @property
    def any_finished(self) -> bool:
        """Whether everything of somebody can be erased now."""
        return self.first_job_id < self.unfinished_from


async def select_pending(connection: Connection) -> list[Pending]:
    rows = await connection.execute_fetchall(
        """SELECT workspace_id, max(id) AS last_id, min(last_job_id) AS first_job_id, coalesce(
            (SELECT min(jobs.id) FROM jobs
                WHERE completed_at IS NULL AND jobs.workspace_id = erasures.workspace_id), ?) AS unfinished_from
        FROM erasures GROUP BY workspace_id""",
        (MAX_ID,),
    )
    return [Pending(**by_name(row)) for row in rows]


async def select_erased(connection: Connection, workspace_id: int, named: Iterable[Mention]) -> list[Mention]:
    """The mentions of deleted people. A job that is newer than the deletion means another person.

    Reads all deleted people of the workspace, about two million a second: call it with many mentions at once.
    """
    mentioned = list(named)
    if not mentioned:
        return []
    rows = await connection.execute_fetchall(
        """SELECT email, max(last_job_id) AS last_job_id FROM erasures
        WHERE workspace_id = ? AND email IN (SELECT value FROM json_each(?)) GROUP BY email""",
        (workspace_id, msgspec.json.encode({one.address for one in mentioned}).decode()),
    )
    last_job_ids = {row["email"]: row["last_job_id"] for row in rows}
    return [one for one in mentioned if one.job_id <= last_job_ids.get(one.address, -1)]


async def select_searched(connection: Connection, workspace_id: int, query: str, job_id: int) -> bool:
    """Whether the search of this job names a deleted person. `query`: case folded."""
    rows = await connection.execute_fetchall(
        """SELECT EXISTS (SELECT 1 FROM (SELECT email, lower(name) AS name FROM erasures
                WHERE workspace_id = :workspace_id AND last_job_id >= :job_id)
            WHERE instr(:query, email) OR (length(name) >= :shortest AND instr(:query, name))
                OR (length(:query) >= :shortest AND (instr(name, :query)
                    OR instr(substr(email, 1, instr(email, '@')), :query)
                    OR (instr(:query, '@') AND instr(email, :query)))))""",
        {"workspace_id": workspace_id, "job_id": job_id, "query": query, "shortest": _SHORTEST_QUERY},
    )
    return bool(next(iter(rows))[0])


async def select_any_since(connection: Connection, workspace_id: int, job_id: int) -> bool:
    """Whether somebody was deleted after this job was made, and is not erased yet."""
    rows = await connection.execute_fetchall(
        "SELECT EXISTS (SELECT 1 FROM erasures WHERE workspace_id = ? AND last_job_id >= ?)", (workspace_id, job_id)
    )
    return bool(next(iter(rows))[0])


async def erase_texts(database: Database, workspace_id: int, column: TextColumn) -> None:
    """Takes the addresses of deleted people out of the texts of a column."""
    async with database.read() as connection:
        rows = list(await connection.execute_fetchall(column.select, {"workspace_id": workspace_id}))
        texts = [str(row["text"]) for row in rows]
        job_ids = [int(row["job_id"]) for row in rows]
        find = mentions.json_addresses if column.is_json else mentions.word_addresses
        erased = await select_erased(connection, workspace_id, await asyncio.to_thread(_find, texts, job_ids, find))
    by_position: dict[int, set[str]] = {}
    for one in erased:
        by_position.setdefault(one.position, set()).add(one.address)
    scrub = mentions.scrub_json if column.is_json else mentions.scrub
    for position, addresses in by_position.items():
        parameters: dict[str, Any] = {
            "workspace_id": workspace_id,
            "key": rows[position]["key"],
            "text": scrub(texts[position], addresses),
        }
        async with database.write(housekeeping=True) as connection:
            for update in column.updates:
                await connection.execute(update, parameters)


def _find(texts: Sequence[str], job_ids: Sequence[int], find: Callable[[str], set[str]]) -> list[Mention]:
    return [
        Mention(position=position, address=address, job_id=job_id)
        for position, (text, job_id) in enumerate(zip(texts, job_ids, strict=True))
        for address in find(text)
    ]


async def delete_finished(connection: Connection, pending: Pending) -> bool:
    """Deletes the next entries that are worked on. False if there are no more.

    `pending`: as it was before the work. An entry stays if a job was unfinished by then that may have a row of the
    person.
    """
    cursor = await connection.execute(
        """DELETE FROM erasures WHERE id IN (SELECT id FROM erasures
            WHERE workspace_id = ? AND id <= ? AND last_job_id < ? LIMIT ?)""",
        (pending.workspace_id, pending.last_id, pending.unfinished_from, _DELETED_AT_ONCE),
    )
    return cursor.rowcount > 0
