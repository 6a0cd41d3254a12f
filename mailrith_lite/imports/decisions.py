"""What the first pass decides about an import: formats of columns, and whether it would create too many tags."""

from collections.abc import Mapping, Sequence

import msgspec

from mailrith_lite.audience import row_lists
from mailrith_lite.audience.column_format import Kind, Undecided
from mailrith_lite.audience.values import FieldType
from mailrith_lite.database import Connection
from mailrith_lite.imports.fields import FIELDS
from mailrith_lite.imports.first_pass import ColumnTask, Findings, Task
from mailrith_lite.imports.import_table import ImportPlan
from mailrith_lite.imports.mapping import Column
from mailrith_lite.jobs.run import JobFailed
from mailrith_lite.unicode_forms import fold

MAX_NEW_TAGS = 1_000
"""Tags that the rows of one import create."""
_KINDS: dict[FieldType | None, Kind] = {"Date": "date", "Number": "number"}


def format_kind(column: Column, types: Mapping[int, FieldType]) -> Kind | None:
    """The kind of the formats that the cells can have; None for a column without formats.

    `types`: of the workspace's custom fields, by their integer ids.
    """
    if FIELDS[column.type].moment:
        return "date"
    if column.new_field is not None:
        return _KINDS.get(column.new_field.type)
    return _KINDS.get(types.get(column.custom_field_id or 0))


def first_task(plan: ImportPlan, types: Mapping[int, FieldType], tag_count: int, *, formula_guard: bool) -> Task:
    """`tag_count`: the number of tags that the workspace has."""
    columns = []
    for column in plan.columns:
        kind = format_kind(column, types)
        if column.type == "tags" or (kind is not None and column.format is None):
            columns.append(ColumnTask(index=column.index, kind=kind, values=column.values))
    return Task(
        layout=plan.layout,
        formula_guard=formula_guard,
        columns=columns,
        max_tags=tag_count + MAX_NEW_TAGS,
    )


def with_formats(columns: Sequence[Column], findings: Findings) -> list[Column]:
    """
    Raises:
        JobFailed: two formats read a column equally well; the message has a cell and both readings.
    """
    decided = []
    for column in columns:
        column_format = findings.formats.get(column.index)
        if isinstance(column_format, Undecided):
            raise JobFailed(_undecided(column, column_format))
        decided.append(column if column_format is None else msgspec.structs.replace(column, format=column_format))
    return decided


async def check_tags(
    connection: Connection, workspace_id: int, columns: Sequence[Column], findings: Findings
) -> None:
    """
    Raises:
        JobFailed: the rows would create more than MAX_NEW_TAGS tags.
    """
    if len(findings.tags) <= MAX_NEW_TAGS:
        return
    known = await row_lists.select_tag_ids(connection, workspace_id, map(fold, findings.tags))
    if len(findings.tags) - len(known) > MAX_NEW_TAGS:
        column = next(column.name for column in columns if column.type == "tags")
        raise JobFailed(
            f'The column "{column}" has more than {MAX_NEW_TAGS:,} new tags; '
            "map it to a custom field, or remove tags that few people have. Nothing was imported."
        )


def _undecided(column: Column, undecided: Undecided) -> str:
    first, second = undecided.first, undecided.second
    return (
        f'The column "{column.name}" can be read in two ways: "{undecided.cell}" is {first.value} '
        f"({first.format}) or {second.value} ({second.format}). "
        "Say which with format in its mapping. Nothing was imported."
    )
