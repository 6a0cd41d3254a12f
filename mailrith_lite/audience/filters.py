"""Which subscribers a list shows and an export holds: the same rules for both."""

import msgspec

from mailrith_lite.audience import conditions, values
from mailrith_lite.audience.conditions import SequenceOperator, TagOperator, Values
from mailrith_lite.audience.values import Status


class SubscriberFilter(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that is given must hold. `tag_ids` and `sequence_ids`: those of them that the workspace has.

    None asks nothing; an empty list is one of which no id is known, so that nobody is in any of them.
    """

    search: str | None = None
    email: str | None = None
    status: Status | None = None
    cold_only: bool = False
    tag_ids: tuple[int, ...] | None = None
    tag_operator: TagOperator = "has_any_of"
    sequence_ids: tuple[int, ...] | None = None
    sequence_operator: SequenceOperator = "is_active_in_any_of"

    def where(self, bound: Values, workspace_id: int, now: int) -> str:
        """A condition on `subscribers`."""
        wanted = [conditions.in_workspace(bound, workspace_id)]
        if self.email is not None:
            wanted.append(f"subscribers.email = {bound.bind(_comparable(self.email))}")
        if self.status is not None:
            wanted.append(f"subscribers.status = {bound.bind(self.status)}")
        if self.search is not None:
            wanted.append(conditions.search(bound, self.search))
        if self.cold_only:
            wanted.append(conditions.cold(bound, now))
        if self.tag_ids is not None:
            wanted.append(conditions.tags(bound, self.tag_operator, self.tag_ids))
        if self.sequence_ids is not None:
            wanted.append(conditions.sequences(bound, self.sequence_operator, self.sequence_ids))
        return " AND ".join(wanted)


def _comparable(email: str) -> str:
    """In the form in which addresses are saved; a text that is none stays, and finds nobody."""
    try:
        return values.email(email)
    except values.Refused:
        return email
