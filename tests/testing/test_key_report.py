"""`idempotency()` says what became of each Idempotency-Key."""

import http.client
from urllib.parse import urlsplit

import pytest
from mailrith_sdk import MailrithApiError, MailrithClient

from mailrith_lite.testing import Mailrith
from mailrith_lite.testing.key_report import SPELLING, TOO_LONG, UNKNOWN, WHOLE, differences

IMPORT = {"csv_text": "Email\nada@example.com\n", "mappings": [{"csv_column": "Email", "field": {"type": "email"}}]}


@pytest.fixture
def client(mailrith: Mailrith) -> MailrithClient:
    return MailrithClient(base_url=mailrith.url, api_key=mailrith.api_key)


def send(client: MailrithClient, path: str, body: str, key: str) -> int:
    headers = {
        "Authorization": f"Bearer {client.api_key}",
        "Idempotency-Key": key,
        "Content-Type": "application/json",
    }
    return int(client.transport("POST", client.base_url + path, headers, body)[0])


def test_idempotency_lists_replays_and_differences_of_each_key(mailrith: Mailrith, client: MailrithClient) -> None:
    for _ in range(3):
        client.jobs.create_import(body=IMPORT, idempotency_key="import-1")
    other = {**IMPORT, "mappings": [{"csv_column": "E-mail", "field": {"type": "email"}}], "new_tag_name": "New"}
    with pytest.raises(MailrithApiError):
        client.jobs.create_import(body=other, idempotency_key="import-1")
    client.tags.create(body={"name": "VIP"}, idempotency_key="import-1")
    job, tag = mailrith.idempotency()
    assert (job.operation_id, job.key, job.status, job.replays) == ("createSubscriberImportJob", "import-1", 202, 2)
    (reuse,) = job.refused
    assert reuse.number == mailrith.requests[3].number
    assert reuse.differs == ["mappings[0].csv_column", "new_tag_name"]
    assert (tag.operation_id, tag.replays, tag.refused) == ("createTag", 0, [])


@pytest.mark.parametrize(
    ("first", "second", "paths"),
    [
        ('{"a": 1}', '{ "a": 1 }', [SPELLING]),
        ('{"a": 1}', '{"a": 2}', ["a"]),
        ('{"a": 1}', '{"a": true}', ["a"]),
        ('{"a": [1, 2, 3]}', '{"a": [1, 5]}', ["a[1]", "a[2]"]),
        ('{"a": {"b": [{"c": 1}]}}', '{"a": {"b": [{"c": 2, "d": 1}]}}', ["a.b[0].c", "a.b[0].d"]),
        ("[]", "{}", [WHOLE]),
        ("{}", "not JSON", [WHOLE]),
        ("", "{}", [WHOLE]),
        ('{"a.b": 1, "c": {"d e": 1}}', '{"a.b": 2, "c": {"d e": 2}}', ['["a.b"]', 'c["d e"]']),
        ("{}", "[" * 100_000 + "]" * 100_000, [WHOLE]),
    ],
)
def test_differences_lists_the_paths_that_differ(first: str, second: str, paths: list[str]) -> None:
    assert differences(first.encode(), second.encode()) == paths


def test_same_json_with_other_spelling_is_reported_as_such(mailrith: Mailrith, client: MailrithClient) -> None:
    assert [send(client, "/v1/tags", body, "k") for body in ('{"name":"A"}', '{"name": "A"}')] == [201, 409]
    assert mailrith.idempotency()[0].refused[0].differs == [SPELLING]


@pytest.mark.parametrize("body", [b'{"name": "\xff"}', b"[" * 50_000 + b"]" * 50_000])
def test_body_that_is_not_json_is_reported_as_a_whole(
    mailrith: Mailrith, client: MailrithClient, body: bytes
) -> None:
    assert send(client, "/v1/tags", '{"name":"A"}', "k") == 201
    parts = urlsplit(mailrith.url)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port)
    headers = {"Authorization": f"Bearer {mailrith.api_key}", "Idempotency-Key": "k"}
    connection.request("POST", "/v1/tags", body, headers)
    assert connection.getresponse().status == 409
    connection.close()
    assert mailrith.idempotency()[0].refused[0].differs == [WHOLE]
    assert mailrith.report().codes() == {"key_reused"}
    with pytest.raises(ValueError, match="not JSON"):
        mailrith.requests[1].json  # noqa: B018 - reading it raises


def test_difference_is_from_the_newest_success_of_the_key(mailrith: Mailrith, client: MailrithClient) -> None:
    assert send(client, "/v1/tags", '{"name":"A"}', "k") == 201
    mailrith.clock.advance(hours=25)
    assert send(client, "/v1/tags", '{"name":"B"}', '"k"') == 201  # double quotes do not count
    assert send(client, "/v1/tags", '{"name":"A"}', "k") == 409
    assert [one.differs for one in mailrith.idempotency()[0].refused] == [["name"]]
    mailrith.requests.clear()
    assert send(client, "/v1/tags", '{"name":"A"}', "k") == 409
    assert mailrith.idempotency()[0].refused[0].differs == [UNKNOWN]


def test_truncated_bodies_are_not_compared(mailrith: Mailrith, client: MailrithClient) -> None:
    text = "Email\n" + "ada@example.com\n" * 100_000
    client.jobs.create_import(body={**IMPORT, "csv_text": text}, idempotency_key="k")
    with pytest.raises(MailrithApiError):
        client.jobs.create_import(body={**IMPORT, "csv_text": text + "x"}, idempotency_key="k")
    assert mailrith.idempotency()[0].refused[0].differs == [TOO_LONG]
    with pytest.raises(ValueError, match="records up to"):
        mailrith.requests[0].json  # noqa: B018 - reading it raises
