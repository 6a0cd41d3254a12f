"""A service under the control of a test, through the handle of the fixture or through the control routes."""

import asyncio
import contextlib
import itertools
from collections.abc import AsyncIterator, Callable, Sequence
from pathlib import Path

import msgspec
from aiohttp import web
from aiohttp.typedefs import Middleware

from mailrith_lite import clock, data_directory, disk, ids
from mailrith_lite.access import key_table, keys, scopes, workspaces
from mailrith_lite.app import create_app, open_services
from mailrith_lite.http.services import Services
from mailrith_lite.imports.uploads import upload_table
from mailrith_lite.jobs import deleted_jobs
from mailrith_lite.setting_values import MAX_DURATION
from mailrith_lite.settings import SETTINGS, Settings, load
from mailrith_lite.testing import seed
from mailrith_lite.testing.faults import Answer, Delay, Drop, Failure
from mailrith_lite.testing.instruments import Instruments
from mailrith_lite.testing.listener import Listener
from mailrith_lite.testing.recorder import RecordedRequest, Requests
from mailrith_lite.testing.webhook_box import SentEvent
from mailrith_lite.webhooks import journal
from mailrith_lite.webhooks.events import Event

EXAMPLE_KEY = "mrk_example_secret_key"
_SECRET = b"the same links in every run of a sandbox with stable ids"
_CONCURRENCY = 10_000  # a held job occupies one of these places
_FIXED_SETTINGS = {"data_dir", "job_concurrency", "bootstrap_key"}
DEFAULTS = {"allow_private_webhooks": "on"}
"""Settings in which a sandbox differs from a service: receivers under test are on this machine."""
_GRACE = 0.05  # seconds that requests in flight have when the sandbox stops


class WorkspaceKey(msgspec.Struct, frozen=True, kw_only=True):
    """The integer id of a workspace, and one of its keys."""

    workspace_id: int
    api_key: str


class Sandbox:
    """For the server's loop only. `default_workspace_id`: the first workspace, for controls without a key."""

    def __init__(self, services: Services, instruments: Instruments, listener: Listener, *, stable: bool) -> None:
        self.services = services
        self.instruments = instruments
        self.listener = listener
        self.default_workspace_id = 0
        self._requests: dict[int, Requests] = {}
        self._numbers = itertools.count(1)
        self._new_key: Callable[[], str] = self._stable_key if stable else keys.new_key

    async def new_workspace(self, name: str | None = None, key: str | None = None) -> WorkspaceKey:
        """
        Raises:
            ValueError: another workspace has this name.
        """
        key = key or self._new_key()
        async with self.services.database.write() as connection:
            now = clock.now()
            name = name or f"Workspace {next(self._numbers)}"
            if await workspaces.select_workspace(connection, name) is not None:
                raise ValueError(f"there is a workspace {name} already")
            workspace = await workspaces.insert_workspace(connection, name, now)
            await keys.insert(connection, workspace_id=workspace.id, name="First key", key=key, now=now)
            await journal.insert_journal(connection, workspace.id, now)
        self._requests[workspace.id] = self.requests({workspace.id})
        self.default_workspace_id = self.default_workspace_id or workspace.id
        return WorkspaceKey(workspace_id=workspace.id, api_key=key)

    async def new_key(self, workspace_id: int, key_scopes: tuple[str, ...], expires_in: float | None) -> str:
        """`expires_in`: seconds.

        Raises:
            ValueError: a scope does not exist, or `expires_in` is out of range.
        """
        if unknown := [scope for scope in key_scopes if scope not in scopes.ALL]:
            raise ValueError(f"there is no scope {unknown[0]}; scopes are {', '.join(scopes.ALL)}")
        if expires_in is not None and not 0 < expires_in <= MAX_DURATION:
            raise ValueError(f"a key is valid for more than 0 and at most {MAX_DURATION:,} seconds")
        key = self._new_key()
        async with self.services.database.write() as connection:
            now = clock.now()
            await keys.insert(
                connection,
                workspace_id=workspace_id,
                name="Another key",
                key=key,
                scopes=key_scopes,
                expires_at=None if expires_in is None else now + round(expires_in * clock.SECOND),
                now=now,
            )
        return key

    async def seed(self, workspace_id: int, form: seed.Seed) -> seed.Seeded:
        """
        Raises:
            MailrithError, ValueError: a value breaks a rule, so the workspace stays as it was.
        """
        async with self.services.database.write() as connection:
            return await seed.insert_seed(connection, workspace_id, form)

    async def reset(self, workspace_id: int) -> int:
        """Moves the keys to a new, empty workspace of the same name, and returns its integer id.

        Ends the requests in flight, the jobs and the webhooks, removes faults and holds, and resets the clock.
        """
        await self.end_work(workspace_id)
        self.instruments.clock.reset()
        async with self.services.database.write() as connection:
            now = clock.now()
            old = await workspaces.select_own(connection, workspace_id)
            await workspaces.update_workspace(
                connection, old.id, {"name": f"{old.name} until {old.public_id}"}, now
            )
            new = await workspaces.insert_workspace(connection, old.name, now)
            await key_table.update_keys_moved(connection, old.id, new.id)
            await journal.insert_journal(connection, new.id, now)
            files = await upload_table.delete_uploads(connection, old.id)  # first, because they refer to jobs
            await deleted_jobs.delete_jobs(connection, old.id)  # this ends their links
        await self.services.uploads.remove_files(files)
        self.instruments.forget_keys(workspace_id)
        self._requests[new.id] = self.requests({new.id})
        if workspace_id == self.default_workspace_id:
            self.default_workspace_id = new.id
        return new.id

    async def end_work(self, workspace_id: int) -> None:
        """Ends requests in flight, jobs and webhooks of the workspace, and removes its faults and holds.

        Ends a refusal of connections, too.
        """
        await self.instruments.abort_requests(workspace_id)
        await self.instruments.gate.clear(workspace_id)
        await self.instruments.webhooks.clear(workspace_id)
        self.instruments.clear_faults(workspace_id)
        await self.listener.accept()

    async def add_fault(self, workspace_id: int, fault: Failure | Answer | Delay | Drop) -> None:
        self.instruments.add_fault(workspace_id, fault)

    async def unmet_plans(self, workspace_id: int) -> list[str]:
        return self.instruments.unmet_plans(workspace_id)

    async def hold_jobs(self, workspace_id: int, chunk_rows: int | None) -> None:
        self.instruments.gate.hold(workspace_id, chunk_rows)

    async def release_jobs(self, workspace_id: int) -> None:
        self.instruments.gate.release(workspace_id)

    async def step_job(self, workspace_id: int) -> str:
        """The status of the job after its step."""
        return (await self.instruments.gate.advance(workspace_id)).status

    async def complete_jobs_after(self, workspace_id: int, polls: int) -> None:
        self.instruments.gate.complete_after(workspace_id, polls)

    async def drain_jobs(self, workspace_id: int) -> None:
        await self.instruments.gate.drain(workspace_id)

    async def refuse_connections(self, seconds: float) -> None:
        await self.listener.refuse(seconds)

    async def accept_connections(self) -> None:
        await self.listener.accept()

    async def now(self) -> int:
        return self.instruments.clock.now()

    async def advance_clock(self, days: float, hours: float, minutes: float, seconds: float) -> int:
        now = self.instruments.clock.advance(days=days, hours=hours, minutes=minutes, seconds=seconds)
        self.services.dispatcher.wake()  # retries of webhooks may be due
        return now

    async def reset_clock(self) -> None:
        self.instruments.clock.reset()

    async def select_events(self, workspace_id: int, event_type: str | None) -> list[Event]:
        return await self.instruments.webhooks.select_events(workspace_id, event_type)

    async def wait_for_events(
        self, workspace_id: int, event_type: str | None, count: int, seconds: float
    ) -> list[Event]:
        return await self.instruments.webhooks.wait_for_events(workspace_id, event_type, count, seconds)

    async def select_sent_events(self, workspace_id: int) -> list[SentEvent]:
        return await self.instruments.webhooks.select_sent(workspace_id)

    async def hold_webhooks(self, workspace_id: int) -> None:
        self.instruments.webhooks.hold(workspace_id)

    async def release_webhooks(self, workspace_id: int) -> None:
        self.instruments.webhooks.release(workspace_id)

    async def fail_next_webhooks(self, workspace_id: int, status: int, times: int) -> None:
        self.instruments.webhooks.fail_next(workspace_id, status, times)

    async def drain_webhooks(self) -> None:
        await self.instruments.webhooks.drain()

    async def count_requests(self) -> int:
        return self.instruments.recorder.count

    async def select_requests(self, workspace_ids: set[int], after: int) -> list[RecordedRequest]:
        return self.instruments.recorder.select(workspace_ids, after)

    async def forget_requests(self, workspace_ids: set[int]) -> None:
        self.instruments.recorder.forget(workspace_ids)

    async def wait_for_requests(self, changes: int, seconds: float) -> int:
        """Waits until the recorder has had more than `changes` changes, at most `seconds`. Returns their number."""
        recorder = self.instruments.recorder
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                while recorder.changes <= changes:
                    await recorder.wait_for_change()
        return recorder.changes

    def requests(self, workspace_ids: set[int]) -> Requests:
        """The requests to these workspaces from now on."""
        return Requests(self.instruments.recorder, workspace_ids)

    def requests_of(self, workspace_id: int) -> Requests:
        """The requests since the workspace was made or reset, or its requests cleared."""
        return self._requests[workspace_id]

    def _stable_key(self) -> str:
        return f"mrk_stable_key_{next(self._numbers):06d}"


def _make_stable(directory: Path) -> None:
    """Signs links with a fixed secret, and numbers the request ids."""
    with disk.create_private(disk.private_directory(directory) / "secret") as file:
        file.write(_SECRET)
    numbers = itertools.count(1)
    ids.use_request_names(lambda: f"{next(numbers):024d}")


@contextlib.asynccontextmanager
async def open_sandbox(
    settings: Settings,
    *,
    stable: bool = False,
    add_routes: Callable[[web.UrlDispatcher, Sandbox], None] | None = None,
    middlewares: Sequence[Middleware] = (),
    further_hosts: tuple[str, ...] = (),
) -> AsyncIterator[Sandbox]:
    """A running sandbox.

    `stable`: ids, keys and times are the same in every run. `add_routes` adds routes to those of the API.
    `further_hosts`: where the sandbox also listens, if this machine has them.

    Raises:
        StartError: the sandbox cannot use the directory, or listen on the address.
    """
    settings = msgspec.structs.replace(settings, job_concurrency=_CONCURRENCY)
    instruments = Instruments(fixed_clock=stable)
    clock.use(instruments.clock.now)
    if stable:
        _make_stable(settings.data_dir)
    with data_directory.lock(settings.data_dir) as directory:
        async with open_services(
            directory, settings, gate=instruments.gate, webhook_gate=instruments.webhooks, sync_to_disk=False
        ) as services:
            instruments.gate.attach(services.database, services.runner)
            instruments.webhooks.attach(services.database, services.outbox, services.dispatcher)
            app = create_app(services, middlewares=[*middlewares, instruments.middleware()], style_page=True)
            app.on_response_prepare.append(instruments.add_date)
            listener = Listener(app, (settings.host, *further_hosts), settings.port, grace=_GRACE)
            sandbox = Sandbox(services, instruments, listener, stable=stable)
            if add_routes is not None:
                add_routes(app.router, sandbox)
            async with listener.listening():
                yield sandbox
                services.stopping = True
                await services.dispatcher.stop(_GRACE)


def load_settings(directory: Path, **values: object) -> Settings:
    """The settings of a service in this directory. A duration can be a text such as "1h".

    Raises:
        TypeError: the setting does not exist, or a sandbox does not let it be changed.
        BadSetting: a setting has a wrong value.
    """
    if unknown := values.keys() - ({setting.name for setting in SETTINGS} - _FIXED_SETTINGS):
        raise TypeError(f"a sandbox has no setting {min(unknown)}")
    texts = {name: str(value) for name, value in {"port": 0, **DEFAULTS, **values}.items()}
    return load({}, **texts, data_dir=str(directory))
