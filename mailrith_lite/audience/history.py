"""The history of a subscriber, newest first: what `changes` has of them, and what imports and undos keep elsewhere.

An import keeps the values that it replaces, but not the new ones: these are the old values of the next change, or
those that the subscriber has now. To find them, the history goes back from the present. `changed_by_job`, which
each change keeps as it was before, shows where a change is not on record; values before that are unknown.
"""

import functools
from collections.abc import Callable
from decimal import Decimal
from typing import Any, Final

import msgspec
from msgspec import UNSET, UnsetType

from mailrith_lite.audience import changes, images
from mailrith_lite.audience.changes import ChangeSource, Details
from mailrith_lite.audience.images import Image
from mailrith_lite.audience.subscribers import Subscriber
from mailrith_lite.database import Connection, Row

TAGS: Final = "tags"
SEQUENCES: Final = "sequence_ids"
_MOST_IMPORTS: Final = 500
_OF_WORKSPACE: Final = """change.workspace_id = :workspace_id
    AND NOT EXISTS (SELECT 1 FROM jobs WHERE jobs.id = change.job_id AND jobs.deleted_at IS NOT NULL)"""
_UNDONE_ID: Final = (
    "(SELECT target_id FROM bulk_changes WHERE job_id = change.job_id AND action = 'undo_bulk_change')"
)
_IMAGE: Final = f"coalesce(iif(length(image) > {changes.MAX_VALUES}, {images.WITHOUT_VALUES}, image), kept)"


class MemberChange(msgspec.Struct, frozen=True, kw_only=True):
    """`member`: as in `Details`, or TAGS or SEQUENCES. `before`, `after`: UNSET where the value is not kept.

    `added`, `removed`: the integer ids of tags or sequences.
    """

    member: str
    before: Any | UnsetType = UNSET
    after: Any | UnsetType = UNSET
    added: list[int] | UnsetType = UNSET
    removed: list[int] | UnsetType = UNSET


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """A change of the subscriber. `id`: of the row in `changes`, which other subscribers may share."""

    id: int
    source: ChangeSource
    key_id: int | None
    job_id: int | None
    occurred_at: int
    created: bool
    evidence: bool
    reason: str
    changes: list[MemberChange]


class _KeptImage(Image, kw_only=True):
    """An image, or what is kept of it. `members`: those whose values are not kept."""

    members: list[str] = msgspec.field(default_factory=list)


_decoder = msgspec.json.Decoder(_KeptImage, float_hook=Decimal)


class _Past:
    """What is known of the subscriber before the changes that `read` has seen.

    `changed_by_job`: the import or bulk change that made the latest change by then.
    """

    def __init__(self, subscriber: Subscriber) -> None:
        self._values = changes.state(subscriber)
        self._complete = True  # a custom field that `_values` lacks has no value
        self.changed_by_job = subscriber.changed_by_job

    def expect(self, changed_by_job: int | None) -> None:
        """The next change left this value. If the subscriber had another one, a change is not on record."""
        if self.changed_by_job != changed_by_job:
            self._values, self._complete = {}, False

    def value(self, member: str) -> Any | UnsetType:
        if member in self._values:
            return self._values[member]
        return None if self._complete and changes.field_number(member) is not None else UNSET

    def replace(self, before: dict[str, Any], unknown: list[str]) -> None:
        for member in unknown:
            self._values[member] = UNSET
        self._values |= before


class _Step(msgspec.Struct, frozen=True):
    """A row of one of the tables of the history, and the function that reads it."""

    row: Row
    read: Callable[[Row, _Past, Subscriber], Entry]


async def select_history(connection: Connection, workspace_id: int, subscriber: Subscriber) -> list[Entry]:
    """The whole history, newest first: at most MOST_CHANGES changes, and the newest imports with their undos."""
    parameters = {"workspace_id": workspace_id, "id": subscriber.id, "most": _MOST_IMPORTS}
    own = await connection.execute_fetchall(
        f"""SELECT change.*, own.details AS own_details, {_UNDONE_ID} AS undone_id
        FROM subscriber_changes AS own JOIN changes AS change ON change.id = own.change_id
        WHERE own.subscriber_id = :id AND {_OF_WORKSPACE}""",
        parameters,
    )
    by_job = {row["job_id"]: row["own_details"] for row in own if row["source"] == changes.BY_BULK_CHANGE}
    by_imports = await connection.execute_fetchall(
        f"""SELECT change.*, {_IMAGE} AS image
        FROM import_changes JOIN changes AS change ON change.id = import_changes.change_id
        WHERE subscriber_id = :id AND {_OF_WORKSPACE}
        ORDER BY change.id DESC LIMIT :most""",
        parameters,
    )
    undone = await connection.execute_fetchall(
        f"""SELECT change.*, {_IMAGE} AS image, import_changes.job_id AS import_job_id
        FROM import_changes JOIN changes AS change ON change.id = import_changes.restored_in
        WHERE subscriber_id = :id AND {_OF_WORKSPACE}
        ORDER BY change.id DESC LIMIT :most""",
        parameters,
    )
    creation = await connection.execute_fetchall(
        f"""SELECT change.* FROM (SELECT job_id, last_id FROM import_creations
            WHERE first_id <= :id ORDER BY first_id DESC LIMIT 1) AS range
        JOIN changes AS change ON change.job_id = range.job_id
        WHERE range.last_id >= :id AND {_OF_WORKSPACE}
        ORDER BY change.occurred_at <> :created_at, change.id LIMIT 1""",
        {**parameters, "created_at": subscriber.created_at},
    )
    steps = [
        *(_Step(row, functools.partial(_own_entry, undone=by_job.get(row["undone_id"]))) for row in own),
        *(_Step(row, _import_entry) for row in by_imports),
        *(_Step(row, _undo_entry) for row in undone),
        *(_Step(row, _creation_entry) for row in creation),
    ]
    past = _Past(subscriber)
    return [step.read(step.row, past, subscriber) for step in sorted(steps, key=lambda step: -step.row["id"])]


def _own_entry(row: Row, past: _Past, _: Subscriber, *, undone: str | None) -> Entry:
    """The entry of a change that has a row in `subscriber_changes`.

    `undone`: if the change is the undo of a bulk change, the details of that bulk change.
    """
    shared = row["own_details"] is None  # a tag, sequence or field was deleted, for many subscribers at once
    details = changes.decoder.decode(row["details"] if shared else row["own_details"])
    if not shared and not details.created:
        past.expect(_left_by(row, details, undone))
    changed = _changes(details, past)
    past.replace(details.before, details.members)
    if not shared:
        past.changed_by_job = details.changed_by_job
    return _entry(row, changed, details)


def _left_by(row: Row, details: Details, undone: str | None) -> int | None:
    """The `changed_by_job` that the subscriber had after the change."""
    if row["source"] != changes.BY_BULK_CHANGE or _repeats_status(details):
        return None
    if row["undone_id"] is None:
        return int(row["job_id"])
    return None if undone is None else changes.decoder.decode(undone).changed_by_job


def _repeats_status(details: Details) -> bool:
    return bool(details.before) and details.before == details.after


def _import_entry(row: Row, past: _Past, _: Subscriber) -> Entry:
    details, job_id = _of_image(row["image"]), row["job_id"]
    past.expect(job_id)
    changed = _changes(details, past)
    past.replace(details.before, details.members)
    past.changed_by_job = details.changed_by_job
    return _entry(row, changed, details)


def _undo_entry(row: Row, past: _Past, _: Subscriber) -> Entry:
    """The image of the import has the values after the undo. The values before the undo are not kept."""
    image = _of_image(row["image"])
    past.expect(image.changed_by_job)
    members = [*image.before, *image.members]
    details = Details(after=image.before, members=image.members, removed_tags=image.tags, left=image.joined)
    changed = _changes(details, past)
    past.replace({}, members)
    past.changed_by_job = row["import_job_id"]
    return _entry(row, changed, details)


def _creation_entry(row: Row, past: _Past, subscriber: Subscriber) -> Entry:
    past.expect(row["job_id"])
    status = past.value("status")
    details = Details(created=True, after={} if status is UNSET else {"status": status})
    entry = _entry(row, _changes(details, past), details)
    return msgspec.structs.replace(entry, occurred_at=subscriber.created_at)


def _of_image(text: str | None) -> Details:
    image = _decoder.decode(text) if text else _KeptImage()
    return Details(
        before=images.replaced(image),
        members=image.members,
        tags=image.tags,
        joined=sorted([*image.joined, *image.rejoined]),
        changed_by_job=image.changed_by_job,
    )


def _changes(details: Details, past: _Past) -> list[MemberChange]:
    """`past`: the state after the change."""
    members = [
        MemberChange(
            member=member,
            before=details.before.get(member, UNSET),
            after=details.after[member] if member in details.after else past.value(member),
        )
        for member in dict.fromkeys([*details.before, *details.after])
    ]
    members += [MemberChange(member=member) for member in details.members]
    if details.tags or details.removed_tags:
        members.append(MemberChange(member=TAGS, added=details.tags, removed=details.removed_tags))
    if details.joined or details.left:
        members.append(MemberChange(member=SEQUENCES, added=details.joined, removed=details.left))
    return members


def _entry(row: Row, changed: list[MemberChange], details: Details) -> Entry:
    return Entry(
        id=row["id"],
        source=row["source"],
        key_id=row["key_id"],
        job_id=row["job_id"],
        occurred_at=row["occurred_at"],
        created=details.created,
        evidence=details.evidence,
        reason=details.reason,
        changes=changed,
    )
