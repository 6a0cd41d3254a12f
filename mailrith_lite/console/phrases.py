"""How the console says what was chosen, and what stood in a row."""

from collections.abc import Sequence

from mailrith_lite.exports.export_table import Selection


def row(cells: Sequence[str]) -> str:
    """A row in one line, without the blank cells at its end."""
    filled = [cell.strip() or "–" for cell in cells]
    while filled and filled[-1] == "–":
        filled.pop()
    return " │ ".join(filled)


def selection(chosen: Selection) -> str:
    """Whom an export holds, in words."""
    parts = []
    if chosen.cold_only:
        parts.append("cold")
    if chosen.status is not None:
        parts.append(chosen.status)
    found = f"{' and '.join(parts)} subscribers" if parts else "All subscribers"
    if chosen.query is not None:
        found += f" matching “{chosen.query}”"
    return found[:1].upper() + found[1:]
