"""Around every handler of a test server: what is sent is kept, and what shall go wrong goes wrong."""

from collections.abc import Callable
from typing import Any

from aiohttp import web

from mailrith_lite import ids
from mailrith_lite.access import key_table, keys
from mailrith_lite.api.context import BODY_WATCH
from mailrith_lite.api.middleware import REQUEST_ID_HEADER, answer
from mailrith_lite.edge.context import REQUEST_ID, SERVICES
from mailrith_lite.testing import faults, operations
from mailrith_lite.testing.faults import Dropped, Faults, Handler
from mailrith_lite.testing.moment import Moment
from mailrith_lite.testing.recorder import MAX_BODY, Recorded, Recorder
from mailrith_lite.testing.stage import Stage

_UNSEEN = ("/sandbox", "/healthz", "/metrics", "/docs")


class Around:
    """The middleware, and all that it knows. For the loop of the server alone."""

    def __init__(self, *, fixed_clock: bool) -> None:
        self.moment = Moment(fixed=fixed_clock)
        self.recorder = Recorder()
        self.stage = Stage()
        self._faults: dict[int, Faults] = {}
        self._workspaces: dict[bytes, int] = {}  # of every key that was seen: also of one that has ended since

    def faults(self, workspace_id: int) -> Faults:
        return self._faults.setdefault(workspace_id, Faults())

    def forget(self, workspace_id: int) -> None:
        """Its keys lead to another workspace now."""
        self._faults.pop(workspace_id, None)
        self._workspaces = {key: one for key, one in self._workspaces.items() if one != workspace_id}

    def middleware(self) -> Any:
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
        recorded = self.recorder.begin(
            self.moment.ahead / 1_000,
            workspace_id=workspace_id,
            operation_id=operation_id,
            method=request.method,
            path=request.path,
            query={name: request.query.getall(name) for name in request.query},
            headers={name.lower(): value for name, value in request.headers.items()},
            moment=self.moment.now(),
        )
        request[BODY_WATCH] = _keeper(recorded)
        try:
            if workspace_id is not None:
                await self._move(request, workspace_id, operation_id)
                handler = self.faults(workspace_id).around(operation_id, handler)
            response = await answer(request, handler)  # a refusal is to be noted, too
            _note(recorded, response, request[REQUEST_ID])
            if not recorded.body and recorded.status != 413 and request.can_read_body:
                await faults.watch_body(request)
            return response
        except Dropped as dropped:
            recorded.dropped = dropped.when
            raise
        except ConnectionError:  # the client hung up
            raise
        except Exception:
            recorded.status = 500  # the boundary makes an answer of it
            raise
        finally:
            self.recorder.end(recorded, self.moment.ahead / 1_000)

    async def _move(self, request: web.Request, workspace_id: int, operation_id: str | None) -> None:
        kind = operations.POLLS.get(operation_id or "")
        if kind is not None:
            prefix = ids.IMPORT_JOB if kind == "import" else ids.EXPORT_JOB
            job_id = ids.decode(prefix, request.match_info["job_id"])
            await self.stage.polled(workspace_id, kind, job_id or 0)


def _keeper(recorded: Recorded) -> Callable[[memoryview], None]:
    def keep(data: memoryview) -> None:
        recorded.body = bytes(data[:MAX_BODY])

    return keep


def _note(recorded: Recorded, response: web.StreamResponse, request_id: str) -> None:
    recorded.status = response.status
    recorded.answer_headers = {name.lower(): value for name, value in response.headers.items()}
    recorded.answer_headers[REQUEST_ID_HEADER] = request_id
    if isinstance(response, web.Response) and isinstance(response.body, bytes) and len(response.body) <= MAX_BODY:
        recorded.answer = response.body
