"""What a client did well and badly, read from what it sent."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise

import msgspec

from mailrith_lite.testing import operations
from mailrith_lite.testing.inspector import inspect
from mailrith_lite.testing.recorder import Recorded

_EARLY = 0.05  # seconds: clocks and timers are that inexact


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """`code` is stable; `requests`: the numbers of those that show it."""

    good: bool
    code: str
    message: str
    requests: list[int]


class Report(msgspec.Struct, frozen=True, kw_only=True):
    findings: list[Finding]

    @property
    def good(self) -> list[Finding]:
        return [one for one in self.findings if one.good]

    @property
    def bad(self) -> list[Finding]:
        return [one for one in self.findings if not one.good]

    def codes(self) -> set[str]:
        return {one.code for one in self.findings}

    def __str__(self) -> str:
        lines = (
            f"{'good' if one.good else 'bad '}  {one.message} (request {', '.join(map(str, one.requests))})"
            for one in self.findings
        )
        return "\n".join(lines) or "nothing to say"


def report(requests: Sequence[Recorded]) -> Report:
    """What a dropped answer would have said, no client has read."""
    found = [*_retries(requests), *_reuse(requests), *_waits(requests), *_pages(requests), *_links(requests)]
    return Report(findings=sorted(found, key=lambda one: one.good))


def _finding(good: bool, code: str, message: str, shown: Iterable[Recorded]) -> Iterator[Finding]:
    numbers = [one.number for one in shown]
    if numbers:
        yield Finding(good=good, code=code, message=message, requests=numbers)


def _retries(requests: Sequence[Recorded]) -> Iterator[Finding]:
    """A creating POST that is sent again because the one before had no success."""
    by_body: dict[tuple[str, bytes, int], list[Recorded]] = {}
    for one in requests:
        if one.operation_id in operations.CREATING:
            by_body.setdefault((one.operation_id, one.body, one.body_size), []).append(one)
    pairs = [
        (before, after)
        for sent in by_body.values()
        for before, after in pairwise(sent)
        if _unanswered(before) and _behind(before, after)
    ]
    without = [after for before, after in pairs if after.idempotency_key is None]
    other = [
        after
        for before, after in pairs
        if after.idempotency_key is not None and after.idempotency_key != before.idempotency_key
    ]
    same = [after for before, after in pairs if None is not after.idempotency_key == before.idempotency_key]
    yield from _finding(False, "retried_without_key", "sent a creating POST again without Idempotency-Key", without)
    yield from _finding(
        False, "retried_with_new_key", "sent a creating POST again with another Idempotency-Key", other
    )
    yield from _finding(True, "retried_with_key", "sent a creating POST again with its Idempotency-Key", same)


def _behind(before: Recorded, after: Recorded) -> bool:
    """Was it sent when the answer before was there, or would never come?"""
    return before.ended_at is not None and after.at >= before.ended_at


def _unanswered(found: Recorded) -> bool:
    return found.status is None or found.status == 429 or found.status >= 500


def _reuse(requests: Sequence[Recorded]) -> Iterator[Finding]:
    for key in inspect(requests):
        numbers = [one.number for one in key.refused]
        places = ", ".join(dict.fromkeys(place for one in key.refused for place in one.differs))
        if numbers:
            yield Finding(
                good=False,
                code="key_reused",
                message=f"used an Idempotency-Key for another body, which differs in {places}",
                requests=numbers,
            )


def _waits(requests: Sequence[Recorded]) -> Iterator[Finding]:
    """Every request to the path, or of the operation, behind an answer that said Retry-After."""
    early: dict[bool, list[Recorded]] = {True: [], False: []}
    patient: list[Recorded] = []
    for place, before in enumerate(requests):
        wait = before.answer_headers.get("retry-after", "")
        after = next((one for one in requests[place + 1 :] if _follows(before, one)), None)
        if (
            after is None
            or before.status is None
            or before.ended_at is None
            or not wait.isdigit()
            or int(wait) == 0
        ):
            continue
        if after.at - before.ended_at < int(wait) - _EARLY:
            early[after.operation_id in operations.POLLS].append(after)
        else:
            patient.append(after)
    yield from _finding(False, "polled_too_fast", "looked at a job again before Retry-After was over", early[True])
    yield from _finding(
        False, "ignored_retry_after", "sent a request again before Retry-After was over", early[False]
    )
    yield from _finding(True, "waited_retry_after", "waited as long as Retry-After says", patient)


def _follows(before: Recorded, after: Recorded) -> bool:
    """Is it about the same thing? Behind a 202, that is the first look at the job."""
    if not _behind(before, after):
        return False
    if before.status == 202:
        return after.path == before.answer_headers.get("location")
    return (after.method, after.path) == (before.method, before.path)


def _pages(requests: Sequence[Recorded]) -> Iterator[Finding]:
    ignored: list[Recorded] = []
    followed: list[Recorded] = []
    lost: list[Recorded] = []
    for one in requests:
        answer = one.answer_json if one.method == "GET" and one.status is not None else None
        cursor = answer.get("pagination", {}).get("next_cursor") if isinstance(answer, dict) else None
        if cursor is None:
            continue
        next_ones = [
            other for other in requests if other.path == one.path and other.query.get("starting_after") == [cursor]
        ]
        lost += [other for other in next_ones if _filter(other) != _filter(one)]
        (followed if next_ones else ignored).append(one)
    yield from _finding(False, "ignored_next_cursor", "stopped before the end of a list", ignored)
    yield from _finding(False, "lost_filter", "asked for the next page with another filter", lost)
    if not lost:
        yield from _finding(True, "followed_next_cursor", "went on to the next page of a list", followed)


def _filter(request: Recorded) -> dict[str, list[str]]:
    return {name: values for name, values in request.query.items() if name not in ("starting_after", "limit")}


def _links(requests: Sequence[Recorded]) -> Iterator[Finding]:
    expired = [one for one in requests if one.operation_id == operations.DOWNLOAD and one.status == 410]
    yield from _finding(False, "used_expired_link", "followed a download link after its end", expired)
