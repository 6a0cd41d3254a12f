"""The two commands of Mailrith's guide "Import and Export Jobs", with the host of this service."""

import json
import shutil
import subprocess
from typing import Any

import pytest
from conftest import Server

pytestmark = pytest.mark.skipif(shutil.which("curl") is None, reason="there is no curl")

IMPORT = r"""curl -X POST https://api.mailrith.com/v1/jobs/subscriber-imports \
-H "Authorization: Bearer mrk_example_secret_key" \
-H "Idempotency-Key: import-2026-04-11" \
-H "Content-Type: application/json" \
-d '{
"csv_text": "Email,Name\nada@example.com,Ada Lovelace",
"mappings": [
{
"csv_column": "Email",
"field": { "type": "email" }
},
{
"csv_column": "Name",
"field": { "type": "name" }
}
],
"new_tag_name": "Website Signup"
}'"""
EXPORT = r"""curl -X POST https://api.mailrith.com/v1/jobs/subscriber-exports \
-H "Authorization: Bearer mrk_example_secret_key" \
-H "Idempotency-Key: export-2026-04-11" \
-H "Content-Type: application/json" \
-d '{
"status": "Active",
"cold_only": false
}'"""


def run(command: str, server: Server) -> Any:
    command = command.replace("https://api.mailrith.com", server.url)
    finished = subprocess.run(
        ["sh", "-c", command],
        capture_output=True,
        check=True,
        timeout=60,
        env={"PATH": "/usr/bin:/bin", "NO_PROXY": "*"},
    )
    return json.loads(finished.stdout)["data"]


def test_the_import_command_of_the_guide_imports(server: Server) -> None:
    job = run(IMPORT, server)
    assert job["status"] == "Queued"
    server.drain()
    assert server.sdk().jobs.get_import(path={"job_id": job["id"]})["data"]["imported_count"] == 1
    (ada,) = server.sdk().subscribers.list()["data"]
    assert (ada["email"], ada["name"], ada["status"]) == ("ada@example.com", "Ada Lovelace", "Active")
    assert [tag["name"] for tag in ada["tags"]] == ["Website Signup"]


def test_the_export_command_of_the_guide_exports(server: Server) -> None:
    run(IMPORT, server)
    server.drain()
    job = run(EXPORT, server)
    assert job["selection"] == {"query": None, "status": "Active", "cold_only": False}
    server.drain()
    done = server.sdk().jobs.get_export(path={"job_id": job["id"]})["data"]
    assert (done["status"], done["exported_count"]) == ("Completed", 1)
    assert b"ada@example.com" in server.fetch(done["download_url"]).body


def test_a_repeated_command_gets_the_first_response(server: Server) -> None:
    first = run(IMPORT, server)
    server.drain()
    assert run(IMPORT, server) == first
    assert len(server.sdk().jobs.list_imports()["data"]) == 1


def test_curl_can_send_a_large_file_with_its_expect_header(server: Server, tmp_path: Any) -> None:
    rows = "".join(f"{'u' * 50}{number}@example.com\n" for number in range(20_000))
    body = {"csv_text": "Email\n" + rows, "mappings": [{"csv_column": "Email", "field": {"type": "email"}}]}
    (tmp_path / "body.json").write_text(json.dumps(body))
    command = IMPORT[: IMPORT.index("-d ")] + f'-H "Expect: 100-continue" --data-binary @{tmp_path}/body.json'
    job = run(command, server)
    server.drain()
    assert server.sdk().jobs.get_import(path={"job_id": job["id"]})["data"]["imported_count"] == 20_000
