"""How each operation of the contract comes to each of its documented answers, called through the SDK."""

import itertools
from collections.abc import Callable
from typing import Any

import msgspec
from api_records import definition
from conftest import KEY, MAPPINGS, Server
from mailrith_sdk import MailrithClient

Call = dict[str, Any]

_ACTIVE = definition("subscriber_status", "is", ["Active"])
_EMAILS = {"emails": []}
_CSV = {"csv_text": "Email,Name\nada@example.com,Ada\n", "mappings": MAPPINGS}
_TEXT = {"type": "Text"}


class Answer(msgspec.Struct, frozen=True):
    status: int
    headers: dict[str, str]  # lower-case names
    body: Any


class World:
    """A workspace of a running service, and things in it that no other case looks at."""

    def __init__(self, server: Server) -> None:
        self.server = server
        self._numbers = itertools.count(1)
        self._keys: dict[tuple[str, ...], str] = {}

    def name(self) -> str:
        return f"thing {next(self._numbers)}"

    def email(self) -> str:
        return f"somebody.{next(self._numbers)}@example.com"

    def tag(self, **body: Any) -> str:
        return self._made("createTag", name=body.get("name", self.name()))

    def field(self, **body: Any) -> str:
        return self._made("createCustomField", label=self.name(), **(body or _TEXT))

    def sequence(self) -> str:
        return self._made("createSequence", name=self.name(), definition=_EMAILS)

    def segment(self, wanted: Any = _ACTIVE, **body: Any) -> str:
        return self._made("createSegment", name=body.get("name", self.name()), definition=wanted)

    def subscriber(self, **body: Any) -> str:
        return self._made("upsertSubscriber", **{"email": self.email(), **body})

    def full_subscriber(self) -> str:
        """With something in every property that can be empty."""
        fields = {self.field(type="Number"): 1.5, self.field(): "word"}
        public_id = self.subscriber(
            status="Active", country="GB", name="Ada", new_tags=[self.name()], custom_fields=fields
        )
        send(self.server, "addSubscriberSequence", path(subscriber_id=public_id, sequence_id=self.sequence()))
        return public_id

    def import_job(self) -> str:
        return self._made("createSubscriberImportJob", **_CSV)

    def upload(self) -> str:
        return str(self._start_upload()["id"])

    def ready_upload(self) -> str:
        upload = self._start_upload()
        address = upload["upload_url"].removeprefix(self.server.url)
        assert self.server.call("PUT", address, b"Email,Name\nada@example.com,Ada\n", key=None).status == 200
        return str(upload["id"])

    def used_upload(self) -> str:
        upload_id = self.ready_upload()
        self._made("createSubscriberImportJob", upload_id=upload_id, mappings=MAPPINGS)
        return upload_id

    def _start_upload(self) -> Any:
        answer = send(self.server, "startSubscriberImportUpload", {})
        assert answer.status == 201, answer
        return answer.body["data"]

    def export_job(self) -> str:
        return self._made("createSubscriberExportJob")

    def key(self, *held: str) -> str:
        """A key with these scopes."""
        if held not in self._keys:
            self._keys[held] = self.server.new_key(held=held)
        return self._keys[held]

    def _made(self, operation_id: str, **body: Any) -> str:
        answer = send(self.server, operation_id, {"body": body})
        assert answer.status in (201, 202), answer
        return str(answer.body["data"]["id"])


def send(server: Server, operation_id: str, call: Call, key: str = KEY) -> Answer:
    """What the SDK receives."""
    received: list[Answer] = []
    plain = MailrithClient().transport

    def transport(method: str, url: str, headers: Any, body: str | None) -> Any:
        status, answered, parsed = plain(method, url, headers, body)
        received.append(Answer(status, {name.lower(): value for name, value in answered.items()}, parsed))
        return 200, {}, None  # an error is looked at here, not raised

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


def _listed(make: Callable[[World], str], **filters: Any) -> dict[int, Callable[[World], Call]]:
    def call(w: World) -> Call:
        make(w)
        return {"query": {**filters, "limit": 1}}

    return {200: call, 400: lambda _: {"query": {"limit": 101}}}


def _deleted(name: str, make: Callable[[World], str]) -> dict[int, Callable[[World], Call]]:
    return {204: lambda w: path(**{name: make(w)}), 404: lambda _: path(**{name: "x"})}


def _change(name: str, make: Callable[[World], str], good: Call, bad: Call) -> dict[int, Callable[[World], Call]]:
    return {
        200: lambda w: path(**{name: make(w)}) | {"body": good},
        400: lambda w: path(**{name: make(w)}) | {"body": bad},
        404: lambda _: path(**{name: "x"}) | {"body": good},
    }


def _got(name: str, make: Callable[[World], str]) -> dict[int, Callable[[World], Call]]:
    return {200: lambda w: path(**{name: make(w)}), 404: lambda _: path(**{name: "x"})}


def _membership(name: str, make: Callable[[World], str]) -> dict[int, Callable[[World], Call]]:
    return {
        200: lambda w: path(subscriber_id=w.subscriber(), **{name: make(w)}),
        404: lambda w: path(subscriber_id=w.subscriber(), **{name: "x"}),
    }


def _tag_in_use(w: World) -> Call:
    tag = w.tag()
    w.segment(definition("tag", "has_any_of", [tag]))
    return path(tag_id=tag)


def _field_in_use(w: World) -> Call:
    field = w.field()
    w.segment(definition("custom_field", "is_not_empty", customFieldId=field))
    return path(custom_field_id=field)


def _field_with_values(w: World) -> Call:
    field = w.field()
    w.subscriber(custom_fields={field: "a word"})
    return path(custom_field_id=field) | body(type="Number")


def _segment_in_use(w: World) -> Call:
    segment = w.segment()
    w.segment(definition("segment", "is", [segment]))
    return path(segment_id=segment)


def _taken_email(w: World) -> Call:
    email = w.email()
    w.subscriber(email=email)
    return path(subscriber_id=w.subscriber()) | body(email=email)


def _create_taken_email(w: World) -> Call:
    email = w.email()
    w.subscriber(email=email)
    return body(email=email, create_only=True)


def _upsert_again(w: World) -> Call:
    email = w.email()
    w.subscriber(email=email)
    return body(email=email, name="Ada")


def _taken(w: World, make: Callable[..., str]) -> str:
    name = w.name()
    make(name=name)
    return name.upper()


CALLS: dict[str, dict[int, Callable[[World], Call]]] = {
    "getPublicApiMeta": {200: lambda _: {}},
    "getPublicApiCapabilities": {200: lambda _: {}},
    "getPublicApiOpenApiDocument": {200: lambda _: {}},
    "getWorkspace": {200: lambda _: {}},
    "listSubscribers": _listed(
        World.full_subscriber,
        search="SOMEBODY",
        status="Active",
        cold_only=False,
        tag_ids=["x", "y"],
        tag_operator="has_none_of",
    ),
    "getSubscriber": _got("subscriber_id", World.full_subscriber),
    "upsertSubscriber": {
        201: lambda w: body(email=w.email(), name="Ada", status="Active", country="DE", new_tags=["Fair"]),
        200: _upsert_again,
        400: lambda _: body(email="nobody"),
        409: _create_taken_email,
    },
    "updateSubscriber": {
        **_change("subscriber_id", World.subscriber, {"country": "France"}, {"country": "Atlantis"}),
        409: _taken_email,
    },
    "deleteSubscriber": _deleted("subscriber_id", World.subscriber),
    "updateSubscriberStatus": _change("subscriber_id", World.subscriber, {"status": "Active"}, {"status": "x"}),
    "addSubscriberTag": _membership("tag_id", World.tag),
    "removeSubscriberTag": _membership("tag_id", World.tag),
    "addSubscriberSequence": _membership("sequence_id", World.sequence),
    "removeSubscriberSequence": _membership("sequence_id", World.sequence),
    "listTags": _listed(World.tag, search="thing"),
    "createTag": {
        201: lambda w: body(name=w.name(), description="Fair"),
        400: lambda _: body(description="Fair"),
        409: lambda w: body(name=_taken(w, w.tag)),
    },
    "getTag": _got("tag_id", World.tag),
    "updateTag": {
        **_change("tag_id", World.tag, {"description": "Fair"}, {}),
        409: lambda w: path(tag_id=w.tag()) | body(name=_taken(w, w.tag)),
    },
    "deleteTag": {**_deleted("tag_id", World.tag), 409: _tag_in_use},
    "listCustomFields": _listed(World.field, search="text"),
    "createCustomField": {
        201: lambda w: body(label=w.name(), type="Multi Select", settings={"options": ["S", "L"]}),
        400: lambda w: body(label=w.name()),
    },
    "getCustomField": _got("custom_field_id", World.field),
    "updateCustomField": {
        **_change("custom_field_id", World.field, {"type": "Text Area"}, {}),
        409: _field_with_values,
    },
    "deleteCustomField": {**_deleted("custom_field_id", World.field), 409: _field_in_use},
    "listSequences": _listed(World.sequence, search="thing"),
    "createSequence": {
        201: lambda w: body(name=w.name(), definition={"emails": [{"id": "e", "subject": "Hi"}]}),
        400: lambda w: body(name=w.name()),
    },
    "getSequence": _got("sequence_id", World.sequence),
    "updateSequence": _change("sequence_id", World.sequence, {"utm_source": "mail"}, {}),
    "updateSequenceStatus": _change("sequence_id", World.sequence, {"status": "running"}, {"status": "x"}),
    "deleteSequence": _deleted("sequence_id", World.sequence),
    "listSegments": _listed(World.segment, search="thing"),
    "createSegment": {
        201: lambda w: body(name=w.name(), definition=_ACTIVE, description="Fair"),
        400: lambda w: body(name=w.name(), definition={"match": "all", "groups": []}),
        409: lambda w: body(name=_taken(w, w.segment), definition=_ACTIVE),
    },
    "getSegment": _got("segment_id", World.segment),
    "updateSegment": {
        **_change("segment_id", World.segment, {"description": "Fair"}, {}),
        409: lambda w: path(segment_id=w.segment()) | body(name=_taken(w, w.segment)),
    },
    "deleteSegment": {**_deleted("segment_id", World.segment), 409: _segment_in_use},
    "previewSegment": {
        200: lambda _: body(definition=_ACTIVE),
        400: lambda _: body(definition={"match": "all", "groups": []}),
    },
    "listSubscriberImportJobs": _listed(World.import_job),
    "createSubscriberImportJob": {
        202: lambda w: body(upload_id=w.ready_upload(), mappings=MAPPINGS, dry_run=True),
        400: lambda _: body(csv_text="Email\n"),
        409: lambda w: body(upload_id=w.used_upload(), mappings=MAPPINGS),
    },
    "startSubscriberImportUpload": {201: lambda _: {}},
    "getSubscriberImportUpload": {**_got("upload_id", World.used_upload)},
    "getSubscriberImportJob": _got("job_id", World.import_job),
    "listSubscriberExportJobs": _listed(World.export_job),
    "createSubscriberExportJob": {202: lambda _: {}, 400: lambda _: body(status="x")},
    "getSubscriberExportJob": _got("job_id", World.export_job),
}
"""operationId -> status -> how it comes about; 401 and 403 come about the same way everywhere."""
