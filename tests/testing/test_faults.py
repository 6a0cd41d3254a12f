"""Faults apply to the next requests, and retries with a key are safe."""

import contextlib
import http.client
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from urllib.parse import urlsplit

import pytest
from mailrith_sdk import MailrithApiError, MailrithClient

from mailrith_lite.testing import Mailrith

IMPORT = {"csv_text": "Email\nada@example.com\n", "mappings": [{"csv_column": "Email", "field": {"type": "email"}}]}
CREATING: dict[str, Callable[[MailrithClient, str], Any]] = {
    "createSubscriberImportJob": lambda client, key: client.jobs.create_import(body=IMPORT, idempotency_key=key),
    "createSubscriberExportJob": lambda client, key: client.jobs.create_export(body={}, idempotency_key=key),
    "upsertSubscriber": lambda client, key: client.subscribers.upsert(
        body={"email": "ada@example.com"}, idempotency_key=key
    ),
    "createTag": lambda client, key: client.tags.create(body={"name": "VIP"}, idempotency_key=key),
    "createCustomField": lambda client, key: client.custom_fields.create(
        body={"label": "Plan", "type": "Text"}, idempotency_key=key
    ),
}
FAULTS: dict[str, Callable[[Mailrith, str], None]] = {
    "fail 500": lambda mailrith, operation: mailrith.fail_next(operation),
    "fail 503": lambda mailrith, operation: mailrith.fail_next(operation, status=503, headers={"Retry-After": "0"}),
    "throttle": lambda mailrith, operation: mailrith.throttle_next(operation, retry_after=0),
    "delay": lambda mailrith, operation: mailrith.delay_next(operation, seconds=0.01),
    "drop before": lambda mailrith, operation: mailrith.drop_next(operation, when="before"),
    "drop after": lambda mailrith, operation: mailrith.drop_next(operation, when="after"),
}


@pytest.fixture
def client(mailrith: Mailrith) -> MailrithClient:
    return MailrithClient(base_url=mailrith.url, api_key=mailrith.api_key)


def refusal(call: Callable[[], Any]) -> tuple[int, str | None, str | None]:
    with pytest.raises(MailrithApiError) as error:
        call()
    return error.value.status, error.value.type, error.value.code


def with_retries(call: Callable[[], Any], attempts: int = 3) -> Any:
    """Repeats the call until it succeeds, as a careful client does."""
    for _ in range(attempts - 1):
        try:
            return call()
        except http.client.RemoteDisconnected:
            continue
        except MailrithApiError as error:
            assert error.status in (429, 500, 503)
    return call()


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("operation", CREATING)
def test_retry_with_the_same_key_creates_once(
    mailrith: Mailrith, client: MailrithClient, operation: str, fault: str
) -> None:
    FAULTS[fault](mailrith, operation)
    created = with_retries(lambda: CREATING[operation](client, "the key"))["data"]
    again = CREATING[operation](client, "the key")["data"]
    assert again == created
    assert mailrith.requests[-1].replayed
    lists = {
        "createSubscriberImportJob": client.jobs.list_imports,
        "createSubscriberExportJob": client.jobs.list_exports,
        "upsertSubscriber": client.subscribers.list,
        "createTag": client.tags.list,
        "createCustomField": client.custom_fields.list,
    }
    assert [one["id"] for one in lists[operation]()["data"]] == [created["id"]]


def test_retry_without_a_key_after_a_drop_creates_twice(mailrith: Mailrith, client: MailrithClient) -> None:
    mailrith.drop_next("createSubscriberExportJob", when="after")
    with_retries(lambda: client.jobs.create_export(body={}))
    assert len(client.jobs.list_exports()["data"]) == 2
    assert mailrith.report().codes() >= {"retried_without_key"}


def test_drop_before_the_work_does_nothing(mailrith: Mailrith, client: MailrithClient) -> None:
    mailrith.drop_next("createTag", when="before")
    with pytest.raises(http.client.RemoteDisconnected):
        client.tags.create(body={"name": "VIP"})
    assert client.tags.list()["data"] == []
    (sent, _) = mailrith.requests
    assert (sent.dropped, sent.status, sent.json) == ("before", None, {"name": "VIP"})


def test_drop_after_the_work_also_drops_refusals(mailrith: Mailrith, client: MailrithClient) -> None:
    mailrith.drop_next("createTag", when="after", times=2)
    for body in ({"name": ""}, {"name": "VIP"}):
        with pytest.raises(http.client.RemoteDisconnected):
            client.tags.create(body=body)
    assert [tag["name"] for tag in client.tags.list()["data"]] == ["VIP"]
    assert [one.dropped for one in mailrith.requests] == ["after", "after", None]


def test_dropped_replay_counts_as_a_replay(mailrith: Mailrith, client: MailrithClient) -> None:
    client.tags.create(body={"name": "VIP"}, idempotency_key="k")
    mailrith.drop_next("createTag", when="after")
    with_retries(lambda: client.tags.create(body={"name": "VIP"}, idempotency_key="k"))
    assert mailrith.idempotency()[0].replays == 2


def test_delay_ends_when_the_client_hangs_up(mailrith: Mailrith, client: MailrithClient) -> None:
    mailrith.delay_next("createTag", seconds=600)
    parts = urlsplit(mailrith.url)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=60)
    headers = {"Authorization": f"Bearer {mailrith.api_key}"}
    connection.request("POST", "/v1/tags", b'{"name": "VIP"}', headers)
    while not mailrith.requests:
        pass
    connection.close()
    (sent,) = mailrith.requests.wait_for("createTag", timeout=30)
    assert (sent.status, sent.dropped) == (None, None)
    assert client.tags.list()["data"] == []


def test_reset_aborts_requests_in_flight(mailrith: Mailrith, client: MailrithClient) -> None:
    mailrith.delay_next("createTag", seconds=600)
    with ThreadPoolExecutor(1) as pool:
        late = pool.submit(client.tags.create, body={"name": "GHOST"})
        assert mailrith.requests._recorder.wait_until(lambda: len(mailrith.requests) > 0, timeout=30)
        mailrith.reset()
        with pytest.raises((http.client.RemoteDisconnected, ConnectionError)):
            late.result(30)
    assert client.tags.list()["data"] == []
    assert [one.operation_id for one in mailrith.requests] == ["listTags"]


def test_failure_403_lists_the_missing_scopes(mailrith: Mailrith, client: MailrithClient) -> None:
    mailrith.fail_next("createTag", status=403)
    with pytest.raises(MailrithApiError) as error:
        client.tags.create(body={"name": "VIP"})
    assert error.value.credential_recovery["missing_scopes"] == ["tags:write"]


def test_failure_can_have_any_json_body(mailrith: Mailrith, client: MailrithClient) -> None:
    mailrith.fail_next("listTags", status=502, body=["not", "the", "envelope"], headers={"X-Tries": 2})
    with pytest.raises(MailrithApiError) as error:
        client.tags.list()
    assert (error.value.status, error.value.code) == (502, None)
    assert mailrith.requests[0].answer_json == ["not", "the", "envelope"]
    assert mailrith.requests[0].answer_headers["x-tries"] == "2"


@pytest.mark.parametrize(
    ("status", "code", "expected"),
    [
        (400, None, (400, "invalid_request", "invalid_request")),
        (401, None, (401, "authentication_error", "invalid_api_key")),
        (404, "tag_not_found", (404, "not_found", "tag_not_found")),
        (409, "tag_name_conflict", (409, "conflict", "tag_name_conflict")),
        (418, None, (418, "invalid_request", "invalid_request")),
        (429, None, (429, "invalid_request", "rate_limited")),
        (500, None, (500, "api_error", "internal_error")),
        (502, "bad_gateway", (502, "api_error", "bad_gateway")),
        (503, None, (503, "api_error", "shutting_down")),
    ],
)
def test_failure_has_the_envelope_and_the_headers(
    mailrith: Mailrith, client: MailrithClient, status: int, code: str | None, expected: Any
) -> None:
    mailrith.fail_next("createTag", status=status, code=code, headers={"X-Extra": "1"})
    assert refusal(lambda: client.tags.create(body={"name": "VIP"})) == expected
    (sent,) = mailrith.requests
    assert sent.answer_headers["x-extra"] == "1"
    assert sent.answer_headers["content-type"].startswith("application/json")
    assert sent.json == {"name": "VIP"}
    assert client.tags.list()["data"] == []


def test_fault_applies_to_its_operation_as_many_times_as_given(mailrith: Mailrith, client: MailrithClient) -> None:
    mailrith.fail_next("listTags", times=2)
    assert client.custom_fields.list()["data"] == []
    assert refusal(client.tags.list)[0] == refusal(client.tags.list)[0] == 500
    assert client.tags.list()["data"] == []


def test_fault_without_operation_applies_to_the_next_request(mailrith: Mailrith, client: MailrithClient) -> None:
    mailrith.fail_next(status=503)
    assert refusal(client.sequences.list)[0] == 503
    assert client.sequences.list()["data"] == []


def test_faults_apply_in_the_order_of_their_calls(mailrith: Mailrith, client: MailrithClient) -> None:
    mailrith.fail_next("listTags", status=500)
    mailrith.throttle_next(retry_after=7)
    mailrith.fail_next("listTags", status=503)
    assert [refusal(client.tags.list)[0] for _ in range(3)] == [500, 429, 503]
    assert mailrith.requests[1].answer_headers["retry-after"] == "7"


def test_delay_applies_before_a_failure(mailrith: Mailrith, client: MailrithClient) -> None:
    mailrith.delay_next("listTags", seconds=0.05)
    mailrith.fail_next("listTags")
    began = time.monotonic()
    assert refusal(client.tags.list)[0] == 500
    assert time.monotonic() - began >= 0.05


def test_failure_applies_to_an_operation_that_is_not_served(mailrith: Mailrith, client: MailrithClient) -> None:
    mailrith.fail_next("listForms", status=500)
    assert refusal(client.forms.list) == (500, "api_error", "internal_error")
    assert refusal(client.forms.list) == (501, "api_error", "operation_not_supported")


def test_failure_applies_to_a_download(mailrith: Mailrith, client: MailrithClient) -> None:
    mailrith.seed(subscribers=3)
    job = client.jobs.create_export(body={})["data"]
    mailrith.jobs.drain()
    link = client.jobs.get_export(path={"job_id": job["id"]})["data"]["download_url"]
    mailrith.fail_next("download", status=503)
    assert client.transport("GET", link, {}, None)[0] == 503
    assert client.transport("GET", link, {}, None)[0] == 200


@contextlib.contextmanager
def raw_answer(mailrith: Mailrith) -> Iterator[http.client.HTTPResponse]:
    """The answer to listTags."""
    parts = urlsplit(mailrith.url)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=30)
    connection.request("GET", "/v1/tags", headers={"Authorization": f"Bearer {mailrith.api_key}"})
    with contextlib.closing(connection):
        yield connection.getresponse()


@pytest.mark.parametrize(
    ("status", "body", "headers", "content_type"),
    [
        (200, "<h1>Sign in to this network</h1>", None, "text/html; charset=utf-8"),
        (502, "<h1>Bad gateway</h1>", None, "text/html; charset=utf-8"),
        (200, "", None, "text/html; charset=utf-8"),
        (200, b'{"data": [', {"content-type": "application/json"}, "application/json"),
    ],
    ids=["sign-in page", "page of a proxy", "empty", "broken JSON"],
)
def test_answer_can_be_anything(
    mailrith: Mailrith, status: int, body: Any, headers: dict[str, Any] | None, content_type: str
) -> None:
    mailrith.answer_next("listTags", status=status, body=body, headers=headers)
    with raw_answer(mailrith) as answer:
        assert (answer.status, answer.headers["Content-Type"]) == (status, content_type)
        assert answer.read() == (body.encode() if isinstance(body, str) else body)
    assert mailrith.requests[0].status == status


def test_answer_can_break_off_in_the_middle(mailrith: Mailrith, client: MailrithClient) -> None:
    mailrith.answer_next("listTags", body='{"data": []}', headers={"Content-Type": "application/json"}, half=True)
    with raw_answer(mailrith) as answer, pytest.raises(http.client.IncompleteRead) as incomplete:
        answer.read()
    assert (incomplete.value.partial, answer.headers["Content-Length"]) == (b'{"data', "12")
    assert client.tags.list()["data"] == []


def test_refused_connections_are_accepted_again(mailrith: Mailrith, client: MailrithClient) -> None:
    parts = urlsplit(mailrith.url)
    open_connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=30)
    open_connection.request("GET", "/healthz")
    open_connection.getresponse().read()
    for end in (mailrith.accept_connections, mailrith.reset):
        mailrith.refuse_connections()
        with pytest.raises(OSError, match="refused"):
            client.tags.list()
        end()
        assert client.tags.list()["data"] == []
    assert open_connection.sock.recv(1) == b""  # the server has closed it
    open_connection.close()


def test_refusal_of_connections_ends_by_itself(mailrith: Mailrith, client: MailrithClient) -> None:
    mailrith.refuse_connections(seconds=0.2)
    deadline = time.monotonic() + 30
    while True:
        try:
            assert client.tags.list()["data"] == []
        except OSError:
            assert time.monotonic() < deadline
        else:
            break


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda mailrith: mailrith.fail_next("createTags"), "is it createTag?"),
        (lambda mailrith: mailrith.fail_next(status=200), "from 400 to 599"),
        (lambda mailrith: mailrith.fail_next(times=0), "1 or more"),
        (lambda mailrith: mailrith.delay_next(seconds=0), "more than 0"),
        (lambda mailrith: mailrith.drop_next(when="during"), '"before" or "after"'),
        (lambda mailrith: mailrith.throttle_next(retry_after=-1), "0 or more"),
        (lambda mailrith: mailrith.throttle_next(retry_after=0.5), "whole number of seconds"),
        (lambda mailrith: mailrith.fail_next(headers={"X": "a\nb"}), "not a valid HTTP header"),
        (lambda mailrith: mailrith.fail_next(headers={"a b": "c"}), "not a valid HTTP header"),
        (lambda mailrith: mailrith.drop_next("download", when="after"), 'drop it "before"'),
        (lambda mailrith: mailrith.answer_next(status=101, body=""), "from 200 to 599"),
        (lambda mailrith: mailrith.answer_next(body="", headers={"a b": "c"}), "not a valid HTTP header"),
        (lambda mailrith: mailrith.refuse_connections(seconds=0), "more than 0"),
    ],
)
def test_invalid_fault_is_refused_at_once(
    mailrith: Mailrith, call: Callable[[Mailrith], None], message: str
) -> None:
    with pytest.raises(ValueError, match=message.replace("?", r"\?")):
        call(mailrith)
