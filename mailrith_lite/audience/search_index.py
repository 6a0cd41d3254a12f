"""A trigram index of emails and names. A background task adds new and changed subscribers after they are committed.

The index only gives candidates, and the filter checks each of them. So an index that lags makes a search slower,
never wrong. The rows of one workspace are neighbours in the index, so a search does not read those of another.
"""

from collections import Counter

import msgspec

from mailrith_lite import ids
from mailrith_lite.audience.vocabulary import STATUSES, Status
from mailrith_lite.database import Connection, Database
from mailrith_lite.unicode_forms import fold

BATCH = 2_000
"""Subscribers in a step."""
SHORT_BATCH = 500
"""Subscribers in a step, soon after a request had to wait to write."""
_MERGED_PAGES = 500  # of the index, in one step of a merge
_MERGED_SHARE = 20  # a merge follows when one subscriber in so many has changed
_SHORTEST = 3  # the length of a trigram
_MATCHED_TRIGRAMS = 3
_SAMPLE = 64  # the counts of trigrams take one subscriber in 64
_ID_BITS = 40  # a row id is the workspace's id, followed by these bits with the subscriber's id
_ROW_ID = f"(workspace_id << {_ID_BITS}) + id"
_BACKLOG_ROW_ID = f"(workspace_id << {_ID_BITS}) + subscriber_id"


class SearchPlan(msgspec.Struct, frozen=True, kw_only=True):
    """Where to look for the subscribers that match a search.

    `match`: the query of the index; None when the text is too short for it. `first_row`, `end_row`: the workspace's
    rows of the index, without `end_row` itself. `up_to_id`: the highest subscriber id in the index. `own_id`,
    `status`: the subscriber id or the status that the whole text is, if any.
    """

    match: str | None
    first_row: int
    end_row: int
    up_to_id: int
    own_id: int | None
    status: Status | None


async def plan_search(connection: Connection, workspace_id: int, text: str) -> SearchPlan:
    trimmed = text.strip()
    return SearchPlan(
        match=await _select_match(connection, workspace_id, fold(trimmed)),
        first_row=workspace_id << _ID_BITS,
        end_row=(workspace_id + 1) << _ID_BITS,
        up_to_id=await _select_up_to_id(connection),
        own_id=ids.decode(ids.SUBSCRIBER, trimmed),
        status=next((status for status in STATUSES if status.lower() == trimmed.lower()), None),
    )


async def _select_match(connection: Connection, workspace_id: int, text: str) -> str | None:
    """A query for the rarest trigrams of the text. More trigrams cost time and exclude few candidates."""
    if len(text) < _SHORTEST:
        return None
    trigrams = _trigrams(text)
    rows = await connection.execute_fetchall(
        """SELECT trigram, found AS count FROM search_trigrams
        WHERE workspace_id = ? AND trigram IN (SELECT value FROM json_each(?))""",
        (workspace_id, msgspec.json.encode(trigrams).decode()),
    )
    counts: dict[str, int] = {row["trigram"]: row["count"] for row in rows}
    rarest = sorted(trigrams, key=lambda trigram: counts.get(trigram, 0))[:_MATCHED_TRIGRAMS]
    return " AND ".join('"' + trigram.replace('"', '""') + '"' for trigram in rarest)


def _trigrams(text: str) -> list[str]:
    return list(dict.fromkeys(text[begin : begin + 3] for begin in range(len(text) - 2)))


async def _select_up_to_id(connection: Connection) -> int:
    rows = await connection.execute_fetchall("SELECT up_to_id FROM search_state")
    return int(next(iter(rows))[0])


class Upkeep:
    """Keeps the index current, a step at a time, and merges it after many changes.

    A deleted text leaves the file only when the segments of the index are merged.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._replaced = 0  # subscribers since the last merge
        self._merging = False

    async def step(self) -> bool:
        """A transaction of its own. Returns False when there is nothing to do."""
        batch = await catch_up(self._database)
        if batch is not None:
            self._replaced += batch.replaced
            return True
        if not self._merging and self._replaced * _MERGED_SHARE <= await self._select_size():
            return False
        async with self._database.write(housekeeping=True) as connection:
            more = await _merge(connection, first=not self._merging)
        self._merging, self._replaced = more, self._replaced if more else 0
        return True

    async def _select_size(self) -> int:
        async with self._database.read() as connection:
            return await _select_up_to_id(connection)


async def erase_deleted(database: Database) -> None:
    """Takes the texts of deleted and changed subscribers out of the index and its file, a step at a time.

    A step that a job or a request waits for is short; the steps together read and write the whole index.
    """

    async def replace(connection: Connection) -> bool:
        return await _replace_changed(connection, _batch_size(database)) > 0

    async def merge(connection: Connection) -> bool:
        return await _merge(connection, first=False)

    await database.write_in_steps(replace)
    async with database.write(housekeeping=True) as connection:
        await _merge(connection, first=True)
    await database.write_in_steps(merge)


async def optimize(connection: Connection) -> None:
    """Merges the whole index at once. Takes seconds for a million subscribers."""
    await connection.execute("INSERT INTO subscriber_search (subscriber_search) VALUES ('optimize')")


class Batch(msgspec.Struct, frozen=True, kw_only=True):
    """`replaced`: the subscribers whose earlier texts were taken out."""

    replaced: int


async def catch_up(database: Database) -> Batch | None:
    """Adds the next batch to the index, in a transaction of its own. Returns None when the index is up to date."""
    async with database.read() as connection:
        rows = await connection.execute_fetchall(
            """SELECT (SELECT max(id) FROM subscribers) > (SELECT up_to_id FROM search_state)
            OR EXISTS (SELECT 1 FROM search_backlog)"""
        )
        if not next(iter(rows))[0]:
            return None
    limit = _batch_size(database)
    async with database.write(housekeeping=True) as connection:
        replaced = 0 if await _insert_new(connection, limit) else await _replace_changed(connection, limit)
    return Batch(replaced=replaced)


def _batch_size(database: Database) -> int:
    return SHORT_BATCH if database.contended() else BATCH


async def _merge(connection: Connection, *, first: bool) -> bool:
    """Does a part of a merge. Returns False at its end, which FTS5 shows by changing nothing."""
    before = connection.total_changes
    await connection.execute(
        "INSERT INTO subscriber_search (subscriber_search, rank) VALUES ('merge', ?)",
        (-_MERGED_PAGES if first else _MERGED_PAGES,),
    )
    return first or connection.total_changes - before >= 2


async def _insert_new(connection: Connection, limit: int) -> int:
    """Returns the number of subscribers added: at most `limit`."""
    up_to_id = await _select_up_to_id(connection)
    rows = await connection.execute_fetchall(
        """SELECT max(id) AS last_id, count(*) AS count
        FROM (SELECT id FROM subscribers WHERE id > ? ORDER BY id LIMIT ?)""",
        (up_to_id, limit),
    )
    last_id, count = next(iter(rows))
    if count:
        await connection.execute(
            f"""INSERT INTO subscriber_search (rowid, email, name)
            SELECT {_ROW_ID} AS row_id, email, coalesce(name_key, lower(name)) FROM subscribers
            WHERE id > ? AND id <= ? ORDER BY row_id""",  # in this order: else FTS5 writes each row by itself
            (up_to_id, last_id),
        )
        await _insert_trigram_counts(connection, up_to_id, last_id)
        await connection.execute("UPDATE search_state SET up_to_id = ?", (last_id,))
    return int(count)


async def _insert_trigram_counts(connection: Connection, up_to_id: int, last_id: int) -> None:
    rows = await connection.execute_fetchall(
        """SELECT workspace_id, email, coalesce(name_key, lower(name)) AS name FROM subscribers
        WHERE id > ? AND id <= ? AND id % ? = 0""",
        (up_to_id, last_id, _SAMPLE),
    )
    await _add_trigram_counts(
        connection, Counter(key for row in rows for key in _counted(row["workspace_id"], row["email"], row["name"]))
    )


async def _move_trigram_counts(connection: Connection, batch: str, limit: int) -> None:
    """Subtracts the trigrams of the texts that a batch takes out of the index, and adds those of the new texts.

    `batch`: a query of `search_backlog`, whose parameter is `limit`.
    """
    rows = await connection.execute_fetchall(
        f"""SELECT batch.workspace_id, batch.email, lower(batch.name) AS name, subscribers.email AS new_email,
            coalesce(name_key, lower(subscribers.name)) AS new_name
        FROM {batch} AS batch LEFT JOIN subscribers ON subscribers.id = subscriber_id
        WHERE subscriber_id % ? = 0""",
        (limit, _SAMPLE),
    )
    changes: Counter[tuple[int, str]] = Counter()
    for row in rows:
        changes.subtract(_counted(row["workspace_id"], row["email"], row["name"]))
        if row["new_email"] is not None:
            changes.update(_counted(row["workspace_id"], row["new_email"], row["new_name"]))
    await _add_trigram_counts(connection, changes)
    await connection.execute(
        """DELETE FROM search_trigrams WHERE found <= 0
            AND (workspace_id, trigram) IN (SELECT value ->> 0, value ->> 1 FROM json_each(?))""",
        (msgspec.json.encode([key for key, change in changes.items() if change < 0]).decode(),),
    )


def _counted(workspace_id: int, *texts: str) -> list[tuple[int, str]]:
    return [(workspace_id, trigram) for text in texts for trigram in _trigrams(text)]


async def _add_trigram_counts(connection: Connection, counts: Counter[tuple[int, str]]) -> None:
    """A count can be below 0, to take trigrams away."""
    counted = [(workspace_id, trigram, count) for (workspace_id, trigram), count in counts.items()]
    await connection.execute(
        """INSERT INTO search_trigrams (workspace_id, trigram, found)
        SELECT value ->> 0, value ->> 1, value ->> 2 FROM json_each(?)
        WHERE true ON CONFLICT DO UPDATE SET found = found + excluded.found""",
        (msgspec.json.encode(counted).decode(),),
    )


async def _replace_changed(connection: Connection, limit: int) -> int:
    """Replaces the index rows of changed subscribers, and deletes those of deleted ones. Returns their number:
    at most `limit`."""
    batch = "(SELECT * FROM search_backlog ORDER BY workspace_id, subscriber_id LIMIT ?)"
    await _move_trigram_counts(connection, batch, limit)
    await connection.execute(
        f"""INSERT INTO subscriber_search (subscriber_search, rowid, email, name)
        SELECT 'delete', {_BACKLOG_ROW_ID}, email, lower(name) FROM {batch} ORDER BY 2""",
        (limit,),
    )
    await connection.execute(
        f"""INSERT INTO subscriber_search (rowid, email, name)
        SELECT {_ROW_ID} AS row_id, email, coalesce(name_key, lower(name)) FROM subscribers
        WHERE id IN (SELECT subscriber_id FROM {batch}) ORDER BY row_id""",
        (limit,),
    )
    cursor = await connection.execute(
        f"""DELETE FROM search_backlog
        WHERE (workspace_id, subscriber_id) IN (SELECT workspace_id, subscriber_id FROM {batch})""",
        (limit,),
    )
    return cursor.rowcount
