"""What an import has created and changed: `import_creations`, `import_changes` and `import_made`.

New subscribers cost a range of ids. A changed one costs a row with the image of what the import has replaced.
"""

from collections.abc import Sequence
from typing import Literal

import msgspec

from mailrith_lite.audience import bulk, changes, images
from mailrith_lite.audience.bulk_plan import Plan
from mailrith_lite.audience.changes import Details, Origin
from mailrith_lite.audience.images import Changed, Image
from mailrith_lite.database import MAX_ID, Connection

_DELETED_AT_ONCE = 2_000
MadeKind = Literal["tag", "custom_field"]
_encoder = msgspec.json.Encoder(decimal_format="number")


class Made(msgspec.Struct, frozen=True, kw_only=True):
    """A tag or a custom field that the import created, by its integer id."""

    kind: MadeKind
    number: int


class IdRange(msgspec.Struct, frozen=True, kw_only=True):
    """The subscribers of the workspace from `first_id` to `last_id`, both included: the import created them."""

    first_id: int
    last_id: int


class CreatedChunk(msgspec.Struct, frozen=True, kw_only=True):
    """`last_id`: the chunk ends with this id. `unchanged`: a JSON list of those that nothing has changed since the
    import. `skipped`: of the others."""

    last_id: int
    unchanged: str
    skipped: str
    skipped_count: int


async def insert_chunk(connection: Connection, workspace_id: int, job_id: int, plan: Plan, now: int) -> int | None:
    """Call it in the transaction that applies the plan, before it. Returns the integer id of the change.

    None: the chunk changes nobody.
    """
    if not (plan.outcome.created or plan.changed or plan.left_again):
        return None
    origin = Origin(source=changes.BY_IMPORT, job_id=job_id)
    change_id = await changes.insert_change(connection, workspace_id, origin, now)
    if plan.left_again:
        await changes.insert_repeated_status(connection, change_id, plan.left_again)
    return change_id


async def insert_plan(connection: Connection, job_id: int, change_id: int | None, plan: Plan) -> None:
    """Call it in the transaction that applies the plan, after it. `change_id`: of `insert_chunk`."""
    if plan.outcome.created:
        await _insert_created(connection, job_id, plan.first_id, plan.first_id + plan.outcome.created - 1)
    if not plan.changed:
        return
    earlier = [one for one in plan.changed if one.image.changed_by_job == job_id]
    first = plan.changed
    if earlier:
        first = [one for one in plan.changed if one.image.changed_by_job != job_id]
        await _merge_images(connection, job_id, earlier)
    assert change_id is not None
    mixed = await _insert_images(connection, job_id, change_id, first)
    if mixed:  # a request or another import changed them between two rows of this one: an undo must skip them
        rows = {one.subscriber_id: _details(one.image) for one in first if one.subscriber_id in mixed}
        await changes.insert_rows(connection, change_id, rows)
        await changes.update_keeps_values(connection, change_id)
        await connection.execute(
            "UPDATE subscribers SET changed_by_job = NULL WHERE id IN (SELECT value FROM json_each(?))",
            (_json(sorted(mixed)),),
        )


async def insert_made(connection: Connection, job_id: int, kind: MadeKind, numbers: Sequence[int]) -> None:
    if not numbers:
        return
    await connection.executemany(
        "INSERT INTO import_made (job_id, kind, number) VALUES (?, ?, ?) ON CONFLICT DO NOTHING",
        [(job_id, kind, number) for number in numbers],
    )


async def select_made(connection: Connection, job_id: int) -> list[Made]:
    rows = await connection.execute_fetchall("SELECT kind, number FROM import_made WHERE job_id = ?", (job_id,))
    return [Made(kind=row["kind"], number=row["number"]) for row in rows]


async def select_ranges(connection: Connection, job_id: int) -> list[IdRange]:
    rows = await connection.execute_fetchall(
        "SELECT first_id, last_id FROM import_creations WHERE job_id = ? ORDER BY first_id", (job_id,)
    )
    return [IdRange(first_id=row["first_id"], last_id=row["last_id"]) for row in rows]


async def select_created(
    connection: Connection, workspace_id: int, job_id: int, first_id: int, last_id: int, *, limit: int
) -> CreatedChunk:
    """The next `limit` subscribers who still exist, of those from `first_id` to `last_id`."""
    rows = await connection.execute_fetchall(
        """SELECT count(*) AS count, max(id) AS last_id,
            json_group_array(id) FILTER (WHERE changed_by_job IS :job_id) AS unchanged,
            json_group_array(id) FILTER (WHERE changed_by_job IS NOT :job_id) AS skipped,
            count(*) FILTER (WHERE changed_by_job IS NOT :job_id) AS skipped_count
        FROM (SELECT id, changed_by_job FROM subscribers
            WHERE workspace_id = :workspace_id AND id BETWEEN :first_id AND :last_id ORDER BY id LIMIT :limit)""",
        {
            "workspace_id": workspace_id,
            "job_id": job_id,
            "first_id": first_id,
            "last_id": last_id,
            "limit": limit,
        },
    )
    row = next(iter(rows))
    return CreatedChunk(
        last_id=row["last_id"] if row["count"] == limit else last_id,
        unchanged=row["unchanged"],
        skipped=row["skipped"],
        skipped_count=row["skipped_count"],
    )


async def select_people_count(connection: Connection, workspace_id: int, job_id: int) -> int:
    """The subscribers that the import created or changed, without those that are deleted or restored."""
    rows = await connection.execute_fetchall(
        """SELECT (SELECT count(*) FROM import_creations AS range JOIN subscribers
                ON workspace_id = :workspace_id AND subscribers.id BETWEEN range.first_id AND range.last_id
                WHERE range.job_id = :job_id)
            + (SELECT count(*) FROM import_changes WHERE job_id = :job_id AND restored_in IS NULL)""",
        {"workspace_id": workspace_id, "job_id": job_id},
    )
    return int(next(iter(rows))[0])


async def select_changed(
    connection: Connection, workspace_id: int, job_id: int, *, after_id: int, limit: int
) -> str:
    """The next changed subscribers, by their ids: a JSON list of [state, image, 1 or 0].

    1: the import made the latest change. Fewer than `limit` if they are large, but at least one, unless there are
    no more.
    """
    rows = await connection.execute_fetchall(
        f"""WITH sizes AS (
            SELECT subscriber_id, image,
                sum(size) OVER (ORDER BY subscriber_id ROWS UNBOUNDED PRECEDING) - size AS before
            FROM (SELECT subscriber_id, image, length(image) + length(custom_fields) AS size
                FROM import_changes JOIN subscribers ON subscribers.id = subscriber_id
                WHERE job_id = :job_id AND subscriber_id > :after_id AND restored_in IS NULL
                ORDER BY subscriber_id LIMIT :limit)
        )
        SELECT json_group_array(json_array({bulk.STATE}, json(image), changed_by_job IS :job_id))
        FROM sizes CROSS JOIN subscribers ON subscribers.id = subscriber_id AND +workspace_id = :workspace_id
        WHERE before < :characters""",
        {
            "workspace_id": workspace_id,
            "job_id": job_id,
            "after_id": after_id,
            "limit": limit,
            "characters": bulk.MAX_CHARACTERS,
            "tags": "[]",
            "sequences": "[]",
        },
    )
    return str(next(iter(rows))[0])


async def delete_changes(connection: Connection, job_id: int) -> bool:
    """Deletes the next changes of an import, with their images. False if there were none."""
    cursor = await connection.execute(
        """DELETE FROM import_changes WHERE job_id = :job_id AND subscriber_id IN (
            SELECT subscriber_id FROM import_changes WHERE job_id = :job_id ORDER BY subscriber_id LIMIT :limit)""",
        {"job_id": job_id, "limit": _DELETED_AT_ONCE},
    )
    return cursor.rowcount > 0


async def update_restored(connection: Connection, job_id: int, change_id: int, subscriber_ids: str) -> None:
    """`job_id`: of the import. `change_id`: of the undo's chunk. `subscriber_ids`: a JSON list."""
    await connection.execute(
        """UPDATE import_changes SET restored_in = ?
        WHERE job_id = ? AND subscriber_id IN (SELECT value FROM json_each(?))""",
        (change_id, job_id, subscriber_ids),
    )


def _details(image: Image) -> Details:
    """The details, for the history, of a change whose image the undo cannot use."""
    return Details(
        before=images.replaced(image),
        tags=image.tags,
        joined=sorted([*image.joined, *image.rejoined]),
        changed_by_job=image.changed_by_job,
    )


async def _insert_created(connection: Connection, job_id: int, first_id: int, last_id: int) -> None:
    """Ids that follow those of the last chunk make its range longer."""
    cursor = await connection.execute(
        """UPDATE import_creations SET last_id = :last_id WHERE job_id = :job_id AND last_id = :first_id - 1
            AND first_id = (SELECT max(first_id) FROM import_creations WHERE job_id = :job_id)""",
        {"job_id": job_id, "first_id": first_id, "last_id": last_id},
    )
    if cursor.rowcount == 0:
        await connection.execute(
            "INSERT INTO import_creations (job_id, first_id, last_id) VALUES (?, ?, ?)", (job_id, first_id, last_id)
        )


async def _insert_images(
    connection: Connection, job_id: int, change_id: int, changed: Sequence[Changed]
) -> set[int]:
    """Returns those who get no image, because an earlier row of the import has created or changed them."""
    parameters = {
        "job_id": job_id,
        "change_id": change_id,
        "images": _json({one.subscriber_id: one.image for one in changed}),
        "max_id": MAX_ID,
    }
    cursor = await connection.execute(
        """INSERT INTO import_changes (job_id, subscriber_id, image, change_id)
        SELECT :job_id, CAST(key AS INTEGER) AS number, value, :change_id FROM json_each(:images)
        WHERE number < coalesce((SELECT min(first_id) FROM import_creations WHERE job_id = :job_id), :max_id)
            OR number > coalesce((SELECT last_id FROM import_creations
                WHERE job_id = :job_id AND first_id <= number ORDER BY first_id DESC LIMIT 1), 0)
        ON CONFLICT DO NOTHING""",  # the first condition is quick, and holds for almost everybody
        parameters,
    )
    if cursor.rowcount == len(changed):
        return set()
    rows = await connection.execute_fetchall(
        """SELECT CAST(key AS INTEGER) AS number FROM json_each(:images) WHERE NOT EXISTS (SELECT 1
            FROM import_changes WHERE job_id = :job_id AND subscriber_id = number AND change_id = :change_id)""",
        parameters,
    )
    return {int(row["number"]) for row in rows}


async def _merge_images(connection: Connection, job_id: int, changed: Sequence[Changed]) -> None:
    """Adds images to the saved ones. `changed`: subscribers whose latest change is by this import. The import
    created those without a saved image."""
    later = {one.subscriber_id: one.image for one in changed}
    rows = await connection.execute_fetchall(
        """SELECT subscriber_id, image FROM import_changes WHERE job_id = ?
            AND subscriber_id IN (SELECT value FROM json_each(?)) AND restored_in IS NULL""",
        (job_id, _json(list(later))),
    )
    merged = []
    for row in rows:
        image = images.decoder.decode(row["image"])
        image.merge(later[row["subscriber_id"]])
        merged.append((_json(image), job_id, row["subscriber_id"]))
    await connection.executemany(
        "UPDATE import_changes SET image = ? WHERE job_id = ? AND subscriber_id = ?", merged
    )


def _json(value: object) -> str:
    return _encoder.encode(value).decode()
