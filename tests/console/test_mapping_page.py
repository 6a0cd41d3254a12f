"""The page where columns are mapped: its options, its problems, and what it escapes."""

import re

import pytest
import uploading
from conftest import Server

from mailrith_lite import ids

from .import_pages import CSV, hidden_fields, mapping_path, selected, submit
from .visitor import heading, signed_in, text


def test_mapping_is_refused_after_the_file_was_replaced(server: Server) -> None:
    visitor, upload = signed_in(server), uploading.ready(server, b"Email,Name,Country\nada@example.com,Ada,DE\n")
    path = f"/console/uploads/{upload['id']}"
    page = visitor.get(path)
    uploading.put(server, upload, b"Email,Country,Name\nada@example.com,FR,Eve\n")
    sent = {"column-0": "email", "column-1": "name", "run": "now"}
    again = submit(visitor, path, sent, page)
    assert (again.status, heading(again)) == (409, "Match the columns")
    assert "Another file has replaced the one you saw" in text(again)
    assert selected(again) == {"column-0": "email", "column-1": "country", "column-2": "name"}
    assert server.rows("SELECT count(*) FROM jobs") == [(0,)]
    assert submit(visitor, path, sent, again).status == 303
    assert visitor.post(path, sent).status == 303  # to the job that was made
    assert server.rows("SELECT count(*) FROM jobs") == [(1,)]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("fields", "problem"),
    [
        ({}, "Choose which column is the email."),
        ({"column-1": "name"}, "Choose which column is the email."),
        (
            {"column-0": "email", "column-1": "email"},
            "Email can come from one column only, not from “Contact” and “Name”.",
        ),
        ({"column-0": "email", "column-1": "nonsense"}, "A custom field that you chose is no longer there."),
        ({"column-0": "email", "tag": ids.encode(ids.TAG, 77)}, "A tag that you chose is no longer there."),
        ({"column-0": "email", "sequence": "x"}, "A sequence that you chose is no longer there."),
        ({"column-0": "email", "new_tag": "x" * 101}, "A tag’s name has 1 to 100 characters"),
        ({"column-0": "email", "new_tag": "a\0b"}, "A tag’s name has 1 to 100 characters"),
    ],
)
def test_invalid_mapping_shows_the_form_again_with_the_problem(
    service: Server, fields: dict[str, str], problem: str
) -> None:
    visitor = signed_in(service)
    path = mapping_path(visitor)
    page = submit(visitor, path, fields)
    assert page.status == 400
    assert problem in text(page)
    expected = {name: value for name, value in fields.items() if name.startswith("column-") and value != "nonsense"}
    assert selected(page) == expected
    assert list(service.services.imports_directory.iterdir()) == []
    assert service.rows("SELECT count(*) FROM jobs") == [(0,)]


@pytest.mark.parametrize(
    ("fields", "places", "problem"),
    [
        ({"column-0": "email", "column-2": "email"}, ["0", "2"], "Email can come from one column only"),
        ({"column-0": "email", "column-2": "nonsense"}, ["2"], "A custom field that you chose"),
    ],
)
def test_problem_is_shown_next_to_its_columns(
    service: Server, fields: dict[str, str], places: list[str], problem: str
) -> None:
    visitor = signed_in(service)
    page = submit(visitor, mapping_path(visitor), fields).body.decode()
    assert re.findall(r'name="column-(\d)"[^>]*aria-describedby="column-\1-note"', page) == places
    notes = dict(re.findall(r'id="column-(\d)-note">([^<]*)<', page))
    assert list(notes) == places
    assert all(note.startswith(problem) for note in notes.values())
    assert re.findall(r'<a href="#column-(\d)">', page) == places
    assert re.findall(r'role="alert" tabindex="-1" autofocus', page)


def test_page_says_that_the_key_may_not_read_the_custom_fields(service: Server) -> None:
    visitor = signed_in(service)
    assert "lacks custom_fields:read" not in text(visitor.get(mapping_path(visitor)))
    held = ("subscribers:import", "live_actions:write")
    little = signed_in(service, service.new_key(scopes=held))
    assert "lacks custom_fields:read" in text(little.get(mapping_path(little)))


def test_options_that_the_key_may_not_read_are_not_offered(service: Server) -> None:
    client = service.sdk()
    client.tags.create(body={"name": "Hidden tag"})
    client.custom_fields.create(body={"label": "Hidden field", "type": "Text"})
    client.sequences.create(body={"name": "Hidden sequence", "definition": {"emails": []}})
    path = mapping_path(signed_in(service))
    assert text(signed_in(service).get(path)).count("Hidden") == 3 + 2  # the field is offered for each column
    held = ("subscribers:import", "live_actions:write")
    assert "Hidden" not in text(signed_in(service, service.new_key(scopes=held)).get(path))


def test_content_of_a_file_is_escaped(service: Server) -> None:
    script = "<script>alert(1)</script>"
    visitor = signed_in(service)
    path = mapping_path(visitor, f"Email,{script}\n{script},{script}\n".encode(), f"{script}.csv")
    page = visitor.get(path)
    assert text(page).count("<script>") >= 3
    assert "<script>" not in page.body.decode()
    reply = submit(visitor, path, {"column-0": "email", "new_tag": script}, page)
    service.drain()
    page = visitor.get(reply.headers["location"])
    assert script in text(page)
    assert "<script>" not in page.body.decode()


def test_columns_that_are_left_out_are_folded_with_their_count(service: Server) -> None:
    visitor = signed_in(service)
    path = mapping_path(visitor, b"Email,Name,Shoe size,Hat size\na@example.com,A,42,\n")
    page = visitor.get(path)
    assert "2 columns left out" in text(page)
    folded = page.body.decode().split("<details", 1)[1]
    assert re.findall(r'name="column-(\d)"', folded) == ["2", "3"]


def test_new_custom_field_is_made_in_the_row(server: Server) -> None:
    visitor = signed_in(server)
    path = mapping_path(visitor)
    fields = {"column-0": "email", "column-2": "new-custom-field", "label-2": "", "type-2": "Text", "run": "now"}
    refused = submit(visitor, path, fields)
    assert (refused.status, "Enter a label for the new custom field of “Plan”" in text(refused)) == (400, True)
    assert submit(visitor, path, {**fields, "label-2": "Current plan"}).status == 303
    server.drain()
    (field,) = server.sdk().custom_fields.list()["data"]
    assert (field["label"], field["type"]) == ("Current plan", "Text")
    person = server.sdk().subscribers.list(query={"search": "ada"})["data"][0]
    assert person["custom_fields"] == {field["id"]: "Free"}


def test_new_select_field_takes_its_options_from_the_row(server: Server) -> None:
    visitor = signed_in(server)
    path = mapping_path(visitor)
    fields = {"column-0": "email", "column-2": "new-custom-field", "label-2": "Plan", "run": "now"}
    chosen = {**fields, "type-2": "Select (Dropdown)", "options-2": ""}
    refused = submit(visitor, path, chosen)
    assert (refused.status, 'id="options-2-note"' in refused.body.decode()) == (400, True)
    submit(visitor, path, {**chosen, "options-2": "Free, Team"})
    server.drain()
    (field,) = server.sdk().custom_fields.list()["data"]
    assert field["settings"]["options"] == ["Free", "Team"]


def test_status_of_the_whole_file_is_for_every_row(server: Server) -> None:
    visitor = signed_in(server)
    submit(visitor, mapping_path(visitor), {"column-0": "email", "status": "Unsubscribed", "run": "now"})
    server.drain()
    assert {person["status"] for person in server.sdk().subscribers.list()["data"]} == {"Unsubscribed"}


def test_format_of_a_field_without_formats_is_dropped(server: Server) -> None:
    """The page hides the list of formats when the field has none, and the browser sends it all the same."""
    visitor = signed_in(server)
    fields = {"column-0": "email", "column-1": "name", "format-1": "day-first", "run": "now"}
    assert submit(visitor, mapping_path(visitor), fields).status == 303


def test_choices_survive_a_reload(server: Server) -> None:
    visitor = signed_in(server)
    path = mapping_path(visitor)
    fields = {**hidden_fields(visitor.get(path)), "column-0": "email", "column-2": "country", "status": "Blocked"}
    assert visitor.post(f"{path}/choices", {**fields, "new_tag": "Fair"}).status == 204
    page = visitor.get(path)
    assert selected(page) == {"column-0": "email", "column-2": "country"}
    assert "<option selected>Blocked</option>" in page.body.decode()
    assert 'value="Fair"' in page.body.decode()


def test_columns_are_remembered_for_the_next_file_with_the_same_header(server: Server) -> None:
    visitor = signed_in(server)
    fields = {"column-0": "email", "column-2": "name", "status": "Blocked", "new_tag": "Fair"}
    submit(visitor, mapping_path(visitor), {**fields, "run": "dry"})
    path = mapping_path(visitor, CSV.replace(b"ada", b"eve"))
    page = visitor.get(path)
    assert selected(page) == {"column-0": "email", "column-2": "name"}
    assert "as you chose them for an earlier file" in text(page)
    assert "Blocked</option>" in page.body.decode()
    assert "<option selected>Blocked</option>" not in page.body.decode()  # it was about other people
    assert 'value="Fair"' not in page.body.decode()
    assert selected(visitor.get(f"{path}?proposed")) == {"column-0": "email", "column-1": "name"}
    other = mapping_path(visitor, CSV.replace(b"Plan", b"Level"))
    assert selected(visitor.get(other)) == {"column-0": "email", "column-1": "name"}


def test_status_column_is_not_left_out_because_of_an_earlier_file(server: Server) -> None:
    visitor = signed_in(server)
    file = b"Email,Status\nada@example.com,Unsubscribed\nbob@example.com,Active\n"
    submit(visitor, mapping_path(visitor, file), {"column-0": "email", "run": "dry"})
    page = visitor.get(mapping_path(visitor, file.replace(b"ada", b"eve")))
    assert selected(page) == {"column-0": "email", "column-1": "subscriber-status"}


def test_choices_of_another_workspace_are_not_shown(service: Server) -> None:
    visitor = signed_in(service)
    file = b"Email,Secret\nada@example.com,x\n"
    submit(visitor, mapping_path(visitor, file), {"column-0": "email", "column-1": "name", "run": "dry"})
    other = signed_in(service, service.new_key(workspace="Elsewhere"))
    assert selected(other.get(mapping_path(other, file))) == {"column-0": "email"}


def test_main_button_comes_before_the_columns_in_the_order_of_tabs(service: Server) -> None:
    visitor = signed_in(service)
    page = visitor.get(mapping_path(visitor)).body.decode()
    begin = page.index("<main")
    focusable = re.findall(
        r"<(?:a href|button|select|input type=\"(?!hidden))", page[begin : page.index('value="now"')]
    )
    assert len(focusable) <= 5


def test_cells_that_the_proposed_field_refuses_are_counted_next_to_it(service: Server) -> None:
    rows = ["ada@example.com,2024-01-31 10:00,DE", "broken,2024-02-01 10:00,Atlantis", ",soon,DE"]
    file = "Email Address,OPTIN_TIME,Country\n" + "\n".join(rows) + "\n"
    visitor = signed_in(service)
    page = text(visitor.get(mapping_path(visitor, file.encode())))
    assert "1 row without an email" in page
    assert "1 of 2 cannot be read as an email address: “broken”" in page
    assert "1 of 3 cannot be read as a date: “soon”" in page
    assert "1 of 3 cannot be read as a country: “Atlantis”" in page


def test_question_about_the_encoding_is_answered_on_the_page(server: Server) -> None:
    visitor = signed_in(server)
    rows = "".join(f"zoe{number}@example.com,Zoë Müller\n" for number in range(20))
    file = f"Email,Name\n{rows}".encode() + b"jose@example.com,Jos\xe9\n"
    path = mapping_path(visitor, file)
    fields = {"column-0": "email", "column-1": "name", "run": "now"}
    refused = submit(visitor, path, fields)
    assert refused.status == 400
    assert "1 byte is not, on line 22" in text(refused)
    submit(visitor, path, {**fields, "answer-mixed_encoding": "windows-1252"})
    server.drain()
    assert {person["name"] for person in server.sdk().subscribers.list()["data"]} == {"Zoë Müller", "José"}


def test_meaning_of_a_yes_and_no_column_is_shown_in_few_words(service: Server) -> None:
    visitor = signed_in(service)
    path = mapping_path(visitor, b"Email,Newsletter\nann@example.com,ja\nbob@example.com,nein\n")
    meaning = "“nein”, “no”, “n”, … become Unsubscribed; “ja”, “yes”, “y”, … change nothing"
    assert meaning in text(visitor.get(path))
