"""The way by which a change comes in: the API or the console."""

import msgspec

from mailrith_lite.access.audit import Actor
from mailrith_lite.webhooks.events import Source
from mailrith_lite.webhooks.outbox import Outbox


class Door(msgspec.Struct, frozen=True, kw_only=True):
    """`actor`: for the audit. `source`: for the events, which go to `outbox`."""

    workspace_id: int
    actor: Actor
    source: Source
    outbox: Outbox
