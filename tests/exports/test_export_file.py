"""The content of an exported file: its columns, cells and selection."""

import csv
import io
import re
import time
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
import time_machine
from conftest import KEY, MAPPINGS, Server

from mailrith_lite import clock, ids
from mailrith_lite.audience import blocks

COLUMNS = ["Email", "Name", "Status", "Country", "Subscribed At", "Last Opened At", "Tags", "Sequences"]
PATH = "/v1/jobs/subscriber-exports"
INSERT = """INSERT INTO subscribers
(workspace_id, email, name, status, custom_fields, subscribed_at, last_opened_at, created_at, updated_at, name_key)
VALUES (1, ?, ?, ?, '{}', ?, ?, 1, 1, ?)"""


def rows(text: str) -> list[list[str]]:
    return list(csv.reader(io.StringIO(text, newline=""), strict=True))


def table(*lines: list[str]) -> str:
    text = io.StringIO(newline="")
    csv.writer(text).writerows(lines)
    return text.getvalue()


def new_field(server: Server, label: str, field_type: str, *options: str) -> str:
    body: dict[str, Any] = {"label": label, "type": field_type}
    if options:
        body["settings"] = {"options": list(options)}
    reply = server.call("POST", "/v1/custom-fields", body)
    assert reply.status == 201, reply.body
    return str(reply.json["data"]["id"])


def field_mapping(field_id: str, column: str) -> dict[str, Any]:
    return {"csv_column": column, "field": {"type": "custom-field", "custom_field_id": field_id}}


def insert(server: Server, *people: tuple[Any, ...]) -> None:
    """`people`: (email, name, status, subscribed at, last opened at)."""

    async def write() -> None:
        async with server.services.database.write() as connection:
            (last,) = await connection.execute_fetchall("SELECT coalesce(max(id), 0) FROM subscribers")
            await connection.executemany(INSERT, [(*one, one[1].casefold()) for one in people])
            await blocks.update_subscriber_counts(connection, 1, last[0] + 1)

    server.wait(write())


def list_emails(server: Server, query: str) -> list[str]:
    """The emails of all pages of the list, oldest first."""
    emails, cursor = [], ""
    while True:
        page = server.call("GET", f"/v1/subscribers?limit=7{query}{cursor}").json
        emails += [subscriber["email"] for subscriber in page["data"]]
        if not page["pagination"]["has_more"]:
            return emails[::-1]
        cursor = f"&starting_after={page['pagination']['next_cursor']}"


def test_an_export_without_subscribers_is_a_header(server: Server) -> None:
    job, text = server.export_csv()
    assert (job["status"], job["exported_count"]) == ("Completed", 0)
    assert text == ",".join(COLUMNS) + "\r\n"


def test_a_line_has_all_members_of_a_subscriber(server: Server) -> None:
    tag_ids = [server.call("POST", "/v1/tags", {"name": name}).json["data"]["id"] for name in ("One", "a, b")]
    sequence = {"name": 'Say "hi"', "definition": {"emails": []}}
    server.import_csv(
        "Email,Name,Status,Country\nada@x.com,Ada,Bounced,gb\n",
        [
            *MAPPINGS,
            {"csv_column": "Status", "field": {"type": "subscriber-status"}},
            {"csv_column": "Country", "field": {"type": "country"}},
        ],
        existing_tag_ids=tag_ids,
        sequence_ids=[server.call("POST", "/v1/sequences", sequence).json["data"]["id"]],
    )
    insert(server, ("bob@x.com", "", "Active", 1_775_908_800_123, 1_775_908_800_000))
    job, text = server.export_csv()
    assert job["exported_count"] == 2
    header, ada, bob = rows(text)
    assert header == COLUMNS
    assert ada[:4] == ["ada@x.com", "Ada", "Bounced", "GB"]
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", ada[4])
    assert ada[5] == ""
    assert ada[6] in ('One, "a, b"', '"a, b", One')
    assert ada[7] == '"Say ""hi"""'
    assert bob == ["bob@x.com", "", "Active", "", "2026-04-11T12:00:00.123Z", "2026-04-11T12:00:00.000Z", "", ""]


def test_the_file_is_utf_8_without_byte_order_mark_and_with_crlf(server: Server) -> None:
    insert(server, ("a@x.com", 'Ä,"\nß', "Active", 0, None))
    job, _ = server.export_csv()
    body = server.fetch(job["download_url"]).body
    line = 'a@x.com,"Ä,""\nß",Active,,1970-01-01T00:00:00.000Z,,,\r\n'
    assert body == (",".join(COLUMNS) + "\r\n" + line).encode()


@pytest.mark.slow
def test_every_type_of_custom_field_is_written_as_text(server: Server) -> None:
    kinds = [
        ("Text", " t ", "t", ()),
        ("Text Area", " a\nb ", " a\nb ", ()),
        ("Number", "01.50", "1.5", ()),
        ("Date", "2026-02-03", "2026-02-03", ()),
        ("Select (Dropdown)", "Red", "Red", ("Red",)),
        ("Single Select", "a, b", "a, b", ("a, b",)),
        ("Multi Select", '"a, b",Red', '"a, b", Red', ("a, b", "Red")),
        ("Checkbox", "no", "false", ()),
    ]
    fields = [new_field(server, kind, kind, *options) for kind, _, _, options in kinds]
    mappings = [MAPPINGS[0], *(field_mapping(field, kind[0]) for field, kind in zip(fields, kinds, strict=True))]
    server.import_csv(
        table(["Email", *(kind for kind, *_ in kinds)], ["a@x.com", *(cell for _, cell, _, _ in kinds)]), mappings
    )
    server.import_csv("Email,Name\nb@x.com,B\n")
    header, first, second = rows(server.export_csv()[1])
    assert header == [*COLUMNS, *(kind for kind, *_ in kinds)]
    assert first[8:] == [text for _, _, text, _ in kinds]
    assert second[8:] == [""] * 8


@pytest.mark.parametrize(
    ("labels", "header"),
    [
        (["Email", "Name"], ["Email (2)", "Name (2)"]),
        (["Email", "Email (2)", "Email (2) (2)"], ["Email (2)", "Email (2) (2)", "Email (2) (2) (2)"]),
        (["Email (2)", "Email"], ["Email (2) (2)", "Email (2)"]),
        (["=1", "'=1", "+x", "plain"], ["'=1", "''=1", "'+x", "plain"]),
        (["a, b", 'say "hi"', "ü;|"], ["a, b", 'say "hi"', "ü;|"]),
        (["email", "TAGS"], ["email", "TAGS"]),
    ],
)
def test_every_custom_field_has_a_column_name_of_its_own(
    server: Server, labels: list[str], header: list[str]
) -> None:
    fields = [new_field(server, label, "Text") for label in labels]
    _, text = server.export_csv()
    assert rows(text)[0][8:] == header
    values = [f"v{number}" for number in range(len(fields))]
    exported = text + ",".join(["a@x.com", *[""] * 7, *values]) + "\r\n"
    mappings = [MAPPINGS[0], *(field_mapping(field, name) for field, name in zip(fields, header, strict=True))]
    assert server.import_csv(exported, mappings)["imported_count"] == 1
    custom_fields = server.call("GET", "/v1/subscribers").json["data"][0]["custom_fields"]
    assert custom_fields == dict(zip(fields, values, strict=True))


CELLS = ["=1+1", "'=1", "+1", "+A1", "@x", "-2+3", "'x", "plain"]
GUARDED = ["'=1+1", "''=1", "+1", "'+A1", "'@x", "'-2+3", "'x", "plain"]


@pytest.mark.slow
@pytest.mark.parametrize("guard", [True, False])
def test_cells_are_guarded_if_the_setting_says_so(serve: Callable[..., Server], guard: bool) -> None:
    server = serve(export_formula_guard=guard)
    insert(server, *((f"u{number}@x.com", name, "Active", 1, None) for number, name in enumerate(CELLS)))
    insert(server, ("=a@x.com", "", "Active", 1, None))
    _, text = server.export_csv()
    lines = rows(text)[1:]
    assert [row[1] for row in lines[:-1]] == (GUARDED if guard else CELLS)
    assert lines[-1][0] == ("'=a@x.com" if guard else "=a@x.com")


def test_a_cell_of_tags_is_guarded(server: Server) -> None:
    server.import_csv("Email\na@x.com\n", MAPPINGS[:1], new_tag_name="=SUM(A1)")
    assert rows(server.export_csv()[1])[1][6] == "'=SUM(A1)"


NOW = 1_800_000_000_000
PEOPLE = [
    ("ada@x.com", "Ada Lovelace", "Active", NOW - 10 * clock.DAY, None),
    ("bob@x.com", "", "Active", NOW - 30 * clock.DAY, None),
    ("cold@x.com", "ÄRGER", "Active", NOW - 31 * clock.DAY, None),
    ("open@x.com", "x", "Active", NOW - 400 * clock.DAY, NOW - 89 * clock.DAY),
    ("shut@x.com", "x", "Active", NOW - 400 * clock.DAY, NOW - 91 * clock.DAY),
    ("late@x.com", "x", "Active", NOW - 1 * clock.DAY, NOW - 91 * clock.DAY),
    ("gone@x.com", "Active?", "Unsubscribed", NOW - 400 * clock.DAY, None),
    ("new@x.com", "100%_*[a-z]?^", "Unconfirmed", NOW - 400 * clock.DAY, None),
    ("x*y@x.com", "STRASSE ς", "Bounced", NOW, NOW),
    ("sub'quote@x.com", "'; --", "Blocked", NOW, None),
]


@pytest.mark.parametrize(
    ("body", "query", "count"),
    [
        ({}, "", 10),
        ({"status": "Active"}, "&status=Active", 6),
        ({"status": "Complained"}, "&status=Complained", 0),
        ({"cold_only": True}, "&cold_only=true", 4),
        ({"cold_only": True, "status": "Bounced"}, "&cold_only=true&status=Bounced", 0),
        ({"query": "ADA"}, "&search=ADA", 1),
        ({"query": " love "}, "&search=%20love%20", 1),
        ({"query": "ärger"}, "&search=%C3%A4rger", 1),
        ({"query": "active"}, "&search=active", 7),
        ({"query": "unsubscribed"}, "&search=unsubscribed", 1),
        ({"query": "*"}, "&search=*", 2),
        ({"query": "?"}, "&search=%3F", 2),
        ({"query": "%"}, "&search=%25", 1),
        ({"query": "_"}, "&search=_", 1),
        ({"query": "[a-z]"}, "&search=%5Ba-z%5D", 1),
        ({"query": "[a-z"}, "&search=%5Ba-z", 1),
        ({"query": "]?^"}, "&search=%5D%3F%5E", 1),
        ({"query": "'"}, "&search='", 1),
        ({"query": "ς"}, "&search=%CF%82", 1),
        ({"query": "x.com", "cold_only": True}, "&search=x.com&cold_only=true", 4),
        ({"query": "nobody has this"}, "&search=nobody+has+this", 0),
    ],
)
def test_an_export_selects_the_same_subscribers_as_the_list(
    server: Server, body: dict[str, Any], query: str, count: int
) -> None:
    with time_machine.travel(NOW / 1_000, tick=False):
        insert(server, *PEOPLE)
        emails = list_emails(server, query)
        job, text = server.export_csv(**body)
    assert [row[0] for row in rows(text)[1:]] == emails
    assert len(emails) == job["exported_count"] == count


def test_a_query_with_an_id_selects_one_subscriber(server: Server) -> None:
    insert(server, *PEOPLE)
    job, text = server.export_csv(query=ids.encode(ids.SUBSCRIBER, 3))
    assert [row[0] for row in rows(text)[1:]] == ["cold@x.com"]
    assert job["selection"] == {"query": ids.encode(ids.SUBSCRIBER, 3), "status": None, "cold_only": False}


@pytest.mark.parametrize(("days", "cold"), [(29.999, False), (30, True)])
def test_a_subscriber_who_never_opened_is_cold_after_30_days(server: Server, days: float, cold: bool) -> None:
    with time_machine.travel(NOW / 1_000, tick=False):
        insert(server, ("a@x.com", "", "Active", NOW - int(days * clock.DAY), None))
        assert (server.export_csv(cold_only=True)[0]["exported_count"] == 1) == cold


@pytest.mark.parametrize(("days", "cold"), [(89.999, False), (90, True)])
def test_a_subscriber_who_opened_once_is_cold_90_days_later(server: Server, days: float, cold: bool) -> None:
    with time_machine.travel(NOW / 1_000, tick=False):
        insert(server, ("a@x.com", "", "Active", 1, NOW - int(days * clock.DAY)))
        assert (server.export_csv(cold_only=True)[0]["exported_count"] == 1) == cold


@pytest.mark.slow
def test_a_long_export_is_complete_and_starts_with_the_oldest(server: Server) -> None:
    insert(server, *((f"user{number}@x.com", str(number), "Active", 1, None) for number in range(9_001)))
    job, text = server.export_csv()
    assert [row[1] for row in rows(text)[1:]] == [str(number) for number in range(9_001)]
    assert job["exported_count"] == 9_001


def test_an_export_has_nothing_from_another_workspace(server: Server) -> None:
    other = server.new_key(workspace="Other")
    server.import_csv("Email\nours@x.com\n", MAPPINGS[:1])
    server.import_csv("Email\ntheirs@x.com\n", MAPPINGS[:1], key=other, new_tag_name="Secret")
    field = {"label": "Theirs", "type": "Text"}
    assert server.call("POST", "/v1/custom-fields", field, key=other).status == 201
    assert [row[0] for row in rows(server.export_csv(key=KEY)[1])] == ["Email", "ours@x.com"]
    assert rows(server.export_csv(key=KEY)[1])[0] == COLUMNS
    assert "ours" not in server.export_csv(key=other)[1]


def test_the_file_name_has_the_date_and_a_short_id_and_the_mode_is_0600(server: Server) -> None:
    with time_machine.travel("2026-04-11T23:59:00Z", tick=True):
        job, _ = server.export_csv()
        assert re.fullmatch(r"subscribers-2026-04-11-[0-9a-z]{8}\.csv", job["file_name"])
        disposition = server.fetch(job["download_url"]).headers["content-disposition"]
    assert disposition == f'attachment; filename="{job["file_name"]}"'
    (path,) = server.services.exports_directory.iterdir()
    assert path.stat().st_mode & 0o777 == 0o600
    assert server.services.exports_directory.stat().st_mode & 0o777 == 0o700


def test_exports_of_one_day_have_different_file_names(server: Server) -> None:
    assert len({server.export_csv()[0]["file_name"] for _ in range(5)}) == 5


def test_the_expiry_of_a_link_is_a_day_after_completion_and_does_not_change(server: Server) -> None:
    before = time.time()
    job, _ = server.export_csv()
    completed, expires = (datetime.fromisoformat(job[key]) for key in ("completed_at", "expires_at"))
    assert expires - completed == timedelta(days=1)
    with time_machine.travel(before + 80_000, tick=True):
        again = server.call("GET", f"{PATH}/{job['id']}").json["data"]
        assert again["expires_at"] == job["expires_at"]
        assert server.fetch(job["download_url"]).status == 200


def test_the_link_of_an_expired_file_answers_410(serve: Callable[..., Server]) -> None:
    server = serve(export_ttl=60)
    job, _ = server.export_csv()
    earlier, _ = server.export_csv()
    with time_machine.travel(time.time() + 61, tick=True):
        expired = server.call("GET", f"{PATH}/{job['id']}").json["data"]
        assert (expired["status"], expired["download_url"], expired["file_name"]) == (
            "Completed",
            None,
            job["file_name"],
        )
        assert server.fetch(job["download_url"]).status == 410
        later, _ = server.export_csv()
    assert earlier["expires_at"] < later["expires_at"]


@pytest.mark.slow
def test_a_canceled_export_leaves_no_file(serve: Callable[..., Server]) -> None:
    server = serve(job_concurrency=1)
    insert(server, *((f"user{number}@x.com", "", "Active", 1, None) for number in range(20_000)))
    running = server.call("POST", PATH).json["data"]
    queued = server.call("POST", PATH).json["data"]
    for job in (queued, running):
        server.call("POST", f"{job['self']}/cancel")
    server.drain()
    final = [server.call("GET", job["self"]).json["data"] for job in (running, queued)]
    assert final[1]["error_message"] == "Canceled by the client."
    completed = [job for job in final if job["status"] == "Completed"]
    assert len(list(server.services.exports_directory.iterdir())) == len(completed)


def test_a_label_with_delimiters_survives_an_export_and_an_import(server: Server) -> None:
    label = "red;green;blue;white;black;grey;pink;lime;cyan;gold;rust|mint"
    field = server.sdk().custom_fields.create(body={"label": label, "type": "Text"})["data"]
    mappings = [
        {"csv_column": "Email", "field": {"type": "email"}},
        {"csv_column": label, "field": {"type": "custom-field", "custom_field_id": field["id"]}},
    ]
    server.import_csv(f'Email,"{label}"\nada@example.com,x\n', mappings)
    _, exported = server.export_csv()
    assert server.import_csv(exported, mappings)["progress"]["unchanged_count"] == 1
