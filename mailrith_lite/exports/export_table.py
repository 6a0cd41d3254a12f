"""The table `exports`: the selection of each export, and its file."""

from typing import Any

import msgspec
from msgspec import UNSET, UnsetType

from mailrith_lite.audience import erasures
from mailrith_lite.audience.filters import SubscriberFilter
from mailrith_lite.audience.mentions import ERASED
from mailrith_lite.audience.vocabulary import Status
from mailrith_lite.database import Connection, Database, Row
from mailrith_lite.jobs.kinds import IMPORT
from mailrith_lite.unicode_forms import fold

_COLUMNS = "exports.query, exports.status, exports.cold_only, exports.import_job_id, file_name, expires_at"
_TABLES = "exports JOIN jobs ON jobs.id = exports.job_id"


class Selection(msgspec.Struct, frozen=True, kw_only=True):
    """Which subscribers to export. `query` means the same as `search` in the list of subscribers.

    `import_job_id`: the public id of an import that has created or changed them.
    """

    query: str | None = None
    status: Status | None = None
    cold_only: bool = False
    import_job_id: str | UnsetType = UNSET

    @property
    def import_number(self) -> int | None:
        """The integer id of the import; 0 for a text that is not the id of an import."""
        return None if isinstance(self.import_job_id, UnsetType) else IMPORT.decode(self.import_job_id) or 0

    def subscriber_filter(self) -> SubscriberFilter:
        return SubscriberFilter(
            search=self.query, status=self.status, cold_only=self.cold_only, import_job_id=self.import_number
        )


class Export(msgspec.Struct, frozen=True, kw_only=True):
    """`file_name` and `expires_at` are None until the job is Completed."""

    selection: Selection
    file_name: str | None
    expires_at: int | None

    def available(self, now: int) -> bool:
        return self.expires_at is not None and now < self.expires_at


def _from_row(row: Row) -> Export:
    selection: dict[str, Any] = {"query": row["query"], "status": row["status"]}
    if row["import_job_id"] is not None:
        selection["import_job_id"] = IMPORT.encode(row["import_job_id"])
    return Export(
        selection=Selection(cold_only=bool(row["cold_only"]), **selection),
        file_name=row["file_name"],
        expires_at=row["expires_at"],
    )


async def insert_export(connection: Connection, job_id: int, selection: Selection) -> None:
    await connection.execute(
        "INSERT INTO exports (job_id, query, status, cold_only, import_job_id) VALUES (?, ?, ?, ?, ?)",
        (job_id, selection.query, selection.status, selection.cold_only, selection.import_number),
    )


async def select_export(connection: Connection, workspace_id: int, job_id: int) -> Export:
    rows = await connection.execute_fetchall(
        f"SELECT {_COLUMNS} FROM {_TABLES} WHERE job_id = ? AND workspace_id = ?", (job_id, workspace_id)
    )
    return _from_row(next(iter(rows)))


async def select_exports(connection: Connection, workspace_id: int, job_ids: list[int]) -> dict[int, Export]:
    """Integer id of a job -> its export."""
    rows = await connection.execute_fetchall(
        f"""SELECT job_id, {_COLUMNS} FROM {_TABLES}
        WHERE +workspace_id = ? AND job_id IN (SELECT value FROM json_each(?))""",
        (workspace_id, msgspec.json.encode(job_ids).decode()),
    )
    return {row["job_id"]: _from_row(row) for row in rows}


async def select_open_of_import(connection: Connection, workspace_id: int, import_job_id: int) -> int | None:
    """The integer id of an unfinished export that selects the people of this import."""
    rows = await connection.execute_fetchall(
        f"""SELECT job_id FROM {_TABLES}
        WHERE completed_at IS NULL AND workspace_id = ? AND import_job_id = ? LIMIT 1""",
        (workspace_id, import_job_id),
    )
    return next((int(row["job_id"]) for row in rows), None)


async def select_ids_with_file(connection: Connection) -> set[int]:
    """The integer ids of jobs that have a file, in all workspaces."""
    rows = await connection.execute_fetchall(
        "SELECT job_id FROM exports WHERE expires_at IS NOT NULL AND removed_at IS NULL"
    )
    return {int(row["job_id"]) for row in rows}


async def select_expired_ids(connection: Connection, now: int) -> list[int]:
    """The integer ids of jobs whose file has expired and still exists, in all workspaces."""
    rows = await connection.execute_fetchall(
        "SELECT job_id FROM exports WHERE expires_at <= ? AND removed_at IS NULL", (now,)
    )
    return [int(row["job_id"]) for row in rows]


async def update_file(connection: Connection, job_id: int, file_name: str, expires_at: int) -> None:
    await connection.execute(
        "UPDATE exports SET file_name = ?, expires_at = ? WHERE job_id = ?", (file_name, expires_at, job_id)
    )


async def update_file_removed(connection: Connection, job_ids: list[int], now: int) -> None:
    await connection.executemany(
        "UPDATE exports SET removed_at = ? WHERE job_id = ?", [(now, job_id) for job_id in job_ids]
    )


async def erase_queries(database: Database, workspace_id: int) -> None:
    """Replaces the searches that name a deleted person. An unfinished export keeps its search, which it needs."""
    async with database.read() as connection:
        rows = await connection.execute_fetchall(
            f"""SELECT job_id, query FROM {_TABLES}
            WHERE workspace_id = ? AND completed_at IS NOT NULL AND query IS NOT NULL AND query <> ?""",
            (workspace_id, ERASED),
        )
        erased = [
            row["job_id"]
            for row in rows
            if await erasures.select_searched(connection, workspace_id, fold(row["query"].strip()), row["job_id"])
        ]
    if erased:
        async with database.write(housekeeping=True) as connection:
            await connection.executemany(
                "UPDATE exports SET query = ? WHERE job_id = ?", [(ERASED, job_id) for job_id in erased]
            )
