"""What ends by the clock ends when a test moves it, without a wait."""

import pytest
from mailrith_sdk import MailrithApiError, MailrithClient

from mailrith_lite.testing import Mailrith


@pytest.fixture
def client(mailrith: Mailrith) -> MailrithClient:
    return MailrithClient(base_url=mailrith.url, api_key=mailrith.api_key)


def test_a_download_link_ends(mailrith: Mailrith, client: MailrithClient) -> None:
    job = client.jobs.create_export(body={})["data"]
    mailrith.jobs.drain()
    link = client.jobs.get_export(path={"job_id": job["id"]})["data"]["download_url"]
    mailrith.clock.advance(hours=23, minutes=59)
    assert client.transport("GET", link, {}, None)[0] == 200
    mailrith.clock.advance(minutes=1, seconds=1)
    status, _, body = client.transport("GET", link, {}, None)
    assert (status, body["error"]["code"]) == (410, "download_expired")
    assert client.jobs.get_export(path={"job_id": job["id"]})["data"]["download_url"] is None


def test_an_idempotency_record_ends(mailrith: Mailrith, client: MailrithClient) -> None:
    first = client.jobs.create_export(body={}, idempotency_key="k")["data"]
    assert client.jobs.create_export(body={}, idempotency_key="k")["data"] == first
    mailrith.clock.advance(days=1)
    assert client.jobs.create_export(body={}, idempotency_key="k")["data"]["id"] != first["id"]


def test_people_grow_cold(mailrith: Mailrith, client: MailrithClient) -> None:
    mailrith.seed(subscribers=["ada@example.com"])
    assert client.subscribers.list(query={"cold_only": True})["data"] == []
    mailrith.clock.advance(days=31)
    assert len(client.subscribers.list(query={"cold_only": True})["data"]) == 1


def test_what_is_made_later_says_so(mailrith: Mailrith, client: MailrithClient) -> None:
    early = client.tags.create(body={"name": "Early"})["data"]
    now = mailrith.clock.advance(days=2)
    late = client.tags.create(body={"name": "Late"})["data"]
    assert early["created_at"] < now <= late["created_at"]
    assert mailrith.requests[-1].moment - mailrith.requests[0].moment >= 2 * 86_400_000


def test_the_clock_can_go_back_to_where_it_stood(mailrith: Mailrith, client: MailrithClient) -> None:
    key = mailrith.create_key(expires_in=60)
    mailrith.clock.advance(seconds=61)
    with pytest.raises(MailrithApiError):
        client.with_api_key(key).tags.list()
    mailrith.clock.reset()
    assert client.with_api_key(key).tags.list()["data"] == []


def test_it_has_an_end(mailrith: Mailrith) -> None:
    mailrith.clock.advance(days=36_000)
    with pytest.raises(ValueError, match="36,500 days ahead"):
        mailrith.clock.advance(days=1_000)


@pytest.mark.parametrize("times", [{}, {"hours": -1}, {"days": 40_000}, {"seconds": float("nan")}])
def test_it_goes_forward_only(mailrith: Mailrith, times: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="forward only"):
        mailrith.clock.advance(**times)
