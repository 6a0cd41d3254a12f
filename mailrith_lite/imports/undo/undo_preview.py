"""What an undo would do if it ran now."""

from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from mailrith_lite.database import Connection


class UndoPreview(msgspec.Struct, frozen=True, kw_only=True):
    """Numbers of people. `skipped_count`: people who have been changed since the import."""

    rows_total: int
    restored_count: int
    deleted_count: int
    skipped_count: int


async def select_preview(connection: "Connection", workspace_id: int, import_job_id: int) -> UndoPreview:
    """A value that does not fit its custom field any more is not noticed: the undo skips its subscriber, too."""
    rows = await connection.execute_fetchall(
        """SELECT
            (SELECT count(*) FROM import_creations AS range CROSS JOIN subscribers
                ON subscribers.id BETWEEN range.first_id AND range.last_id AND +workspace_id = :workspace_id
                WHERE range.job_id = :job_id) AS created,
            (SELECT count(*) FROM import_creations AS range CROSS JOIN subscribers
                ON subscribers.id BETWEEN range.first_id AND range.last_id AND +workspace_id = :workspace_id
                WHERE range.job_id = :job_id AND changed_by_job = :job_id) AS deleted,
            (SELECT count(*) FROM import_changes WHERE job_id = :job_id AND restored_in IS NULL) AS changed,
            (SELECT count(*) FROM import_changes CROSS JOIN subscribers
                ON subscribers.id = subscriber_id AND +workspace_id = :workspace_id
                WHERE job_id = :job_id AND restored_in IS NULL AND changed_by_job = :job_id) AS restored""",
        {"workspace_id": workspace_id, "job_id": import_job_id},
    )
    row = next(iter(rows))
    total = row["created"] + row["changed"]
    return UndoPreview(
        rows_total=total,
        restored_count=row["restored"],
        deleted_count=row["deleted"],
        skipped_count=total - row["restored"] - row["deleted"],
    )
