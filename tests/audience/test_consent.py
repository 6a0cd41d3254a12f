"""Evidence of consent: when it is required, its form, and where it is saved."""

import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
import time_machine
from api_records import SUBSCRIBERS, backdate, data_of, details, execute, read, subscriber
from conftest import Reply, Server

EVIDENCE = {
    "lawful_basis": "consent",
    "collected_at": "2025-04-11T00:00:00Z",
    "evidence_reference": "form-1",
}
FULL = {
    **EVIDENCE,
    "consent_text_version": "2025-04",
    "source_url": "https://example.com/signup?x=1#form",
    "technical_evidence_hash": "0123456789abcdef" * 4,
}
OTHER_STATUSES = ["Unconfirmed", "Unsubscribed", "Complained", "Bounced", "Blocked"]
REQUIRED = (400, "invalid_request", "consent_evidence", "consent_evidence_required")


@pytest.fixture
def strict(serve: Callable[..., Server]) -> Server:
    """A server that requires evidence."""
    return serve(require_consent_evidence=True)


def upsert(server: Server, email: str = "ada@example.com", **body: Any) -> Reply:
    return server.call("POST", SUBSCRIBERS, {"email": email, **body})


def put_status(server: Server, subscriber: Any, status: str, **body: Any) -> Reply:
    return server.call("PUT", f"{subscriber['self']}/status", {"status": status, **body})


def saved_evidence(server: Server) -> list[Any]:
    """All evidence, oldest first, without the members that are null."""
    rows = server.rows("SELECT evidence FROM consent_evidence ORDER BY id")
    return [{name: value for name, value in json.loads(row[0]).items() if value is not None} for row in rows]


def test_evidence_is_not_required_by_default(server: Server) -> None:
    assert subscriber(server, status="Active")["status"] == "Active"
    person = subscriber(server, "bob@example.com")
    assert put_status(server, person, "Active").status == 200
    assert saved_evidence(server) == []


@pytest.mark.slow
@pytest.mark.parametrize("evidence", [{}, {"consent_evidence": None}])
def test_missing_evidence_is_refused_for_active(strict: Server, evidence: Any) -> None:
    assert details(upsert(strict, status="Active", new_tags=["Fair"], **evidence)) == REQUIRED
    assert strict.rows("SELECT email FROM subscribers UNION ALL SELECT name FROM tags") == []
    person = subscriber(strict, "bob@example.com")
    assert details(upsert(strict, "bob@example.com", status="Active", **evidence)) == REQUIRED
    assert details(put_status(strict, person, "Active", **evidence)) == REQUIRED
    assert read(strict, person) == person


def test_subscriber_becomes_active_with_evidence(strict: Server) -> None:
    assert upsert(strict, status="Active", consent_evidence=EVIDENCE).json["data"]["status"] == "Active"
    bob = subscriber(strict, "bob@example.com", status="Unsubscribed")
    assert data_of(put_status(strict, bob, "Active", consent_evidence=FULL))["status"] == "Active"
    cyd = subscriber(strict, "cyd@example.com")
    reply = upsert(strict, "cyd@example.com", status="Active", consent_evidence=EVIDENCE)
    assert reply.json["data"]["id"] == cyd["id"]
    assert saved_evidence(strict) == [EVIDENCE, FULL, EVIDENCE]


@pytest.mark.parametrize("status", OTHER_STATUSES)
def test_other_statuses_need_no_evidence(strict: Server, status: str) -> None:
    person = subscriber(strict, status=status)
    assert data_of(put_status(strict, person, "Blocked"))["status"] == "Blocked"
    assert data_of(put_status(strict, person, status))["status"] == status


@pytest.mark.slow
def test_active_subscriber_needs_no_new_evidence_to_stay_active(strict: Server) -> None:
    person = subscriber(strict, status="Active", consent_evidence=EVIDENCE)
    assert upsert(strict, status="Active", name="Ada").status == 200
    assert put_status(strict, person, "Active").status == 200
    assert strict.call("PATCH", person["self"], {"name": "Ada King"}).status == 200
    assert data_of(put_status(strict, person, "Unsubscribed"))["status"] == "Unsubscribed"
    assert details(put_status(strict, person, "Active")) == REQUIRED


@pytest.mark.slow
def test_import_needs_no_evidence(strict: Server) -> None:
    assert strict.import_csv("Email,Name\nada@example.com,Ada\n")["progress"]["created_count"] == 1
    assert upsert(strict).json["data"]["status"] == "Active"


@pytest.mark.parametrize("status", [*OTHER_STATUSES, "Active"])
def test_evidence_is_saved_for_every_status(server: Server, status: str) -> None:
    person = subscriber(server, status=status, consent_evidence=FULL)
    put_status(server, person, status, consent_evidence=EVIDENCE)
    assert saved_evidence(server) == [FULL, EVIDENCE]
    owners = server.rows("SELECT DISTINCT subscriber_id FROM consent_evidence")
    assert owners == server.rows("SELECT id FROM subscribers")


def test_evidence_alone_does_not_change_the_subscriber(server: Server) -> None:
    person = subscriber(server, status="Active")
    backdate(server)
    before = read(server, person)
    assert upsert(server, consent_evidence=EVIDENCE).json["data"] == before
    assert "consent_evidence" not in before
    assert saved_evidence(server) == [EVIDENCE]


def test_refused_request_saves_no_evidence(server: Server) -> None:
    subscriber(server)
    assert upsert(server, create_only=True, consent_evidence=EVIDENCE).status == 409
    assert upsert(server, country="Atlantis", consent_evidence=EVIDENCE).status == 400
    assert upsert(server, new_tags=[""], consent_evidence=EVIDENCE).status == 400
    assert upsert(server, "new@example.com", new_tags=[""], consent_evidence=EVIDENCE).status == 400
    assert saved_evidence(server) == []


@pytest.mark.parametrize(
    "change",
    [
        {"lawful_basis": "é" * 64},
        {"evidence_reference": "x" * 512},
        {"consent_text_version": "x" * 128},
        {"source_url": "https://example.com/" + "x" * 2_028},
        {"source_url": "urn:isbn:9780141036144"},
        {"collected_at": "2025-04-11T02:00:00+02:00"},
        {"collected_at": "1999-12-31T23:59:59.999-11:30"},
        {"collected_at": "0001-01-01T00:00:00+14:00"},
    ],
)
def test_evidence_at_its_limits_is_saved_unchanged(server: Server, change: Any) -> None:
    assert upsert(server, consent_evidence={**EVIDENCE, **change}).status == 201
    (saved,) = saved_evidence(server)
    sent = {**EVIDENCE, **change}
    saved_at, sent_at = (datetime.fromisoformat(each.pop("collected_at")) for each in (saved, sent))
    assert (saved_at, saved_at.utcoffset()) == (sent_at, sent_at.utcoffset())
    assert saved == sent


@pytest.mark.parametrize("absent", ["consent_text_version", "source_url", "technical_evidence_hash"])
def test_optional_member_can_be_null(server: Server, absent: str) -> None:
    assert upsert(server, consent_evidence={**FULL, absent: None}).status == 201
    assert saved_evidence(server) == [{name: value for name, value in FULL.items() if name != absent}]


INVALID: list[Any] = [
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
    ({"collected_at": "2025-04-11T00:00:00"}, ".collected_at"),
    ({"collected_at": "2025-04-11"}, ".collected_at"),
    ({"collected_at": "yesterday"}, ".collected_at"),
    ({"collected_at": "2025-02-30T00:00:00Z"}, ".collected_at"),
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


@pytest.mark.parametrize(("change", "field"), INVALID)
def test_invalid_evidence_is_refused_also_where_it_is_not_required(server: Server, change: Any, field: str) -> None:
    person = subscriber(server)
    evidence = {**EVIDENCE, **change}
    for reply in (
        upsert(server, consent_evidence=evidence),
        upsert(server, "new@example.com", consent_evidence=evidence),
        put_status(server, person, "Active", consent_evidence=evidence),
    ):
        assert details(reply)[:3] == (400, "invalid_request", f"consent_evidence{field}")
    assert read(server, person) == person
    assert saved_evidence(server) == []


@pytest.mark.parametrize("missing", EVIDENCE)
def test_missing_member_of_evidence_is_refused_with_its_path(server: Server, missing: str) -> None:
    evidence = {name: value for name, value in EVIDENCE.items() if name != missing}
    reply = upsert(server, consent_evidence=evidence)
    assert details(reply) == (400, "invalid_request", f"consent_evidence.{missing}", "missing")


def test_collection_in_the_future_is_refused(server: Server) -> None:
    """A minute is allowed, because clocks differ."""
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


def test_collection_at_the_current_moment_is_accepted(server: Server) -> None:
    person = subscriber(server)
    for _ in range(50):
        evidence = {**EVIDENCE, "collected_at": datetime.now(UTC).isoformat(timespec="microseconds")}
        assert put_status(server, person, "Active", consent_evidence=evidence).status == 200


def test_repeated_evidence_is_saved_once(server: Server) -> None:
    """Only the last evidence counts: after another person, the first is saved again."""
    person = subscriber(server, consent_evidence=EVIDENCE)
    for evidence in (EVIDENCE, FULL, FULL, EVIDENCE):
        assert put_status(server, person, "Active", consent_evidence=evidence).status == 200
        subscriber(server, consent_evidence=evidence)
    subscriber(server, "bob@example.com", consent_evidence=EVIDENCE)
    assert saved_evidence(server) == [EVIDENCE, FULL, EVIDENCE, EVIDENCE]


def test_patch_saves_the_evidence_of_a_status(strict: Server) -> None:
    person = subscriber(strict)
    body = {"status": "Active", "consent_evidence": EVIDENCE}
    assert data_of(strict.call("PATCH", person["self"], body))["status"] == "Active"
    assert saved_evidence(strict) == [EVIDENCE]


def test_replayed_request_saves_its_evidence_once(server: Server) -> None:
    body = {"email": "ada@example.com", "status": "Active", "consent_evidence": EVIDENCE}
    for _ in range(3):
        assert server.call("POST", SUBSCRIBERS, body, headers={"Idempotency-Key": "once"}).status == 201
    assert saved_evidence(server) == [EVIDENCE]


def test_deletion_of_a_subscriber_deletes_only_their_own_evidence(server: Server) -> None:
    ada = subscriber(server, "ada@example.com", consent_evidence=EVIDENCE)
    subscriber(server, "bob@example.com", consent_evidence=FULL)
    assert server.call("DELETE", ada["self"]).status == 204
    assert saved_evidence(server) == [FULL]
    execute(server, "DELETE FROM subscribers")
    assert saved_evidence(server) == []
