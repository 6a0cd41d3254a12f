"""The page where columns are mapped: its options, its problems, and what it escapes."""

import re

import pytest
import uploading
from conftest import Server

from mailrith_lite import ids

from .import_pages import mapping_path, selected, submit
from .visitor import heading, signed_in, text


def test_mapping_is_refused_after_the_file_was_replaced(server: Server) -> None:
    visitor, upload = signed_in(server), uploading.ready(server, b"Email,Name,Country\nada@example.com,Ada,DE\n")
    path = f"/console/uploads/{upload['id']}"
    page = visitor.get(path)
    uploading.put(server, upload, b"Email,Country,Name\nada@example.com,FR,Eve\n")
    sent = {"column-0": "email", "column-1": "name", "run": "now"}
    again = submit(visitor, path, sent, page)
    assert (again.status, heading(again)) == (409, "New import")
    assert "Another file has taken the place of the one you saw" in text(again)
    assert selected(again) == {"column-0": "email", "column-1": "country", "column-2": "name"}
    assert server.rows("SELECT count(*) FROM jobs") == [(0,)]
    assert submit(visitor, path, sent, again).status == 303
    assert visitor.post(path, sent).status == 303  # to the job that was made
    assert server.rows("SELECT count(*) FROM jobs") == [(1,)]


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
        ({"column-0": "email", "column-2": "email"}, ["0", "2"], "Email is chosen for another column, too."),
        ({"column-0": "email", "column-2": "nonsense"}, ["2"], "A custom field that you chose"),
    ],
)
def test_problem_is_shown_beside_its_columns(
    service: Server, fields: dict[str, str], places: list[str], problem: str
) -> None:
    visitor = signed_in(service)
    page = submit(visitor, mapping_path(visitor), fields).body.decode()
    assert re.findall(r'<select name="column-(\d)"[^>]*aria-describedby="note-\1"', page) == places
    notes = dict(re.findall(r'id="note-(\d)">([^<]*)<', page))
    assert list(notes) == places
    assert all(note.startswith(problem) for note in notes.values())


def test_left_out_column_comes_with_a_hint_about_custom_fields(service: Server) -> None:
    visitor = signed_in(service)
    assert "make a custom field for it with POST /v1/custom-fields" in text(visitor.get(mapping_path(visitor)))
    assert "custom field" not in text(visitor.get(mapping_path(visitor, b"Email,Name\na@example.com,A\n")))
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
    assert text(page).count("<script>") >= 4
    assert "<script>" not in page.body.decode()
    reply = submit(visitor, path, {"column-0": "email", "new_tag": script}, page)
    service.drain()
    page = visitor.get(reply.headers["location"])
    assert script in text(page)
    assert "<script>" not in page.body.decode()


def test_columns_with_the_same_name_cannot_be_mapped(service: Server) -> None:
    visitor = signed_in(service)
    page = visitor.get(mapping_path(visitor, b"Email,Name,Name,\na@example.com,A,B,C\n"))
    assert text(page).count("Left out: several columns have this name") == 2
    assert selected(page) == {"column-0": "email"}
    assert "(no name)" in text(page)
