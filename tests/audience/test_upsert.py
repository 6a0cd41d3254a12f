"""A value of a request and the same value of an import are saved, or refused, alike."""

import csv
import io
import itertools
import json
from collections.abc import Iterator, Sequence
from typing import Any

import pytest
from api_records import LONG_AGO, SUBSCRIBERS, backdate, data_of, details, exact_data, field, read, subscriber
from conftest import KEY, MAPPINGS, Reply, Server

from mailrith_lite.settings import Settings

SL = ["S", "L"]
COMMA = ["a, b", "c"]
HAS_OPTIONS = {"Select (Dropdown)", "Single Select", "Multi Select"}
_numbers = itertools.count()

SAME = [
    # mapped type or type of the custom field, options, cell, JSON value of a request, saved JSON value
    ("name", [], "  Ada  ", '"  Ada  "', '"Ada"'),
    ("name", [], "Zoë 🎉", '"Zo\\u00eb 🎉"', '"Zoë 🎉"'),
    ("name", [], "two\nlines", '"two\\nlines"', '"two\\nlines"'),
    ("name", [], "=1+1", '"=1+1"', '"=1+1"'),
    ("name", [], "é" * 200, f'"{"é" * 200}"', f'"{"é" * 200}"'),
    ("country", [], "de", '"de"', '"DE"'),
    ("country", [], "DEU", '"DEU"', '"DE"'),
    ("country", [], " germany ", '" germany "', '"DE"'),
    ("country", [], "CÔTE D'IVOIRE", '"CÔTE D\'IVOIRE"', '"CI"'),
    ("country", [], "Bolivia, Plurinational State of", '"Bolivia, Plurinational State of"', '"BO"'),
    ("subscriber-status", [], "Bounced", '"Bounced"', '"Bounced"'),
    ("Text", [], "  a  b ", '"  a  b "', '"a  b"'),
    ("Text", [], "x" * 10_000, f'"{"x" * 10_000}"', f'"{"x" * 10_000}"'),
    ("Text Area", [], "  a\n\tb \n", '"  a\\n\\tb \\n"', '"  a\\n\\tb \\n"'),
    ("Number", [], "12", "12", "12"),
    ("Number", [], "12", '"12"', "12"),
    ("Number", [], "1.50", "1.50", "1.5"),
    ("Number", [], "1.50", '" 1.50 "', "1.5"),
    ("Number", [], "-3.0", "-3.0", "-3"),
    ("Number", [], "-0", "-0", "0"),
    ("Number", [], "1e3", "1e3", "1000"),
    ("Number", [], "25E-1", "25E-1", "2.5"),
    ("Number", [], "+7", '"+7"', "7"),
    ("Number", [], ".5", "0.5", "0.5"),
    ("Number", [], "0.1", "0.1", "0.1"),
    ("Number", [], "12345678901234567890.123", "12345678901234567890.123", "12345678901234567890.123"),
    ("Number", [], "9" * 100, "9" * 100, "9" * 100),
    ("Number", [], f"{'7' * 60}.{'7' * 39}", f"{'7' * 60}.{'7' * 39}", f"{'7' * 60}.{'7' * 39}"),
    ("Number", [], f"-{'7' * 60}.50", f"-{'7' * 60}.50", f"-{'7' * 60}.5"),
    ("Number", [], "-9007199254740993", "-9007199254740993", "-9007199254740993"),
    ("Date", [], " 2026-02-28 ", '" 2026-02-28 "', '"2026-02-28"'),
    ("Date", [], "0001-01-01", '"0001-01-01"', '"0001-01-01"'),
    ("Date", [], "2026-04-11T00:00:00Z", '"2026-04-11T00:00:00Z"', '"2026-04-11"'),
    ("Checkbox", [], "yes", "true", "true"),
    ("Checkbox", [], "TRUE", '"TRUE"', "true"),
    ("Checkbox", [], "0", "false", "false"),
    ("Checkbox", [], " No ", '" No "', "false"),
    ("Single Select", SL, " S ", '" S "', '"S"'),
    ("Single Select", SL, "s", '"s"', '"S"'),
    ("Select (Dropdown)", COMMA, "a, b", '"a, b"', '"a, b"'),
    ("Multi Select", SL, "L, S", '["L","S"]', '["L","S"]'),
    ("Multi Select", SL, "L,S", '"L,S"', '["L","S"]'),
    ("Multi Select", SL, "l; s", '["l", "", "s"]', '["L","S"]'),
    ("Multi Select", SL, "S,S,L,S", '["S"," S","L","S"]', '["S","L"]'),
    ("Multi Select", COMMA, '"a, b", c', '["a, b","c"]', '["a, b","c"]'),
]
EACH = pytest.mark.parametrize("number", range(len(SAME)), ids=[f"{case[0]}: {case[3][:30]}" for case in SAME])
REFUSED = [
    ("name", [], "x" * 201, f'"{"x" * 201}"', "value_too_long"),
    ("country", [], "Atlantis", '"Atlantis"', "invalid_country"),
    ("country", [], "Atlantis", '"Atlantis"', "invalid_country"),
    ("Text", [], "x" * 10_001, f'"{"x" * 10_001}"', "value_too_long"),
    ("Text Area", [], "x" * 10_001, f'"{"x" * 10_001}"', "value_too_long"),
    ("Number", [], "twelve", '"twelve"', "invalid_custom_field"),
    ("Number", [], "NaN", '"NaN"', "invalid_custom_field"),
    ("Number", [], "-Infinity", '"-Infinity"', "invalid_custom_field"),
    ("Number", [], "١٢", '"١٢"', "invalid_custom_field"),
    ("Number", [], "0x10", '"0x10"', "invalid_custom_field"),
    ("Number", [], "1e400", "1e400", "invalid_custom_field"),
    ("Number", [], "9" * 101, "9" * 101, "value_too_long"),
    ("Number", [], "1e300", "1e300", "value_too_long"),
    ("Date", [], "2026-02-29", '"2026-02-29"', "invalid_custom_field"),
    ("Checkbox", [], "maybe", '"maybe"', "invalid_custom_field"),
    ("Checkbox", [], "2", '"2"', "invalid_custom_field"),
    ("Single Select", SL, "S, L", '"S, L"', "invalid_custom_field"),
    ("Multi Select", SL, "S, M", '["S","M"]', "invalid_custom_field"),
]
WRONG_JSON_TYPES = [
    ("Text", [], ["5", "true", '["x"]', "{}"]),
    ("Text Area", [], ["5", "false", '["x"]', '{"x": 1}']),
    ("Number", [], ["true", "[1]", "{}"]),
    ("Date", [], ["20260411", "true", '["2026-04-11"]']),
    ("Checkbox", [], ["1", "0", "[true]", "{}"]),
    ("Single Select", SL, ["1", '["S"]', "true"]),
    ("Select (Dropdown)", SL, ["1", '["S"]', "{}"]),
    ("Multi Select", SL, ["[1]", "[null]", '[["S"]]', '{"S": true}', "1", "true"]),
]


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    settings = Settings(port=0, data_dir=tmp_path_factory.mktemp("upsert") / "data", bootstrap_key=KEY)
    with Server(settings).serving() as server:
        yield server


def new_field(server: Server, kind: str, options: list[str]) -> Any:
    return field(server, f"Field {next(_numbers)}", kind, options if kind in HAS_OPTIONS else None)


def target(server: Server, kind: str, options: list[str]) -> tuple[Any, str]:
    """One field in two forms: as a mapping of an import, and as a JSON member with %s for its value."""
    if kind in ("name", "country", "subscriber-status"):
        return {"type": kind}, f'"{kind.removeprefix("subscriber-")}": %s'
    public_id = new_field(server, kind, options)["id"]
    return {"type": "custom-field", "custom_field_id": public_id}, f'"custom_fields": {{"{public_id}": %s}}'


def post(server: Server, email: str, member: str, method: str = "POST", path: str = SUBSCRIBERS) -> Reply:
    return server.call(method, path, f'{{"email": "{email}", {member}}}'.encode())


def import_cell(server: Server, email: str, mapping: Any, cell: str) -> Any:
    """The import job."""
    text = io.StringIO()
    csv.writer(text).writerows([["Email", "Value"], [email, cell]])
    return server.import_csv(text.getvalue(), [MAPPINGS[0], {"csv_column": "Value", "field": mapping}])


def saved_row(server: Server, email: str, kind: str) -> tuple[Any, ...]:
    columns = "name, name_key, country, custom_fields" + (", status" if kind == "subscriber-status" else "")
    (row,) = server.rows(f"SELECT {columns} FROM subscribers WHERE email = ?", email)
    return row


@pytest.fixture(scope="module")
def targets(service: Server) -> list[tuple[Any, str]]:
    """The `target` of each case of SAME."""
    return [target(service, kind, options) for kind, options, *_ in SAME]


def import_same(server: Server, emails: Sequence[str], mappings: Sequence[Any]) -> Any:
    """Imports a row for each case of SAME, which fills only the column of its mapping. Returns the counts."""
    columns = {json.dumps(mapping): mapping for mapping in mappings}
    rows = [
        [email, *(case[2] if column == mapping else "" for column in columns.values())]
        for email, mapping, case in zip(emails, mappings, SAME, strict=True)
    ]
    text = io.StringIO()
    csv.writer(text).writerows([["Email", *columns], *rows])
    mapped = [{"csv_column": name, "field": field} for name, field in columns.items()]
    return server.import_csv(text.getvalue(), [MAPPINGS[0], *mapped])["progress"]


@pytest.fixture(scope="module")
def imported(service: Server, targets: list[tuple[Any, str]]) -> list[str]:
    """The emails of people whom an import has created with the cells of SAME."""
    emails = [f"import.{number}@example.com" for number in range(len(SAME))]
    counts = import_same(service, emails, [mapping for mapping, _ in targets])
    assert counts["created_count"] == len(SAME)
    return emails


@pytest.fixture(scope="module")
def imported_again(service: Server, targets: list[tuple[Any, str]]) -> tuple[list[Any], int]:
    """People whom requests have created with the values of SAME before an import had the same; and how many of
    them it left unchanged."""
    emails = [f"both.{number}@example.com" for number in range(len(SAME))]
    people = [
        data_of(post(service, email, member % case[3]))
        for email, (_, member), case in zip(emails, targets, SAME, strict=True)
    ]
    counts = import_same(service, emails, [mapping for mapping, _ in targets])
    return people, counts["unchanged_count"]


@EACH
def test_api_and_import_save_the_same(
    service: Server, targets: list[tuple[Any, str]], imported: list[str], number: int
) -> None:
    kind, _, _, sent, saved = SAME[number]
    _, member = targets[number]
    requested = f"api.{number}@example.com"
    reply = post(service, requested, member % sent)
    assert reply.status == 201, reply.body
    assert saved_row(service, requested, kind) == saved_row(service, imported[number], kind)
    assert (member % saved).replace(" ", "") in reply.body.decode().replace(" ", "")
    assert exact_data(service.call("GET", reply.json["data"]["self"])) == exact_data(reply)


@pytest.mark.slow
@EACH
def test_import_and_api_leave_an_equal_value_unchanged(
    service: Server, targets: list[tuple[Any, str]], imported_again: tuple[list[Any], int], number: int
) -> None:
    _, _, _, sent, saved = SAME[number]
    _, member = targets[number]
    person = imported_again[0][number]
    assert read(service, person) == person
    assert data_of(post(service, person["email"], member % sent)) == person
    assert data_of(post(service, person["email"], member % saved)) == person


@pytest.mark.slow
def test_import_counts_equal_values_as_unchanged(imported_again: tuple[list[Any], int]) -> None:
    assert imported_again[1] == len(SAME)


@pytest.mark.parametrize(("kind", "options", "cell", "sent", "code"), REFUSED)
def test_api_and_import_refuse_with_the_same_code(
    service: Server, kind: str, options: list[str], cell: str, sent: str, code: str
) -> None:
    mapping, member = target(service, kind, options)
    email = f"refused.{next(_numbers)}@example.com"
    path = f"custom_fields.{mapping['custom_field_id']}" if "custom_field_id" in mapping else kind
    assert details(post(service, email, member % sent)) == (400, "invalid_request", path, code)
    job = import_cell(service, email, mapping, cell)
    (row,) = csv.DictReader(io.StringIO(service.report(job)))
    assert (row["error_code"], row["error_column"]) == (code, "Value")
    assert service.rows("SELECT 1 FROM subscribers WHERE email = ?", email) == []


@pytest.mark.parametrize(
    ("kind", "options", "sent"),
    [(kind, options, sent) for kind, options, values in WRONG_JSON_TYPES for sent in values],
)
def test_custom_field_refuses_other_json_types(service: Server, kind: str, options: list[str], sent: str) -> None:
    custom_field = new_field(service, kind, options)
    ada = subscriber(service, "forms@example.com")
    for method, url in (("POST", SUBSCRIBERS), ("PATCH", ada["self"])):
        member = f'"custom_fields": {{"{custom_field["id"]}": {sent}}}'
        reply = post(service, "forms@example.com", member, method, url)
        path = f"custom_fields.{custom_field['id']}"
        assert details(reply) == (400, "invalid_request", path, "invalid_custom_field")
    assert read(service, ada) == ada


@pytest.mark.parametrize("blank", ["null", '""', '" \\t\\n"', "[]"])
@pytest.mark.parametrize(
    ("kind", "options", "saved"),
    [("Text", [], '"x"'), ("Number", [], "0"), ("Checkbox", [], "false"), ("Multi Select", SL, '["S"]')],
)
def test_blank_value_keeps_the_saved_one(
    service: Server, kind: str, options: list[str], saved: str, blank: str
) -> None:
    field_id = new_field(service, kind, options)["id"]
    ada = data_of(post(service, "blank@example.com", f'"custom_fields": {{"{field_id}": {saved}}}'))
    for method, path in (("POST", SUBSCRIBERS), ("PATCH", ada["self"])):
        member = f'"custom_fields": {{"{field_id}": {blank}}}'
        assert data_of(post(service, "blank@example.com", member, method, path)) == ada
    new = data_of(post(service, f"new.{next(_numbers)}@example.com", f'"custom_fields": {{"{field_id}": {blank}}}'))
    assert new["custom_fields"] == {}


@pytest.mark.parametrize("name", ["Shoe size", "shoe SIZE", "  Shoe size ", "{id}"])
def test_custom_field_is_given_by_id_or_by_label_ignoring_case(server: Server, name: str) -> None:
    field_id = field(server, "Shoe size")["id"]
    key = name.format(id=field_id)
    ada = subscriber(server, custom_fields={key: "9"})
    assert ada["custom_fields"] == {field_id: "9"}
    assert data_of(server.call("PATCH", ada["self"], {"custom_fields": {key: "10"}}))["custom_fields"] == {
        field_id: "10"
    }


def test_id_wins_over_an_equal_label(server: Server) -> None:
    field_id = field(server, "Size")["id"]
    other_id = field(server, field_id)["id"]
    assert subscriber(server, custom_fields={field_id: "x"})["custom_fields"] == {field_id: "x"}
    assert subscriber(server, custom_fields={other_id: "y"})["custom_fields"] == {field_id: "x", other_id: "y"}


def test_other_custom_fields_keep_their_values(server: Server) -> None:
    ids = [field(server, label)["id"] for label in ("One", "Two", "Three")]
    subscriber(server, custom_fields={ids[0]: "1", ids[1]: "2"})
    assert subscriber(server, custom_fields={ids[1]: "b", ids[2]: "c"})["custom_fields"] == {
        ids[0]: "1",
        ids[1]: "b",
        ids[2]: "c",
    }


@pytest.mark.parametrize("name", ["Nothing", "custom_field_x", "", "{foreign}"])
def test_unknown_custom_field_is_refused(server: Server, name: str) -> None:
    key = server.new_key(workspace="Other")
    theirs = server.call("POST", "/v1/custom-fields", {"label": "Theirs", "type": "Text"}, key=key).json["data"]
    sent = name.format(foreign=theirs["id"])
    reply = server.call("POST", SUBSCRIBERS, {"email": "ada@example.com", "custom_fields": {sent: "x"}})
    assert details(reply) == (400, "invalid_request", f"custom_fields.{sent}", "custom_field_not_found")


def test_custom_field_given_twice_is_refused(server: Server) -> None:
    field_id = field(server, "Size")["id"]
    reply = server.call(
        "POST", SUBSCRIBERS, {"email": "ada@example.com", "custom_fields": {field_id: "1", "SIZE": "2"}}
    )
    assert details(reply)[:3] == (400, "invalid_request", "custom_fields.SIZE")


def test_refused_value_saves_nothing_of_the_request(server: Server) -> None:
    good, bad = field(server, "Good")["id"], field(server, "Bad", "Number")["id"]
    ada = subscriber(server, name="Ada")
    body = {"name": "Bob", "country": "GB", "custom_fields": {good: "x", bad: "x"}}
    for method, path in (("POST", SUBSCRIBERS), ("PATCH", ada["self"])):
        reply = server.call(method, path, {"email": "ada@example.com", **body})
        assert details(reply)[2:] == (f"custom_fields.{bad}", "invalid_custom_field")
    assert read(server, ada) == ada


@pytest.mark.parametrize("email", ["  Ada@Example.com ", "ada@MÜNZE.example", "Ada@xn--mnze-0ra.EXAMPLE"])
def test_import_and_api_find_the_same_subscriber_by_email(server: Server, email: str) -> None:
    person = subscriber(server, email)
    backdate(server)
    text = f"Email,Name\n{email},\n"
    assert server.import_csv(text)["progress"]["unchanged_count"] == 1
    assert read(server, person)["updated_at"] == LONG_AGO
    server.call("DELETE", person["self"])
    assert server.import_csv(text)["progress"]["created_count"] == 1
    assert server.call("POST", SUBSCRIBERS, {"email": email}).status == 200


def test_empty_country_clears_it_in_a_request_and_keeps_it_in_an_import(server: Server) -> None:
    person = subscriber(server, country="GB")
    mapping = {"type": "country"}
    assert import_cell(server, "ada@example.com", mapping, " ")["progress"]["unchanged_count"] == 1
    assert read(server, person)["country"] == "GB"
    assert subscriber(server, country=None)["country"] is None


def test_number_keeps_every_digit_from_request_to_export(server: Server) -> None:
    field_id = field(server, "Precise", "Number")["id"]
    digits = "12345678901234567890.123"
    reply = post(server, "ada@example.com", f'"custom_fields": {{"{field_id}": {digits}}}')
    assert f'"{field_id}":{digits}'.encode() in reply.body
    listed = server.call("GET", SUBSCRIBERS)
    assert f'"{field_id}":{digits}'.encode() in listed.body
    _, text = server.export_csv()
    (exported,) = csv.DictReader(io.StringIO(text))
    assert exported["Precise"] == digits
    assert json.loads(listed.body, parse_float=str)["data"][0]["custom_fields"] == {field_id: digits}


@pytest.mark.parametrize("kind", ["name", "Text", "Text Area"])
def test_nul_character_is_refused(server: Server, kind: str) -> None:
    _, member = target(server, kind, [])
    assert post(server, "ada@example.com", member % '"a\\u0000b"').status == 400


def test_white_space_inside_a_label_counts_as_one_space(server: Server) -> None:
    field_id = field(server, "Shoe  size")["id"]
    assert subscriber(server, custom_fields={"Shoe  size": "9"})["custom_fields"] == {field_id: "9"}
