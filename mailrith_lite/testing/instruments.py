"""The clock, recorder, gates and faults of a test server, and the middleware that applies them to requests."""

import asyncio
import contextlib
import functools
from collections.abc import Callable, Iterator

from aiohttp import web
from aiohttp.typedefs import Middleware

from mailrith_lite import clock, errors, ids
from mailrith_lite.access import key_table, keys, scopes
from mailrith_lite.api.call import BODY_WATCH
from mailrith_lite.api.middleware import REQUEST_ID_HEADER, response_of
from mailrith_lite.http.services import REQUEST_ID, SERVICES
from mailrith_lite.http.statuses import Handler
from mailrith_lite.testing import faults, operations
from mailrith_lite.testing.faults import Dropped, Fault, Faults
from mailrith_lite.testing.job_gate import JobGate
from mailrith_lite.testing.movable_clock import MovableClock
from mailrith_lite.testing.recorder import MAX_BODY, RecordedRequest, Recorder
from mailrith_lite.testing.webhook_box import WebhookBox

_NOT_RECORDED = ("/sandbox", "/healthz", "/metrics", "/docs", "/static", "/console")


class Instruments:
    """For the server's loop only."""

    def __init__(self, *, fixed_clock: bool) -> None:
        self.clock = MovableClock(fixed=fixed_clock)
        self.recorder = Recorder()
        self.gate = JobGate()
        self.webhooks = WebhookBox()
        self._faults: dict[int, Faults] = {}
        self._workspace_ids: dict[bytes, int] = {}  # by the hash of each key so far, also of expired ones
        self._in_flight: dict[int, dict[asyncio.Task[object], web.Request]] = {}

    def add_fault(self, workspace_id: int, fault: Fault) -> None:
        self._faults_of(workspace_id).add(fault)

    def clear_faults(self, workspace_id: int) -> None:
        self._faults.pop(workspace_id, None)

    def unmet_plans(self, workspace_id: int) -> list[str]:
        """A sentence for each planned failure that met no request, or no attempt of a webhook."""
        return [*self._faults_of(workspace_id).unmet(), *self.webhooks.unmet(workspace_id)]

    def forget_keys(self, workspace_id: int) -> None:
        """Looks the keys of the workspace up again, because they belong to another workspace now."""
        self._workspace_ids = {key: one for key, one in self._workspace_ids.items() if one != workspace_id}

    def middleware(self) -> Middleware:
        @web.middleware
        async def apply(request: web.Request, handler: Handler) -> web.StreamResponse:
            if request.path.startswith(_NOT_RECORDED):
                return await handler(request)
            return await self._handle(request, handler)

        return apply

    async def add_date(self, request: web.Request, response: web.StreamResponse) -> None:
        """Called by the framework just before an answer goes out. The header Date follows the clock."""
        response.headers["Date"] = clock.http_date(self.clock.now())

    async def workspace_of(self, request: web.Request) -> int | None:
        """The workspace of a signed link's address or of the API key; None without a known key."""
        if "workspace_id" in request.match_info:
            return ids.decode(ids.WORKSPACE, request.match_info["workspace_id"])
        _, _, key = request.headers.get("Authorization", "").partition(" ")
        key_hash = keys.hash_key(key.strip())
        if key_hash not in self._workspace_ids:
            row = await key_table.select_key_by_hash(request.app[SERVICES].database.lookup, key_hash)
            if row is None:
                return None
            self._workspace_ids[key_hash] = row.workspace_id
        return self._workspace_ids[key_hash]

    async def abort_requests(self, workspace_id: int) -> None:
        """Requests to the workspace that are in flight end without an answer and do no further work."""
        in_flight = self._in_flight.pop(workspace_id, {})
        for task, request in in_flight.items():
            if request.transport is not None:
                request.transport.abort()
            task.cancel()
        if in_flight:
            await asyncio.wait(in_flight)

    async def _handle(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        workspace_id = await self.workspace_of(request)
        operation_id = operations.of(request)
        recorded = self._begin(request, workspace_id, operation_id)
        request[BODY_WATCH] = _body_recorder(recorded)
        try:
            with self._abortable(request, workspace_id):
                if workspace_id is not None:
                    counting = functools.partial(self._count_poll, workspace_id, operation_id, handler)
                    handler = self._faults_of(workspace_id).wrap(operation_id, counting)
                response = await response_of(request, handler)  # makes a response of a refusal, to record it
            _record_answer(recorded, response, request[REQUEST_ID])
            if not recorded.body_size and recorded.status != 413 and request.can_read_body:
                await faults.record_body(request)
            return response
        except Dropped as dropped:
            if dropped.response is not None:
                _record_answer(recorded, dropped.response, request[REQUEST_ID])
            recorded.status, recorded.dropped = None, dropped.when
            raise
        except ConnectionError:  # the client hung up
            raise
        except Exception:
            recorded.status = 500  # the status that the outer middleware answers
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
            headers={name.lower(): _as_text(value) for name, value in request.headers.items()},
            moment=self.clock.now(),
            at=self.clock.elapsed(),
        )
        self.recorder.begin(recorded)
        return recorded

    @contextlib.contextmanager
    def _abortable(self, request: web.Request, workspace_id: int | None) -> Iterator[None]:
        """Within this context, `abort_requests` ends the request."""
        task = asyncio.current_task()
        if task is None or workspace_id is None:
            yield
            return
        in_flight = self._in_flight.setdefault(workspace_id, {})
        in_flight[task] = request
        try:
            yield
        finally:
            in_flight.pop(task, None)

    async def _count_poll(
        self, workspace_id: int, operation_id: str | None, handler: Handler, request: web.Request
    ) -> web.StreamResponse:
        """Runs after the faults: a poll counts only if the client gets to see the job."""
        kind = operations.POLLS.get(operation_id or "")
        if kind is not None and await self._is_allowed(request, operation_id):
            job_id = kind.decode(request.match_info["job_id"])
            await self.gate.count_poll(workspace_id, kind, job_id or 0)
        return await handler(request)

    async def _is_allowed(self, request: web.Request, operation_id: str | None) -> bool:
        try:
            lookup = request.app[SERVICES].database.lookup
            principal = await keys.authenticate(lookup, request.headers, self.clock.now())
            scopes.require(principal.scopes, operations.scopes(operation_id))
        except errors.MailrithError:
            return False
        return True

    def _faults_of(self, workspace_id: int) -> Faults:
        return self._faults.setdefault(workspace_id, Faults())


def _as_text(header: str) -> str:
    """The value of a header with replacement characters for bytes that are not UTF-8."""
    return header.encode(errors="surrogateescape").decode(errors="replace")


def _body_recorder(recorded: RecordedRequest) -> Callable[[memoryview], None]:
    def record(body: memoryview) -> None:
        recorded.body, recorded.body_size = bytes(body[:MAX_BODY]), len(body)

    return record


def _record_answer(recorded: RecordedRequest, response: web.StreamResponse, request_id: str) -> None:
    recorded.status = response.status
    recorded.answer_headers = {name.lower(): value for name, value in response.headers.items()}
    recorded.answer_headers[REQUEST_ID_HEADER] = request_id
    if isinstance(response, web.Response) and isinstance(response.body, bytes) and len(response.body) <= MAX_BODY:
        recorded.answer = response.body
