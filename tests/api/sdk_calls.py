"""For each operation of the contract, a call of the SDK that gets each of its documented statuses.

Successes, 400s and 404s follow from the routes. A conflict has its own set-up, in CONFLICTS.
"""

from collections.abc import Callable
from typing import Any

import msgspec
from api_calls import CREATORS, MANIFEST, OPERATIONS, Workspace, example, kinds, listed
from api_records import definition
from conftest import KEY, MAPPINGS, Server
from mailrith_sdk import MailrithClient

from mailrith_lite import ids
from mailrith_lite.api.responses import PageOf
from mailrith_lite.api.route import Route
from mailrith_lite.jobs.kinds import IMPORT

Call = dict[str, Any]
"""Arguments of a method of the SDK: `path`, `query`, `body`, `idempotency_key`."""
Prepare = Callable[["World"], Call]


class Answer(msgspec.Struct, frozen=True):
    status: int
    headers: dict[str, str]  # lower-case names
    body: Any


class World(Workspace):
    """Creates resources with a value in every property, new ones for each call."""

    def __init__(self, server: Server) -> None:
        super().__init__(server, KEY)
        self._keys: dict[tuple[str, ...], str] = {}

    def new(self, kind: str) -> str:
        """The id of a new resource."""
        kind = kind.removeprefix("unused_")
        if kind == ids.SUBSCRIBER:
            return self.subscriber()
        return self.used_upload() if kind == ids.UPLOAD else self.create(kind)

    def subscriber(self) -> str:
        fields = {
            self.create(ids.CUSTOM_FIELD, type="Number", settings=None): 1.5,
            self.create(ids.CUSTOM_FIELD, type="Text", settings=None): "word",
        }
        public_id = self.create(ids.SUBSCRIBER, custom_fields=fields)
        sequence = self.create(ids.SEQUENCE)
        send(self.server, "addSubscriberSequence", path(subscriber_id=public_id, sequence_id=sequence))
        return public_id

    def ready_upload(self) -> str:
        upload = send(self.server, "startSubscriberImportUpload", {}).body["data"]
        address = upload["upload_url"].removeprefix(self.server.url)
        assert self.server.call("PUT", address, b"Email,Name\nada@example.com,Ada\n", key=None).status == 200
        return str(upload["id"])

    def used_upload(self) -> str:
        upload_id = self.ready_upload()
        self.create(IMPORT.id_prefix, csv_text=None, upload_id=upload_id, mappings=MAPPINGS)
        return upload_id

    def key_with(self, *scopes: str) -> str:
        """A key with these scopes."""
        if scopes not in self._keys:
            self._keys[scopes] = self.server.new_key(scopes=scopes)
        return self._keys[scopes]


def send(server: Server, operation_id: str, call: Call, key: str = KEY) -> Answer:
    """What the SDK receives."""
    received: list[Answer] = []
    plain = MailrithClient().transport

    def transport(method: str, url: str, headers: Any, body: str | None) -> Any:
        status, answered, parsed = plain(method, url, headers, body)
        received.append(Answer(status, {name.lower(): value for name, value in answered.items()}, parsed))
        return 200, {}, None  # the SDK would raise an error status

    client = MailrithClient(base_url=server.url, api_key=key, transport=transport)
    namespace, method = next(
        (resource["namespace"], operation["method_name"])
        for resource in client.operations
        for operation in resource["operations"]
        if operation["operation_id"] == operation_id
    )
    getattr(getattr(client, namespace), method)(**call)
    (answer,) = received
    return answer


def path(**names: str) -> Call:
    return {"path": names}


def body(**sent: Any) -> Call:
    return {"body": sent}


def _prepared(route: Route) -> Prepare:
    """A call that succeeds."""

    def prepare(world: World) -> Call:
        if route.operation_id == "createWebhookSubscription":
            world.make_room()
        named = zip(route.path_names, kinds(route), strict=True)
        call = path(**{name: world.new(kind) for name, kind in named}) if route.path_names else {}
        if route.signature.request is not None:
            call["body"] = example(route, world.word())
        if issubclass(route.signature.response, PageOf):
            world.new(listed(route))
            call["query"] = {"limit": 1}
        return call

    return prepare


def _not_found(route: Route) -> Prepare:
    """A call whose last id in the path is unknown."""

    def prepare(world: World) -> Call:
        call = _prepared(route)(world)
        return call | {"path": call["path"] | {route.path_names[-1]: "x"}}

    return prepare


def _invalid(route: Route) -> Prepare:
    if route.signature.request is None:
        return lambda _: {"query": {"limit": 0}}
    return lambda world: _prepared(route)(world) | {"body": []}


def _filtered(world: World) -> Call:
    world.subscriber()
    return {
        "query": {
            "search": "ADA",
            "status": "Active",
            "cold_only": False,
            "tag_ids": ["x", "y"],
            "tag_operator": "has_none_of",
            "limit": 1,
        }
    }


def _update_by_email(world: World) -> Call:
    request = example(CREATORS[ids.SUBSCRIBER], world.word())
    world.create(ids.SUBSCRIBER, **request)
    return {"body": request}


def _taken_email(world: World) -> Call:
    email = f"{world.word()}@example.com"
    world.create(ids.SUBSCRIBER, email=email)
    return {"email": email}


def _taken_name(world: World, kind: str) -> dict[str, str]:
    name = world.word()
    world.create(kind, name=name)
    return {"name": name.upper()}


def _tag_in_use(world: World) -> Call:
    tag = world.create(ids.TAG)
    world.create(ids.SEGMENT, definition=definition("tag", "has_any_of", [tag]))
    return path(tag_id=tag)


def _field_in_use(world: World) -> Call:
    field = world.create(ids.CUSTOM_FIELD)
    world.create(ids.SEGMENT, definition=definition("custom_field", "is_not_empty", customFieldId=field))
    return path(custom_field_id=field)


def _field_with_values(world: World) -> Call:
    field = world.create(ids.CUSTOM_FIELD, type="Text", settings=None)
    world.create(ids.SUBSCRIBER, custom_fields={field: "a word"})
    return path(custom_field_id=field) | body(type="Number")


def _segment_in_use(world: World) -> Call:
    segment = world.create(ids.SEGMENT)
    world.create(ids.SEGMENT, definition=definition("segment", "is", [segment]))
    return path(segment_id=segment)


CONFLICTS: dict[str, Prepare] = {
    "upsertSubscriber": lambda w: body(**_taken_email(w), create_only=True),
    "updateSubscriber": lambda w: path(subscriber_id=w.create(ids.SUBSCRIBER)) | body(**_taken_email(w)),
    "createTag": lambda w: body(**_taken_name(w, ids.TAG)),
    "updateTag": lambda w: path(tag_id=w.create(ids.TAG)) | body(**_taken_name(w, ids.TAG)),
    "deleteTag": _tag_in_use,
    "updateCustomField": _field_with_values,
    "deleteCustomField": _field_in_use,
    "createSegment": lambda w: body(
        **_taken_name(w, ids.SEGMENT), definition=example(CREATORS[ids.SEGMENT])["definition"]
    ),
    "updateSegment": lambda w: path(segment_id=w.create(ids.SEGMENT)) | body(**_taken_name(w, ids.SEGMENT)),
    "deleteSegment": _segment_in_use,
    "createWebhookSubscription": lambda w: body(
        **example(CREATORS[ids.WEBHOOK_SUBSCRIPTION]) | _taken_name(w, ids.WEBHOOK_SUBSCRIPTION)
    ),
    "updateWebhookSubscription": lambda w: (
        path(webhook_subscription_id=w.create(ids.WEBHOOK_SUBSCRIPTION))
        | body(**_taken_name(w, ids.WEBHOOK_SUBSCRIPTION))
    ),
    "createSubscriberImportJob": lambda w: body(upload_id=w.used_upload(), mappings=MAPPINGS),
}
"""operationId -> a call that answers 409 without an Idempotency-Key."""
SPECIAL: dict[str, dict[int, Prepare]] = {
    "listSubscribers": {200: _filtered},
    "upsertSubscriber": {200: _update_by_email},
    "createSubscriberImportJob": {202: lambda w: body(upload_id=w.ready_upload(), mappings=MAPPINGS, dry_run=True)},
}


def _calls(route: Route) -> dict[int, Prepare]:
    """Status -> a call that gets it. Every operation gets a 401 or 403 in the same way."""
    calls = {route.statuses[0]: _prepared(route)}
    if route.signature.request is not None or issubclass(route.signature.response, PageOf):
        calls[400] = _invalid(route)
    if route.path_names:
        calls[404] = _not_found(route)
    if route.operation_id in CONFLICTS:
        calls[409] = CONFLICTS[route.operation_id]
    return calls | SPECIAL.get(route.operation_id, {})


CALLS = {operation_id: _calls(route) for operation_id, route in OPERATIONS.items() if operation_id in MANIFEST}
