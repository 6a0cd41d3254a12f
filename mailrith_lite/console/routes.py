"""The routes of the console: path, handler, and the scopes that the key must hold."""

import asyncio

from aiohttp import web

from mailrith_lite.console import exports, imports, jobs, live, new_import, sign_in, subscribers
from mailrith_lite.console.error_pages import add_headers, error_pages
from mailrith_lite.console.exports import COUNTING
from mailrith_lite.console.live import STREAMS, Streams
from mailrith_lite.console.session import Sessions
from mailrith_lite.console.session_request import SESSIONS, form, page
from mailrith_lite.console.sign_in import ATTEMPTS
from mailrith_lite.console.sign_in_attempts import Attempts
from mailrith_lite.jobs.kinds import EXPORT, IMPORT

_IMPORT = IMPORT.read_scopes
_IMPORT_LIVE = IMPORT.write_scopes
_EXPORT = EXPORT.read_scopes
_READ = ("subscribers:read",)


def create_console(secret: bytes) -> web.Application:
    """A subapplication, so that its middleware and headers apply to the console only."""
    app = web.Application(middlewares=[error_pages])
    app[SESSIONS] = Sessions(secret)
    app[ATTEMPTS] = Attempts()
    app[STREAMS] = Streams()
    app[COUNTING] = asyncio.Lock()
    app.on_response_prepare.append(add_headers)
    _add_routes(app.router)
    return app


def _add_routes(router: web.UrlDispatcher) -> None:
    router.add_get("", page(jobs.show_jobs))
    router.add_get("/", page(jobs.remove_slash))
    router.add_get("/part", page(live.part(jobs.render_part)))
    router.add_get("/live", page(live.stream(jobs.render_part)))
    router.add_get("/sign-in", sign_in.show_sign_in)
    router.add_post("/sign-in", sign_in.sign_in)
    router.add_post("/sign-out", form(sign_in.sign_out))

    router.add_get("/imports/new", page(new_import.show_new_import, *_IMPORT_LIVE))
    router.add_post("/imports/new", page(new_import.receive_file, *_IMPORT_LIVE))
    router.add_get("/uploads/{upload_id}", page(new_import.show_upload, *_IMPORT_LIVE))
    router.add_post("/uploads/{upload_id}", form(new_import.start_import, *_IMPORT_LIVE))
    router.add_get("/imports/{job_id}", page(imports.show_import, *_IMPORT))
    router.add_get("/imports/{job_id}/part", page(live.part(imports.render_part), *_IMPORT))
    router.add_get("/imports/{job_id}/live", page(live.stream(imports.render_part), *_IMPORT))
    router.add_get("/imports/{job_id}/report", page(imports.send_report, *_IMPORT))
    router.add_post("/imports/{job_id}/cancel", form(imports.cancel_import, *_IMPORT_LIVE))

    router.add_get("/exports/new", page(exports.show_new_export, *_EXPORT))
    router.add_post("/exports", form(exports.start_export, *EXPORT.write_scopes))
    router.add_get("/exports/{job_id}", page(exports.show_export, *_EXPORT))
    router.add_get("/exports/{job_id}/part", page(live.part(exports.render_part), *_EXPORT))
    router.add_get("/exports/{job_id}/live", page(live.stream(exports.render_part), *_EXPORT))
    router.add_get("/exports/{job_id}/file", page(exports.send_file, *_EXPORT))
    router.add_post("/exports/{job_id}/cancel", form(exports.cancel_export, *EXPORT.write_scopes))

    router.add_get("/subscribers", page(subscribers.show_subscribers, *_READ))
    router.add_get("/subscribers/{subscriber_id}", page(subscribers.show_subscriber, *_READ))
