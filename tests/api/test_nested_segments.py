"""Segments that name each other: a saved one can be counted, and an error names the segment at fault."""

from typing import Any

import pytest
from api_records import data_of, definition, details, read, segment, subscriber, tag
from conftest import Server

from mailrith_lite.audience.segments.compiler import MAX_CONDITIONS, MAX_DEPTH

PATH = "/v1/segments"


def deep(inner: Any) -> Any:
    """A definition whose last condition names `inner`, so that the compiler meets it last."""
    groups = [[NOT_BOUNCED], [BLOCKED, inner]]
    return {"match": "all", "groups": [{"id": "g", "match": "any", "conditions": group} for group in groups]}


def naming(*others: Any, operator: str = "has_none_of") -> Any:
    return {"id": "c", "field": "segment", "operator": operator, "value": [other["id"] for other in others]}


NOT_BOUNCED = {"id": "c", "field": "subscriber_status", "operator": "is_not", "value": ["Bounced"]}
BLOCKED = {"id": "c", "field": "subscriber_status", "operator": "is", "value": ["Blocked"]}
ACTIVE = {"id": "c", "field": "subscriber_status", "operator": "is", "value": ["Active"]}


@pytest.mark.slow
def test_segments_can_name_each_other_up_to_the_greatest_depth(server: Server) -> None:
    """Creates the innermost segment first, shows and lists all, and then makes the innermost one level deeper."""
    subscriber(server, status="Active")
    nobody = segment(server, "Nobody", definition("form", "is_not_empty"))
    chain = [segment(server, "Chain 1", deep(ACTIVE))]
    for number in range(2, MAX_DEPTH + 1):
        chain.append(segment(server, f"Chain {number}", deep(naming(nobody, chain[-1]))))
    assert [read(server, one)["total_subscriber_count"] for one in chain] == [1, 0] * (MAX_DEPTH // 2)
    change = {"definition": deep(naming(nobody))}
    assert data_of(server.call("PUT", chain[0]["self"], change))["total_subscriber_count"] == 1
    assert server.call("GET", f"{PATH}?limit=100").status == 200
    reply = server.call("PUT", nobody["self"], {"definition": definition("segment", "is", chain[0]["id"])})
    assert details(reply)[:1] == (400,)
    assert server.call("GET", f"{PATH}?limit=100").status == 200


def test_the_error_names_the_segment_that_a_change_would_break(server: Server) -> None:
    inner = segment(server, "Inner", definition("subscriber_status", "is", "Active"))
    conditions = [ACTIVE] * 99
    groups = [conditions, conditions, [*conditions, naming(inner)]]
    wide = {"match": "any", "groups": [{"id": "g", "match": "any", "conditions": group} for group in groups]}
    outer = segment(server, "Outer", wide)
    assert MAX_CONDITIONS - 3 * 99 - 1 == 2
    three = {"match": "all", "groups": [{"id": "g", "match": "all", "conditions": [ACTIVE] * 3}]}
    reply = server.call("PUT", inner["self"], {"definition": three})
    assert details(reply) == (400, "invalid_segment_definition", "definition", "too_complex")
    assert reply.error["details"]["resource"] == {"type": "segment", "id": outer["id"]}
    assert '"Outer"' in reply.error["message"]
    assert read(server, inner) == inner


@pytest.mark.slow
def test_change_that_breaks_an_indirectly_dependent_segment_is_refused(server: Server) -> None:
    """The first change makes the last segment of the chain too deep; the second makes a circle of six segments."""
    chain = [segment(server, "Chain 0", definition("subscriber_status", "is", "Active"))]
    for number in range(1, MAX_DEPTH + 1):
        chain.append(segment(server, f"Chain {number}", definition("segment", "is", chain[-1]["id"])))
    other = segment(server, "Other", definition("tag", "is", tag(server, "Spring")["id"]))
    reply = server.call("PUT", chain[0]["self"], {"definition": definition("segment", "is", other["id"])})
    assert details(reply) == (400, "invalid_segment_definition", "definition", "too_complex")
    assert reply.error["details"]["resource"]["id"] == chain[-1]["id"]
    reply = server.call("PUT", chain[0]["self"], {"definition": definition("segment", "is", chain[5]["id"])})
    assert details(reply) == (
        400,
        "invalid_segment",
        "definition.groups[0].conditions[0].value",
        "circular_reference",
    )
    assert [read(server, one) for one in chain] == chain
