"""The handle of a test: one workspace of the server, its first key, and what a test can do with them."""

from collections.abc import Mapping, Sequence
from typing import Any

from mailrith_lite import clock, ids, setting_values
from mailrith_lite.access import scopes as all_scopes
from mailrith_lite.testing import faults, seed
from mailrith_lite.testing.client_report import Report, report_client
from mailrith_lite.testing.controlled_server import ControlledServer
from mailrith_lite.testing.faults import Answer, Delay, Drop, Failure
from mailrith_lite.testing.key_report import KeyReport, report_keys
from mailrith_lite.testing.recorder import Requests, When
from mailrith_lite.testing.sandbox import Sandbox
from mailrith_lite.testing.webhook_handle import Webhooks


class Mailrith:
    """`url` and `api_key` are what a client needs. Every thread may call every method.

    `jobs` decides when jobs move, `webhooks` has the events and decides when they are sent, `clock` moves the time,
    `requests` has what clients sent. An operation has its id
    in the contract as name, such as `createSubscriberImportJob`; None, where it is allowed, is any operation.
    """

    def __init__(self, server: ControlledServer, workspace_id: int, api_key: str) -> None:
        self._server = server
        self._workspace_id = workspace_id
        self.url = server.url
        self.api_key = api_key
        self.jobs = Jobs(server, self)
        self.webhooks = Webhooks(server, lambda: self._workspace_id)
        self.clock = Clock(server)
        self._children: list[Mailrith] = []
        self._current = {workspace_id}
        self.requests: Requests = Requests(server.request_log, self._current)
        self._past_and_current = {workspace_id}  # `reset` makes a new workspace
        self._recorder = server.request_log
        self._begin = self._recorder.count

    @property
    def workspace_id(self) -> str:
        return ids.encode(ids.WORKSPACE, self._workspace_id)

    def create_key(self, *, scopes: Sequence[str] = all_scopes.ALL, expires_in: float | str | None = None) -> str:
        """Another key for this workspace. `expires_in`: seconds, or a text such as "90d"."""
        seconds = setting_values.duration(expires_in) if isinstance(expires_in, str) else expires_in
        return self._server.ask(Sandbox.new_key, self._workspace_id, tuple(scopes), seconds)

    def workspace(self, name: str | None = None) -> "Mailrith":
        """Another workspace on the same server, with a key of its own."""
        child = new_workspace(self._server, name)
        self._children.append(child)
        return child

    def seed(
        self,
        *,
        subscribers: int | Sequence[str | Mapping[str, Any]] = (),
        tags: Sequence[str] = (),
        custom_fields: Sequence[str | Mapping[str, Any]] = (),
        sequences: Sequence[str] = (),
    ) -> seed.Seeded:
        """Makes all of it or nothing, by the rules of the API, and returns the ids.

        `subscribers`: how many samples, or a list of emails and of dicts with email, name, status (else Active),
        country, subscribed_on, last_opened_at, custom_fields (by label), tags and sequences (by name).
        `custom_fields`: labels of Text fields, or dicts with label, type and options.

        Raises:
            ValueError: a value breaks a rule; the text says which one does.
        """
        lists: dict[str, Any] = {"tags": tags, "custom_fields": custom_fields, "sequences": sequences}
        if not isinstance(subscribers, int):
            lists["subscribers"] = subscribers
        for name, value in lists.items():
            if isinstance(value, str):
                raise ValueError(f"{name} takes a list")
            lists[name] = list(value)
        form = seed.parse({"subscribers": subscribers, **lists})
        return self._server.ask(Sandbox.seed, self._workspace_id, form)

    def fail_next(
        self,
        operation_id: str | None = None,
        *,
        status: int = 500,
        code: str | None = None,
        times: int = 1,
        headers: Mapping[str, str | int] | None = None,
        body: Any = None,
    ) -> None:
        """The next requests get this error, and no work is done. `body`: JSON instead of the envelope."""
        self._add(
            Failure(
                operation_id=operation_id,
                times=times,
                status=status,
                code=code,
                headers=headers or {},
                body=body,
            )
        )

    def answer_next(
        self,
        operation_id: str | None = None,
        *,
        status: int = 200,
        body: str | bytes,
        headers: Mapping[str, str | int] | None = None,
        half: bool = False,
        times: int = 1,
    ) -> None:
        """The next requests get exactly this answer, and no work is done. Without a Content-Type it is HTML.

        `half`: the connection breaks after half of the body.
        """
        self._add(
            Answer(
                operation_id=operation_id,
                times=times,
                status=status,
                body=body.encode() if isinstance(body, str) else body,
                headers=headers or {},
                half=half,
            )
        )

    def refuse_connections(self, *, seconds: float = 600) -> None:
        """The whole server refuses connections, at most until `accept_connections`, `reset` or `close`."""
        self._server.ask(Sandbox.refuse_connections, seconds)

    def accept_connections(self) -> None:
        """Ends `refuse_connections`."""
        self._server.ask(Sandbox.accept_connections)

    def delay_next(self, operation_id: str | None = None, *, seconds: float, times: int = 1) -> None:
        """The next requests wait this long before any work is done."""
        self._add(Delay(operation_id=operation_id, times=times, seconds=seconds))

    def drop_next(self, operation_id: str | None = None, *, when: When = "before", times: int = 1) -> None:
        """The next requests get no answer: the connection breaks before the work, or after it is done and saved."""
        self._add(Drop(operation_id=operation_id, times=times, when=when))

    def throttle_next(self, operation_id: str | None = None, *, retry_after: int = 1, times: int = 1) -> None:
        """The next requests get 429 with Retry-After, in seconds."""
        self._add(faults.throttle(operation_id, retry_after, times))

    def idempotency(self) -> list[KeyReport]:
        """What became of every Idempotency-Key."""
        return report_keys(self.requests)

    def report(self) -> Report:
        """What the client did well and badly so far."""
        return report_client(self.requests)

    def whole_report(self) -> Report:
        """The report with requests before `reset` and `clear`, and to the workspaces made by `workspace`."""
        return report_client(self._recorder.select(self._all_workspace_ids(), self._begin))

    def leftovers(self) -> list[str]:
        """The planned faults that no request met, and the fields of requests that no operation has."""
        unknown = [one.message for one in self.whole_report().bad if one.code == "unknown_field"]
        plans = [line for one in (self, *self._children) for line in one._unmet_plans()]
        return [*plans, *unknown]

    def reset(self) -> None:
        """Empties the workspace; its keys stay. Ends jobs and webhooks, forgets faults, resets the clock."""
        self._current.clear()
        self._workspace_id = self._server.ask(Sandbox.reset, self._workspace_id)
        self._current.add(self._workspace_id)
        self._past_and_current.add(self._workspace_id)
        self.requests.clear()

    def close(self) -> None:
        """Ends requests, jobs and faults of this workspace and its children, and forgets their requests."""
        for child in self._children:
            child.close()
        self._server.ask(Sandbox.end_work, self._workspace_id)
        self._recorder.forget(self._past_and_current)

    def _unmet_plans(self) -> list[str]:
        return self._server.ask(Sandbox.unmet_plans, self._workspace_id)

    def _add(self, fault: Failure | Answer | Delay | Drop) -> None:
        self._server.ask(Sandbox.add_fault, self._workspace_id, fault)

    def _all_workspace_ids(self) -> set[int]:
        return self._past_and_current.union(*(child._all_workspace_ids() for child in self._children))


def new_workspace(server: ControlledServer, name: str | None = None, key: str | None = None) -> Mailrith:
    """
    Raises:
        ValueError: another workspace has this name.
    """
    access = server.ask(Sandbox.new_workspace, name, key)
    return Mailrith(server, access.workspace_id, access.api_key)


class Jobs:
    """Decides when the jobs of a workspace move."""

    def __init__(self, server: ControlledServer, handle: Mailrith) -> None:
        self._server = server
        self._handle = handle

    def hold(self, *, chunk_rows: int | None = None) -> None:
        """Jobs stay where they are: Queued, or between two chunks. `chunk_rows`: the most rows of a chunk."""
        self._server.ask(Sandbox.hold_jobs, self._workspace_id, chunk_rows)

    def release(self) -> None:
        """Jobs move on by themselves again."""
        self._server.ask(Sandbox.release_jobs, self._workspace_id)

    def step(self) -> str:
        """The oldest unfinished job takes one step: it starts, does a chunk, or ends. Returns its new status."""
        return self._server.ask(Sandbox.step_job, self._workspace_id)

    def complete_after(self, *, polls: int) -> None:
        """A job is Queued at the first look, Processing at the next ones, and final at look number `polls`."""
        self._server.ask(Sandbox.complete_jobs_after, self._workspace_id, polls)

    def drain(self) -> None:
        """Waits until every job is final.

        Raises:
            ValueError: a job is held.
        """
        self._server.ask(Sandbox.drain_jobs, self._workspace_id)

    @property
    def _workspace_id(self) -> int:
        return self._handle._workspace_id


class Clock:
    """The time of the whole server: links, keys and idempotency records expire by it, webhooks are sent again."""

    def __init__(self, server: ControlledServer) -> None:
        self._server = server

    def now(self) -> str:
        """RFC 3339, as in the API."""
        return clock.rfc3339(self._server.ask(Sandbox.now))

    def advance(self, *, days: float = 0, hours: float = 0, minutes: float = 0, seconds: float = 0) -> str:
        """Moves the time forward and returns it."""
        return clock.rfc3339(self._server.ask(Sandbox.advance_clock, days, hours, minutes, seconds))

    def reset(self) -> None:
        """Takes back every advance."""
        self._server.ask(Sandbox.reset_clock)
