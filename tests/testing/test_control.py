"""The control routes of `mailrith-lite sandbox`, as a program in another language calls them."""

import json
import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

import pytest
from cli.command_line import has_ipv6
from conftest import Server
from mailrith_sdk import MailrithApiError
from openapi_spec_validator import validate
from sandbox_process import KEY, Sandbox, sandbox_process

from mailrith_lite.testing.control import CONTROLS


@pytest.fixture(scope="module")
def shared_sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    with sandbox_process(tmp_path_factory.mktemp("sandbox")) as sandbox:
        yield sandbox


@pytest.fixture
def sandbox(shared_sandbox: Sandbox) -> Sandbox:
    shared_sandbox.post("/sandbox/reset")
    return shared_sandbox


def test_document_is_valid_and_has_every_control(sandbox: Sandbox) -> None:
    validate(sandbox.document)
    described = {
        (method.upper(), path) for path, methods in sandbox.document["paths"].items() for method in methods
    }
    assert described == {(control.method, control.path) for control in CONTROLS}
    assert all(
        operation["summary"] for methods in sandbox.document["paths"].values() for operation in methods.values()
    )


def test_controls_make_seeds_keys_and_workspaces(sandbox: Sandbox) -> None:
    seeded = sandbox.post("/sandbox/seed", {"subscribers": ["ada@example.com"], "tags": ["VIP"]})
    ada = sandbox.client.subscribers.get(path={"subscriber_id": seeded["subscribers"]["ada@example.com"]})
    assert ada["data"]["status"] == "Active"
    other = sandbox.post("/sandbox/workspaces")
    other_client = sandbox.client.with_api_key(other["api_key"])
    assert other_client.subscribers.list()["data"] == []
    assert other_client.workspace.get()["data"]["id"] == other["workspace_id"]
    key = sandbox.post("/sandbox/keys", {"scopes": ["tags:read"], "expires_in": 60})["api_key"]
    assert [tag["name"] for tag in sandbox.client.with_api_key(key).tags.list()["data"]] == ["VIP"]
    with pytest.raises(MailrithApiError):
        sandbox.client.with_api_key(key).subscribers.list()


def test_seed_can_be_larger_than_a_mebibyte(sandbox: Sandbox) -> None:
    people = [f"{number:x>64}@{'.'.join(['x' * 61] * 3)}.com" for number in range(4_200)]
    assert len(json.dumps(people)) > 1 << 20
    assert sandbox.post("/sandbox/seed", {"subscribers": people[:1], "tags": [], "custom_fields": []})
    status, answer = sandbox.call("POST", "/sandbox/seed", {"subscribers": [*people[1:], "nobody"]})
    assert (status, answer["error"]["message"]) == (400, '"nobody" is not an email address.')


def test_key_of_the_request_chooses_the_workspace(sandbox: Sandbox) -> None:
    other = sandbox.post("/sandbox/workspaces")["api_key"]
    sandbox.post("/sandbox/seed", {"subscribers": 3}, Authorization=f"Bearer {other}")
    assert len(sandbox.client.with_api_key(other).subscribers.list()["data"]) == 3
    assert sandbox.client.subscribers.list()["data"] == []
    assert sandbox.call("POST", "/sandbox/seed", {}, Authorization="Bearer mrk_nobody_knows_it")[0] == 401


def test_controls_hold_step_script_and_drain_jobs(sandbox: Sandbox) -> None:
    sandbox.post("/sandbox/jobs/hold", {"chunk_rows": 1})
    job = sandbox.client.jobs.create_export(body={})["data"]
    assert sandbox.post("/sandbox/jobs/step") == {"job_id": job["id"], "status": "Processing"}
    assert sandbox.post("/sandbox/jobs/step")["status"] == "Completed"
    sandbox.post("/sandbox/jobs/complete-after", {"polls": 2})
    job = sandbox.client.jobs.create_export(body={})["data"]
    looks = [sandbox.client.jobs.get_export(path={"job_id": job["id"]})["data"]["status"] for _ in range(2)]
    assert looks == ["Queued", "Completed"]
    job = sandbox.client.jobs.create_export(body={})["data"]
    _, _, message = sandbox.refusal("/sandbox/jobs/drain", None)
    assert message.endswith("is held: call release() before drain().")
    sandbox.post("/sandbox/jobs/release")
    sandbox.post("/sandbox/jobs/drain")
    assert sandbox.client.jobs.get_export(path={"job_id": job["id"]})["data"]["status"] == "Completed"
    status, code, _ = sandbox.refusal("/sandbox/jobs/step", None)
    assert (status, code) == (400, "invalid_request")


def test_faults_apply_to_the_next_requests(sandbox: Sandbox) -> None:
    sandbox.post("/sandbox/fail-next", {"operation_id": "listTags", "status": 503, "headers": {"Retry-After": "3"}})
    sandbox.post("/sandbox/throttle-next", {"operation_id": "listTags", "retry_after": 2})
    sandbox.post("/sandbox/delay-next", {"operation_id": "listTags", "seconds": 0.01})
    sandbox.post("/sandbox/drop-next", {"operation_id": "listTags", "when": "after"})
    for status in (503, 429):
        with pytest.raises(MailrithApiError) as refusal:
            sandbox.client.tags.list()
        assert refusal.value.status == status
    with pytest.raises(ConnectionError):
        sandbox.client.tags.list()
    assert sandbox.client.tags.list()["data"] == []


def test_clock_is_advanced_and_reset(sandbox: Sandbox) -> None:
    def hours_ahead(answer: Any) -> float:
        return (datetime.fromisoformat(answer["now"]) - start) / timedelta(hours=1)

    start = datetime.fromisoformat(sandbox.get("/sandbox/clock")["now"])
    assert hours_ahead(sandbox.post("/sandbox/clock/advance", {"days": 1, "hours": 1})) >= 25
    assert hours_ahead(sandbox.post("/sandbox/clock/reset")) < 1
    assert hours_ahead(sandbox.post("/sandbox/clock/advance", {"days": 1})) >= 24
    sandbox.post("/sandbox/reset")
    assert hours_ahead(sandbox.get("/sandbox/clock")) < 1


def test_requests_are_listed_without_the_api_key(sandbox: Sandbox) -> None:
    sandbox.client.tags.create(body={"name": "VIP"}, idempotency_key="k")
    sandbox.client.tags.create(body={"name": "VIP"}, idempotency_key="k")
    first, second = sandbox.get("/sandbox/requests")
    assert (first["operation_id"], json.loads(first["body"])) == ("createTag", {"name": "VIP"})
    assert KEY not in json.dumps(first)
    assert (second["status"], json.loads(second["answer"])["data"]["name"]) == (201, "VIP")
    (key,) = sandbox.get("/sandbox/idempotency")
    assert (key["key"], key["replays"]) == ("k", 1)
    assert sandbox.get("/sandbox/report") == []
    for path in ("/sandbox/requests", "/sandbox/idempotency", "/sandbox/report"):
        documented = sandbox.document["paths"][path]["get"]["responses"]["200"]
        sandbox.check(documented["content"]["application/json"]["schema"], sandbox.get(path, whole=True))


def test_request_with_a_header_that_is_not_utf_8_is_listed(sandbox: Sandbox) -> None:
    host, _, port = sandbox.url.removeprefix("http://").partition(":")
    with socket.create_connection((host, int(port)), timeout=30) as connection:
        connection.sendall(
            b"GET /v1/tags HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer \xff\r\nX-Any: \xff\r\n\r\n"
        )
        assert connection.recv(12) == b"HTTP/1.1 401"
    _, listed = sandbox.call("GET", "/sandbox/requests")
    assert listed["data"][-1]["headers"]["x-any"] == "\ufffd"


def test_cleared_requests_are_not_listed(sandbox: Sandbox) -> None:
    sandbox.client.tags.list()
    sandbox.post("/sandbox/requests/clear")
    sandbox.client.sequences.list()
    assert [sent["operation_id"] for sent in sandbox.get("/sandbox/requests")] == ["listSequences"]


def test_wait_for_returns_answered_requests_or_times_out(sandbox: Sandbox) -> None:
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(sandbox.post, "/sandbox/requests/wait-for", {"operation_id": "listTags", "count": 2})
        sandbox.client.tags.list()
        sandbox.client.tags.list()
        assert [sent["status"] for sent in waiting.result(10)] == [200, 200]
    status, code, message = sandbox.refusal(
        "/sandbox/requests/wait-for", {"operation_id": "createTag", "timeout": 0}
    )
    assert (status, code) == (400, "invalid_request")
    assert "0 of 1 requests to createTag" in message


@pytest.mark.parametrize(
    ("path", "body", "message"),
    [
        (
            "/sandbox/fail-next",
            {"operation_id": "createTags"},
            "There is no operation createTags; is it createTag?",
        ),
        ("/sandbox/fail-next", {"stat": 500}, "stat is not a field of this request; leave it out."),
        ("/sandbox/fail-next", {"status": 200}, "status takes a number from 400 to 599."),
        ("/sandbox/seed", {"subscribers": ["nobody"]}, '"nobody" is not an email address.'),
        ("/sandbox/keys", {"scopes": ["all"]}, "There is no scope all"),
        ("/sandbox/keys", {"expires_in": 1e300}, "A key is valid for more than 0"),
        ("/sandbox/workspaces", {"name": "Default"}, "There is a workspace Default already."),
        ("/sandbox/clock/advance", {"hours": -1}, "The clock goes forward only"),
        ("/sandbox/jobs/complete-after", {}, "polls is required."),
        ("/sandbox/jobs/hold", [], "The body takes a JSON object."),
    ],
)
def test_invalid_form_gets_the_error_envelope(sandbox: Sandbox, path: str, body: Any, message: str) -> None:
    status, code, text = sandbox.refusal(path, body)
    assert (status, code) == (400, "invalid_body" if isinstance(body, list) else "invalid_request")
    assert text.startswith(message)


@pytest.mark.parametrize(
    "headers",
    [
        {"Host": "sandbox.example"},
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://["},
        {"x-forwarded-for": "8.8.8.8"},
        {"Forwarded": "for=8.8.8.8"},
    ],
    ids=["other host", "page of another site", "origin null", "malformed origin", "proxy", "standard proxy"],
)
def test_controls_answer_404_to_requests_from_elsewhere(sandbox: Sandbox, headers: dict[str, str]) -> None:
    for control in CONTROLS:
        status, answer = sandbox.call(control.method, control.path, None, **headers)
        assert (status, answer["error"]["code"]) == (404, "not_found")


@pytest.mark.parametrize("path", ["/v1/tags", "/healthz", "/console/"])
def test_sandbox_refuses_the_host_of_another_machine(sandbox: Sandbox, path: str) -> None:
    """A page of another site can give its own name the address of this machine."""
    status, answer = sandbox.call("GET", path, None, Host="evil.example:8787", Authorization=f"Bearer {KEY}")
    assert (status, answer["error"]["code"]) == (400, "invalid_http")
    assert "localhost" in answer["error"]["message"]
    for host in ("localhost:8787", "127.0.0.1", "[::1]:8787"):
        assert sandbox.call("GET", "/v1/tags", None, Host=host, Authorization=f"Bearer {KEY}")[0] == 200


@pytest.mark.skipif(not has_ipv6(), reason="this machine has no ::1")
def test_sandbox_listens_on_both_addresses_of_localhost(sandbox: Sandbox) -> None:
    port = urlsplit(sandbox.url).port
    for host in ("127.0.0.1", "[::1]"):
        assert sandbox.client.transport("GET", f"http://{host}:{port}/healthz", {}, None)[0] == 200


def test_controls_answer_anything_and_refuse_connections(sandbox: Sandbox) -> None:
    sandbox.post("/sandbox/answer-next", {"operation_id": "listTags", "body": "<html>", "status": 502})
    with pytest.raises(MailrithApiError) as refusal:
        sandbox.client.tags.list()
    assert refusal.value.status == 502
    sandbox.post("/sandbox/refuse-connections", {"seconds": 0.2})
    refused = 0
    while True:
        try:
            sandbox.client.tags.list()
        except OSError:
            refused += 1
        else:
            break
    assert refused > 0


def test_pages_of_this_machine_may_call_controls(sandbox: Sandbox) -> None:
    port = urlsplit(sandbox.url).port
    for origin in (sandbox.url, f"http://localhost:{port}", "http://[::1]:3000"):
        assert sandbox.call("GET", "/sandbox/clock", None, Origin=origin)[0] == 200


def test_serve_has_no_control_routes(server: Server) -> None:
    for control in CONTROLS:
        assert server.call(control.method, control.path).status == 404
