"""/v1 and /v1/capabilities: what the API is, and what a key may do."""

import re
from typing import Literal

import msgspec
from aiohttp import web
from msgspec import UNSET, UnsetType

from mailrith_lite import clock, ids
from mailrith_lite.access import key_table, scopes
from mailrith_lite.access.key_table import KeyStatus
from mailrith_lite.api.call import Call
from mailrith_lite.api.not_served import NOT_SERVED
from mailrith_lite.api.responses import Bare, Data
from mailrith_lite.api.route import SECTIONS, Addition, Section
from mailrith_lite.http.addresses import base_address
from mailrith_lite.http.services import SERVICES
from mailrith_lite.webhooks import patterns

PATH = "/v1"
CAPABILITIES_PATH = "/v1/capabilities"
OPENAPI_PATH = "/v1/openapi.json"
REFERENCE_PATH = "/docs"
MCP_PATH = "/mcp"
AUTHORIZATION_SERVER_PATH = "/.well-known/oauth-authorization-server"

_VERSION = "v1"
_DEVELOPERS = "https://mailrith.com/developers"  # describes the contract, which this service follows
_TOOLSETS_HEADER = "mailrith-mcp-toolsets"
_OPERATIONS_HEADER = "mailrith-mcp-operation-ids"
_READ_ONLY_HEADER = "mailrith-mcp-read-only"


class Addresses(msgspec.Struct, frozen=True, kw_only=True):
    documentation_url: str
    reference_url: str
    agents_url: str
    sdk_docs_url: str
    typescript_sdk_url: str
    python_sdk_url: str
    mcp_docs_url: str
    mcp_url: str
    llms_url: str
    llms_full_url: str
    openapi_url: str
    webhook_subscriptions_url: str
    oauth_authorization_server_url: str


class Meta(Addresses, frozen=True, kw_only=True):
    version: str
    capabilities_url: str


class WorkspaceReference(msgspec.Struct, frozen=True, kw_only=True):
    id: str
    name: str


class Authentication(msgspec.Struct, frozen=True, kw_only=True):
    type: Literal["bearer"] = "bearer"
    header_name: str = "Authorization"
    header_value_prefix: str = "Bearer"
    workspace_scoped: bool = True
    scopes_supported: list[str]
    supported_credential_types: tuple[Literal["workspace_api_key"], ...] = ("workspace_api_key",)


class Credential(msgspec.Struct, frozen=True, kw_only=True):
    type: Literal["workspace_api_key"] = "workspace_api_key"
    id: str
    name: str
    status: KeyStatus
    scopes: list[str]
    key_preview: str
    expires_at: str | None
    last_used_at: str | None
    revoked_at: str | None
    created_at: str
    updated_at: str


class Sdk(msgspec.Struct, frozen=True, kw_only=True):
    package_name: str
    docs_url: str
    language: Literal["typescript", "python"]


class Sdks(msgspec.Struct, frozen=True, kw_only=True):
    typescript: Sdk
    python: Sdk


class Mcp(msgspec.Struct, frozen=True, kw_only=True):
    """The last three: what an MCP server has sent in its headers. A client of the API itself does not send them."""

    package_name: str
    docs_url: str
    server_url: str
    recommended_transport: Literal["streamable_http"] = "streamable_http"
    supported_transports: list[Literal["streamable_http", "stdio"]]
    active_toolsets: list[str] | UnsetType = UNSET
    active_operation_ids: list[str] | UnsetType = UNSET
    read_only: bool | UnsetType = UNSET


class Conventions(msgspec.Struct, frozen=True, kw_only=True):
    pagination_type: Literal["cursor"] = "cursor"
    pagination_limit_param: str = "limit"
    pagination_cursor_param: str = "starting_after"
    idempotency_header: str = "Idempotency-Key"


class Limitation(msgspec.Struct, frozen=True, kw_only=True):
    code: str
    message: str
    affected_operation_ids: list[str]


class Signing(msgspec.Struct, frozen=True, kw_only=True):
    algorithm: Literal["hmac-sha256"] = "hmac-sha256"
    id_header: str = "webhook-id"
    timestamp_header: str = "webhook-timestamp"
    signature_header: str = "webhook-signature"
    signature_prefix: str = "v1"


class Events(msgspec.Struct, frozen=True, kw_only=True):
    """The events and patterns of the contract. `required_scopes_by_event_pattern` also has the patterns of jobs,
    which the contract does not have. Only events of subscribers and of jobs occur here.
    """

    subscriptions_url: str
    supported_events: tuple[str, ...] = patterns.CONTRACT_EVENTS
    supported_event_patterns: tuple[str, ...] = patterns.CONTRACT_PATTERNS
    required_scopes_by_event_pattern: dict[str, tuple[str, ...]]
    signing: Signing = Signing()


class Operation(msgspec.Struct, frozen=True, kw_only=True):
    method: str
    path: str
    operation_id: str
    summary: str
    required_scopes: list[str]


class Resource(msgspec.Struct, frozen=True, kw_only=True):
    key: str
    name: str
    description: str
    operations: list[Operation]


class Capabilities(msgspec.Struct, frozen=True, kw_only=True):
    version: str
    workspace: WorkspaceReference
    authentication: Authentication
    credential: Credential
    discovery: Addresses
    sdks: Sdks
    mcp: Mcp
    conventions: Conventions
    capability_mode: Literal["effective"] = "effective"
    limitations: list[Limitation]
    events: Events
    resources: list[Resource]


async def get_meta(request: web.Request) -> Bare[Meta]:
    """Get API metadata"""
    base = base_address(request.app[SERVICES], request)
    addresses = msgspec.structs.asdict(_addresses(base))
    meta = Meta(version=_VERSION, capabilities_url=base + CAPABILITIES_PATH, **addresses)
    return Bare(meta)


async def get_capabilities(call: Call) -> Data[Capabilities]:
    """Get authenticated API capabilities

    The operations that this key may call. `limitations` lists the operations that are not served here.
    """
    key = await key_table.select_key(call.database.lookup, call.principal.key_id)
    assert key is not None
    base = base_address(call.services, call.request)
    addresses = _addresses(base)
    capabilities = Capabilities(
        version=_VERSION,
        workspace=WorkspaceReference(id=ids.encode(ids.WORKSPACE, key.workspace_id), name=key.workspace_name),
        authentication=Authentication(scopes_supported=list(scopes.ALL)),
        credential=_credential(key),
        discovery=addresses,
        sdks=_sdks(addresses),
        mcp=_mcp(call.request, addresses),
        conventions=Conventions(),
        limitations=_limitations(),
        events=Events(
            subscriptions_url=addresses.webhook_subscriptions_url,
            required_scopes_by_event_pattern={
                pattern: patterns.required_scopes(pattern) for pattern in patterns.PATTERNS
            },
        ),
        resources=_resources(call.request.app[SECTIONS], call.principal.scopes),
    )
    return Data(capabilities)


def _sdks(addresses: Addresses) -> Sdks:
    return Sdks(
        typescript=Sdk(package_name="@mailrith/sdk", docs_url=addresses.typescript_sdk_url, language="typescript"),
        python=Sdk(package_name="mailrith-sdk", docs_url=addresses.python_sdk_url, language="python"),
    )


def _mcp(request: web.Request, addresses: Addresses) -> Mcp:
    return Mcp(
        package_name="@mailrith/mcp-server",
        docs_url=addresses.mcp_docs_url,
        server_url=addresses.mcp_url,
        supported_transports=["streamable_http", "stdio"],
        active_toolsets=_listed(request, _TOOLSETS_HEADER),
        active_operation_ids=_listed(request, _OPERATIONS_HEADER),
        read_only=_switched(request, _READ_ONLY_HEADER),
    )


def _listed(request: web.Request, header: str) -> list[str] | UnsetType:
    """The items of a list with commas, without those that cannot be a name."""
    if header not in request.headers:
        return UNSET
    items = (item.strip() for item in request.headers[header].split(","))
    return [item for item in items if re.fullmatch(r"[A-Za-z0-9_.:-]{1,100}", item)]


def _switched(request: web.Request, header: str) -> bool | UnsetType:
    return request.headers[header].strip().lower() == "true" if header in request.headers else UNSET


def _addresses(base: str) -> Addresses:
    """Addresses to which a client sends its key have the origin of this service: no other host may get the key."""
    return Addresses(
        documentation_url=_DEVELOPERS,
        reference_url=base + REFERENCE_PATH,
        agents_url=f"{_DEVELOPERS}/agents",
        sdk_docs_url=f"{_DEVELOPERS}/sdks",
        typescript_sdk_url=f"{_DEVELOPERS}/sdks",
        python_sdk_url=f"{_DEVELOPERS}/sdks",
        mcp_docs_url=f"{_DEVELOPERS}/mcp",
        mcp_url=base + MCP_PATH,
        llms_url="https://mailrith.com/llms.txt",
        llms_full_url="https://mailrith.com/llms-full.txt",
        openapi_url=base + OPENAPI_PATH,
        webhook_subscriptions_url=f"{base}/v1/webhook-subscriptions",
        oauth_authorization_server_url=base + AUTHORIZATION_SERVER_PATH,
    )


def _credential(key: key_table.ApiKey) -> Credential:
    return Credential(
        id=key.public_id,
        name=key.name,
        status=key.status(clock.now()),
        scopes=list(key.scopes),
        key_preview=key.preview,
        expires_at=clock.optional_rfc3339(key.expires_at),
        last_used_at=clock.optional_rfc3339(key.last_used_at),
        revoked_at=clock.optional_rfc3339(key.revoked_at),
        created_at=clock.rfc3339(key.created_at),
        updated_at=clock.rfc3339(key.updated_at),
    )


def _limitations() -> list[Limitation]:
    return [
        Limitation(
            code="operation_not_supported",
            message="These operations are not served here: they answer 501. This service sends no email.",
            affected_operation_ids=[one.operation_id for one in NOT_SERVED],
        ),
        Limitation(
            code="mcp_not_served",
            message="`mcp_url` answers 501, and the document at `oauth_authorization_server_url` has no grants. Run"
            " the MCP server of the package over stdio, with this service's address and an API key.",
            affected_operation_ids=[],
        ),
    ]


def _resources(sections: tuple[Section, ...], key_scopes: tuple[str, ...]) -> list[Resource]:
    """With the operations of the contract that a key with these scopes may call."""
    resources = [
        Resource(
            key=section.key,
            name=section.name,
            description=section.description,
            operations=[
                Operation(
                    method=route.method,
                    path=route.path,
                    operation_id=route.operation_id,
                    summary=route.summary,
                    required_scopes=list(route.scopes),
                )
                for route in section.routes
                if set(route.scopes) <= set(key_scopes) and not isinstance(route, Addition)
            ],
        )
        for section in sections
        if section.key is not None
    ]
    return [resource for resource in resources if resource.operations]
