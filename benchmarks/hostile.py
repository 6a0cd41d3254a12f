"""CPU time of the event loop for each of many hostile inputs, most of them from clients without a key."""

import contextlib
import gzip
import json
import socket
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from benchmarks.result import print_result
from benchmarks.service import KEY, Service, serving

LIMIT = 50.0  # milliseconds
_TIMES = 5
_LINE = 8_000  # bytes of a header that the HTTP parser lets through
_BOUNDARY = b"b" * 35 + b"c" + b"b" * 34
_FORM = b"Content-Type: multipart/form-data; boundary=" + _BOUNDARY
_PART = b"--" + _BOUNDARY + b"\r\nContent-Disposition: form-data; name="


@dataclass(frozen=True, kw_only=True)
class Input:
    """`line`: method and path; the path `link` means a new upload link."""

    name: str
    line: str
    headers: tuple[bytes, ...] = ()
    body: bytes = b""


def measure() -> None:
    with tempfile.TemporaryDirectory() as folder, serving(Path(folder) / "data") as service:
        segment_id = _create_segment(service)
        for case in (*_headers(), *_forms(), *_definitions(segment_id), *_files()):
            requests = [_request(service, case) for _ in range(_TIMES)]
            _send(service, requests[0])  # imports and caches of the first request do not count
            before = _loop_seconds(service)
            statuses = {_send(service, request) for request in requests}
            spent = (_loop_seconds(service) - before) / _TIMES * 1_000
            answers = ", ".join(map(str, sorted(statuses)))
            print_result(case.name, spent, "ms", limit=LIMIT, details=f"{len(requests[0]):,} bytes; {answers}")


def _headers() -> Iterator[Input]:
    for pattern in (b";", b";a=", b';a="', b'\\"', b"=", b"\xff"):
        text = (pattern * _LINE)[:_LINE]
        name = pattern.decode("latin-1")
        for line in ("POST /console/sign-in", "POST /v1/tags", "PUT link"):
            headers = (b"Content-Type: text/plain;z=" + text, b"Origin: http://localhost")
            yield Input(name=f"type of {name} to {line}", line=line, headers=headers, body=b"{}")
        yield Input(name=f"cookies of {name}", line="GET /console", headers=(b"Cookie: " + text,) * 100)
        disposition = b'Content-Disposition: attachment; filename="' + text[:4_000]
        yield Input(name=f"file name of {name}", line="PUT link", headers=(disposition,), body=b"Email\n")
        for header in (b"Authorization: Bearer ", b"Idempotency-Key: ", b"Expect: ", b"Accept: ", b"Range: bytes="):
            yield Input(name=f"{header.decode()}{name}", line="GET /v1/tags", headers=(header + text,))


def _forms() -> Iterator[Input]:
    end = b"--" + _BOUNDARY + b"--\r\n"
    bodies = {
        "20,000 parts": _PART + b'"x"\r\n\r\n1\r\n' + (_PART + b'"x"\r\n\r\n1\r\n') * 20_000 + end,
        "1 MB before the first part": b"b" * 1_000_000,
        "almost the boundary": (b"\r\n--" + _BOUNDARY[:-1]) * 10_000,
        "names of semicolons": (_PART + b'"x' + b";" * 4_000 + b'"\r\n\r\n1\r\n') * 40 + end,
        "10,000 headers": _PART + b'"x"\r\n' + b"A: b\r\n" * 10_000,
        "a folded header": _PART + b'"x"\r\n' + b" a\r\n" * 20_000,
        "a long field": _PART + b'"x"\r\n\r\n' + b"x" * 1_000_000,
    }
    for name, body in bodies.items():
        yield Input(name=f"form: {name}", line="POST link", headers=(_FORM,), body=body)
    fields = {
        "200,000 fields": b"a&" * 200_000,
        "percent signs": b"%" * 500_000,
        "one field": b"a=" + b"+" * 900_000,
    }
    for name, body in fields.items():
        headers = (b"Content-Type: application/x-www-form-urlencoded", b"Origin: http://localhost")
        yield Input(name=f"sign-in: {name}", line="POST /console/sign-in", headers=headers, body=body)


def _definitions(segment_id: str) -> Iterator[Input]:
    segment = {"field": "segment", "operator": "is", "value": [segment_id]}
    text = {"field": "email", "operator": "contains", "value": "abcdefgh"}
    for name, conditions, groups in (
        ("100 texts", [text] * 100, 1),
        ("100 conditions of segments", [segment] * 100, 1),
        ("50 groups of 5 conditions", [segment] * 5, 50),
    ):
        listed = [{"id": str(place), **condition} for place, condition in enumerate(conditions)]
        group = {"id": "1", "match": "all", "conditions": listed}
        yield _json(f"definition: {name}", {"definition": {"match": "any", "groups": [group] * groups}})
    for name, body in (("nested arrays", b"[" * 500_000), ("nested objects", b'{"a":' * 100_000)):
        yield _json(f"JSON: {name}", body)
    yield _json("JSON: digits", b"9" * 900_000)
    yield _json("JSON: unknown fields", json.dumps({f"a{number}": 1 for number in range(80_000)}).encode())


def _files() -> Iterator[Input]:
    for name, file in {
        "quotes": b'"' * 1_000_000,
        "delimiters": b"," * 1_000_000,
        "names": b",".join(b"n%d" % number for number in range(100_000)),
        "blank lines": b"Email\n" + b"\n" * 1_000_000,
        "an open quote": b'Email\n"' + b"a\n" * 500_000,
        "a legacy encoding": b"Email\n" + bytes(range(128, 256)) * 4_000,
        "gzip of zeros": gzip.compress(bytes(50_000_000)),
        "gzip of blank lines": gzip.compress(b"Email\n" + b"\n" * 50_000_000),
        "gzip members": gzip.compress(b"") * 40_000,
    }.items():
        yield Input(name=f"file: {name}", line="PUT link", body=file)


def _json(name: str, body: Any) -> Input:
    encoded = body if isinstance(body, bytes) else json.dumps(body).encode()
    headers = (b"Content-Type: application/json", f"Authorization: Bearer {KEY}".encode())
    return Input(name=name, line="POST /v1/segments/preview", headers=headers, body=encoded)


def _create_segment(service: Service) -> str:
    condition = {"id": "1", "field": "subscriber_status", "operator": "is", "value": "Active"}
    definition = {"match": "all", "groups": [{"id": "1", "match": "all", "conditions": [condition]}]}
    body = {"name": "All", "definition": definition}
    return str(service.request("POST", "/v1/segments", json.dumps(body).encode())["data"]["id"])


def _request(service: Service, case: Input) -> bytes:
    method, path = case.line.split()
    if path == "link":
        upload = service.request("POST", "/v1/jobs/subscriber-import-uploads")["data"]
        path = upload["upload_url"].removeprefix(service.address)
    length = b"Content-Length: %d" % len(case.body)
    lines = (b"Host: localhost", b"Connection: close", length, *case.headers)
    return f"{method} {path} HTTP/1.1\r\n".encode() + b"\r\n".join(lines) + b"\r\n\r\n" + case.body


def _send(service: Service, request: bytes) -> int:
    """The status; the service may answer before it has received the whole request."""
    parts = urlsplit(service.address)
    with socket.create_connection((parts.hostname, parts.port), timeout=60) as connection:
        with contextlib.suppress(ConnectionError):
            connection.sendall(request)
        received = b""
        with contextlib.suppress(ConnectionError):
            while piece := connection.recv(65_536):
                received += piece
    return int(received.split(maxsplit=2)[1])


def _loop_seconds(service: Service) -> float:
    """The CPU time of the service's first thread, which runs the event loop."""
    pid = service.process.pid
    nanoseconds = Path(f"/proc/{pid}/task/{pid}/schedstat").read_text().split()[0]
    return int(nanoseconds) / 1e9
