"""CSRF: the console accepts only forms that a page of the same session has made."""

from collections.abc import Callable

import pytest
from conftest import Server

from .visitor import Visitor, heading, signed_in

FORMS = (
    "/console/sign-out",
    "/console/exports",
    "/console/imports/import_job_0000000000000/cancel",
    "/console/exports/export_job_0000000000000/cancel",
    "/console/uploads/upload_0000000000000/choices",
)
FORMS_OF_PAGES = (
    "/console/imports/import_job_0000000000000/correct",
    "/console/uploads",
    "/console/uploads/upload_0000000000000",
    "/console/subscribers/subscriber_0000000000000",
    "/console/subscribers/subscriber_0000000000000/erase",
)
"""Forms with the address of their page."""


@pytest.mark.slow
@pytest.mark.parametrize("path", [*FORMS, *FORMS_OF_PAGES])
def test_form_without_the_token_of_its_session_is_refused(service: Server, path: str) -> None:
    visitor, other = signed_in(service), signed_in(service)
    for token in ("", "x", "ü", other.token(), Visitor(service).token()):
        reply = visitor.post(path, token=token)
        assert (reply.status, heading(reply)) == (403, "Not allowed")
    assert visitor.get("/console").status == 200
    assert service.rows("SELECT count(*) FROM jobs") == [(0,)]


@pytest.mark.parametrize("path", [*FORMS, *FORMS_OF_PAGES, "/console/sign-in"])
@pytest.mark.parametrize("origin", ["https://elsewhere.example", "http://localhost", "null", "", "http://[", "x"])
def test_form_from_another_origin_is_refused(service: Server, path: str, origin: str) -> None:
    visitor = Visitor(service) if path == "/console/sign-in" else signed_in(service)
    reply = visitor.post(path, {"key": "mrk_example_secret_key"}, headers={"Origin": origin})
    assert (reply.status, heading(reply)) == (403, "Not allowed")
    assert visitor.post(path, {"key": "mrk_example_secret_key"}).status != 403


def test_origin_of_the_public_address_is_accepted(serve: Callable[..., Server]) -> None:
    server = serve(public_url="https://mail.example.com")
    visitor = Visitor(server)
    token = visitor.token()
    for origin, status in (("https://mail.example.com", 303), ("https://mail.example.org", 403)):
        fields = {"key": "mrk_example_secret_key"}
        assert visitor.post("/console/sign-in", fields, token=token, headers={"Origin": origin}).status == status


def test_sign_in_form_of_another_browser_is_refused(service: Server) -> None:
    stranger, visitor = Visitor(service), Visitor(service)
    token = stranger.token()
    assert visitor.post("/console/sign-in", {"key": "mrk_example_secret_key"}, token=token).status == 403
    visitor.token()
    assert visitor.post("/console/sign-in", {"key": "mrk_example_secret_key"}, token=token).status == 403


def test_sign_in_form_works_in_two_tabs(service: Server) -> None:
    visitor = Visitor(service)
    first, second = visitor.token(), visitor.token()
    assert first == second
    assert visitor.post("/console/sign-in", {"key": "mrk_example_secret_key"}, token=first).status == 303


@pytest.mark.parametrize(
    ("content_type", "body", "status"),
    [
        ("application/json", b"{}", 415),
        ("text/plain", b"form_token=x", 415),
        ("application/x-www-form-urlencoded", b"form_token=\xff", 400),
        ("application/x-www-form-urlencoded", b"a=1&" * 12_001, 400),
        ("application/x-www-form-urlencoded", b"a=" + b"x" * (1 << 20), 413),
    ],
)
def test_malformed_form_is_refused(service: Server, content_type: str, body: bytes, status: int) -> None:
    visitor = signed_in(service)
    headers = {"Content-Type": content_type, "Origin": service.url}
    reply = visitor.send("POST", "/console/exports", body, headers)
    assert reply.status == status
    assert reply.headers["content-type"].startswith("text/html")


@pytest.mark.parametrize("path", [path for path in FORMS if path != "/console/exports"])  # this one is a page, too
def test_get_of_a_form_address_is_405(service: Server, path: str) -> None:
    visitor = signed_in(service)
    reply = visitor.get(path)
    assert (reply.status, reply.headers["allow"]) == (405, "POST")
    assert visitor.get("/console").status == 200


def test_sign_in_takes_a_short_form_alone(service: Server) -> None:
    """It needs no key, and a long form takes long to parse."""
    assert Visitor(service).post("/console/sign-in", {"key": "x" * (1 << 14)}, token="x").status == 413


def test_form_of_a_session_may_be_long(service: Server) -> None:
    visitor = signed_in(service)
    assert visitor.post("/console/sign-out", {"ignored": "%" * 100_000}).status == 303
