"""A service that a test steers: what the fixture's handle and the control routes have in common."""

import contextlib
import itertools
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import msgspec
from aiohttp import web

from mailrith_lite import clock, disk, ids
from mailrith_lite.access import key_table, keys, scopes, workspaces
from mailrith_lite.app import create_app, listening, open_services
from mailrith_lite.http.services import Services
from mailrith_lite.jobs import queue
from mailrith_lite.settings import MAX_DURATION, SETTINGS, Settings, load
from mailrith_lite.testing import seed
from mailrith_lite.testing.instruments import Instruments
from mailrith_lite.testing.recorder import Requests

EXAMPLE_KEY = "mrk_example_secret_key"
_SECRET = b"the same links in every run of a sandbox with stable ids"
_CONCURRENCY = 10_000  # held jobs keep their place
_OWN = {"data_dir", "job_concurrency", "bootstrap_key"}
_GRACE = 0.05  # seconds for requests that are being answered when the sandbox ends


class Access(msgspec.Struct, frozen=True, kw_only=True):
    """A workspace and a key to it."""

    workspace_id: int
    api_key: str


class Sandbox:
    """Every coroutine is for the loop of the service. The first workspace is its own."""

    def __init__(self, services: Services, instruments: Instruments, *, stable: bool) -> None:
        self.services = services
        self.instruments = instruments
        self.own_workspace_id = 0
        self._requests: dict[int, Requests] = {}
        self._numbers = itertools.count(1)
        self._new_key: Callable[[], str] = self._stable_key if stable else keys.new_key

    async def new_workspace(self, name: str | None = None, key: str | None = None) -> Access:
        """
        Raises:
            ValueError: a workspace has this name.
        """
        found = key or self._new_key()
        async with self.services.database.write() as connection:
            now = clock.now()
            wanted = name or f"Workspace {next(self._numbers)}"
            if await workspaces.select_workspace(connection, wanted) is not None:
                raise ValueError(f"there is a workspace {wanted} already")
            workspace = await workspaces.insert_workspace(connection, wanted, now)
            await keys.create(connection, workspace_id=workspace.id, name="First key", key=found, now=now)
        self._requests[workspace.id] = self.requests({workspace.id})
        self.own_workspace_id = self.own_workspace_id or workspace.id
        return Access(workspace_id=workspace.id, api_key=found)

    async def new_key(self, workspace_id: int, held: tuple[str, ...], expires_in: float | None) -> str:
        """`expires_in`: seconds.

        Raises:
            ValueError: there is no such scope.
        """
        if unknown := [scope for scope in held if scope not in scopes.ALL]:
            raise ValueError(f"there is no scope {unknown[0]}; scopes are {', '.join(scopes.ALL)}")
        if expires_in is not None and not 0 < expires_in <= MAX_DURATION:
            raise ValueError(f"a key lives for more than 0 and at most {MAX_DURATION:,} seconds")
        found = self._new_key()
        async with self.services.database.write() as connection:
            now = clock.now()
            await keys.create(
                connection,
                workspace_id=workspace_id,
                name="Another key",
                key=found,
                held=held,
                expires_at=None if expires_in is None else now + round(expires_in * clock.SECOND),
                now=now,
            )
        return found

    async def seed(self, workspace_id: int, wanted: seed.Seed) -> seed.Seeded:
        """
        Raises:
            MailrithError, ValueError: a value breaks a rule; nothing was made.
        """
        async with self.services.database.write() as connection:
            return await seed.plant(connection, workspace_id, wanted)

    async def reset(self, workspace_id: int) -> int:
        """The keys get a new, empty workspace of the same name, whose integer id is returned.

        Requests that are being answered and jobs end, faults and holds are forgotten, the clock goes back.
        """
        await self.settle(workspace_id)
        self.instruments.clock.reset()
        async with self.services.database.write() as connection:
            now = clock.now()
            old = await workspaces.select_own(connection, workspace_id)
            await workspaces.update_workspace(
                connection, old.id, {"name": f"{old.name} until {old.public_id}"}, now
            )
            new = await workspaces.insert_workspace(connection, old.name, now)
            await key_table.update_keys_moved(connection, old.id, new.id)
            await queue.delete_jobs(connection, old.id)  # their links end, too
        self.instruments.forget(workspace_id)
        self._requests[new.id] = self.requests({new.id})
        if workspace_id == self.own_workspace_id:
            self.own_workspace_id = new.id
        return new.id

    async def settle(self, workspace_id: int) -> None:
        """Nothing of the workspace goes on, and nothing that was said of it holds any longer."""
        await self.instruments.break_off(workspace_id)
        await self.instruments.gate.clear(workspace_id)
        self.instruments.faults(workspace_id).clear()

    def requests(self, workspaces: set[int]) -> Requests:
        """Those that come from now on."""
        return Requests(self.instruments.recorder, workspaces)

    def requests_of(self, workspace_id: int) -> Requests:
        """Those of the workspace since it was made, or reset."""
        return self._requests[workspace_id]

    def _stable_key(self) -> str:
        return f"mrk_stable_key_{next(self._numbers):06d}"


def _make_stable(directory: Path) -> None:
    """Links are signed alike in every run, and requests are numbered."""
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
) -> AsyncIterator[tuple[str, Sandbox]]:
    """The address of a running sandbox, and the sandbox.

    `stable`: ids, keys and times are the same in every run. `add_routes`: adds routes to those of the API.

    Raises:
        StartError: the directory or the address cannot be used.
    """
    settings = msgspec.structs.replace(settings, job_concurrency=_CONCURRENCY)
    instruments = Instruments(fixed_clock=stable)
    clock.use(instruments.clock.now)
    if stable:
        _make_stable(settings.data_dir)
    async with open_services(settings, gate=instruments.gate, lasting=False) as services:
        instruments.gate.attach(services.database, services.runner)
        sandbox = Sandbox(services, instruments, stable=stable)
        app = create_app(services, middlewares=[instruments.middleware()])
        if add_routes is not None:
            add_routes(app.router, sandbox)
        async with listening(app, services.settings, grace=_GRACE) as address:
            yield address, sandbox


def load_settings(directory: Path, **values: object) -> Settings:
    """As those of the service, but for what a sandbox decides itself; a duration may be a text such as "1h".

    Raises:
        TypeError: there is no such setting.
        BadSetting: a value is not one that its setting takes.
    """
    if unknown := values.keys() - ({setting.name for setting in SETTINGS} - _OWN):
        raise TypeError(f"a sandbox has no setting {min(unknown)}")
    texts = {name: str(value) for name, value in {"port": 0, **values}.items()}
    return load({}, **texts, data_dir=str(directory))
