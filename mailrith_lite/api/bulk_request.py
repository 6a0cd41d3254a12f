"""The body of POST /v1/jobs/subscriber-bulk-changes."""

from typing import Annotated, Any, ClassVar

import msgspec
from msgspec import Meta

from mailrith_lite.api import texts
from mailrith_lite.api.codes import Codes
from mailrith_lite.audience import listed_ids
from mailrith_lite.audience.conditions import SequenceOperator, TagOperator
from mailrith_lite.audience.selection import MAX_CUSTOM_FIELDS, MAX_TEXT, FieldTest, Selection
from mailrith_lite.audience.vocabulary import Status
from mailrith_lite.bulk_changes import submission
from mailrith_lite.bulk_changes.actions import ActionName
from mailrith_lite.bulk_changes.submission import MAX_LISTED, Order

_Text = Annotated[str, texts.without_nul(MAX_TEXT)]
_Ids = Annotated[list[str], texts.listed(listed_ids.MAX_LISTED, "Ids of the workspace")]
ListedIds = Annotated[list[str], texts.listed(MAX_LISTED, "These subscribers, instead of a filter")]
ExpectedCount = Annotated[
    int, Meta(ge=0, description="Nobody is changed if the people are not so many. Erasing requires it")
]


class BulkFilter(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Members mean the same as the parameters of the list of subscribers. `import_job_id`: an import that has
    created or changed them. `custom_fields`: tests as in the conditions of a segment."""

    search: _Text | None = None
    email: _Text | None = None
    status: Status | None = None
    cold_only: bool = False
    tag_ids: _Ids | None = None
    tag_operator: TagOperator = "has_any_of"
    sequence_ids: _Ids | None = None
    sequence_operator: SequenceOperator = "is_active_in_any_of"
    country: _Text | None = None
    segment_id: str | None = None
    import_job_id: str | None = None
    custom_fields: Annotated[list[FieldTest], texts.listed(MAX_CUSTOM_FIELDS, "All must hold")] = []

    @classmethod
    def of(cls, selection: Selection) -> "BulkFilter":
        return cls(**{name: getattr(selection, name) for name in cls.__struct_fields__})

    def selection(self) -> Selection:
        """
        Raises:
            InvalidRequest: a member is too long, or there is no such country.
        """
        return Selection.of(**{name: getattr(self, name) for name in self.__struct_fields__})


Filter = Annotated[BulkFilter, Meta(description="Everybody who matches all its members; an empty one is everybody")]


class BulkChangeRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`tag_id`, `sequence_id`: what the action needs. Exactly one of `filter` and `subscriber_ids` says who."""

    CODES: ClassVar[Codes] = Codes(fields={"action": "invalid_bulk_action"})

    action: ActionName
    tag_id: str | None = None
    sequence_id: str | None = None
    filter: Filter | None = None
    subscriber_ids: ListedIds | None = None
    expected_count: ExpectedCount | None = None

    SCHEMA: ClassVar[dict[str, Any]] = {
        "oneOf": [
            {"required": [name], "properties": {name: {"type": kind}, other: {"type": "null"}}}
            for name, kind, other in (
                ("filter", "object", "subscriber_ids"),
                ("subscriber_ids", "array", "filter"),
            )
        ]
    }
    EXAMPLE: ClassVar[dict[str, Any]] = {
        "action": "unsubscribe",
        "filter": {"search": "@example.net", "status": "Unconfirmed"},
    }

    def order(self) -> Order:
        """
        Raises:
            InvalidRequest: a member of the filter is too long, or there is no such country.
        """
        return Order(
            action=self.action,
            tag_id=self.tag_id,
            sequence_id=self.sequence_id,
            selection=None if self.filter is None else submission.in_filter(self.filter.selection),
            subscriber_ids=self.subscriber_ids,
            expected_count=self.expected_count,
        )
