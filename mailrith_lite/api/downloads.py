"""/downloads: finished exports and error reports. The signed link replaces the key."""

from collections.abc import AsyncIterator, Callable

from aiohttp import hdrs, web
from aiohttp.abc import AbstractStreamWriter

from mailrith_lite import clock, errors, ids
from mailrith_lite.access import audit
from mailrith_lite.api.call import Call
from mailrith_lite.bulk_changes import bulk_table
from mailrith_lite.exports.export_pipeline import file_path
from mailrith_lite.exports.export_table import select_export
from mailrith_lite.http import wire_errors
from mailrith_lite.http.acting import actor
from mailrith_lite.http.addresses import base_address
from mailrith_lite.http.header_values import has_broken_date
from mailrith_lite.http.services import PRINCIPAL, REQUESTER, SERVICES, Services
from mailrith_lite.http.signed_links import DOWNLOAD_PATH, check_link, download_path
from mailrith_lite.imports import report
from mailrith_lite.imports.undo import undo_table
from mailrith_lite.jobs import kinds, queue
from mailrith_lite.jobs.kinds import BULK_CHANGE, EXPORT, IMPORT, UNDO

PATH = DOWNLOAD_PATH
_HEADERS = {
    "Cache-Control": "private, no-store",
    "Content-Type": "text/csv; charset=utf-8",
}


def download_url(call: Call, public_job_id: str, expires_at: int) -> str:
    """The absolute, signed address of a job's file, valid until `expires_at` (milliseconds)."""
    base = base_address(call.services, call.request)
    return base + download_path(call.services, call.principal, public_job_id, expires_at)


async def download(request: web.Request) -> web.StreamResponse:
    services = request.app[SERVICES]
    if services.stopping:
        raise wire_errors.ShuttingDown
    await check_link(request, services.links)
    services.request_rates.check(request[PRINCIPAL])
    services.links.check_end(request.query["expires"], clock.now() // clock.SECOND)
    workspace_id = ids.decode(ids.WORKSPACE, request.match_info["workspace_id"]) or 0
    request[REQUESTER].workspace_id = workspace_id
    public_id = request.match_info["job_id"]
    match kinds.kind_of(public_id):
        case kinds.EXPORT:
            return await _send_export(request, services, workspace_id, public_id)
        case kinds.UNDO:
            return await _send_report(request, services, UNDO, undo_table.stream_report, "skipped")
        case kinds.BULK_CHANGE:
            return await _send_report(request, services, BULK_CHANGE, bulk_table.stream_report, "skipped")
        case _:
            return await _send_report(request, services, IMPORT, report.stream_report, "errors")


async def _send_export(
    request: web.Request, services: Services, workspace_id: int, public_id: str
) -> web.StreamResponse:
    lookup = services.database.lookup
    job = await queue.find_job(lookup, workspace_id, EXPORT, public_id)
    export = await select_export(lookup, workspace_id, job.id)
    if export.expires_at is not None and not export.available(clock.now()):
        raise errors.Expired("This file has expired; start a new export.")
    path = file_path(services.exports_directory, public_id)
    if export.file_name is None or not path.is_file():
        raise _file_not_found()
    if has_broken_date(request.headers):
        raise wire_errors.InvalidHttp("If-Modified-Since, If-Unmodified-Since and If-Range take a date of HTTP.")
    await _record(request, services, "export.downloaded", public_id)
    response = _File(path, headers=_HEADERS | _attachment(export.file_name))
    await response.prepare(request)
    return response


class _File(web.FileResponse):
    """A FileResponse that raises our errors, so that they get the envelope.

    Call `prepare` in the handler: it sends the file.
    """

    def set_status(self, status: int, reason: str | None = None) -> None:
        if status == web.HTTPRequestRangeNotSatisfiable.status_code:
            raise wire_errors.RangeNotSatisfiable(self.headers["Content-Range"])
        if status == web.HTTPPreconditionFailed.status_code:
            raise wire_errors.PreconditionFailed
        if status in (web.HTTPForbidden.status_code, web.HTTPNotFound.status_code):
            raise _file_not_found()  # the housekeeping has just deleted it
        super().set_status(status, reason)

    async def prepare(self, request: web.BaseRequest) -> AbstractStreamWriter | None:
        return None if self.prepared else await super().prepare(request)


def _file_not_found() -> errors.NotFound:
    return errors.NotFound("The file is not there; start a new export.", code="file_not_found")


async def _send_report(
    request: web.Request,
    services: Services,
    kind: kinds.JobKind,
    stream: Callable[..., AsyncIterator[bytes]],
    ending: str,
) -> web.StreamResponse:
    """`stream`: the rows of the report. `ending`: of the file's name."""
    workspace_id = request[REQUESTER].workspace_id
    job = await queue.find_job(services.database.lookup, workspace_id, kind, request.match_info["job_id"])
    await _record(request, services, "report.downloaded", job.public_id)
    guard = services.settings.export_formula_guard
    blocks = stream(services.database, workspace_id, job.id, formula_guard=guard)
    return await _send_blocks(request, f"{job.public_id}-{ending}.csv", blocks)


async def _record(request: web.Request, services: Services, action: audit.Action, public_id: str) -> None:
    """Before the first byte goes out. Each part of a file is a download."""
    if request.method != hdrs.METH_HEAD:
        await audit.record_alone(services.database, actor(request, "link"), action, public_id)


async def _send_blocks(request: web.Request, file_name: str, blocks: AsyncIterator[bytes]) -> web.StreamResponse:
    response = web.StreamResponse(headers=_HEADERS | _attachment(file_name))
    await response.prepare(request)
    if request.method != "HEAD":
        async for block in blocks:
            await response.write(block)
    await response.write_eof()
    return response


def _attachment(file_name: str) -> dict[str, str]:
    return {"Content-Disposition": f'attachment; filename="{file_name}"'}
