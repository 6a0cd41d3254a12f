"""A file on its way to an import, over plain HTTP: what is taken, what is refused, and for whom."""

import re
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
import uploading
from conftest import KEY, Reply, Server

from mailrith_lite import ids

from .staged import waiting_dry_run
from .visitor import Visitor, heading, signed_in, text, token_in

BOUNDARY = "----boundary7MA4YWxkTrZu0gW"
CSV = b"Contact,Name,Plan\nada@example.com,Ada,Free\nbob@example.com,Bob,Team\nbroken,B,Free\n"
NEW = "/console/imports/new"


def hand_over(
    visitor: Visitor,
    file: bytes = CSV,
    *,
    name: str = "list.csv",
    token: str | None = None,
    origin: str | None = None,
    before: str = "",
) -> Reply:
    """The form as a browser sends it, `before` its file."""
    chosen = visitor.token() if token is None else token
    fields = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="form_token"\r\n\r\n{chosen}\r\n{before}'
    head = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="file"; filename="{name}"\r\n\r\n'
    body = (fields + head).encode() + file + f"\r\n--{BOUNDARY}--\r\n".encode()
    headers = {
        "Content-Type": f"multipart/form-data; boundary={BOUNDARY}",
        "Origin": visitor.server.url if origin is None else origin,
    }
    return visitor.send("POST", NEW, body, headers)


def ready(visitor: Visitor, file: bytes = CSV, name: str = "list.csv") -> str:
    """The path of the page where a file is mapped."""
    reply = hand_over(visitor, file, name=name)
    assert reply.status == 303
    return reply.headers["location"]


def chosen(page: Reply) -> dict[str, str]:
    """What stands in the selects of the page."""
    selects = re.findall(r'<select name="(\S+)"[^>]*>(.*?)</select>', page.body.decode(), re.DOTALL)
    marked = {name: re.findall(r'<option value="([^"]*)" selected', inside) for name, inside in selects}
    return {name: values[0] for name, values in marked.items() if values}


def submit(visitor: Visitor, path: str, fields: dict[str, str], page: Reply | None = None) -> Reply:
    """The form of the mapping page, or of another page with what stands hidden in it."""
    return visitor.post(path, {**hidden(page or visitor.get(path)), **fields})


def hidden(page: Reply) -> dict[str, str]:
    """What stands hidden in the forms of the page."""
    return dict(re.findall(r'<input type="hidden" name="(\S+)" value="([^"]*)">', page.body.decode()))


def test_a_file_is_mapped_tried_out_and_imported(serve: Callable[..., Server]) -> None:
    server = serve()
    visitor = signed_in(server)
    path = ready(visitor)
    page = visitor.get(path)
    assert "list.csv · 3 rows · 3 columns" in text(page)
    assert "ada@example.com" in text(page)
    assert chosen(page) == {"column-0": "email", "column-1": "name"}

    dry = submit(visitor, path, {**chosen(page), "new_tag": "From a fair", "run": "dry"})
    server.drain()
    page = visitor.get(dry.headers["location"])
    assert heading(page) == "Dry run Completed"
    assert "Would be created 2" in text(page)
    assert server.rows("SELECT (SELECT count(*) FROM subscribers) + (SELECT count(*) FROM tags)") == [(0,)]
    again = hidden(page)
    change = re.findall(r'href="([^"]+like=[^"]+)"', page.body.decode())[0].removeprefix("../..")
    assert chosen(visitor.get(change)) == {"column-0": "email", "column-1": "name"}
    assert 'value="From a fair"' in visitor.get(change).body.decode()

    reply = visitor.post(path, again)
    server.drain()
    page = visitor.get(reply.headers["location"])
    assert heading(page) == "Import Completed"
    assert "list.csv" in text(page)
    assert "Created 2" in text(page)
    assert "From a fair" in text(page)
    assert "list.csv" in text(visitor.get("/console"))
    (job,) = server.sdk().jobs.list_imports()["data"][:1]
    assert (job["imported_count"], job["dry_run"]) == (2, False)


def test_a_dry_run_that_is_found_in_the_list_still_leads_to_its_import(serve: Callable[..., Server]) -> None:
    server = serve()
    visitor = signed_in(server)
    path = ready(visitor)
    submit(visitor, path, {"column-0": "email", "run": "dry"})
    server.drain()
    listed = visitor.get("/console")
    assert "list.csv" in text(listed)
    (dry,) = re.findall(r'href="\.(/console/imports/import_job_[^"]+)"', listed.body.decode())
    page = visitor.get(dry)
    assert "Import for real" in text(page)
    assert "Change something" in text(page)
    reply = submit(visitor, path, {}, page)
    assert reply.status == 303
    server.drain()
    assert heading(visitor.get(reply.headers["location"])) == "Import Completed"
    later = visitor.get(dry)
    assert "list.csv" in text(later)
    assert "Import for real" not in text(later)
    assert "Change something" not in text(later)


def test_a_dry_run_that_was_canceled_can_be_changed(server: Server) -> None:
    visitor, upload = signed_in(server), uploading.ready(server)
    dry = waiting_dry_run(server, upload["id"])
    page = visitor.get(visitor.post(f"/console/imports/{dry}/cancel").headers["location"])
    assert heading(page) == "Dry run Canceled"
    assert "Change something" in text(page)
    assert "Import for real" not in text(page)
    assert "This dry run was canceled. Nothing was changed." in text(page)
    assert "stay" not in text(page)


def test_a_dry_run_over_the_api_leads_to_its_import_too(server: Server) -> None:
    upload = uploading.ready(server, name="theirs.csv")
    job = uploading.finished(server, uploading.submit(server, upload, dry_run=True))
    page = signed_in(server).get(f"/console/imports/{job['id']}")
    assert "theirs.csv" in text(page)
    assert "Import for real" in text(page)


def test_a_dry_run_leads_to_no_other_file(server: Server) -> None:
    visitor, upload, other = signed_in(server), uploading.ready(server), uploading.ready(server)
    job = uploading.finished(server, uploading.submit(server, upload, dry_run=True))
    path = f"/console/imports/{job['id']}"
    assert upload["id"] in visitor.get(f"{path}?upload={other['id']}").body.decode()
    assert other["id"] not in visitor.get(f"{path}?upload={other['id']}").body.decode()
    tried = hidden(visitor.get(path))
    uploading.put(server, upload, b"Email,Country,Name\nada@example.com,FR,Eve\n")
    assert "Import for real" not in text(visitor.get(path))
    assert visitor.post(f"/console/uploads/{upload['id']}", tried).status == 409
    assert server.rows("SELECT count(*) FROM jobs WHERE dry_run = 0") == [(0,)]


def test_columns_are_not_mapped_to_a_file_that_came_meanwhile(server: Server) -> None:
    visitor, upload = signed_in(server), uploading.ready(server, b"Email,Name,Country\nada@example.com,Ada,DE\n")
    path = f"/console/uploads/{upload['id']}"
    page = visitor.get(path)
    uploading.put(server, upload, b"Email,Country,Name\nada@example.com,FR,Eve\n")
    sent = {"column-0": "email", "column-1": "name", "run": "now"}
    again = submit(visitor, path, sent, page)
    assert (again.status, heading(again)) == (409, "New import")
    assert "Another file has taken the place of the one you saw" in text(again)
    assert chosen(again) == {"column-0": "email", "column-1": "country", "column-2": "name"}
    assert server.rows("SELECT count(*) FROM jobs") == [(0,)]
    assert submit(visitor, path, sent, again).status == 303
    assert visitor.post(path, sent).status == 303  # to the job that was made
    assert server.rows("SELECT count(*) FROM jobs") == [(1,)]


def test_a_file_that_was_refused_leaves_nothing_behind(server: Server) -> None:
    visitor = signed_in(server)
    for file in (b"", b'Email\n"open\n', b"PK\x03\x04" + b"\0" * 60):
        hand_over(visitor, file)
    assert server.rows("SELECT count(*) FROM uploads") == [(0,)]


def test_a_button_that_is_pressed_twice_imports_once(serve: Callable[..., Server]) -> None:
    server = serve()
    visitor = signed_in(server)
    path = ready(visitor)
    page = visitor.get(path)
    first = submit(visitor, path, {"column-0": "email", "run": "now"}, page)
    second = submit(visitor, path, {"column-0": "email", "run": "now"}, page)
    assert first.headers["location"] == second.headers["location"] == visitor.get(path).headers["location"]
    server.drain()
    assert server.rows("SELECT count(*) FROM jobs") == [(1,)]


def test_a_button_that_is_pressed_often_at_once_imports_once(serve: Callable[..., Server]) -> None:
    server = serve()
    visitor = signed_in(server)
    path = ready(visitor)
    page = visitor.get(path)
    token = visitor.token()
    sent = {**hidden(page), "column-0": "email"}
    with ThreadPoolExecutor(8) as pool:
        replies = list(pool.map(lambda _: visitor.post(path, sent, token=token), range(8)))
    assert {reply.status for reply in replies} == {303}
    assert len({reply.headers["location"] for reply in replies}) == 1
    server.drain()
    assert server.rows("SELECT count(*) FROM jobs") == [(1,)]
    assert list(server.services.imports_directory.iterdir()) == []


def test_tags_and_sequences_are_given_to_everybody(serve: Callable[..., Server]) -> None:
    server = serve()
    client, visitor = server.sdk(), signed_in(server)
    tag = client.tags.create(body={"name": "Newsletter"})["data"]["id"]
    sequence = client.sequences.create(body={"name": "Welcome", "definition": {"emails": []}})["data"]["id"]
    field = client.custom_fields.create(body={"label": "Plan", "type": "Text"})["data"]["id"]
    path = ready(visitor)
    assert chosen(visitor.get(path))["column-2"] == field
    submit(visitor, path, {"column-0": "email", "column-2": field, "tag": tag, "sequence": sequence})
    server.drain()
    person = client.subscribers.list(query={"search": "ada"})["data"][0]
    assert (person["tags"][0]["id"], person["sequence_ids"]) == (tag, [sequence])
    assert person["custom_fields"] == {field: "Free"}


@pytest.mark.parametrize(
    ("fields", "told"),
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
def test_a_mapping_that_cannot_be_is_shown_again(service: Server, fields: dict[str, str], told: str) -> None:
    visitor = signed_in(service)
    path = ready(visitor)
    page = submit(visitor, path, fields)
    assert page.status == 400
    assert told in text(page)
    wanted = {name: value for name, value in fields.items() if name.startswith("column-") and value != "nonsense"}
    assert chosen(page) == wanted
    assert list(service.services.imports_directory.iterdir()) == []
    assert service.rows("SELECT count(*) FROM jobs") == [(0,)]


@pytest.mark.parametrize(
    ("fields", "places", "told"),
    [
        ({"column-0": "email", "column-2": "email"}, ["0", "2"], "Email is chosen for another column, too."),
        ({"column-0": "email", "column-2": "nonsense"}, ["2"], "A custom field that you chose"),
    ],
)
def test_what_is_wrong_is_said_beside_the_column(
    service: Server, fields: dict[str, str], places: list[str], told: str
) -> None:
    visitor = signed_in(service)
    page = submit(visitor, ready(visitor), fields).body.decode()
    assert re.findall(r'<select name="column-(\d)"[^>]*aria-describedby="note-\1"', page) == places
    notes = dict(re.findall(r'id="note-(\d)">([^<]*)<', page))
    assert list(notes) == places
    assert all(note.startswith(told) for note in notes.values())


def test_who_was_signed_out_comes_back_to_the_file(service: Server) -> None:
    visitor = signed_in(service)
    path = ready(visitor)
    page, token = visitor.get(path), visitor.token()
    visitor.cookies.clear()
    refused = visitor.post(path, {**hidden(page), "column-0": "email"}, token=token)
    assert (refused.status, heading(refused)) == (401, "Signed out")
    (way,) = re.findall(r'href="\.\./\.\.(/console/sign-in[^"]+)"', refused.body.decode())
    form = visitor.get(way)
    (target,) = re.findall(r'name="next" value="([^"]*)"', form.body.decode())
    assert target == path
    reply = visitor.post("/console/sign-in", {"key": KEY, "next": target}, token=token_in(form))
    assert reply.headers["location"] == path


def test_a_column_that_is_left_out_can_be_kept(service: Server) -> None:
    visitor = signed_in(service)
    assert "make a custom field for it with POST /v1/custom-fields" in text(visitor.get(ready(visitor)))
    assert "custom field" not in text(visitor.get(ready(visitor, b"Email,Name\na@example.com,A\n")))
    held = ("subscribers:import", "live_actions:write")
    little = signed_in(service, service.new_key(held=held))
    assert "lacks custom_fields:read" in text(little.get(ready(little)))


@pytest.mark.parametrize(
    ("file", "name", "status", "told"),
    [
        (b"", "list.csv", 400, "there is no header row"),
        (b"", "", 400, "Choose a file first."),
        (b'Email\n"open\n', "list.csv", 400, "line 2"),
        (b"PK\x03\x04" + b"\0" * 60, "list.xlsx", 415, "CSV"),
    ],
)
def test_a_file_that_cannot_be_is_refused_on_the_page(
    service: Server, file: bytes, name: str, status: int, told: str
) -> None:
    visitor = signed_in(service)
    page = hand_over(visitor, file, name=name)
    assert page.status == status
    assert told in text(page)
    assert heading(page) == "New import"
    assert "data-problem>" in page.body.decode()


def test_a_file_over_the_limit_is_refused(serve: Callable[..., Server]) -> None:
    server = serve(max_upload_bytes=100)
    page = hand_over(signed_in(server), b"Email\n" + b"a@example.com\n" * 20)
    assert (page.status, heading(page)) == (413, "New import")


def test_a_file_is_not_taken_without_this_sessions_token_and_origin(service: Server) -> None:
    visitor, other = signed_in(service), signed_in(service)
    before = service.rows("SELECT count(*) FROM uploads")
    for token in ("", "x", other.token()):
        assert hand_over(visitor, token=token).status == 403
    assert hand_over(visitor, origin="https://elsewhere.example").status == 403
    assert hand_over(Visitor(service), token="x").status == 401
    assert service.rows("SELECT count(*) FROM uploads") == before


@pytest.mark.parametrize(
    ("content_type", "body", "status"),
    [
        ("application/x-www-form-urlencoded", b"file=x", 415),
        ("multipart/form-data", b"x", 400),
        (f"multipart/form-data; boundary={BOUNDARY}", b"nonsense", 400),
        (f"multipart/form-data; boundary={BOUNDARY}", f"--{BOUNDARY}\r\n\r\n".encode() + b"x" * 9_000, 413),
    ],
)
def test_what_no_form_of_ours_sends_is_refused(
    service: Server, content_type: str, body: bytes, status: int
) -> None:
    headers = {"Content-Type": content_type, "Origin": service.url}
    assert signed_in(service).send("POST", NEW, body, headers).status == status


def test_a_page_for_each_scope_that_is_missing(service: Server) -> None:
    path = ready(signed_in(service))
    for held, missing in (
        ("subscribers:import", "live_actions:write"),
        ("live_actions:write", "subscribers:import"),
    ):
        visitor = signed_in(service, service.new_key(held=(held,)))
        for page in (visitor.get(NEW), hand_over(visitor), visitor.get(path), visitor.post(path)):
            assert page.status == 403
            assert f"It lacks {missing}" in text(page)


def test_what_the_key_may_not_read_is_not_offered(service: Server) -> None:
    client = service.sdk()
    client.tags.create(body={"name": "Hidden tag"})
    client.custom_fields.create(body={"label": "Hidden field", "type": "Text"})
    client.sequences.create(body={"name": "Hidden sequence", "definition": {"emails": []}})
    path = ready(signed_in(service))
    assert text(signed_in(service).get(path)).count("Hidden") == 3 + 2  # the field is offered for each column
    held = ("subscribers:import", "live_actions:write")
    assert "Hidden" not in text(signed_in(service, service.new_key(held=held)).get(path))


def test_an_upload_of_another_workspace_is_not_there(service: Server) -> None:
    path = ready(signed_in(service))
    other = signed_in(service, service.new_key(workspace="Other"))
    nowhere = f"/console/uploads/{ids.encode(ids.UPLOAD, 987_654)}"
    for ask in (other.get, other.post):
        assert ask(path).status == ask(nowhere).status == 404
        assert text(ask(path)) == text(ask(nowhere))
    job = service.import_csv("Email,Name\nada@example.com,Ada\n", new_tag_name="Secret")
    own = ready(other)
    assert "Secret" not in other.get(f"{own}?like={job['id']}").body.decode()


def test_an_upload_without_its_file_is_not_there(service: Server) -> None:
    upload = service.call("POST", "/v1/jobs/subscriber-import-uploads").json["data"]
    page = signed_in(service).get(f"/console/uploads/{upload['id']}")
    assert (page.status, heading(page)) == (404, "Not found")


def test_what_stands_in_a_file_stays_text(service: Server) -> None:
    script = "<script>alert(1)</script>"
    visitor = signed_in(service)
    path = ready(visitor, f"Email,{script}\n{script},{script}\n".encode(), f"{script}.csv")
    page = visitor.get(path)
    assert text(page).count("<script>") >= 4
    assert "<script>" not in page.body.decode()
    reply = submit(visitor, path, {"column-0": "email", "new_tag": script}, page)
    service.drain()
    page = visitor.get(reply.headers["location"])
    assert script in text(page)
    assert "<script>" not in page.body.decode()


def test_columns_of_one_name_cannot_be_mapped(service: Server) -> None:
    visitor = signed_in(service)
    page = visitor.get(ready(visitor, b"Email,Name,Name,\na@example.com,A,B,C\n"))
    assert text(page).count("Left out: several columns have this name") == 2
    assert chosen(page) == {"column-0": "email"}
    assert "(no name)" in text(page)
