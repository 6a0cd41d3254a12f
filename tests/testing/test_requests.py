"""The requests of a client are recorded with their answers."""

import socket
import threading
import typing
from collections.abc import Iterator
from urllib.parse import urlsplit

import freezegun
import pytest
from mailrith_sdk import MailrithApiError, MailrithClient

from mailrith_lite.testing import Mailrith
from mailrith_lite.testing.recorder import RecordedRequest, Requests

IMPORT = {"csv_text": "Email\nada@example.com\n", "mappings": [{"csv_column": "Email", "field": {"type": "email"}}]}


@pytest.fixture
def client(mailrith: Mailrith) -> MailrithClient:
    return MailrithClient(base_url=mailrith.url, api_key=mailrith.api_key)


def test_requests_are_recorded_in_their_order(mailrith: Mailrith, client: MailrithClient) -> None:
    client.tags.create(body={"name": "VIP"}, idempotency_key="k1", headers={"x-mailrith-request-id": "mine"})
    client.subscribers.list(query={"limit": 2, "tag_ids": ["a", "b"]})
    with pytest.raises(MailrithApiError):
        client.forms.list()
    first, second, third = mailrith.requests
    assert (first.operation_id, first.method, first.path) == ("createTag", "POST", "/v1/tags")
    assert (first.json, first.idempotency_key, first.status) == ({"name": "VIP"}, "k1", 201)
    assert first.headers["authorization"] == f"Bearer {mailrith.api_key}"
    assert first.answer_headers["x-mailrith-request-id"] == "mine"
    assert first.answer_json["data"]["name"] == "VIP"
    assert second.query == {"limit": ["2"], "tag_ids": ["a", "b"]}
    assert (second.json, second.idempotency_key) == (None, None)
    assert (third.operation_id, third.status) == ("listForms", 501)
    assert [one.number for one in mailrith.requests] == [first.number, first.number + 1, first.number + 2]
    assert mailrith.requests[-1] is third
    assert mailrith.requests.to("createTag") == [first]
    assert repr(mailrith.requests) == "<Requests: createTag 201, listSubscribers 200, listForms 501>"


def test_refused_requests_are_recorded_with_their_bodies(mailrith: Mailrith, client: MailrithClient) -> None:
    with pytest.raises(MailrithApiError):
        client.tags.create(body={"nom": "VIP"})
    with pytest.raises(MailrithApiError):
        client.with_api_key("mrk_nobody_knows_this_key").tags.create(body={"name": "VIP"})
    assert client.transport("POST", f"{mailrith.url}/v1/nothing", {}, "{}")[0] == 404
    recorded = [(one.operation_id, one.status, one.json) for one in mailrith.requests]
    assert recorded == [("createTag", 400, {"nom": "VIP"}), ("createTag", 401, {"name": "VIP"}), (None, 404, {})]


def test_first_mebibyte_of_a_large_body_is_recorded(mailrith: Mailrith, client: MailrithClient) -> None:
    text = "Email\n" + "ada@example.com\n" * 200_000
    client.jobs.create_import(body={**IMPORT, "csv_text": text})
    (sent,) = mailrith.requests
    assert (sent.status, len(sent.body)) == (202, 1 << 20)


def test_clear_forgets_earlier_requests(mailrith: Mailrith, client: MailrithClient) -> None:
    client.tags.list()
    mailrith.requests.clear()
    client.sequences.list()
    assert [one.operation_id for one in mailrith.requests] == ["listSequences"]


def test_wait_for_waits_for_another_thread(mailrith: Mailrith, client: MailrithClient) -> None:
    def work() -> None:
        client.tags.create(body={"name": "VIP"})
        client.tags.list()
        client.tags.list()

    thread = threading.Thread(target=work)
    thread.start()
    listed = mailrith.requests.wait_for("listTags", count=2, timeout=10)
    assert [one.status for one in listed] == [200, 200]
    assert mailrith.requests.wait_for()[0].operation_id == "createTag"
    thread.join()


def test_wait_for_times_out_and_lists_the_requests(mailrith: Mailrith, client: MailrithClient) -> None:
    client.tags.list()
    with pytest.raises(TimeoutError, match=r"0 of 1 requests to createTag came within 0 s; .*listTags 200"):
        mailrith.requests.wait_for("createTag", timeout=0)
    with pytest.raises(ValueError, match="no operation"):
        mailrith.requests.wait_for("nothing")


def test_frozen_time_does_not_stop_waits_and_delays(mailrith: Mailrith, client: MailrithClient) -> None:
    with freezegun.freeze_time("2026-01-01"):
        mailrith.delay_next("listTags", seconds=0.01)
        client.tags.list()
        with pytest.raises(TimeoutError):
            mailrith.requests.wait_for("listTags", count=2, timeout=0.01)


def test_close_forgets_the_requests_of_the_workspace(mailrith: Mailrith) -> None:
    other = mailrith.workspace()
    MailrithClient(base_url=other.url, api_key=other.api_key).tags.list()
    assert len(other.requests) == 1
    other.close()
    assert other.requests == []


def test_request_of_a_client_that_hangs_up_has_no_status(mailrith: Mailrith) -> None:
    mailrith.delay_next("listTags", seconds=600)
    parts = urlsplit(mailrith.url)
    head = f"GET /v1/tags HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {mailrith.api_key}\r\n\r\n"
    with socket.create_connection((parts.hostname, parts.port), timeout=60) as connection:
        connection.sendall(head.encode())
        while not mailrith.requests:
            pass
    (request,) = mailrith.requests.wait_for("listTags", timeout=30)
    assert request.status is None


def test_a_type_checker_knows_what_an_index_and_a_slice_of_the_requests_give() -> None:
    results = {
        hints["index"]: hints["return"]
        for hints in map(typing.get_type_hints, typing.get_overloads(Requests.__getitem__))
    }
    assert results == {int: RecordedRequest, slice: list[RecordedRequest]}
    assert typing.get_type_hints(Requests.__iter__)["return"] == Iterator[RecordedRequest]
