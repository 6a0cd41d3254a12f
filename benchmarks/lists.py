"""Every list call among 1,000,000 subscribers against the same call among 10,000, over HTTP.

The subscribers lie where a list has the longest way to them: what is asked for begins behind the newest half, or is
with a handful of the oldest, or with nobody. At the end the searches of a workspace of 1,000 whose neighbours are
300,000 against the same without neighbours.
"""

import asyncio
import contextlib
import http.client
import json
import statistics
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlencode

from benchmarks import crowd
from benchmarks.crowd import ORDINARY, TAGS
from benchmarks.service import Service, serving
from mailrith_lite import ids

LARGE, SMALL = 1_000_000, 10_000
OWN, NEIGHBOURS = 1_000, 300_000
LIMIT = 5.0  # times
ROUNDS = 21
SECONDS = 3.0  # the most that the rounds of one call take, once there are three


class Case(NamedTuple):
    """`path` may have {count} and {middle} in it: how many subscribers there are, and the id of the middle one."""

    name: str
    path: str
    write_first: bool = False
    promised: bool = True


class Side(NamedTuple):
    """One of the two services, and the connection that is kept to it."""

    service: Service
    count: int
    connection: http.client.HTTPConnection

    def seconds(self, method: str, path: str, body: bytes | None = None) -> float:
        path = path.format(count=self.count, middle=ids.encode(ids.SUBSCRIBER, self.count // 2))
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
        homes = [(Path(folder) / str(count), count) for count in (large, small)]
        for home, count in homes:
            with serving(home) as service:
                crowd.furnish(service)
            asyncio.run(crowd.fill(home, count))
        over = _compare(homes, [Case("cold_only, nobody is", _listed(cold_only="true"))])
        for home, count in homes:
            asyncio.run(crowd.cool(home, count))
        over += _compare(homes, list(_cases()))
        for home, count in homes:
            asyncio.run(crowd.unsubscribe(home, count))
        over += _compare(homes, [Case("cold_only, after they unsubscribed", _listed(cold_only="true"))])
    print(f"lists of {large:,} against {small:,}: {over or 'none'} over {LIMIT:.0f} times")
    over = _measure_neighbours()
    print(f"searches beside {NEIGHBOURS:,} neighbours against none: {over or 'none'} over {LIMIT:.0f} times")


def _measure_neighbours() -> int:
    with tempfile.TemporaryDirectory() as folder:
        homes = [(Path(folder) / name, OWN) for name in ("beside", "alone")]
        for home, count in homes:
            with serving(home) as service:
                crowd.furnish(service)
            asyncio.run(crowd.fill(home, count))
        asyncio.run(crowd.settle(homes[0][0], NEIGHBOURS))
        needles = (
            ("what both have", "reader"),
            ("what the neighbours have", "nearby.example"),
            ("one of the neighbours", "reader.77777@nearby.example"),
            ("what few of one's own have", "zebulon"),
            ("nobody", "nowhere"),
        )
        return _compare(
            homes, [Case(f"search beside neighbours: {what}", _listed(search=n)) for what, n in needles]
        )


def _compare(homes: Sequence[tuple[Path, int]], cases: Sequence[Case]) -> int:
    """Prints a line for each case; how many are over the limit."""
    over = 0
    with contextlib.ExitStack() as stack:
        sides = []
        for home, count in homes:
            service = stack.enter_context(serving(home))
            sides.append(Side(service, count, stack.enter_context(contextlib.closing(service.connect()))))
        for case in cases:
            large, small = _times(case, sides)
            ratio = statistics.median(large) / statistics.median(small)
            over += case.promised and ratio > LIMIT
            verdict = "at most 5" if ratio <= LIMIT else "OVER" if case.promised else "over, as documented"
            print(
                f"{case.name:<76} {_shown(large)} {_shown(small)} {ratio:7.2f} x   {verdict}",
                flush=True,
            )
    return over


def _times(case: Case, sides: Sequence[Side]) -> list[list[float]]:
    """Milliseconds of each request: by turns, so that what else the machine does falls on both."""
    times: list[list[float]] = [[] for _ in sides]
    began = time.perf_counter()
    for number in range(-1, ROUNDS):  # the first is not counted
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


def _shown(times: list[float]) -> str:
    p95 = statistics.quantiles(times, n=20, method="inclusive")[18]
    return f"{statistics.median(times):8.2f} ms (p95 {p95:8.2f})"


def _cases() -> Iterator[Case]:
    for name, path in _filters():
        promised = name not in _NOT_PROMISED
        yield Case(name, path, promised=promised)
        yield Case(f"  from the middle on: {name}", f"{path}&starting_after={{middle}}", promised=promised)
    for needle in ("e", "re", "q", "zq"):
        yield Case(f"search of {len(needle)}: {needle!r}", _listed(search=needle), promised=False)
    for path in ("tags", "sequences", "custom-fields", "jobs/subscriber-imports", "jobs/subscriber-exports"):
        yield Case(f"GET /v1/{path}", f"/v1/{path}?limit=100")
    for path in ("tags", "sequences"):
        yield Case(f"GET /v1/{path} with a search", f"/v1/{path}?search=half")
    yield Case("GET /v1/segments", "/v1/segments")
    yield Case("GET /v1/segments, first after a write", "/v1/segments", write_first=True, promised=False)


def _filters() -> Iterator[tuple[str, str]]:
    yield "no filter", _listed()
    yield "no filter, 100 at once", _listed(limit="100")
    for status in ("Active", "Unsubscribed", "Bounced", "Blocked"):
        yield f"status {status}", _listed(status=status)
    yield "cold_only, the older half is", _listed(cold_only="true")
    yield "email of the newest", _listed(email="{count}@example.com")
    yield "email of nobody", _listed(email="nobody@example.com")
    for names in _TAG_CASES:
        numbers = ",".join(crowd.tag_id(name) for name in names)
        called = ", ".join(names) if len(names) < 3 else f"{len(names)} tags"
        for operator in ("has_any_of", "has_none_of"):
            yield f"tag {operator} {called}", _listed(tag_ids=numbers, tag_operator=operator)
    for operator, *names in _SEQUENCE_CASES:
        numbers = ",".join(crowd.sequence_id(name) for name in names)
        path = _listed(sequence_ids=numbers, sequence_operator=operator)
        yield f"sequence {operator} {', '.join(names)}", path
    for what, needle in _NEEDLES:
        yield f"search of {what}", _listed(search=needle)


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


def _listed(**query: str) -> str:
    return f"/v1/subscribers?{urlencode(query, safe='{}')}"
