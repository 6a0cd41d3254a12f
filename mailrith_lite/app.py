"""Puts the rooms together: the only module that sees every room."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

import msgspec
from aiohttp import web
from aiohttp.typedefs import Middleware

from mailrith_lite import __version__, clock, data_directory, disk, errors, housekeeping, ids, logs
from mailrith_lite.access import audit, keys, refusal_pauses, workspaces
from mailrith_lite.access.audit import Actor
from mailrith_lite.access.keys import KeyUse
from mailrith_lite.access.refusal_pauses import RefusalPauses
from mailrith_lite.access.refused_keys import RefusedKeys
from mailrith_lite.access.request_rates import RequestRates
from mailrith_lite.access.wrong_keys import WrongKeys
from mailrith_lite.api import scrape
from mailrith_lite.api.documentation.openapi import document
from mailrith_lite.api.middleware import add_headers, add_hsts, boundary, pause_refusals
from mailrith_lite.api.routes import SECTIONS, add_routes
from mailrith_lite.audience import search_limit
from mailrith_lite.audience.large_selections import LargeSelections
from mailrith_lite.audience.segments.segment_counts import SegmentCounts
from mailrith_lite.audience.totals import AudienceTotals
from mailrith_lite.bulk_changes.bulk_pipeline import BulkPipeline
from mailrith_lite.bulk_changes.erasure_audit import record_erased
from mailrith_lite.catalog import in_use
from mailrith_lite.console.paths import PATH as CONSOLE_PATH
from mailrith_lite.console.routes import create_console
from mailrith_lite.database import Database
from mailrith_lite.exports.export_pipeline import ExportPipeline
from mailrith_lite.http.request_log import RequestLog
from mailrith_lite.http.services import SERVICES, Services
from mailrith_lite.imports.import_pipeline import ImportPipeline
from mailrith_lite.imports.undo.undo_pipeline import UndoPipeline
from mailrith_lite.imports.uploads.upload_store import UploadStore
from mailrith_lite.jobs.kinds import BULK_CHANGE, EXPORT, IMPORT, UNDO, JobKind
from mailrith_lite.jobs.run import Gate, Pipeline
from mailrith_lite.jobs.runner import Runner
from mailrith_lite.links import Links
from mailrith_lite.settings import Settings
from mailrith_lite.throttle import AtOnce
from mailrith_lite.webhooks.dispatcher import Dispatcher
from mailrith_lite.webhooks.lane import Gate as WebhookGate
from mailrith_lite.webhooks.outbox import Outbox

_LAST_WRITE_SECONDS = 1.0


class _Files(msgspec.Struct, frozen=True, kw_only=True):
    """The directories in the data directory, and the secret that signs links and console sessions."""

    imports: Path
    exports: Path
    uploads: Path
    secret: bytes


def create_app(
    services: Services, *, middlewares: Sequence[Middleware] = (), style_page: bool = False
) -> web.Application:
    """`middlewares` run inside the boundary, which makes the error envelopes and the log lines.

    `style_page`: the console has a page with every part of its pages.
    """
    app = web.Application(middlewares=[pause_refusals, boundary, *middlewares])
    app[SERVICES] = services
    app.on_response_prepare.append(add_headers)
    if (services.settings.public_url or "").startswith("https:"):
        app.on_response_prepare.append(add_hsts)
    add_routes(app)
    app.add_subapp(CONSOLE_PATH, create_console(services.secret, _document, style_page=style_page))
    return app


def _document() -> dict[str, Any]:
    """The OpenAPI document, for the console's reference: the API and the console do not import each other."""
    return document(SECTIONS, ["/"])


def create_metrics_app(services: Services) -> web.Application:
    """Has nothing but /metrics, which needs no token there."""
    app = web.Application(middlewares=[boundary])
    app[SERVICES] = services
    app.on_response_prepare.append(add_headers)
    app.router.add_get(scrape.PATH, scrape.get_metrics)
    return app


@contextlib.asynccontextmanager
async def open_services(
    directory: Path,
    settings: Settings,
    *,
    gate: Gate | None = None,
    webhook_gate: WebhookGate | None = None,
    sync_to_disk: bool = True,
) -> AsyncIterator[Services]:
    """Opens the database, and runs the jobs, the webhooks and the background tasks. `directory` is locked.

    `gate` decides when jobs take a step, `webhook_gate` when events are sent. `sync_to_disk=False`: no data has to
    survive a power cut.

    Raises:
        StartError: the directory cannot be used.
    """
    await data_directory.upgrade_database(directory)
    outbox = Outbox()
    async with (
        Database.open(
            directory / data_directory.DATABASE_FILE,
            sync_to_disk=sync_to_disk,
            query_timeout=settings.query_timeout,
            share=settings.workspace_readers,
            waiting=settings.max_waiting_reads,
        ) as database,
        Dispatcher.running(
            database, outbox, allow_private=settings.allow_private_webhooks, gate=webhook_gate
        ) as dispatcher,
    ):
        services, exports = await _build(settings, directory, database, outbox, dispatcher, gate)
        await services.runner.start()
        background = housekeeping.start(services, exports)
        try:
            yield services
        finally:
            await _stop(services, background)


async def _stop(services: Services, background: Sequence[asyncio.Task[None]]) -> None:
    services.stopping = True
    for task in background:
        task.cancel()
    await asyncio.gather(services.runner.stop(), services.dispatcher.stop(), services.audience_totals.close())
    await asyncio.wait(background)
    await _save_counts(services)
    await services.uploads.close()


async def _save_counts(services: Services) -> None:
    """Gives up when the disk is full or another program holds a lock: only what the memory has counted is lost."""
    try:
        async with asyncio.timeout(_LAST_WRITE_SECONDS):
            await services.key_use.save(services.database)
            await services.refused_keys.save(services.database)
    except (errors.StorageFull, errors.DatabaseBusy, TimeoutError):
        logs.service.warning("when keys were last used, and which were refused, could not be saved")


async def _build(
    settings: Settings,
    directory: Path,
    database: Database,
    outbox: Outbox,
    dispatcher: Dispatcher,
    gate: Gate | None,
) -> tuple[Services, ExportPipeline]:
    """Makes all services and deletes files that an earlier process left incomplete. No job runs yet."""
    try:
        files = _Files(
            imports=disk.private_directory(directory / "imports"),
            exports=disk.private_directory(directory / "exports"),
            uploads=disk.private_directory(directory / "uploads"),
            secret=data_directory.read_secret(directory),
        )
    except OSError as error:
        raise data_directory.unusable(directory, error) from error
    await _refuse_files_of_another(database, (files.imports, files.exports, files.uploads))
    guard = settings.export_formula_guard
    imports = ImportPipeline(
        database, outbox, files.imports, formula_guard=guard, keeps_images=settings.undo_ttl > 0
    )
    exports = ExportPipeline(database, files.exports, formula_guard=guard, ttl=settings.export_ttl)
    uploads = _upload_store(settings, database, files.uploads)
    for store in (imports, exports, uploads):
        await store.sweep()
    pipelines: dict[JobKind, Pipeline] = {
        IMPORT: imports,
        EXPORT: exports,
        UNDO: UndoPipeline(database, outbox, in_use.is_named_by_job),
        BULK_CHANGE: BulkPipeline(database, outbox),
    }
    on_final = (outbox.record_job, record_erased)
    runner = Runner(database, pipelines, concurrency=settings.job_concurrency, gate=gate, on_final=on_final)
    return _services(settings, files, database, runner, outbox, dispatcher, uploads), exports


def _services(
    settings: Settings,
    files: _Files,
    database: Database,
    runner: Runner,
    outbox: Outbox,
    dispatcher: Dispatcher,
    uploads: UploadStore,
) -> Services:
    searches = AtOnce(settings.max_searches, search_limit.too_many)
    return Services(
        settings=settings,
        database=database,
        runner=runner,
        outbox=outbox,
        dispatcher=dispatcher,
        links=Links(files.secret),
        upload_links=Links(files.secret, "upload"),
        key_use=KeyUse(),
        wrong_keys=WrongKeys(settings.wrong_key_limit),
        refused_keys=RefusedKeys(),
        refusal_pauses=RefusalPauses(refusal_pauses.RATE, refusal_pauses.BURST),
        request_rates=RequestRates(
            key_rate=settings.key_rate, workspace_rate=settings.workspace_rate, burst=settings.rate_burst
        ),
        request_log=RequestLog(),
        searches=searches,
        segment_counts=SegmentCounts(database, searches),
        large_selections=LargeSelections(database),
        audience_totals=AudienceTotals(database),
        secret=files.secret,
        imports_directory=files.imports,
        exports_directory=files.exports,
        uploads=uploads,
    )


def _upload_store(settings: Settings, database: Database, directory: Path) -> UploadStore:
    return UploadStore(
        database,
        directory,
        limit=settings.max_upload_bytes,
        ttl=settings.upload_ttl,
        transfers=settings.max_transfers,
        kept_bytes=settings.max_kept_upload_bytes,
    )


async def _refuse_files_of_another(database: Database, directories: Sequence[Path]) -> None:
    """A new database names none of the files, so the start would delete them, with rows that are not imported yet.

    Raises:
        StartError: the database has no workspace, and there are files.
    """
    async with database.read() as connection:
        if await workspaces.select_workspaces(connection):
            return
    for directory in directories:
        for path in disk.files_in(directory):
            raise errors.StartError(
                f"the database {database.path} is new or empty, but {path.parent} has files of another one; "
                "put that database back, or delete the files"
            )


async def first_start(services: Services) -> str | None:
    """In an empty database, creates the workspace `Default` and its first key, and returns the key."""
    async with services.database.write(durable=True) as connection:
        if await workspaces.select_workspaces(connection):
            return None
        now = clock.now()
        key = services.settings.bootstrap_key or keys.new_key()
        workspace = await workspaces.insert_workspace(connection, "Default", now)
        number = await keys.insert(connection, workspace_id=workspace.id, name="First key", key=key, now=now)
        actor = Actor(via="service", workspace_id=workspace.id)
        await audit.record(connection, actor, "workspace.created", workspace.public_id)
        await audit.record(connection, actor, "key.created", ids.encode(ids.API_KEY, number))
        return key


async def record_start(services: Services) -> None:
    """Writes into the audit that this version has started, and the settings that differ from their defaults."""
    details = {"version": __version__, "settings": services.settings.changed()}
    await audit.record_alone(services.database, Actor(via="service"), "service.started", details=details)
