"""What the tests of undos share: start one, and compare the people before and after."""

from typing import Any

from conftest import KEY, MAPPINGS, Server
from row_results import subscribers

from mailrith_lite.jobs.kinds import IMPORT

EMAIL, NAME = MAPPINGS


def mapped(column: str, field: str, **members: Any) -> dict[str, Any]:
    return {"csv_column": column, "field": {"type": field}, **members}


def undo(server: Server, job: Any, *, key: str = KEY) -> Any:
    """Undoes an import, waits for the end, and returns the undo's job."""
    reply = server.call("POST", f"{IMPORT.path}/{job['id']}/undo", key=key)
    assert reply.status == 202, reply.body
    server.drain()
    return server.call("GET", reply.json["data"]["self"], key=key).json["data"]


def counts(undo_job: Any) -> tuple[int, int, int]:
    """(restored, deleted, skipped)"""
    progress = undo_job["progress"]
    fates = progress["restored_count"], progress["deleted_count"], progress["skipped_count"]
    assert progress["rows_total"] == sum(fates)
    return fates


def people(server: Server) -> dict[str, Any]:
    """Email -> the subscriber without the time of the last change."""
    return {
        email: {name: value for name, value in one.items() if name != "updated_at"}
        for email, one in subscribers(server).items()
    }


def skipped(server: Server, undo_job: Any) -> list[str]:
    """The lines of the report, without the header."""
    if undo_job["report_url"] is None:
        return []
    header, *lines = server.fetch(undo_job["report_url"]).body.decode().splitlines()
    assert header == "email,reason"
    return lines


def set_status(server: Server, email: str, status: str) -> None:
    path = f"/v1/subscribers/{subscribers(server)[email]['id']}/status"
    assert server.call("PUT", path, {"status": status}).status == 200
