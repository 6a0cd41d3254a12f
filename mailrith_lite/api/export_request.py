"""The body that creates an export, and the selection that its job has."""

from typing import Annotated, Any, ClassVar, TypeVar

import msgspec
from msgspec import UNSET, Meta, UnsetType

from mailrith_lite import errors
from mailrith_lite.api import parameters, texts
from mailrith_lite.api.codes import Codes
from mailrith_lite.audience.conditions import SequenceOperator, TagOperator
from mailrith_lite.audience.selection import MAX_CUSTOM_FIELDS, MAX_LISTED, FieldTest, Selection
from mailrith_lite.audience.vocabulary import Status
from mailrith_lite.exports.export_table import Order
from mailrith_lite.exports.file_columns import FIXED

T = TypeVar("T")

Query = Annotated[
    str,
    Meta(
        description="As the parameter search of the list of subscribers",
        extra_json_schema={"maxLength": parameters.MAX_TEXT, "pattern": r"^[^\x00]*$"},
    ),
]
Email = Annotated[
    str,
    Meta(
        description="The whole address",
        extra_json_schema={"maxLength": parameters.MAX_TEXT, "pattern": r"^[^\x00]*$"},
    ),
]
Country = Annotated[str, Meta(description="An ISO 3166-1 code or the name of a country")]
Tags = Annotated[list[str], texts.listed(MAX_LISTED, "Ids of tags, for tag_operator")]
Sequences = Annotated[list[str], texts.listed(MAX_LISTED, "Ids of sequences, for sequence_operator")]
SegmentId = Annotated[str, Meta(description="They are in this segment when the export runs")]
ImportId = Annotated[str, Meta(description="An import that has created or changed the subscribers")]
Tests = Annotated[
    list[FieldTest],
    texts.listed(MAX_CUSTOM_FIELDS, "Each with the operators and values of a segment's condition on the field"),
]
Columns = Annotated[
    list[str],
    Meta(
        description=f"The columns of the file, in this order: {', '.join(FIXED)}, and ids of custom fields; each"
        " once. Without it, all of them",
        extra_json_schema={"minItems": 1, "uniqueItems": True},
    ),
]


class ExportRequest(msgspec.Struct, frozen=True, kw_only=True):
    """The contract has `query`, `status` and `cold_only`. The others are additions to it."""

    CODES: ClassVar[Codes] = Codes(fields={"status": "invalid_export_status"})

    query: Query | None = None
    status: Status | None = None
    cold_only: bool | None = None
    email: Email | None = None
    tag_ids: Tags | None = None
    tag_operator: TagOperator | None = None
    sequence_ids: Sequences | None = None
    sequence_operator: SequenceOperator | None = None
    country: Country | None = None
    segment_id: SegmentId | None = None
    import_job_id: ImportId | None = None
    custom_fields: Tests | None = None
    columns: Columns | None = None

    EXAMPLE: ClassVar[dict[str, Any]] = {"query": "example.com", "status": "Active"}

    def order(self) -> Order:
        """
        Raises:
            InvalidRequest: a value is too long, there are too many, or there is no such country.
        """
        try:
            selection = Selection.of(
                search=self.query,
                email=self.email,
                status=self.status,
                cold_only=bool(self.cold_only),
                tag_ids=self.tag_ids,
                tag_operator=self.tag_operator or "has_any_of",
                sequence_ids=self.sequence_ids,
                sequence_operator=self.sequence_operator or "is_active_in_any_of",
                country=self.country,
                segment_id=self.segment_id,
                import_job_id=self.import_job_id,
                custom_fields=self.custom_fields or (),
            )
        except errors.InvalidRequest as error:
            if error.details.get("field") != "search":
                raise
            message = error.message.replace("search", "query", 1)  # the contract's name of it here
            raise errors.InvalidRequest(message, field="query") from None
        return Order(selection=selection, columns=None if self.columns is None else tuple(self.columns))


class ExportSelection(msgspec.Struct, frozen=True, kw_only=True):
    """`query`, `status` and `cold_only` are always there, the other filters if the request has set them."""

    query: str | None = None
    status: Status | None = None
    cold_only: bool = False
    email: str | UnsetType = UNSET
    tag_ids: tuple[str, ...] | UnsetType = UNSET
    tag_operator: TagOperator | UnsetType = UNSET
    sequence_ids: tuple[str, ...] | UnsetType = UNSET
    sequence_operator: SequenceOperator | UnsetType = UNSET
    country: str | UnsetType = UNSET
    segment_id: str | UnsetType = UNSET
    import_job_id: str | UnsetType = UNSET
    custom_fields: tuple[FieldTest, ...] | UnsetType = UNSET

    @classmethod
    def of(cls, selection: Selection) -> "ExportSelection":
        tagged, enrolled = selection.tag_ids is not None, selection.sequence_ids is not None
        return cls(
            query=selection.search,
            status=selection.status,
            cold_only=selection.cold_only,
            email=_set(selection.email),
            tag_ids=_set(selection.tag_ids),
            tag_operator=selection.tag_operator if tagged else UNSET,
            sequence_ids=_set(selection.sequence_ids),
            sequence_operator=selection.sequence_operator if enrolled else UNSET,
            country=_set(selection.country),
            segment_id=_set(selection.segment_id),
            import_job_id=_set(selection.import_job_id),
            custom_fields=selection.custom_fields or UNSET,
        )

    def selection(self) -> Selection:
        """The reverse of `of`."""
        values = {name: value for name, value in msgspec.structs.asdict(self).items() if value is not UNSET}
        return Selection(search=values.pop("query"), **values)


def _set(value: T | None) -> T | UnsetType:
    return UNSET if value is None else value
