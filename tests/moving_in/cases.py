"""The cases of this directory: what an import of each file must give, through the API, the command line and the
console."""

import csv
import json
import re
from pathlib import Path
from typing import Any

from conftest import Reply, Server
from uploading import put, start, submit

DIRECTORY = Path(__file__).parent
CASES: list[dict[str, Any]] = json.loads((DIRECTORY / "expected.json").read_text())


def read_file(case: dict[str, Any]) -> bytes:
    return (DIRECTORY / case["file"]).read_bytes()


def make_fields(server: Server, case: dict[str, Any]) -> dict[str, str]:
    """Label -> id."""
    made = {}
    for field in case.get("fields", ()):
        body = {"label": field["label"], "type": field["type"]}
        if "options" in field:
            body["settings"] = {"options": field["options"]}
        reply = server.call("POST", "/v1/custom-fields", body)
        assert reply.status == 201, reply.body
        made[field["label"]] = reply.json["data"]["id"]
    return made


def upload(server: Server, case: dict[str, Any]) -> tuple[Any, Reply]:
    """The started upload, and the answer to its file."""
    started = start(server)
    return started, put(server, started, read_file(case), name=case["file"])


def request_of(case: dict[str, Any], fields: dict[str, str], analysis: Any) -> dict[str, Any]:
    """The members of the import request."""
    if case["door"] == "request":
        text = json.dumps(case["request"])
        for label, public_id in fields.items():
            text = text.replace(f'"${label}"', f'"{public_id}"')
        return dict(json.loads(text))
    proposals = [column["proposal"] for column in analysis["columns"] if column["proposal"] is not None]
    return {"mappings": proposals, **case.get("also", {})}


def run(server: Server, started: Any, request: dict[str, Any]) -> Any:
    """The final job, or the error of the refused request."""
    reply = submit(server, started, **request)
    if reply.status != 202:
        assert reply.status == 400, reply.body
        return reply.error
    server.drain()
    return server.call("GET", reply.json["data"]["self"]).json["data"]


def check_analysis(case: dict[str, Any], analysis: Any) -> None:
    expected = case.get("analysis", {})
    if "source" in expected:
        assert re.sub(r"\W", "", analysis["source"] or "") == re.sub(r"\W", "", expected["source"].lower())
    if "delimiter" in expected:
        assert analysis["delimiter"] == expected["delimiter"]
    if "columns" in expected:
        assert [column["name"] for column in analysis["columns"]] == expected["columns"]
    for question in case.get("questions", ()):
        columns = [one["column"] for one in analysis["questions"]]
        assert columns, "no question"
        assert "column" not in question or question["column"] in columns


def check_outcome(server: Server, case: dict[str, Any], job: Any) -> None:
    expected = dict(case.get("outcome", {}))
    if failed := expected.pop("failed", None):
        assert job.get("status") != "Completed"
        message = job.get("error_message") or job["message"]
        assert all(re.search(pattern, message) for pattern in failed), message
    elif expected:
        assert job.get("status") == "Completed", job
        assert {name: job["progress"][f"{name}_count"] for name in expected} == expected, server.report(job)
    people = {one["email"]: one for one in server.call("GET", "/v1/subscribers?limit=100").json["data"]}
    for subscriber in case.get("subscribers", ()):
        check_subscriber(server, people, subscriber)
    assert people.keys().isdisjoint(case.get("absent", ()))
    if case.get("report"):
        check_report(case, server.report(job))


def check_subscriber(server: Server, people: dict[str, Any], expected: dict[str, Any]) -> None:
    found = people[expected["email"]]
    for member, value in expected.items():
        if member == "tags":
            assert sorted(tag["name"] for tag in found["tags"]) == sorted(value), expected
        elif member == "subscribed_at":
            assert found["subscribed_at"][:10] == value, expected
        elif member == "custom_fields":
            labels = {one["id"]: one["label"] for one in server.call("GET", "/v1/custom-fields").json["data"]}
            by_label = {labels[public_id]: one for public_id, one in found["custom_fields"].items()}
            assert {label: by_label.get(label) for label in value} == value, expected
        elif isinstance(value, list):
            assert found[member] in value, expected
        else:
            assert found[member] == value, expected


def check_report(case: dict[str, Any], report: str) -> None:
    lines = list(csv.reader(report.splitlines(keepends=True)))
    place = {name: index for index, name in enumerate(lines[0])}
    for expected in case["report"]:
        found = [line for line in lines[1:] if line[place["error_line"]] == str(expected["line"])]
        assert any(
            expected.get("code") in (None, line[place["error_code"]])
            and all(re.search(pattern, line[place["error_message"]]) for pattern in expected.get("has", ()))
            and all(cell in [one.strip() for one in line] for cell in expected.get("row", ()))
            for line in found
        ), (expected, lines)
