"""A zip archive with several CSV files: an import of each, in one go."""

import io
import re
import zipfile
from collections.abc import Mapping

from conftest import Reply, Server
from uploading import files

from .import_pages import hidden_fields, upload_file
from .visitor import Visitor, heading, signed_in, text

PEOPLE = {
    "subscribed_members.csv": b"Email Address,First Name\nada@example.com,Ada\n",
    "unsubscribed_members.csv": b"Email Address,First Name\nbob@example.com,Bob\n",
}


def archive(members: Mapping[str, bytes]) -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as packed:
        for name, data in members.items():
            packed.writestr(f"folder/{name}", data)
    return content.getvalue()


def unpacked(visitor: Visitor, members: Mapping[str, bytes] = PEOPLE) -> tuple[str, Reply]:
    """The path of the page of the archive's files, and the page."""
    path = upload_file(visitor, archive(members), name="members.zip").headers["location"]
    return path, visitor.get(path)


def form_of(page: Reply, answer: str) -> dict[str, str]:
    """The fields of the page with every file chosen, and the question about the second answered."""
    chosen = dict.fromkeys(
        re.findall(r'type="checkbox" id="[^"]+" name="([^"]+-import)" checked', page.body.decode()), "on"
    )
    questions = dict.fromkeys(re.findall(r'type="radio" id="[^"]+" name="([^"]+)"', page.body.decode()), answer)
    return {**hidden_fields(page), **chosen, **questions}


def test_each_file_of_an_archive_becomes_an_import(server: Server) -> None:
    visitor = signed_in(server)
    path, page = unpacked(visitor)
    assert heading(page) == "Files of the archive"
    assert "Email Address → Email" in text(page)
    assert visitor.post(path, form_of(page, "Unsubscribed")).headers["location"] == "/console"
    server.drain()
    people = {person["email"]: person["status"] for person in server.sdk().subscribers.list()["data"]}
    assert people == {"ada@example.com": "Active", "bob@example.com": "Unsubscribed"}
    listed = text(visitor.get("/console"))
    assert "unsubscribed_members.csv" in listed
    assert " subscribed_members.csv" in listed
    assert files(server) == []  # neither the archive nor its files


def test_no_import_starts_before_each_question_has_an_answer(server: Server) -> None:
    visitor = signed_in(server)
    path, page = unpacked(visitor)
    again = visitor.post(path, form_of(page, "nonsense"))
    assert again.status == 400
    assert "unsubscribed_members.csv: Choose an answer" in text(again)
    (target,) = re.findall(r'<a href="#([^"]+)">unsubscribed', again.body.decode())
    assert f'<fieldset class="question" id="{target}"' in again.body.decode()
    assert server.rows("SELECT count(*) FROM jobs") == [(0,)]


def test_file_that_is_not_chosen_stays(server: Server) -> None:
    visitor = signed_in(server)
    path, page = unpacked(visitor)
    fields = form_of(page, "Unsubscribed")
    first = next(name for name in fields if name.endswith("-import"))
    visitor.post(path, {name: value for name, value in fields.items() if name != first})
    server.drain()
    assert [person["email"] for person in server.sdk().subscribers.list()["data"]] == ["bob@example.com"]
    later = visitor.get(path)
    assert "Its import has started." in text(later)
    assert later.body.decode().count('type="checkbox"') == 1
    fields = {name: value for name, value in form_of(later, "").items() if not name.endswith("-import")}
    assert "Choose at least one file." in text(visitor.post(path, fields))


def test_columns_that_were_matched_on_their_own_page_are_used(server: Server) -> None:
    """Also when another file has the same header."""
    visitor = signed_in(server)
    path, page = unpacked(visitor)
    for own, tag in zip(re.findall(r'"\.\.(/console/uploads/[^"]+)">Match', page.body.decode()), "XY", strict=True):
        fields = {**hidden_fields(visitor.get(own)), "column-0": "email", "column-1": "", "new_tag": tag}
        visitor.post(f"{own}/choices", fields)
    page = visitor.get(path)
    visitor.post(path, form_of(page, "Unsubscribed"))
    server.drain()
    people = {person["email"]: person for person in server.sdk().subscribers.list()["data"]}
    assert not people["ada@example.com"]["name"]
    tags = {email: [tag["name"] for tag in person["tags"]] for email, person in people.items()}
    assert tags == {"ada@example.com": ["X"], "bob@example.com": ["Y"]}


def test_files_of_an_archive_that_cannot_be_read_are_named(server: Server) -> None:
    visitor = signed_in(server)
    _, page = unpacked(visitor, {**PEOPLE, "broken.csv": b'Email\n"open\n'})
    assert "no CSV files that the service can read: folder/broken.csv" in text(page)
    assert server.rows("SELECT count(*) FROM uploads") == [(2,)]


def test_archive_with_one_file_goes_to_its_columns(server: Server) -> None:
    visitor = signed_in(server)
    reply = upload_file(visitor, archive({"list.csv": b"Email\nada@example.com\n"}), name="list.zip")
    assert heading(visitor.get(reply.headers["location"])) == "Match the columns"


def test_files_of_another_workspace_are_not_found(server: Server) -> None:
    path, _ = unpacked(signed_in(server))
    other = signed_in(server, server.new_key(workspace="Other"))
    assert (other.get(path).status, other.post(path).status) == (404, 404)
