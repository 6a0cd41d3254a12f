"""The page that asks whether to delete a job. It works without JavaScript."""

import pytest
from conftest import MAPPINGS, Server

from .visitor import heading, signed_in, text


def test_page_of_a_final_job_links_to_the_question_and_its_button_deletes_the_job(server: Server) -> None:
    visitor = signed_in(server)
    job = server.import_csv("Email,Name\nada@example.com,Ada\n")
    path = f"/console/imports/{job['id']}"
    assert f'imports/{job["id"]}/delete">Delete</a>' in visitor.get(path).body.decode()
    question = visitor.get(f"{path}/delete")
    assert heading(question) == "Delete the import?"
    assert "the import can no longer be undone" in text(question)
    assert len(server.rows("SELECT 1 FROM jobs WHERE deleted_at IS NULL")) == 1
    reply = visitor.post(f"{path}/delete")
    assert (reply.status, reply.headers["location"]) == (303, "/console")
    assert visitor.get(path).status == 404
    assert job["id"] not in visitor.get("/console").body.decode()
    assert visitor.post(f"{path}/delete").status == 404


@pytest.mark.parametrize(
    ("kind", "sentence"),
    [("dry run", "Delete the dry run?"), ("export", "Delete the export?"), ("undo", "Delete the undo?")],
)
def test_the_question_says_what_kind_of_job_is_deleted(server: Server, kind: str, sentence: str) -> None:
    job = server.import_csv("Email,Name\nada@example.com,Ada\n", dry_run=kind == "dry run")
    path = f"/console/imports/{job['id']}"
    visitor = signed_in(server)
    if kind == "export":
        path = f"/console/exports/{server.export_csv()[0]['id']}"
    if kind == "undo":
        path = visitor.post(f"{path}/undo").headers["location"]
        server.drain()
    assert heading(visitor.get(f"{path}/delete")) == sentence
    assert visitor.post(f"{path}/delete").status == 303
    assert visitor.get(path).status == 404


def test_the_deletion_needs_the_scopes_of_an_import(server: Server) -> None:
    job = server.import_csv("Email,Name\nada@example.com,Ada\n")
    path = f"/console/imports/{job['id']}"
    visitor = signed_in(server, server.new_key(scopes=("subscribers:import",)))
    assert ">Delete</a>" not in visitor.get(path).body.decode()
    for reply in (visitor.get(f"{path}/delete"), visitor.post(f"{path}/delete")):
        assert (reply.status, "It lacks live_actions:write" in text(reply)) == (403, True)
    assert visitor.get(path).status == 200


def test_an_unfinished_job_is_not_deleted(server: Server) -> None:
    server.wait(server.services.runner.stop())
    body = {"csv_text": "Email\nada@example.com\n", "mappings": MAPPINGS[:1]}
    job = server.call("POST", "/v1/jobs/subscriber-imports", body).json["data"]
    visitor, path = signed_in(server), f"/console/imports/{job['id']}"
    assert ">Delete</a>" not in visitor.get(path).body.decode()
    for reply in (visitor.get(f"{path}/delete"), visitor.post(f"{path}/delete")):
        assert (reply.status, "not finished" in text(reply)) == (409, True)
    assert visitor.get(path).status == 200
