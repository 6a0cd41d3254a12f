"""The table `import_choices`: the last form of each upload, also for the next file with the same header."""

import hashlib
from collections.abc import Sequence
from typing import Final

import msgspec

from mailrith_lite import clock
from mailrith_lite.audience.erasures import TextColumn
from mailrith_lite.console.column_form import ColumnForm
from mailrith_lite.database import Connection

KEPT = 90 * clock.DAY
MAX_FORMS = 200
"""Of a workspace."""
MAX_FORM = 1 << 18
"""Characters of a form; a longer one is not saved."""

TEXT_COLUMN: Final = TextColumn(
    # A file without a header, read as if it had one: the names of its columns are the cells of a person.
    select="""SELECT header_hash || source AS key, form AS text, 0 AS job_id FROM import_choices
        WHERE workspace_id = :workspace_id AND instr(form, '@')""",
    updates=("DELETE FROM import_choices WHERE workspace_id = :workspace_id AND header_hash || source = :key",),
    is_json=True,
)
_form_decoder = msgspec.json.Decoder(ColumnForm)


class SavedChoices(msgspec.Struct, frozen=True, kw_only=True):
    """`source`: the file that the form was made for."""

    source: str
    form: ColumnForm
    updated_at: int


def hash_header(names: Sequence[str]) -> str:
    return hashlib.sha256(msgspec.json.encode(names)).hexdigest()


async def select_choices(
    connection: Connection, workspace_id: int, names: Sequence[str], source: str, now: int
) -> SavedChoices | None:
    """The choices for the file, or else the newest ones for a file with these column names, in this order."""
    rows = await connection.execute_fetchall(
        """SELECT source, form, updated_at FROM import_choices
        WHERE workspace_id = ? AND header_hash = ? AND updated_at > ?
        ORDER BY source = ? DESC, updated_at DESC LIMIT 1""",
        (workspace_id, hash_header(names), now - KEPT, source),
    )
    for row in rows:
        return SavedChoices(
            source=row["source"], form=_form_decoder.decode(row["form"]), updated_at=row["updated_at"]
        )
    return None


async def upsert_choices(
    connection: Connection, workspace_id: int, names: Sequence[str], choices: SavedChoices
) -> None:
    """Also deletes the choices of the workspace that are too old or too many."""
    form = msgspec.json.encode(choices.form).decode()
    if len(form) > MAX_FORM:
        return
    await connection.execute(
        """INSERT INTO import_choices (workspace_id, header_hash, source, form, updated_at) VALUES (?, ?, ?, ?, ?)
        ON CONFLICT DO UPDATE
        SET form = excluded.form, updated_at = excluded.updated_at""",
        (workspace_id, hash_header(names), choices.source, form, choices.updated_at),
    )
    await connection.execute(
        """DELETE FROM import_choices WHERE workspace_id = :workspace_id AND (updated_at <= :before
            OR (header_hash, source) NOT IN (SELECT header_hash, source FROM import_choices
                WHERE workspace_id = :workspace_id ORDER BY updated_at DESC LIMIT :limit))""",
        {"workspace_id": workspace_id, "before": choices.updated_at - KEPT, "limit": MAX_FORMS},
    )
