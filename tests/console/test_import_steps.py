"""From a file to an import over plain HTTP: mapping, dry run, import."""

import re
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import uploading
from conftest import KEY, Server

from .import_pages import hidden_fields, mapping_path, selected, submit
from .job_states import queue_dry_run
from .visitor import heading, signed_in, text, token_in


def test_file_is_mapped_then_tried_then_imported(serve: Callable[..., Server]) -> None:
    server = serve()
    visitor = signed_in(server)
    path = mapping_path(visitor)
    page = visitor.get(path)
    assert "list.csv · 3 rows · 3 columns" in text(page)
    assert "ada@example.com" in text(page)
    assert selected(page) == {"column-0": "email", "column-1": "name"}

    dry = submit(visitor, path, {**selected(page), "new_tag": "From a fair", "run": "dry"})
    server.drain()
    page = visitor.get(dry.headers["location"])
    assert heading(page) == "Dry run Completed with refusals"
    assert "Would be created 2" in text(page)
    assert server.rows("SELECT (SELECT count(*) FROM subscribers) + (SELECT count(*) FROM tags)") == [(0,)]
    import_fields = hidden_fields(page)
    change = re.findall(r'href="([^"]+like=[^"]+)"', page.body.decode())[0].removeprefix("../..")
    assert selected(visitor.get(change)) == {"column-0": "email", "column-1": "name"}
    assert 'value="From a fair"' in visitor.get(change).body.decode()

    reply = visitor.post(path, import_fields)
    server.drain()
    page = visitor.get(reply.headers["location"])
    assert heading(page) == "Import Completed with refusals"
    assert "list.csv" in text(page)
    assert "Created 2" in text(page)
    assert "From a fair" in text(page)
    assert "list.csv" in text(visitor.get("/console"))
    (job,) = server.sdk().jobs.list_imports()["data"][:1]
    assert (job["imported_count"], job["dry_run"]) == (2, False)


def test_dry_run_opened_from_the_list_can_be_imported(serve: Callable[..., Server]) -> None:
    server = serve()
    visitor = signed_in(server)
    path = mapping_path(visitor)
    submit(visitor, path, {"column-0": "email", "run": "dry"})
    server.drain()
    listed = visitor.get("/console")
    assert "list.csv" in text(listed)
    (dry,) = re.findall(r'href="\.(/console/imports/import_job_[^"]+)"', listed.body.decode())
    page = visitor.get(dry)
    assert "Import for real" in text(page)
    assert "Edit mapping" in text(page)
    reply = submit(visitor, path, {}, page)
    assert reply.status == 303
    server.drain()
    assert heading(visitor.get(reply.headers["location"])) == "Import Completed with refusals"
    later = visitor.get(dry)
    assert "list.csv" in text(later)
    assert "Import for real" not in text(later)
    assert "Edit mapping" not in text(later)


def test_mapping_of_a_canceled_dry_run_can_be_edited(server: Server) -> None:
    visitor, upload = signed_in(server), uploading.ready(server)
    dry = queue_dry_run(server, upload["id"])
    page = visitor.get(visitor.post(f"/console/imports/{dry}/cancel").headers["location"])
    assert heading(page) == "Dry run Canceled"
    assert "Edit mapping" in text(page)
    assert "Import for real" not in text(page)
    assert "This dry run was canceled. Nothing was changed." in text(page)
    assert "Rows that had been applied" not in text(page)


def test_dry_run_started_through_the_api_can_be_imported(server: Server) -> None:
    upload = uploading.ready(server, name="theirs.csv")
    job = uploading.finished(server, uploading.submit(server, upload, dry_run=True))
    page = signed_in(server).get(f"/console/imports/{job['id']}")
    assert "theirs.csv" in text(page)
    assert "Import for real" in text(page)


def test_dry_run_is_never_imported_with_another_file(server: Server) -> None:
    visitor, upload, other = signed_in(server), uploading.ready(server), uploading.ready(server)
    job = uploading.finished(server, uploading.submit(server, upload, dry_run=True))
    path = f"/console/imports/{job['id']}"
    assert upload["id"] in visitor.get(f"{path}?upload={other['id']}").body.decode()
    assert other["id"] not in visitor.get(f"{path}?upload={other['id']}").body.decode()
    tried = hidden_fields(visitor.get(path))
    uploading.put(server, upload, b"Email,Country,Name\nada@example.com,FR,Eve\n")
    assert "Import for real" not in text(visitor.get(path))
    assert visitor.post(f"/console/uploads/{upload['id']}", tried).status == 409
    assert server.rows("SELECT count(*) FROM jobs WHERE dry_run = 0") == [(0,)]


def test_second_click_on_import_starts_no_second_job(serve: Callable[..., Server]) -> None:
    server = serve()
    visitor = signed_in(server)
    path = mapping_path(visitor)
    page = visitor.get(path)
    first = submit(visitor, path, {"column-0": "email", "run": "now"}, page)
    second = submit(visitor, path, {"column-0": "email", "run": "now"}, page)
    assert first.headers["location"] == second.headers["location"] == visitor.get(path).headers["location"]
    server.drain()
    assert server.rows("SELECT count(*) FROM jobs") == [(1,)]


def test_parallel_clicks_on_import_start_one_job(serve: Callable[..., Server]) -> None:
    server = serve()
    visitor = signed_in(server)
    path = mapping_path(visitor)
    page = visitor.get(path)
    token = visitor.token()
    sent = {**hidden_fields(page), "column-0": "email"}
    with ThreadPoolExecutor(8) as pool:
        replies = list(pool.map(lambda _: visitor.post(path, sent, token=token), range(8)))
    assert {reply.status for reply in replies} == {303}
    assert len({reply.headers["location"] for reply in replies}) == 1
    server.drain()
    assert server.rows("SELECT count(*) FROM jobs") == [(1,)]
    assert list(server.services.imports_directory.iterdir()) == []


def test_chosen_tags_sequences_and_fields_reach_the_subscribers(serve: Callable[..., Server]) -> None:
    server = serve()
    client, visitor = server.sdk(), signed_in(server)
    tag = client.tags.create(body={"name": "Newsletter"})["data"]["id"]
    sequence = client.sequences.create(body={"name": "Welcome", "definition": {"emails": []}})["data"]["id"]
    field = client.custom_fields.create(body={"label": "Plan", "type": "Text"})["data"]["id"]
    path = mapping_path(visitor)
    assert selected(visitor.get(path))["column-2"] == field
    submit(visitor, path, {"column-0": "email", "column-2": field, "tag": tag, "sequence": sequence})
    server.drain()
    person = client.subscribers.list(query={"search": "ada"})["data"][0]
    assert (person["tags"][0]["id"], person["sequence_ids"]) == (tag, [sequence])
    assert person["custom_fields"] == {field: "Free"}


def test_sign_in_after_a_lost_session_returns_to_the_mapping(service: Server) -> None:
    visitor = signed_in(service)
    path = mapping_path(visitor)
    page, token = visitor.get(path), visitor.token()
    visitor.cookies.clear()
    refused = visitor.post(path, {**hidden_fields(page), "column-0": "email"}, token=token)
    assert (refused.status, heading(refused)) == (401, "Signed out")
    (way,) = re.findall(r'href="\.\./\.\.(/console/sign-in[^"]+)"', refused.body.decode())
    form = visitor.get(way)
    (target,) = re.findall(r'name="next" value="([^"]*)"', form.body.decode())
    assert target == path
    reply = visitor.post("/console/sign-in", {"key": KEY, "next": target}, token=token_in(form))
    assert reply.headers["location"] == path
