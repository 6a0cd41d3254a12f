"""A chart of columns, as a picture of 1,000 by 160 units."""

from collections.abc import Sequence
from typing import Final

import msgspec

WIDTH: Final = 1_000
HEIGHT: Final = 160
_GAP: Final = 12


class Column(msgspec.Struct, frozen=True, kw_only=True):
    """Its place and size are in units of the picture; `y` is from the top."""

    label: str
    count: int
    x: float
    y: float
    width: float
    height: float


def draw_columns(counts: Sequence[tuple[str, int]]) -> list[Column]:
    """`counts`: label and count of each column, from the left. The highest column is as high as the picture."""
    most = max((count for _, count in counts), default=0) or 1
    step = WIDTH / max(len(counts), 1)
    columns = []
    for place, (label, count) in enumerate(counts):
        height = HEIGHT * count / most
        columns.append(
            Column(
                label=label,
                count=count,
                x=round(place * step + _GAP / 2, 1),
                y=round(HEIGHT - height, 1),
                width=round(step - _GAP, 1),
                height=round(height, 1),
            )
        )
    return columns
