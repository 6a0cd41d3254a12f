"""GET /v1/subscribers/{subscriber_id}/history"""

from typing import Any, ClassVar, Literal

import msgspec
from msgspec import UNSET, UnsetType

from mailrith_lite import clock, ids
from mailrith_lite.api import example, resources
from mailrith_lite.api.call import Call
from mailrith_lite.api.parameters import PageQuery
from mailrith_lite.api.responses import PageOf
from mailrith_lite.audience import history, subscribers
from mailrith_lite.audience.alterations import field_member
from mailrith_lite.audience.changes import ChangeSource, field_number
from mailrith_lite.audience.history import Entry, MemberChange
from mailrith_lite.jobs.kinds import BY_NAME, IMPORT

_TIMES = ("subscribed_at", "last_opened_at")
_PREFIXES = {history.TAGS: ids.TAG, history.SEQUENCES: ids.SEQUENCE}


class ChangeOrigin(msgspec.Struct, frozen=True, kw_only=True):
    """`id`: of the API key, also for the console, or of the job; null for a command on the service's machine."""

    type: ChangeSource
    id: str | None


class ChangedMember(msgspec.Struct, frozen=True, kw_only=True):
    """`member`: as a subscriber has it; `custom_fields.<id>` for a custom field.

    `before`, `after`: absent where the value is not kept. `added`, `removed`: ids, of `tags` and `sequence_ids`.
    """

    member: str
    before: Any | UnsetType = UNSET
    after: Any | UnsetType = UNSET
    added: list[str] | UnsetType = UNSET
    removed: list[str] | UnsetType = UNSET


class SubscriberChangeResource(msgspec.Struct, frozen=True, kw_only=True):
    """`id`: subscribers that one request, or one part of a job, has changed together have the same.

    `reason`: what a person has written in the console.
    """

    id: str
    action: Literal["created", "updated"]
    occurred_at: str
    source: ChangeOrigin
    changes: list[ChangedMember]
    consent_evidence: bool
    reason: str | None

    EXAMPLE: ClassVar[dict[str, Any]] = {
        "id": ids.encode(ids.CHANGE, 2),
        "action": "updated",
        "occurred_at": example.TIME,
        "source": {"type": IMPORT.name, "id": IMPORT.encode(1)},
        "changes": [
            {"member": "name", "before": "Ada", "after": "Ada Lovelace"},
            {"member": "tags", "added": [ids.encode(ids.TAG, 1)], "removed": []},
        ],
        "consent_evidence": False,
        "reason": None,
    }


async def list_history(call: Call, query: PageQuery) -> PageOf[SubscriberChangeResource]:
    """List the changes of a subscriber

    Newest first: when, by which API key, console session, import, undo or bulk change, and which members. Values
    are kept as long as an import can be undone, the changes themselves for a year, unless the operator sets other
    times. The hosted service does not have this operation.
    """
    page = query.page(ids.CHANGE)
    async with call.database.read() as connection:
        subscriber = await resources.find(call, connection, "subscriber", subscribers.select_subscriber)
        entries = await history.select_history(connection, call.workspace_id, subscriber)
    older = [entry for entry in entries if page.before_id is None or entry.id < page.before_id]
    return PageOf(page, [_resource(entry) for entry in older[: page.fetched]])


def _resource(entry: Entry) -> SubscriberChangeResource:
    return SubscriberChangeResource(
        id=ids.encode(ids.CHANGE, entry.id),
        action="created" if entry.created else "updated",
        occurred_at=clock.rfc3339(entry.occurred_at),
        source=ChangeOrigin(type=entry.source, id=origin_id(entry)),
        changes=[_changed_member(change) for change in entry.changes],
        consent_evidence=entry.evidence,
        reason=entry.reason or None,
    )


def origin_id(entry: Entry) -> str | None:
    if entry.job_id is not None:
        return BY_NAME[entry.source].encode(entry.job_id)  # a job's source has the name of its kind
    return None if entry.key_id is None else ids.encode(ids.API_KEY, entry.key_id)


def _changed_member(change: MemberChange) -> ChangedMember:
    number = field_number(change.member)
    return ChangedMember(
        member=change.member if number is None else field_member(number),
        before=_value(change.member, change.before),
        after=_value(change.member, change.after),
        added=_public_ids(change.member, change.added),
        removed=_public_ids(change.member, change.removed),
    )


def _value(member: str, value: Any) -> Any:
    return clock.rfc3339(value) if member in _TIMES and isinstance(value, int) else value


def _public_ids(member: str, numbers: list[int] | UnsetType) -> list[str] | UnsetType:
    return numbers if isinstance(numbers, UnsetType) else [ids.encode(_PREFIXES[member], one) for one in numbers]
