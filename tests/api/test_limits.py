"""The limits of keys and workspaces: what is over one gets 429, and nobody else notices."""

from collections.abc import Callable
from time import monotonic

import pytest
from api_records import definition
from conftest import KEY, Reply, Server
from console.visitor import Visitor, signed_in, text
from uploading import CSV, finished, put, start, submit
from wire import envelope

SEARCH = "/v1/subscribers?search=ada"
PREVIEW = {"definition": definition("subscriber_status", "is", "Active")}


def refused(reply: Reply, code: str, reason: str | None = None) -> bool:
    """Whether the reply has this code, says when to try again, and ends with a sentence."""
    assert int(reply.headers["retry-after"]) >= 1
    assert reply.error["message"].endswith(".")
    assert reply.error.get("details", {}).get("reason") == reason
    return envelope(reply) == (429, "invalid_request", code)


class Slow:
    """Requests to a service of one request a second, after two at once. `pass_second` moves the time on."""

    def __init__(self, server: Server, bucket: str) -> None:
        self.server = server
        self._seconds = monotonic()
        getattr(server.services.request_rates, bucket)._time = lambda: self._seconds

    def pass_second(self) -> None:
        self._seconds += 1

    def statuses(self, times: int, key: str = KEY) -> list[int]:
        return [self.server.call("GET", "/v1/tags", key=key).status for _ in range(times)]


def test_key_that_sends_too_much_waits_and_another_key_does_not(serve: Callable[..., Server]) -> None:
    slow = Slow(serve(key_rate=1, rate_burst=2), "_by_key")
    other = slow.server.new_key()
    assert slow.statuses(3) == [200, 200, 429]
    assert refused(slow.server.call("GET", "/v1/tags"), "rate_limited", "key_requests")
    assert slow.statuses(2, other) == [200, 200]
    slow.pass_second()
    assert slow.statuses(2) == [200, 429]


def test_workspace_that_sends_too_much_waits_and_another_workspace_does_not(serve: Callable[..., Server]) -> None:
    slow = Slow(serve(workspace_rate=1, rate_burst=2), "_by_workspace")
    same, other = slow.server.new_key(), slow.server.new_key(workspace="Other")
    assert slow.statuses(1) + slow.statuses(2, same) == [200, 200, 429]
    assert refused(slow.server.call("GET", "/v1/tags"), "rate_limited", "workspace_requests")
    assert slow.statuses(2, other) == [200, 200]
    slow.pass_second()
    assert slow.statuses(2) == [200, 429]


@pytest.mark.slow
def test_rate_of_a_key_counts_in_the_console_and_for_its_links(serve: Callable[..., Server]) -> None:
    server = serve(key_rate=1, rate_burst=100)
    visitor = signed_in(server)
    export, _ = server.export_csv()
    upload = start(server)
    slow = Slow(server, "_by_key")
    slow.statuses(100)
    assert (page := visitor.get("/console")).status == 429
    assert "too many requests" in text(page)
    assert refused(server.fetch(export["download_url"]), "rate_limited", "key_requests")
    assert refused(put(server, upload), "rate_limited", "key_requests")
    slow.pass_second()
    assert put(server, upload).status == 200


def test_rate_is_checked_before_the_body_is_read_and_the_scopes(serve: Callable[..., Server]) -> None:
    slow = Slow(serve(key_rate=1, rate_burst=2), "_by_key")
    reader = slow.server.new_key(scopes=("tags:read",))
    slow.statuses(2, reader)
    reply = slow.server.call("POST", "/v1/tags", b"no JSON", key=reader)
    assert refused(reply, "rate_limited", "key_requests")


def test_wrong_key_does_not_use_up_the_rate_of_a_key(serve: Callable[..., Server]) -> None:
    slow = Slow(serve(key_rate=1, rate_burst=2), "_by_key")
    assert slow.statuses(5, "mrk_unknown_example_key") == [401] * 5
    assert slow.statuses(2) == [200, 200]


@pytest.mark.slow
def test_reads_that_wait_are_limited_for_each_workspace(serve: Callable[..., Server]) -> None:
    server = serve(workspace_readers=1, max_waiting_reads=1)
    other = server.new_key(workspace="Other")
    counted = server.services.database._readers._at_once
    with counted.hold(1), counted.hold(1):  # one that reads, one that waits
        assert refused(server.call("GET", "/v1/tags?search=a"), "too_many_reads")
        assert server.call("GET", "/v1/tags?search=a", key=other).status == 200
        assert server.call("GET", "/healthz", key=None).status == 200
    assert server.call("GET", "/v1/tags?search=a").status == 200


@pytest.mark.slow
def test_searches_and_counts_are_limited_for_each_workspace(serve: Callable[..., Server]) -> None:
    server = serve(max_searches=1)
    visitor = signed_in(server)
    other = server.new_key(workspace="Other")
    with server.services.searches.hold(1):
        assert refused(server.call("GET", SEARCH), "too_many_searches")
        assert refused(server.call("POST", "/v1/segments/preview", PREVIEW), "too_many_searches")
        for page in ("/console/subscribers?search=ada", "/console/exports/new?search=ada"):
            assert visitor.get(page).status == 429
        assert server.call("GET", "/v1/subscribers").status == 200
        assert visitor.get("/console/subscribers").status == 200
        assert server.call("GET", SEARCH, key=other).status == 200
        assert server.call("POST", "/v1/segments/preview", PREVIEW, key=other).status == 200
    assert server.call("GET", SEARCH).status == 200
    assert server.call("POST", "/v1/segments/preview", PREVIEW).status == 200
    with server.services.searches.hold(1):  # a size that is known is not counted again
        assert server.call("POST", "/v1/segments/preview", PREVIEW).status == 200


def test_bytes_of_waiting_uploads_are_limited_for_each_workspace(serve: Callable[..., Server]) -> None:
    server = serve(max_kept_upload_bytes=len(CSV) + 10)
    first, second = start(server), start(server)
    elsewhere = start(server, key=server.new_key(workspace="Other"))
    assert put(server, first).status == 200
    before = set((server.settings.data_dir / "uploads").iterdir())
    assert refused(put(server, second), "upload_space_full")
    assert set((server.settings.data_dir / "uploads").iterdir()) == before
    assert put(server, elsewhere).status == 200
    assert put(server, first).status == 200  # in the place of its own file
    finished(server, submit(server, first))
    assert put(server, second).status == 200


def test_full_upload_space_refuses_a_file_before_it_is_read(serve: Callable[..., Server]) -> None:
    server = serve(max_kept_upload_bytes=len(CSV))
    assert put(server, start(server)).status == 200
    assert refused(put(server, start(server), b"\0 not a CSV file"), "upload_space_full")


def test_bytes_of_an_upload_are_those_on_the_disk(serve: Callable[..., Server]) -> None:
    legacy = "Email,Name\nzoe@example.com,Zoë\n".encode("latin-1")
    server = serve(max_kept_upload_bytes=2 * len(legacy))  # it is kept as it came, too, and in UTF-8 it is longer
    assert refused(put(server, start(server), legacy), "upload_space_full")


def test_file_form_of_the_console_says_that_the_upload_space_is_full(serve: Callable[..., Server]) -> None:
    server = serve(max_kept_upload_bytes=10)
    visitor: Visitor = signed_in(server)
    reply = visitor.send(
        "POST",
        "/console/imports/new",
        b'--b\r\nContent-Disposition: form-data; name="form_token"\r\n\r\n'
        + visitor.token().encode()
        + b'\r\n--b\r\nContent-Disposition: form-data; name="file"; filename="a.csv"\r\n\r\n'
        + CSV
        + b"\r\n--b--\r\n",
        {"Content-Type": "multipart/form-data; boundary=b", "Origin": visitor.origin},
    )
    assert reply.status == 429
    assert "may take 10 bytes" in text(reply)


@pytest.mark.slow
@pytest.mark.parametrize("limit", ["key_requests", "too_many_searches", "wrong_keys"])
def test_metrics_count_refusals_by_limit(serve: Callable[..., Server], limit: str) -> None:
    server = serve(metrics_token="a-token-of-the-monitoring", max_searches=1, key_rate=1, wrong_key_limit=1)

    def count() -> float:
        body = server.call("GET", "/metrics", key="a-token-of-the-monitoring").body.decode()
        lines = [line for line in body.splitlines() if f'limited_requests_total{{limit="{limit}"}}' in line]
        return float(lines[0].split()[-1]) if lines else 0.0

    before = count()
    if limit == "wrong_keys":
        for _ in range(2):
            server.call("GET", "/v1/tags", key="mrk_unknown_example_key")
    elif limit == "too_many_searches":
        with server.services.searches.hold(1):
            server.call("GET", SEARCH)
    else:
        server.services.request_rates._by_key._burst = 0
        server.call("GET", "/v1/tags")
    assert count() == before + 1
