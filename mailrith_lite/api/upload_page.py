"""/uploads: where a file is handed over, behind a signed link instead of a key.

A page for a person, a PUT of the raw file for a program, and the form that the page sends without JavaScript.
"""

import contextlib
import functools
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from email.message import Message

from aiohttp import BodyPartReader, hdrs, web
from aiohttp.http_exceptions import HttpProcessingError

from mailrith_lite import clock, errors, ids
from mailrith_lite.api import codec
from mailrith_lite.api.bodies import next_piece
from mailrith_lite.api.uploads import LINK_PATH, shown
from mailrith_lite.edge.context import SERVICES, Services
from mailrith_lite.edge.errors import STATUSES, Handler
from mailrith_lite.imports import source, upload_table, uploads
from mailrith_lite.imports.arrival import too_large
from mailrith_lite.imports.upload_table import Upload
from mailrith_lite.pages.answers import page_response

_FORM = "multipart/form-data"
_AROUND_A_FILE = 1 << 16  # bytes that a form has beside its file
_PIECE = 1 << 18


def add_routes(router: web.UrlDispatcher) -> None:
    router.add_get(LINK_PATH, _readable(get_page))
    router.add_put(LINK_PATH, _readable(put_file))
    router.add_post(LINK_PATH, _readable(post_form))


def _readable(handler: Handler) -> Handler:
    """A refusal is a page, too, for whoever asks for pages."""

    @functools.wraps(handler)
    async def handle(request: web.Request) -> web.StreamResponse:
        try:
            return await handler(request)
        except errors.MailrithError as error:
            if not _wants_page(request):
                raise
            status, _ = STATUSES[type(error)]
            return await page_response("upload_refused.html", status=status, message=error.message)

    return handle


async def get_page(request: web.Request) -> web.StreamResponse:
    upload = await _open(request)
    services = request.app[SERVICES]
    return await page_response(
        "upload.html",
        upload=upload,
        names=source.own_names(upload.header),
        preview=await services.uploads.preview(upload),
        limit=services.uploads.limit,
    )


async def put_file(request: web.Request) -> web.StreamResponse:
    """The file as it is; its name may stand in Content-Disposition or in the parameter `file_name`."""
    upload = await _open(request)
    services = request.app[SERVICES]
    if request.headers.get(hdrs.CONTENT_ENCODING, "identity").strip().lower() not in ("", "identity", "gzip"):
        raise errors.UnsupportedMediaType("Send the file as it is, or packed with gzip.")
    _check_length(request, services, 0)
    name = _file_name(request.headers) or request.query.get("file_name", "")
    stored = await services.uploads.store(upload, _pieces(request.content.readany), name)
    return codec.json_response(codec.data(shown(stored)))


async def post_form(request: web.Request) -> web.StreamResponse:
    """A form with one file, as browsers send it; then the page again."""
    upload = await _open(request)
    services = request.app[SERVICES]
    if request.content_type != _FORM:
        raise errors.UnsupportedMediaType("Send a form with a file (multipart/form-data), or PUT the file itself.")
    _check_length(request, services, _AROUND_A_FILE)
    part = await _file_part(request)
    pieces = _pieces(functools.partial(_read_part, part))
    stored = await services.uploads.store(upload, pieces, _file_name(part.headers))
    if not _wants_page(request):
        return codec.json_response(codec.data(shown(stored)))
    return web.Response(status=303, headers={hdrs.LOCATION: f"?{request.query_string}"})


async def _open(request: web.Request) -> Upload:
    """The upload behind the link, which no job has taken unless it is only looked at.

    Raises:
        InvalidSignature, Expired: the link opens nothing.
        NotFound: the upload is gone.
        Conflict: a job has taken its file.
    """
    services = request.app[SERVICES]
    if services.stopping:
        raise errors.ShuttingDown
    services.upload_links.check(
        request.path,
        request.query.get("expires", ""),
        request.query.get("signature", ""),
        clock.now() // clock.SECOND,
    )
    workspace_id = ids.decode(ids.WORKSPACE, request.match_info["workspace_id"]) or 0
    public_id = request.match_info["upload_id"]
    async with services.database.read() as connection:
        upload = await upload_table.select_upload(connection, workspace_id, ids.decode(ids.UPLOAD, public_id) or 0)
    if upload is None:
        raise errors.NotFound.of(ids.UPLOAD, public_id)
    if request.method not in (hdrs.METH_GET, hdrs.METH_HEAD):
        uploads.check_unused(upload)
    return upload


def _wants_page(request: web.Request) -> bool:
    return "text/html" in request.headers.get(hdrs.ACCEPT, "")


def _check_length(request: web.Request, services: Services, around: int) -> None:
    """Before a byte of it is received."""
    limit = services.uploads.limit
    if request.content_length is not None and request.content_length > limit + around:
        raise too_large(limit)


async def _file_part(request: web.Request) -> BodyPartReader:
    """
    Raises:
        InvalidFile: no file was chosen.
        InvalidHttp: this is no form.
    """
    with _whole():
        form = await request.multipart()
        while (part := await next_piece(form.next)) is not None:
            if isinstance(part, BodyPartReader) and _file_name(part.headers):
                return part
    raise errors.InvalidFile("Choose a file first.")


async def _read_part(part: BodyPartReader) -> bytes:
    """
    Raises:
        InvalidHttp: the form ends before its file does.
    """
    with _whole():
        piece = await part.read_chunk(_PIECE)
        if not piece and not part.at_eof():
            raise ValueError
        return piece


@contextlib.contextmanager
def _whole() -> Iterator[None]:
    """What aiohttp makes of a form that is none, or breaks off, becomes an InvalidHttp."""
    try:
        yield
    except (ValueError, LookupError, RuntimeError, HttpProcessingError, web.RequestPayloadError):
        raise errors.InvalidHttp("The form is broken; send the file again.") from None


def _file_name(headers: Mapping[str, str]) -> str:
    """As Content-Disposition has it (RFC 6266); empty where it has none."""
    message = Message()
    message[hdrs.CONTENT_DISPOSITION] = headers.get(hdrs.CONTENT_DISPOSITION, "")
    return message.get_filename("")


async def _pieces(read: Callable[[], Awaitable[bytes]]) -> AsyncIterator[bytes]:
    """
    Raises:
        InvalidHttp: the transfer broke off.
    """
    try:
        while piece := await next_piece(read):
            yield piece
    except web.RequestPayloadError as error:
        raise errors.InvalidHttp("The file's transfer is broken; send it again.") from error
