"""What a change has altered in subscribers: the names of their members, as the API has them, and the status."""

import functools
from collections.abc import Iterable, Mapping
from typing import Any

import msgspec
from msgspec import UNSET, UnsetType

from mailrith_lite import ids
from mailrith_lite.audience.images import Changed, Image
from mailrith_lite.audience.subscribers import Subscriber
from mailrith_lite.audience.vocabulary import Status

_PLAIN = ("email", "name", "country", "subscribed_at", "last_opened_at")


class Alteration(msgspec.Struct, frozen=True, kw_only=True):
    """`changed`: without the status; `custom_fields.<id>` for a custom field, with its public id."""

    subscriber_id: int
    changed: list[str]
    previous_status: Status
    status: Status


def of_subscriber(before: Subscriber, after: Subscriber) -> Alteration:
    changed = [name for name in _PLAIN if getattr(before, name) != getattr(after, name)]
    if {tag.id for tag in before.tags} != {tag.id for tag in after.tags}:
        changed.append("tags")
    if set(before.sequence_ids) != set(after.sequence_ids):
        changed.append("sequence_ids")
    changed += _changed_fields(before.custom_fields, after.custom_fields)
    return Alteration(subscriber_id=after.id, changed=changed, previous_status=before.status, status=after.status)


def of_changed(changed: Iterable[Changed]) -> list[Alteration]:
    """Of the existing subscribers that a chunk of an import changes."""
    return [
        of_image(one.subscriber_id, one.image, previous_status=_previous(one), status=one.status) for one in changed
    ]


def of_image(subscriber_id: int, image: Image, *, previous_status: Status, status: Status) -> Alteration:
    """Of a change that replaces the members of the image, or that puts them back."""
    changed = [name for name in _PLAIN if name != "email" and getattr(image, name) is not UNSET]
    if image.tags:
        changed.append("tags")
    if image.joined or image.rejoined:
        changed.append("sequence_ids")
    changed += [field_member(number) for number in sorted(map(int, image.custom_fields))]
    return Alteration(subscriber_id=subscriber_id, changed=changed, previous_status=previous_status, status=status)


def _previous(changed: Changed) -> Status:
    return changed.status if isinstance(changed.image.status, UnsetType) else changed.image.status


def _changed_fields(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[str]:
    numbers = sorted(before.keys() | after.keys(), key=int)
    return [field_member(int(number)) for number in numbers if before.get(number) != after.get(number)]


@functools.lru_cache(maxsize=1_000)
def field_member(field_id: int) -> str:
    return f"custom_fields.{ids.encode(ids.CUSTOM_FIELD, field_id)}"
