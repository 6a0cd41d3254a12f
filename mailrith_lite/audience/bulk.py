"""Applies a chunk of changes at once.

One query reads the chunk's existing subscribers, `bulk_plan` works in memory, and a few set-based statements write
the result. SQLite runs each of them over the whole chunk without the interpreter lock, so the API stays fast and
the next chunk is parsed meanwhile. Every statement walks the emails in index order: access to random places of the
index is the main cost of an import into a large table.
"""

import asyncio
from collections.abc import Mapping, Sequence

from mailrith_lite.audience import blocks
from mailrith_lite.audience.bulk_plan import NO_LISTS, Change, Plan, RowLists, as_json, plan_changes, sorted_emails
from mailrith_lite.audience.sequences import select_known_sequence_ids
from mailrith_lite.database import Connection

MAX_CHARACTERS = 1 << 23
"""The custom fields of a chunk's existing subscribers, together, in JSON."""
NO_IDS = "[]"


def _unless_empty(lists: str, query: str) -> str:
    """The query, which need not run for the subscribers of a chunk without these lists. `lists`: JSON, in SQL."""
    return f"CASE {lists} WHEN '[]' THEN json('[]') ELSE ({query}) END"


_MISSING_TAGS = """SELECT json_group_array(tag.value) FROM json_each(:tags) AS tag WHERE NOT EXISTS (
    SELECT 1 FROM subscriber_tags WHERE subscriber_id = subscribers.id AND tag_id = tag.value)"""
_MISSING_SEQUENCES = """SELECT json_group_array(sequence.value) FROM json_each(:sequences) AS sequence
    WHERE NOT EXISTS (SELECT 1 FROM subscriber_sequences AS member WHERE subscriber_id = subscribers.id
        AND sequence_id = sequence.value AND member.status <> 'removed')"""
STATE = f"""json_array(subscribers.id, subscribers.email, name, status, country, json(custom_fields), name_key,
    {_unless_empty(":tags", _MISSING_TAGS)}, subscribed_at, last_opened_at, json('[]'), json('[]'),
    {_unless_empty(":sequences", _MISSING_SEQUENCES)}, changed_by_job)"""
"""A saved subscriber's state, as `bulk_plan` reads it."""


def known_subscriber(state: str = STATE, subscriber_id: str = "subscribers.id") -> str:
    """An existing subscriber, as `bulk_plan` reads it: the state, then which tags and sequences of the rows it has,
    and the sequences from which it was removed.

    `state`, `subscriber_id`: in SQL. The parameters are JSON lists of integers: `:tags` and `:sequences` of the
    job, `:row_tags` and `:row_sequences`.
    """
    tags = f"""SELECT json_group_array(tag_id) FROM subscriber_tags
        WHERE subscriber_id = {subscriber_id} AND tag_id IN (SELECT value FROM json_each(:row_tags))"""
    sequences = f"""SELECT json_group_array(sequence_id) FROM subscriber_sequences
        WHERE subscriber_id = {subscriber_id} AND status <> 'removed'
            AND sequence_id IN (SELECT value FROM json_each(:row_sequences))"""
    removed = f"""SELECT json_group_array(sequence_id) FROM subscriber_sequences
        WHERE subscriber_id = {subscriber_id} AND status = 'removed' AND sequence_id IN (
            SELECT value FROM json_each(:row_sequences) UNION ALL SELECT value FROM json_each(:sequences))"""
    return f"""json_array({state}, {_unless_empty(":row_tags", tags)}, {_unless_empty(":row_sequences", sequences)},
        CASE :sequences WHEN '[]' THEN {_unless_empty(":row_sequences", removed)} ELSE ({removed}) END)"""


def list_parameters(tags: str, sequences: str, lists: RowLists) -> dict[str, str]:
    """The parameters of `known_subscriber`."""
    return {
        "tags": tags,
        "sequences": sequences,
        "row_tags": as_json(sorted(set(lists.tags.values()))),
        "row_sequences": as_json(sorted(set(lists.sequences.values()))),
    }


class ChunkTooLarge(Exception):
    """The existing subscribers of the chunk have more custom fields than may be in memory at once."""


async def plan(
    connection: Connection,
    workspace_id: int,
    changes: Sequence[Change],
    *,
    tag_ids: Sequence[int],
    sequence_ids: Sequence[int],
    lists: RowLists = NO_LISTS,
    job_id: int | None = None,
) -> Plan:
    """Plans the changes against the saved subscribers.

    Each subscriber of the chunk gets the tags, and the sequences that still exist. `lists`: of all the changes.
    `job_id`: of the import that makes them; subscribers remember it as the latest that changed them.

    Raises:
        ChunkTooLarge: plan fewer changes at once.
    """
    tags = as_json(list(dict.fromkeys(tag_ids)))
    sequences = as_json(sorted(await select_known_sequence_ids(connection, workspace_id, sequence_ids)))
    emails = await asyncio.to_thread(sorted_emails, changes)
    count, characters = await _select_size(connection, workspace_id, emails)
    if characters > MAX_CHARACTERS and len(changes) > 1:
        raise ChunkTooLarge
    parameters = list_parameters(tags, sequences, lists)
    known = await _select_known(connection, workspace_id, emails, parameters) if count else "[]"
    next_id = await select_next_id(connection)
    return await asyncio.to_thread(plan_changes, known, changes, next_id, tags, sequences, lists, job_id)


async def apply(connection: Connection, workspace_id: int, plan: Plan, now: int) -> None:
    """Writes a plan. Make the plan in the same transaction."""
    if plan.inserts:
        await _insert_subscribers(connection, workspace_id, plan, now)
        await blocks.update_subscriber_counts(connection, workspace_id, plan.first_id)
    if plan.updates:
        await update_states(connection, workspace_id, plan.updates, plan.standings, now)
    if plan.members and plan.tag_ids != NO_IDS:
        await blocks.update_tag_counts(connection, plan.members, plan.tag_ids, new_from=plan.first_id)
        await insert_tags(connection, plan.members, plan.tag_ids)
    if plan.members and plan.sequence_ids != NO_IDS:
        await insert_sequences(connection, plan.members, plan.sequence_ids)
    if plan.row_tags:
        await blocks.update_row_tag_counts(connection, plan.row_tags)
        await _insert_row_tags(connection, plan.row_tags)
    if plan.row_sequences:
        await _insert_row_sequences(connection, plan.row_sequences)
    if plan.left_again:
        await connection.execute(
            "UPDATE subscribers SET changed_by_job = NULL WHERE id IN (SELECT value FROM json_each(?))",
            (plan.left_again,),
        )


async def _select_size(connection: Connection, workspace_id: int, emails: str) -> tuple[int, int]:
    """(the number of existing subscribers with these emails, the characters of their custom fields)"""
    rows = await connection.execute_fetchall(
        """SELECT count(*) AS count, coalesce(sum(length(custom_fields)), 0) AS characters
        FROM json_each(:emails) AS row
        CROSS JOIN subscribers ON subscribers.workspace_id = :workspace_id AND subscribers.email = row.value""",
        {"workspace_id": workspace_id, "emails": emails},
    )
    row = next(iter(rows))
    return row["count"], row["characters"]


async def _select_known(
    connection: Connection, workspace_id: int, emails: str, parameters: Mapping[str, str]
) -> str:
    """A JSON list of the workspace's subscribers with these emails."""
    rows = await connection.execute_fetchall(
        f"""SELECT json_group_array({known_subscriber()})
        FROM json_each(:emails) AS row
        CROSS JOIN subscribers ON subscribers.workspace_id = :workspace_id AND subscribers.email = row.value""",
        {"workspace_id": workspace_id, "emails": emails, **parameters},
    )
    return str(next(iter(rows))[0])


async def select_next_id(connection: Connection) -> int:
    """The integer id of the next new subscriber."""
    rows = await connection.execute_fetchall("SELECT seq FROM sqlite_sequence WHERE name = 'subscribers'")
    return 1 + next((int(row[0]) for row in rows), 0)


async def _insert_subscribers(connection: Connection, workspace_id: int, plan: Plan, now: int) -> None:
    await connection.execute(
        """INSERT INTO subscribers (id, workspace_id, email, name, status, country, custom_fields,
            name_key, subscribed_at, last_opened_at, created_at, updated_at, changed_by_job)
        SELECT json_extract(value, '$[0]'), :workspace_id, json_extract(value, '$[1]'),
            json_extract(value, '$[2]'), json_extract(value, '$[3]'), json_extract(value, '$[4]'),
            json_extract(value, '$[5]'), json_extract(value, '$[6]'),
            CASE WHEN :have_times THEN coalesce(json_extract(value, '$[8]'), :now) ELSE :now END,
            CASE WHEN :have_times THEN json_extract(value, '$[9]') END, :now, :now, :job_id
        FROM json_each(:states)""",
        {
            "workspace_id": workspace_id,
            "states": plan.inserts,
            "have_times": plan.inserts_have_times,
            "job_id": plan.job_id,
            "now": now,
        },
    )


async def update_states(connection: Connection, workspace_id: int, states: str, standings: str, now: int) -> None:
    """Writes a JSON list of states, without tags and sequences.

    `standings`: a JSON list of `Standing`, of those who get another status or time. Few changes do that, and a
    statement that sets an indexed column writes the index for each of its rows, also if the value is the same.

    The `+` stops SQLite from scanning the workspace's index and searching the list for each row.
    """
    await connection.execute(
        """UPDATE subscribers SET name = json_extract(row.value, '$[2]'),
            country = json_extract(row.value, '$[4]'), custom_fields = json_extract(row.value, '$[5]'),
            name_key = json_extract(row.value, '$[6]'), updated_at = :now,
            changed_by_job = json_extract(row.value, '$[13]')
        FROM json_each(:states) AS row
        WHERE subscribers.id = json_extract(row.value, '$[0]') AND +workspace_id = :workspace_id""",
        {"workspace_id": workspace_id, "states": states, "now": now},
    )
    if standings:
        await connection.execute(
            """UPDATE subscribers SET status = json_extract(row.value, '$[1]'),
                subscribed_at = coalesce(json_extract(row.value, '$[2]'), subscribed_at),
                last_opened_at = json_extract(row.value, '$[3]')
            FROM json_each(:standings) AS row
            WHERE subscribers.id = json_extract(row.value, '$[0]') AND +workspace_id = :workspace_id""",
            {"workspace_id": workspace_id, "standings": standings},
        )


async def insert_tags(connection: Connection, subscriber_ids: str, tag_ids: str) -> None:
    """Both are JSON lists of integer ids. Call `blocks.update_tag_counts` before."""
    await connection.execute(
        """INSERT INTO subscriber_tags (subscriber_id, tag_id)
        SELECT subscriber.value, tag.value FROM json_each(?) AS subscriber CROSS JOIN json_each(?) AS tag
        WHERE true ON CONFLICT DO NOTHING""",
        (subscriber_ids, tag_ids),
    )


async def insert_sequences(connection: Connection, subscriber_ids: str, sequence_ids: str) -> None:
    """A removed subscriber becomes active in the sequence again; a completed one stays completed."""
    await connection.execute(
        """INSERT INTO subscriber_sequences (subscriber_id, sequence_id)
        SELECT subscriber.value, sequence.value
        FROM json_each(?) AS subscriber CROSS JOIN json_each(?) AS sequence
        WHERE true ON CONFLICT DO UPDATE SET status = 'active' WHERE status = 'removed'""",
        (subscriber_ids, sequence_ids),
    )


async def _insert_row_tags(connection: Connection, members: str) -> None:
    """`members`: `Plan.row_tags`."""
    await connection.execute(
        """INSERT INTO subscriber_tags (subscriber_id, tag_id)
        SELECT subscriber.value, CAST(tag.key AS INTEGER)
        FROM json_each(?) AS tag CROSS JOIN json_each(tag.value) AS subscriber
        WHERE true ON CONFLICT DO NOTHING""",
        (members,),
    )


async def _insert_row_sequences(connection: Connection, members: str) -> None:
    """`members`: `Plan.row_sequences`."""
    await connection.execute(
        """INSERT INTO subscriber_sequences (subscriber_id, sequence_id)
        SELECT subscriber.value, CAST(sequence.key AS INTEGER)
        FROM json_each(?) AS sequence CROSS JOIN json_each(sequence.value) AS subscriber
        WHERE true ON CONFLICT DO UPDATE SET status = 'active' WHERE status = 'removed'""",
        (members,),
    )
