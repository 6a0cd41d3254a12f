"""A subscriber filter as SQL, for lists, counts and exports. `selection` makes it from what a client sends."""

from typing import Any

import msgspec

from mailrith_lite.audience import conditions, values
from mailrith_lite.audience.conditions import Bindings, SequenceOperator, TagOperator
from mailrith_lite.audience.segments.segment_query import Query
from mailrith_lite.audience.vocabulary import Status


class Fragment(msgspec.Struct, frozen=True, kw_only=True):
    """A compiled part of a filter: a condition on `subscribers`, and the tables that it reads, as in `Where`.

    `values`: of its parameters, whose names differ from those of `Bindings` without a prefix.
    """

    condition: str
    tables: tuple[str, ...] = ()
    values: dict[str, Any]


class Where(msgspec.Struct, frozen=True, kw_only=True):
    """`condition`: on `subscribers`. `tables`: what it reads besides, each as `name AS (SELECT …)`."""

    condition: str
    tables: tuple[str, ...] = ()

    def with_clause(self, *more: str) -> str:
        """The tables, and `more` of the same form after them, as the beginning of a query; or nothing."""
        tables = (*self.tables, *more)
        return f"WITH {', '.join(tables)}" if tables else ""


class SubscriberFilter(msgspec.Struct, frozen=True, kw_only=True):
    """Every part that is set must hold.

    `tag_ids` and `sequence_ids` hold only ids that exist in the workspace. None: no filter. Empty: none of the
    given ids exist, so a positive operator matches nobody. `country`: an ISO 3166-1 alpha-2 code. `import_job_id`:
    the integer id of an import that has created or changed the subscriber. `compiled`: a segment and custom fields.
    """

    search: str | None = None
    email: str | None = None
    status: Status | None = None
    cold_only: bool = False
    tag_ids: tuple[int, ...] | None = None
    tag_operator: TagOperator = "has_any_of"
    sequence_ids: tuple[int, ...] | None = None
    sequence_operator: SequenceOperator = "is_active_in_any_of"
    country: str | None = None
    import_job_id: int | None = None
    compiled: Fragment | None = None

    @property
    def changes_alone(self) -> bool:
        """Whether others can match without a change of a subscriber: with time, or when an import is deleted."""
        return self.cold_only or self.import_job_id is not None

    def where(self, bindings: Bindings, workspace_id: int, now: int) -> Where:
        parts = [conditions.in_workspace(bindings, workspace_id)]
        if self.email is not None:
            parts.append(f"subscribers.email = {bindings.bind(_normalized(self.email))}")
        if self.status is not None:
            parts.append(f"subscribers.status = {bindings.bind(self.status)}")
        if self.country is not None:
            parts.append(f"subscribers.country = {bindings.bind(self.country)}")
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
        if self.compiled is None:
            return Where(condition=" AND ".join(parts))
        bindings.values |= self.compiled.values
        parts.append(self.compiled.condition)
        return Where(condition=" AND ".join(parts), tables=self.compiled.tables)

    def query(self, workspace_id: int, now: int) -> Query:
        """Selects the subscribers, for a count or a check."""
        bindings = Bindings()
        where = self.where(bindings, workspace_id, now)
        return Query.of(workspace_id, where.with_clause(), where.condition, bindings.values)


def _normalized(email: str) -> str:
    """The address as it is saved. An invalid address stays unchanged; it equals no saved one."""
    try:
        return values.email(email)
    except values.Refused:
        return email
