"""A workspace with one of everything in it, and a request for every operation that finds it there."""

import re
from collections.abc import Mapping
from typing import Any

from conftest import MAPPINGS, Reply, Server

from mailrith_lite import ids
from mailrith_lite.api.routes import ROUTES, Route
from mailrith_lite.jobs.kinds import EXPORT, IMPORT

OPERATIONS = {route.operation_id: route for route in ROUTES}
ALL_OF_THEM: dict[str, Any] = {
    "match": "all",
    "groups": [
        {
            "id": "g",
            "match": "all",
            "conditions": [{"id": "c", "field": "subscriber_status", "operator": "is_not", "value": "Blocked"}],
        }
    ],
}
BODIES: dict[str, dict[str, Any]] = {
    "upsertSubscriber": {"email": "new@example.com"},
    "updateSubscriber": {"country": "GB"},
    "updateSubscriberStatus": {"status": "Unsubscribed"},
    "createTag": {"name": "New"},
    "updateTag": {"description": "Changed"},
    "createCustomField": {"label": "New", "type": "Text"},
    "updateCustomField": {"label": "Changed"},
    "createSequence": {"name": "New", "definition": {"emails": []}},
    "updateSequence": {"track_opens": False},
    "updateSequenceStatus": {"status": "running"},
    "createSegment": {"name": "New", "definition": ALL_OF_THEM},
    "previewSegment": {"definition": ALL_OF_THEM},
    "updateSegment": {"description": "Changed"},
    "createSubscriberImportJob": {"csv_text": "Email,Name\nnew@example.com,New\n", "mappings": MAPPINGS},
    "createSubscriberExportJob": {},
}
_FREE = {"addSubscriberTag": {"tag": "free_tag"}, "addSubscriberSequence": {"sequence": "free_sequence"}}


class Everything:
    """One of everything, all of it named by one word, which is also the workspace's name unless another is given.

    `known`: what a request can name, such as `tag` -> its public id. The subscriber has `tag` and is in `sequence`,
    and has nothing to do with `free_tag` and `free_sequence`.
    """

    def __init__(self, server: Server, word: str, *, workspace: str | None = None) -> None:
        self.key = server.new_key(workspace=workspace or word)
        self._server = server
        email = f"{word}@example.com"
        sequence = {"definition": {"emails": []}}
        field = self._make("custom-fields", label=word, type="Text")
        profile = {"name": word, "custom_fields": {field: word}, "new_tags": [word]}
        self.known = {
            ids.TAG: self._make("tags", name=word),
            "free_tag": self._make("tags", name=f"Free {word}"),
            ids.CUSTOM_FIELD: field,
            ids.SEQUENCE: self._make("sequences", name=word, **sequence),
            "free_sequence": self._make("sequences", name=f"Free {word}", **sequence),
            ids.SEGMENT: self._make("segments", name=word, definition=ALL_OF_THEM),
            ids.SUBSCRIBER: self._make("subscribers", email=email, **profile),
            IMPORT.id_prefix: self._make(
                "jobs/subscriber-imports", csv_text=f"Email\n{word}\n", mappings=MAPPINGS[:1]
            ),
            EXPORT.id_prefix: self._make("jobs/subscriber-exports"),
            ids.UPLOAD: self._make("jobs/subscriber-import-uploads"),
            "name": word,
            "email": email,
        }
        assert self.ask("addSubscriberSequence", named={"free_sequence": self.known[ids.SEQUENCE]}).status == 200

    def _make(self, path: str, **body: Any) -> str:
        reply = self._server.call("POST", f"/v1/{path}", body, key=self.key)
        assert reply.status in (201, 202), reply.body
        return str(reply.json["data"]["id"])

    def ask(
        self,
        operation_id: str,
        *,
        key: str | None = None,
        named: Mapping[str, str] | None = None,
        query: str = "",
        body: Any = None,
    ) -> Reply:
        """The operation's request. `named`: other ids than the known ones. `body`: instead of the usual one."""
        route = OPERATIONS[operation_id]
        path = address(route, {**self.known, **(named or {})})
        body = BODIES.get(operation_id) if body is None else body
        return self._server.call(route.method, path + query, body, key=key or self.key)


def parameters(route: Route) -> list[str]:
    """What the path names, such as `tag`."""
    job = IMPORT.id_prefix if "imports" in route.path else EXPORT.id_prefix
    found = [name.removesuffix("_id") for name in re.findall(r"\{(\w+)\}", route.path)]
    return [_FREE.get(route.operation_id, {}).get(name, job if name == "job" else name) for name in found]


def address(route: Route, known: Mapping[str, str]) -> str:
    return re.sub(r"\{\w+\}", "{}", route.path).format(*(known[name] for name in parameters(route)))


def contents(server: Server) -> dict[str, list[tuple[Any, ...]]]:
    """Every row that a request can change."""
    tables = server.rows(
        """SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'
        AND name NOT LIKE '%search%' AND name <> 'api_keys' ORDER BY name"""
    )
    return {table: sorted(server.rows(f"SELECT * FROM {table}"), key=repr) for (table,) in tables}
