"""Bodies that are not JSON, not an object, or too deep: each gets a 400, and creates nothing."""

from collections.abc import Callable, Iterator

import pytest
from conftest import Server
from wire import EXPORTS, IMPORTS, envelope, running_service, unused

JSON = {"Content-Type": "application/json"}
TAGGED = b"""{"match": "all", "groups": [{"id": "g", "match": "any",
    "conditions": [{"id": "c", "field": "tag", "operator": "is_not_empty"}]}]}"""
GOOD = {  # `%s` is a JSON string
    IMPORTS: b'{"csv_text": "Email", "mappings": [{"csv_column": "Email", "field": {"type": "email"}}],'
    b' "new_tag_name": %s}',
    EXPORTS: b'{"query": %s}',
    "/v1/tags": b'{"name": %s}',
    "/v1/custom-fields": b'{"type": "Text", "label": %s}',
    "/v1/subscribers": b'{"email": "ada@example.com", "name": %s}',
    "/v1/sequences": b'{"name": "a", "definition": {"emails": [{"subject": %s}]}}',
    "/v1/segments": b'{"definition": %s, "name": %%s}' % TAGGED,
    "/v1/segments/preview": b'{"definition": %s, "current_segment_id": %%s}' % TAGGED,
}
BROKEN: dict[str, Callable[[bytes], bytes]] = {
    "cut short": lambda good: (good % b'"a"')[:-1],
    "blank": lambda good: b"  \n ",
    "two values": lambda good: good % b'"a"' + b"{}",
    "something behind": lambda good: good % b'"a"' + b" x",
    "a comment": lambda good: good % b'"a"' + b" // x",
    "single quotes": lambda good: (good % b'"a"').replace(b'"', b"'"),
    "a trailing comma": lambda good: (good % b'"a"')[:-1] + b",}",
    "NaN": lambda good: good % b"NaN",
    "a byte order mark": lambda good: b"\xef\xbb\xbf" + good % b'"a"',
    "UTF-16": lambda good: (good % b'"a"').decode().encode("utf-16"),
    "Latin-1": lambda good: good % b'"\xe9"',
    "an overlong character": lambda good: good % b'"\xc0\xaf"',
    "a line break in a text": lambda good: good % b'"a\nb"',
    "a null byte": lambda good: good % b'"a\0b"',
    "half a pair of surrogates": lambda good: good % b'"\\ud800"',
    "the other half": lambda good: good % b'"\\udc00"',
    "an escape cut short": lambda good: good % b'"\\u12"',
    "a text without an end": lambda good: good % b'"a',
}
DEEP = [
    b"[" * 100_000 + b"]" * 100_000,
    b"[" * 100_000,
    b'{"x":' * 100_000 + b"1" + b"}" * 100_000,
    b'{"x":' * 100_000,
]


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with running_service(tmp_path_factory) as server:
        yield server


@pytest.mark.parametrize("path", GOOD)
@pytest.mark.parametrize("body", [b"5", b"null", b"[]", b'"x"', b"true", b"[[[]]]"])
def test_a_body_that_is_not_an_object_is_refused(service: Server, path: str, body: bytes) -> None:
    assert envelope(service.call("POST", path, body, headers=JSON))[2] == "invalid_body"


@pytest.mark.parametrize("broken", BROKEN.values(), ids=BROKEN)
@pytest.mark.parametrize("path", GOOD)
def test_a_body_that_is_not_json_is_refused(service: Server, path: str, broken: Callable[[bytes], bytes]) -> None:
    reply = service.call("POST", path, broken(GOOD[path]), headers=JSON)
    assert envelope(reply) == (400, "invalid_request", "invalid_body")
    assert unused(service)


@pytest.mark.parametrize("deep", DEEP, ids=["lists", "lists without an end", "objects", "objects without an end"])
@pytest.mark.parametrize("path", GOOD)
def test_a_body_of_100_000_levels_is_refused(service: Server, path: str, deep: bytes) -> None:
    known = GOOD[path] % deep
    for body in (deep, known, known.replace(b'"query"', b'"unknown"').replace(b'"new_tag_name"', b'"unknown"')):
        assert envelope(service.call("POST", path, body, headers=JSON))[0] == 400
    assert unused(service)


@pytest.mark.parametrize(
    "csv_text",
    [
        b'"Email\\ud800\\n"',
        b'"Email\\udc00\\n"',
        b'"Email\xff\\n"',
        b'"Email\xed\xa0\x80\\n"',
        b'"Email\\u00"',
        b'"Email\\x"',
    ],
)
def test_a_csv_text_that_is_not_valid_unicode_is_refused(service: Server, csv_text: bytes) -> None:
    body = b'{"mappings": [{"csv_column": "Email", "field": {"type": "email"}}], "csv_text": %s}' % csv_text
    assert envelope(service.call("POST", IMPORTS, body, headers=JSON)) == (400, "invalid_request", "invalid_body")
    assert unused(service)


@pytest.mark.parametrize(
    "number", [b"1e999999", b"-1e999999", b"9" * 100_000, b"1" + b"0" * 400, b"0." + b"1" * 5_000]
)
def test_a_huge_number_is_refused_in_a_known_field(service: Server, number: bytes) -> None:
    for path, name in ((IMPORTS, b"upload_id"), (EXPORTS, b"cold_only"), ("/v1/tags", b"name")):
        reply = service.call("POST", path, b'{"mappings": [], "%s": %s}' % (name, number), headers=JSON)
        assert reply.status == 400
