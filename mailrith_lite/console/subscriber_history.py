"""The history of a subscriber as the page shows it: who, when, and what has changed."""

from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import Any

import msgspec
from msgspec import UnsetType

from mailrith_lite import ids
from mailrith_lite.access import key_table
from mailrith_lite.audience import changes, history
from mailrith_lite.audience.changes import field_number
from mailrith_lite.audience.history import Entry, MemberChange
from mailrith_lite.audience.values import field_text
from mailrith_lite.console import imports, names
from mailrith_lite.console.paths import job_path
from mailrith_lite.console.session_request import SessionRequest
from mailrith_lite.database import Connection
from mailrith_lite.jobs import queue
from mailrith_lite.jobs.kinds import BY_NAME, IMPORT
from mailrith_lite.pages import formats

_LABELS = {
    "email": "Email",
    "name": "Name",
    "status": "Status",
    "country": "Country",
    "subscribed_at": "Subscribed",
    "last_opened_at": "Last opened",
}
_TIMES = ("subscribed_at", "last_opened_at")


class Line(msgspec.Struct, frozen=True, kw_only=True):
    """One changed member. None: the value is not kept; "": there was none."""

    label: str
    before: str | None = None
    after: str | None = None
    added: list[str] = []
    removed: list[str] = []


class View(msgspec.Struct, frozen=True, kw_only=True):
    """`path`: of the job's page, or "" if there is none that the key may see."""

    id: str
    title: str
    by: str
    path: str
    occurred_at: int
    reason: str
    evidence: bool
    lines: list[Line]


class _Names(msgspec.Struct, frozen=True, kw_only=True):
    """Integer id -> name."""

    tags: dict[int, str]
    sequences: dict[int, str]
    fields: dict[int, str]


async def view(connection: Connection, call: SessionRequest, entries: Sequence[Entry]) -> list[View]:
    known = _Names(
        tags=await _members(connection, call, entries, history.TAGS, names.tag_names),
        sequences=await _members(connection, call, entries, history.SEQUENCES, names.sequence_names),
        fields=await names.field_labels(connection, call),
    )
    key_names = await _key_names(connection, entries)
    import_names = await _import_names(connection, call, entries)
    return [_view(call, entry, known, key_names, import_names) for entry in entries]


def _view(
    call: SessionRequest, entry: Entry, known: _Names, key_names: dict[int, str], import_names: dict[int, str]
) -> View:
    kind = BY_NAME.get(entry.source)  # a job's source has the name of its kind
    path = ""
    if kind is not None and entry.job_id is not None:
        by = import_names.get(entry.job_id) or kind.encode(entry.job_id)
        path = job_path(kind, kind.encode(entry.job_id)) if call.may(*kind.read_scopes) else ""
    else:
        by = key_names.get(entry.key_id or 0, "")
    return View(
        id=ids.encode(ids.CHANGE, entry.id),
        title=_title(entry),
        by=by,
        path=path,
        occurred_at=entry.occurred_at,
        reason=entry.reason,
        evidence=entry.evidence,
        lines=[_line(change, known) for change in entry.changes],
    )


def _title(entry: Entry) -> str:
    action = "Created" if entry.created else "Changed"
    return {
        "api": f"{action} over the API with the key",
        "console": f"{action} in the console with the key",
        "command": f"{action} by a command of the operator",
        changes.BY_IMPORT: f"{action} by the import",
        changes.BY_UNDO: "Restored by the undo",
        changes.BY_BULK_CHANGE: "Changed by the bulk change",
    }[entry.source]


def _line(change: MemberChange, known: _Names) -> Line:
    if change.member in (history.TAGS, history.SEQUENCES):
        members, label = (known.tags, "Tags") if change.member == history.TAGS else (known.sequences, "Sequences")
        return Line(label=label, added=_named(change.added, members), removed=_named(change.removed, members))
    number = field_number(change.member)
    label = _LABELS.get(change.member, "")
    if number is not None:
        label = known.fields.get(number) or ids.encode(ids.CUSTOM_FIELD, number)
    before, after = (_text(change.member, value) for value in (change.before, change.after))
    return Line(label=label, before=before, after=after)


def _named(numbers: list[int] | UnsetType, members: dict[int, str]) -> list[str]:
    return [] if isinstance(numbers, UnsetType) else [members[number] for number in numbers]


def _text(member: str, value: Any) -> str | None:
    if isinstance(value, UnsetType):
        return None
    if value is None:
        return ""
    return f"{formats.date_time(value)} UTC" if member in _TIMES else field_text(value)


async def _members(
    connection: Connection,
    call: SessionRequest,
    entries: Sequence[Entry],
    member: str,
    select: Callable[[Connection, SessionRequest, Iterable[int]], Awaitable[list[str]]],
) -> dict[int, str]:
    """The names of the tags or sequences that the entries have."""
    numbers = sorted(
        {
            number
            for entry in entries
            for change in entry.changes
            if change.member == member
            for listed in (change.added, change.removed)
            if not isinstance(listed, UnsetType)
            for number in listed
        }
    )
    return dict(zip(numbers, await select(connection, call, numbers), strict=True))


async def _key_names(connection: Connection, entries: Sequence[Entry]) -> dict[int, str]:
    found = {}
    for key_id in {entry.key_id for entry in entries if entry.key_id is not None}:
        key = await key_table.select_key(connection, key_id)
        found[key_id] = key.name if key is not None else ids.encode(ids.API_KEY, key_id)
    return found


async def _import_names(connection: Connection, call: SessionRequest, entries: Sequence[Entry]) -> dict[int, str]:
    """The names of the files by the integer id of the job."""
    jobs = []
    imported = {entry.job_id for entry in entries if entry.source == changes.BY_IMPORT}
    for job_id in filter(None, imported):
        job = await queue.select_job(connection, call.workspace_id, IMPORT, job_id)
        jobs += [] if job is None else [job]
    return await imports.select_file_names(connection, call.workspace_id, jobs)
