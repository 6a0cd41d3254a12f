"""The interface through which a change comes in: the API or the console."""

import msgspec

from mailrith_lite.access.audit import Actor
from mailrith_lite.audience.changes import Origin
from mailrith_lite.webhooks.events import Source
from mailrith_lite.webhooks.outbox import Outbox


class Door(msgspec.Struct, frozen=True, kw_only=True):
    """`actor`: for the audit. `source`: for the events, which go to `outbox`.

    `keeps_values`: the history keeps old and new values, because undos are on. `require_evidence`: a subscriber
    becomes Active only with evidence of consent.
    """

    workspace_id: int
    actor: Actor
    source: Source
    outbox: Outbox
    keeps_values: bool
    require_evidence: bool

    @property
    def origin(self) -> Origin:
        """Who makes the change, for the history."""
        return Origin(source="console" if self.actor.via == "console" else "api", key_id=self.actor.key_id)
