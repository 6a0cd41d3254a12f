"""The body of an import."""

import functools
from typing import Annotated, Any, ClassVar

import msgspec
from msgspec import Meta

from mailrith_lite import errors
from mailrith_lite.api import codec, texts
from mailrith_lite.api.bodies import IN_MEMORY, Body
from mailrith_lite.api.codes import Codes
from mailrith_lite.audience import listed_ids, tags
from mailrith_lite.audience.vocabulary import Status
from mailrith_lite.imports.accept import ImportOrder
from mailrith_lite.imports.mapping import Mapping
from mailrith_lite.imports.options import Delimiter, ImportOptions, InvalidCells

CsvText = Annotated[
    msgspec.Raw,
    Meta(
        description="The whole file, with a header row; or upload_id instead",
        extra_json_schema={"type": ["string", "null"]},
    ),
]
Mappings = Annotated[
    list[Mapping],
    Meta(description="One of them maps the email. Required without like", extra_json_schema={"minItems": 1}),
]
DryRun = Annotated[bool, Meta(description="Report what an import would do with every row, and change nothing")]
RowStatus = Annotated[
    Status | None,
    Meta(
        description="The status of every row without a mapped status. A suppressed subscriber never becomes Active"
    ),
]
Cells = Annotated[
    InvalidCells,
    Meta(description="A cell that cannot be read refuses its row (without this member, too), or is left out"),
]
HasHeader = Annotated[
    bool | None, Meta(description="false: the first line is a row, and the columns are Column 1, Column 2, …")
]
AnyDelimiter = Annotated[Delimiter | None, Meta(description="Otherwise the file decides")]
Encoding = Annotated[str, Meta(max_length=100, description="Of an upload; otherwise the file decides")]
ArchivedFile = Annotated[str, Meta(max_length=1_000, description="The file of an upload that is an archive")]
Like = Annotated[
    str,
    Meta(
        description="The id of a finished import. Its mappings, tags, sequences, status and invalid_cells count "
        "where the request has none. So a corrected error report needs nothing else"
    ),
]
Ids = Annotated[list[str], texts.listed(listed_ids.MAX_LISTED, "Added to the subscriber of every applied row")]


class ImportRequest(msgspec.Struct, frozen=True, kw_only=True):
    """Has exactly one of `csv_text` and `upload_id`, and at least one of `mappings` and `like`."""

    CODES: ClassVar[Codes] = Codes(fields={"mappings": "invalid_mappings", "new_tag_name": "invalid_tag_name"})

    mappings: Mappings | None = None
    csv_text: CsvText = msgspec.field(  # raw, because it can be very large
        default_factory=functools.partial(msgspec.Raw, b"null")
    )
    upload_id: str | None = None
    new_tag_name: Annotated[str, texts.name(tags.MAX_NAME)] | None = None
    existing_tag_ids: Ids | None = None
    sequence_ids: Ids | None = None
    dry_run: DryRun = False
    status: RowStatus = None
    invalid_cells: Cells | None = None
    header: HasHeader = None
    delimiter: AnyDelimiter = None
    encoding: Encoding | None = None
    file: ArchivedFile | None = None
    like: Like | None = None

    SCHEMA: ClassVar[dict[str, Any]] = {
        "oneOf": [
            {"required": [name], "properties": {name: {"type": "string"}, other: {"type": "null"}}}
            for name, other in (("csv_text", "upload_id"), ("upload_id", "csv_text"))
        ],
        "anyOf": [
            {"required": [name], "properties": {name: {"type": kind}}}
            for name, kind in (("mappings", "array"), ("like", "string"))
        ],
    }
    EXAMPLE: ClassVar[dict[str, Any]] = {
        "csv_text": "Email,Name,Country\nada@example.com,Ada Lovelace,GB\n",
        "mappings": [
            {"csv_column": "Email", "field": {"type": "email"}},
            {"csv_column": "Name", "field": {"type": "name"}},
            {"csv_column": "Country", "field": {"type": "country"}},
        ],
        "new_tag_name": "April import",
    }


class _TextAlone(msgspec.Struct, frozen=True):
    csv_text: msgspec.Raw = msgspec.Raw(b"null")


def parse_order(body: Body[ImportRequest]) -> ImportOrder:
    """
    Raises:
        InvalidRequest, InvalidBody: the error names the field that must change.
        PayloadTooLarge: the body without `csv_text` is too long.
    """
    if len(body.data) > IN_MEMORY:
        rest = len(body.data) - len(memoryview(codec.decode(body.data, _TextAlone).csv_text))
        if rest > IN_MEMORY:  # decoded, it would take many times its size in memory
            raise errors.PayloadTooLarge(f"Everything besides csv_text takes at most {IN_MEMORY:,} bytes.")
    request = body.decode()
    literal = memoryview(request.csv_text)
    has_text = bytes(literal[:5]) != b"null"
    if has_text == (request.upload_id is not None):
        raise errors.InvalidRequest("Send exactly one of csv_text and upload_id.", field="csv_text")
    if has_text and bytes(literal[:1]) != b'"':
        raise errors.InvalidRequest("csv_text takes a text.", field="csv_text")
    return ImportOrder(
        csv_text=literal if has_text else None,
        upload_id=request.upload_id,
        mappings=request.mappings,
        new_tag_name=request.new_tag_name,
        existing_tag_ids=request.existing_tag_ids,
        sequence_ids=request.sequence_ids,
        dry_run=request.dry_run,
        like=request.like,
        options=ImportOptions(**{name: getattr(request, name) for name in ImportOptions.__struct_fields__}),
    )
