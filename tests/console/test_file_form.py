"""The form for a file: which files and forms it refuses, and who may use it."""

from collections.abc import Callable

import pytest
from conftest import Server

from mailrith_lite import ids

from .import_pages import BOUNDARY, NEW_IMPORT, mapping_path, upload_file
from .visitor import Visitor, heading, signed_in, text

FIELD = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="x"\r\n\r\n'.encode()


def test_refused_file_leaves_no_upload(server: Server) -> None:
    visitor = signed_in(server)
    for file in (b"", b'Email\n"open\n', b"PK\x03\x04" + b"\0" * 60):
        upload_file(visitor, file)
    assert server.rows("SELECT count(*) FROM uploads") == [(0,)]


@pytest.mark.parametrize(
    ("file", "name", "status", "problem"),
    [
        (b"", "list.csv", 400, "there is no header row"),
        (b"", "", 400, "Choose a file first."),
        (b'Email\n"open\n', "list.csv", 400, "line 2"),
        (b"PK\x03\x04" + b"\0" * 60, "list.xlsx", 415, "CSV"),
    ],
)
def test_invalid_file_is_refused_on_the_form(
    service: Server, file: bytes, name: str, status: int, problem: str
) -> None:
    visitor = signed_in(service)
    page = upload_file(visitor, file, name=name)
    assert page.status == status
    assert problem in text(page)
    assert heading(page) == "New import"
    assert "data-problem>" in page.body.decode()


def test_file_over_the_limit_is_refused(serve: Callable[..., Server]) -> None:
    server = serve(max_upload_bytes=100)
    page = upload_file(signed_in(server), b"Email\n" + b"a@example.com\n" * 20)
    assert (page.status, heading(page)) == (413, "New import")


def test_file_needs_the_token_of_this_session_and_its_origin(service: Server) -> None:
    visitor, other = signed_in(service), signed_in(service)
    before = service.rows("SELECT count(*) FROM uploads")
    for token in ("", "x", other.token()):
        assert upload_file(visitor, token=token).status == 403
    assert upload_file(visitor, origin="https://elsewhere.example").status == 403
    assert upload_file(Visitor(service), token="x").status == 401
    assert service.rows("SELECT count(*) FROM uploads") == before


@pytest.mark.parametrize(
    ("content_type", "body", "status"),
    [
        ("application/x-www-form-urlencoded", b"file=x", 415),
        ("multipart/form-data", b"x", 400),
        (f"multipart/form-data; boundary={BOUNDARY}", b"nonsense", 400),
        (f"multipart/form-data; boundary={BOUNDARY}", FIELD + b"x" * 9_000, 413),
    ],
)
def test_malformed_upload_form_is_refused(service: Server, content_type: str, body: bytes, status: int) -> None:
    headers = {"Content-Type": content_type, "Origin": service.url}
    assert signed_in(service).send("POST", NEW_IMPORT, body, headers).status == status


def test_import_pages_need_both_scopes(service: Server) -> None:
    path = mapping_path(signed_in(service))
    for held, missing in (
        ("subscribers:import", "live_actions:write"),
        ("live_actions:write", "subscribers:import"),
    ):
        visitor = signed_in(service, service.new_key(scopes=(held,)))
        for page in (visitor.get(NEW_IMPORT), upload_file(visitor), visitor.get(path), visitor.post(path)):
            assert page.status == 403
            assert f"It lacks {missing}" in text(page)


def test_upload_of_another_workspace_is_not_found(service: Server) -> None:
    path = mapping_path(signed_in(service))
    other = signed_in(service, service.new_key(workspace="Other"))
    nowhere = f"/console/uploads/{ids.encode(ids.UPLOAD, 987_654)}"
    for ask in (other.get, other.post):
        assert ask(path).status == ask(nowhere).status == 404
        assert text(ask(path)) == text(ask(nowhere))
    assert other.post(f"{path}/choices").status == 404
    job = service.import_csv("Email,Name\nada@example.com,Ada\n", new_tag_name="Secret")
    own = mapping_path(other)
    assert "Secret" not in other.get(f"{own}?like={job['id']}").body.decode()


def test_upload_without_a_file_is_not_found(service: Server) -> None:
    upload = service.call("POST", "/v1/jobs/subscriber-import-uploads").json["data"]
    page = signed_in(service).get(f"/console/uploads/{upload['id']}")
    assert (page.status, heading(page)) == (404, "Not found")
