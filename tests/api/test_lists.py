"""Lists: pages, cursors and their order."""

import json
from collections.abc import Iterator
from urllib.parse import quote

import pytest
from api_records import execute, page
from conftest import Server
from wire import EMAIL, EXPORTS, IMPORTS, envelope, running_service

from mailrith_lite import ids
from mailrith_lite.jobs.kinds import EXPORT, IMPORT

LISTS = {
    IMPORTS: IMPORT.id_prefix,
    EXPORTS: EXPORT.id_prefix,
    "/v1/tags": ids.TAG,
    "/v1/custom-fields": ids.CUSTOM_FIELD,
    "/v1/sequences": ids.SEQUENCE,
    "/v1/segments": ids.SEGMENT,
    "/v1/subscribers": ids.SUBSCRIBER,
}


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with running_service(tmp_path_factory) as server:
        for number in range(30):
            server.call("POST", "/v1/tags", {"name": f"Tag {number}"})
            server.call("POST", "/v1/custom-fields", {"label": f"Field {number}", "type": "Text"})
        yield server


@pytest.mark.slow
@pytest.mark.parametrize("path", ["/v1/tags", "/v1/custom-fields"])
def test_a_page_has_25_items_by_default(service: Server, path: str) -> None:
    first = page(service, path)
    assert len(first["data"]) == 25
    assert first["pagination"]["has_more"] is True
    rest = page(service, path, starting_after=first["pagination"]["next_cursor"])
    assert len(rest["data"]) == 5
    assert rest["pagination"] == {"has_more": False, "next_cursor": None}


@pytest.mark.slow
@pytest.mark.parametrize("limit", [1, 7, 29, 30, 31, 100])
def test_the_pages_together_have_the_whole_list_newest_first(service: Server, limit: int) -> None:
    seen: list[str] = []
    cursor: dict[str, str] = {}
    while True:
        answer = page(service, "/v1/tags", limit=limit, **cursor)
        assert len(answer["data"]) <= limit
        seen += [tag["name"] for tag in answer["data"]]
        if not answer["pagination"]["has_more"]:
            break
        cursor = {"starting_after": answer["pagination"]["next_cursor"]}
    assert seen == [f"Tag {number}" for number in reversed(range(30))]


@pytest.mark.parametrize(("path", "kind"), LISTS.items())
def test_an_empty_list_has_no_next_page(server: Server, path: str, kind: str) -> None:
    empty = {"data": [], "pagination": {"has_more": False, "next_cursor": None}}
    assert page(server, path) == empty
    assert page(server, path, starting_after=ids.encode(kind, 5)) == empty


def test_new_rows_do_not_move_the_next_page(server: Server) -> None:
    for number in range(4):
        server.call("POST", "/v1/tags", {"name": f"Tag {number}"})
    first = page(server, "/v1/tags", limit=2)
    for number in range(4, 8):
        server.call("POST", "/v1/tags", {"name": f"Tag {number}"})
    second = page(server, "/v1/tags", limit=2, starting_after=first["pagination"]["next_cursor"])
    assert [tag["name"] for tag in first["data"] + second["data"]] == ["Tag 3", "Tag 2", "Tag 1", "Tag 0"]
    assert second["pagination"] == {"has_more": False, "next_cursor": None}


def test_a_list_continues_after_its_last_row_was_deleted(server: Server) -> None:
    server.import_csv("Email\n" + "".join(f"user{n}@example.com\n" for n in range(4)), [EMAIL])
    first = page(server, "/v1/subscribers", limit=2)

    async def delete(number: int | None) -> None:
        async with server.services.database.write() as connection:
            await connection.execute("DELETE FROM subscribers WHERE id = ?", (number,))

    server.wait(delete(ids.decode(ids.SUBSCRIBER, first["pagination"]["next_cursor"])))
    second = page(server, "/v1/subscribers", limit=2, starting_after=first["pagination"]["next_cursor"])
    assert len(second["data"]) == 2


def test_a_list_of_jobs_has_one_kind_newest_first(server: Server) -> None:
    made = [server.sdk().jobs.create_export()["data"]["id"] for _ in range(3)]
    server.import_csv("Email\na@example.com\n", [EMAIL])
    first = page(server, EXPORTS, limit=2)
    second = page(server, EXPORTS, limit=2, starting_after=first["pagination"]["next_cursor"])
    assert [job["id"] for job in first["data"] + second["data"]] == made[::-1]
    assert len(page(server, IMPORTS)["data"]) == 1


@pytest.mark.parametrize(
    "limit", ["0", "00", "-1", "", " 5", "5 ", "+5", "1e1", "5.0", "0x5", "٥", "x", "1&limit=2"]
)
@pytest.mark.parametrize("path", LISTS)
def test_a_limit_is_one_whole_number_from_1(service: Server, path: str, limit: str) -> None:
    reply = service.call("GET", f"{path}?limit={quote(limit, safe='&=')}")
    assert envelope(reply) == (400, "invalid_request", "invalid_request")
    assert reply.error["details"] == {"field": "limit"}


@pytest.mark.parametrize("limit", ["101", "999999999999", "9" * 5_000, "0" * 30 + "101"])
def test_a_limit_of_more_than_100_is_read_as_100(server: Server, limit: str) -> None:
    execute(
        server,
        """INSERT INTO tags (workspace_id, name, name_key, created_at, updated_at)
        SELECT 1, 'tag ' || value, 'tag ' || value, 0, 0 FROM json_each(?)""",
        json.dumps(list(range(101))),
    )
    assert len(page(server, "/v1/tags", limit=limit)["data"]) == 100


@pytest.mark.parametrize(
    "cursor", ["", "x", "1", "workspace_9wdvsq5zmmz0n", "tag_", "_", "tag_zzzzzzzzzzzzz", "%00"]
)
@pytest.mark.parametrize("path", LISTS)
def test_a_cursor_must_come_from_a_page(service: Server, path: str, cursor: str) -> None:
    for name in ("starting_after", "cursor"):
        reply = service.call("GET", f"{path}?{name}={cursor}")
        assert envelope(reply) == (400, "invalid_request", "invalid_cursor")
        assert reply.error["details"] == {"field": name}


def test_starting_after_takes_only_a_cursor_of_the_list(service: Server) -> None:
    first = page(service, "/v1/tags", limit=2)
    cursor = first["pagination"]["next_cursor"]
    second = page(service, "/v1/tags", limit=2, starting_after=cursor)
    assert second["data"]
    assert page(service, "/v1/tags", limit=2, cursor=cursor) == second
    both = service.call("GET", f"/v1/tags?limit=2&starting_after={cursor}&cursor={cursor}")
    assert both.json == second
    other = second["pagination"]["next_cursor"]
    reply = service.call("GET", f"/v1/tags?starting_after={cursor}&cursor={other}")
    assert envelope(reply) == (400, "invalid_request", "invalid_cursor")
