"""/metrics: what it says after some work, who may read it, and the dashboard that shows it."""

import json
import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest
from conftest import KEY, Server
from console.job_states import queue_export
from console.visitor import Visitor
from prometheus_client.parser import text_string_to_metric_families
from uploading import CSV

from mailrith_lite.errors import StartError

TOKEN = "a-token-of-the-monitoring"
DASHBOARD = Path(__file__).parents[2] / "contrib" / "grafana-dashboard.json"

Sample = tuple[str, frozenset[tuple[str, str]]]


@pytest.fixture
def service(serve: Callable[..., Server]) -> Server:
    return serve(metrics_token=TOKEN)


def scrape(server: Server) -> dict[Sample, float]:
    reply = server.call("GET", "/metrics", key=TOKEN)
    assert reply.status == 200, reply.body
    assert reply.headers["content-type"].startswith("text/plain; version=")
    return {
        (sample.name.removeprefix("mailrith_lite_"), frozenset(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(reply.body.decode())
        for sample in family.samples
    }


def sample(name: str, **labels: str) -> Sample:
    return name, frozenset(labels.items())


@pytest.mark.slow
def test_metrics_agree_with_what_was_done(service: Server) -> None:
    before = scrape(service)
    service.import_csv(CSV.decode())
    service.import_csv(CSV.decode() + "nonsense,Bob\n")
    service.export_csv()
    assert service.call("GET", "/v1/tags/unknown").status == 404
    assert service.call("GET", "/v1/tags", key="mrk_this_key_is_wrong").status == 401
    Visitor(service).sign_in("mrk_this_key_is_wrong")
    queue_export(service)
    after = scrape(service)

    changes = {
        sample("jobs_ended_total", kind="import", outcome="completed"): 2,
        sample("jobs_ended_total", kind="export", outcome="completed"): 1,
        sample("rows_total", fate="created"): 2,
        sample("rows_total", fate="updated"): 0,
        sample("rows_total", fate="unchanged"): 2,
        sample("rows_total", fate="rejected"): 1,
        sample("chunk_seconds_count"): 2,
        sample("requests_total", operation="createSubscriberImportJob", status="202"): 2,
        sample("requests_total", operation="getTag", status="404"): 1,
        sample("requests_total", operation="listTags", status="401"): 1,
        sample("request_seconds_count", operation="listTags"): 1,
        sample("requests_total", operation="/metrics", status="200"): 1,
        sample("sign_in_failures_total", door="api"): 1,
        sample("sign_in_failures_total", door="console"): 1,
    }
    assert {name: after[name] - before.get(name, 0) for name in changes} == changes
    assert after[sample("jobs_open", kind="export", status="queued")] == 1
    assert after[sample("jobs_open", kind="import", status="processing")] == 0
    assert after[sample("writer_wait_seconds_count")] > before[sample("writer_wait_seconds_count")]
    assert after[sample("oldest_queued_seconds")] >= 0
    assert after[sample("database_bytes")] == service.services.database.path.stat().st_size
    assert after[sample("disk_free_bytes")] > 0
    assert after[sample("webhook_subscriptions_waiting")] == 0
    assert after[sample("process_resident_memory_bytes")] > 0


@pytest.mark.slow
def test_attempts_of_webhooks_are_counted_by_outcome(serve: Callable[..., Server], unused_tcp_port: int) -> None:
    server = serve(metrics_token=TOKEN, allow_private_webhooks=True)
    before = scrape(server)
    body = {"name": "Nobody", "url": f"http://127.0.0.1:{unused_tcp_port}/", "event_patterns": ["subscriber.*"]}
    created = server.call("POST", "/v1/webhook-subscriptions", body)
    assert created.status == 201, created.body
    server.import_csv("Email\nada@example.com\n", [{"csv_column": "Email", "field": {"type": "email"}}])
    server.wait(server.services.dispatcher.drain())
    after, failed = scrape(server), sample("webhook_attempts_total", outcome="failed")
    assert after[failed] - before.get(failed, 0) == 1
    assert after[sample("webhook_subscriptions_waiting")] == 1


@pytest.mark.slow
def test_no_label_names_a_client(service: Server) -> None:
    service.call("GET", "/v1/subscribers/somebody@example.com")
    service.call("GET", "/a/path/of/somebody")
    service.call("BREW", "/healthz")
    pairs = {pair for _, labels in scrape(service) for pair in labels}
    names = {name for name, _ in pairs}
    assert names <= {"operation", "status", "kind", "outcome", "fate", "door", "limit", "le", "version", "python"}
    assert not any("somebody" in value or "BREW" in value for _, value in pairs)
    assert ("operation", "none") in pairs


@pytest.mark.parametrize("token", [None, TOKEN])
def test_metrics_are_not_found_without_the_token(serve: Callable[..., Server], token: str | None) -> None:
    server = serve(metrics_token=token)
    for sent in (None, KEY, TOKEN[:-1], f"{TOKEN}x", "\u00fc"):
        headers = {} if sent is None else {"Authorization": f"Bearer {sent}"}
        reply = server.call("GET", "/metrics", key=None, headers=headers)
        unknown = server.call("GET", "/nothing", key=None, headers=headers)
        assert (reply.status, reply.error["message"]) == (404, unknown.error["message"]), sent


@pytest.mark.slow
def test_metrics_have_a_listener_of_their_own(serve: Callable[..., Server], unused_tcp_port: int) -> None:
    server = serve(metrics_port=unused_tcp_port)
    address, server.url = server.url, f"http://127.0.0.1:{unused_tcp_port}"
    reply = server.call("GET", "/metrics", key=None)
    assert reply.status == 200
    assert b"mailrith_lite_build_info" in reply.body
    for path in ("/v1/tags", "/healthz", "/console"):
        assert server.call("GET", path).status == 404
    server.url = address
    assert server.call("GET", "/metrics", key=None).status == 404
    with pytest.raises(StartError, match="choose another with --metrics-port"):
        serve(metrics_port=unused_tcp_port, data_dir=server.settings.data_dir.parent / "second")


@pytest.mark.slow
def test_dashboard_shows_metrics_that_exist(service: Server) -> None:
    text = service.call("GET", "/metrics", key=TOKEN).body.decode()
    declared = set(re.findall(r"^# TYPE (\S+)", text, re.MULTILINE))
    expressions = list(_expressions(json.loads(DASHBOARD.read_text())))
    assert len(expressions) > 10
    for expression in expressions:
        for name in re.findall(r"\b(mailrith_lite_\w+|process_\w+)", expression):
            assert {name, name.removesuffix("_bucket")} & declared, (name, expression)


def _expressions(node: object) -> Iterator[str]:
    if isinstance(node, Mapping):
        if isinstance(node.get("expr"), str):
            yield node["expr"]
        for child in node.values():
            yield from _expressions(child)
    elif isinstance(node, list):
        for child in node:
            yield from _expressions(child)
