"""What the tests of bulk changes share: people in every state, and a bulk change or its undo up to its end."""

from typing import Any

from api_records import sequence, subscriber, tag
from conftest import KEY, Server

from mailrith_lite.audience import blocks
from mailrith_lite.jobs.kinds import BULK_CHANGE

PATH = BULK_CHANGE.path
MEMBERS = "SELECT subscriber_id, sequence_id, status FROM subscriber_sequences ORDER BY 1, 2"
State = tuple[dict[str, Any], list[tuple[Any, ...]]]


class Audience:
    """Six people. Some have the tag, are in the sequence, have left it, or have opted out."""

    def __init__(self, server: Server) -> None:
        self.server = server
        self.tag = str(tag(server, "Readers")["id"])
        self.sequence = str(sequence(server)["id"])
        self.ids = {
            name: str(subscriber(server, f"{name}@x.com", status=status, name=name)["id"])
            for name, status in (
                ("tagged", "Active"),
                ("joined", "Active"),
                ("left", "Unconfirmed"),
                ("out", "Unsubscribed"),
                ("bounced", "Bounced"),
                ("plain", "Active"),
            )
        }
        self._membership("PUT", "tagged", f"tags/{self.tag}")
        for name in ("joined", "left"):
            self._membership("PUT", name, f"sequences/{self.sequence}")
        self._membership("DELETE", "left", f"sequences/{self.sequence}")

    def _membership(self, method: str, name: str, path: str) -> None:
        assert self.server.call(method, f"/v1/subscribers/{self.ids[name]}/{path}").status == 200

    def state(self) -> State:
        """The people without the times of their last change, and every membership in a sequence."""
        return people(self.server), self.server.rows(MEMBERS)

    def request(self, action: str, **members: Any) -> dict[str, Any]:
        """A request with the tag or the sequence that the action needs."""
        target = {"tag_id": self.tag} if action.endswith("_tag") else {}
        if action.endswith("_sequence"):
            target = {"sequence_id": self.sequence}
        if "subscriber_ids" not in members:
            members.setdefault("filter", {})
        return {"action": action, **target, **members}

    def change(self, action: str, **members: Any) -> Any:
        return change(self.server, self.request(action, **members))


def people(server: Server) -> dict[str, Any]:
    """Email -> the subscriber without the time of the last change."""
    listed = server.call("GET", "/v1/subscribers?limit=100").json["data"]
    return {one["email"]: {name: value for name, value in one.items() if name != "updated_at"} for one in listed}


def change(server: Server, request: Any, *, key: str = KEY) -> Any:
    """Submits a bulk change, waits for its end, and returns the job."""
    return _finished(server, PATH, request, key)


def undo(server: Server, job: Any, *, key: str = KEY) -> Any:
    return _finished(server, f"{job['self']}/undo", None, key)


def _finished(server: Server, path: str, body: Any, key: str) -> Any:
    reply = server.call("POST", path, body, key=key)
    assert reply.status == 202, reply.body
    server.drain()
    return server.call("GET", reply.json["data"]["self"], key=key).json["data"]


def counts(job: Any) -> tuple[int, int, int]:
    """(changed, unchanged, skipped) of a completed job."""
    assert (job["status"], job["error_message"]) == ("Completed", None)
    progress = job["progress"]
    fates = progress["changed_count"], progress["unchanged_count"], progress["skipped_count"]
    assert progress["rows_total"] == sum(fates)
    return fates


def report(server: Server, job: Any) -> list[str]:
    """The lines of the report, without the header."""
    if job["report_url"] is None:
        return []
    header, *lines = server.fetch(job["report_url"]).body.decode().splitlines()
    assert header == "subscriber_id,email,reason"
    return lines


def miscounts(server: Server) -> list[str]:
    async def select() -> list[str]:
        async with server.services.database.read() as connection:
            return await blocks.select_miscounts(connection)

    found: list[str] = server.wait(select())
    return found
