"""/healthz names what keeps the service from working as it should, until it is over."""

from typing import Any

import pytest
from conftest import Server
from console.job_states import wake
from uploading import wait_for


def health(server: Server) -> tuple[int, Any]:
    reply = server.call("GET", "/healthz", key=None)
    return reply.status, reply.json


def execute(server: Server, sql: str) -> None:
    async def run() -> None:
        async with server.services.database.write() as connection:
            await connection.execute(sql)

    server.wait(run())


@pytest.mark.slow
@pytest.mark.own_service
def test_queue_that_cannot_be_used_is_a_problem_until_jobs_run_again(server: Server) -> None:
    execute(server, "ALTER TABLE jobs RENAME TO jobs_away")
    wake(server)
    wait_for(lambda: health(server) == (200, {"status": "degraded", "problems": ["jobs_stopped"]}))
    execute(server, "ALTER TABLE jobs_away RENAME TO jobs")
    wait_for(lambda: health(server) == (200, {"status": "ok", "problems": []}))
    assert server.import_csv("Email,Name\nada@example.com,Ada\n")["status"] == "Completed"


@pytest.mark.own_service
def test_service_whose_database_file_has_gone_is_not_healthy(server: Server) -> None:
    server.services.database.path.rename(server.services.database.path.with_name("elsewhere"))
    status, answer = health(server)
    assert (status, answer["error"]["code"]) == (503, "unhealthy")
