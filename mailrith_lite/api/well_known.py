"""/.well-known: where the API is described, and that an API key is the only credential; /mcp, which is not served.

Clients that know nothing but the address of the service look here first.
"""

import msgspec
from aiohttp import hdrs, web

from mailrith_lite.access import scopes
from mailrith_lite.api import codec, discovery, health
from mailrith_lite.http import wire_errors
from mailrith_lite.http.addresses import base_address
from mailrith_lite.http.services import SERVICES

CATALOG_PATH = "/.well-known/api-catalog"
PROTECTED_RESOURCE_PATH = "/.well-known/oauth-protected-resource"
_CATALOG_TYPE = 'application/linkset+json; profile="https://www.rfc-editor.org/info/rfc9727"'


class Target(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    href: str
    type: str = ""


class CatalogLinks(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, rename="kebab"):
    """The links of one address, by their relation (RFC 9264, RFC 8631)."""

    anchor: str
    item: tuple[Target, ...] = ()
    service_desc: tuple[Target, ...] = ()
    service_doc: tuple[Target, ...] = ()
    status: tuple[Target, ...] = ()


class Catalog(msgspec.Struct, frozen=True, kw_only=True):
    """RFC 9727."""

    linkset: tuple[CatalogLinks, ...]


class ProtectedResource(msgspec.Struct, frozen=True, kw_only=True):
    """RFC 9728. There is no authorization server, so the document names none: the bearer token is an API key."""

    resource: str
    resource_name: str = "mailrith_lite"
    resource_documentation: str
    scopes_supported: tuple[str, ...] = scopes.ALL
    bearer_methods_supported: tuple[str, ...] = ("header",)


class AuthorizationServer(msgspec.Struct, frozen=True, kw_only=True):
    """RFC 8414. The empty lists say that no grant is possible; without them, clients assume the usual ones."""

    issuer: str
    response_types_supported: tuple[str, ...] = ()
    grant_types_supported: tuple[str, ...] = ()
    scopes_supported: tuple[str, ...] = scopes.ALL
    service_documentation: str


def add_routes(router: web.UrlDispatcher) -> None:
    router.add_get(CATALOG_PATH, get_catalog)
    router.add_get(PROTECTED_RESOURCE_PATH, get_protected_resource)
    router.add_get(PROTECTED_RESOURCE_PATH + discovery.MCP_PATH, get_protected_mcp)
    router.add_get(discovery.AUTHORIZATION_SERVER_PATH, get_authorization_server)
    router.add_route(hdrs.METH_ANY, discovery.MCP_PATH, refuse_mcp)


async def get_catalog(request: web.Request) -> web.Response:
    base = _base(request)
    catalog = Catalog(
        linkset=(
            CatalogLinks(anchor=base + CATALOG_PATH, item=(Target(href=base + discovery.PATH),)),
            CatalogLinks(
                anchor=base + discovery.PATH,
                service_desc=(Target(href=base + discovery.OPENAPI_PATH, type="application/json"),),
                service_doc=(Target(href=base + discovery.REFERENCE_PATH, type="text/html"),),
                status=(Target(href=base + health.PATH, type="application/json"),),
            ),
        )
    )
    link = f'<{base}{CATALOG_PATH}>; rel="api-catalog"'
    return web.Response(body=codec.encode(catalog), headers={hdrs.CONTENT_TYPE: _CATALOG_TYPE, hdrs.LINK: link})


async def get_protected_resource(request: web.Request) -> web.Response:
    return _protected(_base(request), "")


async def get_protected_mcp(request: web.Request) -> web.Response:
    return _protected(_base(request), discovery.MCP_PATH)


def _protected(base: str, path: str) -> web.Response:
    document = ProtectedResource(resource=base + path, resource_documentation=base + discovery.REFERENCE_PATH)
    return codec.json_response(codec.encode(document))


async def get_authorization_server(request: web.Request) -> web.Response:
    base = _base(request)
    document = AuthorizationServer(issuer=base, service_documentation=base + discovery.REFERENCE_PATH)
    return codec.json_response(codec.encode(document))


async def refuse_mcp(_: web.Request) -> web.Response:
    raise wire_errors.OperationNotSupported("mcp", instead="run @mailrith/mcp-server over stdio with an API key")


def _base(request: web.Request) -> str:
    return base_address(request.app[SERVICES], request)
