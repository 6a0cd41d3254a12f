"""The subscriber filter, shared by lists and exports."""

import msgspec

from mailrith_lite.audience import conditions, values
from mailrith_lite.audience.conditions import Bindings, SequenceOperator, TagOperator
from mailrith_lite.audience.vocabulary import Status


class SubscriberFilter(msgspec.Struct, frozen=True, kw_only=True):
    """Every part that is set must hold.

    `tag_ids` and `sequence_ids` hold only ids that exist in the workspace. None: no filter. Empty: none of the
    given ids exist, so a positive operator matches nobody. `import_job_id`: the integer id of an import that has
    created or changed the subscriber.
    """

    search: str | None = None
    email: str | None = None
    status: Status | None = None
    cold_only: bool = False
    tag_ids: tuple[int, ...] | None = None
    tag_operator: TagOperator = "has_any_of"
    sequence_ids: tuple[int, ...] | None = None
    sequence_operator: SequenceOperator = "is_active_in_any_of"
    import_job_id: int | None = None

    def where(self, bindings: Bindings, workspace_id: int, now: int) -> str:
        """The filter as an SQL condition on `subscribers`."""
        parts = [conditions.in_workspace(bindings, workspace_id)]
        if self.email is not None:
            parts.append(f"subscribers.email = {bindings.bind(_normalized(self.email))}")
        if self.status is not None:
            parts.append(f"subscribers.status = {bindings.bind(self.status)}")
        if self.search is not None:
            parts.append(conditions.search(bindings, self.search))
        if self.cold_only:
            parts.append(conditions.cold(bindings, now))
        if self.tag_ids is not None:
            parts.append(conditions.tags(bindings, self.tag_operator, self.tag_ids))
        if self.sequence_ids is not None:
            parts.append(conditions.sequences(bindings, self.sequence_operator, self.sequence_ids))
        if self.import_job_id is not None:
            parts.append(conditions.changed_by_import(bindings, self.import_job_id))
        return " AND ".join(parts)


def _normalized(email: str) -> str:
    """The address as it is saved. An invalid address stays unchanged; it equals no saved one."""
    try:
        return values.email(email)
    except values.Refused:
        return email
