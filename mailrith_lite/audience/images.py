"""Images of subscribers before a change: what it replaces and adds, so that it can be undone."""

from collections.abc import Collection, Mapping, Sequence
from decimal import Decimal
from typing import Any, Final

import msgspec
from msgspec import UNSET, UnsetType

from mailrith_lite.audience import values
from mailrith_lite.audience.custom_fields import CustomField
from mailrith_lite.audience.subscribers import name_key
from mailrith_lite.audience.vocabulary import Status

WITHOUT_VALUES: Final = """json_set(
    json_remove(image, '$.name', '$.country', '$.subscribed_at', '$.last_opened_at', '$.custom_fields'),
    '$.members', (SELECT json_group_array(name) FROM (
        SELECT key AS name FROM json_each(image)
        WHERE key IN ('name', 'country', 'subscribed_at', 'last_opened_at')
        UNION ALL SELECT 'custom_fields.' || key FROM json_each(image, '$.custom_fields'))))"""
"""What the history has without the values of the column `image`: the names of its members, in `members`, and the
status, tags and sequences. SQL."""
_PLAIN = ("name", "status", "country", "subscribed_at", "last_opened_at")
_value_encoder = msgspec.json.Encoder(decimal_format="number")


class Image(msgspec.Struct, kw_only=True, omit_defaults=True):
    """The members that a change replaces, as they were. UNSET: the change keeps the member.

    `custom_fields`: the field's integer id, as text, -> its value; None if the subscriber had none. `tags`,
    `joined`: integer ids of the tags and the sequences that the change adds. `rejoined`: integer ids of sequences
    from which the subscriber was removed, and to which the change adds them again. `changed_by_job`: the import
    that made the change before this one.
    """

    name: str | UnsetType = UNSET
    status: Status | UnsetType = UNSET
    country: str | UnsetType | None = UNSET
    subscribed_at: int | UnsetType | None = UNSET
    last_opened_at: int | UnsetType | None = UNSET
    custom_fields: dict[str, Any] = {}
    tags: list[int] = []
    joined: list[int] = []
    rejoined: list[int] = []
    changed_by_job: int | None = None

    def merge(self, later: "Image") -> None:
        """Adds the image of a later change by the same import. A value that this image has already stays."""
        for name in _PLAIN:
            if getattr(self, name) is UNSET:
                setattr(self, name, getattr(later, name))
        self.custom_fields = later.custom_fields | self.custom_fields
        self.tags = sorted({*self.tags, *later.tags})
        self.joined = sorted({*self.joined, *later.joined})
        self.rejoined = sorted({*self.rejoined, *later.rejoined})


class State(msgspec.Struct, array_like=True, gc=False):
    """A subscriber in the course of a chunk. `STATE` in bulk.py selects the members in this order.

    The ids are tuples because an empty tuple costs nothing: most of the many subscribers of a chunk have none.
    """

    id: int
    email: str
    name: str
    status: Status
    country: str | None
    custom_fields: dict[str, Any]
    name_key: str | None
    missing_tags: tuple[int, ...]  # those of the job that the subscriber lacks
    subscribed_at: int | None  # None: when the chunk is applied
    last_opened_at: int | None
    tag_ids: tuple[int, ...]  # those that the rows gave
    sequence_ids: tuple[int, ...]
    missing_sequences: tuple[int, ...]
    changed_by_job: int | None  # the import that made the latest change


class Standing(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """The members of a subscriber that are in an index or in the count of a block."""

    id: int
    status: Status
    subscribed_at: int | None
    last_opened_at: int | None


class Changed(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """An existing subscriber that a change alters. `status`: after the change."""

    subscriber_id: int
    status: Status
    image: Image


decoder = msgspec.json.Decoder(Image, float_hook=Decimal)


def replaced(image: Image) -> dict[str, Any]:
    """Member -> the value that the change replaces; a custom field is named `custom_fields.` and its integer id."""
    plain = {name: value for name in _PLAIN if (value := getattr(image, name)) is not UNSET}
    return plain | {f"custom_fields.{number}": value for number, value in image.custom_fields.items()}


class ChunkImages:
    """The images of the existing subscribers that a chunk changes."""

    def __init__(self, removed: Mapping[int, Collection[int]], job_id: int | None) -> None:
        """`removed`: subscriber -> the sequences in which the membership is on record as removed."""
        self._removed = removed
        self._job_id = job_id
        self._states: dict[int, State] = {}
        self._images: dict[int, Image] = {}
        self._twice: set[int] = set()

    def add(self, state: State, image: Image) -> None:
        """A change that altered the subscriber; `image` has what it replaced."""
        earlier = self._images.get(state.id)
        if earlier is not None:
            earlier.merge(image)
            self._twice.add(state.id)
            return
        image.changed_by_job, state.changed_by_job = state.changed_by_job, self._job_id
        self._states[state.id], self._images[state.id] = state, image

    def join(self, state: State, image: Image, sequence_ids: Sequence[int]) -> None:
        removed = self._removed.get(state.id, ())
        image.joined += [number for number in sequence_ids if number not in removed]
        image.rejoined += [number for number in sequence_ids if number in removed]

    def states(self) -> list[State]:
        return list(self._states.values())

    def standings(self) -> list[Standing]:
        """Of the subscribers whose standing may have changed."""
        return [new_standing(self._states[number]) for number, image in self._images.items() if moves(image)]

    def changed(self) -> list[Changed]:
        for subscriber_id in self._twice:
            image, state = self._images[subscriber_id], self._states[subscriber_id]
            self._images[subscriber_id] = _without_equals(image, state)
        return [
            Changed(subscriber_id=number, status=self._states[number].status, image=image)
            for number, image in sorted(self._images.items())
        ]


def moves(image: Image) -> bool:
    """Whether the change, or its undo, alters the standing of the subscriber."""
    return not (image.status is UNSET and image.subscribed_at is UNSET and image.last_opened_at is UNSET)


def new_standing(state: State) -> Standing:
    return Standing(state.id, state.status, state.subscribed_at, state.last_opened_at)


def restore(state: State, image: Image, fields: Mapping[int, CustomField]) -> bool:
    """Puts the members of the image back into the state, without tags and sequences.

    A field that is deleted is left out. Returns False, with the state unchanged, if a value does not fit its field
    any more, because the type or the options of the field have changed. `fields`: by integer id.
    """
    replaced = {}
    for number, value in image.custom_fields.items():
        field = fields.get(int(number))
        if field is not None:
            if value is not None and not _fits(field, value):
                return False
            replaced[number] = value
    for number, value in replaced.items():
        if value is None:
            state.custom_fields.pop(number, None)
        else:
            state.custom_fields[number] = value
    for name in _PLAIN:
        if (value := getattr(image, name)) is not UNSET:
            setattr(state, name, value)
    state.name_key = name_key(state.name)
    state.changed_by_job = image.changed_by_job
    return True


def _without_equals(image: Image, state: State) -> Image:
    """The image without members that a later change has set to the old value again."""
    plain: dict[str, Any] = {
        name: value
        for name in _PLAIN
        if (value := getattr(image, name)) is not UNSET and value != getattr(state, name)
    }
    fields = {
        number: value for number, value in image.custom_fields.items() if value != state.custom_fields.get(number)
    }
    return Image(
        **plain,
        custom_fields=fields,
        tags=image.tags,
        joined=image.joined,
        rejoined=image.rejoined,
        changed_by_job=image.changed_by_job,
    )


def _fits(field: CustomField, value: Any) -> bool:
    try:
        read = values.field_value(field.type, field.options, value)
    except values.Refused:
        return False
    return _value_encoder.encode(read) == _value_encoder.encode(value)
