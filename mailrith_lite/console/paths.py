"""The paths of the console. Pages use relative addresses, so that a proxy may serve the service below a path."""

from aiohttp import web

from mailrith_lite.jobs.kinds import JobKind

PATH = "/console"
SIGN_IN_PATH = f"{PATH}/sign-in"
SUBSCRIBERS_PATH = f"{PATH}/subscribers"
TAGS_PATH = f"{PATH}/tags"
CUSTOM_FIELDS_PATH = f"{PATH}/custom-fields"
EXPORTS_PATH = f"{PATH}/exports"
NEW_EXPORT_PATH = f"{EXPORTS_PATH}/new"
SEGMENTS_PATH = f"{PATH}/segments"
SEQUENCES_PATH = f"{PATH}/sequences"
KEYS_PATH = f"{PATH}/keys"
DEVELOPERS_PATH = f"{PATH}/developers"
WEBHOOKS_PATH = f"{PATH}/webhooks"
_ACTIONS = (
    "/cancel",
    "/count",
    "/part",
    "/live",
    "/switch",
    "/sign-out",
    "/choices",
    "/status",
    "/delete",
    "/rotate",
    "/revoke",
)


def job_path(kind: JobKind, public_id: str) -> str:
    """The path of a job's page."""
    return f"{PATH}/{kind.name.replace('_', '-')}s/{public_id}"


def redirect(request: web.Request, path: str) -> web.Response:
    """303 to a path of this service, with a relative address."""
    return web.Response(status=303, headers={"Location": relative_root(request) + path})


def relative_root(request: web.Request) -> str:
    """The relative address from the page to the root of the service. A live part belongs to its page."""
    path = request.rel_url.raw_path.removesuffix("/part").removesuffix("/live")
    return "/".join([".."] * (path.count("/") - 1)) or "."


def containing_page(request: web.Request) -> str:
    """The path of the page that contains the form or the live part of this request."""
    path = request.rel_url.raw_path
    if path in (EXPORTS_PATH, f"{EXPORTS_PATH}/count"):
        return NEW_EXPORT_PATH
    for ending in _ACTIONS:
        path = path.removesuffix(ending)
    return path
