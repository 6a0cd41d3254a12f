"""The entry of the audit with the number of people that a bulk change has erased."""

from mailrith_lite.access import audit
from mailrith_lite.access.audit import Actor
from mailrith_lite.bulk_changes import bulk_table
from mailrith_lite.bulk_changes.actions import ERASE
from mailrith_lite.database import Connection
from mailrith_lite.jobs.kinds import BULK_CHANGE
from mailrith_lite.jobs.queue import Job


async def record_erased(connection: Connection, job: Job) -> None:
    """`job`: final. One that failed or was canceled has erased people, too, if it came to them."""
    if job.kind is not BULK_CHANGE or not job.progress.changed_count:
        return
    change = await bulk_table.select_bulk_change(connection, job.workspace_id, job.id)
    if change.action == ERASE.name:
        actor = Actor(via="service", workspace_id=job.workspace_id)
        details = {"people_count": job.progress.changed_count}
        await audit.record(connection, actor, "bulk_change.erased", job.public_id, details=details)
