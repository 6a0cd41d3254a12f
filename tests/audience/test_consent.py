"""Evidence of consent: when it is required, what it must look like, and that it is kept."""

import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
import time_machine
from api_records import SUBSCRIBERS, backdate, details, execute, made, read, subscriber
from conftest import Reply, Server

EVIDENCE = {
    "lawful_basis": "consent",
    "collected_at": "2026-04-11T00:00:00Z",
    "evidence_reference": "form-1",
}
FULL = {
    **EVIDENCE,
    "consent_text_version": "2026-04",
    "source_url": "https://example.com/signup?x=1#form",
    "technical_evidence_hash": "0123456789abcdef" * 4,
}
OTHERS = ["Unconfirmed", "Unsubscribed", "Complained", "Bounced", "Blocked"]
REQUIRED = (400, "invalid_body", "consent_evidence", "consent_evidence_required")


@pytest.fixture
def strict(serve: Callable[..., Server]) -> Server:
    """A service that requires evidence."""
    return serve(require_consent_evidence=True)


def upsert(server: Server, email: str = "ada@example.com", **body: Any) -> Reply:
    return server.call("POST", SUBSCRIBERS, {"email": email, **body})


def put(server: Server, one: Any, status: str, **body: Any) -> Reply:
    return server.call("PUT", f"{one['self']}/status", {"status": status, **body})


def kept(server: Server) -> list[Any]:
    """The evidence that is saved, oldest first, without what was not sent."""
    rows = server.rows("SELECT evidence FROM consent_evidence ORDER BY id")
    return [{name: value for name, value in json.loads(row[0]).items() if value is not None} for row in rows]


def test_evidence_is_not_required_unless_the_setting_says_so(server: Server) -> None:
    assert subscriber(server, status="Active")["status"] == "Active"
    one = subscriber(server, "bob@example.com")
    assert put(server, one, "Active").status == 200
    assert kept(server) == []


@pytest.mark.parametrize("evidence", [{}, {"consent_evidence": None}])
def test_nobody_is_made_active_without_the_evidence_that_is_required(strict: Server, evidence: Any) -> None:
    assert details(upsert(strict, status="Active", new_tags=["Fair"], **evidence)) == REQUIRED
    assert strict.rows("SELECT email FROM subscribers UNION ALL SELECT name FROM tags") == []
    one = subscriber(strict, "bob@example.com")
    assert details(upsert(strict, "bob@example.com", status="Active", **evidence)) == REQUIRED
    assert details(put(strict, one, "Active", **evidence)) == REQUIRED
    assert read(strict, one) == one


def test_somebody_is_made_active_with_the_evidence_that_is_required(strict: Server) -> None:
    assert upsert(strict, status="Active", consent_evidence=EVIDENCE).json["data"]["status"] == "Active"
    one = subscriber(strict, "bob@example.com", status="Unsubscribed")
    assert made(put(strict, one, "Active", consent_evidence=FULL))["status"] == "Active"
    two = subscriber(strict, "cy@example.com")
    assert (
        upsert(strict, "cy@example.com", status="Active", consent_evidence=EVIDENCE).json["data"]["id"] == two["id"]
    )
    assert kept(strict) == [EVIDENCE, FULL, EVIDENCE]


@pytest.mark.parametrize("status", OTHERS)
def test_every_other_status_needs_no_evidence(strict: Server, status: str) -> None:
    one = subscriber(strict, status=status)
    assert made(put(strict, one, "Blocked"))["status"] == "Blocked"
    assert made(put(strict, one, status))["status"] == status


def test_who_is_active_stays_so_without_new_evidence(strict: Server) -> None:
    one = subscriber(strict, status="Active", consent_evidence=EVIDENCE)
    assert upsert(strict, status="Active", name="Ada").status == 200
    assert put(strict, one, "Active").status == 200
    assert strict.call("PATCH", one["self"], {"name": "Ada King"}).status == 200
    assert made(put(strict, one, "Unsubscribed"))["status"] == "Unsubscribed"
    assert details(put(strict, one, "Active")) == REQUIRED


def test_an_import_needs_no_evidence(strict: Server) -> None:
    assert strict.import_csv("Email,Name\nada@example.com,Ada\n")["progress"]["created_count"] == 1
    assert upsert(strict).json["data"]["status"] == "Active"


@pytest.mark.parametrize("status", [*OTHERS, "Active"])
def test_evidence_that_is_sent_is_kept_whatever_the_status(server: Server, status: str) -> None:
    one = subscriber(server, status=status, consent_evidence=FULL)
    put(server, one, status, consent_evidence=EVIDENCE)
    assert kept(server) == [FULL, EVIDENCE]
    ((number,),) = server.rows("SELECT id FROM subscribers")
    assert server.rows("SELECT DISTINCT subscriber_id FROM consent_evidence") == [(number,)]


def test_evidence_alone_is_no_change_to_the_subscriber_and_not_shown(server: Server) -> None:
    one = subscriber(server, status="Active")
    backdate(server)
    before = read(server, one)
    assert upsert(server, consent_evidence=EVIDENCE).json["data"] == before
    assert "consent_evidence" not in before
    assert kept(server) == [EVIDENCE]


def test_a_refused_request_keeps_no_evidence(server: Server) -> None:
    subscriber(server)
    assert upsert(server, create_only=True, consent_evidence=EVIDENCE).status == 409
    assert upsert(server, country="Atlantis", consent_evidence=EVIDENCE).status == 400
    assert upsert(server, new_tags=[""], consent_evidence=EVIDENCE).status == 400
    assert upsert(server, "new@example.com", new_tags=[""], consent_evidence=EVIDENCE).status == 400
    assert kept(server) == []


@pytest.mark.parametrize(
    "change",
    [
        {"lawful_basis": "é" * 64},
        {"evidence_reference": "x" * 512},
        {"consent_text_version": "x" * 128},
        {"source_url": "https://example.com/" + "x" * 2_028},
        {"source_url": "urn:isbn:9780141036144"},
        {"collected_at": "2026-04-11T02:00:00+02:00"},
        {"collected_at": "1999-12-31T23:59:59.999-11:30"},
        {"collected_at": "0001-01-01T00:00:00+14:00"},
    ],
)
def test_evidence_at_the_limits_is_kept_as_it_was_sent(server: Server, change: Any) -> None:
    assert upsert(server, consent_evidence={**EVIDENCE, **change}).status == 201
    (found,) = kept(server)
    sent = {**EVIDENCE, **change}
    moments = [datetime.fromisoformat(each.pop("collected_at")) for each in (found, sent)]
    assert moments[0] == moments[1]
    assert moments[0].utcoffset() == moments[1].utcoffset()
    assert found == sent


@pytest.mark.parametrize("absent", ["consent_text_version", "source_url", "technical_evidence_hash"])
def test_what_is_optional_may_be_null(server: Server, absent: str) -> None:
    assert upsert(server, consent_evidence={**FULL, absent: None}).status == 201
    assert kept(server) == [{name: value for name, value in FULL.items() if name != absent}]


BAD: list[Any] = [
    *[({name: None}, f".{name}") for name in EVIDENCE],
    *[({name: 5}, f".{name}") for name in FULL],
    ({"lawful_basis": ""}, ".lawful_basis"),
    ({"lawful_basis": "x" * 65}, ".lawful_basis"),
    ({"evidence_reference": " "}, ".evidence_reference"),
    ({"evidence_reference": "x" * 513}, ".evidence_reference"),
    ({"consent_text_version": "x" * 129}, ".consent_text_version"),
    ({"source_url": ""}, ".source_url"),
    ({"source_url": "example.com/form"}, ".source_url"),
    ({"source_url": "/form"}, ".source_url"),
    ({"source_url": "https://example.com/a form"}, ".source_url"),
    ({"source_url": "https://example.com/" + "x" * 2_029}, ".source_url"),
    ({"collected_at": "2026-04-11T00:00:00"}, ".collected_at"),
    ({"collected_at": "2026-04-11"}, ".collected_at"),
    ({"collected_at": "yesterday"}, ".collected_at"),
    ({"collected_at": "2026-02-30T00:00:00Z"}, ".collected_at"),
    ({"collected_at": "2999-01-01T00:00:00Z"}, ".collected_at"),
    ({"collected_at": "9999-12-31T23:59:59-14:00"}, ".collected_at"),
    ({"technical_evidence_hash": ""}, ".technical_evidence_hash"),
    ({"technical_evidence_hash": "a" * 63}, ".technical_evidence_hash"),
    ({"technical_evidence_hash": "a" * 65}, ".technical_evidence_hash"),
    ({"technical_evidence_hash": "A" * 64}, ".technical_evidence_hash"),
    ({"technical_evidence_hash": "g" * 64}, ".technical_evidence_hash"),
    ({"technical_evidence_hash": "a" * 64 + "\n"}, ".technical_evidence_hash"),
    ({"ip_address": "192.0.2.1"}, ".ip_address"),
]


@pytest.mark.parametrize(("change", "field"), BAD)
def test_evidence_that_breaks_a_rule_is_refused_even_where_none_is_required(
    server: Server, change: Any, field: str
) -> None:
    one = subscriber(server)
    evidence = {**EVIDENCE, **change}
    for reply in (
        upsert(server, consent_evidence=evidence),
        upsert(server, "new@example.com", consent_evidence=evidence),
        put(server, one, "Active", consent_evidence=evidence),
    ):
        assert details(reply)[:3] == (400, "invalid_body", f"consent_evidence{field}")
    assert read(server, one) == one
    assert kept(server) == []


@pytest.mark.parametrize("missing", EVIDENCE)
def test_what_evidence_must_have_is_named_when_it_is_missing(server: Server, missing: str) -> None:
    evidence = {name: value for name, value in EVIDENCE.items() if name != missing}
    reply = upsert(server, consent_evidence=evidence)
    assert details(reply) == (400, "invalid_body", f"consent_evidence.{missing}", "missing")


def test_consent_is_never_collected_in_the_future(server: Server) -> None:
    """Two clocks may differ by a minute."""
    with time_machine.travel(datetime(2026, 4, 11, 12, tzinfo=UTC), tick=False):
        for moment, status in (
            ("2026-04-11T12:00:00Z", 201),
            ("2026-04-11T14:00:00+02:00", 200),
            ("2026-04-11T12:00:00.000999Z", 200),
            ("2026-04-11T12:01:00Z", 200),
            ("2026-04-11T12:01:00.000001Z", 400),
            ("2026-04-11T13:00:00+00:58", 400),
        ):
            assert upsert(server, consent_evidence={**EVIDENCE, "collected_at": moment}).status == status, moment


def test_consent_can_be_collected_in_this_very_moment(server: Server) -> None:
    one = subscriber(server)
    for _ in range(50):
        evidence = {**EVIDENCE, "collected_at": datetime.now(UTC).isoformat(timespec="microseconds")}
        assert put(server, one, "Active", consent_evidence=evidence).status == 200


def test_evidence_that_is_sent_again_is_kept_once(server: Server) -> None:
    """What comes back after something else is something new."""
    one = subscriber(server, consent_evidence=EVIDENCE)
    for evidence in (EVIDENCE, FULL, FULL, EVIDENCE):
        assert put(server, one, "Active", consent_evidence=evidence).status == 200
        subscriber(server, consent_evidence=evidence)
    subscriber(server, "bob@example.com", consent_evidence=EVIDENCE)
    assert kept(server) == [EVIDENCE, FULL, EVIDENCE, EVIDENCE]


def test_a_patch_takes_no_status_and_no_evidence(strict: Server) -> None:
    one = subscriber(strict)
    body = {"status": "Active", "consent_evidence": EVIDENCE}
    assert made(strict.call("PATCH", one["self"], body)) == one
    assert kept(strict) == []


def test_a_replayed_request_keeps_its_evidence_once(server: Server) -> None:
    body = {"email": "ada@example.com", "status": "Active", "consent_evidence": EVIDENCE}
    for _ in range(3):
        assert server.call("POST", SUBSCRIBERS, body, headers={"Idempotency-Key": "once"}).status == 201
    assert kept(server) == [EVIDENCE]


def test_the_evidence_of_the_others_stays_when_somebody_is_deleted(server: Server) -> None:
    gone = subscriber(server, "gone@example.com", consent_evidence=EVIDENCE)
    subscriber(server, "kept@example.com", consent_evidence=FULL)
    assert server.call("DELETE", gone["self"]).status == 204
    assert kept(server) == [FULL]
    execute(server, "DELETE FROM subscribers")
    assert kept(server) == []
