"""The kinds of job. A new kind is an entry here, a pipeline, an API module and a console page.

The check on the column `jobs.kind` lists the names, too, so a new kind needs a migration.
"""

import msgspec

from mailrith_lite import ids


class JobKind(msgspec.Struct, frozen=True, kw_only=True):
    """What the rest of the service must know of a kind of job.

    `name`: the text in the column `jobs.kind`, in the log and in messages.
    `resource`: the noun for a job in the codes and details of errors.
    `id_prefix`: the start of the public id of each job.
    `path`: where the API lists the jobs; `/` and a public id after it is the address of one job.
    `one_at_a_time`: of all kinds with True, a workspace runs one job at a time, in the order of the jobs' ids.
    `counts`: the members of `Progress` that its jobs have.
    `read_scopes`, `write_scopes`: what a key needs to see a job, and to start or cancel one.
    """

    name: str
    resource: str
    id_prefix: str
    path: str
    one_at_a_time: bool
    counts: tuple[str, ...]
    read_scopes: tuple[str, ...]
    write_scopes: tuple[str, ...]

    def encode(self, job_id: int) -> str:
        """The public id of a job."""
        return ids.encode(self.id_prefix, job_id)

    def decode(self, public_id: str) -> int | None:
        """The integer id of a job; None for any text that is not a public id of this kind."""
        return ids.decode(self.id_prefix, public_id)


_ROWS = ("rows_total", "rows_processed")
_ROW_FATES = ("created_count", "updated_count", "unchanged_count", "rejected_count", "warning_count")

IMPORT = JobKind(
    name="import",
    resource="subscriber_import_job",
    id_prefix=ids.IMPORT_JOB,
    path="/v1/jobs/subscriber-imports",
    one_at_a_time=True,
    counts=(*_ROWS, *_ROW_FATES),
    read_scopes=("subscribers:import",),
    write_scopes=("subscribers:import", "live_actions:write"),
)
EXPORT = JobKind(
    name="export",
    resource="subscriber_export_job",
    id_prefix="export_job",
    path="/v1/jobs/subscriber-exports",
    one_at_a_time=False,
    counts=(*_ROWS, *_ROW_FATES),
    read_scopes=("subscribers:export",),
    write_scopes=("subscribers:export",),
)
UNDO = JobKind(
    name="undo",
    resource="subscriber_import_undo_job",
    id_prefix="undo_job",
    path="/v1/jobs/subscriber-import-undos",
    one_at_a_time=True,
    counts=("rows_total", "restored_count", "deleted_count", "skipped_count"),
    read_scopes=("subscribers:import",),
    write_scopes=("subscribers:import", "live_actions:write"),
)
BULK_CHANGE = JobKind(
    name="bulk_change",
    resource="subscriber_bulk_change_job",
    id_prefix="bulk_job",
    path="/v1/jobs/subscriber-bulk-changes",
    one_at_a_time=True,
    counts=("rows_total", "changed_count", "unchanged_count", "skipped_count"),
    read_scopes=("subscribers:read",),
    write_scopes=("subscribers:write", "live_actions:write"),
)
KINDS = (IMPORT, EXPORT, UNDO, BULK_CHANGE)
BY_NAME = {kind.name: kind for kind in KINDS}


def kind_of(public_id: str) -> JobKind | None:
    """The kind of the job with this public id; None for any text that is not a job's public id."""
    return next((kind for kind in KINDS if kind.decode(public_id) is not None), None)
