"""The table `exports`: what each export selects, and its file."""

import msgspec

from mailrith_lite.audience.selection import Selection
from mailrith_lite.database import Connection, Reader, Row
from mailrith_lite.jobs.kinds import IMPORT

_COLUMNS = """exports.query, exports.status, exports.cold_only, exports.import_job_id, exports.selection,
    exports.columns, file_name, expires_at"""
_TABLES = "exports JOIN jobs ON jobs.id = exports.job_id"
_decoder = msgspec.json.Decoder(Selection)
_columns_decoder = msgspec.json.Decoder(tuple[str, ...])


class Order(msgspec.Struct, frozen=True, kw_only=True):
    """What to export. `columns`: keys as in `exports.file_columns`; None has all of them."""

    selection: Selection = Selection()
    columns: tuple[str, ...] | None = None


class Export(msgspec.Struct, frozen=True, kw_only=True):
    """`file_name` and `expires_at` are None until the job is Completed."""

    order: Order
    file_name: str | None = None
    expires_at: int | None = None

    def available(self, now: int) -> bool:
        return self.expires_at is not None and now < self.expires_at


def _from_row(row: Row) -> Export:
    selection = msgspec.structs.replace(
        _decoder.decode(row["selection"]),
        search=row["query"],
        status=row["status"],
        cold_only=bool(row["cold_only"]),
        import_job_id=None if row["import_job_id"] is None else IMPORT.encode(row["import_job_id"]),
    )
    columns = None if row["columns"] is None else _columns_decoder.decode(row["columns"])
    return Export(
        order=Order(selection=selection, columns=columns),
        file_name=row["file_name"],
        expires_at=row["expires_at"],
    )


def _json(selection: Selection) -> str:
    """Without the members that have columns."""
    rest = msgspec.structs.replace(selection, search=None, status=None, cold_only=False, import_job_id=None)
    return msgspec.json.encode(rest).decode()


async def insert_export(connection: Connection, job_id: int, order: Order) -> None:
    selection = order.selection
    import_id = None if selection.import_job_id is None else IMPORT.decode(selection.import_job_id)
    await connection.execute(
        """INSERT INTO exports (job_id, query, status, cold_only, import_job_id, selection, columns)
        VALUES (?, ?, ?, ?, ?, ?, ?)""",
        (
            job_id,
            selection.search,
            selection.status,
            selection.cold_only,
            import_id,
            _json(selection),
            None if order.columns is None else msgspec.json.encode(order.columns).decode(),
        ),
    )


async def select_export(connection: Reader, workspace_id: int, job_id: int) -> Export:
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


async def select_open_naming(connection: Connection, workspace_id: int, public_id: str) -> int | None:
    """The integer id of an unfinished export whose selection or columns name this resource."""
    rows = await connection.execute_fetchall(
        f"""SELECT job_id FROM {_TABLES} WHERE completed_at IS NULL AND workspace_id = :workspace_id
            AND (instr(exports.selection, :name) OR instr(coalesce(exports.columns, ''), :name)) LIMIT 1""",
        {"workspace_id": workspace_id, "name": f'"{public_id}"'},
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


async def select_finished(connection: Connection, workspace_id: int) -> dict[int, Selection]:
    """Integer id of a finished job -> its selection, where that has a text that can name somebody."""
    rows = await connection.execute_fetchall(
        f"""SELECT job_id, {_COLUMNS} FROM {_TABLES} WHERE workspace_id = ? AND completed_at IS NOT NULL
            AND (query IS NOT NULL OR exports.selection <> '{{}}')""",
        (workspace_id,),
    )
    return {row["job_id"]: _from_row(row).order.selection for row in rows}


async def update_selection(connection: Connection, job_id: int, selection: Selection) -> None:
    """Changes its texts."""
    await connection.execute(
        "UPDATE exports SET query = ?, selection = ? WHERE job_id = ?", (selection.search, _json(selection), job_id)
    )
