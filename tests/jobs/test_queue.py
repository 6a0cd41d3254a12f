"""The queue's statements find open jobs without walking through those that are done."""

from mailrith_lite.access import workspaces
from mailrith_lite.database import Database
from mailrith_lite.jobs import queue
from mailrith_lite.jobs.kinds import IMPORT


async def test_open_jobs_are_found_by_their_index(database: Database) -> None:
    asked: list[str] = []
    async with database.write() as connection:
        await workspaces.insert_workspace(connection, "Default", 1)
        await connection.set_trace_callback(asked.append)
        await queue.insert_job(connection, 1, IMPORT, "req", max_queued=1, now=1)
        await queue.select_candidates(connection)
        await queue.update_interrupted(connection, 1)
        await connection.set_trace_callback(None)  # type: ignore[arg-type]
    walks = [sql for sql in asked if "FROM jobs" in sql or "UPDATE jobs" in sql]
    assert len(walks) == 4
    async with database.read() as connection:
        for sql in walks:
            plan = [row["detail"] for row in await connection.execute_fetchall(f"EXPLAIN QUERY PLAN {sql}")]
            assert "jobs_open" in plan[0], (sql, plan)
