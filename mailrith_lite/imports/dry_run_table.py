"""The table `dry_runs`: the upload of a dry run, and the file that the upload had then."""

from collections.abc import Iterable

import msgspec

from mailrith_lite.database import Connection
from mailrith_lite.imports.uploads.upload_table import Upload


class DryRunFile(msgspec.Struct, frozen=True, kw_only=True):
    """`source`: the file's name in the uploads directory. `file_name`: the name that its owner gave it."""

    upload_id: int
    source: str
    file_name: str


async def insert_dry_run(connection: Connection, job_id: int, upload: Upload) -> None:
    """Call it in the transaction that queues the job. The upload is Ready."""
    await connection.execute(
        "INSERT INTO dry_runs (job_id, upload_id, source, file_name) VALUES (?, ?, ?, ?)",
        (job_id, upload.id, upload.source, upload.file_name),
    )


async def select_dry_run_files(
    connection: Connection, workspace_id: int, job_ids: Iterable[int]
) -> dict[int, DryRunFile]:
    """Job's integer id -> its file. Jobs that are not dry runs of an upload are left out."""
    rows = await connection.execute_fetchall(
        """SELECT job_id, upload_id, source, file_name FROM dry_runs JOIN jobs ON jobs.id = job_id
        WHERE job_id IN (SELECT value FROM json_each(?)) AND workspace_id = ?""",
        (msgspec.json.encode(list(job_ids)).decode(), workspace_id),
    )
    return {
        row["job_id"]: DryRunFile(upload_id=row["upload_id"], source=row["source"], file_name=row["file_name"])
        for row in rows
    }
