"""`Idempotency-Key`: the same key and body get the first answer again, and create nothing twice."""

import json
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import time_machine
from api_calls import example, operations, table
from conftest import MAPPINGS, Reply, Server
from wire import EMAIL, EXPORTS, IMPORTS, envelope, exchange, post, running_service, sources

from mailrith_lite.api.routes import ROUTES, Route

CSV = "Email,Name\nada@example.com,Ada\n"
IMPORT: dict[str, Any] = {"csv_text": CSV, "mappings": MAPPINGS}
POSTS = [route for route in ROUTES if route.idempotent and not route.path_names]
EACH = pytest.mark.parametrize("route", POSTS, ids=operations(POSTS))
DAY = 86_400


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with running_service(tmp_path_factory) as server:
        yield server


def submit(server: Server, path: str, body: Any, key: str | None = "k", **more: Any) -> Reply:
    return server.call("POST", path, body, headers={} if key is None else {"Idempotency-Key": key}, **more)


def count(server: Server, name: str) -> int:
    """The rows of a table."""
    return int(server.rows(f"SELECT count(*) FROM {name}")[0][0])


@EACH
def test_the_first_answer_is_replayed_byte_for_byte(server: Server, route: Route) -> None:
    first = submit(server, route.path, example(route))
    server.drain()
    second = submit(server, route.path, example(route))
    assert (second.status, second.body) == (first.status, first.body)
    assert "idempotent-replayed" not in first.headers
    assert second.headers["idempotent-replayed"] == "true"
    assert second.headers["location"] == first.headers["location"]
    assert second.headers.get("retry-after") == first.headers.get("retry-after")
    assert second.headers["x-mailrith-request-id"] != first.headers["x-mailrith-request-id"]
    assert count(server, table(route)) == 1


def test_the_replayed_answer_of_a_finished_job_still_says_queued(server: Server) -> None:
    job = submit(server, IMPORTS, IMPORT).json["data"]
    server.drain()
    assert server.call("GET", job["self"]).json["data"]["status"] == "Completed"
    again = submit(server, IMPORTS, IMPORT).json["data"]
    assert (again, again["status"], again["imported_count"]) == (job, "Queued", None)
    assert not sources(server)


@EACH
def test_another_body_is_a_conflict(server: Server, route: Route) -> None:
    submit(server, route.path, example(route))
    server.drain()
    reply = submit(server, route.path, json.dumps(example(route)).encode() + b" ")
    assert envelope(reply) == (409, "conflict", "idempotency_key_reused")
    assert count(server, table(route)) == 1
    assert not sources(server)


def test_no_body_and_an_empty_object_are_different_bodies(server: Server) -> None:
    assert submit(server, EXPORTS, None).status == 202
    assert submit(server, EXPORTS, None).headers["idempotent-replayed"] == "true"
    assert submit(server, EXPORTS, {}).status == 409


def test_another_body_is_a_conflict_even_if_it_is_invalid(server: Server) -> None:
    submit(server, "/v1/tags", {"name": "Spring"})
    assert submit(server, "/v1/tags", b"{").status == 409


@EACH
@pytest.mark.parametrize("body", [b"{", []], ids=["not JSON", "not an object"])
def test_a_refused_request_can_be_corrected_and_sent_with_the_same_key(
    server: Server, route: Route, body: Any
) -> None:
    assert submit(server, route.path, body).status == 400
    assert count(server, "idempotency_records") == 0
    reply = submit(server, route.path, example(route))
    assert reply.status == route.statuses[0]
    assert "idempotent-replayed" not in reply.headers


@pytest.mark.parametrize(
    ("path", "bad", "good"),
    [
        (IMPORTS, {"csv_text": CSV, "mappings": []}, IMPORT),
        ("/v1/tags", {"name": ""}, {"name": "Spring"}),
        ("/v1/subscribers", {"email": "ada"}, {"email": "ada@example.com"}),
    ],
)
def test_a_refused_value_can_be_corrected_and_sent_with_the_same_key(
    server: Server, path: str, bad: Any, good: Any
) -> None:
    assert submit(server, path, bad).status == 400
    assert count(server, "idempotency_records") == 0
    assert submit(server, path, good).status in (201, 202)


def test_a_conflict_is_not_recorded(server: Server) -> None:
    submit(server, "/v1/tags", {"name": "Spring"}, None)
    assert submit(server, "/v1/tags", {"name": "Spring"}).error["code"] == "tag_name_conflict"
    assert submit(server, "/v1/tags", {"name": "Autumn"}).status == 201


@EACH
def test_a_key_in_double_quotes_equals_the_key_without_them(server: Server, route: Route) -> None:
    first = submit(server, route.path, example(route), '"order 66"')
    assert submit(server, route.path, example(route), "order 66").body == first.body
    assert submit(server, route.path, example(route), "  order 66 ").body == first.body
    assert count(server, table(route)) == 1


@pytest.mark.parametrize(
    "key", ["a", "~", '"', "k" * 255, f'"{"k" * 255}"', "import-2026-04-11", "a/b?c=d&e", "'--"]
)
def test_a_key_has_up_to_255_printable_ascii_characters(service: Server, key: str) -> None:
    assert submit(service, EXPORTS, {}, key).status == 202
    assert submit(service, EXPORTS, {}, key).headers["idempotent-replayed"] == "true"


@pytest.mark.parametrize(
    "key",
    [b"", b"   ", b'""', b"k" * 256, b'"' + b"k" * 256 + b'"', "clé".encode(), "☃".encode(), b"a\tb", b"\xff"],
)
@EACH
def test_any_other_key_is_refused(service: Server, route: Route, key: bytes) -> None:
    reply = exchange(service, post(route.path, b"Idempotency-Key: " + key, b"Content-Length: 2", body=b"{}"))
    assert envelope(reply) == (400, "invalid_request", "idempotency_key_invalid")


def test_a_key_belongs_to_one_operation(server: Server) -> None:
    replies = [submit(server, route.path, example(route)) for route in POSTS]
    assert [reply.status for reply in replies] == [route.statuses[0] for route in POSTS]
    assert not [reply for reply in replies if "idempotent-replayed" in reply.headers]


def test_another_api_key_of_the_workspace_gets_the_first_answer(server: Server) -> None:
    first = submit(server, "/v1/tags", {"name": "Spring"})
    second = server.call(
        "POST", "/v1/tags", {"name": "Spring"}, key=server.new_key(), headers={"Idempotency-Key": "k"}
    )
    assert second.body == first.body


@EACH
def test_a_new_request_replaces_an_expired_record_and_the_old_resource_stays(server: Server, route: Route) -> None:
    first = submit(server, route.path, example(route))
    server.drain()
    with time_machine.travel(time.time() + DAY - 60, tick=True):
        assert submit(server, route.path, example(route)).body == first.body
    with time_machine.travel(time.time() + DAY + 60, tick=True):
        again = submit(server, route.path, example(route, "other"))
        assert again.status == first.status
        assert "idempotent-replayed" not in again.headers
        server.drain()
    assert again.headers["location"] != first.headers["location"]
    assert count(server, table(route)) == 2
    assert count(server, "idempotency_records") == 1


def test_the_lifetime_of_a_record_is_a_setting(serve: Callable[..., Server]) -> None:
    server = serve(idempotency_ttl=3_600)
    first = submit(server, EXPORTS, {})
    with time_machine.travel(time.time() + 3_590, tick=True):
        assert submit(server, EXPORTS, {}).body == first.body
    with time_machine.travel(time.time() + 3_610, tick=True):
        assert submit(server, EXPORTS, {}).body != first.body


@EACH
def test_many_identical_requests_at_once_create_one_resource(server: Server, route: Route) -> None:
    barrier = threading.Barrier(20)

    def one(number: int) -> Reply:
        if number < 20:
            barrier.wait(30)
        return submit(server, route.path, example(route))

    with ThreadPoolExecutor(20) as pool:
        replies = list(pool.map(one, range(40)))
    server.drain()
    assert len({(reply.status, reply.body) for reply in replies}) == 1
    assert sum("idempotent-replayed" not in reply.headers for reply in replies) == 1
    assert count(server, table(route)) == 1
    assert not sources(server)


def test_of_different_bodies_at_once_with_one_key_one_is_created(server: Server) -> None:
    with ThreadPoolExecutor(20) as pool:
        replies = list(pool.map(lambda n: submit(server, "/v1/tags", {"name": f"Tag {n}"}), range(40)))
    assert sorted(reply.status for reply in replies) == [201] + [409] * 39
    assert {reply.error["code"] for reply in replies if reply.status == 409} == {"idempotency_key_reused"}
    assert count(server, "tags") == 1


@pytest.mark.parametrize(("path", "body"), [(IMPORTS, IMPORT), (EXPORTS, {})])
def test_every_request_without_a_key_creates_a_job(server: Server, path: str, body: Any) -> None:
    replies = [submit(server, path, body, None) for _ in range(2)]
    assert replies[0].json["data"]["id"] != replies[1].json["data"]["id"]
    assert count(server, "idempotency_records") == 0


def large(last_name: str) -> dict[str, Any]:
    rows = "".join(f"user{number}@example.com,{'x' * 200}\n" for number in range(7_000))
    return {"csv_text": f"Email,Name\n{rows}last@example.com,{last_name}\n", "mappings": MAPPINGS}


def test_large_bodies_are_replayed_and_compared_too(server: Server) -> None:
    first = submit(server, IMPORTS, large("Ada"))
    second = submit(server, IMPORTS, large("Ada"))
    assert (first.status, second.body) == (202, first.body)
    assert submit(server, IMPORTS, large("Bob")).error["code"] == "idempotency_key_reused"
    server.drain()
    (progress,) = server.rows("SELECT rows_total, created_count FROM jobs")
    assert progress == (7_001, 7_001)
    assert not sources(server)


def test_identical_large_bodies_at_once_create_one_job(server: Server) -> None:
    body = json.dumps(large("Ada")).encode()
    with ThreadPoolExecutor(8) as pool:
        replies = list(pool.map(lambda _: submit(server, IMPORTS, body), range(8)))
    server.drain()
    assert len({reply.body for reply in replies}) == 1
    assert count(server, "jobs") == 1
    assert not sources(server)


def test_other_operations_ignore_the_header(server: Server) -> None:
    job = server.import_csv("Email\na@example.com\n", [EMAIL])
    headers = {"Idempotency-Key": "k" * 999}
    assert server.call("GET", job["self"], headers=headers).status == 200
    assert server.call("POST", f"{job['self']}/cancel", headers=headers).status == 409


def test_the_replayed_answer_of_an_update_has_the_subscriber_of_that_moment(server: Server) -> None:
    ada = {"email": "ada@example.com", "name": "Ada"}
    assert submit(server, "/v1/subscribers", ada, "first").status == 201
    second = submit(server, "/v1/subscribers", ada | {"name": "Countess"}, "second")
    assert (second.status, second.headers.get("location")) == (200, None)
    submit(server, "/v1/subscribers", ada | {"name": "Lady"}, "third")
    again = submit(server, "/v1/subscribers", ada | {"name": "Countess"}, "second")
    assert (again.status, again.body) == (200, second.body)
    assert again.headers["idempotent-replayed"] == "true"
    assert server.sdk().subscribers.list()["data"][0]["name"] == "Lady"
