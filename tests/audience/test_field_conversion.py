"""A custom field changes only when no subscriber loses a value."""

import json
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest
from api_records import (
    LONG_AGO,
    SUBSCRIBERS,
    backdate,
    data_of,
    details,
    exact_data,
    execute,
    field,
    read,
    subscriber,
    tag,
)
from conftest import KEY, MAPPINGS, Reply, Server

from mailrith_lite.audience import field_conversion
from mailrith_lite.settings import Settings

SL = ["S", "L"]
COMMA = ["a, b", "c"]
THREE = ["a", "b", "a, b"]
TYPES_WITH_OPTIONS = {"Select (Dropdown)", "Single Select", "Multi Select"}

CONVERTED = [
    # type, options, saved value, new type, new options, converted value
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
    # type, options, saved value, new type, new options
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
    settings = Settings(port=0, data_dir=tmp_path_factory.mktemp("conversion") / "data", bootstrap_key=KEY)
    with Server(settings).serving() as server:
        yield server


def subscriber_with(server: Server, email: str, custom_field: Any, value: str) -> Any:
    """Creates a subscriber with a value of the custom field. `value`: JSON, so that a number keeps its digits."""
    body = f'{{"email": "{email}", "custom_fields": {{"{custom_field["id"]}": {value}}}}}'
    return data_of(server.call("POST", SUBSCRIBERS, body.encode()))


def change(server: Server, custom_field: Any, kind: str, options: list[str]) -> Reply:
    settings = {"settings": {"options": options}} if kind in TYPES_WITH_OPTIONS else {}
    return server.call("PUT", custom_field["self"], {"type": kind, **settings})


def import_lines(server: Server, size: Any, other: Any, lines: list[str]) -> None:
    """`lines`: of a CSV with the columns Email, Name, Size and Other."""
    mappings = [
        *MAPPINGS,
        {"csv_column": "Size", "field": {"type": "custom-field", "custom_field_id": size["id"]}},
        {"csv_column": "Other", "field": {"type": "custom-field", "custom_field_id": other["id"]}},
    ]
    server.import_csv("\n".join(["Email,Name,Size,Other", *lines]), mappings)


def value_of(server: Server, person: Any, custom_field: Any) -> Any:
    return exact_data(server.call("GET", person["self"]))["custom_fields"].get(custom_field["id"])


def saved_rows(server: Server) -> list[tuple[Any, ...]]:
    return server.rows("SELECT * FROM subscribers ORDER BY id")


def new_field(server: Server, kind: str, options: list[str]) -> Any:
    (number,) = server.rows("SELECT count(*) FROM custom_fields")[0]
    return field(server, f"Field {number}", kind, options or None)


@pytest.mark.parametrize(("kind", "options", "sent", "new_kind", "new_options", "converted"), CONVERTED)
def test_value_with_the_same_text_in_the_new_type_is_converted(
    service: Server, kind: str, options: list[str], sent: str, new_kind: str, new_options: list[str], converted: str
) -> None:
    custom_field = new_field(service, kind, options)
    person = subscriber_with(service, "ada@example.com", custom_field, sent)
    changed = data_of(change(service, custom_field, new_kind, new_options))
    assert (changed["type"], changed["settings"]["options"]) == (new_kind, new_options)
    result, expected = value_of(service, person, custom_field), json.loads(converted, parse_float=Decimal)
    assert (result, type(result)) == (expected, type(expected))
    path = f'$."{service.rows("SELECT max(id) FROM custom_fields")[0][0]}"'
    # The stored JSON text has every digit, and there is one subscriber only.
    assert service.rows("SELECT custom_fields -> ? FROM subscribers", path) == [(converted,)]
    before = read(service, person)
    assert subscriber_with(service, "ada@example.com", custom_field, converted) == before


@pytest.mark.parametrize(("kind", "options", "sent", "new_kind", "new_options"), LOST)
def test_change_that_would_lose_a_value_is_refused(
    service: Server, kind: str, options: list[str], sent: str, new_kind: str, new_options: list[str]
) -> None:
    custom_field = new_field(service, kind, options)
    subscriber_with(service, "ada@example.com", custom_field, sent)
    before = saved_rows(service)
    reply = change(service, custom_field, new_kind, new_options)
    code = "custom_field_in_use" if new_kind == kind else "custom_field_type_locked"
    assert details(reply) == (409, code, None, "values_would_be_lost")
    assert reply.error["details"]["resource"] == {"type": "custom_field", "id": custom_field["id"]}
    assert reply.error["message"].startswith("1 subscriber has a value that would be lost")
    assert read(service, custom_field) == custom_field
    assert saved_rows(service) == before


@pytest.mark.parametrize("kind", ["Number", "Date", "Checkbox", "Text Area", "Single Select", "Multi Select"])
def test_field_without_values_can_change_to_every_type(server: Server, kind: str) -> None:
    custom_field = field(server, "Company")
    subscriber(server)
    assert change(server, custom_field, kind, SL).status == 200
    assert change(server, custom_field, "Text", []).status == 200


@pytest.mark.slow
@pytest.mark.parametrize("batch_rows", [100, 5_000])
def test_refusal_counts_the_subscribers_who_would_lose_a_value(
    server: Server, monkeypatch: pytest.MonkeyPatch, batch_rows: int
) -> None:
    """Also when earlier values are already converted."""
    monkeypatch.setattr(field_conversion, "BATCH_ROWS", batch_rows)
    size, other = field(server, "Size"), field(server, "Other")
    values = (
        ["12"] * 700 + ["12.0"] * 500 + ["large"] * 700 + [f"word {number}" for number in range(34)] + [""] * 50
    )
    lines = [f"p{number}@example.com,P,{value},word" for number, value in enumerate(values)]
    import_lines(server, size, other, lines)
    before = saved_rows(server)
    reply = change(server, size, "Number", [])
    assert details(reply)[:2] == (409, "custom_field_type_locked")
    assert reply.error["message"].startswith("1,234 subscribers have a value that would be lost")
    assert saved_rows(server) == before
    assert read(server, size) == size
    fewer = change(server, size, "Single Select", ["12", "12.0", "large"])
    assert fewer.error["message"].startswith("34 subscribers")
    for number in range(34):
        execute(server, "DELETE FROM subscribers WHERE email = ?", f"p{1_900 + number}@example.com")
    assert change(server, size, "Single Select", ["12", "12.0", "large"]).status == 200


@pytest.mark.slow
@pytest.mark.parametrize("batch_rows", [7, 2_000])
def test_all_values_are_converted_in_batches_and_nothing_else_changes(
    server: Server, monkeypatch: pytest.MonkeyPatch, batch_rows: int
) -> None:
    monkeypatch.setattr(field_conversion, "BATCH_ROWS", batch_rows)
    size, other = field(server, "Size"), field(server, "Other")
    lines = [f"p{number}@example.com,P,{number % 300 or ''},{number}" for number in range(1_500)]
    import_lines(server, size, other, lines)
    spring = tag(server, "Spring")
    backdate(server)
    assert change(server, size, "Number", []).status == 200
    for number, fields, updated_at in server.rows(
        "SELECT substr(email, 2, instr(email, '@') - 2), custom_fields, updated_at FROM subscribers"
    ):
        expected = {} if int(number) % 300 == 0 else {"1": int(number) % 300}
        assert json.loads(fields) == {**expected, "2": number}
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
def test_subscriber_with_an_unchanged_value_is_not_updated(
    server: Server, kind: str, options: list[str], sent: str, new_kind: str, new_options: list[str]
) -> None:
    custom_field = field(server, "Field", kind, options or None)
    subscriber_with(server, "ada@example.com", custom_field, sent)
    backdate(server)
    before = saved_rows(server)
    assert change(server, custom_field, new_kind, new_options).status == 200
    assert saved_rows(server) == before


def test_deletion_of_a_field_updates_only_subscribers_with_a_value(server: Server) -> None:
    custom_field, other = field(server, "Size"), field(server, "Other")
    with_it = subscriber_with(server, "ada@example.com", custom_field, '"12"')
    without = subscriber_with(server, "bob@example.com", other, '"12"')
    backdate(server)
    assert server.call("DELETE", custom_field["self"]).status == 204
    assert read(server, with_it)["updated_at"] != LONG_AGO
    assert read(server, without)["updated_at"] == LONG_AGO


def test_long_values_are_converted_in_small_batches(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    """A limit on characters bounds the memory. The refusal counts the lost values of all batches."""
    monkeypatch.setattr(field_conversion, "BATCH_ROWS", 3)
    monkeypatch.setattr(field_conversion, "BATCH_CHARACTERS", 1_000)
    custom_field = field(server, "Notes", "Text Area")
    texts = ["x", " y" * 499, "z" * 1_000, *"abc", " d", *"efg", " w" * 5_000, "short", "é" * 600, "ü" * 600]
    people = [
        subscriber_with(server, f"p{number}@x.com", custom_field, json.dumps(text))
        for number, text in enumerate(texts)
    ]
    before = [value_of(server, person, custom_field) for person in people]
    assert change(server, custom_field, "Text", []).error["message"].startswith("3 subscribers")
    assert [value_of(server, person, custom_field) for person in people] == before
    for person, text in zip(people, texts, strict=True):
        if text.startswith(" "):
            server.call("DELETE", person["self"])
    assert change(server, custom_field, "Number", []).error["message"].startswith(f"{len(texts) - 3} subscribers")
    assert change(server, custom_field, "Text", []).status == 200


def test_values_of_another_workspace_do_not_count(server: Server) -> None:
    custom_field = field(server, "Size")
    subscriber_with(server, "ada@example.com", custom_field, '"12"')
    key = server.new_key(workspace="Other")
    theirs = server.call("POST", "/v1/custom-fields", {"label": "Size", "type": "Text"}, key=key).json["data"]
    body = {"email": "ada@example.com", "custom_fields": {theirs["id"]: "large"}}
    ada = data_of(server.call("POST", SUBSCRIBERS, body, key=key))
    assert change(server, custom_field, "Number", []).status == 200
    assert data_of(server.call("GET", ada["self"], key=key)) == ada


def test_change_and_change_back_restore_every_value(server: Server) -> None:
    custom_field = field(server, "Size", "Multi Select", COMMA)
    people = [
        subscriber_with(server, f"p{number}@example.com", custom_field, text)
        for number, text in enumerate(['["a, b"]', '["c","a, b"]', '["c"]'])
    ]
    before = [value_of(server, person, custom_field) for person in people]
    assert change(server, custom_field, "Text", []).status == 200
    assert [value_of(server, person, custom_field) for person in people] == ['"a, b"', 'c, "a, b"', "c"]
    assert change(server, custom_field, "Multi Select", COMMA).status == 200
    assert [value_of(server, person, custom_field) for person in people] == before


def test_refused_label_converts_no_value(server: Server) -> None:
    field(server, "Taken")
    custom_field = field(server, "Size")
    person = subscriber_with(server, "ada@example.com", custom_field, '"12"')
    reply = server.call("PUT", custom_field["self"], {"type": "Number", "label": "TAKEN"})
    assert details(reply) == (409, "custom_field_label_conflict", "label", "label_taken")
    assert (read(server, custom_field), value_of(server, person, custom_field)) == (custom_field, "12")


def test_value_of_the_old_type_is_refused_after_the_change(server: Server) -> None:
    custom_field = field(server, "Size")
    person = subscriber_with(server, "ada@example.com", custom_field, '"12"')
    assert change(server, custom_field, "Number", []).status == 200
    reply = server.call("PATCH", person["self"], {"custom_fields": {custom_field["id"]: "large"}})
    assert details(reply) == (400, "invalid_request", f"custom_fields.{custom_field['id']}", "invalid_custom_field")
    job = server.import_csv(
        "Email,Size\nada@example.com,large\n",
        [
            MAPPINGS[0],
            {"csv_column": "Size", "field": {"type": "custom-field", "custom_field_id": custom_field["id"]}},
        ],
    )
    assert job["progress"]["rejected_count"] == 1
    assert value_of(server, person, custom_field) == 12
