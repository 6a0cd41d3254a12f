"""Each page of the console with 1,000,000 subscribers, compared with the same page with 10,000.

A page takes at most 5 times as long, and its HTML at most 60 KB; the first page takes at most 200 ms.
MAILRITH_LITE_BENCHMARK_PEOPLE sets the larger number.
"""

import contextlib
import http.client
import os
import re
import statistics
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from benchmarks.crowd import ORDINARY, sequence_id, tag_id
from benchmarks.lists import Home, prepare
from benchmarks.result import print_result
from benchmarks.service import KEY, UNLIMITED, Service, serving
from mailrith_lite import ids

LARGE = int(os.environ.get("MAILRITH_LITE_BENCHMARK_PEOPLE", "1_000_000"))
SMALL = 10_000
LIMIT = 5.0  # times the smaller side
MOST_KB = 60.0
MOST_FIRST = 200.0  # milliseconds
ROUNDS = 15
SECONDS = 4.0  # after which a page has no further rounds, if it has had three
NOISE = 1.0  # milliseconds that are added to both sides of a ratio

PAGES = {
    "overview": "",
    "subscribers": "/subscribers",
    "subscribers, a status": "/subscribers?status=Active",
    "subscribers, a tag of half of them": f"/subscribers?tag={tag_id('oldest half')}",
    "subscribers, a country": "/subscribers?country=DE",
    "subscribers, no tag of half of them": f"/subscribers?tag={tag_id('newest half')}&tag_operator=has_none_of",
    "subscribers, a sequence": f"/subscribers?sequence={sequence_id('newest half')}",
    "subscribers, a segment": f"/subscribers?segment={ids.encode(ids.SEGMENT, 3)}",
    "subscribers, a custom field": f"/subscribers?field={ids.encode(ids.CUSTOM_FIELD, 1)}&field_value=Berlin",
    "subscribers, a country and a tag": f"/subscribers?country=DE&tag={tag_id('even')}",
    "subscribers, a country and a tag, by email": f"/subscribers?country=DE&tag={tag_id('even')}&sort=email",
    "subscribers, from the middle on": "/subscribers?before={middle}",
    "subscribers, a country, from the middle on": "/subscribers?country=DE&before={middle}",
    "subscribers, by email": "/subscribers?sort=email",
    "subscribers, by email, from the middle on": "/subscribers?sort=email&before={middle}",
    "subscribers, by name": "/subscribers?sort=name",
    "subscribers, a search": f"/subscribers?search={ORDINARY}",
    "subscribers, a search of everybody": "/subscribers?search=reader",
    "subscribers, a search of two letters": "/subscribers?search=re",
    "subscribers, a search of nobody": "/subscribers?search=nowhere",
    "one subscriber": f"/subscribers/{ids.encode(ids.SUBSCRIBER, 11)}",
    "erasure of one subscriber": f"/subscribers/{ids.encode(ids.SUBSCRIBER, 11)}/erase",
    "tags": "/tags",
    "one tag": f"/tags/{tag_id('everybody')}",
    "custom fields": "/custom-fields",
    "one custom field": f"/custom-fields/{ids.encode(ids.CUSTOM_FIELD, 1)}",
    "sequences": "/sequences",
    "one sequence": f"/sequences/{sequence_id('newest half')}",
    "segments": "/segments",
    "one segment": f"/segments/{ids.encode(ids.SEGMENT, 2)}",
    "new segment": "/segments/new",
    "new import": "/imports/new",
    "exports": "/exports",
    "new export": "/exports/new",
    "new export, a status": "/exports/new?status=Active",
    "webhooks": "/webhooks",
    "keys": "/keys",
    "audit": "/audit",
    "requests": "/developers",
}
"""What is measured -> path within the console. {middle}: the public id of the middle one of the subscribers."""


@dataclass
class Visitor:
    """A session of one of the two services, on an open connection."""

    connection: http.client.HTTPConnection
    cookie: str
    subscribers: int

    def load(self, path: str) -> tuple[float, int]:
        """Milliseconds until the whole page is here, and its bytes.

        Raises:
            RuntimeError: it is no page.
        """
        path = path.format(middle=ids.encode(ids.SUBSCRIBER, self.subscribers // 2))
        began = time.perf_counter()
        self.connection.request("GET", f"/console{path}", headers={"Cookie": self.cookie})
        answer = self.connection.getresponse()
        body = answer.read()
        milliseconds = 1_000 * (time.perf_counter() - began)
        if answer.status != http.client.OK:
            raise RuntimeError(f"{path}: {answer.status}")
        return milliseconds, len(body)


def measure(large: int = LARGE, small: int = SMALL) -> None:
    with tempfile.TemporaryDirectory() as folder, contextlib.ExitStack() as stack:
        visitors = []
        for count in (large, small):
            home = Home(Path(folder) / str(count), count)
            prepare(home)
            service = stack.enter_context(serving(home.path, **UNLIMITED))
            visitors.append(_sign_in(service, count, stack))
        for name, path in PAGES.items():
            _measure_page(name, path, visitors)


def _sign_in(service: Service, subscribers: int, stack: contextlib.ExitStack) -> Visitor:
    connection = stack.enter_context(contextlib.closing(service.connect()))
    connection.request("GET", "/console/sign-in")
    answer = connection.getresponse()
    cookies = _cookies(answer)
    token = re.findall(r'name="form_token" value="([^"]+)"', answer.read().decode())[0]
    headers = {"Cookie": cookies, "Origin": service.address, "Content-Type": "application/x-www-form-urlencoded"}
    connection.request("POST", "/console/sign-in", urlencode({"form_token": token, "key": KEY}), headers)
    answer = connection.getresponse()
    answer.read()
    if answer.status != http.client.SEE_OTHER:
        raise RuntimeError(f"signing in: {answer.status}")
    return Visitor(connection, _cookies(answer), subscribers)


def _cookies(answer: Any) -> str:
    return "; ".join(line.partition(";")[0] for line in answer.headers.get_all("Set-Cookie", []))


def _measure_page(name: str, path: str, visitors: list[Visitor]) -> None:
    """The sides take turns, so that other work of the machine slows both. The first round does not count."""
    times: list[list[float]] = [[], []]
    most_bytes, began = 0, time.perf_counter()
    for number in range(-1, ROUNDS):
        for place, visitor in enumerate(visitors):
            milliseconds, size = visitor.load(path)
            most_bytes = max(most_bytes, size)
            if number >= 0:
                times[place].append(milliseconds)
        if number >= 2 and time.perf_counter() - began > SECONDS:
            break
    large, small = (statistics.median(one) for one in times)
    details = f"{large:.1f} ms against {small:.1f} ms"
    print_result(f"console: {name}", (large + NOISE) / (small + NOISE), "times", limit=LIMIT, details=details)
    if not path:
        print_result("console: the first page", large, "ms", limit=MOST_FIRST, details="the larger workspace")
    if most_bytes > 1_000 * MOST_KB:
        print_result(f"console: {name}", most_bytes / 1_000, "KB", limit=MOST_KB, details="HTML")
