"""The queue's statements use an index, so that final jobs cost them nothing."""

from mailrith_lite.access import workspaces
from mailrith_lite.database import Database
from mailrith_lite.jobs import queue
from mailrith_lite.jobs.kinds import IMPORT


async def test_statements_about_unfinished_jobs_use_their_index(database: Database) -> None:
    executed: list[str] = []
    async with database.write() as connection:
        await workspaces.insert_workspace(connection, "Default", 1)
        await connection.set_trace_callback(executed.append)
        await queue.insert_job(connection, 1, IMPORT, "req", max_queued=1, now=1)
        await queue.select_candidates(connection)
        await queue.update_interrupted(connection, 1)
        await connection.set_trace_callback(None)  # type: ignore[arg-type]
    statements = [sql for sql in executed if "FROM jobs" in sql or "UPDATE jobs" in sql]
    assert len(statements) == 4
    async with database.read() as connection:
        for sql in statements:
            plan = [row["detail"] for row in await connection.execute_fetchall(f"EXPLAIN QUERY PLAN {sql}")]
            assert "jobs_open" in plan[0], (sql, plan)
