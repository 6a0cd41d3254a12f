"""Plans a chunk of changes in memory. Each change is an upsert by email, in the order of the file."""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from operator import attrgetter
from typing import Any

import msgspec

from mailrith_lite.audience.images import Changed, ChunkImages, Image, State
from mailrith_lite.audience.subscribers import name_key
from mailrith_lite.audience.vocabulary import SUPPRESSED, Status, strictest

_NEW_STATUS: Status = "Active"


class Change(msgspec.Struct, frozen=True, kw_only=True, array_like=True, gc=False):
    """What one row of the file sets. None, or a custom field that is left out, keeps the saved value.

    `subscribed_at` replaces the saved time; `last_opened_at` counts when it is later than the saved time. `tags`,
    `sequences`: names that the subscriber gets, each once ignoring case.

    `custom_fields`: the field's integer id, as text, -> its value.
    """

    line: int
    email: str
    name: str | None = None
    status: Status | None = None
    country: str | None = None
    subscribed_at: int | None = None
    last_opened_at: int | None = None
    custom_fields: dict[str, Any] = {}
    tags: tuple[str, ...] = ()
    sequences: tuple[str, ...] = ()


class RowLists(msgspec.Struct, frozen=True, kw_only=True):
    """What the `tags` and `sequences` of the changes mean: name -> integer id. A sequence may be missing.

    `new_tags`: the integer ids of those that were created for the changes.
    """

    tags: dict[str, int] = {}
    sequences: dict[str, int] = {}
    new_tags: list[int] = []


NO_LISTS = RowLists()


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """Each change is in one of the three counts. `status_kept`: the lines that would lift a suppressed status.

    `unknown_sequences`: line -> the names in it that are not sequences of the workspace.
    """

    created: int
    updated: int
    unchanged: int
    status_kept: list[int]
    unknown_sequences: dict[int, list[str]]


class _Known(msgspec.Struct, array_like=True, gc=False):
    """A state, and which of the tags and sequences that the rows name the saved subscriber has.

    `removed_sequences`: those of the job or the rows in which the membership is on record as removed.
    """

    state: State
    tag_ids: tuple[int, ...]
    sequence_ids: tuple[int, ...]
    removed_sequences: tuple[int, ...]


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """The outcome of a chunk, and what SQLite has to write for it.

    `inserts`, `updates`: JSON lists of states. `inserts_have_times`: whether one of `inserts` has a `subscribed_at`
    or a `last_opened_at`. `standings`: a JSON list of `Standing`, of those of `updates` who get another status or
    time. `members`: a JSON list of the subscribers who get the tags and sequences of the job. `row_tags`,
    `row_sequences`: JSON objects, integer id -> list of the subscribers who get it. Each is empty when there is
    nothing to write. `first_id`: the integer id of the first new subscriber. `job_id`: the import that makes the
    changes. `changed`: the existing subscribers of `updates`, in the order of their ids. `left_again`: a JSON list
    of the unchanged subscribers whose row repeats a suppressed status: no undo of an earlier import may lift it.
    """

    first_id: int
    changed: list[Changed]
    job_id: int | None
    inserts: str
    inserts_have_times: bool
    updates: str
    standings: str
    members: str
    tag_ids: str
    sequence_ids: str
    row_tags: str
    row_sequences: str
    left_again: str
    outcome: Outcome


_known_decoder = msgspec.json.Decoder(list[_Known], float_hook=Decimal)
_ids_decoder = msgspec.json.Decoder(list[int])
_encoder = msgspec.json.Encoder(decimal_format="number")


def as_json(value: Any) -> str:
    return _encoder.encode(value).decode()


def sorted_emails(changes: Sequence[Change]) -> str:
    """The distinct emails of the changes, as a JSON list."""
    return as_json(sorted({change.email for change in changes}))


class _Memberships:
    """The tags or the sequences that the rows of a chunk give, besides those of the job."""

    def __init__(self, ids: Mapping[str, int], job_ids: str) -> None:
        self._ids = ids
        self._job_ids = set(_ids_decoder.decode(job_ids))
        self._subscribers: dict[int, list[int]] = {}

    def add(self, subscriber_id: int, names: Sequence[str], has: tuple[int, ...]) -> tuple[int, ...]:
        """Adds those that are not in `has` to what is written, and returns their integer ids."""
        named = dict.fromkeys(self._ids[name] for name in names if name in self._ids)
        added = tuple(number for number in named if number not in has and number not in self._job_ids)
        for number in added:
            self._subscribers.setdefault(number, []).append(subscriber_id)
        return added

    def unknown(self, names: Sequence[str]) -> list[str]:
        return [name for name in names if name not in self._ids]

    def as_json(self) -> str:
        return as_json(self._subscribers) if self._subscribers else ""


class _Planner:
    """Takes the changes of a chunk in their order, and makes the plan."""

    def __init__(
        self, known: str, next_id: int, tag_ids: str, sequence_ids: str, lists: RowLists, job_id: int | None
    ) -> None:
        saved = _known_decoder.decode(known)
        self._by_email = {state.email: state for state in map(_merge, saved)}
        removed = {one.state.id: set(one.removed_sequences) for one in saved if one.removed_sequences}
        self._images = ChunkImages(removed, job_id)
        self._image = Image()
        self._tags = _Memberships(lists.tags, tag_ids)
        self._sequences = _Memberships(lists.sequences, sequence_ids)
        self._job_id = job_id
        self._first_new = self._next_id = next_id
        self._incomplete: list[int] = []
        self._left_again: set[int] = set()
        self._updated = 0
        self._status_kept: list[int] = []
        self._unknown_sequences: dict[int, list[str]] = {}

    def add(self, change: Change) -> None:
        state = self._by_email.get(change.email)
        if state is None:
            self._create(change)
        elif self._update(state, change):
            self._updated += 1

    def _create(self, change: Change) -> None:
        state = self._by_email[change.email] = _new_state(self._next_id, change, self._job_id)
        self._next_id += 1
        if change.tags:
            self._add_tags(state, change)
        if change.sequences:
            self._join_sequences(state, change)

    def _update(self, state: State, change: Change) -> bool:
        """Whether the subscriber, who is saved or came earlier in the chunk, is altered."""
        image = self._image
        altered, status_kept = _alter(state, change, image)
        if status_kept:
            self._status_kept.append(change.line)
        if change.tags and (added := self._add_tags(state, change)):
            image.tags += added
            altered = True
        if change.sequences and (joined := self._join_sequences(state, change)):
            self._images.join(state, image, joined)
            altered = True
        if state.missing_tags or state.missing_sequences:
            image.tags += state.missing_tags
            self._images.join(state, image, state.missing_sequences)
            state.missing_tags = state.missing_sequences = ()
            self._incomplete.append(state.id)
            altered = True
        if altered:
            if state.id < self._first_new:
                self._images.add(state, image)
            self._image = Image()
        elif change.status in SUPPRESSED and state.changed_by_job not in (None, self._job_id):
            self._left_again.add(state.id)
        return altered

    def _add_tags(self, state: State, change: Change) -> tuple[int, ...]:
        added = self._tags.add(state.id, change.tags, state.tag_ids)
        state.tag_ids += added
        return added

    def _join_sequences(self, state: State, change: Change) -> tuple[int, ...]:
        if unknown := self._sequences.unknown(change.sequences):
            self._unknown_sequences[change.line] = unknown
        joined = self._sequences.add(state.id, change.sequences, state.sequence_ids)
        state.sequence_ids += joined
        return joined

    def plan(self, changes: int, tag_ids: str, sequence_ids: str) -> Plan:
        """`changes`: how many there were."""
        new = (state for state in self._by_email.values() if state.id >= self._first_new)
        inserts = sorted(new, key=attrgetter("email"))
        updates, standings = self._images.states(), self._images.standings()
        left_again = self._left_again.difference(state.id for state in updates)
        members = [*self._incomplete, *range(self._first_new, self._next_id)]
        created = self._next_id - self._first_new
        return Plan(
            first_id=self._first_new,
            changed=self._images.changed(),
            job_id=self._job_id,
            inserts=as_json(inserts) if inserts else "",
            inserts_have_times=any(
                state.subscribed_at is not None or state.last_opened_at is not None for state in inserts
            ),
            updates=as_json(updates) if updates else "",
            standings=as_json(standings) if standings else "",
            members=as_json(members) if members else "",
            tag_ids=tag_ids,
            sequence_ids=sequence_ids,
            row_tags=self._tags.as_json(),
            row_sequences=self._sequences.as_json(),
            left_again=as_json(sorted(left_again)) if left_again else "",
            outcome=Outcome(
                created=created,
                updated=self._updated,
                unchanged=changes - created - self._updated,
                status_kept=self._status_kept,
                unknown_sequences=self._unknown_sequences,
            ),
        )


def plan_changes(
    known: str,
    changes: Sequence[Change],
    next_id: int,
    tag_ids: str,
    sequence_ids: str,
    lists: RowLists,
    job_id: int | None = None,
) -> Plan:
    """`known`: a JSON list of the existing subscribers among those of the changes.

    `job_id`: of the import that makes the changes, by its integer id.
    """
    planner = _Planner(known, next_id, tag_ids, sequence_ids, lists, job_id)
    for change in changes:
        planner.add(change)
    return planner.plan(len(changes), tag_ids, sequence_ids)


def _new_state(subscriber_id: int, change: Change, job_id: int | None) -> State:
    return State(
        subscriber_id,
        change.email,
        change.name or "",
        change.status or _NEW_STATUS,
        change.country,
        dict(change.custom_fields),
        name_key(change.name or ""),
        (),
        change.subscribed_at,
        change.last_opened_at,
        (),
        (),
        (),
        job_id,
    )


def _merge(known: _Known) -> State:
    state = known.state
    if known.tag_ids:
        state.tag_ids = tuple({*state.tag_ids, *known.tag_ids})
    if known.sequence_ids:
        state.sequence_ids = tuple({*state.sequence_ids, *known.sequence_ids})
    return state


def _alter(state: State, change: Change, image: Image) -> tuple[bool, bool]:
    """(whether the change altered anything, whether the saved status was kept because it is suppressed)

    `image` gets what the change replaces.
    """
    altered = status_kept = False
    if change.name is not None and change.name != state.name:
        image.name = state.name
        state.name, state.name_key, altered = change.name, name_key(change.name), True
    if change.country is not None and change.country != state.country:
        image.country = state.country
        state.country, altered = change.country, True
    if change.status is not None and change.status != state.status:
        if state.status not in SUPPRESSED or (
            change.status in SUPPRESSED and strictest((state.status, change.status)) == change.status
        ):
            image.status = state.status
            state.status, altered = change.status, True
        else:
            status_kept = change.status not in SUPPRESSED
    if change.subscribed_at is not None and change.subscribed_at != state.subscribed_at:
        image.subscribed_at = state.subscribed_at
        state.subscribed_at, altered = change.subscribed_at, True
    if change.last_opened_at is not None and change.last_opened_at > (state.last_opened_at or -1):
        image.last_opened_at = state.last_opened_at
        state.last_opened_at, altered = change.last_opened_at, True
    for field_id, value in change.custom_fields.items():
        if (saved := state.custom_fields.get(field_id)) != value:
            image.custom_fields[field_id] = saved
            state.custom_fields[field_id], altered = value, True
    return altered, status_kept
