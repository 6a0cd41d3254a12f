"""What an upload proposes: a field for each column, by the column's name and by what its cells look like."""

import asyncio
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Literal

import msgspec

from mailrith_lite import ids
from mailrith_lite.audience import custom_fields, values
from mailrith_lite.audience.custom_fields import CustomField
from mailrith_lite.audience.vocabulary import Status
from mailrith_lite.database import Connection
from mailrith_lite.imports.fields import FIELDS, STANDARD_FIELDS, Reader
from mailrith_lite.imports.mapping import MappedField
from mailrith_lite.imports.mapping import Mapping as ColumnMapping
from mailrith_lite.imports.uploads.survey import FileFacts
from mailrith_lite.imports.uploads.upload_table import Upload
from mailrith_lite.unicode_forms import fold

QuestionCode = Literal[
    "consent_column",
    "file_name_status",
    "date_order",
    "number_format",
    "no_header",
    "two_email_columns",
    "mixed_encoding",
    "several_files",
]


class ImportPiece(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Members of an import request. A mapping replaces the proposal of its column, or is added to the proposals.

    `leave_out`: the column whose proposal goes.
    """

    mappings: list[ColumnMapping] = []
    status: Status | None = None
    encoding: str | None = None
    file: str | None = None
    header: bool | None = None
    leave_out: str | None = None


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """`label`: for people. `value`: names the answer on the command line. `request`: what it means."""

    label: str
    value: str
    request: ImportPiece


class Question(msgspec.Struct, frozen=True, kw_only=True):
    """What a person must decide before an import. `column`: None for a question about the whole file."""

    code: QuestionCode
    column: str | None = None
    text: str
    answers: list[Answer]


class Problem(msgspec.Struct, frozen=True, kw_only=True):
    """Cells that the proposed field refuses. `sample`: the first one, cut."""

    column: str
    code: str
    count: int
    sample: str


class AnalyzedColumn(msgspec.Struct, frozen=True, kw_only=True):
    """`samples`: the first different cells, cut. `filled`: the number of cells that are not blank. `proposal`: the
    mapping to use; null leaves the column out. `reason`: why, in a sentence."""

    name: str
    samples: list[str]
    filled: int
    proposal: ColumnMapping | None
    reason: str


class Analysis(msgspec.Struct, frozen=True, kw_only=True):
    """`source`: the tool that wrote the file, if its header tells. `header_line`: null without a header."""

    source: str | None
    header_line: int | None
    delimiter: str
    encoding: str
    columns: list[AnalyzedColumn]
    questions: list[Question]
    problems: list[Problem]

    @property
    def proposals(self) -> list[ColumnMapping]:
        """In the order of the columns: the mappings of an import that follows the analysis."""
        return [column.proposal for column in self.columns if column.proposal is not None]


async def select_analysis(connection: Connection, upload: Upload) -> Analysis | None:
    """With the custom fields that the workspace has now. None for an upload without a file."""
    if upload.facts is None:
        return None
    fields = await custom_fields.select_all_custom_fields(connection, upload.workspace_id)
    return await asyncio.to_thread(analyze, upload.facts, fields, encoding=upload.encoding or "UTF-8")


def analyze(facts: FileFacts, fields: Sequence[CustomField], *, encoding: str) -> Analysis:
    """`fields`: the custom fields of the workspace. Quick: the file has been read before."""
    labels = {field.label: ids.encode(ids.CUSTOM_FIELD, field.id) for field in fields}
    names = [column.name for column in facts.columns]
    cells = {column.name: column.samples for column in facts.columns}
    proposals = {mapping.csv_column: mapping for mapping in guess(names, labels, cells)}
    return Analysis(
        source=None,
        header_line=facts.header_line,
        delimiter=facts.delimiter,
        encoding=encoding,
        columns=[
            AnalyzedColumn(
                name=column.name,
                samples=column.samples,
                filled=column.filled,
                proposal=proposals.get(column.name),
                reason=_reason(proposals.get(column.name)),
            )
            for column in facts.columns
        ],
        questions=[],
        problems=[],
    )


def _reason(mapping: ColumnMapping | None) -> str:
    return "Nothing in its name or cells suggests a field." if mapping is None else "Its name or its cells say so."


def guess(
    columns: Sequence[str], custom_fields: Mapping[str, str], cells: Mapping[str, Sequence[str]] | None = None
) -> list[ColumnMapping]:
    """In the order of the columns. `custom_fields`: label -> id. `cells`: column -> some of its cells.

    The label of a field comes first, then the labels of custom fields, then other names of a field, then the cells.
    A name does not count if most cells of its column are invalid in the field. Each column and each field is mapped
    once. A column whose name is in the header twice cannot be mapped.
    """
    cells = cells or {}
    count = Counter(columns)
    column_by_key = {_key(name): name for name in reversed(columns) if name and count[name] == 1}
    mapped: dict[str, MappedField] = {}
    for name, field in _names(custom_fields):
        column = column_by_key.get(_key(name))
        if column is None or column in mapped or field in mapped.values():
            continue
        if _fits(field, cells.get(column, ())):
            mapped[column] = field
    distinct = set(column_by_key.values())
    for column, field in _evident([name for name in columns if name in distinct], cells):
        if column not in mapped and field not in mapped.values():
            mapped[column] = field
    return [ColumnMapping(csv_column=name, field=mapped[name]) for name in columns if name in mapped]


def _names(custom_fields: Mapping[str, str]) -> Iterable[tuple[str, MappedField]]:
    """Column names and the field that each suggests, the best first."""
    for field in STANDARD_FIELDS:
        yield field.label, MappedField(type=field.type)
        yield field.type, MappedField(type=field.type)
    for label, public_id in custom_fields.items():
        yield label, MappedField.custom(public_id)
    for field in STANDARD_FIELDS:
        for name in field.names:
            yield name, MappedField(type=field.type)


def _evident(columns: Sequence[str], cells: Mapping[str, Sequence[str]]) -> Iterable[tuple[str, MappedField]]:
    """Columns and the fields that their cells alone show."""
    for field in STANDARD_FIELDS:
        if field.read is None or field.evidence is None:
            continue
        for column in columns:
            filled = _filled(cells.get(column, ()))
            if len(filled) >= field.evidence.cells and _valid_share(field.read, filled) >= field.evidence.share:
                yield column, MappedField(type=field.type)


def _fits(mapped: MappedField, cells: Sequence[str]) -> bool:
    """Whether half of the filled cells are valid, or the cells say nothing about the field."""
    field = FIELDS[mapped.type]
    filled = _filled(cells)
    if field.read is None or field.evidence is None or not filled:
        return True
    return _valid_share(field.read, filled) >= 0.5


def _filled(cells: Sequence[str]) -> list[str]:
    return [cell for cell in cells if cell.strip()]


def _valid_share(read: Reader, cells: Sequence[str]) -> float:
    return sum(_is_valid(read, cell) for cell in cells) / len(cells)


def _is_valid(read: Reader, cell: str) -> bool:
    try:
        read(cell.strip())
    except values.Refused:
        return False
    return True


def _key(name: str) -> str:
    """`E-Mail_Address` and `e mail address` have the same key."""
    return " ".join(re.split(r"[\s_./-]+", fold(name))).strip()
