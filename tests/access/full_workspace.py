"""A workspace with one resource of every kind, and the rows that requests can change."""

from typing import Any

from api_calls import CREATORS, SPECIAL, Workspace, example
from conftest import MAPPINGS, Reply, Server
from plain_sqlite import opened

from mailrith_lite import ids
from mailrith_lite.audience import blocks
from mailrith_lite.housekeeping.job_retention import JobRetention
from mailrith_lite.jobs.kinds import IMPORT


class FullWorkspace(Workspace):
    """One resource of every kind, all with the same name, which is also the name of the workspace unless another is
    given.

    `known`: what a request can name, such as `tag` -> its public id. The subscriber has `tag` and is in `sequence`,
    and has neither `unused_tag` nor `unused_sequence`.
    """

    def __init__(self, server: Server, word: str, *, workspace: str | None = None) -> None:
        super().__init__(server, server.new_key(workspace=workspace or word))
        self.known = {"name": word, "email": f"{word}@example.com"}
        special: dict[str, dict[str, Any]] = {
            ids.CUSTOM_FIELD: {"type": "Text", "settings": None},
            IMPORT.id_prefix: {"csv_text": f"Email\n{word}\n", "mappings": MAPPINGS[:1], "new_tag_name": None},
        }
        for kind in CREATORS:
            if kind != ids.SUBSCRIBER:
                self.known[kind] = self.create_in(self.known, kind, **_named(kind, word), **special.get(kind, {}))
        for kind in SPECIAL:
            self.known[kind] = self.create(kind)
        for kind in (ids.TAG, ids.SEQUENCE):
            self.known[f"unused_{kind}"] = self.create(kind, name=f"Unused {word}")
        self.known[ids.SUBSCRIBER] = self.create(
            ids.SUBSCRIBER,
            email=self.known["email"],
            name=word,
            status="Unconfirmed",
            custom_fields={self.known[ids.CUSTOM_FIELD]: word},
            new_tags=[word],
        )
        history = self.call("listSubscriberChanges", self.known)
        self.known[ids.CHANGE] = history.json["data"][0]["id"]
        own = {**self.known, "unused_sequence": self.known[ids.SEQUENCE]}
        assert self.call("addSubscriberSequence", own).status == 200

    def request(self, operation_id: str, **options: Any) -> Reply:
        """The operation on this workspace's resources; see `Workspace.call` for the options."""
        return self.call(operation_id, self.known, **options)


def _named(kind: str, word: str) -> dict[str, str]:
    body = example(CREATORS[kind]) or {}
    return {field: word for field in ("name", "label") if field in body}


_WITHOUT = {"audit_entries": " WHERE action <> 'key.refused'"}


def contents(server: Server) -> dict[str, list[tuple[Any, ...]]]:
    """Every row that a request can change, once the housekeeping has nothing left to do.

    The audit's entries about refused keys are left out: they are no work of the request.
    """
    services = server.services
    while server.wait(blocks.refresh(services.database)):
        pass
    retention = JobRetention(
        services.database,
        services.exports_directory,
        ttl=0,
        undo_ttl=0,
        is_running=services.runner.is_running,
    )
    server.wait(retention.remove_expired())
    server.wait(services.refused_keys.save(services.database))
    with opened(services.database.path) as connection:
        tables = connection.execute(
            """SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'
            AND name NOT LIKE '%search%' AND name NOT IN ('api_keys', 'erasures') ORDER BY name"""
        ).fetchall()
        return {
            table: sorted(connection.execute(f"SELECT * FROM {table}{_WITHOUT.get(table, '')}"), key=repr)
            for (table,) in tables
        }
