"""Every list call over HTTP with 1,000,000 subscribers, compared with the same call with 10,000.

The subscribers are in the worst order for lists, which begin with the newest subscriber: a filter matches only the
older half, or a few of the oldest, or nobody. The last part compares searches in a workspace of 1,000 subscribers
with and without 300,000 subscribers in another workspace.
"""

import asyncio
import contextlib
import http.client
import json
import statistics
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlencode

from benchmarks import crowd
from benchmarks.crowd import ORDINARY, TAGS
from benchmarks.service import Service, serving
from mailrith_lite import ids

LARGE, SMALL = 1_000_000, 10_000
OWN, NEIGHBORS = 1_000, 300_000
LIMIT = 5.0  # times the smaller side
ROUNDS = 21
SECONDS = 3.0  # after which a call has no further rounds, if it has had three


class Home(NamedTuple):
    """A data directory, and how many subscribers its workspace has."""

    path: Path
    subscribers: int


class Case(NamedTuple):
    """A call. `path` may contain {count}, the number of subscribers, and {middle}, the id of the middle one.

    `write_first`: a subscriber changes before each call. `promised`: docs/audience.md promises the limit.
    """

    name: str
    path: str
    write_first: bool = False
    promised: bool = True


@dataclass(frozen=True)
class Side:
    """One of the two services, and an open connection to it."""

    service: Service
    subscribers: int
    connection: http.client.HTTPConnection

    def seconds(self, method: str, path: str, body: bytes | None = None) -> float:
        path = path.format(count=self.subscribers, middle=ids.encode(ids.SUBSCRIBER, self.subscribers // 2))
        began = time.perf_counter()
        self.connection.request(method, path, body, self.service.headers())
        answer = self.connection.getresponse()
        text = answer.read()
        seconds = time.perf_counter() - began
        if answer.status != http.client.OK:
            raise RuntimeError(f"{path}: {text.decode()}")
        return seconds


def measure(large: int = LARGE, small: int = SMALL) -> None:
    with tempfile.TemporaryDirectory() as folder:
        homes = [Home(Path(folder) / str(count), count) for count in (large, small)]
        for home in homes:
            prepare(home)
        exceeded = _compare(homes, [Case("cold_only, nobody is cold", _list(cold_only="true"))])
        for home in homes:
            asyncio.run(crowd.make_older_half_cold(home.path, home.subscribers))
        exceeded += _compare(homes, list(_cases()))
        for home in homes:
            asyncio.run(crowd.unsubscribe_older_half(home.path, home.subscribers))
        exceeded += _compare(homes, [Case("cold_only, the cold half unsubscribed", _list(cold_only="true"))])
    print(f"lists with {large:,} and {small:,} subscribers: {exceeded} promised calls above {LIMIT:g} times")
    exceeded = _measure_neighbors()
    print(f"searches with and without {NEIGHBORS:,} neighbors: {exceeded} calls above {LIMIT:g} times")


def _measure_neighbors() -> int:
    with tempfile.TemporaryDirectory() as folder:
        beside, alone = Home(Path(folder) / "beside", OWN), Home(Path(folder) / "alone", OWN)
        for home in (beside, alone):
            prepare(home)
        asyncio.run(crowd.insert_neighbors(beside.path, NEIGHBORS))
        needles = (
            ("a text in both workspaces", "reader"),
            ("a text of the neighbors only", "nearby.example"),
            ("the email of a neighbor", "reader.77777@nearby.example"),
            ("a text of few subscribers", "zebulon"),
            ("a text of nobody", "nowhere"),
        )
        cases = [Case(f"search with neighbors: {what}", _list(search=needle)) for what, needle in needles]
        return _compare([beside, alone], cases)


def prepare(home: Home) -> None:
    with serving(home.path) as service:
        crowd.create_content(service)
    asyncio.run(crowd.insert_subscribers(home.path, home.subscribers))


def _compare(homes: Sequence[Home], cases: Sequence[Case]) -> int:
    """Prints a line for each case. Returns how many promised cases exceed the limit."""
    exceeded = 0
    with contextlib.ExitStack() as stack:
        sides = []
        for home in homes:
            service = stack.enter_context(serving(home.path))
            connection = stack.enter_context(contextlib.closing(service.connect()))
            sides.append(Side(service, home.subscribers, connection))
        for case in cases:
            large, small = _times(case, sides)
            ratio = statistics.median(large) / statistics.median(small)
            exceeded += case.promised and ratio > LIMIT
            verdict = f"at most {LIMIT:g}" if case.promised else "no limit promised"
            if case.promised and ratio > LIMIT:
                verdict += ", EXCEEDED"
            print(f"{case.name:<76} {_summary(large)} {_summary(small)} {ratio:7.2f} times   {verdict}", flush=True)
    return exceeded


def _times(case: Case, sides: Sequence[Side]) -> list[list[float]]:
    """Milliseconds of each request. The sides take turns, so that other work of the machine slows both."""
    times: list[list[float]] = [[] for _ in sides]
    began = time.perf_counter()
    for number in range(-1, ROUNDS):  # round -1 warms up and does not count
        for place in (0, 1) if number % 2 else (1, 0):
            side = sides[place]
            if case.write_first:
                body = json.dumps({"name": f"Reader {number}"}).encode()
                side.seconds("PATCH", f"/v1/subscribers/{ids.encode(ids.SUBSCRIBER, 11)}", body)
            seconds = side.seconds("GET", case.path)
            if number >= 0:
                times[place].append(seconds * 1_000)
        if number >= 2 and time.perf_counter() - began > SECONDS:
            break
    return times


def _summary(times: list[float]) -> str:
    p95 = statistics.quantiles(times, n=20, method="inclusive")[18]
    return f"{statistics.median(times):8.2f} ms (p95 {p95:8.2f})"


def _cases() -> Iterator[Case]:
    for name, path in _filters():
        promised = name not in _NOT_PROMISED
        yield Case(name, path, promised=promised)
        yield Case(f"  from the middle on: {name}", f"{path}&starting_after={{middle}}", promised=promised)
    for needle in ("e", "re", "q", "zq"):
        yield Case(f"search of {len(needle)}: {needle!r}", _list(search=needle), promised=False)
    for path in ("tags", "sequences", "custom-fields", "jobs/subscriber-imports", "jobs/subscriber-exports"):
        yield Case(f"GET /v1/{path}", f"/v1/{path}?limit=100")
    for path in ("tags", "sequences"):
        yield Case(f"GET /v1/{path} with a search", f"/v1/{path}?search=half")
    yield Case("GET /v1/segments", "/v1/segments")
    yield Case("GET /v1/segments, first after a write", "/v1/segments", write_first=True, promised=False)


def _filters() -> Iterator[tuple[str, str]]:
    yield "no filter", _list()
    yield "no filter, 100 at once", _list(limit="100")
    for status in ("Active", "Unsubscribed", "Bounced", "Blocked"):
        yield f"status {status}", _list(status=status)
    yield "cold_only, the older half is cold", _list(cold_only="true")
    yield "email of the newest", _list(email="{count}@example.com")
    yield "email of nobody", _list(email="nobody@example.com")
    for names in _TAG_CASES:
        public_ids = ",".join(crowd.tag_id(name) for name in names)
        label = ", ".join(names) if len(names) < 3 else f"{len(names)} tags"
        for operator in ("has_any_of", "has_none_of"):
            yield f"tag {operator} {label}", _list(tag_ids=public_ids, tag_operator=operator)
    for operator, *sequences in _SEQUENCE_CASES:
        public_ids = ",".join(crowd.sequence_id(name) for name in sequences)
        path = _list(sequence_ids=public_ids, sequence_operator=operator)
        yield f"sequence {operator} {', '.join(sequences)}", path
    for what, needle in _NEEDLES:
        yield f"search of {what}", _list(search=needle)


_TAG_CASES = (
    ("everybody",),
    ("newest half",),
    ("oldest half",),
    ("even", "odd"),
    ("rare",),
    ("nobody",),
    TAGS[7:27],
)

_SEQUENCE_CASES = (
    ("is_active_in_any_of", "newest half"),
    ("is_active_in_any_of", "rare"),
    ("is_active_in_any_of", "nobody"),
    ("is_active_in_any_of", "even", "odd"),
    ("is_not_active_in_any_of", "newest half"),
    ("is_not_active_in_any_of", "even", "odd"),
    ("has_completed_any_of", "completed by all"),
    ("has_completed_any_of", "newest half"),
    ("has_not_completed_any_of", "completed by all"),
    ("has_ever_been_in_any_of", "left by the oldest half"),
    ("has_ever_been_in_any_of", "newest half", "left by the oldest half"),
    ("has_never_been_in_any_of", "newest half"),
    ("has_never_been_in_any_of", "newest half", "left by the oldest half"),
    ("has_never_been_in_any_of", "even", "odd"),
)

_NOT_PROMISED = (  # docs/audience.md names them
    "tag has_none_of even, odd",
    "sequence is_not_active_in_any_of even, odd",
    "sequence has_never_been_in_any_of even, odd",
    "sequence has_never_been_in_any_of newest half, left by the oldest half",
    "search of nobody, in trigrams that a ninth has",
)

_NEEDLES = (
    ("everybody", "reader"),
    ("everybody's domain", "@example.com"),
    ("1 in 1,000", "zebulon"),
    ("digits of a few", ".777"),
    ("one of the oldest", "quetzal"),
    ("one of the oldest, three letters", "xyl"),
    ("a whole email", "quetzal.7@example.com"),
    ("a whole email in trigrams that many have", ORDINARY),
    ("the beginning of one", ORDINARY.partition(".")[0]),
    ("a whole email of nobody", "quentin.7@example.com"),
    ("a whole email of nobody, in trigrams that many have", f"other{ORDINARY}"),
    ("nobody", "nowhere"),
    ("nobody, in trigrams that everybody has", "readereader"),
    ("nobody, in trigrams that a ninth has", "reader 1"),
    ("nobody, in more trigrams that a ninth has", "reader number 1@example.com"),
    ("a status of many", "active"),
    ("a status of a few", "bounced"),
    ("an id", "{middle}"),
)


def _list(**query: str) -> str:
    return f"/v1/subscribers?{urlencode(query, safe='{}')}"
