"""Nobody who opted out becomes Active: no row ends with a status more permissive than its file and request say."""

import csv
import io
import itertools
import os
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pytest
from conftest import MAPPINGS, Server
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mailrith_lite.audience.vocabulary import STATUSES, STRICTEST_FIRST, SUPPRESSED, Status
from mailrith_lite.settings import Settings

EXAMPLES = int(os.environ.get("MAILRITH_LITE_EXAMPLES", "20"))
COLUMNS = ("State", "Opted out", "Bounced")
MEANINGS: dict[str, Status | None] = {
    "": None,
    " ": None,
    "NULL": None,
    "Active": "Active",
    "subscribed": "Active",
    "Pending": "Unconfirmed",
    "Opted-out": "Unsubscribed",
    "CLEANED": "Bounced",
    "spam": "Complained",
    "blacklisted": "Blocked",
}
"""A cell -> what it says. Other words refuse their row."""
TRANSLATIONS: dict[str, Status | None] = {"yes": "Unsubscribed", "no": None, "perhaps": "Blocked", "active": None}
CELL = st.sampled_from([*MEANINGS, "yes", "NO", "Perhaps", "asleep"])
numbers = itertools.count()


@pytest.fixture(scope="module")
def standing(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    directory = tmp_path_factory.mktemp("permissive") / "data"
    with Server(Settings(port=0, data_dir=directory, bootstrap_key="mrk_example_secret_key")).serving() as server:
        yield server


def said(cells: Sequence[str], translations: Sequence[Mapping[str, Status | None]]) -> list[Status] | None:
    """What the cells of a row say; None if one of them cannot be read."""
    statuses: list[Status] = []
    for cell, translation in zip(cells, translations, strict=True):
        key = cell.strip().lower()
        if key not in translation and cell not in MEANINGS:
            return None
        status = translation[key] if key in translation else MEANINGS[cell]
        if status is not None:
            statuses.append(status)
    return statuses


@settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=[HealthCheck.too_slow], derandomize=True)
@given(
    saved=st.lists(st.none() | st.sampled_from(STATUSES), min_size=12, max_size=12),
    rows=st.lists(st.tuples(st.integers(0, 11), CELL, CELL, CELL), min_size=1, max_size=16),
    translations=st.tuples(*[st.sampled_from([{}, TRANSLATIONS])] * 3),
    requested=st.none() | st.sampled_from(STATUSES),
    invalid_cells=st.sampled_from(["refuse_row", "leave_out"]),
)
def test_no_row_ends_more_permissive_than_any_cell_or_the_request_says(
    standing: Server,
    saved: list[Status | None],
    rows: list[tuple[int, str, str, str]],
    translations: tuple[Mapping[str, Status | None], ...],
    requested: Status | None,
    invalid_cells: str,
) -> None:
    key = standing.new_key(workspace=f"Permissive {next(numbers)}")
    emails = [f"user{number}@example.com" for number in range(len(saved))]
    known = "".join(f"{email},{status}\n" for email, status in zip(emails, saved, strict=True) if status)
    status_column = {"csv_column": "Status", "field": {"type": "subscriber-status"}}
    standing.import_csv(
        f"Email,Status\nsomebody@example.com,Active\n{known}", [MAPPINGS[0], status_column], key=key
    )
    text = io.StringIO(newline="")
    csv.writer(text).writerows([("Email", *COLUMNS), *((emails[person], *cells) for person, *cells in rows)])
    mappings = [MAPPINGS[0]] + [
        {"csv_column": name, "field": {"type": "subscriber-status"}, "values": dict(translation)}
        for name, translation in zip(COLUMNS, translations, strict=True)
    ]
    options: dict[str, Any] = {} if requested is None else {"status": requested}
    standing.import_csv(text.getvalue(), mappings, key=key, invalid_cells=invalid_cells, **options)
    listed = standing.call("GET", "/v1/subscribers?limit=100", key=key).json["data"]
    statuses = {subscriber["email"]: subscriber["status"] for subscriber in listed}
    expected = dict(zip(emails, saved, strict=True))
    for person, *cells in rows:
        email = emails[person]
        expected[email] = after(expected[email], said(cells, translations), requested)
    for email in emails:
        assert statuses.get(email) == expected[email]


def after(before: Status | None, words: list[Status] | None, requested: Status | None) -> Status | None:
    """The status after a row. `before`: None for a new person. `words`: as `said` returns them."""
    if words is None:
        return before
    asked = min(words, key=STRICTEST_FIRST.index) if words else requested
    if before in SUPPRESSED and (asked is None or STRICTEST_FIRST.index(before) < STRICTEST_FIRST.index(asked)):
        return before
    return asked or before or "Active"
