"""Which filters match more people than a page counts."""

from collections import OrderedDict

from mailrith_lite.audience import listing
from mailrith_lite.audience.filters import SubscriberFilter
from mailrith_lite.database import Connection, Database

CACHE_SIZE = 1_000


class LargeSelections:
    """Remembers these filters until people of the workspace change.

    Only the first of their pages then looks for everybody who matches, which takes longer in a larger workspace.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._revisions: OrderedDict[tuple[int, bytes], tuple[int, int]] = OrderedDict()

    async def select_ids(
        self, connection: Connection, workspace_id: int, subscriber_filter: SubscriberFilter, *, most: int, now: int
    ) -> list[int] | None:
        """The integer ids of everybody who matches, newest first; None: more than `most`, the same at each call."""
        key = workspace_id, subscriber_filter.query(workspace_id, now).key
        revision = self._database.revision(workspace_id)  # before the look: a write during it makes a new one due
        if self._revisions.get(key) == revision:
            self._revisions.move_to_end(key)
            return None
        matching = await listing.select_ids(connection, workspace_id, subscriber_filter, limit=most + 1, now=now)
        if len(matching) <= most:
            return matching
        if not subscriber_filter.changes_alone:
            self._revisions[key] = revision
            self._revisions.move_to_end(key)
            if len(self._revisions) > CACHE_SIZE:
                self._revisions.popitem(last=False)
        return None
