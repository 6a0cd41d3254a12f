"""A seed fills the workspace by the rules of the API."""

import re
from typing import Any

import pytest
from mailrith_sdk import MailrithClient

from mailrith_lite.testing import Mailrith


@pytest.fixture
def client(mailrith: Mailrith) -> MailrithClient:
    return MailrithClient(base_url=mailrith.url, api_key=mailrith.api_key)


def test_seed_makes_everything_and_returns_the_ids(mailrith: Mailrith, client: MailrithClient) -> None:
    seeded = mailrith.seed(
        tags=["VIP"],
        sequences=["Welcome"],
        custom_fields=["Company", {"label": "Size", "type": "Single Select", "options": ["S", "M"]}],
        subscribers=[
            "bob@example.com",
            {
                "email": "Ada@Example.com",
                "name": " Ada ",
                "status": "Bounced",
                "country": "Germany",
                "subscribed_on": "2024-02-29",
                "last_opened_at": "2025-03-01T12:00:00+01:00",
                "custom_fields": {"Company": "Analytical", "Size": "M"},
                "tags": ["vip", "New"],
                "sequences": ["Welcome", "Later"],
            },
        ],
    )
    ada = client.subscribers.get(path={"subscriber_id": seeded.subscribers["Ada@Example.com"]})["data"]
    assert (ada["email"], ada["name"], ada["status"], ada["country"]) == ("ada@example.com", "Ada", "Bounced", "DE")
    assert (ada["subscribed_at"][:10], ada["last_opened_at"]) == ("2024-02-29", "2025-03-01T11:00:00.000Z")
    fields = seeded.custom_fields
    assert ada["custom_fields"] == {fields["Company"]: "Analytical", fields["Size"]: "M"}
    assert {tag["id"]: tag["name"] for tag in ada["tags"]} == {seeded.tags["VIP"]: "VIP", seeded.tags["New"]: "New"}
    assert set(ada["sequence_ids"]) == {seeded.sequences["Welcome"], seeded.sequences["Later"]}
    bob = client.subscribers.get(path={"subscriber_id": seeded.subscribers["bob@example.com"]})["data"]
    assert (bob["status"], bob["tags"]) == ("Active", [])
    assert seeded.subscriber_count == 2
    tags = {tag["name"]: tag["subscriber_count"] for tag in client.tags.list()["data"]}
    assert tags == {"VIP": 1, "New": 1}


def test_samples_differ_in_email_status_and_country(mailrith: Mailrith, client: MailrithClient) -> None:
    assert mailrith.seed(subscribers=200).subscriber_count == 200
    samples = client.subscribers.list(query={"limit": 100})["data"]
    assert len({one["email"] for one in samples}) == 100
    assert {one["status"] for one in samples} == {"Active", "Unconfirmed", "Unsubscribed", "Bounced"}
    assert len({one["country"] for one in samples}) > 3


def test_second_seed_adds_new_samples(mailrith: Mailrith, client: MailrithClient) -> None:
    mailrith.seed(subscribers=30)
    mailrith.seed(subscribers=30)
    assert len(client.subscribers.list(query={"limit": 100})["data"]) == 60


def test_seed_uses_existing_tags_and_sequences_of_the_same_name(mailrith: Mailrith, client: MailrithClient) -> None:
    first = mailrith.seed(tags=["VIP"], sequences=["Welcome"])
    person = {"email": "ada@example.com", "tags": ["VIP"], "sequences": ["Welcome"]}
    second = mailrith.seed(subscribers=[person])
    assert (second.tags, second.sequences) == (first.tags, first.sequences)
    assert client.sequences.list()["data"][0]["subscriber_count"] == 1


def test_seed_can_make_cold_subscribers(mailrith: Mailrith, client: MailrithClient) -> None:
    mailrith.seed(
        subscribers=[
            {"email": "cold@example.com", "last_opened_at": "2020-01-01T00:00:00Z"},
            {"email": "old@example.com", "subscribed_on": "2020-01-01"},
            "new@example.com",
        ]
    )
    cold = client.subscribers.list(query={"cold_only": True})["data"]
    assert {one["email"] for one in cold} == {"cold@example.com", "old@example.com"}


@pytest.mark.parametrize(
    ("seed", "message"),
    [
        ({"subscribers": ["nobody"]}, '"nobody" is not an email address. (email)'),
        ({"subscribers": ["a@example.com", "A@example.com"]}, "exists already"),
        ({"subscribers": [{"email": "a@example.com", "country": "Atlantis"}]}, "(country)"),
        ({"subscribers": [{"email": "a@example.com", "custom_fields": {"Nothing": 1}}]}, "(custom_fields.Nothing)"),
        ({"subscribers": [{"email": "a@example.com", "last_opened_at": "2026-01-01T00:00:00"}]}, "offset from UTC"),
        ({"subscribers": [{"email": "a@example.com", "nam": "A"}]}, "unknown field `nam` - at `$.subscribers[0]`"),
        (
            {"subscribers": [{"email": "a@example.com", "last_opened_at": "9999-12-31T23:59:59Z"}]},
            "not in the future",
        ),
        ({"subscribers": -1}, "a number up to 1,000,000"),
        ({"subscribers": "a@example.com"}, "subscribers takes a list"),
        ({"tags": "VIP"}, "tags takes a list"),
        ({"tags": [" "]}, "1 to 100 characters"),
        ({"custom_fields": [{"label": "Size", "type": "Single Select"}]}, "1 to 500 options"),
        ({"custom_fields": ["Size", "size"]}, "exists already"),
        ({"custom_fields": ["Size", {"label": "Size", "type": "Number"}]}, "exists already"),
    ],
)
def test_invalid_seed_names_the_field_and_makes_nothing(
    mailrith: Mailrith, client: MailrithClient, seed: Any, message: str
) -> None:
    with pytest.raises(ValueError, match=re.escape(message)):
        mailrith.seed(**{"tags": ["First"], **seed})
    assert client.tags.list()["data"] == client.subscribers.list()["data"] == []
