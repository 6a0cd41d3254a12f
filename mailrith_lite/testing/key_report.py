"""What became of every Idempotency-Key: new work, a replay, or a refusal because the body differs."""

import re
from collections.abc import Iterator, Sequence
from typing import Any

import msgspec

from mailrith_lite.testing.recorder import RecordedRequest

WHOLE = "(the body)"
SPELLING = "(the same JSON, written differently)"
TOO_LONG = "(too long to be compared)"
UNKNOWN = "(the first request is no longer known)"


class Reuse(msgspec.Struct, frozen=True, kw_only=True):
    """Request `number` was refused. `differs`: the JSON paths that differ, such as `mappings[1].csv_column`."""

    number: int
    differs: list[str]


class KeyReport(msgspec.Struct, frozen=True, kw_only=True):
    """`requests`: the numbers of all requests with the key. `status`: that of the first success."""

    operation_id: str
    key: str
    status: int | None
    replays: int
    refused: list[Reuse]
    requests: list[int]


def report_keys(requests: Sequence[RecordedRequest]) -> list[KeyReport]:
    """In the order of their first requests."""
    by_key: dict[tuple[str, str], list[RecordedRequest]] = {}
    for request in requests:
        if request.idempotency_key is not None and request.operation_id is not None:
            by_key.setdefault((request.operation_id, request.idempotency_key), []).append(request)
    return [_report(operation_id, key, same_key) for (operation_id, key), same_key in by_key.items()]


def differences(first: bytes, second: bytes) -> list[str]:
    """The JSON paths in which two bodies differ."""
    try:
        return list(_compare("", msgspec.json.decode(first), msgspec.json.decode(second))) or [SPELLING]
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return [WHOLE]


def _report(operation_id: str, key: str, requests: list[RecordedRequest]) -> KeyReport:
    originals = [request for request in requests if _succeeded(request) and not request.replayed]
    replays = [request for request in requests if request.replayed]
    refused = [one for one in requests if one.status == 409 and _error_code(one) == "idempotency_key_reused"]
    return KeyReport(
        operation_id=operation_id,
        key=key,
        status=next((request.status for request in (*originals, *replays)), None),
        replays=len(replays),
        refused=[Reuse(number=request.number, differs=_differences(requests, request)) for request in refused],
        requests=[request.number for request in requests],
    )


def _differences(requests: list[RecordedRequest], refused: RecordedRequest) -> list[str]:
    """From the request whose answer the service keeps: the newest success, also one with a dropped answer."""
    earlier = (request for request in reversed(requests) if request.number < refused.number)
    original = next(
        (one for one in earlier if not one.replayed and (_succeeded(one) or one.dropped == "after")), None
    )
    if original is None:
        return [UNKNOWN]
    return differences(original.body, refused.body) if original.whole and refused.whole else [TOO_LONG]


def _succeeded(request: RecordedRequest) -> bool:
    return request.status is not None and 200 <= request.status < 300


def _error_code(request: RecordedRequest) -> str | None:
    answer = request.answer_json
    return answer.get("error", {}).get("code") if isinstance(answer, dict) else None


def _compare(path: str, first: Any, second: Any) -> Iterator[str]:
    """`first`, `second`: decoded JSON."""
    if isinstance(first, dict) and isinstance(second, dict):
        for name in dict.fromkeys([*first, *second]):
            inner = _member(path, name)
            if name not in first or name not in second:
                yield inner
            else:
                yield from _compare(inner, first[name], second[name])
    elif isinstance(first, list) and isinstance(second, list):
        for place in range(max(len(first), len(second))):
            inner = f"{path}[{place}]"
            if place >= min(len(first), len(second)):
                yield inner
            else:
                yield from _compare(inner, first[place], second[place])
    elif type(first) is not type(second) or first != second:
        yield path or WHOLE


def _member(path: str, name: str) -> str:
    if not re.fullmatch(r"\w+", name):
        return f'{path}["{name}"]'
    return f"{path}.{name}" if path else name
