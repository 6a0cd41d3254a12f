"""The cells that the proposed fields refuse, counted over the whole file."""

from collections.abc import Callable, Iterable, Sequence

import msgspec

from mailrith_lite import ids
from mailrith_lite.audience import values, vocabulary
from mailrith_lite.audience.custom_fields import CustomField
from mailrith_lite.cells import unguard
from mailrith_lite.imports.fields import FIELDS
from mailrith_lite.imports.mapping import Mapping
from mailrith_lite.imports.uploads.column_facts import ColumnFacts, Readable
from mailrith_lite.imports.uploads.proposals import Proposals, value_kind
from mailrith_lite.imports.uploads.survey import FileFacts
from mailrith_lite.unicode_forms import fold


class Problem(msgspec.Struct, frozen=True, kw_only=True):
    """Cells that the proposed field refuses. `code`: that of the row errors. `sample`: the first one, cut."""

    column: str
    code: str
    count: int
    sample: str


def find_problems(facts: FileFacts, proposals: Proposals, fields: Sequence[CustomField]) -> list[Problem]:
    """In the order of the columns. A column with too many different cells is not checked word by word."""
    by_id = {ids.encode(ids.CUSTOM_FIELD, field.id): field for field in fields}
    return [
        problem
        for column in facts.columns
        if (proposal := proposals.by_column.get(column.name)) is not None
        for problem in _find(column, proposal.mapping, facts.row_count, by_id)
    ]


def _find(
    column: ColumnFacts, mapping: Mapping, row_count: int, fields: dict[str, CustomField]
) -> Iterable[Problem]:
    match mapping.field.type:
        case "email":
            if blank := row_count - column.filled:
                yield Problem(column=column.name, code="missing_email", count=blank, sample="")
            yield from _unreadable(column, column.emails, "invalid_email")
        case _ if kind := value_kind(mapping, list(fields.values())):
            readable = column.dates if kind == "date" else column.numbers
            code = "invalid_custom_field" if FIELDS[mapping.field.type].takes_custom_field else "invalid_date"
            yield from _unreadable(column, readable, code)
        case "country":
            yield from _unreadable(column, column.countries, "invalid_country")
        case "subscriber-status":
            known = {fold(word) for word in mapping.values or ()}
            yield from _refused(column, lambda cell: fold(cell) in known or values.status_cell(cell))
        case "custom-field" if field := fields.get(mapping.field.custom_field_id or ""):
            yield from _refused(column, values.field_reader(field.type, field.options))


def _unreadable(column: ColumnFacts, readable: Readable, code: str) -> Iterable[Problem]:
    if count := column.filled - readable.count:
        yield Problem(column=column.name, code=code, count=count, sample=readable.refused)


def _refused(column: ColumnFacts, read: Callable[[str], object]) -> Iterable[Problem]:
    """One for each code, in the order of the cells."""
    problems: dict[str, Problem] = {}
    for cell, count in (column.words or {}).items():
        if vocabulary.is_blank(cell):
            continue
        try:
            _read(read, cell)
        except values.Refused as refusal:
            before = problems.get(refusal.code)
            problems[refusal.code] = Problem(
                column=column.name,
                code=refusal.code,
                count=count + (before.count if before else 0),
                sample=before.sample if before else cell,
            )
    yield from problems.values()


def _read(read: Callable[[str], object], cell: str) -> None:
    """Reads the cell as it is or without a formula guard, which depends on a setting.

    Raises:
        Refused
    """
    try:
        read(cell)
    except values.Refused:
        if (text := unguard(cell)) == cell:
            raise
        read(text)
