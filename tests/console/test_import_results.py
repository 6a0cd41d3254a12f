"""The page of an import or a dry run that has ended: what it offers next."""

import re

import uploading
from conftest import Server

from .import_pages import NEW_IMPORT, hidden_fields, mapping_path, selected, submit, upload_file
from .visitor import heading, signed_in, text

FILE = b"Email,Name,Country\nada@example.com,Ada,Atlantis\nbob@example.com,Bob,DE\nbroken,B,DE\n"
COLUMNS = {"column-0": "email", "column-1": "name", "column-2": "country"}


def main_action(page: str) -> str:
    """The text of the main button or link."""
    (action,) = re.findall(r'<(?:button|a) class="(?:button )?main"[^>]*>([^<]*)<', page.split("<main", 1)[1])
    return action


def test_dry_run_that_would_import_nothing_links_to_the_columns(server: Server) -> None:
    visitor = signed_in(server)
    path = mapping_path(visitor, b"Email,Name\nbroken,A\nworse,B\n")
    reply = submit(visitor, path, {"column-0": "email", "run": "dry"})
    server.drain()
    page = visitor.get(reply.headers["location"])
    assert heading(page) == "Dry run Nothing imported"
    assert main_action(page.body.decode()) == "Back to the columns"
    assert "Import for real" not in text(page)
    assert "nothing would be imported" in text(page)


def test_dry_run_offers_to_leave_out_cells_with_the_number_of_people(server: Server) -> None:
    visitor = signed_in(server)
    path = mapping_path(visitor, FILE)
    reply = submit(visitor, path, {**COLUMNS, "run": "dry"})
    server.drain()
    page = visitor.get(reply.headers["location"])
    assert main_action(page.body.decode()) == "Import for real"
    assert "1 row has a cell that cannot be read, but a good email" in text(page)
    assert "Import 1 more person without those cells" in text(page)
    visitor.post(path, {**hidden_fields(page), "invalid_cells": "leave_out"})
    server.drain()
    (job,) = [job for job in server.sdk().jobs.list_imports()["data"] if not job["dry_run"]]
    assert job["imported_count"] == 2
    assert job["progress"]["warning_count"] == 1


def test_dry_run_is_imported_as_it_was_tried(server: Server) -> None:
    """Choices of columns after the dry run do not count."""
    visitor = signed_in(server)
    path = mapping_path(visitor, FILE)
    reply = submit(visitor, path, {**COLUMNS, "status": "Unsubscribed", "run": "dry"})
    server.drain()
    page = visitor.get(reply.headers["location"])
    fields = {**hidden_fields(visitor.get(path)), "column-0": "email"}
    assert visitor.post(f"{path}/choices", fields).status == 204
    visitor.post(path, hidden_fields(page))
    server.drain()
    (person,) = server.sdk().subscribers.list()["data"]
    assert (person["name"], person["status"]) == ("Bob", "Unsubscribed")


def test_wrong_cell_is_marked_in_any_column(server: Server) -> None:
    names = [f"Column {number}" for number in range(1, 60)]
    cells = ["x" * 40] * 58 + ["Atlantis"]
    file = ",".join(["Email", *names]) + "\n" + ",".join(["ada@example.com", *cells]) + "\n"
    job = server.import_csv(
        file,
        [
            {"csv_column": "Email", "field": {"type": "email"}},
            {"csv_column": "Column 59", "field": {"type": "country"}},
        ],
    )
    page = signed_in(server).get(f"/console/imports/{job['id']}")
    assert "<mark>Atlantis</mark>" in page.body.decode()
    assert "1 × not a country in Column 59" in text(page)


def test_reason_of_a_column_with_dates_links_to_its_format(server: Server) -> None:
    visitor = signed_in(server)
    path = mapping_path(visitor, b"Email,Joined\nada@example.com,soon\nbob@example.com,2024-01-31\n")
    reply = submit(visitor, path, {"column-0": "email", "column-1": "subscribed-at", "run": "dry"})
    server.drain()
    page = visitor.get(reply.headers["location"])
    assert "1 × not a date in Joined" in text(page)
    assert re.search(r'href="[^"]+like=[^"]+#format-1">Choose how to read it', page.body.decode())


def test_refused_rows_are_corrected_in_the_page(server: Server) -> None:
    visitor = signed_in(server)
    fields = {**COLUMNS, "new_tag": "From a fair", "status": "Unconfirmed", "run": "now"}
    reply = submit(visitor, mapping_path(visitor, FILE), fields)
    server.drain()
    page = visitor.get(reply.headers["location"])
    assert heading(page) == "Import Completed with refusals"
    assert "Correct 2 rows here" in text(page)
    correct = f"{reply.headers['location']}/correct"
    form = visitor.get(correct)
    assert re.findall(r'name="(cell-\d+)" type="text" value="([^"]*)"', form.body.decode()) == [
        ("cell-2", "Atlantis"),
        ("cell-4", "broken"),
    ]
    again = visitor.post(correct, {"cell-2": "Greece", "cell-4": "broken"})
    server.drain()
    page = visitor.get(again.headers["location"])
    assert heading(page) == "Import Completed"
    parent = reply.headers["location"].rpartition("/")[2]
    assert re.search(rf'<a href="[./]+/console/imports/{parent}">an earlier import</a>', page.body.decode())
    assert "Corrections of list.csv" in text(visitor.get("/console"))
    person = server.sdk().subscribers.list(query={"search": "ada"})["data"][0]
    assert (person["name"], person["country"], person["status"]) == ("Ada", "GR", "Unconfirmed")
    assert [tag["name"] for tag in person["tags"]] == ["From a fair"]
    assert len(server.sdk().subscribers.list()["data"]) == 2


def test_corrections_without_a_change_are_not_sent(server: Server) -> None:
    job = server.import_csv('Email,Name\n"bro\nken",A\n')
    visitor = signed_in(server)
    correct = f"/console/imports/{job['id']}/correct"
    page = visitor.post(correct, {"cell-2": "broken"})  # a field of one line loses the line end
    assert page.status == 400
    assert "Correct at least one cell" in text(page)
    assert server.rows("SELECT count(*) FROM jobs") == [(1,)]


def test_rows_of_a_dry_run_are_not_corrected_before_the_import(server: Server) -> None:
    upload = uploading.ready(server, b"Email,Name\nbroken,A\n")
    job = uploading.finished(server, uploading.submit(server, upload, dry_run=True))
    page = signed_in(server).get(f"/console/imports/{job['id']}/correct")
    assert "no row with one wrong cell" in text(page)


def test_corrections_need_the_scopes_of_an_import_and_its_workspace(service: Server) -> None:
    job = service.import_csv("Email,Name\nbroken,A\n")
    correct = f"/console/imports/{job['id']}/correct"
    reader = signed_in(service, service.new_key(scopes=("subscribers:import",)))
    assert (reader.get(correct).status, reader.post(correct, {"cell-2": "a@b.de"}).status) == (403, 403)
    assert "Correct 1 row here" not in text(reader.get(f"/console/imports/{job['id']}"))
    other = signed_in(service, service.new_key(workspace="Other one"))
    assert (other.get(correct).status, other.post(correct, {"cell-2": "a@b.de"}).status) == (404, 404)


def test_corrected_report_is_imported_with_the_columns_of_its_import(server: Server) -> None:
    visitor = signed_in(server)
    file = FILE.replace(b"Email,Name", b"Contact,Who")
    columns = {"column-0": "email", "column-1": "name", "column-2": "country", "status": "Unconfirmed"}
    reply = submit(visitor, mapping_path(visitor, file), {**columns, "run": "now"})
    server.drain()
    page = visitor.get(reply.headers["location"])
    (way,) = re.findall(r'href="\.\./\.\.([^"]+)">Upload the corrected report', page.body.decode())
    job_id = reply.headers["location"].rpartition("/")[2]
    job = server.sdk().jobs.get_import(path={"job_id": job_id})["data"]
    form = visitor.get(way)
    (action,) = re.findall(r'action="\.\./\.\.([^"]+like=[^"]+)"', form.body.decode())
    corrected = server.report(job).replace("Atlantis", "Greece").encode()
    upload = upload_file(visitor, corrected, path=action)
    columns_page = visitor.get(upload.headers["location"])
    assert selected(columns_page) == {"column-0": "email", "column-1": "name", "column-2": "country"}
    assert "<option selected>Unconfirmed</option>" in columns_page.body.decode()
    assert "error_line" not in text(columns_page)
    started = submit(visitor, upload.headers["location"], {**columns, "run": "now"}, columns_page)
    server.drain()
    again = started.headers["location"].rpartition("/")[2]
    assert server.sdk().jobs.get_import(path={"job_id": again})["data"]["parent_job_id"] == job_id
    assert "with the mapping of an earlier import" in text(visitor.get(started.headers["location"]))


def test_reload_after_a_dry_run_keeps_later_choices(server: Server) -> None:
    visitor = signed_in(server)
    path = mapping_path(visitor, FILE)
    reply = submit(visitor, path, {**COLUMNS, "run": "dry"})
    server.drain()
    page = visitor.get(reply.headers["location"])
    (way,) = re.findall(r'href="\.\./\.\.([^"]+)">Edit mapping', page.body.decode())
    assert selected(visitor.get(way)) == COLUMNS
    fields = {**hidden_fields(visitor.get(way)), "column-0": "email", "column-1": "last-name"}
    assert visitor.post(f"{path}/choices", fields).status == 204
    assert selected(visitor.get(way)) == {"column-0": "email", "column-1": "last-name"}


def test_removed_status_is_not_restored_from_the_parent(server: Server) -> None:
    visitor = signed_in(server)
    reply = submit(visitor, mapping_path(visitor, FILE), {**COLUMNS, "status": "Blocked", "run": "now"})
    server.drain()
    way = f"{NEW_IMPORT}?like={reply.headers['location'].rpartition('/')[2]}"
    upload = upload_file(visitor, FILE.replace(b"bob", b"eve"), path=way)
    submit(visitor, upload.headers["location"], {**COLUMNS, "run": "now"})
    server.drain()
    people = {person["email"]: person["status"] for person in server.sdk().subscribers.list()["data"]}
    assert people == {"bob@example.com": "Blocked", "eve@example.com": "Active"}


def test_a_page_takes_the_first_500_of_many_refused_rows(server: Server) -> None:
    rows = "".join(f"broken{number},B\n" for number in range(600))
    job = server.import_csv(f"Email,Name\n{rows}")
    visitor = signed_in(server)
    path = f"/console/imports/{job['id']}"
    assert "Correct the first 500 rows here" in text(visitor.get(path))
    page = visitor.get(f"{path}/correct")
    assert len(re.findall(r'name="cell-\d+"', page.body.decode())) == 500
    assert "500 of 600 refused rows" in text(page)
    corrected = {f"cell-{line}": f"person{line}@example.com" for line in range(2, 502)}
    reply = visitor.post(f"{path}/correct", corrected)
    server.drain()
    assert "500 of 500 rows" in text(visitor.get(reply.headers["location"]))
