"""An id of another workspace gets the same response as an id that does not exist."""

import re

import pytest
from api_records import field
from conftest import MAPPINGS, Reply, Server

from mailrith_lite import ids
from mailrith_lite.jobs.kinds import EXPORT, IMPORT

from .visitor import signed_in, text

UNKNOWN = 987_654_321
GET = (
    "/console/imports/{import_job}",
    "/console/imports/{import_job}/part",
    "/console/imports/{import_job}/live",
    "/console/imports/{import_job}/report",
    "/console/exports/{export_job}",
    "/console/imports/{import_job}/correct?x=1",
    "/console/exports/{export_job}/delete?x=1",
    "/console/exports/{export_job}/part",
    "/console/exports/{export_job}/live",
    "/console/exports/{export_job}/file",
    "/console/subscribers/{subscriber}",
    "/console/subscribers/{subscriber}/erase",
    "/console/tags/{tag}",
    "/console/sequences/{sequence}",
    "/console/custom-fields/{custom_field}",
    "/console/keys/{api_key}",
)
POST = (
    "/console/subscribers/{subscriber}?x=1",
    "/console/subscribers/{subscriber}/erase?x=1",
    "/console/imports/{import_job}/cancel",
    "/console/imports/{import_job}/delete",
    "/console/imports/{import_job}/correct",
    "/console/exports/{export_job}/cancel",
    "/console/tags/{tag}",
    "/console/tags/{tag}/delete",
    "/console/sequences/{sequence}",
    "/console/sequences/{sequence}/status",
    "/console/sequences/{sequence}/delete",
    "/console/custom-fields/{custom_field}",
    "/console/custom-fields/{custom_field}/delete",
    "/console/keys/{api_key}/rotate",
    "/console/keys/{api_key}/revoke",
)


@pytest.fixture(scope="module")
def foreign(service: Server) -> dict[str, str]:
    """One id of each kind in the workspace Default, by prefix."""
    client = service.sdk()
    job = service.import_csv("Email,Name\nada@example.com,Ada\nbroken,B\n", MAPPINGS, new_tag_name="Secret")
    export, _ = service.export_csv(query="ada")
    (subscriber,) = client.subscribers.list()["data"]
    (tag,) = client.tags.list()["data"]
    sequence = client.sequences.create(body={"name": "Secret", "definition": {"emails": []}})["data"]
    custom_field = field(service, "Secret")
    return {
        IMPORT.id_prefix: job["id"],
        EXPORT.id_prefix: export["id"],
        ids.SUBSCRIBER: subscriber["id"],
        ids.TAG: tag["id"],
        ids.SEQUENCE: sequence["id"],
        ids.CUSTOM_FIELD: custom_field["id"],
        ids.API_KEY: ids.encode(ids.API_KEY, 1),
    }


def without_ids(page: Reply, public_ids: dict[str, str]) -> tuple[int, str]:
    """Status and HTML, without the ids and the values of inputs."""
    body = page.body.decode()
    for public_id in public_ids.values():
        body = body.replace(public_id, "ID")
    return page.status, re.sub(r'value="[^"]*"', "", body)


@pytest.mark.parametrize("path", [*GET, *POST])
def test_id_of_another_workspace_is_answered_like_an_unknown_id(
    service: Server, foreign: dict[str, str], path: str
) -> None:
    unknown = {prefix: ids.encode(prefix, UNKNOWN) for prefix in foreign}
    visitor = signed_in(service, service.new_key(workspace="Other"))
    send = visitor.post if path in POST else visitor.get
    status, html = without_ids(send(path.format(**foreign)), foreign)
    assert status == 404
    assert (status, html) == without_ids(send(path.format(**unknown)), unknown)


def test_lists_show_nothing_of_another_workspace(service: Server, foreign: dict[str, str]) -> None:
    visitor = signed_in(service, service.new_key(workspace="Other"))
    for path in (
        "/console",
        "/console/part",
        f"/console?before={IMPORT.encode(UNKNOWN)}",
        "/console/subscribers",
        "/console/subscribers?search=ada",
        f"/console/subscribers?tag={foreign[ids.TAG]}",
        f"/console/subscribers?sequence={foreign[ids.SEQUENCE]}",
        f"/console/subscribers?before={ids.encode(ids.SUBSCRIBER, UNKNOWN)}",
        "/console/exports/new?search=ada",
        "/console/tags",
        "/console/tags?search=secret",
        "/console/custom-fields",
        "/console/sequences",
    ):
        page = visitor.get(path)
        assert page.status == 200
        assert "Secret" not in text(page)
        assert "ada@" not in text(page)
        assert foreign[IMPORT.id_prefix] not in page.body.decode()
    assert "0 subscribers" in text(visitor.get("/console/exports/new"))
