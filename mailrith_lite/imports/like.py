"""The member `like` of a request: an import takes over mappings, tags and options of an earlier one."""

from collections.abc import Sequence

import msgspec

from mailrith_lite import errors, ids
from mailrith_lite.audience import custom_fields, sequences, tags
from mailrith_lite.audience.vocabulary import Status
from mailrith_lite.database import Connection
from mailrith_lite.imports import import_table, mapping
from mailrith_lite.imports.mapping import Column, MappedField, Mapping
from mailrith_lite.imports.options import InvalidCells
from mailrith_lite.jobs import queue
from mailrith_lite.jobs.kinds import IMPORT
from mailrith_lite.jobs.queue import Job


class Earlier(msgspec.Struct, frozen=True, kw_only=True):
    """What an import takes over unless its request says otherwise. `job_id`: None for an import that is not like
    another. How the earlier file was written is not a part of it: a report has a header and commas in any case.
    """

    job_id: int | None = None
    mappings: list[Mapping] = []
    new_tag_name: str | None = None
    tag_ids: list[int] = []
    sequence_ids: list[int] = []
    status: Status | None = None
    invalid_cells: InvalidCells | None = None


async def select_earlier(connection: Connection, workspace_id: int, public_id: str) -> Earlier:
    """Tags and sequences that have been deleted since are not in it.

    Raises:
        InvalidRequest: the workspace has no such import.
        Conflict: the import is not finished.
    """
    job_id = IMPORT.decode(public_id)
    job = None if job_id is None else await queue.select_job(connection, workspace_id, IMPORT, job_id)
    if job is None:
        raise errors.InvalidRequest(
            "There is no import with this id in the workspace.", field="like", reason="import_not_found"
        )
    if not job.final:
        raise unfinished(public_id)
    plan = await import_table.select_import(connection, workspace_id, job.id)
    fields = await custom_fields.select_all_custom_fields(connection, workspace_id)
    known_tags = await tags.select_known_tag_ids(connection, workspace_id, plan.tag_ids)
    known_sequences = await sequences.select_known_sequence_ids(connection, workspace_id, plan.sequence_ids)
    return Earlier(
        job_id=job.id,
        mappings=_mappings(plan.columns, {field.id for field in fields}),
        new_tag_name=None if _has_begun(job) else plan.new_tag_name,
        tag_ids=[tag_id for tag_id in plan.tag_ids if tag_id in known_tags],
        sequence_ids=[sequence_id for sequence_id in plan.sequence_ids if sequence_id in known_sequences],
        status=plan.options.status,
        invalid_cells=plan.options.invalid_cells,
    )


def unfinished(public_id: str) -> errors.Conflict:
    return errors.Conflict(
        "This import is not finished yet; wait for its end, then send the request again.",
        code="import_not_finished",
        resource=(IMPORT.resource, public_id),
    )


def _has_begun(job: Job) -> bool:
    """Whether the new tag exists, and is among the tags of the plan."""
    return job.progress.rows_total is not None and not job.dry_run


def _mappings(columns: Sequence[Column], field_ids: set[int]) -> list[Mapping]:
    """A custom field that the earlier import has created is named by its id: it may have a new label since."""
    return [
        msgspec.structs.replace(one, field=MappedField.custom(ids.encode(ids.CUSTOM_FIELD, column.custom_field_id)))
        if column.new_field is not None and column.custom_field_id in field_ids
        else one
        for column, one in zip(columns, mapping.as_mappings(columns), strict=True)
    ]
