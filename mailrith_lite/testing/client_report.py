"""What a client did well and badly, as its requests show."""

import contextlib
import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, pairwise

import msgspec

from mailrith_lite import clock
from mailrith_lite.testing import operations
from mailrith_lite.testing.key_report import report_keys
from mailrith_lite.testing.recorder import RecordedRequest

_TOLERANCE = 0.05  # seconds that a client may come early: its timers are not exact


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """`code` is stable. `requests`: the numbers of the requests that show it."""

    good: bool
    code: str
    message: str
    requests: list[int]


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """The bad findings come first."""

    findings: list[Finding]

    @property
    def good(self) -> list[Finding]:
        return [finding for finding in self.findings if finding.good]

    @property
    def bad(self) -> list[Finding]:
        return [finding for finding in self.findings if not finding.good]

    def codes(self) -> set[str]:
        return {finding.code for finding in self.findings}

    def __str__(self) -> str:
        lines = (
            f"{'good' if finding.good else 'bad '}  {finding.message}"
            f" (request {', '.join(map(str, finding.requests))})"
            for finding in self.findings
        )
        return "\n".join(lines) or "nothing to report"


def report_client(requests: Sequence[RecordedRequest]) -> Report:
    """Judges each workspace separately, and only by answers that reached the client: a dropped answer did not."""
    by_workspace: dict[int | None, list[RecordedRequest]] = {}
    for request in requests:
        by_workspace.setdefault(request.workspace_id, []).append(request)
    merged: dict[tuple[str, str], Finding] = {}
    for finding in chain.from_iterable(map(_judge, by_workspace.values())):
        same = merged.get((finding.code, finding.message))
        numbers = sorted([*same.requests, *finding.requests]) if same is not None else finding.requests
        merged[finding.code, finding.message] = msgspec.structs.replace(finding, requests=numbers)
    return Report(findings=sorted(merged.values(), key=lambda finding: finding.good))


def _judge(requests: Sequence[RecordedRequest]) -> Iterator[Finding]:
    """`requests`: to one workspace."""
    yield from _retries(requests)
    yield from _key_reuses(requests)
    yield from _waits(requests)
    yield from _pages(requests)
    yield from _expired_links(requests)
    yield from _unknown_parameters(requests)
    yield from _unknown_fields(requests)


def _finding(
    code: str, message: str, requests: Iterable[RecordedRequest], *, good: bool = False
) -> Iterator[Finding]:
    """One finding, or none without requests."""
    numbers = [request.number for request in requests]
    if numbers:
        yield Finding(good=good, code=code, message=message, requests=numbers)


def _retries(requests: Sequence[RecordedRequest]) -> Iterator[Finding]:
    """A retry: the same creating POST again, after one without success."""
    by_body: dict[tuple[str, bytes, int], list[RecordedRequest]] = {}
    for request in requests:
        if request.operation_id in operations.CREATING:
            by_body.setdefault((request.operation_id, request.body, request.body_size), []).append(request)
    without_key: list[RecordedRequest] = []
    with_key: list[RecordedRequest] = []
    with_new_key: list[RecordedRequest] = []
    for same_body in by_body.values():
        for first, retry in pairwise(same_body):
            if not _can_succeed_later(first) or not _is_after(first, retry):
                continue
            if retry.idempotency_key is None:
                without_key.append(retry)
            elif retry.idempotency_key == first.idempotency_key:
                with_key.append(retry)
            else:
                with_new_key.append(retry)
    yield from _finding("retried_without_key", "sent a creating POST again without Idempotency-Key", without_key)
    yield from _finding(
        "retried_with_new_key", "sent a creating POST again with another Idempotency-Key", with_new_key
    )
    yield from _finding(
        "retried_with_key", "sent a creating POST again with its Idempotency-Key", with_key, good=True
    )


def _is_after(first: RecordedRequest, second: RecordedRequest) -> bool:
    """Whether the client sent the second request after the answer to the first, or after its connection broke."""
    return first.ended_at is not None and second.at >= first.ended_at


def _can_succeed_later(request: RecordedRequest) -> bool:
    return request.status is None or request.status == 429 or request.status >= 500


def _key_reuses(requests: Sequence[RecordedRequest]) -> Iterator[Finding]:
    for key in report_keys(requests):
        if key.refused:
            paths = ", ".join(dict.fromkeys(path for reuse in key.refused for path in reuse.differs))
            yield Finding(
                good=False,
                code="key_reused",
                message=f"used an Idempotency-Key for another body, which differs in {paths}",
                requests=[reuse.number for reuse in key.refused],
            )


def _waits(requests: Sequence[RecordedRequest]) -> Iterator[Finding]:
    """Judges the first request about the same thing after each answer with Retry-After."""
    early_polls: list[RecordedRequest] = []
    early_others: list[RecordedRequest] = []
    in_time: list[RecordedRequest] = []
    for place, first in enumerate(requests):
        seconds = _retry_after(first)
        if first.status is None or first.ended_at is None or seconds <= 0:
            continue
        second = next((request for request in requests[place + 1 :] if _is_follow_up(first, request)), None)
        if second is None:
            continue
        if second.at - first.ended_at >= seconds - _TOLERANCE:
            in_time.append(second)
        elif second.operation_id in operations.POLLS:
            early_polls.append(second)
        else:
            early_others.append(second)
    yield from _finding("polled_too_fast", "looked at a job again before Retry-After was over", early_polls)
    yield from _finding("ignored_retry_after", "sent a request again before Retry-After was over", early_others)
    yield from _finding("waited_retry_after", "waited as long as Retry-After says", in_time, good=True)


def _retry_after(request: RecordedRequest) -> float:
    """Seconds after the answer, from a number of seconds or a date; 0 without a valid header."""
    text = request.answer_headers.get("retry-after", "")
    if re.fullmatch(r"[0-9]{1,10}", text):
        return int(text)
    try:
        moment = clock.parse_http_date(text) / clock.SECOND
    except ValueError:
        return 0
    answered = request.moment / clock.SECOND + ((request.ended_at or request.at) - request.at)
    return moment - answered


def _is_follow_up(first: RecordedRequest, second: RecordedRequest) -> bool:
    """Whether it is the same call again; after a 202, whether it is a look at the job."""
    if not _is_after(first, second):
        return False
    if first.status == 202:
        return second.path == first.answer_headers.get("location")
    return (second.method, second.path) == (first.method, first.path)


def _pages(requests: Sequence[RecordedRequest]) -> Iterator[Finding]:
    """A list has further pages when its answer has a `next_cursor`."""
    last_pages: list[RecordedRequest] = []
    continued: list[RecordedRequest] = []
    other_filters: list[RecordedRequest] = []
    for page in requests:
        cursor = _next_cursor(page)
        if cursor is None:
            continue
        next_pages = [
            request
            for request in requests
            if request.path == page.path and request.query.get("starting_after") == [cursor]
        ]
        other_filters += [request for request in next_pages if _filter(request) != _filter(page)]
        (continued if next_pages else last_pages).append(page)
    yield from _finding("ignored_next_cursor", "stopped before the end of a list", last_pages)
    yield from _finding("lost_filter", "asked for the next page with another filter", other_filters)
    if not other_filters:
        yield from _finding("followed_next_cursor", "went on to the next page of a list", continued, good=True)


def _next_cursor(page: RecordedRequest) -> str | None:
    answer = page.answer_json if page.method == "GET" and page.status is not None else None
    return answer.get("pagination", {}).get("next_cursor") if isinstance(answer, dict) else None


def _filter(request: RecordedRequest) -> dict[str, list[str]]:
    return {name: values for name, values in request.query.items() if name not in ("starting_after", "limit")}


def _expired_links(requests: Sequence[RecordedRequest]) -> Iterator[Finding]:
    expired = [one for one in requests if one.operation_id == operations.DOWNLOAD and one.status == 410]
    yield from _finding("used_expired_link", "followed a download link after it had expired", expired)


def _unknown_parameters(requests: Sequence[RecordedRequest]) -> Iterator[Finding]:
    by_name: dict[str, list[RecordedRequest]] = {}
    for request in requests:
        known = operations.query_names(request.operation_id)
        unknown = [] if known is None else [name for name in request.query if name not in known]
        for name in unknown:
            by_name.setdefault(f"{name} to {request.operation_id}", []).append(request)
    for name, senders in by_name.items():
        yield from _finding("unknown_parameter", f"sent the unknown query parameter {name}", senders)


def _unknown_fields(requests: Sequence[RecordedRequest]) -> Iterator[Finding]:
    """Members of a JSON body that the operation does not have and has ignored. A refusal names them itself."""
    by_name: dict[str, list[RecordedRequest]] = {}
    for sent in requests:
        known = operations.field_names(sent.operation_id)
        if known is None or not sent.whole or (sent.status or 400) >= 400:
            continue
        with contextlib.suppress(ValueError):
            if isinstance(body := sent.json, dict):
                for name in body.keys() - known:
                    by_name.setdefault(f"{name[:100]} to {sent.operation_id}", []).append(sent)
    for name, senders in sorted(by_name.items()):
        yield from _finding("unknown_field", f"sent the unknown field {name}", senders)
