"""A browser that is signed in to several workspaces: the switch, how each session ends, and that nothing mixes."""

import re
from html import unescape

import pytest
from api_records import tag
from conftest import KEY, Reply, Server

from mailrith_lite import clock, ids
from mailrith_lite.access import key_table
from mailrith_lite.console.session import MAX_SESSIONS

from .test_session import change, key_of
from .visitor import SESSION, Visitor, heading, signed_in, text, token_in

SWITCH = re.compile(r'name="switch" value="([^"]+)"[^>]*><span class="breakable">(.+?) <')
COOKIE_LIMIT = 4_096  # bytes that every browser takes


@pytest.fixture
def other(server: Server) -> str:
    """A key of a second workspace, which has a tag of its own; the first one has another."""
    key = server.new_key(workspace="Second shop")
    tag(server, "Of the first")
    assert server.call("POST", "/v1/tags", {"name": "Of the second"}, key=key).status == 201
    return key


@pytest.fixture
def visitor(server: Server, other: str) -> Visitor:
    """Signed in to both, the second one last."""
    visitor = signed_in(server)
    assert add(visitor, other).status == 303
    return visitor


def add(visitor: Visitor, key: str) -> Reply:
    return visitor.post("/console/sign-in", {"key": key}, token=token_in(visitor.get("/console/sign-in?add"), -1))


def switches(page: Reply) -> dict[str, str]:
    """Name of the workspace -> the token of its button."""
    return {unescape(name): token for token, name in SWITCH.findall(page.body.decode())}


def switch(visitor: Visitor, name: str) -> Reply:
    token = switches(visitor.get("/console/nothing"))[name]
    return visitor.post("/console/switch", {"switch": token}, token="")


def tags_of(visitor: Visitor) -> set[str]:
    return {name for name in ("Of the first", "Of the second") if name in text(visitor.get("/console/tags"))}


def test_second_sign_in_adds_a_workspace_and_the_switch_changes_between_them(visitor: Visitor) -> None:
    assert tags_of(visitor) == {"Of the second"}
    assert list(switches(visitor.get("/console"))) == ["Default"]
    moved = switch(visitor, "Default")
    assert (moved.status, moved.headers["location"]) == (303, "/console")
    assert tags_of(visitor) == {"Of the first"}
    assert list(switches(visitor.get("/console"))) == ["Second shop"]


def test_form_of_a_page_of_another_workspace_changes_nothing_in_either(server: Server, visitor: Visitor) -> None:
    page = visitor.get("/console/tags")
    switch(visitor, "Default")
    refused = visitor.post("/console/tags", {"name": "Late"}, token=token_in(page))
    assert refused.status == 403
    assert "from a page of the workspace Second shop, and this browser is now in Default" in text(refused)
    assert server.rows("SELECT count(*) FROM tags WHERE name = 'Late'") == [(0,)]


def test_file_of_a_page_of_another_workspace_is_not_kept(server: Server, visitor: Visitor) -> None:
    token = token_in(visitor.get("/console/imports/new"))
    switch(visitor, "Default")
    body = (
        f'--x\r\nContent-Disposition: form-data; name="form_token"\r\n\r\n{token}\r\n'
        '--x\r\nContent-Disposition: form-data; name="file"; filename="a.csv"\r\n\r\nEmail\na@example.com\r\n'
        "--x--\r\n"
    )
    headers = {"Content-Type": "multipart/form-data; boundary=x", "Origin": visitor.origin}
    assert visitor.send("POST", "/console/imports/new", body.encode(), headers).status == 403
    assert server.rows("SELECT count(*) FROM uploads") == [(0,)]


@pytest.mark.parametrize("kind", ["part", "live"])
def test_live_part_of_a_page_of_another_workspace_is_refused(server: Server, visitor: Visitor, kind: str) -> None:
    path = f"/console/{kind}?workspace={ids.encode(ids.WORKSPACE, key_of(server, KEY).workspace_id)}"
    headers = {"Sec-Fetch-Mode": "cors"}
    assert visitor.get(path, headers).status == 401
    switch(visitor, "Default")
    assert visitor.get(path, headers).status == 200


def test_page_of_the_other_workspace_is_not_there(server: Server, visitor: Visitor, other: str) -> None:
    (mine,) = server.call("GET", "/v1/tags").json["data"]
    assert visitor.get(f"/console/tags/{mine['id']}").status == 404
    switch(visitor, "Default")
    assert visitor.get(f"/console/tags/{mine['id']}").status == 200


def test_sign_out_of_one_workspace_continues_in_the_other(server: Server, visitor: Visitor) -> None:
    copy = dict(visitor.cookies)
    left = visitor.post("/console/sign-out")
    assert (left.status, left.headers["location"]) == (303, "/console")
    assert tags_of(visitor) == {"Of the first"}
    assert switches(visitor.get("/console")) == {}
    visitor.cookies = copy
    assert visitor.get("/console").status == 303  # the copy of the cookie still names the session that has ended
    assert list(switches(visitor.get("/console/sign-in"))) == ["Default"]
    assert signed_out(server) == [2]


def test_sign_out_of_all_ends_every_session(server: Server, visitor: Visitor) -> None:
    copy = dict(visitor.cookies)
    left = visitor.post("/console/sign-out", {"all": "yes"})
    assert (left.status, left.headers["location"]) == (303, "/console/sign-in")
    assert SESSION not in visitor.cookies
    visitor.cookies = copy
    assert switches(visitor.get("/console/sign-in")) == {}
    assert sorted(signed_out(server)) == [1, 2]


def signed_out(server: Server) -> list[int]:
    query = "SELECT workspace_id FROM audit_entries WHERE action = 'console.signed_out'"
    return [number for (number,) in server.rows(query)]


def test_revoked_key_ends_its_own_workspace_alone(server: Server, visitor: Visitor, other: str) -> None:
    change(server, key_table.update_key_revoked, key_of(server, other).id, clock.now())
    needed = visitor.get("/console/tags")
    assert (needed.status, needed.headers["location"]) == (303, "/console/sign-in?next=/console/tags")
    page = visitor.get(needed.headers["location"])
    assert heading(page) == "Sign in"
    (token,) = switches(page).values()
    assert visitor.post("/console/switch", {"switch": token}, token="").status == 303
    assert tags_of(visitor) == {"Of the first"}
    assert switches(visitor.get("/console")) == {}


def test_button_of_a_session_that_has_ended_is_refused(server: Server, visitor: Visitor, other: str) -> None:
    switch(visitor, "Default")
    (token,) = switches(visitor.get("/console")).values()
    change(server, key_table.update_key_revoked, key_of(server, other).id, clock.now())
    assert visitor.post("/console/switch", {"switch": token}, token="").status == 401
    assert tags_of(visitor) == {"Of the first"}


def test_switch_needs_the_token_of_its_button_and_a_page_of_the_console(server: Server, visitor: Visitor) -> None:
    page = visitor.get("/console")
    (token,) = switches(page).values()
    foreign = switches(signed_in_to_two(server).get("/console"))
    for sent in ("", token_in(page), *foreign.values()):
        assert visitor.post("/console/switch", {"switch": sent}, token="").status == 403
    origin = {"Origin": "https://elsewhere.example"}
    assert visitor.post("/console/switch", {"switch": token}, token="", headers=origin).status == 403
    assert visitor.post("/console/tags", {"name": "New"}, token=token).status == 403
    assert tags_of(visitor) == {"Of the second"}


def signed_in_to_two(server: Server) -> Visitor:
    visitor = signed_in(server)
    add(visitor, server.new_key(workspace="Second shop"))
    return visitor


def test_second_key_of_a_workspace_replaces_the_first_session_of_it(server: Server, visitor: Visitor) -> None:
    copy = dict(visitor.cookies)
    add(visitor, server.new_key(workspace="Second shop", scopes=("tags:read",)))
    assert list(switches(visitor.get("/console/tags"))) == ["Default"]
    assert visitor.get("/console/keys").status == 403
    visitor.cookies = copy
    assert visitor.get("/console/tags").status == 303


def test_cookie_of_the_most_workspaces_fits_and_one_more_is_refused(server: Server) -> None:
    visitor = signed_in(server)
    for number in range(MAX_SESSIONS - 1):
        assert add(visitor, server.new_key(workspace=f"Shop {number}")).status == 303
    cookie = visitor.cookies[SESSION]
    assert len(cookie.OutputString()) < COOKIE_LIMIT * 3 // 4
    refused = add(visitor, server.new_key(workspace="One more"))
    assert refused.status == 409
    assert f"signed in to {MAX_SESSIONS} workspaces" in text(refused)
    assert visitor.cookies[SESSION].value == cookie.value
    assert add(visitor, server.new_key(workspace="Shop 3")).status == 303


def test_switch_shows_names_as_text(server: Server) -> None:
    visitor = signed_in(server)
    add(visitor, server.new_key(workspace="<script>alert(1)</script>"))
    switch(visitor, "Default")
    page = visitor.get("/console")
    assert "<script>alert" not in page.body.decode()
    assert "<script>alert(1)</script>" in switches(page)
