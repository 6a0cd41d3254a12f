"""Every page of the console, with content whose names are a given text. A new route is here by itself."""

import io
import zipfile
from collections.abc import Mapping
from typing import Any

import uploading
from conftest import MAPPINGS, Server

from mailrith_lite import ids
from mailrith_lite.console.routes import create_console
from mailrith_lite.jobs.kinds import BULK_CHANGE

from .import_pages import upload_file
from .visitor import signed_in

_NO_PAGES = ("/", "/part", "/count", "/live", "/report", "/file", "/sign-in")
"""Endings of routes that are no page of a session: redirects, downloads, parts of a page."""


def page_paths(server: Server, name: str) -> dict[str, str]:
    """The path of each page, by its route or, for a state of a page, by a description.

    `name`: of a tag, a custom field, a sequence, a webhook, a segment, a key, a person and the files of imports.
    """
    values = _make_content(server, name)
    paths = {}
    for resource in create_console(b"0" * 32, dict).router.resources():
        pattern = resource.canonical
        if any(route.method == "GET" for route in resource) and not pattern.endswith(_NO_PAGES):
            paths[pattern or "/"] = "/console" + _fill(pattern + _QUERIES.get(pattern, ""), values)
    return paths | {state: "/console" + _fill(path, values) for state, path in _STATES.items()}


_QUERIES = {"/uploads": "?{archive}", "/bulk-changes/new": "?action=erase&subscriber={subscriber_id}"}
"""What a page does not work without."""
_STATES = {
    "nothing matches": "/subscribers?search=nothing+like+it",
    "filtered people": "/subscribers?search=person1&status=Active&tag={tag_id}",
    "people of an import": "/subscribers?imported={imports}",
    "people by name": "/subscribers?search=person1&sort=name&column={custom_field_id}"
    "&field={custom_field_id}&field_operator=is_not_empty",
    "bulk change of all": "/bulk-changes/new?all=on&search=person1&action=add_tag",
    "no tag matches": "/tags?search=nothing",
    "failed import": "/imports/{failed}",
    "dry run": "/imports/{dry}",
    "dry run with a choice": "/imports/{partly}",
    "columns with questions": "/uploads/{archived}",
    "filtered requests": "/developers?operation=createCustomField",
    "filtered export": "/exports/new?status=Active&cold=on",
}


def _fill(pattern: str, values: Mapping[str, str]) -> str:
    """A job's id depends on the kind, which is the first part of the path. `name`: of a guide."""
    first = pattern.split("/")[1] if pattern else ""
    pattern = pattern.replace("decisions/{name}", "decisions/{decision}")
    return pattern.replace("{job_id}", values.get(first, "{job_id}")).format_map(values)


def _make_content(server: Server, name: str) -> dict[str, str]:
    """What stands in the braces of the routes and of `_STATES`."""
    created = {
        resource: server.call("POST", f"/v1/{resource}", body).json["data"]
        for resource, body in {
            "tags": {"name": name},
            "custom-fields": {"label": name, "type": "Text"},
            "sequences": {"name": name, "definition": {"emails": []}},
        }.items()
    }
    return {
        "tag_id": created["tags"]["id"],
        "custom_field_id": created["custom-fields"]["id"],
        "sequence_id": created["sequences"]["id"],
        "segment_id": _make_segment(server, name),
        "api_key_id": ids.encode(ids.API_KEY, 1),
        "webhook_subscription_id": _make_webhook(server, name),
        "name": "webhooks",
        "decision": "benchmarks",
        "operation_id": "createSubscriberImportJob",
        **_make_jobs(server, name, created),
        "subscriber_id": _make_changed_person(server, name),
    }


def _make_segment(server: Server, name: str) -> str:
    condition = {"id": "c1", "field": "country", "operator": "is", "value": "DE"}
    definition = {"match": "all", "groups": [{"id": "g1", "match": "all", "conditions": [condition]}]}
    segment = server.call("POST", "/v1/segments", {"name": name, "definition": definition})
    return str(segment.json["data"]["id"])


def _make_webhook(server: Server, name: str) -> str:
    body = {"name": name, "url": "https://localhost/hook", "event_patterns": ["*", "subscriber_import.completed"]}
    webhook = server.call("POST", "/v1/webhook-subscriptions", body).json["data"]["subscription"]
    assert server.call("POST", f"{webhook['self']}/test").status == 202
    server.wait(server.services.dispatcher.drain())
    return str(webhook["id"])


def _make_jobs(server: Server, name: str, created: Mapping[str, Any]) -> dict[str, str]:
    """Imports with refused rows, with questions and without a row, an undo, an export, and uploads."""
    field = {"type": "custom-field", "custom_field_id": created["custom-fields"]["id"]}
    rows = "".join(f'person{number}@example.com,Person {number},"{_quoted(name)}"\n' for number in range(60))
    file = f'Email,Name,"{_quoted(name)}"\n{rows}broken,"{_quoted(name)}",C\n'.encode()
    body = {
        "mappings": [*MAPPINGS, {"csv_column": name, "field": field}],
        "existing_tag_ids": [created["tags"]["id"]],
        "sequence_ids": [created["sequences"]["id"]],
    }
    job = uploading.finished(server, uploading.submit(server, _upload(server, file, name), **body))
    undone = _upload(server, b"Email,Name\nundone@example.com,Una\n", name)
    undone_job = uploading.finished(server, uploading.submit(server, undone))
    undo = server.call("POST", f"{undone_job['self']}/undo").json["data"]
    server.drain()
    upload = _upload(server, f'Email,Name,"{_quoted(name)}"\nada@example.com,Ada,{"word " * 30}\n'.encode(), name)
    partly = _upload(server, b"Email,Country\nada@example.com,Atlantis\nbob@example.com,DE\n", name)
    country = [MAPPINGS[0], {"csv_column": "Country", "field": {"type": "country"}}]
    partly_dry = uploading.submit(server, partly, mappings=country, dry_run=True)
    archive = _upload_archive(server)
    return {
        "imports": job["id"],
        "undos": undo["id"],
        "bulk-changes": _make_bulk_change(server, created["tags"]["id"]),
        "exports": server.export_csv(query=name[:200])[0]["id"],
        "failed": server.import_csv('Email,Name\n"open\n')["id"],
        "upload_id": upload["id"],
        "dry": uploading.finished(server, uploading.submit(server, upload, dry_run=True))["id"],
        "partly": uploading.finished(server, partly_dry)["id"],
        "archive": archive,
        "archived": archive.removeprefix("file=").partition("&")[0],
    }


def _make_bulk_change(server: Server, tag_id: str) -> str:
    body = {"action": "remove_tag", "tag_id": tag_id, "filter": {"search": "person59"}}
    job = server.call("POST", BULK_CHANGE.path, body).json["data"]
    server.drain()
    return str(job["id"])


def _quoted(name: str) -> str:
    return name.replace('"', '""')


def _upload(server: Server, file: bytes, name: str) -> Any:
    """Removes slashes from the name, because the service keeps only the part after the last slash."""
    return uploading.ready(server, file, name=f"{name.replace('/', '')}.csv")


def _upload_archive(server: Server) -> str:
    """The query of the page with the files of the archive."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for name in ("subscribed.csv", "unsubscribed.csv"):
            archive.writestr(name, "Email,Opt-in,Country\nada@example.com,perhaps,Atlantis\nbroken,on,\n")
    reply = upload_file(signed_in(server), packed.getvalue(), name="members.zip")
    return reply.headers["location"].partition("?")[2]


def _make_changed_person(server: Server, name: str) -> str:
    """Has a long history, every type of custom field, and a status that a person left."""
    values = {}
    for kind in ("Text Area", "Number", "Date", "Checkbox", "Select (Dropdown)", "Multi Select"):
        settings = {"settings": {"options": ["S", name]}} if "Select" in kind else {}
        field = server.call(
            "POST", "/v1/custom-fields", {"label": f"{kind} {name}"[:100], "type": kind, **settings}
        )
        values[field.json["data"]["id"]] = {
            "Number": 2.5,
            "Date": "2025-04-11",
            "Checkbox": True,
            "Select (Dropdown)": name,
            "Multi Select": ["S", name],
        }.get(kind, name)
    person = server.call("POST", "/v1/subscribers", {"email": "changed@example.com"}).json["data"]
    changes = {"name": name, "custom_fields": values, "new_tags": [f"New {name}"]}
    assert server.call("PATCH", person["self"], changes).status == 200
    server.call("PUT", f"{person['self']}/status", {"status": "Unsubscribed"})
    return str(person["id"])
