"""What the form of a filter offers to choose from."""

import msgspec

from mailrith_lite.audience.selection import Selection
from mailrith_lite.console import names
from mailrith_lite.console.names import Option
from mailrith_lite.console.session_request import SessionRequest
from mailrith_lite.database import Connection


class FilterChoices(msgspec.Struct, frozen=True, kw_only=True):
    """Each list is empty without the scope to read it. `fields`: the custom fields, by label."""

    tags: list[Option]
    sequences: list[Option]
    segments: list[Option]
    fields: list[Option]


async def select(connection: Connection, call: SessionRequest, form: Selection) -> FilterChoices:
    """The newest ones, and those that the filter names."""
    few = names.FEW_OPTIONS
    return FilterChoices(
        tags=await names.tag_options(connection, call, chosen=form.tag_ids or (), most=few),
        sequences=await names.sequence_options(connection, call, chosen=form.sequence_ids or (), most=few),
        segments=await names.segment_options(connection, call, chosen=form.segment_id, most=few),
        fields=names.field_options(await names.field_labels(connection, call)),
    )
