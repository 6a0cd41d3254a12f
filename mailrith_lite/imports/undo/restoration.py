"""Plans in memory what a chunk of an undo restores."""

from collections.abc import Iterable, Mapping
from decimal import Decimal

import msgspec

from mailrith_lite.audience import alterations, images
from mailrith_lite.audience.alterations import Alteration
from mailrith_lite.audience.custom_fields import CustomField
from mailrith_lite.audience.images import Image, State


class _Known(msgspec.Struct, array_like=True):
    """`unchanged`: 1 if nothing has changed the subscriber since the import, else 0."""

    state: State
    image: Image
    unchanged: int


class Restoration(msgspec.Struct, frozen=True, kw_only=True):
    """`states`, `standings`: JSON lists for `bulk.update_states`. `restored`, `skipped`: JSON lists of integer ids.

    `tags`, `joined`, `rejoined`: what the import has added, as JSON lists of pairs for `memberships`. `last_id`:
    the chunk ends with this id.
    """

    last_id: int
    restored_count: int
    skipped_count: int
    states: str
    standings: str
    restored: str
    skipped: str
    tags: str
    joined: str
    rejoined: str
    altered: list[Alteration]


_decoder = msgspec.json.Decoder(list[_Known], float_hook=Decimal)
_encoder = msgspec.json.Encoder(decimal_format="number")


def plan(batch: str, fields: Mapping[int, CustomField]) -> Restoration | None:
    """`batch`: of `change_table.select_changed`. `fields`: of the workspace, by integer id.

    None for an empty batch.
    """
    known = _decoder.decode(batch)
    if not known:
        return None
    restored, skipped, altered = [], [], []
    for one in known:
        status = one.state.status
        if one.unchanged and images.restore(one.state, one.image, fields):
            restored.append(one)
            altered.append(
                alterations.of_image(one.state.id, one.image, previous_status=status, status=one.state.status)
            )
        else:
            skipped.append(one.state.id)
    return Restoration(
        last_id=max(one.state.id for one in known),
        restored_count=len(restored),
        skipped_count=len(skipped),
        states=_json([one.state for one in restored]),
        standings=_json([images.new_standing(one.state) for one in restored if images.moves(one.image)]),
        restored=_json([one.state.id for one in restored]),
        skipped=_json(skipped),
        tags=_pairs((one.state.id, one.image.tags) for one in restored),
        joined=_pairs((one.state.id, one.image.joined) for one in restored),
        rejoined=_pairs((one.state.id, one.image.rejoined) for one in restored),
        altered=altered,
    )


def _pairs(members: Iterable[tuple[int, list[int]]]) -> str:
    return _json([(subscriber_id, number) for subscriber_id, numbers in members for number in numbers])


def _json(value: object) -> str:
    return _encoder.encode(value).decode()
