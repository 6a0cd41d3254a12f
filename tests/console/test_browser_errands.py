"""A person's errands in a real browser, each from the start page, in all manners."""

import itertools
import re
from collections.abc import Iterator

import pytest
from conftest import KEY, Server
from moving_in.cases import DIRECTORY
from playwright.sync_api import expect
from webhooks.receiver import Receiver

from mailrith_lite.settings import Settings

from .browser import Browser, sign_in, watched
from .manners import MANNERS, Visit

_NUMBERS = itertools.count()


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    directory = tmp_path_factory.mktemp("errands") / "data"
    settings = Settings(port=0, data_dir=directory, bootstrap_key=KEY, allow_private_webhooks=True)
    with Server(settings).serving() as server:
        yield server


@pytest.fixture
def key(service: Server) -> str:
    """Of a new workspace."""
    return service.new_key(workspace=f"Errand {next(_NUMBERS)}")


@pytest.fixture(params=list(MANNERS))
def visit(request: pytest.FixtureRequest, browser: Browser, service: Server, key: str) -> Iterator[Visit]:
    """At the start page."""
    with watched(browser, service, **MANNERS[request.param]) as page:
        sign_in(page, key)
        page.goto("/console")
        yield Visit(page, request.param)


def test_people_move_in_from_a_file_of_mailchimp(visit: Visit, service: Server, key: str) -> None:
    visit.follow("New import")
    visit.attach("CSV file", DIRECTORY / "mailchimp-subscribed.csv")
    visit.press("Continue")
    expect(visit.page.get_by_text("This looks like an export from Mailchimp.")).to_be_visible()
    for question in visit.page.locator(".question").all():
        visit.check_box(question.get_by_role("radio").first)
    visit.press(re.compile(r"^Import \d+ row"))
    visit.page.wait_for_url("**/imports/import_job_*")
    service.drain()
    visit.see_later(re.compile("Completed"))
    visit.follow("People of this import")
    created = service.call("GET", "/v1/subscribers", key=key).json["data"]
    assert created
    for person in created:
        expect(visit.page.get_by_role("link", name=person["email"], exact=True)).to_be_visible()


def test_new_key_can_only_export(visit: Visit, service: Server) -> None:
    visit.section("Keys")
    visit.follow("New key")
    visit.fill("Name", "Nightly export")
    visit.check(re.compile("^subscribers:export"))
    visit.press("Create the key")
    secret = visit.page.locator("section[aria-labelledby=secret] code").inner_text()
    assert service.call("GET", "/v1/subscribers", key=secret).error["code"] == "insufficient_scope"
    assert service.call("POST", "/v1/jobs/subscriber-exports", {}, key=secret).status == 202
    service.drain()


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver().running() as running:
        yield running


def test_failed_webhook_is_fixed_and_sent_again(
    visit: Visit, service: Server, key: str, receiver: Receiver
) -> None:
    body = {"name": "Shop", "url": f"http://127.0.0.1:{receiver.port}/old", "event_patterns": ["*"]}
    service.call("POST", "/v1/webhook-subscriptions", body, key=key)
    receiver.answer(500)
    visit.section("Webhooks")
    visit.follow("Shop")
    visit.press("Send a test event")
    receiver.wait_for(1)
    service.wait(service.services.dispatcher.drain())
    visit.see_later("500")
    visit.unfold("Edit this webhook")
    visit.fill("Address", receiver.url)
    visit.press("Save")
    expect(visit.page.get_by_text(receiver.url, exact=True)).to_be_visible()
    visit.press(re.compile("^Send webhook.test"))
    assert receiver.wait_for(2)[1].path == "/hook"
    service.wait(service.services.dispatcher.drain())
    visit.see_later("Delivered")


def test_somebody_is_erased(visit: Visit, service: Server, key: str) -> None:
    person = service.call("POST", "/v1/subscribers", {"email": "ada@example.com"}, key=key).json["data"]
    visit.section("Subscribers")
    visit.follow("ada@example.com")
    visit.follow("Erase")
    visit.press("Erase the subscriber")
    expect(visit.page.get_by_role("heading", name="No subscribers yet")).to_be_visible()
    assert service.call("GET", person["self"], key=key).status == 404


def test_people_of_a_country_with_a_tag_are_changed_in_bulk_and_back(
    visit: Visit, service: Server, key: str
) -> None:
    for number in range(5):
        body = {"email": f"p{number}@example.com", "country": "DE", "new_tags": ["Fair"]}
        service.call("POST", "/v1/subscribers", body, key=key)
    other = {"email": "other@example.com", "country": "FR", "new_tags": ["Fair"]}
    service.call("POST", "/v1/subscribers", other, key=key)
    find_tagged_germans(visit)
    for number in range(3):
        visit.check(f"Choose p{number}@example.com")
    visit.choose("What happens to them", "Unsubscribe")
    visit.press("Continue")
    visit.press("Unsubscribe, 3 people")
    visit.page.wait_for_url("**/bulk-changes/bulk_job_*")
    service.drain()
    visit.see_later("Completed")
    assert statuses(service, key).count("Unsubscribed") == 3

    visit.page.goto("/console")
    find_tagged_germans(visit)
    visit.check("All 5 that match")
    visit.choose("What happens to them", "Take a tag")
    visit.press("Continue")
    visit.choose("Tag", "Fair")
    visit.press("Take a tag, 5 people")
    visit.page.wait_for_url("**/bulk-changes/bulk_job_*")
    service.drain()
    visit.see_later("Completed")
    assert tagged(service, key) == ["other@example.com"]
    visit.follow("Undo")
    visit.press(re.compile("^Undo"))
    visit.page.wait_for_url("**/bulk-changes/bulk_job_*")
    service.drain()
    visit.see_later("Completed")
    assert len(tagged(service, key)) == 6


def find_tagged_germans(visit: Visit) -> None:
    visit.section("Subscribers")
    visit.fill("Country", "Germany")
    visit.unfold("Tags, sequences, custom fields")
    visit.choose("Which tags", "Fair")
    visit.press("Show")
    expect(visit.page.locator(".people tbody tr")).to_have_count(5)


def people(service: Server, key: str) -> list[dict[str, object]]:
    return list(service.call("GET", "/v1/subscribers?limit=100", key=key).json["data"])


def statuses(service: Server, key: str) -> list[str]:
    return sorted(str(person["status"]) for person in people(service, key))


def tagged(service: Server, key: str) -> list[object]:
    (tag,) = service.call("GET", "/v1/tags", key=key).json["data"]
    tagged = service.call("GET", f"/v1/subscribers?limit=100&tag_ids={tag['id']}", key=key).json["data"]
    return [person["email"] for person in tagged]


def test_segment_is_made_and_exported_with_four_columns(visit: Visit, service: Server, key: str) -> None:
    for email, country in (("ada@example.com", "DE"), ("bob@example.com", "FR")):
        service.call("POST", "/v1/subscribers", {"email": email, "country": country}, key=key)
    visit.section("Segments")
    visit.follow(re.compile("New segment|Make a segment"))
    visit.choose("New condition", "Country")
    visit.press("Add")
    visit.fill("Value of Country", "Germany")
    visit.fill("Name", "Germans")
    visit.press("Create the segment")
    expect(visit.page.get_by_role("heading", level=1)).to_have_text("Germans")
    visit.follow("Export")
    visit.check("Only these")
    for column in ("Name", "Status", "Country"):
        visit.check_box(visit.page.get_by_role("checkbox", name=column, exact=True))
    visit.press("Start the export")
    visit.page.wait_for_url("**/exports/export_job_*")
    service.drain()
    visit.see_later("Completed")
    job = service.call("GET", f"/v1/jobs/subscriber-exports/{visit.page.url.rpartition('/')[2]}", key=key)
    lines = service.fetch(job.json["data"]["download_url"]).body.decode().splitlines()
    assert len(lines) == 2
    assert [line.count(",") for line in lines] == [3, 3]
    assert "ada@example.com" in lines[1]


def test_reason_of_a_400_is_found(visit: Visit, service: Server, key: str) -> None:
    refused = service.call("POST", "/v1/subscribers", {"email": "ada@example.com", "country": "Atlantis"}, key=key)
    assert refused.status == 400
    visit.section("Requests")
    visit.check("Errors only")
    visit.press("Show")
    main = visit.page.get_by_role("main")
    expect(main).to_contain_text("400")
    expect(main).to_contain_text(refused.error["code"])
