"""A custom field changes only as far as every saved value stays what it is."""

import json
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest
from api_records import LONG_AGO, SUBSCRIBERS, backdate, details, exact, execute, field, made, read, subscriber, tag
from conftest import KEY, MAPPINGS, Reply, Server

from mailrith_lite.audience import field_conversion
from mailrith_lite.settings import Settings

SL = ["S", "L"]
COMMA = ["a, b", "c"]
THREE = ["a", "b", "a, b"]
OPTIONS = {"Select (Dropdown)", "Single Select", "Multi Select"}

KEPT = [
    # type, options, saved value, new type, new options, the value afterwards
    ("Text", [], '"12"', "Number", [], "12"),
    ("Text", [], '"-12.5"', "Number", [], "-12.5"),
    ("Text", [], '"12345678901234567890.123"', "Number", [], "12345678901234567890.123"),
    ("Text", [], '"0"', "Number", [], "0"),
    ("Text", [], '"true"', "Checkbox", [], "true"),
    ("Text", [], '"false"', "Checkbox", [], "false"),
    ("Text", [], '"2026-04-11"', "Date", [], '"2026-04-11"'),
    ("Text", [], '"S"', "Single Select", SL, '"S"'),
    ("Text", [], '"S"', "Select (Dropdown)", SL, '"S"'),
    ("Text", [], '"L, S"', "Multi Select", SL, '["L","S"]'),
    ("Text", [], '"S"', "Multi Select", SL, '["S"]'),
    ("Text", [], '"\\"a, b\\", c"', "Multi Select", COMMA, '["a, b","c"]'),
    ("Text", [], '"a, b"', "Single Select", COMMA, '"a, b"'),
    ("Text", [], '"a \\"q\\" \\u00e9\\ud83c\\udf89"', "Text Area", [], '"a \\"q\\" é🎉"'),
    ("Text Area", [], '"one line"', "Text", [], '"one line"'),
    ("Text Area", [], '"two\\nlines"', "Text", [], '"two\\nlines"'),
    ("Number", [], "12", "Text", [], '"12"'),
    ("Number", [], "1e3", "Text", [], '"1000"'),
    ("Number", [], "-0.5", "Text Area", [], '"-0.5"'),
    ("Number", [], "12345678901234567890.123", "Text", [], '"12345678901234567890.123"'),
    ("Number", [], "7", "Single Select", ["7", "8"], '"7"'),
    ("Checkbox", [], "true", "Text", [], '"true"'),
    ("Checkbox", [], "false", "Text Area", [], '"false"'),
    ("Checkbox", [], "true", "Single Select", ["true", "false"], '"true"'),
    ("Date", [], '"2026-04-11"', "Text", [], '"2026-04-11"'),
    ("Single Select", SL, '"S"', "Text", [], '"S"'),
    ("Single Select", SL, '"S"', "Select (Dropdown)", SL, '"S"'),
    ("Single Select", SL, '"S"', "Multi Select", SL, '["S"]'),
    ("Single Select", COMMA, '"c"', "Multi Select", COMMA, '["c"]'),
    ("Single Select", ["1", "2"], '"2"', "Number", [], "2"),
    ("Single Select", SL, '"S"', "Single Select", ["XL", "S"], '"S"'),
    ("Multi Select", SL, '["L","S"]', "Text", [], '"L, S"'),
    ("Multi Select", COMMA, '["a, b","c"]', "Text", [], '"\\"a, b\\", c"'),
    ("Multi Select", SL, '["L"]', "Single Select", SL, '"L"'),
    ("Multi Select", COMMA, '["a, b"]', "Single Select", COMMA, '"a, b"'),
    ("Single Select", COMMA, '"a, b"', "Multi Select", COMMA, '["a, b"]'),
    ("Select (Dropdown)", THREE, '"a, b"', "Multi Select", THREE, '["a, b"]'),
    ("Single Select", ['say "a"'], '"say \\"a\\""', "Multi Select", ['say "a"'], '["say \\"a\\""]'),
    ("Date", [], '"2026-04-11"', "Text Area", [], '"2026-04-11"'),
    ("Select (Dropdown)", SL, '"S"', "Text Area", [], '"S"'),
    ("Select (Dropdown)", SL, '"S"', "Single Select", ["L", "M", "S"], '"S"'),
    ("Multi Select", SL, '["L","S"]', "Multi Select", ["M", "S", "L"], '["L","S"]'),
    ("Multi Select", SL, '["L"]', "Multi Select", ["L"], '["L"]'),
]
LOST = [
    ("Text", [], '"twelve"', "Number", []),
    ("Text", [], '"12.0"', "Number", []),
    ("Text", [], '"007"', "Number", []),
    ("Text", [], '"1e3"', "Number", []),
    ("Text", [], '"+5"', "Number", []),
    ("Text", [], '"yes"', "Checkbox", []),
    ("Text", [], '"TRUE"', "Checkbox", []),
    ("Text", [], '"2026-02-30"', "Date", []),
    ("Text", [], '"11.4.2026"', "Date", []),
    ("Text", [], '"s"', "Single Select", SL),
    ("Text", [], '"M"', "Select (Dropdown)", SL),
    ("Text", [], '"S,L"', "Multi Select", SL),
    ("Text", [], '"S, M"', "Multi Select", SL),
    ("Text", [], '"S, S"', "Multi Select", SL),
    ("Text Area", [], '" indented"', "Text", []),
    ("Text Area", [], '"ends\\n"', "Text", []),
    ("Number", [], "1", "Checkbox", []),
    ("Number", [], "20260411", "Date", []),
    ("Number", [], "9", "Single Select", ["7", "8"]),
    ("Checkbox", [], "true", "Number", []),
    ("Date", [], '"2026-04-11"', "Number", []),
    ("Single Select", SL, '"S"', "Single Select", ["L"]),
    ("Single Select", SL, '"S"', "Number", []),
    ("Single Select", COMMA, '"a, b"', "Multi Select", ["a", "b", "c"]),
    ("Select (Dropdown)", SL, '"S"', "Single Select", ["L", "M"]),
    ("Multi Select", SL, '["L","S"]', "Single Select", ["L, S"]),
    ("Multi Select", THREE, '["a","b"]', "Single Select", THREE),
    ("Multi Select", SL, '["S","L"]', "Multi Select", ["S"]),
    ("Multi Select", SL, '["S","L"]', "Single Select", SL),
]


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    settings = Settings(port=0, data_dir=tmp_path_factory.mktemp("standing") / "data", bootstrap_key=KEY)
    with Server(settings).serving() as server:
        yield server


def give(server: Server, email: str, one: Any, value: str) -> Any:
    """A subscriber with the value, which is a JSON text so that a number keeps every digit."""
    body = f'{{"email": "{email}", "custom_fields": {{"{one["id"]}": {value}}}}}'
    return made(server.call("POST", SUBSCRIBERS, body.encode()))


def change(server: Server, one: Any, kind: str, options: list[str]) -> Reply:
    settings = {"settings": {"options": options}} if kind in OPTIONS else {}
    return server.call("PUT", one["self"], {"type": kind, **settings})


def value(server: Server, who: Any, one: Any) -> Any:
    return exact(server.call("GET", who["self"]))["custom_fields"].get(one["id"])


def saved(server: Server) -> list[tuple[Any, ...]]:
    return server.rows("SELECT * FROM subscribers ORDER BY id")


def fresh(server: Server, kind: str, options: list[str]) -> Any:
    (number,) = server.rows("SELECT count(*) FROM custom_fields")[0]
    return field(server, f"Field {number}", kind, options or None)


@pytest.mark.parametrize(("kind", "options", "sent", "new_kind", "new_options", "kept"), KEPT)
def test_a_value_that_reads_the_same_in_the_new_type_is_carried_over(
    service: Server, kind: str, options: list[str], sent: str, new_kind: str, new_options: list[str], kept: str
) -> None:
    one = fresh(service, kind, options)
    who = give(service, "ada@example.com", one, sent)
    changed = made(change(service, one, new_kind, new_options))
    assert (changed["type"], changed["settings"]["options"]) == (new_kind, new_options)
    found, expected = value(service, who, one), json.loads(kept, parse_float=Decimal)
    assert (found, type(found)) == (expected, type(expected))
    path = f'$."{service.rows("SELECT max(id) FROM custom_fields")[0][0]}"'
    assert service.rows("SELECT custom_fields -> ? FROM subscribers", path) == [(kept,)]  # every digit, and once
    before = read(service, who)
    assert give(service, "ada@example.com", one, kept) == before


@pytest.mark.parametrize(("kind", "options", "sent", "new_kind", "new_options"), LOST)
def test_a_value_that_would_be_lost_keeps_the_field_as_it_is(
    service: Server, kind: str, options: list[str], sent: str, new_kind: str, new_options: list[str]
) -> None:
    one = fresh(service, kind, options)
    give(service, "ada@example.com", one, sent)
    before = saved(service)
    reply = change(service, one, new_kind, new_options)
    assert details(reply) == (409, "custom_field_in_use", None, "values_would_be_lost")
    assert reply.error["details"]["resource"] == {"type": "custom_field", "id": one["id"]}
    assert reply.error["message"].startswith("1 subscriber has a value that would be lost")
    assert read(service, one) == one
    assert saved(service) == before


@pytest.mark.parametrize("kind", ["Number", "Date", "Checkbox", "Text Area", "Single Select", "Multi Select"])
def test_a_field_without_values_can_become_anything_and_come_back(server: Server, kind: str) -> None:
    one = field(server, "Company")
    subscriber(server)
    assert change(server, one, kind, SL).status == 200
    assert change(server, one, "Text", []).status == 200


@pytest.mark.parametrize("rows", [100, 5_000])
def test_a_refusal_counts_the_subscribers_who_would_lose_a_value(
    server: Server, monkeypatch: pytest.MonkeyPatch, rows: int
) -> None:
    """Also when others have been carried over before the first of them."""
    monkeypatch.setattr(field_conversion, "BATCH_ROWS", rows)
    one, other = field(server, "Size"), field(server, "Other")
    mappings = [
        *MAPPINGS,
        {"csv_column": "Size", "field": {"type": "custom-field", "custom_field_id": one["id"]}},
        {"csv_column": "Other", "field": {"type": "custom-field", "custom_field_id": other["id"]}},
    ]
    sizes = ["12"] * 700 + ["12.0"] * 500 + ["large"] * 700 + [f"word {number}" for number in range(34)] + [""] * 50
    rows = "".join(f"p{number}@example.com,P,{size},word\n" for number, size in enumerate(sizes))
    server.import_csv(f"Email,Name,Size,Other\n{rows}", mappings)
    before = saved(server)
    reply = change(server, one, "Number", [])
    assert details(reply)[:2] == (409, "custom_field_in_use")
    assert reply.error["message"].startswith("1,234 subscribers have a value that would be lost")
    assert saved(server) == before
    assert read(server, one) == one
    assert change(server, one, "Single Select", ["12", "12.0", "large"]).error["message"].startswith("34 subscr")
    for number in range(34):
        execute(server, "DELETE FROM subscribers WHERE email = ?", f"p{1_900 + number}@example.com")
    assert change(server, one, "Single Select", ["12", "12.0", "large"]).status == 200


@pytest.mark.parametrize("rows", [7, 2_000])
def test_every_subscriber_of_many_is_carried_over_and_nothing_else_is_touched(
    server: Server, monkeypatch: pytest.MonkeyPatch, rows: int
) -> None:
    monkeypatch.setattr(field_conversion, "BATCH_ROWS", rows)
    one, other = field(server, "Size"), field(server, "Other")
    mappings = [
        *MAPPINGS,
        {"csv_column": "Size", "field": {"type": "custom-field", "custom_field_id": one["id"]}},
        {"csv_column": "Other", "field": {"type": "custom-field", "custom_field_id": other["id"]}},
    ]
    rows = "".join(f"p{number}@example.com,P,{number % 300 or ''},{number}\n" for number in range(1_500))
    server.import_csv(f"Email,Name,Size,Other\n{rows}", mappings)
    spring = tag(server, "Spring")
    backdate(server)
    assert change(server, one, "Number", []).status == 200
    for number, fields, updated_at in server.rows(
        "SELECT substr(email, 2, instr(email, '@') - 2), custom_fields, updated_at FROM subscribers"
    ):
        found = json.loads(fields)
        expected = {} if int(number) % 300 == 0 else {"1": int(number) % 300}
        assert found == {**expected, "2": number}
        assert (updated_at > 1_000_000_000_000) == bool(expected)
    assert read(server, spring)["updated_at"] == LONG_AGO


@pytest.mark.parametrize(
    ("kind", "options", "sent", "new_kind", "new_options"),
    [
        ("Text", [], '"12"', "Text Area", []),
        ("Date", [], '"2026-04-11"', "Text", []),
        ("Text Area", [], '"one line"', "Text", []),
        ("Single Select", SL, '"S"', "Select (Dropdown)", ["M", *SL]),
        ("Multi Select", SL, '["L"]', "Multi Select", ["L"]),
    ],
)
def test_a_subscriber_whose_value_stays_as_it_is_has_not_changed(
    server: Server, kind: str, options: list[str], sent: str, new_kind: str, new_options: list[str]
) -> None:
    one = field(server, "Field", kind, options or None)
    give(server, "ada@example.com", one, sent)
    backdate(server)
    before = saved(server)
    assert change(server, one, new_kind, new_options).status == 200
    assert saved(server) == before


def test_a_subscriber_who_had_a_value_of_a_deleted_field_has_changed(server: Server) -> None:
    one, other = field(server, "Size"), field(server, "Other")
    with_it = give(server, "ada@example.com", one, '"12"')
    without = give(server, "bob@example.com", other, '"12"')
    backdate(server)
    assert server.call("DELETE", one["self"]).status == 204
    assert read(server, with_it)["updated_at"] != LONG_AGO
    assert read(server, without)["updated_at"] == LONG_AGO


def test_long_values_are_carried_over_a_few_at_a_time(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    """However many and long they are, so much is in memory; who would lose one is counted over all of them."""
    monkeypatch.setattr(field_conversion, "BATCH_ROWS", 3)
    monkeypatch.setattr(field_conversion, "BATCH_CHARACTERS", 1_000)
    one = field(server, "Notes", "Text Area")
    texts = ["x", " y" * 499, "z" * 1_000, *"abc", " d", *"efg", " w" * 5_000, "short", "é" * 600, "ü" * 600]
    whos = [give(server, f"p{number}@x.com", one, json.dumps(text)) for number, text in enumerate(texts)]
    before = [value(server, who, one) for who in whos]
    assert change(server, one, "Text", []).error["message"].startswith("3 subscribers")
    assert [value(server, who, one) for who in whos] == before
    for who, text in zip(whos, texts, strict=True):
        if text.startswith(" "):
            server.call("DELETE", who["self"])
    assert change(server, one, "Number", []).error["message"].startswith(f"{len(texts) - 3} subscribers")
    assert change(server, one, "Text", []).status == 200


def test_the_values_of_another_workspace_are_not_looked_at(server: Server) -> None:
    one = field(server, "Size")
    give(server, "ada@example.com", one, '"12"')
    key = server.new_key(workspace="Other")
    theirs = server.call("POST", "/v1/custom-fields", {"label": "Size", "type": "Text"}, key=key).json["data"]
    body = {"email": "ada@example.com", "custom_fields": {theirs["id"]: "large"}}
    ada = made(server.call("POST", SUBSCRIBERS, body, key=key))
    assert change(server, one, "Number", []).status == 200
    assert made(server.call("GET", ada["self"], key=key)) == ada


def test_a_change_and_a_change_back_lose_nothing(server: Server) -> None:
    one = field(server, "Size", "Multi Select", COMMA)
    whos = [
        give(server, f"p{number}@example.com", one, text)
        for number, text in enumerate(['["a, b"]', '["c","a, b"]', '["c"]'])
    ]
    before = [value(server, who, one) for who in whos]
    assert change(server, one, "Text", []).status == 200
    assert [value(server, who, one) for who in whos] == ['"a, b"', 'c, "a, b"', "c"]
    assert change(server, one, "Multi Select", COMMA).status == 200
    assert [value(server, who, one) for who in whos] == before


def test_a_refused_label_changes_no_value(server: Server) -> None:
    field(server, "Taken")
    one = field(server, "Size")
    who = give(server, "ada@example.com", one, '"12"')
    reply = server.call("PUT", one["self"], {"type": "Number", "label": "TAKEN"})
    assert details(reply) == (400, "invalid_body", "label", "label_taken")
    assert (read(server, one), value(server, who, one)) == (one, "12")


def test_a_value_of_the_old_type_is_refused_after_the_change(server: Server) -> None:
    one = field(server, "Size")
    who = give(server, "ada@example.com", one, '"12"')
    assert change(server, one, "Number", []).status == 200
    reply = server.call("PATCH", who["self"], {"custom_fields": {one["id"]: "large"}})
    assert details(reply) == (400, "invalid_body", f"custom_fields.{one['id']}", "invalid_custom_field")
    job = server.import_csv(
        "Email,Size\nada@example.com,large\n",
        [
            MAPPINGS[0],
            {"csv_column": "Size", "field": {"type": "custom-field", "custom_field_id": one["id"]}},
        ],
    )
    assert job["progress"]["rejected_count"] == 1
    assert value(server, who, one) == 12
