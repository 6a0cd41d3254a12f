"""The requests of a client are recorded, and the report judges them."""

import http.client
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from urllib.parse import urlsplit

import aiohttp
import freezegun
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


def codes(mailrith: Mailrith, *, good: bool) -> set[str]:
    report = mailrith.report()
    return {one.code for one in (report.good if good else report.bad)}


def test_report_of_a_careful_client_has_good_findings_only(mailrith: Mailrith, client: MailrithClient) -> None:
    mailrith.seed(subscribers=30)
    mailrith.drop_next("createSubscriberExportJob", when="after")
    for _ in range(2):
        try:
            job = client.jobs.create_export(body={}, idempotency_key="k")["data"]
        except ConnectionError:
            continue
    mailrith.clock.advance(seconds=1)
    mailrith.jobs.drain()
    link = client.jobs.get_export(path={"job_id": job["id"]})["data"]["download_url"]
    client.transport("GET", link, {}, None)
    page = client.subscribers.list()
    client.subscribers.list(query={"starting_after": page["pagination"]["next_cursor"]})
    assert codes(mailrith, good=False) == set()
    assert codes(mailrith, good=True) == {"retried_with_key", "waited_retry_after", "followed_next_cursor"}


def test_report_of_a_careless_client_has_every_bad_finding(mailrith: Mailrith, client: MailrithClient) -> None:
    mailrith.seed(subscribers=30)
    mailrith.jobs.complete_after(polls=3)
    job = client.jobs.create_export(body={})["data"]  # the polls follow at once
    looks = [client.jobs.get_export(path={"job_id": job["id"]})["data"] for _ in range(3)]
    mailrith.clock.advance(hours=25)
    client.transport("GET", looks[-1]["download_url"], {}, None)
    client.subscribers.list()
    mailrith.fail_next("createTag", status=503)
    for _ in range(2):
        try:
            client.tags.create(body={"name": "VIP"})
        except MailrithApiError:
            continue
    mailrith.throttle_next("listTags", retry_after=60)
    for _ in range(2):
        try:
            client.tags.list()
        except MailrithApiError:
            continue
    assert [send(client, "/v1/sequences", body, "k") for body in ("{}", '{"name": "A"}')] == [400, 400]
    assert [send(client, "/v1/tags", f'{{"name": "{name}"}}', "k") for name in "AB"] == [201, 409]
    assert codes(mailrith, good=False) == {
        "polled_too_fast",
        "used_expired_link",
        "ignored_next_cursor",
        "retried_without_key",
        "ignored_retry_after",
        "key_reused",
    }
    assert codes(mailrith, good=True) == set()
    text = str(mailrith.report())
    assert "bad   followed a download link after it had expired (request " in text


def test_retry_with_another_key_is_bad(mailrith: Mailrith, client: MailrithClient) -> None:
    mailrith.fail_next("createTag")
    for key in ("one", "two"):
        try:
            client.tags.create(body={"name": "VIP"}, idempotency_key=key)
        except MailrithApiError:
            continue
    assert codes(mailrith, good=False) == {"retried_with_new_key"}


def test_simultaneous_requests_are_no_retries(mailrith: Mailrith, client: MailrithClient) -> None:
    mailrith.delay_next("listTags", seconds=0.2)
    mailrith.delay_next("createSubscriberExportJob", seconds=0.2)
    mailrith.throttle_next("listTags", retry_after=60)
    mailrith.fail_next("createSubscriberExportJob", status=503)

    def export(key: str) -> None:
        client.jobs.create_export(body={}, idempotency_key=key)

    with ThreadPoolExecutor(4) as pool:
        calls = [pool.submit(client.tags.list), pool.submit(client.tags.list)]
        calls += [pool.submit(export, "one"), pool.submit(export, "two")]
        outcomes = [call.exception(30) is None for call in calls]
    assert sorted(outcomes) == [False, False, True, True]
    assert codes(mailrith, good=False) == set()


def test_next_page_with_another_filter_is_bad(mailrith: Mailrith, client: MailrithClient) -> None:
    mailrith.seed(subscribers=60)
    page = client.subscribers.list(query={"status": "Active", "limit": 10})
    client.subscribers.list(query={"limit": 100, "starting_after": page["pagination"]["next_cursor"]})
    assert codes(mailrith, good=False) == {"lost_filter"}


def test_wait_counts_after_a_reset_of_the_clock(mailrith: Mailrith, client: MailrithClient) -> None:
    mailrith.clock.advance(hours=25)
    mailrith.throttle_next("listTags", retry_after=3600)
    with pytest.raises(MailrithApiError):
        client.tags.list()
    mailrith.clock.reset()
    mailrith.clock.advance(hours=1)
    client.tags.list()
    assert codes(mailrith, good=True) == {"waited_retry_after"}


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


def test_whole_report_includes_resets_and_other_workspaces(mailrith: Mailrith) -> None:
    other = mailrith.workspace()
    for workspace in (mailrith, other, other):
        workspace.reset()
        for _ in range(2):
            workspace.throttle_next("listTags", retry_after=60)
            with pytest.raises(MailrithApiError):
                MailrithClient(base_url=workspace.url, api_key=workspace.api_key).tags.list()
    mailrith.reset()
    (finding,) = mailrith.whole_report().findings
    assert (finding.code, len(finding.requests)) == ("ignored_retry_after", 3)
    assert mailrith.report().findings == []
    other.close()


def test_report_without_requests_is_empty(mailrith: Mailrith) -> None:
    assert str(mailrith.report()) == "nothing to report"


async def test_request_of_a_client_that_hangs_up_has_no_status(mailrith: Mailrith) -> None:
    mailrith.delay_next("listTags", seconds=600)
    headers: Any = {"Authorization": f"Bearer {mailrith.api_key}"}
    async with aiohttp.ClientSession(headers=headers, timeout=aiohttp.ClientTimeout(total=0.05)) as session:
        with pytest.raises(TimeoutError):
            await session.get(f"{mailrith.url}/v1/tags")
    assert mailrith.requests[0].status is None
