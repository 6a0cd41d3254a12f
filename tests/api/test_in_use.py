"""A resource that a saved segment or an unfinished job names cannot be deleted while they exist."""

import json
from typing import Any

import pytest
from api_records import (
    data_of,
    definition,
    details,
    execute,
    field,
    hold_jobs,
    read,
    release_jobs,
    segment,
    sequence,
    tag,
)
from conftest import Reply, Server
from wire import EMAIL, EXPORTS, IMPORTS, envelope

from mailrith_lite import clock
from mailrith_lite.jobs import queue

ROWS = "Email,Company\nada@example.com,AE\nbob@example.com,BB\n"
KINDS = ["tag", "custom_field", "sequence", "segment"]


def thing(server: Server, kind: str) -> Any:
    if kind == "tag":
        return tag(server, "Spring")
    if kind == "custom_field":
        return field(server, "Company")
    if kind == "sequence":
        return sequence(server)
    return segment(server, "Inner", definition("subscriber_status", "is", ["Active"]))


def naming(kind: str, one: Any) -> Any:
    """A definition that names the resource."""
    if kind == "tag":
        return definition("tag", "has_none_of", [one["id"]])
    if kind == "custom_field":
        return definition("custom_field", "is_empty", customFieldId=one["id"])
    if kind == "sequence":
        return definition("sequence", "has_ever_been_in_any_of", [one["id"]])
    return definition("segment", "is_not", [one["id"]])


def submit(server: Server, **body: Any) -> Any:
    return data_of(server.call("POST", IMPORTS, {"csv_text": ROWS, "mappings": [EMAIL], **body}))


def company(one: Any) -> Any:
    return {"csv_column": "Company", "field": {"type": "custom-field", "custom_field_id": one["id"]}}


def submit_naming(server: Server, kind: str, one: Any) -> Any:
    if kind == "tag":
        return submit(server, existing_tag_ids=[one["id"]])
    if kind == "sequence":
        return submit(server, sequence_ids=[one["id"]])
    return submit(server, mappings=[EMAIL, company(one)])


@pytest.mark.parametrize("name", ["Spring", " sPRING\u00a0", "STRASSE"])
def test_a_tag_that_an_import_will_add_by_name_cannot_be_deleted(server: Server, name: str) -> None:
    one = tag(server, "Straße" if name == "STRASSE" else "Spring", description="kept")
    other = tag(server, "Other")
    hold_jobs(server)
    submit(server, new_tag_name=name)
    reply = server.call("DELETE", one["self"])
    assert (reply.status, reply.error["code"], reply.error["details"]["reason"]) == (
        409,
        "tag_in_use",
        "named_by_import",
    )
    assert server.call("DELETE", other["self"]).status == 204
    release_jobs(server)
    updated = read(server, one)
    assert (updated["description"], updated["subscriber_count"]) == ("kept", 2)
    assert server.call("DELETE", one["self"]).status == 204


def test_a_tag_with_that_name_in_another_workspace_can_be_deleted(server: Server) -> None:
    hold_jobs(server)
    submit(server, new_tag_name="Spring")
    key = server.new_key(workspace="Other")
    theirs = server.call("POST", "/v1/tags", {"name": "Spring"}, key=key).json["data"]
    assert server.call("DELETE", theirs["self"], key=key).status == 204
    release_jobs(server)


def claim(server: Server) -> None:
    """Sets the only queued job to Processing, as if the runner had just claimed it."""

    async def work() -> None:
        async with server.services.database.write() as connection:
            (candidate,) = await queue.select_candidates(connection)
            await queue.update_claimed(connection, candidate.job_id, clock.now())

    server.wait(work())


def delete(server: Server, one: Any) -> Reply:
    return server.call("DELETE", one["self"])


def refused(reply: Reply, kind: str, reason: str) -> Any:
    """The resource in the error."""
    assert envelope(reply) == (409, "conflict", f"{kind}_in_use")
    assert reply.error["details"]["reason"] == reason
    return reply.error["details"]["resource"]


@pytest.mark.parametrize("kind", KINDS)
def test_a_resource_that_a_segment_names_can_be_deleted_after_the_segment(server: Server, kind: str) -> None:
    one = thing(server, kind)
    outer = segment(server, 'The "outer" one', naming(kind, one))
    reply = delete(server, one)
    assert refused(reply, kind, "named_by_segment") == {"type": "segment", "id": outer["id"]}
    assert outer["name"] in reply.error["message"]
    assert read(server, one) == one
    assert delete(server, outer).status == 204
    assert delete(server, one).status == 204


@pytest.mark.parametrize("kind", KINDS)
def test_a_resource_can_be_deleted_after_the_segment_stops_naming_it(server: Server, kind: str) -> None:
    one = thing(server, kind)
    outer = segment(server, "Outer", naming(kind, one))
    assert server.call("PUT", outer["self"], {"description": "still names it"}).status == 200
    refused(delete(server, one), kind, "named_by_segment")
    other = definition("subscriber_status", "is", ["Blocked"])
    assert server.call("PUT", outer["self"], {"definition": other}).status == 200
    assert delete(server, one).status == 204


@pytest.mark.parametrize("kind", KINDS)
def test_an_id_elsewhere_in_a_segment_is_not_a_reference(server: Server, kind: str) -> None:
    one = thing(server, kind)
    body = definition("subscriber_status", "is", ["Active"])
    body["groups"][0]["id"] = body["groups"][0]["conditions"][0]["id"] = one["id"]
    segment(server, one["id"], body)
    assert delete(server, one).status == 204


def test_a_resource_that_a_preview_names_can_be_deleted(server: Server) -> None:
    one = tag(server, "Spring")
    body = {"definition": definition("tag", "has_any_of", [one["id"]])}
    assert server.call("POST", "/v1/segments/preview", body).status == 200
    assert delete(server, one).status == 204


def test_a_field_that_a_segment_names_can_change_its_label_and_not_its_type(server: Server) -> None:
    one = field(server, "Company")
    segment(server, "Outer", naming("custom_field", one))
    assert server.call("PUT", one["self"], {"label": "Firm"}).status == 200
    reply = server.call("PUT", one["self"], {"type": "Text Area"})
    assert details(reply) == (409, "custom_field_type_locked", None, "named_by_segment")
    assert (read(server, one)["label"], read(server, one)["type"]) == ("Firm", "Text")


@pytest.mark.parametrize(
    ("body", "path"),
    [
        ({"settings": {}}, "settings.options"),
        ({"settings": {"options": ["S", "S"]}}, "settings.options"),
        ({"type": "Text", "settings": {"options": ["S"]}}, "settings.options"),
        ({"type": "Text", "label": " "}, "label"),
        ({"type": "Text", "label": "Taken"}, "label"),
    ],
)
def test_an_invalid_change_is_a_400_also_while_a_segment_names_the_field(
    server: Server, body: Any, path: str
) -> None:
    field(server, "Taken")
    one = field(server, "Size", "Single Select", ["S", "L"])
    segment(server, "Outer", definition("custom_field", "is", "S", customFieldId=one["id"]))
    reply = server.call("PUT", one["self"], body)
    status = 409 if body.get("label") == "Taken" else 400
    assert (envelope(reply)[0], reply.error["details"]["field"]) == (status, path)
    assert read(server, one) == one


@pytest.mark.parametrize(
    "options", [["S", "L", "XL"], ["L", "S"], ["S", " L "]], ids=["added", "moved", "the same"]
)
def test_options_can_be_added_while_a_segment_names_the_field(server: Server, options: list[str]) -> None:
    one = field(server, "Size", "Single Select", ["S", "L"])
    segment(server, "Outer", definition("custom_field", "is", "S", customFieldId=one["id"]))
    assert server.call("PUT", one["self"], {"settings": {"options": options}}).status == 200


@pytest.mark.parametrize("processing", [False, True], ids=["queued", "processing"])
@pytest.mark.parametrize("kind", ["tag", "custom_field", "sequence"])
def test_a_resource_that_an_import_names_can_be_deleted_after_the_import_is_final(
    server: Server, kind: str, processing: bool
) -> None:
    one = thing(server, kind)
    hold_jobs(server)
    job = submit_naming(server, kind, one)
    if processing:
        claim(server)
    reply = delete(server, one)
    assert refused(reply, kind, "named_by_import") == {"type": kind, "id": one["id"]}
    assert read(server, one) == one
    release_jobs(server)
    assert read(server, job)["progress"]["created_count"] == 2
    assert delete(server, one).status == 204
    ada = data_of(server.call("GET", "/v1/subscribers?email=ada@example.com"))[0]
    assert (ada["tags"], ada["custom_fields"], ada["sequence_ids"]) == ([], {}, [])


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("tag", {"tag_ids": ["ID"], "tag_operator": "has_none_of"}),
        ("sequence", {"sequence_ids": ["ID"], "sequence_operator": "has_never_been_in_any_of"}),
        ("segment", {"segment_id": "ID"}),
        ("custom_field", {"custom_fields": [{"custom_field_id": "ID", "operator": "is_empty"}]}),
        ("custom_field", {"columns": ["email", "ID"]}),
    ],
)
def test_resource_that_an_export_names_can_be_deleted_after_the_export_is_final(
    server: Server, kind: str, body: Any
) -> None:
    one = thing(server, kind)
    hold_jobs(server)
    body = json.loads(json.dumps(body).replace("ID", one["id"]))
    job = data_of(server.call("POST", EXPORTS, body))
    assert refused(delete(server, one), kind, "named_by_export") == {"type": kind, "id": one["id"]}
    if kind == "custom_field":
        reply = server.call("PUT", one["self"], {"type": "Text Area"})
        assert details(reply) == (409, "custom_field_type_locked", None, "named_by_export")
    release_jobs(server)
    assert read(server, job)["status"] == "Completed"
    assert delete(server, one).status == 204


@pytest.mark.parametrize("kind", ["tag", "custom_field", "sequence"])
def test_a_resource_of_a_canceled_import_can_be_deleted(server: Server, kind: str) -> None:
    one = thing(server, kind)
    hold_jobs(server)
    job = submit_naming(server, kind, one)
    refused(delete(server, one), kind, "named_by_import")
    assert server.call("POST", f"{job['self']}/cancel").status == 200
    assert delete(server, one).status == 204


def test_a_field_that_an_import_names_cannot_change_its_type(server: Server) -> None:
    one = field(server, "Company")
    hold_jobs(server)
    submit_naming(server, "custom_field", one)
    reply = server.call("PUT", one["self"], {"type": "Text Area"})
    assert details(reply) == (409, "custom_field_type_locked", None, "named_by_import")
    assert server.call("PUT", one["self"], {"label": "Firm"}).status == 200
    release_jobs(server)
    assert server.call("PUT", one["self"], {"type": "Text Area"}).status == 200
    ada = data_of(server.call("GET", "/v1/subscribers?email=ada@example.com"))[0]
    assert ada["custom_fields"] == {one["id"]: "AE"}


def test_an_import_protects_only_the_resources_that_it_names(server: Server) -> None:
    named, other = tag(server, "Spring"), tag(server, "Autumn")
    fields = field(server, "Company"), field(server, "Size")
    hold_jobs(server)
    submit(server, existing_tag_ids=[named["id"]], mappings=[EMAIL, company(fields[0])])
    assert [delete(server, one).status for one in (other, fields[1])] == [204, 204]
    assert [delete(server, one).status for one in (named, fields[0])] == [409, 409]


def test_an_import_of_another_workspace_protects_no_resource_of_this_one(server: Server) -> None:
    """The first tag and field of the two workspaces have different integer ids, but no query may rely on that."""
    one = tag(server, "Spring")
    key = server.new_key(workspace="Other")
    theirs = server.call("POST", "/v1/tags", {"name": "Spring"}, key=key).json["data"]
    hold_jobs(server)
    body = {"csv_text": ROWS, "mappings": [EMAIL], "existing_tag_ids": [theirs["id"]]}
    assert server.call("POST", IMPORTS, body, key=key).status == 202
    ((number,),) = server.rows("SELECT id FROM tags WHERE workspace_id = 1")
    execute(server, "UPDATE imports SET tag_ids = ?", f"[{number}]")
    assert delete(server, one).status == 204
