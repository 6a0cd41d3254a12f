"""What a test holds of the server: one workspace with its first key, and everything that can be done to it."""

from collections.abc import Mapping, Sequence
from typing import Any

from mailrith_lite import clock, ids, settings
from mailrith_lite.access import scopes as all_scopes
from mailrith_lite.testing import faults, seed
from mailrith_lite.testing.client_report import Report, report
from mailrith_lite.testing.faults import Fault
from mailrith_lite.testing.inspector import KeyReport, inspect
from mailrith_lite.testing.recorder import Requests, When
from mailrith_lite.testing.server_thread import ServerThread


class Mailrith:
    """`url` and `api_key` are what a client needs. Every method may be called from any thread.

    `jobs`, `clock` and `requests` steer jobs, move the time and show what was sent. An operation is named by its id
    in the contract, such as `createSubscriberImportJob`; None, where it may be left out, stands for any.
    """

    def __init__(self, server: ServerThread, workspace_id: int, api_key: str) -> None:
        self._server = server
        self._workspace_id = workspace_id
        self.url = server.url
        self.api_key = api_key
        self.jobs = Jobs(server, self)
        self.clock = Clock(server)
        self._others: list[Mailrith] = []
        self._own = {workspace_id}
        self._ever = {workspace_id}
        self.requests: Requests = server.sandbox.requests(self._own)
        self._everything = server.sandbox.requests(self._ever)

    @property
    def workspace_id(self) -> str:
        return ids.encode(ids.WORKSPACE, self._workspace_id)

    def create_key(self, *, scopes: Sequence[str] = all_scopes.ALL, expires_in: float | str | None = None) -> str:
        """Another key to this workspace. `expires_in`: seconds, or a text such as "90d"."""
        seconds = settings.duration(expires_in) if isinstance(expires_in, str) else expires_in
        return self._server.wait(self._server.sandbox.new_key(self._workspace_id, tuple(scopes), seconds))

    def workspace(self, name: str | None = None) -> "Mailrith":
        """Another workspace on the same server, with a key of its own."""
        other = new_workspace(self._server, name)
        self._others.append(other)
        self._ever |= other._ever
        return other

    def seed(
        self,
        *,
        subscribers: int | Sequence[str | Mapping[str, Any]] = (),
        tags: Sequence[str] = (),
        custom_fields: Sequence[str | Mapping[str, Any]] = (),
        sequences: Sequence[str] = (),
    ) -> seed.Seeded:
        """Makes all of it or nothing, by the API's own rules, and gives the ids.

        `subscribers`: how many samples, or a list of emails and of dicts with email, name, status (else Active),
        country, subscribed_on, last_opened_at, custom_fields (by label), tags and sequences (by name).
        `custom_fields`: labels of Text fields, or dicts with label, type and options.

        Raises:
            ValueError: naming what breaks a rule.
        """
        given = {"tags": tags, "custom_fields": custom_fields, "sequences": sequences}
        if not isinstance(subscribers, int):
            given["subscribers"] = subscribers
        if texts := [name for name, value in given.items() if isinstance(value, str)]:
            raise ValueError(f"{texts[0]} takes a list")
        lists: dict[str, Any] = {name: list(value) for name, value in given.items()}
        wanted = seed.parse({"subscribers": subscribers, **lists})
        return self._server.wait(self._server.sandbox.seed(self._workspace_id, wanted))

    def fail_next(
        self,
        operation_id: str | None = None,
        *,
        status: int = 500,
        code: str | None = None,
        times: int = 1,
        headers: Mapping[str, Any] | None = None,
        body: Any = None,
    ) -> None:
        """The next requests get this error, and nothing is done for them. `body`: JSON instead of the envelope."""
        self._add(faults.fail(operation_id, status, code, times, headers, body))

    def delay_next(self, operation_id: str | None = None, *, seconds: float, times: int = 1) -> None:
        """The next requests wait that long before anything is done for them."""
        self._add(faults.delay(operation_id, seconds, times))

    def drop_next(self, operation_id: str | None = None, *, when: When = "before", times: int = 1) -> None:
        """The next requests get no answer: the connection breaks before the work, or after it is done and saved."""
        self._add(faults.drop(operation_id, when, times))

    def throttle_next(self, operation_id: str | None = None, *, retry_after: int = 1, times: int = 1) -> None:
        """The next requests get 429 with Retry-After, in seconds."""
        self._add(faults.throttle(operation_id, retry_after, times))

    def idempotency(self) -> list[KeyReport]:
        """What became of every Idempotency-Key that came."""
        return inspect(self.requests)

    def report(self) -> Report:
        """What the client did well and badly so far."""
        return report(self.requests)

    def whole_report(self) -> Report:
        """Likewise, with what was sent to other workspaces made from this one, and before `reset` and `clear`."""
        return report(self._everything)

    def reset(self) -> None:
        """Empties the workspace; its keys stay. Ends jobs, forgets faults and requests, sets the clock back."""
        self._own.clear()
        self._workspace_id = self._server.wait(self._server.sandbox.reset(self._workspace_id))
        self._own.add(self._workspace_id)
        self._ever.add(self._workspace_id)
        self.requests.clear()

    def close(self) -> None:
        """Ends requests, jobs and faults of this workspace and of those made from it, and forgets what was sent."""
        for other in self._others:
            other.close()
        self._server.wait(self._server.sandbox.settle(self._workspace_id))
        self._server.sandbox.instruments.recorder.forget(self._ever)

    def _add(self, fault: Fault) -> None:
        async def add() -> None:
            self._server.sandbox.instruments.faults(self._workspace_id).add(fault)

        self._server.wait(add())


def new_workspace(server: ServerThread, name: str | None = None, key: str | None = None) -> Mailrith:
    """
    Raises:
        ValueError: a workspace has this name.
    """
    access = server.wait(server.sandbox.new_workspace(name, key))
    return Mailrith(server, access.workspace_id, access.api_key)


class Jobs:
    """Decides when the jobs of a workspace move."""

    def __init__(self, server: ServerThread, handle: Mailrith) -> None:
        self._server = server
        self._handle = handle

    def hold(self, *, chunk_rows: int | None = None) -> None:
        """Jobs stay where they are: Queued, or between two chunks. `chunk_rows`: of an import, at most."""
        if chunk_rows is not None and chunk_rows < 1:
            raise ValueError("a chunk takes 1 row or more")

        async def hold() -> None:
            self._server.sandbox.instruments.gate.hold(self._id, chunk_rows)

        self._server.wait(hold())

    def release(self) -> None:
        """Jobs move as they can again."""

        async def release() -> None:
            self._server.sandbox.instruments.gate.release(self._id)

        self._server.wait(release())

    def step(self) -> str:
        """The oldest unfinished job takes one step: it starts, does a chunk, or ends. Gives its status then."""
        return self._server.wait(self._server.sandbox.instruments.gate.advance(self._id)).status

    def complete_after(self, *, polls: int) -> None:
        """A job is Queued at the first look, Processing at the next, and final at look number `polls`."""

        async def script() -> None:
            self._server.sandbox.instruments.gate.complete_after(self._id, polls)

        self._server.wait(script())

    def drain(self) -> None:
        """Waits until every job is final.

        Raises:
            ValueError: one is held.
        """
        self._server.wait(self._server.sandbox.instruments.gate.drain(self._id))

    @property
    def _id(self) -> int:
        return self._handle._workspace_id


class Clock:
    """The time of the whole server: links, uploads, keys and idempotency records end by it."""

    def __init__(self, server: ServerThread) -> None:
        self._moment = server.sandbox.instruments.clock

    def now(self) -> str:
        """RFC 3339, as the API writes it."""
        return clock.rfc3339(self._moment.now())

    def advance(self, *, days: float = 0, hours: float = 0, minutes: float = 0, seconds: float = 0) -> str:
        """Goes forward, and says what time it is then."""
        return clock.rfc3339(self._moment.advance(days=days, hours=hours, minutes=minutes, seconds=seconds))

    def reset(self) -> None:
        """Back to where it stood at first."""
        self._moment.reset()
