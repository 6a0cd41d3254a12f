"""What became of every Idempotency-Key: kept, replayed, or refused because it came with another body."""

import re
from collections.abc import Iterator, Sequence
from typing import Any

import msgspec

from mailrith_lite.testing.recorder import Recorded

WHOLE = "(the body)"
SPELLING = "(the same JSON, written differently)"
TOO_LONG = "(too long to be compared)"
UNKNOWN = "(the first request is no longer known)"


class Reuse(msgspec.Struct, frozen=True, kw_only=True):
    """A refused one: request `number` differs from the first in these paths, such as `mappings[1].csv_column`."""

    number: int
    differs: list[str]


class KeyReport(msgspec.Struct, frozen=True, kw_only=True):
    """`requests`: the numbers of all that came with the key; `status`: what the first success answered."""

    operation_id: str
    key: str
    status: int | None
    replays: int
    refused: list[Reuse]
    requests: list[int]


def inspect(requests: Sequence[Recorded]) -> list[KeyReport]:
    """In the order in which the keys first came."""
    by_key: dict[tuple[str, str], list[Recorded]] = {}
    for one in requests:
        if one.idempotency_key is not None and one.operation_id is not None:
            by_key.setdefault((one.operation_id, one.idempotency_key), []).append(one)
    return [_report(operation_id, key, sent) for (operation_id, key), sent in by_key.items()]


def differences(first: bytes, second: bytes) -> list[str]:
    """The JSON paths in which two bodies differ."""
    try:
        one, other = msgspec.json.decode(first), msgspec.json.decode(second)
        return list(_compare("", one, other)) or [SPELLING]
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return [WHOLE]


def _report(operation_id: str, key: str, sent: list[Recorded]) -> KeyReport:
    made = [one for one in sent if _worked(one) and not one.replayed]
    replays = [one for one in sent if one.replayed]
    refused = [one for one in sent if one.status == 409 and _code(one) == "idempotency_key_reused"]
    return KeyReport(
        operation_id=operation_id,
        key=key,
        status=next((one.status for one in (*made, *replays)), None),
        replays=len(replays),
        refused=[Reuse(number=one.number, differs=_differences(sent, one)) for one in refused],
        requests=[one.number for one in sent],
    )


def _differences(sent: list[Recorded], refused: Recorded) -> list[str]:
    """From the request whose answer is kept: the last that made something, also one whose answer was dropped."""
    made = [one for one in sent if one.number < refused.number and not one.replayed]
    first = next((one for one in reversed(made) if _worked(one) or one.dropped == "after"), None)
    if first is None:
        return [UNKNOWN]
    return differences(first.body, refused.body) if first.whole and refused.whole else [TOO_LONG]


def _worked(found: Recorded) -> bool:
    return found.status is not None and 200 <= found.status < 300


def _code(found: Recorded) -> str | None:
    answer = found.answer_json
    return answer.get("error", {}).get("code") if isinstance(answer, dict) else None


def _compare(path: str, one: Any, other: Any) -> Iterator[str]:
    if isinstance(one, dict) and isinstance(other, dict):
        for name in dict.fromkeys([*one, *other]):
            shown = name if re.fullmatch(r"\w+", name) else f'["{name}"]'
            inner = f"{path}.{shown}" if path and shown == name else path + shown
            if name not in one or name not in other:
                yield inner
            else:
                yield from _compare(inner, one[name], other[name])
    elif isinstance(one, list) and isinstance(other, list):
        for place in range(max(len(one), len(other))):
            inner = f"{path}[{place}]"
            if place >= min(len(one), len(other)):
                yield inner
            else:
                yield from _compare(inner, one[place], other[place])
    elif type(one) is not type(other) or one != other:
        yield path or WHOLE
