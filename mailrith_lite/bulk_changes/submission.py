"""Checks and queues a bulk change, for the API and the console."""

from collections.abc import Callable, Sequence
from typing import Final

import msgspec

from mailrith_lite import errors, ids
from mailrith_lite.access import workspaces
from mailrith_lite.audience import selection, sequences, tags
from mailrith_lite.audience.selection import Selection
from mailrith_lite.bulk_changes import bulk_table, selected_people
from mailrith_lite.bulk_changes.actions import BY_NAME, ERASE, Action, ActionName
from mailrith_lite.bulk_changes.bulk_table import BulkChange
from mailrith_lite.database import Connection
from mailrith_lite.jobs import queue
from mailrith_lite.jobs.kinds import BULK_CHANGE
from mailrith_lite.jobs.queue import Job

MAX_LISTED: Final = 10_000
_TARGETS: Final = (ids.TAG, ids.SEQUENCE)


class Order(msgspec.Struct, frozen=True, kw_only=True):
    """A bulk change as a client asks for it, unchecked. All ids are public."""

    action: ActionName
    tag_id: str | None = None
    sequence_id: str | None = None
    selection: Selection | None = None
    subscriber_ids: Sequence[str] | None = None
    expected_count: int | None = None


async def insert(
    connection: Connection, workspace_id: int, order: Order, request_id: str, *, max_queued: int, now: int
) -> Job:
    """Queues the bulk change in the caller's transaction.

    Raises:
        InvalidRequest: with the member that must change.
        QueueFull: too many jobs wait.
    """
    change = await check(connection, workspace_id, order, now)
    job = await queue.insert_job(connection, workspace_id, BULK_CHANGE, request_id, max_queued=max_queued, now=now)
    last_id = await selected_people.select_last_id(connection, workspace_id)
    await bulk_table.insert_bulk_change(connection, job.id, msgspec.structs.replace(change, last_id=last_id))
    return job


async def check(connection: Connection, workspace_id: int, order: Order, now: int) -> BulkChange:
    """
    Raises:
        InvalidRequest: as `insert`.
    """
    action = BY_NAME[order.action]
    if (order.selection is None) == (order.subscriber_ids is None):
        raise errors.InvalidRequest("Send exactly one of filter and subscriber_ids.", field="filter")
    target_id = await _select_target(connection, workspace_id, action, order)
    if action is ERASE and order.expected_count is None:
        raise errors.InvalidRequest(
            "Erasing cannot be undone, so it takes expected_count; ask for the preview, which has the number.",
            field="expected_count",
            reason="missing",
        )
    if order.selection is not None:
        workspace = await workspaces.select_own(connection, workspace_id)
        try:
            await selection.check(connection, workspace_id, order.selection, time_zone=workspace.time_zone, now=now)
        except errors.InvalidRequest as error:
            raise _in_filter(error) from None
    return BulkChange(
        action=order.action,
        target_id=target_id,
        selection=order.selection,
        subscriber_ids=None if order.subscriber_ids is None else _numbers(order.subscriber_ids),
        expected_count=order.expected_count,
    )


async def _select_target(connection: Connection, workspace_id: int, action: Action, order: Order) -> int | None:
    for target, public_id in zip(_TARGETS, (order.tag_id, order.sequence_id), strict=True):
        field = f"{target}_id"
        if (public_id is not None) == (action.target == target):
            continue
        if public_id is None:
            raise errors.InvalidRequest(f"{field} is required with this action.", field=field, reason="missing")
        raise errors.InvalidRequest(f"This action takes no {field}; leave it out.", field=field)
    if order.tag_id is not None:
        number = ids.decode(ids.TAG, order.tag_id) or 0
        known = await tags.select_known_tag_ids(connection, workspace_id, [number])
    elif order.sequence_id is not None:
        number = ids.decode(ids.SEQUENCE, order.sequence_id) or 0
        known = await sequences.select_known_sequence_ids(connection, workspace_id, [number])
    else:
        return None
    if number not in known:
        raise errors.InvalidRequest(
            f"There is no {action.target} with this id in the workspace.",
            field=f"{action.target}_id",
            reason=f"{action.target}_not_found",
        )
    return number


def _numbers(public_ids: Sequence[str]) -> list[int]:
    """In ascending order, each once.

    Raises:
        InvalidRequest: there are none or too many, or one is malformed.
    """
    if not 1 <= len(public_ids) <= MAX_LISTED:
        raise errors.InvalidRequest(f"subscriber_ids takes 1 to {MAX_LISTED:,} ids.", field="subscriber_ids")
    numbers = set()
    for position, public_id in enumerate(public_ids):
        number = ids.decode(ids.SUBSCRIBER, public_id)
        if number is None:
            raise errors.InvalidRequest(
                f"This is not the id of a subscriber, such as {ids.encode(ids.SUBSCRIBER, 1)}.",
                field=f"subscriber_ids[{position}]",
            )
        numbers.add(number)
    return sorted(numbers)


def in_filter(read: Callable[[], Selection]) -> Selection:
    """What `read` returns. Its errors get their place in the request.

    Raises:
        InvalidRequest
    """
    try:
        return read()
    except errors.InvalidRequest as error:
        raise _in_filter(error) from None


def _in_filter(error: errors.InvalidRequest) -> errors.InvalidRequest:
    """The error of a selection with its place in the request."""
    field = error.details.get("field")
    return errors.InvalidRequest(
        error.message, field=f"filter.{field}" if field else "filter", reason=error.details.get("reason")
    )
