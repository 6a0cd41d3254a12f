"""/console/style: every part of the pages in every state, on a light and on a dark ground. Sandboxes have it."""

from typing import Final, get_args

import msgspec
from aiohttp import web

from mailrith_lite import clock
from mailrith_lite.audience.vocabulary import STATUSES
from mailrith_lite.console import templating
from mailrith_lite.console.column_chart import draw_columns
from mailrith_lite.console.job_view import Outcome, RowOutcome
from mailrith_lite.console.session_request import SessionRequest

_LONG: Final = "A name that is long enough to take a second line on a telephone"


class ExampleBar(msgspec.Struct, frozen=True, kw_only=True):
    """What the bar of a job needs of it. `percent`: None before the job starts."""

    percent: int | None
    row_outcomes: list[RowOutcome]


async def show_style(call: SessionRequest) -> web.StreamResponse:
    return await templating.render_page(
        call.request,
        "style.html",
        bars=_bars(),
        columns=draw_columns([(f"Month {number + 1}", number * number) for number in range(12)]),
        job_badges=get_args(Outcome),
        status_badges=STATUSES,
        other_badges=["Running", "Paused", "Draft", "Delivered", "Waiting", "Expired", "Revoked", "Disabled"],
        long=_LONG,
        now=clock.now(),
        schemes=["light", "dark"],
    )


def _bars() -> list[ExampleBar]:
    imported = {"created": 600, "updated": 200, "unchanged": 100, "refused": 100}
    undone = {"restored": 300, "deleted": 200, "skipped": 100}
    return [
        ExampleBar(percent=None, row_outcomes=[]),
        ExampleBar(percent=60, row_outcomes=_row_outcomes(undone)),
        ExampleBar(percent=100, row_outcomes=_row_outcomes(imported)),
    ]


def _row_outcomes(counts: dict[str, int]) -> list[RowOutcome]:
    """`counts`: of a thousand rows."""
    outcomes, start = [], 0
    for name, count in counts.items():
        outcomes.append(RowOutcome(name=name, count=count, start=start, width=count))
        start += count
    return outcomes
