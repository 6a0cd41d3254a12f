"""The table `imports`: the checked order of each import job, and the name of its source file."""

from typing import Literal

import msgspec

from mailrith_lite.database import Connection, Reader
from mailrith_lite.imports.mapping import Column
from mailrith_lite.imports.options import ImportOptions
from mailrith_lite.imports.records import Layout

_names_decoder = msgspec.json.Decoder(list[str])
_columns_decoder = msgspec.json.Decoder(list[Column])
_ids_decoder = msgspec.json.Decoder(list[int])
_options_decoder = msgspec.json.Decoder(ImportOptions)


Images = Literal["none", "kept", "expired"]


class ImportPlan(msgspec.Struct, frozen=True, kw_only=True):
    """`source`: the file's name in the imports directory, until the job is final.

    `images`: whether the database has what an undo of the import needs.
    """

    source: str
    layout: Layout
    columns: list[Column]
    tag_ids: list[int]
    sequence_ids: list[int]
    new_tag_name: str | None
    options: ImportOptions = ImportOptions()
    images: Images = "none"

    @property
    def keeps_images(self) -> bool:
        return self.images == "kept"


async def insert_import(connection: Connection, job_id: int, plan: ImportPlan) -> None:
    await connection.execute(
        """INSERT INTO imports
        (job_id, source, delimiter, header_line, header, columns, tag_ids, sequence_ids, new_tag_name, options)
        VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)""",
        (
            job_id,
            plan.source,
            plan.layout.delimiter,
            plan.layout.header_line,
            _json(plan.layout.names),
            _json(plan.columns),
            _json(plan.tag_ids),
            _json(plan.sequence_ids),
            plan.new_tag_name,
            _json(plan.options),
        ),
    )


async def select_import(connection: Reader, workspace_id: int, job_id: int) -> ImportPlan:
    rows = await connection.execute_fetchall(
        """SELECT source, delimiter, header_line, header, columns, tag_ids, sequence_ids, new_tag_name, options,
            iif(undo_deleted, 'expired', images) AS images
        FROM imports JOIN jobs ON jobs.id = imports.job_id WHERE job_id = ? AND workspace_id = ?""",
        (job_id, workspace_id),
    )
    row = next(iter(rows))
    return ImportPlan(
        source=row["source"],
        layout=Layout(
            delimiter=row["delimiter"],
            header_line=row["header_line"],
            names=_names_decoder.decode(row["header"]),
        ),
        columns=_columns_decoder.decode(row["columns"]),
        tag_ids=_ids_decoder.decode(row["tag_ids"]),
        sequence_ids=_ids_decoder.decode(row["sequence_ids"]),
        new_tag_name=row["new_tag_name"],
        options=_options_decoder.decode(row["options"]),
        images=row["images"],
    )


async def select_open_sources(connection: Connection) -> set[str]:
    """The source files of every workspace's unfinished jobs."""
    rows = await connection.execute_fetchall(
        """SELECT source FROM imports JOIN jobs ON jobs.id = imports.job_id
        WHERE completed_at IS NULL"""
    )
    return {row["source"] for row in rows}


async def update_begun(connection: Connection, job_id: int, *, columns: list[Column], tag_ids: list[int]) -> None:
    """After the first pass, which has decided about new tags, new custom fields and formats."""
    await connection.execute(
        "UPDATE imports SET columns = ?, tag_ids = ? WHERE job_id = ?", (_json(columns), _json(tag_ids), job_id)
    )


async def update_undo_deleted(connection: Connection, job_id: int) -> None:
    """The import counts as one whose undo has expired, and what it keeps ends as usual."""
    await connection.execute("UPDATE imports SET undo_deleted = 1 WHERE job_id = ?", (job_id,))


async def update_images(connection: Connection, job_id: int, images: Images) -> None:
    await connection.execute("UPDATE imports SET images = ? WHERE job_id = ?", (images, job_id))


def _json(value: object) -> str:
    return msgspec.json.encode(value).decode()


async def select_any_with_tag(connection: Connection, workspace_id: int, tag_id: int) -> bool:
    """Whether an unfinished import adds the tag. It names the tag by its id, or by its name as a new tag."""
    return await _select_any(
        connection,
        workspace_id,
        """EXISTS (SELECT 1 FROM json_each(imports.tag_ids) WHERE value = :number)
        OR fold(imports.new_tag_name) = (SELECT name_key FROM tags WHERE id = :number)""",
        tag_id,
    )


async def select_any_with_custom_field(connection: Connection, workspace_id: int, field_id: int) -> bool:
    """Whether an unfinished import has a column for the custom field."""
    condition = "EXISTS (SELECT 1 FROM json_each(imports.columns) WHERE value ->> 'custom_field_id' = :number)"
    return await _select_any(connection, workspace_id, condition, field_id)


async def select_any_with_sequence(connection: Connection, workspace_id: int, sequence_id: int) -> bool:
    """Whether an unfinished import adds subscribers to the sequence."""
    condition = "EXISTS (SELECT 1 FROM json_each(imports.sequence_ids) WHERE value = :number)"
    return await _select_any(connection, workspace_id, condition, sequence_id)


async def _select_any(connection: Connection, workspace_id: int, condition: str, number: int) -> bool:
    rows = await connection.execute_fetchall(
        f"""SELECT 1 FROM jobs JOIN imports ON imports.job_id = jobs.id
        WHERE jobs.completed_at IS NULL AND jobs.workspace_id = :workspace_id AND ({condition}) LIMIT 1""",
        {"workspace_id": workspace_id, "number": number},
    )
    return bool(list(rows))
