"""Links, uploads, keys and idempotency records expire when a test moves the clock."""

from email.utils import parsedate_to_datetime

import pytest
from mailrith_sdk import MailrithApiError, MailrithClient

from mailrith_lite.testing import Mailrith


@pytest.fixture
def client(mailrith: Mailrith) -> MailrithClient:
    return MailrithClient(base_url=mailrith.url, api_key=mailrith.api_key)


def test_download_link_expires(mailrith: Mailrith, client: MailrithClient) -> None:
    job = client.jobs.create_export(body={})["data"]
    mailrith.jobs.drain()
    link = client.jobs.get_export(path={"job_id": job["id"]})["data"]["download_url"]
    mailrith.clock.advance(hours=23, minutes=59)
    assert client.transport("GET", link, {}, None)[0] == 200
    mailrith.clock.advance(minutes=1, seconds=1)
    status, _, body = client.transport("GET", link, {}, None)
    assert (status, body["error"]["code"]) == (410, "download_expired")
    assert client.jobs.get_export(path={"job_id": job["id"]})["data"]["download_url"] is None


def test_upload_expires(mailrith: Mailrith, client: MailrithClient) -> None:
    upload = client.jobs.start_import_upload()["data"]
    mailrith.clock.advance(minutes=59)
    assert client.transport("PUT", upload["upload_url"], {}, "Email\nada@example.com\n")[0] == 200
    assert [one.operation_id for one in mailrith.requests] == ["startSubscriberImportUpload", "upload"]
    mailrith.clock.advance(minutes=61)
    status, _, body = client.transport("PUT", upload["upload_url"], {}, "Email\n")
    assert (status, body["error"]["code"]) == (410, "upload_expired")
    with pytest.raises(MailrithApiError) as refusal:
        client.jobs.get_import_upload(path={"upload_id": upload["id"]})
    assert refusal.value.status == 404


def test_idempotency_record_expires(mailrith: Mailrith, client: MailrithClient) -> None:
    first = client.jobs.create_export(body={}, idempotency_key="k")["data"]
    assert client.jobs.create_export(body={}, idempotency_key="k")["data"] == first
    mailrith.clock.advance(days=1)
    assert client.jobs.create_export(body={}, idempotency_key="k")["data"]["id"] != first["id"]


def test_subscriber_who_opens_nothing_is_cold_after_30_days(mailrith: Mailrith, client: MailrithClient) -> None:
    mailrith.seed(subscribers=["ada@example.com"])
    assert client.subscribers.list(query={"cold_only": True})["data"] == []
    mailrith.clock.advance(days=31)
    assert len(client.subscribers.list(query={"cold_only": True})["data"]) == 1


def test_created_at_follows_the_clock(mailrith: Mailrith, client: MailrithClient) -> None:
    early = client.tags.create(body={"name": "Early"})["data"]
    now = mailrith.clock.advance(days=2)
    late = client.tags.create(body={"name": "Late"})["data"]
    assert early["created_at"] < now <= late["created_at"]
    assert mailrith.requests[-1].moment - mailrith.requests[0].moment >= 2 * 86_400_000


def test_header_date_follows_the_clock(mailrith: Mailrith, client: MailrithClient) -> None:
    mailrith.clock.advance(days=400)
    client.tags.list()
    (sent,) = mailrith.requests
    status, headers, _ = client.transport("GET", f"{mailrith.url}/healthz", {}, None)
    ahead = parsedate_to_datetime(dict(headers)["Date"]).timestamp() - sent.moment / 1_000
    assert status == 200
    assert abs(ahead) < 60


def test_reset_takes_back_every_advance(mailrith: Mailrith, client: MailrithClient) -> None:
    key = mailrith.create_key(expires_in=60)
    mailrith.clock.advance(seconds=61)
    with pytest.raises(MailrithApiError):
        client.with_api_key(key).tags.list()
    mailrith.clock.reset()
    assert client.with_api_key(key).tags.list()["data"] == []


def test_clock_goes_at_most_36500_days_ahead(mailrith: Mailrith) -> None:
    mailrith.clock.advance(days=36_000)
    with pytest.raises(ValueError, match="36,500 days ahead"):
        mailrith.clock.advance(days=1_000)


@pytest.mark.parametrize("times", [{}, {"hours": -1}, {"days": 40_000}, {"seconds": float("nan")}])
def test_clock_refuses_to_stand_still_or_go_back(mailrith: Mailrith, times: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="forward only"):
        mailrith.clock.advance(**times)
