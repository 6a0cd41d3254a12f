"""Search and filters of the list of subscribers."""

import time
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlencode

import pytest
from api_records import definition, details, page, segment, subscriber
from conftest import MAPPINGS, Server
from wire import EMAIL, envelope, running_service

from mailrith_lite import clock, ids

NAMES = {
    "ada@example.com": "Ada Lovelace",
    "emile@example.com": "Émile Zola",
    "odysseus@example.com": "Οδυσσεύς",
    "star*@example.com": "A*B",
    "what?@example.com": "Why?",
    "bracket@example.com": "[x] ^ ]y[",
    "range@example.com": "a-c",
    "percent%@example.com": "100%_",
    "cyrillic@example.com": "Достоевский",
}


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with running_service(tmp_path_factory) as server:
        rows = "".join(f'{email},"{name}"\n' for email, name in NAMES.items())
        server.import_csv(f"Email,Name\n{rows}", MAPPINGS)
        status = {"csv_column": "Status", "field": {"type": "subscriber-status"}}
        server.import_csv("Email,Status\nbounced@example.com,Bounced\n", [EMAIL, status])
        yield server


def matching(server: Server, **query: Any) -> set[str]:
    """The local parts of the addresses that match a filter."""
    return {one["email"].split("@")[0] for one in page(server, "/v1/subscribers", **query)["data"]}


@pytest.mark.parametrize(
    ("search", "expected"),
    [
        ("lovelace", {"ada"}),
        ("ADA LOVE", {"ada"}),
        ("  ada  ", {"ada"}),
        ("ÉMILE", {"emile"}),
        ("émile", {"emile"}),
        ("zola", {"emile"}),
        ("οδυσσεύς", {"odysseus"}),
        ("ΟΔΥΣΣΕ", {"odysseus"}),
        ("ДОСТОЕВСКИЙ", {"cyrillic"}),
        ("*", {"star*"}),
        ("a*b", {"star*"}),
        ("?", {"what?"}),
        ("[", {"bracket"}),
        ("]", {"bracket"}),
        ("[X]", {"bracket"}),
        ("^", {"bracket"}),
        ("]y[", {"bracket"}),
        ("[a-z]", set()),
        ("a-c", {"range"}),
        ("%", {"percent%"}),
        ("100%_", {"percent%"}),
        ("\\", set()),
        ("bounced", {"bounced"}),
        ("BOUNCED", {"bounced"}),
        ("bounce", {"bounced"}),
        ("nobody", set()),
        ("'", set()),
        ("x" * 254, set()),
        ("*" * 254, set()),
    ],
)
def test_search_matches_parts_of_name_and_email_ignoring_case(
    service: Server, search: str, expected: set[str]
) -> None:
    assert matching(service, search=search, limit=100) == expected


def test_search_matches_a_final_sigma_by_its_capital(service: Server) -> None:
    assert matching(service, search="ΟΔΥΣΣΕΎΣ") == {"odysseus"}


@pytest.mark.parametrize("search", ["\0", "com\0x"])
def test_search_with_a_nul_is_refused(service: Server, search: str) -> None:
    reply = service.call("GET", f"/v1/subscribers?{urlencode({'search': search})}")
    assert (reply.status, reply.error["details"]) == (400, {"field": "search"})


def test_the_email_filter_takes_an_international_domain(server: Server) -> None:
    server.import_csv("Email,Name\nhans@b\u00fccher.example,Hans\n")
    (hans,) = page(server, "/v1/subscribers", email="Hans@B\u00dcCHER.example")["data"]
    assert hans["email"] == "hans@xn--bcher-kva.example"


def test_search_matches_a_whole_id_or_status(service: Server) -> None:
    (ada,) = page(service, "/v1/subscribers", search="ada")["data"]
    assert matching(service, search=ada["id"]) == {"ada"}
    assert matching(service, search=ada["id"][:-1]) == set()
    assert matching(service, search="aCtIvE", limit=100) == {email.split("@")[0] for email in NAMES}
    assert matching(service, search="activ") == set()


def test_the_email_filter_matches_the_whole_address_ignoring_case(service: Server) -> None:
    assert matching(service, email=" ADA@Example.COM ") == {"ada"}
    assert matching(service, email="ada@example") == set()
    assert matching(service, email="star*@example.com") == {"star*"}
    assert matching(service, email="*") == set()


def test_the_status_filter_takes_one_status(service: Server) -> None:
    assert matching(service, status="Bounced") == {"bounced"}
    assert len(matching(service, status="Active", limit=100)) == len(NAMES)
    assert matching(service, status="Complained") == set()


def test_a_subscriber_must_match_every_filter(service: Server) -> None:
    assert matching(service, status="Active", search="e@example") == {"emile", "range"}
    assert matching(service, status="Bounced", search="ada") == set()
    assert matching(service, status="Active", email="ada@example.com", search="ada") == {"ada"}


def test_a_filtered_list_has_pages(service: Server) -> None:
    first = page(service, "/v1/subscribers", status="Active", limit=5)
    second = page(
        service, "/v1/subscribers", status="Active", limit=5, starting_after=first["pagination"]["next_cursor"]
    )
    assert (len(first["data"]), len(second["data"])) == (5, len(NAMES) - 5)
    assert second["pagination"]["has_more"] is False


def test_country_and_segment_filters_name_one_of_each(server: Server) -> None:
    for name, country in (("ada", "DE"), ("emile", "FR"), ("jean", "FR")):
        subscriber(server, f"{name}@example.com", country=country, status="Active")
    french = segment(server, "French", definition("country", "is", "FR"))
    assert matching(server, country="france") == {"emile", "jean"}
    assert matching(server, segment_id=french["id"]) == {"emile", "jean"}
    assert matching(server, segment_id=french["id"], email="jean@example.com") == {"jean"}
    assert matching(server, segment_id=french["id"], country="DE") == set()
    assert matching(server, segment_id=ids.encode(ids.SEGMENT, 99)) == set()


def test_unknown_country_is_refused(service: Server) -> None:
    reply = service.call("GET", "/v1/subscribers?country=Atlantis")
    assert details(reply) == (400, "invalid_request", "country", "invalid_country")


FILTER_CODES = {
    "status": "invalid_subscriber_status",
    "tag_operator": "invalid_tag_operator",
    "sequence_operator": "invalid_sequence_operator",
    **dict.fromkeys(("tag_id", "tag_ids"), "too_many_tag_filters"),
    **dict.fromkeys(("sequence_id", "sequence_ids"), "too_many_sequence_filters"),
}


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("status=active", "status"),
        ("status=Active&status=Bounced", "status"),
        ("status=Active,Bounced", "status"),
        ("search=a&search=b", "search"),
        ("status=", "status"),
        ("status=Active%20", "status"),
        ("cold_only=1", "cold_only"),
        ("cold_only=", "cold_only"),
        ("cold_only=True", "cold_only"),
        ("search=", "search"),
        ("search=%20%20", "search"),
        (f"search={'x' * 255}", "search"),
        ("email=", "email"),
        (f"email={'x' * 255}", "email"),
        (f"tag_id={'x,' * 100}x", "tag_ids"),
        ("&".join(["tag_ids=x"] * 101), "tag_ids"),
        (f"tag_id=x&tag_ids={'x,' * 99}x", "tag_ids"),
        ("tag_operator=is_active_in_any_of", "tag_operator"),
        ("tag_operator=", "tag_operator"),
        (f"sequence_id={'x,' * 100}x", "sequence_ids"),
        (f"sequence_ids={'x,' * 100}x", "sequence_ids"),
        (f"sequence_ids=x&sequence_id={'x,' * 99}x", "sequence_ids"),
        ("sequence_operator=x", "sequence_operator"),
    ],
)
def test_an_invalid_filter_is_refused(service: Server, query: str, field: str) -> None:
    reply = service.call("GET", f"/v1/subscribers?{query}")
    assert envelope(reply) == (400, "invalid_request", FILTER_CODES.get(field, "invalid_request"))
    assert reply.error["details"] == {"field": field}


@pytest.mark.parametrize("name", ["tag_id", "tag_ids", "sequence_id", "sequence_ids"])
def test_unknown_tags_and_sequences_match_nobody(service: Server, name: str) -> None:
    everybody = matching(service, limit=100)
    operator = {"tag": "has_none_of", "sequence": "has_never_been_in_any_of"}
    kind = name.split("_")[0]
    for unknown in ("x", f"{kind}_", ids.encode(kind, 987_654), f"x,{ids.encode(kind, 987_654)}"):
        assert matching(service, **{name: unknown}) == set()
        assert matching(service, limit=100, **{name: unknown, f"{kind}_operator": operator[kind]}) == everybody


@pytest.mark.parametrize("operator", ["tag_operator=has_none_of", "sequence_operator=has_completed_any_of"])
def test_an_operator_without_ids_is_no_filter(service: Server, operator: str) -> None:
    assert (
        page(service, "/v1/subscribers", limit=100)
        == service.call("GET", f"/v1/subscribers?limit=100&{operator}").json
    )


@pytest.mark.parametrize("query", ["stauts=Active", "tag_ids[]=x", "Limit=1", "=", "%00=1", f"{'x' * 3_000}=1"])
def test_an_unknown_parameter_is_refused_with_the_known_ones(service: Server, query: str) -> None:
    reply = service.call("GET", f"/v1/subscribers?limit=1&{query}")
    assert envelope(reply) == (400, "invalid_request", "invalid_request")
    assert reply.error["details"]["reason"] == "unknown_parameter"
    assert "limit, starting_after, cursor, search, email, status" in reply.error["message"]
    assert len(reply.body) < 1_000


DAYS = {
    # email: (status, subscribed days ago, opened days ago), cold?
    "fresh": (("Active", 29, None), False),
    "silent": (("Active", 30, None), True),
    "reader": (("Active", 400, 89), False),
    "lapsed": (("Active", 400, 90), True),
    "early": (("Active", 10, 95), True),
    "left": (("Unsubscribed", 400, 400), False),
    "unsure": (("Unconfirmed", 400, None), False),
}


def test_cold_subscribers_are_active_and_have_not_opened_for_a_long_time(server: Server) -> None:
    server.import_csv("Email\n" + "".join(f"{name}@example.com\n" for name in DAYS), [EMAIL])
    now = time.time_ns() // 1_000_000

    async def age() -> None:
        async with server.services.database.write() as connection:
            for name, ((status, subscribed, opened), _) in DAYS.items():
                await connection.execute(
                    "UPDATE subscribers SET status = ?, subscribed_at = ?, last_opened_at = ? WHERE email = ?",
                    (
                        status,
                        now - subscribed * clock.DAY,
                        None if opened is None else now - opened * clock.DAY,
                        f"{name}@example.com",
                    ),
                )

    server.wait(age())
    cold = {name for name, (_, is_cold) in DAYS.items() if is_cold}
    assert matching(server, cold_only="true") == cold
    assert matching(server, cold_only="false") == set(DAYS)
    assert matching(server, cold_only="true", search="lapsed") == {"lapsed"}
    job, text = server.export_csv(cold_only=True)
    assert job["exported_count"] == len(cold)
    assert {line.split("@")[0] for line in text.splitlines()[1:]} == cold
