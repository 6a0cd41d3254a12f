"""`report()` lists what a client did well and badly."""

from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from email.utils import format_datetime

import pytest
from mailrith_sdk import MailrithApiError, MailrithClient

from mailrith_lite.testing import Mailrith


@pytest.fixture
def client(mailrith: Mailrith) -> MailrithClient:
    return MailrithClient(base_url=mailrith.url, api_key=mailrith.api_key)


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
    client.tags.create(body={"name": "A"}, idempotency_key="k")
    with pytest.raises(MailrithApiError):
        client.tags.create(body={"name": "B"}, idempotency_key="k")
    for body in ({}, {"name": "A"}):  # a refused request does not use its key up
        with pytest.raises(MailrithApiError):
            client.sequences.create(body=body, idempotency_key="k")
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


@pytest.mark.parametrize(("seconds", "good"), [(60, False), (120, True)])
def test_retry_after_can_be_a_date(mailrith: Mailrith, client: MailrithClient, seconds: int, good: bool) -> None:
    moment = datetime.fromisoformat(mailrith.clock.now()) + timedelta(seconds=90)
    date = format_datetime(moment.replace(microsecond=0), usegmt=True)
    mailrith.fail_next("listTags", status=503, headers={"Retry-After": date})
    with pytest.raises(MailrithApiError):
        client.tags.list()
    mailrith.clock.advance(seconds=seconds)
    client.tags.list()
    assert codes(mailrith, good=good) == {"waited_retry_after" if good else "ignored_retry_after"}
    assert codes(mailrith, good=not good) == set()


@pytest.mark.parametrize("header", ["", "soon", "-1", "Sat, 99 Foo 2026", "1e3", "Mon, 01 Jan 0001 00:00:00 +9999"])
def test_invalid_retry_after_is_no_finding(mailrith: Mailrith, client: MailrithClient, header: str) -> None:
    mailrith.fail_next("listTags", status=503, headers={"Retry-After": header})
    with pytest.raises(MailrithApiError):
        client.tags.list()
    client.tags.list()
    assert mailrith.report().findings == []


def test_unknown_query_parameters_are_reported(mailrith: Mailrith, client: MailrithClient) -> None:
    for query in ("stauts=Active", "tag_ids%5B%5D=x", "status=Active&limit=5"):
        client.transport(
            "GET", f"{mailrith.url}/v1/subscribers?{query}", {"Authorization": f"Bearer {mailrith.api_key}"}, None
        )
    assert [(one.code, one.message) for one in mailrith.report().bad] == [
        ("unknown_parameter", "sent the unknown query parameter stauts to listSubscribers"),
        ("unknown_parameter", "sent the unknown query parameter tag_ids[] to listSubscribers"),
    ]
