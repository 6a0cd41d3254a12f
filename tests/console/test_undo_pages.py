"""The pages of an undo: what it would do, its start, and its result."""

import re

from conftest import Server

from .visitor import heading, signed_in, text


def imported(server: Server) -> str:
    """The page of an import that created two people, one of which has changed since."""
    job = server.import_csv("Email,Name\na@x.com,Ada\nb@x.com,Bob\n")
    server.call("POST", "/v1/subscribers", {"email": "b@x.com", "name": "By hand"})
    return f"/console/imports/{job['id']}"


def test_page_of_an_import_links_to_the_preview_of_its_undo_and_the_button_starts_it(server: Server) -> None:
    visitor, path = signed_in(server), imported(server)
    assert f'imports/{path.rpartition("/")[2]}/undo">Undo</a>' in visitor.get(path).body.decode()
    preview = visitor.get(f"{path}/undo")
    assert heading(preview) == "Undo the import"
    assert "Would be restored 0 Would be deleted 1 Would be skipped 1" in text(preview)
    assert len(server.rows("SELECT 1 FROM subscribers")) == 2
    started = visitor.post(f"{path}/undo")
    assert started.status == 303
    server.drain()
    page = visitor.get(started.headers["location"])
    assert heading(page) == "Undo Completed"
    assert "Restored 0 Deleted 1 Skipped 1" in text(page)
    assert "b@x.com" in text(page)
    report = visitor.get(f"{started.headers['location']}/report")
    assert b"b@x.com,changed_since" in visitor.get(report.headers["location"]).body
    assert server.rows("SELECT email FROM subscribers") == [("b@x.com",)]


def test_page_of_an_undone_import_links_to_its_undo(server: Server) -> None:
    visitor, path = signed_in(server), imported(server)
    visitor.post(f"{path}/undo")
    server.drain()
    page = visitor.get(path)
    assert "This import has been undone." in text(page)
    assert ">Undo</a>" not in page.body.decode()
    for again in (visitor.get(f"{path}/undo"), visitor.post(f"{path}/undo")):
        assert (again.status, "undone already" in text(again)) == (409, True)
    jobs = text(visitor.get("/console"))
    assert "Undo Completed 2 rows" in jobs


def test_the_undo_needs_the_scopes_of_an_import(server: Server) -> None:
    path = imported(server)
    visitor = signed_in(server, server.new_key(scopes=("subscribers:import",)))
    assert ">Undo</a>" not in visitor.get(path).body.decode()
    assert visitor.get(f"{path}/undo").status == 403
    assert visitor.post(f"{path}/undo").status == 403


def test_an_import_leads_to_its_people(server: Server) -> None:
    visitor, path = signed_in(server), imported(server)
    server.call("POST", "/v1/subscribers", {"email": "other@x.com"})
    job_id = path.rpartition("/")[2]
    address = f"/console/subscribers?imported={job_id}"
    assert f'subscribers?imported={job_id}">People of this import</a>' in visitor.get(path).body.decode()
    page = visitor.get(address)
    assert heading(page) == "People of an import"
    assert ("a@x.com" in text(page), "b@x.com" in text(page), "other@x.com" in text(page)) == (True, True, False)
    assert "Export these" in text(page)
    assert "2 subscribers" in text(visitor.get(f"/console/exports/new?imported={job_id}"))


def test_skipped_people_are_links_only_for_a_key_that_may_read_subscribers(server: Server) -> None:
    visitor, path = signed_in(server), imported(server)
    undo = visitor.post(f"{path}/undo").headers["location"]
    server.drain()
    assert re.search(r'<a href="[^"]*/subscribers/[^"]+">b@x.com</a>', visitor.get(undo).body.decode())
    importer = signed_in(server, server.new_key(scopes=("subscribers:import",)))
    assert "<li>b@x.com</li>" in importer.get(undo).body.decode()
