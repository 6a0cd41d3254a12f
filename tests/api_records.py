"""Creates and reads over the API what tests need."""

import json
from decimal import Decimal
from typing import Any
from urllib.parse import urlencode

from conftest import Reply, Server

from mailrith_lite.api import sequence_definition

SUBSCRIBERS = "/v1/subscribers"
LONG_AGO = "2001-09-09T01:46:40.000Z"
_TABLES = ("subscribers", "tags", "custom_fields", "sequences", "segments")


def data_of(reply: Reply) -> Any:
    """The data of the answer to a successful request."""
    assert reply.status in (200, 201, 202), reply.body
    return reply.json["data"]


def tag(server: Server, name: str, **body: Any) -> Any:
    return data_of(server.call("POST", "/v1/tags", {"name": name, **body}))


def field(server: Server, label: str, kind: str = "Text", options: list[str] | None = None) -> Any:
    settings = {} if options is None else {"settings": {"options": options}}
    return data_of(server.call("POST", "/v1/custom-fields", {"label": label, "type": kind, **settings}))


def sequence(server: Server, name: str = "Welcome", **body: Any) -> Any:
    return data_of(server.call("POST", "/v1/sequences", {"name": name, "definition": {"emails": []}, **body}))


def page(server: Server, path: str, **query: Any) -> Any:
    """The items of a list and its pagination. `query`: the parameters."""
    reply = server.call("GET", f"{path}?{urlencode(query)}")
    assert reply.status == 200, reply.body
    return reply.json


def email(**members: Any) -> Any:
    """An email of a sequence's definition."""
    return {**sequence_definition.EXAMPLE["emails"][0], **members}


def subscriber(server: Server, email: str = "ada@example.com", **body: Any) -> Any:
    """Creates a subscriber, or changes the one with this email."""
    return data_of(server.call("POST", SUBSCRIBERS, {"email": email, **body}))


def definition(field: str, operator: str, value: Any = None, **more: Any) -> Any:
    """The definition of a segment, with one condition."""
    condition = {"id": "c", "field": field, "operator": operator, "value": value, **more}
    return {"match": "all", "groups": [{"id": "g", "match": "all", "conditions": [condition]}]}


def segment(server: Server, name: str, definition: Any) -> Any:
    return data_of(server.call("POST", "/v1/segments", {"name": name, "definition": definition}))


def read(server: Server, resource: Any) -> Any:
    """The resource as it is now."""
    return data_of(server.call("GET", resource["self"]))


def exact_data(reply: Reply) -> Any:
    """The data of an answer, with every digit of its numbers."""
    return json.loads(reply.body, parse_float=Decimal)["data"]


def details(reply: Reply) -> tuple[int, str, str | None, str | None]:
    """(status, code, field, reason) of an error."""
    members = reply.error.get("details", {})
    return reply.status, reply.error["code"], members.get("field"), members.get("reason")


def execute(server: Server, sql: str, *parameters: Any) -> None:
    """Changes the database of the service directly."""

    async def write() -> None:
        async with server.services.database.write() as connection:
            await connection.execute(sql, parameters)

    server.wait(write())


def backdate(server: Server) -> None:
    """Sets `created_at` and `updated_at` of everything to LONG_AGO, so that a change shows in `updated_at`."""
    for table in _TABLES:
        execute(server, f"UPDATE {table} SET created_at = 1000000000000, updated_at = 1000000000000")


def hold_jobs(server: Server) -> None:
    """No job starts until `release_jobs`."""
    server.wait(server.services.runner.stop())


def release_jobs(server: Server) -> None:
    """Starts the held jobs, and waits until they end."""

    async def start() -> None:
        server.services.runner._stopping = False
        await server.services.runner.start()

    server.wait(start())
    server.drain()
