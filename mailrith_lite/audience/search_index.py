"""The trigrams of emails and names, for a search among many: kept up behind the imports, never waited for.

The index leads to candidates; the filter still checks each of them. So an index that lags makes a search slower,
and never wrong. Those of one workspace stand together in it: a search never passes those of another.
"""

from collections import Counter

import msgspec

from mailrith_lite import ids
from mailrith_lite.audience.values import STATUSES, Status
from mailrith_lite.database import Connection, Database

BATCH = 2_000
_SHORTEST = 3  # a trigram has three characters
_RAREST = 3
_SAMPLED = 64  # one subscriber of so many
_PLACE = 40  # bits: a row's id is the workspace's, and in these below it the subscriber's
_ROW = f"(workspace_id << {_PLACE}) + id"
_BACKLOG_ROW = f"(workspace_id << {_PLACE}) + subscriber_id"


class Search(msgspec.Struct, frozen=True, kw_only=True):
    """What a needle comes to: the index's query (None when it is too short for one), and whom it means as a whole.

    Subscribers with an id up to `up_to_id` are in the index, in its rows from `first_row` up to `end_row`.
    """

    match: str | None
    first_row: int
    end_row: int
    up_to_id: int
    own_id: int | None
    status: Status | None


async def prepare(connection: Connection, workspace_id: int, needle: str) -> Search:
    trimmed = needle.strip()
    return Search(
        match=await _match(connection, workspace_id, trimmed.casefold()),
        first_row=workspace_id << _PLACE,
        end_row=(workspace_id + 1) << _PLACE,
        up_to_id=await _select_up_to(connection),
        own_id=ids.decode(ids.SUBSCRIBER, trimmed),
        status=next((status for status in STATUSES if status.lower() == trimmed.lower()), None),
    )


async def _match(connection: Connection, workspace_id: int, text: str) -> str | None:
    """The rarest of its trigrams: the filter looks at whoever has them, and common ones would only cost time."""
    if len(text) < _SHORTEST:
        return None
    trigrams = _trigrams(text)
    rows = await connection.execute_fetchall(
        """SELECT trigram, found FROM search_trigrams
        WHERE workspace_id = ? AND trigram IN (SELECT value FROM json_each(?))""",
        (workspace_id, msgspec.json.encode(trigrams).decode()),
    )
    found: dict[str, int] = {row["trigram"]: row["found"] for row in rows}
    rarest = sorted(trigrams, key=lambda trigram: found.get(trigram, 0))[:_RAREST]
    return " AND ".join('"' + trigram.replace('"', '""') + '"' for trigram in rarest)


def _trigrams(text: str) -> list[str]:
    return list(dict.fromkeys(text[begin : begin + 3] for begin in range(len(text) - 2)))


async def _select_up_to(connection: Connection) -> int:
    rows = await connection.execute_fetchall("SELECT up_to_id FROM search_state")
    return int(next(iter(rows))[0])


async def catch_up(database: Database) -> bool:
    """Takes the next batch into the index, in a transaction of its own. False when there is nothing to take."""
    async with database.read() as connection:
        rows = await connection.execute_fetchall(
            """SELECT (SELECT max(id) FROM subscribers) > (SELECT up_to_id FROM search_state)
            OR EXISTS (SELECT 1 FROM search_backlog)"""
        )
        if not next(iter(rows))[0]:
            return False
    async with database.write(housekeeping=True) as connection:
        if await _insert_new(connection) == 0:
            await _replace_changed(connection)
    return True


async def _insert_new(connection: Connection) -> int:
    up_to = await _select_up_to(connection)
    rows = await connection.execute_fetchall(
        "SELECT max(id), count(*) FROM (SELECT id FROM subscribers WHERE id > ? ORDER BY id LIMIT ?)",
        (up_to, BATCH),
    )
    last, count = next(iter(rows))
    if count:
        await connection.execute(
            f"""INSERT INTO subscriber_search (rowid, email, name)
            SELECT {_ROW} AS place, email, coalesce(name_key, lower(name)) FROM subscribers
            WHERE id > ? AND id <= ? ORDER BY place""",  # in the order of the rows: else each would be a write
            (up_to, last),
        )
        await _count_trigrams(connection, up_to, last)
        await connection.execute("UPDATE search_state SET up_to_id = ?", (last,))
    return int(count)


async def _count_trigrams(connection: Connection, up_to: int, last: int) -> None:
    rows = await connection.execute_fetchall(
        """SELECT workspace_id, email, coalesce(name_key, lower(name)) AS name FROM subscribers
        WHERE id > ? AND id <= ? AND id % ? = 0""",
        (up_to, last, _SAMPLED),
    )
    found = Counter(
        (row["workspace_id"], trigram)
        for row in rows
        for text in (row["email"], row["name"])
        for trigram in _trigrams(text)
    )
    counted = [(workspace_id, trigram, count) for (workspace_id, trigram), count in found.items()]
    await connection.execute(
        """INSERT INTO search_trigrams (workspace_id, trigram, found)
        SELECT value ->> 0, value ->> 1, value ->> 2 FROM json_each(?)
        WHERE true ON CONFLICT DO UPDATE SET found = found + excluded.found""",
        (msgspec.json.encode(counted).decode(),),
    )


async def _replace_changed(connection: Connection) -> None:
    """What the index has of them goes, and what they are now comes: nothing of those who were deleted."""
    batch = "(SELECT * FROM search_backlog ORDER BY workspace_id, subscriber_id LIMIT ?)"
    await connection.execute(
        f"""INSERT INTO subscriber_search (subscriber_search, rowid, email, name)
        SELECT 'delete', {_BACKLOG_ROW}, email, name FROM {batch} ORDER BY 2""",
        (BATCH,),
    )
    await connection.execute(
        f"""INSERT INTO subscriber_search (rowid, email, name)
        SELECT {_ROW} AS place, email, coalesce(name_key, lower(name)) FROM subscribers
        WHERE id IN (SELECT subscriber_id FROM {batch}) ORDER BY place""",
        (BATCH,),
    )
    await connection.execute(
        f"""DELETE FROM search_backlog
        WHERE (workspace_id, subscriber_id) IN (SELECT workspace_id, subscriber_id FROM {batch})""",
        (BATCH,),
    )
