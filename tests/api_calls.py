"""A valid request for every operation, made from the table of routes and the examples in its Structs.

A new resource needs nothing here: its POST creates one, and its example is the body.
"""

import copy
import itertools
import json
from collections.abc import Mapping
from importlib import resources
from typing import Any

from conftest import Reply, Server

from mailrith_lite import clock, ids
from mailrith_lite.api.routes import ROUTES, SECTIONS, Route
from mailrith_lite.jobs.kinds import BULK_CHANGE, EXPORT, IMPORT, KINDS, UNDO, kind_of

OPERATIONS = {route.operation_id: route for route in ROUTES}
MANIFEST: dict[str, dict[str, Any]] = {
    operation["operation_id"]: operation
    for namespace in json.loads(resources.files("mailrith_sdk").joinpath("manifest.json").read_text())
    for operation in namespace["operations"]
}
"""Every operation of the contract, as the SDK describes it."""
OURS = {
    "cancelSubscriberImportJob": ("subscribers:import", "live_actions:write"),
    "cancelSubscriberExportJob": ("subscribers:export",),
    "deleteSubscriberImportJob": ("subscribers:import", "live_actions:write"),
    "deleteSubscriberExportJob": ("subscribers:export",),
    "deleteSubscriberImportUndoJob": ("subscribers:import", "live_actions:write"),
    "undoSubscriberImport": ("subscribers:import", "live_actions:write"),
    "getSubscriberImportUndo": ("subscribers:import",),
    "previewSubscriberImportUndo": ("subscribers:import",),
    "cancelSubscriberImportUndo": ("subscribers:import", "live_actions:write"),
    "listSubscriberImportUndoJobs": ("subscribers:import",),
    "getSubscriberImportUndoJob": ("subscribers:import",),
    "cancelSubscriberImportUndoJob": ("subscribers:import", "live_actions:write"),
    "listSubscriberChanges": ("subscribers:read",),
    "listSubscriberBulkChangeJobs": ("subscribers:read",),
    "createSubscriberBulkChangeJob": ("subscribers:write", "live_actions:write"),
    "previewSubscriberBulkChange": ("subscribers:read",),
    "getSubscriberBulkChangeJob": ("subscribers:read",),
    "deleteSubscriberBulkChangeJob": ("subscribers:write", "live_actions:write"),
    "cancelSubscriberBulkChangeJob": ("subscribers:write", "live_actions:write"),
    "undoSubscriberBulkChange": ("subscribers:write", "live_actions:write"),
    "testWebhookSubscription": ("webhooks:write", "live_actions:write"),
    "listWebhookDeliveries": ("webhooks:read",),
    "getWebhookDelivery": ("webhooks:read",),
    "resendWebhookDelivery": ("webhooks:write", "live_actions:write"),
}
"""The operations that the contract does not have, with their scopes."""
UNDOABLE, UNDONE = f"undoable_{IMPORT.id_prefix}", f"undone_{IMPORT.id_prefix}"
"""Imports that can be undone, and that have an undo."""
FINISHED_EXPORT, FINISHED_UNDO = f"finished_{EXPORT.id_prefix}", f"finished_{UNDO.id_prefix}"
UNDOABLE_BULK, FINISHED_BULK = f"undoable_{BULK_CHANGE.id_prefix}", f"finished_{BULK_CHANGE.id_prefix}"
SPECIAL = (UNDOABLE, UNDONE, FINISHED_EXPORT, FINISHED_UNDO, UNDOABLE_BULK, FINISHED_BULK)
"""Kinds of job in a state that an operation needs."""
_JOBS = {
    "deleteSubscriberImportJob": UNDOABLE,
    "deleteSubscriberExportJob": FINISHED_EXPORT,
    "deleteSubscriberImportUndoJob": FINISHED_UNDO,
    "undoSubscriberImport": UNDOABLE,
    "previewSubscriberImportUndo": UNDOABLE,
    "getSubscriberImportUndo": UNDONE,
    "cancelSubscriberImportUndo": UNDONE,
    "undoSubscriberBulkChange": UNDOABLE_BULK,
    "deleteSubscriberBulkChangeJob": FINISHED_BULK,
}
PUBLIC = {route.operation_id for route in ROUTES if route.public}
ABOUT_THE_API = {route.operation_id for section in SECTIONS if section.key is None for route in section.routes}
_NAMES = ("name", "label", "new_tag_name")


def operations(routes: Any) -> list[str]:
    """The operation ids, which are also the ids of parametrized tests."""
    return [route.operation_id for route in routes]


def kinds(route: Route) -> list[str]:
    """What the path names, in order, such as `tag`; `unused_tag` where a membership is added."""
    job = _JOBS.get(route.operation_id) or next(
        (kind.id_prefix for kind in KINDS if route.path.startswith(kind.path)), ""
    )
    named = [job if name == "job_id" else name.removesuffix("_id") for name in route.path_names]
    if route.operation_id in ("addSubscriberTag", "addSubscriberSequence"):
        named[1] = f"unused_{named[1]}"
    return named


def base(kind: str) -> str:
    """`tag` for `unused_tag`."""
    for prefix in ("unused_", "undoable_", "undone_", "finished_"):
        kind = kind.removeprefix(prefix)
    return kind


def _creators() -> dict[str, Route]:
    posts = {route.path: route for route in ROUTES if route.method == "POST"}
    items = [route for route in ROUTES if route.method == "GET" and len(route.path_names) == 1]
    own = {ids.DELIVERY: OPERATIONS["testWebhookSubscription"], UNDO.id_prefix: OPERATIONS["undoSubscriberImport"]}
    paths = {kinds(item)[0]: item.path.rpartition("/")[0] for item in items if item.path.endswith("}")}
    return {**{kind: posts[path] for kind, path in paths.items() if kind not in own}, **own}


CREATORS = _creators()
"""Kind of resource -> the operation that creates one."""


def listed(route: Route) -> str:
    """The kind of the items of a list."""
    if route.operation_id == "listWebhookDeliveries":
        return ids.DELIVERY
    if route.operation_id == "listSubscriberChanges":
        return ids.CHANGE
    if route.path == UNDO.path:
        return UNDO.id_prefix
    return next(kind for kind, creator in CREATORS.items() if creator.path == route.path)


def table(route: Route) -> str:
    """The database table of what the operation creates: `tags` for /v1/tags."""
    return route.path.split("/")[2].replace("-", "_")


def example(route: Route, word: str = "") -> Any:
    """A body that the operation accepts; None without one. `word` makes the names and the address in it unique."""
    form = route.signature.request
    if form is None:
        return None
    body = copy.deepcopy(form.EXAMPLE)
    if word:
        body |= {name: f"{body[name]} {word}" for name in _NAMES if name in body}
        if "email" in body:
            body["email"] = f"{word}@example.com"
    return body


class Workspace:
    """A workspace of a running service, which its `key` opens."""

    def __init__(self, server: Server, key: str) -> None:
        self.server = server
        self.key = key
        self._numbers = itertools.count(1)

    def word(self) -> str:
        """Another one each time."""
        return f"word{next(self._numbers)}"

    def create(self, kind: str, **fields: Any) -> str:
        """The id of a new resource. `fields` replace those of the example."""
        return self.create_in({}, kind, **fields)

    def create_in(self, known: Mapping[str, str], kind: str, **fields: Any) -> str:
        """As `create`, of a kind that belongs to another resource, whose id is in `known`."""
        if kind == ids.WEBHOOK_SUBSCRIPTION:
            self.make_room()
        if kind == UNDOABLE:
            return self._finished_import()
        if kind == UNDONE:
            return self._undo(self._finished_import())[0]
        if kind == UNDO.id_prefix:
            return self._undo(self._finished_import())[1]
        if kind == FINISHED_UNDO:
            return self._finish(self._undo(self._finished_import())[1])
        if kind == FINISHED_EXPORT:
            return self._finish(self.create(EXPORT.id_prefix))
        if kind == FINISHED_BULK:
            return self._finish(self.create(BULK_CHANGE.id_prefix))
        if kind == UNDOABLE_BULK:
            return self._changed_in_bulk()
        body = example(CREATORS[kind], self.word())
        path = address(CREATORS[kind], known)
        reply = self.server.call("POST", path, body and body | fields, key=self.key)
        assert reply.status in CREATORS[kind].statuses, reply.body
        data = reply.json["data"]
        return str(data.get("subscription", data)["id"])

    def create_named(self, route: Route) -> dict[str, str]:
        """New resources for the path of the route: the name of each parameter -> its id."""
        known: dict[str, str] = {}
        for kind in kinds(route):
            known[kind] = self.create_in(known, kind if kind in SPECIAL else base(kind))
        return {name: known[kind] for name, kind in zip(route.path_names, kinds(route), strict=True)}

    def _finished_import(self) -> str:
        """An import that has created somebody. Where no job runs, its end is written into the database."""
        public_id = self.create(IMPORT.id_prefix, csv_text=f"Email,Name,Country\n{self.word()}@example.com,,\n")
        if not self.server.services.runner._stopping:
            self.server.drain()
            return public_id

        async def finish() -> None:
            async with self.server.services.database.write() as connection:
                await connection.execute(
                    """UPDATE jobs SET status = 'Completed', rows_total = 1, rows_processed = 1, created_count = 1,
                        completed_at = ? WHERE id = ?""",
                    (clock.now(), IMPORT.decode(public_id)),
                )
                await connection.execute(
                    "UPDATE imports SET images = 'kept' WHERE job_id = ?", (IMPORT.decode(public_id),)
                )

        self.server.wait(finish())
        return public_id

    def _changed_in_bulk(self) -> str:
        """A bulk change that has changed somebody. Where no job runs, its end is written into the database."""
        person = self.create(ids.SUBSCRIBER)
        public_id = self.create(BULK_CHANGE.id_prefix, filter=None, subscriber_ids=[person])
        if not self.server.services.runner._stopping:
            self.server.drain()
            return public_id

        async def finish() -> None:
            async with self.server.services.database.write() as connection:
                await connection.execute(
                    """UPDATE jobs SET status = 'Completed', rows_total = 1, rows_processed = 1, changed_count = 1,
                        completed_at = ? WHERE id = ?""",
                    (clock.now(), BULK_CHANGE.decode(public_id)),
                )

        self.server.wait(finish())
        return public_id

    def _finish(self, public_id: str) -> str:
        """The job of this id, after its end, which is written into the database where no job runs."""
        if not self.server.services.runner._stopping:
            self.server.drain()
            return public_id
        kind = kind_of(public_id)
        assert kind is not None

        async def finish() -> None:
            async with self.server.services.database.write() as connection:
                await connection.execute(
                    "UPDATE jobs SET status = 'Failed', error_message = 'test', completed_at = ? WHERE id = ?",
                    (clock.now(), kind.decode(public_id)),
                )

        self.server.wait(finish())
        return public_id

    def _undo(self, import_id: str) -> tuple[str, str]:
        """The ids of the import and of its undo."""
        reply = self.server.call("POST", f"{IMPORT.path}/{import_id}/undo", key=self.key)
        assert reply.status == 202, reply.body
        return import_id, reply.json["data"]["id"]

    def make_room(self) -> None:
        """A workspace has at most 20 webhook subscriptions: deletes the oldest one of many."""
        path = CREATORS[ids.WEBHOOK_SUBSCRIPTION].path
        newest = self.server.call("GET", path, key=self.key).json["data"]
        if len(newest) > 10:
            assert self.server.call("DELETE", newest[-1]["self"], key=self.key).status == 200

    def call(
        self,
        operation_id: str,
        known: Mapping[str, str],
        *,
        query: str = "",
        body: Any = None,
        key: str | None = None,
    ) -> Reply:
        """`known`: kind -> id, for the path. `body`: instead of the example."""
        route = OPERATIONS[operation_id]
        body = example(route) if body is None else body
        return self.server.call(route.method, address(route, known) + query, body, key=key or self.key)


def address(route: Route, known: Mapping[str, str]) -> str:
    """The path of the route, with the ids in it."""
    return route.path.format(
        **{name: known[kind] for name, kind in zip(route.path_names, kinds(route), strict=True)}
    )
