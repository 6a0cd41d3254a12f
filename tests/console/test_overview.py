"""The start page: how many people there are, how many came in each month, and what needs attention."""

import asyncio
import re
from urllib.parse import urljoin

import pytest
import uploading
from api_records import data_of, hold_jobs, subscriber
from conftest import MAPPINGS, Server

from mailrith_lite import clock
from mailrith_lite.audience.totals import select_totals
from mailrith_lite.jobs.kinds import IMPORT

from .visitor import Visitor, signed_in, text

DAY = 24 * 3_600 * clock.SECOND
REFUSED = "Email,Name\nada@example.com,Ada\nbob at example.com,Bob\ncy at example.com,Cy\n"


@pytest.fixture
def visitor(server: Server) -> Visitor:
    return signed_in(server)


def statuses(page: str) -> dict[str, int]:
    """What the page says of each status."""
    listed = re.findall(r'<li><span class="badge [^>]*>(\w+)</span> <a [^>]*>([0-9,]+)</a>', page)
    return {status: int(count.replace(",", "")) for status, count in listed}


def test_people_are_counted_by_status_and_a_change_is_seen(server: Server, visitor: Visitor) -> None:
    subscriber(server, "ada@example.com")
    subscriber(server, "bob@example.com", status="Unsubscribed")
    page = visitor.get("/console")
    assert "2 subscribers" in text(page)
    assert statuses(page.body.decode()) == {"Unconfirmed": 1, "Unsubscribed": 1}
    subscriber(server, "bob@example.com", status="Blocked")
    assert statuses(visitor.get("/console").body.decode()) == {"Unconfirmed": 1, "Blocked": 1}


def test_months_have_those_who_subscribed_in_them(server: Server) -> None:
    server.import_csv(
        "Email,Since\na@example.com,2024-02-29\nb@example.com,2024-03-01\nc@example.com,2023-03-31\n",
        [
            {"csv_column": "Email", "field": {"type": "email"}},
            {"csv_column": "Since", "field": {"type": "subscribed-at"}},
        ],
    )

    async def count() -> list[tuple[str, int]]:
        async with server.services.database.read() as connection:
            totals = await select_totals(connection, 1, 1_709_251_200_000 + DAY)  # 2 March 2024
        return [(clock.rfc3339(month.start)[:10], month.count) for month in totals.months]

    months = server.wait(count())
    assert months[-2:] == [("2024-02-01", 1), ("2024-03-01", 1)]
    assert (months[0], len(months)) == (("2023-04-01", 0), 12)


def test_chart_has_a_table_with_the_same_numbers(server: Server, visitor: Visitor) -> None:
    subscriber(server)
    page = visitor.get("/console").body.decode()
    assert page.count("<rect x=") == 12
    assert re.search(r'<td class="right num">1</td>', page)


def test_key_that_ends_soon_needs_attention(server: Server, visitor: Visitor) -> None:
    assert "Needs attention" not in text(visitor.get("/console"))
    server.new_key(expires_at=clock.now() + 3 * DAY - clock.SECOND)
    assert "ends within 3 days." in text(visitor.get("/console"))


@pytest.mark.parametrize("settled_by", ["corrected report", "undo"])
def test_refused_rows_need_attention_until_they_are_settled(
    server: Server, visitor: Visitor, settled_by: str
) -> None:
    job = uploading.finished(
        server, uploading.submit(server, uploading.ready(server, REFUSED.encode(), name="fair.csv"))
    )
    page = visitor.get("/console")
    assert "fair.csv: 2 refused rows to correct." in text(page)
    assert f"/console/imports/{job['id']}" in page.body.decode().partition("Needs attention")[2][:300]
    corrected = {"csv_text": REFUSED.replace(" at ", "@"), "like": job["id"]}
    uploading.finished(server, server.call("POST", IMPORT.path, {**corrected, "dry_run": True}))
    assert "2 refused rows to correct." in text(visitor.get("/console"))
    if settled_by == "undo":
        assert server.call("POST", f"{job['self']}/undo").status == 202
        server.drain()
    else:
        uploading.finished(server, server.call("POST", IMPORT.path, corrected))
    assert "refused rows to correct" not in text(visitor.get("/console"))


def test_refused_rows_need_attention_again_after_the_undo_of_their_correction(
    server: Server, visitor: Visitor
) -> None:
    job = server.import_csv(REFUSED)
    corrected = {"csv_text": REFUSED.replace(" at ", "@"), "like": job["id"]}
    correction = uploading.finished(server, server.call("POST", IMPORT.path, corrected))
    assert "refused rows to correct" not in text(visitor.get("/console"))
    assert server.call("POST", f"{correction['self']}/undo").status == 202
    server.drain()
    assert "2 refused rows to correct." in text(visitor.get("/console"))


@pytest.mark.parametrize("action", ["corrected report", "undo"])
def test_refused_rows_need_attention_after_a_canceled_correction_or_undo(
    server: Server, visitor: Visitor, action: str
) -> None:
    job = server.import_csv(REFUSED)
    hold_jobs(server)
    if action == "undo":
        started = server.call("POST", f"{job['self']}/undo")
    else:
        started = server.call("POST", IMPORT.path, {"csv_text": REFUSED.replace(" at ", "@"), "like": job["id"]})
    assert server.call("POST", f"{data_of(started)['self']}/cancel").status == 200
    assert "2 refused rows to correct." in text(visitor.get("/console"))


def test_empty_workspace_says_how_to_begin_and_has_a_sample_file(server: Server, visitor: Visitor) -> None:
    page = visitor.get("/console")
    assert "Begin here" in text(page)
    (address,) = re.findall(r'href="([^"]+)" download', page.body.decode())
    sample = visitor.get(urljoin("/console", address))
    assert sample.headers["content-type"] == "text/csv; charset=utf-8"
    country = {"csv_column": "Country", "field": {"type": "country"}}
    subscribed = {"csv_column": "Subscribed on", "field": {"type": "subscribed-at"}}
    job = server.import_csv(sample.body.decode(), [*MAPPINGS, country, subscribed])
    assert (job["progress"]["created_count"], job["progress"]["rejected_count"]) == (7, 1)


def test_without_the_scope_no_people_are_counted(server: Server) -> None:
    subscriber(server)
    reader = signed_in(server, server.new_key(scopes=("subscribers:export",)))
    assert "1 subscriber" not in text(reader.get("/console"))


def test_count_of_one_workspace_is_not_that_of_another(server: Server) -> None:
    subscriber(server)
    other = signed_in(server, server.new_key(workspace="Other"))
    assert "1 subscriber" not in text(other.get("/console"))


def test_simultaneous_requests_for_the_totals_share_one_count(server: Server) -> None:
    subscriber(server)
    totals = server.services.audience_totals

    async def look() -> list[int]:
        counts = await asyncio.gather(*(totals.get(1) for _ in range(8)))
        return [one.counted_at for one in counts if one is not None]

    seen = server.wait(look())
    assert (len(seen), len(set(seen))) == (8, 1)
    assert data_of(server.call("GET", "/v1/subscribers"))
