"""What the start page says of the workspace: how many people it has, and what needs attention."""

from collections.abc import Sequence
from typing import Final

import msgspec

from mailrith_lite import clock, disk
from mailrith_lite.access import key_table
from mailrith_lite.audience.vocabulary import Status
from mailrith_lite.console.column_chart import Column, draw_columns
from mailrith_lite.console.job_view import JobView
from mailrith_lite.console.paths import PATH, job_path
from mailrith_lite.console.session_request import SessionRequest
from mailrith_lite.database import Connection
from mailrith_lite.imports.undo import undo_table
from mailrith_lite.jobs.kinds import IMPORT, UNDO
from mailrith_lite.pages import formats
from mailrith_lite.webhooks import subscription_table

_SOON: Final = 14 * 24 * 3_600 * clock.SECOND
"""A key that ends within this time is named."""
_MAX_IMPORTS: Final = 3
"""Imports with refused rows that are named."""


class StatusCount(msgspec.Struct, frozen=True, kw_only=True):
    status: Status
    count: int


class Attention(msgspec.Struct, frozen=True, kw_only=True):
    """`path`: within the console; "" if no page is about it."""

    text: str
    path: str = ""


class Overview(msgspec.Struct, frozen=True, kw_only=True):
    """`statuses`: those that somebody has."""

    total: int
    counted_at: int
    statuses: list[StatusCount]
    columns: list[Column]
    attention: list[Attention]


async def load_overview(call: SessionRequest, jobs: Sequence[JobView]) -> Overview | None:
    """`jobs`: the newest ones. None without the scope, and while a large audience is counted for the first time."""
    if not call.may("subscribers:read"):
        return None
    totals = await call.services.audience_totals.get(call.workspace_id)
    if totals is None:
        return None
    return Overview(
        total=totals.total,
        counted_at=totals.counted_at,
        statuses=[StatusCount(status=status, count=count) for status, count in totals.by_status.items() if count],
        columns=draw_columns([(formats.month(month.start), month.count) for month in totals.months]),
        attention=await _attention(call, jobs),
    )


async def _attention(call: SessionRequest, jobs: Sequence[JobView]) -> list[Attention]:
    found = []
    now = clock.now()
    async with call.database.read() as connection:
        if call.may("webhooks:read"):
            for webhook in await subscription_table.select_subscriptions(connection, call.workspace_id):
                if webhook.last_delivery_status == "failed":
                    path = f"/webhooks/{webhook.public_id}"
                    found.append(Attention(text=f"The last delivery to {webhook.name} failed.", path=path))
        if call.may("workspace:read"):
            for key in await key_table.select_keys(connection, call.workspace_id):
                if key.status(now) == "active" and key.expires_at is not None and key.expires_at - now < _SOON:
                    days = formats.plural((key.expires_at - now) // (24 * 3_600 * clock.SECOND) + 1, "day")
                    found.append(
                        Attention(text=f"The key {key.name} ends within {days}.", path=f"/keys/{key.public_id}")
                    )
        found += await _refused_rows(connection, call.workspace_id, jobs)
    if not disk.has_room(call.database.path.parent):
        found.append(Attention(text="The disk is almost full: nothing can be imported until there is room."))
    if call.services.runner.failing:
        found.append(Attention(text="Jobs do not run at the moment; the log of the service says why."))
    return found


async def _refused_rows(connection: Connection, workspace_id: int, jobs: Sequence[JobView]) -> list[Attention]:
    """The imports with refused rows that were not undone, and whose mapping no later import has used again.

    An undone import counts as none.
    """
    completed = [job for job in jobs if job.completed and not job.dry_run]
    undo_ids = [number for job in completed if job.kind == UNDO and (number := UNDO.decode(job.id)) is not None]
    undos = await undo_table.select_undos(connection, workspace_id, undo_ids)
    undone = {job_path(IMPORT, IMPORT.encode(undo.import_job_id)) for undo in undos.values()}
    settled = undone | {
        job.parent_path for job in completed if job.parent_path is not None and job.path not in undone
    }
    refused = [
        Attention(
            text=f"{job.name}: {formats.plural(job.progress.rejected_count, 'refused row')} to correct.",
            path=job.path.removeprefix(PATH),
        )
        for job in completed
        if job.kind == IMPORT and job.progress.rejected_count and job.path not in settled
    ]
    return refused[:_MAX_IMPORTS]
