"""A page needs the scopes of its operation, and an error page names the missing ones."""

import pytest
from conftest import MAPPINGS, Server

from .visitor import heading, signed_in, text

CSV = "Email,Name\nada@example.com,Ada\nbroken,B\n"


@pytest.fixture(scope="module")
def paths(service: Server) -> dict[str, str]:
    """The ids for the placeholders of the paths."""
    job = service.import_csv(CSV, MAPPINGS)
    export, _ = service.export_csv()
    (subscriber,) = service.sdk().subscribers.list()["data"]
    return {"import": job["id"], "export": export["id"], "subscriber": subscriber["id"]}


READ = [
    ("/console/imports/{import}", ["subscribers:import"], 200),
    ("/console/imports/{import}/part", ["subscribers:import"], 200),
    ("/console/imports/{import}/live", ["subscribers:import"], 200),
    ("/console/imports/{import}/report", ["subscribers:import"], 303),
    ("/console/exports/new", ["subscribers:export"], 200),
    ("/console/exports/{export}", ["subscribers:export"], 200),
    ("/console/exports/{export}/part", ["subscribers:export"], 200),
    ("/console/exports/{export}/live", ["subscribers:export"], 200),
    ("/console/exports/{export}/file", ["subscribers:export"], 303),
    ("/console/tags", ["tags:read"], 200),
    ("/console/custom-fields", ["custom_fields:read"], 200),
    ("/console/sequences", ["sequences:read"], 200),
    ("/console/keys", ["workspace:read"], 200),
    ("/console/audit", ["workspace:read"], 200),
    ("/console/subscribers", ["subscribers:read"], 200),
    ("/console/subscribers/{subscriber}", ["subscribers:read"], 200),
    ("/console/subscribers/{subscriber}/erase", ["subscribers:read", "subscribers:write"], 200),
]
FORMS = [
    ("/console/imports/{import}/cancel", ["subscribers:import", "live_actions:write"]),
    ("/console/exports/{export}/cancel", ["subscribers:export"]),
    ("/console/exports", ["subscribers:export"]),
]


@pytest.mark.parametrize(("path", "scopes", "status"), READ)
def test_page_needs_exactly_its_scopes(
    service: Server, paths: dict[str, str], path: str, scopes: list[str], status: int
) -> None:
    assert signed_in(service, service.new_key(scopes=tuple(scopes))).get(path.format(**paths)).status == status
    refused = signed_in(service, service.new_key(scopes=("webhooks:read",))).get(path.format(**paths))
    assert (refused.status, heading(refused)) == (403, "Not allowed")
    assert all(scope in text(refused) for scope in scopes)


@pytest.mark.parametrize(("path", "scopes"), FORMS)
def test_form_needs_each_of_its_scopes(
    service: Server, paths: dict[str, str], path: str, scopes: list[str]
) -> None:
    before = service.rows("SELECT count(*) FROM jobs")
    for missing in scopes:
        held = tuple(scope for scope in scopes if scope != missing) or ("webhooks:read",)
        refused = signed_in(service, service.new_key(scopes=held)).post(path.format(**paths))
        assert refused.status == 403
        assert f"It lacks {missing}" in text(refused)
    assert service.rows("SELECT count(*) FROM jobs") == before
    assert signed_in(service, service.new_key(scopes=tuple(scopes))).post(path.format(**paths)).status == 303
    service.drain()


@pytest.mark.parametrize(
    ("held", "visible", "hidden"),
    [
        (("subscribers:import",), "Import", "Export"),
        (("subscribers:export",), "Export", "Import"),
    ],
)
def test_list_shows_the_kinds_of_job_that_the_key_may_see(
    service: Server, paths: dict[str, str], held: tuple[str, ...], visible: str, hidden: str
) -> None:
    assert paths
    visitor = signed_in(service, service.new_key(scopes=held))
    for path in ("/console", "/console/part"):
        page = visitor.get(path).body.decode()
        assert f'<span class="sub">{visible}</span>' in page
        assert f'<span class="sub">{hidden}</span>' not in page
    assert "New import" not in text(visitor.get("/console"))  # it needs live_actions:write
    assert ("New export" in text(visitor.get("/console"))) == (visible == "Export")


def test_start_page_needs_the_scope_of_a_kind_of_job(service: Server) -> None:
    assert signed_in(service, service.new_key(scopes=("subscribers:read",))).get("/console").status == 200
    refused = signed_in(service, service.new_key(scopes=("webhooks:read",))).get("/console")
    assert refused.status == 403
    assert "It lacks subscribers:import and subscribers:export" in text(refused)


def test_page_shows_ids_instead_of_names_that_the_key_may_not_read(service: Server) -> None:
    client = service.sdk()
    field = client.custom_fields.create(body={"label": "Company", "type": "Text"})["data"]
    sequence = client.sequences.create(body={"name": "Welcome", "definition": {"emails": []}})["data"]
    body = {"email": "grace@example.com", "custom_fields": {field["id"]: "Lerche"}}
    person = client.subscribers.upsert(body=body)["data"]
    service.call("PUT", f"/v1/subscribers/{person['id']}/sequences/{sequence['id']}")
    path = f"/console/subscribers/{person['id']}"
    readable = ("subscribers:read", "custom_fields:read", "sequences:read")
    everything = text(signed_in(service, service.new_key(scopes=readable)).get(path))
    assert "Company Lerche" in everything
    assert "Welcome" in everything
    little = text(signed_in(service, service.new_key(scopes=("subscribers:read",))).get(path))
    assert f"{field['id']} Lerche" in little
    assert sequence["id"] in little
    assert "Company" not in little
    assert "Welcome" not in little


def test_page_shows_the_id_of_a_mapped_field_whose_label_the_key_may_not_read(server: Server) -> None:
    field = server.sdk().custom_fields.create(body={"label": "Company", "type": "Text"})["data"]
    company = {"csv_column": "Firma", "field": {"type": "custom-field", "custom_field_id": field["id"]}}
    job = server.import_csv("Email,Name,Firma\nada@example.com,Ada,Lerche\n", [*MAPPINGS, company])
    path = f"/console/imports/{job['id']}"
    assert "Firma Company" in text(signed_in(server).get(path))
    little = signed_in(server, server.new_key(scopes=("subscribers:import",)))
    assert f"Firma {field['id']}" in text(little.get(path))


def test_tags_of_a_subscriber_are_named_without_the_tags_scope(server: Server) -> None:
    server.import_csv("Email,Name\nada@example.com,Ada\n", new_tag_name="From a fair")
    little = signed_in(server, server.new_key(scopes=("subscribers:read",)))
    (person,) = server.sdk().subscribers.list()["data"]
    assert "From a fair" in text(little.get("/console/subscribers"))
    assert "From a fair" in text(little.get(f"/console/subscribers/{person['id']}"))
    assert '<select id="tag"' not in little.get("/console/subscribers").body.decode()
