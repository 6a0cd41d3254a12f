"""Around every handler of a test server: what is sent is kept, and what shall go wrong goes wrong."""

import asyncio
import contextlib
import functools
from collections.abc import Callable, Iterator
from typing import Any

from aiohttp import web
from aiohttp.typedefs import Middleware

from mailrith_lite import errors, ids
from mailrith_lite.access import key_table, keys, scopes
from mailrith_lite.api.call import BODY_WATCH
from mailrith_lite.api.middleware import REQUEST_ID_HEADER, answer
from mailrith_lite.http.services import REQUEST_ID, SERVICES
from mailrith_lite.http.statuses import Handler
from mailrith_lite.testing import faults, operations
from mailrith_lite.testing.faults import Dropped, Fault, Faults
from mailrith_lite.testing.job_gate import JobGate
from mailrith_lite.testing.movable_clock import MovableClock
from mailrith_lite.testing.recorder import MAX_BODY, RecordedRequest, Recorder

_UNSEEN = ("/sandbox", "/healthz", "/docs", "/static", "/console")


class Instruments:
    """The middleware, and all that it knows. For the loop of the server alone."""

    def __init__(self, *, fixed_clock: bool) -> None:
        self.clock = MovableClock(fixed=fixed_clock)
        self.recorder = Recorder()
        self.gate = JobGate()
        self._faults: dict[int, Faults] = {}
        self._workspaces: dict[bytes, int] = {}  # of every key that was seen: also of one that has ended since
        self._flying: dict[int, dict[asyncio.Task[Any], web.Request]] = {}

    def faults(self, workspace_id: int) -> Faults:
        return self._faults.setdefault(workspace_id, Faults())

    def add_fault(self, workspace_id: int, fault: Fault) -> None:
        self.faults(workspace_id).add(fault)

    def forget(self, workspace_id: int) -> None:
        """Its keys lead to another workspace now."""
        self._faults.pop(workspace_id, None)
        self._workspaces = {key: one for key, one in self._workspaces.items() if one != workspace_id}

    def middleware(self) -> Middleware:
        @web.middleware
        async def watch(request: web.Request, handler: Handler) -> web.StreamResponse:
            if request.path.startswith(_UNSEEN):
                return await handler(request)
            return await self._answer(request, handler)

        return watch

    async def workspace_of(self, request: web.Request) -> int | None:
        """By the key, or by a download's address."""
        if "workspace_id" in request.match_info:
            return ids.decode(ids.WORKSPACE, request.match_info["workspace_id"])
        _, _, key = request.headers.get("Authorization", "").partition(" ")
        hashed = keys.hash_key(key.strip())
        if hashed not in self._workspaces:
            found = await key_table.select_key_by_hash(request.app[SERVICES].database.lookup, hashed)
            if found is None:
                return None
            self._workspaces[hashed] = found.workspace_id
        return self._workspaces[hashed]

    async def _answer(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        workspace_id = await self.workspace_of(request)
        operation_id = operations.of(request)
        recorded = self._begin(request, workspace_id, operation_id)
        request[BODY_WATCH] = _keeper(recorded)
        try:
            with self._in_flight(request, workspace_id):
                if workspace_id is not None:
                    moved = functools.partial(self._moved, workspace_id, operation_id, handler)
                    handler = self.faults(workspace_id).wrap(operation_id, moved)
                response = await answer(request, handler)  # a refusal is to be noted, too
            _note(recorded, response, request[REQUEST_ID])
            if not recorded.body_size and recorded.status != 413 and request.can_read_body:
                await faults.record_body(request)
            return response
        except Dropped as dropped:
            if dropped.response is not None:
                _note(recorded, dropped.response, request[REQUEST_ID])
            recorded.status, recorded.dropped = None, dropped.when
            raise
        except ConnectionError:  # the client hung up
            raise
        except Exception:
            recorded.status = 500  # the boundary makes an answer of it
            raise
        finally:
            self.recorder.end(recorded, self.clock.elapsed())

    def _begin(self, request: web.Request, workspace_id: int | None, operation_id: str | None) -> RecordedRequest:
        recorded = RecordedRequest(
            workspace_id=workspace_id,
            operation_id=operation_id,
            method=request.method,
            path=request.path,
            query={name: request.query.getall(name) for name in request.query},
            headers={name.lower(): value for name, value in request.headers.items()},
            moment=self.clock.now(),
            at=self.clock.elapsed(),
        )
        self.recorder.begin(recorded)
        return recorded

    @contextlib.contextmanager
    def _in_flight(self, request: web.Request, workspace_id: int | None) -> Iterator[None]:
        """Known as long as it is being answered, so that it can be broken off."""
        task = asyncio.current_task()
        if task is None or workspace_id is None:
            yield
            return
        flying = self._flying.setdefault(workspace_id, {})
        flying[task] = request
        try:
            yield
        finally:
            flying.pop(task, None)

    async def break_off(self, workspace_id: int) -> None:
        """Requests to the workspace that are being answered end without an answer, and do nothing more."""
        flying = self._flying.pop(workspace_id, {})
        for task, request in flying.items():
            if request.transport is not None:
                request.transport.abort()
            task.cancel()
        if flying:
            await asyncio.wait(flying)

    async def _moved(
        self, workspace_id: int, operation_id: str | None, handler: Handler, request: web.Request
    ) -> web.StreamResponse:
        """Behind the faults: a look at a job that will be answered counts as one."""
        kind = operations.POLLS.get(operation_id or "")
        if kind is not None and await self._may(request, operation_id):
            job_id = kind.decode(request.match_info["job_id"])
            await self.gate.polled(workspace_id, kind, job_id or 0)
        return await handler(request)

    async def _may(self, request: web.Request, operation_id: str | None) -> bool:
        try:
            lookup = request.app[SERVICES].database.lookup
            principal = await keys.authenticate(lookup, request.headers, self.clock.now())
            scopes.require(principal.scopes, operations.scopes(operation_id))
        except errors.MailrithError:
            return False
        return True


def _keeper(recorded: RecordedRequest) -> Callable[[memoryview], None]:
    def keep(data: memoryview) -> None:
        recorded.body, recorded.body_size = bytes(data[:MAX_BODY]), len(data)

    return keep


def _note(recorded: RecordedRequest, response: web.StreamResponse, request_id: str) -> None:
    recorded.status = response.status
    recorded.answer_headers = {name.lower(): value for name, value in response.headers.items()}
    recorded.answer_headers[REQUEST_ID_HEADER] = request_id
    if isinstance(response, web.Response) and isinstance(response.body, bytes) and len(response.body) <= MAX_BODY:
        recorded.answer = response.body
