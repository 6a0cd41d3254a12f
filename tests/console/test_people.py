"""The list of subscribers: every filter, orders, columns, and the people of a bulk change."""

import re
from typing import Any
from urllib.parse import urlencode, urljoin

import pytest
from api_records import LONG_AGO, definition, field, segment, sequence, subscriber, tag
from conftest import Server

from mailrith_lite.audience import people_page
from mailrith_lite.console.subscribers import PAGE_SIZE

from .visitor import Visitor, heading, signed_in, text, token_in

LIST = "/console/subscribers"
NEW = "/console/bulk-changes/new"


@pytest.fixture
def made(server: Server) -> dict[str, str]:
    """The ids of what the filters name; each selects another one of five people."""
    ids = {"tag": tag(server, "Readers")["id"], "field": field(server, "Size")["id"]}
    ids["sequence"] = sequence(server)["id"]
    ids["segment"] = segment(server, "Bad", definition("subscriber_status", "is", "Bounced"))["id"]
    subscriber(server, "zoe@x.com", name="Abel", status="Active", existing_tag_ids=[ids["tag"]])
    subscriber(server, "ben@x.com", name="Zoe", status="Active", country="DE", sequence_ids=[ids["sequence"]])
    subscriber(server, "cy@x.com", status="Bounced", custom_fields={ids["field"]: "M"})
    subscriber(server, "dan@x.com", name="Émile", status="Active", subscribed_on=LONG_AGO[:10])
    ids["imported"] = server.import_csv("Email,Name\nnew@x.com,New\n")["id"]
    return {name: str(value) for name, value in ids.items()}


def emails(page: Any) -> list[str]:
    """In the order of the page."""
    return re.findall(r">([^<>@\s]+@x\.com)</a>", page.body.decode())


FILTERS = {
    "search": (lambda ids: [("search", "ZOE")], ["ben@x.com", "zoe@x.com"]),
    "status": (lambda ids: [("status", "Bounced")], ["cy@x.com"]),
    "tag": (lambda ids: [("tag", ids["tag"])], ["zoe@x.com"]),
    "no tag": (
        lambda ids: [("tag", ids["tag"]), ("tag_operator", "has_none_of"), ("status", "Active")],
        ["new@x.com", "dan@x.com", "ben@x.com"],
    ),
    "sequence": (lambda ids: [("sequence", ids["sequence"])], ["ben@x.com"]),
    "country": (lambda ids: [("country", "germany")], ["ben@x.com"]),
    "segment": (lambda ids: [("segment", ids["segment"])], ["cy@x.com"]),
    "import": (lambda ids: [("imported", ids["imported"])], ["new@x.com"]),
    "custom field": (
        lambda ids: [("field", ids["field"]), ("field_operator", "is"), ("field_value", "m")],
        ["cy@x.com"],
    ),
    "cold": (lambda ids: [("cold", "on")], ["dan@x.com"]),
    "nothing": (lambda ids: [], ["new@x.com", "dan@x.com", "cy@x.com", "ben@x.com", "zoe@x.com"]),
}


@pytest.mark.parametrize("name", FILTERS)
def test_each_filter_shows_its_people_their_number_and_itself(
    server: Server, made: dict[str, str], name: str
) -> None:
    query, people = FILTERS[name]
    page = signed_in(server).get(f"{LIST}?{urlencode(query(made))}")
    assert emails(page) == people
    assert f"{len(people)} {'person' if len(people) == 1 else 'people'}" in text(page)
    for _, value in query(made):
        assert f'value="{value}"' in page.body.decode() or value in text(page) or value == "germany"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("sort", "people"),
    [
        ("email", ["ben@x.com", "cy@x.com", "dan@x.com", "new@x.com", "zoe@x.com"]),
        ("name", ["zoe@x.com", "new@x.com", "ben@x.com", "dan@x.com", "cy@x.com"]),
        ("nonsense", ["new@x.com", "dan@x.com", "cy@x.com", "ben@x.com", "zoe@x.com"]),
    ],
)
def test_people_are_in_the_chosen_order_without_names_last(
    server: Server, made: dict[str, str], sort: str, people: list[str]
) -> None:
    assert emails(signed_in(server).get(f"{LIST}?sort={sort}")) == people


@pytest.mark.parametrize("sort", people_page.SORTS)
@pytest.mark.parametrize("most", [20, 10_000])
def test_pages_of_every_order_have_everybody_once(
    server: Server, monkeypatch: pytest.MonkeyPatch, sort: str, most: int
) -> None:
    """`most`: people up to whom the page sorts without an index."""
    monkeypatch.setattr(people_page, "MAX_COUNTED", most)
    count = 2 * PAGE_SIZE + 3
    rows = "".join(f"p{number:03}@x.com,{'Same' if number % 2 else ''}\n" for number in range(count))
    server.import_csv(f"Email,Name\n{rows}")
    visitor = signed_in(server)
    page, shown = visitor.get(f"{LIST}?sort={sort}&status=Active"), []
    while True:
        shown += emails(page)
        following = re.findall(r'href="([^"]+)">Next page', page.body.decode())
        if not following:
            break
        page = visitor.get(urljoin(LIST, following[0].replace("&amp;", "&")))
    expected = [f"p{number:03}@x.com" for number in range(count)]
    if sort == "newest" or (sort == "name" and most == 20):
        expected.reverse()
    elif sort == "name":
        expected.sort(key=lambda email: (int(email[1:4]) % 2 == 0, email))
    assert shown == expected
    assert ("in the order newest first or by email" in text(page)) == (sort == "name" and most == 20)


def test_choices_are_in_the_order_of_their_numbers(server: Server) -> None:
    for name in ("Wave 10", "wave 2", "Wave", "1st", "Wave 10 b", "10th"):
        tag(server, name)
    options = re.findall(r'<option value="tag_[^>]*>([^<]+)</option>', signed_in(server).get(LIST).body.decode())
    assert options == ["1st", "10th", "Wave", "wave 2", "Wave 10", "Wave 10 b"]


def test_compact_rows_stay_on_the_next_page(server: Server) -> None:
    server.import_csv("Email\n" + "".join(f"p{number}@x.com\n" for number in range(PAGE_SIZE + 1)), [EMAIL])
    page = signed_in(server).get(f"{LIST}?rows=compact")
    (following,) = re.findall(r'href="([^"]+)">Next page', page.body.decode())
    assert "rows=compact" in following
    assert '<option value="compact" selected>' in page.body.decode()


def test_columns_can_be_chosen_and_stay_on_the_next_page(server: Server, made: dict[str, str]) -> None:
    visitor = signed_in(server)
    page = visitor.get(f"{LIST}?column=created_at&column={made['field']}&column=unknown")
    heads = re.findall(r'<th scope="col"[^>]*>([^<]+)</th>', page.body.decode())
    assert heads == ["Email", "Name", "Created", "Size"]
    assert ">M</td>" in page.body.decode()
    server.import_csv("Email\n" + "".join(f"p{number}@x.com\n" for number in range(PAGE_SIZE)), [EMAIL])
    page = visitor.get(f"{LIST}?column=country&sort=email")
    (following,) = re.findall(r'href="([^"]+)">Next page', page.body.decode())
    assert "column=country" in following and "sort=email" in following


@pytest.mark.parametrize(
    ("query", "problem", "element"),
    [
        ("country=Atlantis", "Atlantis", "country"),
        ("field={field}&field_operator=greater_than&field_value=x", "operator", "field_value"),
    ],
)
def test_wrong_filter_is_explained_beside_its_field(
    server: Server, made: dict[str, str], query: str, problem: str, element: str
) -> None:
    page = signed_in(server).get(f"{LIST}?{query.format(**made)}")
    assert page.status == 400
    body = page.body.decode()
    assert f'<a href="#{element}">' in body
    assert 'aria-invalid="true"' in body
    assert emails(page) == []


EMAIL = {"csv_column": "Email", "field": {"type": "email"}}


def chosen(visitor: Visitor, *people: str, **query: str) -> str:
    """The address to which the form of the list leads after these people are chosen."""
    page = visitor.get(LIST).body.decode()
    values = [re.search(rf'value="([^"]+)" aria-label="Choose {email}"', page) for email in people]
    fields = [("subscriber", value[1]) for value in values if value]
    assert len(fields) == len(people)
    return f"{NEW}?{urlencode([*query.items(), *fields])}"


def test_chosen_people_get_a_tag_and_the_undo_takes_it(server: Server, made: dict[str, str]) -> None:
    visitor = signed_in(server)
    page = visitor.get(chosen(visitor, "ben@x.com", "zoe@x.com", action="add_tag"))
    assert (heading(page), "2 people" in text(page)) == ("Add a tag", True)
    missing = visitor.post(NEW, hidden(page))
    assert missing.status == 400
    assert '<a href="#target">Choose a tag.</a>' in missing.body.decode()
    started = visitor.post(NEW, [*hidden(page), ("target", made["tag"])])
    assert started.status == 303
    server.drain()
    job = visitor.get(started.headers["location"])
    assert heading(job) == "Add the tag “Readers” Completed"
    assert "Changed 1 Unchanged 1 Skipped 0" in text(job)
    assert len(emails(visitor.get(f"{LIST}?tag={made['tag']}"))) == 2
    asked = visitor.get(started.headers["location"] + "/undo")
    assert "1 people" in text(asked) or "1 person" in text(asked)
    undo = visitor.post(started.headers["location"] + "/undo")
    server.drain()
    assert heading(visitor.get(undo.headers["location"])).startswith("Undo: Add the tag “Readers”")
    assert emails(visitor.get(f"{LIST}?tag={made['tag']}")) == ["zoe@x.com"]
    assert "was undone" in text(visitor.get(started.headers["location"]))


def test_all_that_match_are_unsubscribed(server: Server, made: dict[str, str]) -> None:
    visitor = signed_in(server)
    page = visitor.get(f"{NEW}?all=on&status=Active&action=unsubscribe")
    assert "4 people" in text(page)
    started = visitor.post(NEW, hidden(page))
    server.drain()
    assert "Changed 4" in text(visitor.get(started.headers["location"]))
    assert len(emails(visitor.get(f"{LIST}?status=Unsubscribed"))) == 4


def test_erasing_takes_the_number_of_people(server: Server, made: dict[str, str]) -> None:
    visitor = signed_in(server)
    page = visitor.get(f"{NEW}?all=on&status=Active&action=erase")
    for typed in ("", "5", "four"):
        refused = visitor.post(NEW, [*hidden(page), ("expected", typed)])
        assert (refused.status, "Type the number of people" in text(refused)) == (400, True)
    started = visitor.post(NEW, [*hidden(page), ("expected", "4")])
    server.drain()
    assert "Changed 4" in text(visitor.get(started.headers["location"]))
    assert emails(visitor.get(LIST)) == ["cy@x.com"]


def test_bulk_change_of_nobody_is_refused_with_what_to_do(server: Server, made: dict[str, str]) -> None:
    page = signed_in(server).get(f"{NEW}?action=add_tag")
    assert (page.status, "Choose people in the list first" in text(page)) == (400, True)


def test_person_of_another_workspace_is_not_changed(server: Server, made: dict[str, str]) -> None:
    key = server.new_key(workspace="Other")
    theirs = server.call("POST", "/v1/subscribers", {"email": "them@x.com"}, key=key).json["data"]
    visitor = signed_in(server)
    page = visitor.get(f"{NEW}?action=unsubscribe&subscriber={theirs['id']}")
    assert "0 people" in text(page)
    started = visitor.post(NEW, hidden(page))
    server.drain()
    job = text(visitor.get(started.headers["location"]))
    assert "Skipped 1" in job
    assert "them@x.com" not in job
    assert server.call("GET", theirs["self"], key=key).json["data"]["status"] == "Unconfirmed"


@pytest.mark.slow
def test_list_of_fifty_people_with_many_names_is_at_most_60_kb(server: Server) -> None:
    for number in range(40):
        tag(server, f"A tag with quite a long name, number {number}")
        field(server, f"Custom field {number}")
    rows = "".join(
        f"somebody-with-a-long-address-{number}@subdomain.example.com,Firstname Middlename Lastname {number}\n"
        for number in range(PAGE_SIZE)
    )
    server.import_csv(f"Email,Name\n{rows}", new_tag_name="From a fair in the spring")
    page = signed_in(server).get(LIST)
    assert len(emails(page)) == 0  # they are of another domain
    assert page.body.count(b'name="subscriber"') == PAGE_SIZE
    assert len(page.body) <= 60_000


def hidden(page: Any) -> list[tuple[str, str]]:
    """The hidden fields of the page's form, without the token."""
    form = page.body.decode().split(f'action="{"../../"}console/bulk-changes/new">')[-1]
    fields = re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)">', form)
    assert token_in(page)
    return [one for one in fields if one[0] != "form_token"]
