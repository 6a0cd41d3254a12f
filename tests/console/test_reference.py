"""The reference of the API in the console, and its form that sends a request."""

import html
import re

import pytest
from conftest import KEY, Server
from playwright.sync_api import expect

from mailrith_lite.api.route import Route
from mailrith_lite.api.routes import ROUTES
from mailrith_lite.console.reference import Reference
from mailrith_lite.console.schema_view import members

from .browser import Browser, sign_in, watched
from .visitor import Visitor, heading, signed_in, text

PAGE = "/console/developers/reference"


@pytest.fixture(scope="module")
def visitor(service: Server) -> Visitor:
    return signed_in(service, service.new_key(scopes=("tags:read",)))


def test_list_has_every_operation(visitor: Visitor) -> None:
    page = visitor.get(PAGE)
    assert set(re.findall(r'/reference/(\w+)"', page.body.decode())) == {route.operation_id for route in ROUTES}
    assert len(page.body) < 60_000


def test_list_does_not_read_the_parameters_and_responses_of_operations() -> None:
    """The list would take several times as long if it also made the HTML of every operation's texts."""
    operation = {"operationId": "readOne", "tags": ["Things"], "summary": "Read one"}
    document = {"tags": [{"name": "Things", "description": ""}], "paths": {"/things": {"get": operation}}}
    (section,) = Reference(lambda: document).sections
    (entry,) = section.operations
    assert (entry.id, entry.method, entry.path, entry.summary) == ("readOne", "GET", "/things", "Read one")


@pytest.mark.parametrize("route", ROUTES, ids=lambda route: route.operation_id)
def test_page_of_an_operation_says_what_it_takes_and_answers(visitor: Visitor, route: Route) -> None:
    page = visitor.get(f"{PAGE}/{route.operation_id}")
    assert (page.status, heading(page)) == (200, route.summary)
    assert len(page.body) < 60_000
    shown = text(page)
    assert f"{route.method} {route.path}" in shown
    assert all(scope in shown for scope in route.scopes)
    assert all(f"<code>{name}</code>" in page.body.decode() for name in route.path_names)
    assert all(f"{status} " in shown for status in route.statuses)
    assert ("Needs no key" in shown) is route.public


def test_page_says_which_members_and_errors_there_are(visitor: Visitor) -> None:
    shown = text(visitor.get(f"{PAGE}/createTag"))
    for part in ("name required text", "description text or null", "409 tag_name_conflict", "201 Created"):
        assert part in shown
    assert "The key of this session does not have all of the scopes." in shown
    assert "does not have all" not in text(visitor.get(f"{PAGE}/getTag"))


def test_example_is_a_command_for_this_service(service: Server, visitor: Visitor) -> None:
    page = visitor.get(f"{PAGE}/createTag").body.decode()
    command = html.unescape(re.findall(r"<pre><code>(curl.*?)</code>", page, re.DOTALL)[0])
    assert command.startswith(f"curl -X POST {service.url}/v1/tags ")
    assert '"Authorization: Bearer $MAILRITH_API_KEY"' in command
    assert KEY not in page


@pytest.mark.parametrize("name", ["nothing", "listBroadcasts", "createTag.html"])
def test_other_name_is_not_an_operation(visitor: Visitor, name: str) -> None:
    assert visitor.get(f"{PAGE}/{name}").status == 404


def test_members_of_nested_objects_have_paths() -> None:
    schemas = {"Child": {"type": "object", "required": ["on"], "properties": {"on": {"type": "boolean"}}}}
    schemas["Node"] = {"type": "object", "properties": {"nodes": {"type": "array", "items": _REF}}}
    schema = {
        "type": "object",
        "properties": {
            "one": {"anyOf": [{"$ref": "#/components/schemas/Child"}, {"type": "null"}]},
            "many": {"type": ["array", "null"], "items": {"$ref": "#/components/schemas/Child"}},
            "status": {"enum": ["Active", None], "type": ["string", "null"], "description": "Of `all` rows <b>."},
        },
    }
    shown = [(one.path, one.kind, one.required) for one in members(schema, schemas)]
    assert shown == [
        ("one", "object or null", False),
        ("one.on", "true or false", True),
        ("many", "list of objects or null", False),
        ("many[].on", "true or false", True),
        ("status", "one of Active or null", False),
    ]
    assert members(schema, schemas)[-1].description == "Of <code>all</code> rows &lt;b&gt;."
    assert len(members(_REF, schemas)) < 10


_REF = {"$ref": "#/components/schemas/Node"}


def test_form_sends_the_request_and_keeps_the_key_in_the_tab(browser: Browser, server: Server) -> None:
    with watched(browser, server, ignores="409 (Conflict)") as page:
        sign_in(page)
        page.goto(f"{PAGE}/createTag")
        page.get_by_label("API key").fill(KEY)
        page.get_by_role("textbox", name="Body").fill('{"name": "Fair"}')
        page.get_by_role("button", name="Send the request").click()
        expect(page.locator("[data-answer]")).to_contain_text("201 Created")
        expect(page.locator("[data-answer]")).to_contain_text('"name": "Fair"')
        page.get_by_role("button", name="Send the request").click()
        expect(page.locator("[data-answer]")).to_contain_text("tag_name_conflict")
        page.goto(f"{PAGE}/getTag")
        expect(page.get_by_label("API key")).to_have_value(KEY)
        (tag,) = server.call("GET", "/v1/tags").json["data"]
        page.get_by_label("tag_id").fill(tag["id"])
        page.keyboard.press("Enter")
        expect(page.locator("[data-answer]")).to_contain_text("200 OK")
        stored = page.evaluate("[JSON.stringify(localStorage), document.cookie]")
        assert stored == ["{}", ""]
        page.get_by_role("button", name="Sign out").click()
        expect(page.get_by_label("API key")).to_have_value("")
        assert page.evaluate("JSON.stringify(sessionStorage)") == "{}"


def test_key_in_the_tab_ends_with_the_session(browser: Browser, server: Server) -> None:
    with watched(browser, server) as page:
        sign_in(page)
        page.goto(f"{PAGE}/listTags")
        page.get_by_label("API key").fill(KEY)
        page.get_by_role("button", name="Send the request").click()
        expect(page.locator("[data-answer]")).to_contain_text("200 OK")
        sign_in(page)  # a new session of the same workspace, as after a sign-out in another tab
        page.reload()
        expect(page.get_by_label("API key")).to_have_value("")
        assert page.evaluate("JSON.stringify(sessionStorage)") == "{}"


def test_reason_of_a_refused_request_is_found_from_the_start_page(browser: Browser, server: Server) -> None:
    with watched(browser, server) as page:
        sign_in(page)
        page.goto("/console")
        page.get_by_role("link", name="Requests").click()
        expect(page.get_by_text("No requests to show")).to_be_visible()
        refused = server.call("POST", "/v1/tags", {"name": ""})
        row = page.get_by_role("row").filter(has_text="createTag")  # the page updates itself
        expect(row).to_contain_text(refused.error["message"])
        row.get_by_role("link", name="createTag").click()
        expect(page.get_by_role("heading", name="Create a tag")).to_be_visible()


def test_button_copies_an_example(browser: Browser, service: Server) -> None:
    with watched(browser, service, permissions=["clipboard-read", "clipboard-write"]) as page:
        sign_in(page)
        page.goto(f"{PAGE}/getTag")
        page.get_by_role("button", name="Copy").first.click()
        expect(page.get_by_role("button", name="Copied")).to_be_visible()
        assert page.evaluate("navigator.clipboard.readText()").startswith(f"curl {service.url}/v1/tags/")


def test_document_is_made_once_and_at_first_use() -> None:
    made = []

    def load() -> dict[str, object]:
        made.append(1)
        return {"tags": [], "paths": {}, "components": {}}

    reference = Reference(load)
    assert made == []
    assert [reference.sections, reference.sections] == [[], []]
    assert made == [1]
