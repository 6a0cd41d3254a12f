"""Selections and CSV rows as text."""

from collections.abc import Sequence

from mailrith_lite.exports.export_table import Selection


def row(cells: Sequence[str]) -> str:
    """`ada@example.com │ – │ Ada`. Blank cells at the end are left out."""
    texts = [cell.strip() or "–" for cell in cells]
    while texts and texts[-1] == "–":
        texts.pop()
    return " │ ".join(texts)


def selection(selection: Selection) -> str:
    """`All subscribers`, `Cold and Active subscribers matching “ada”`"""
    kinds = [*(["cold"] if selection.cold_only else []), *filter(None, [selection.status])]
    text = f"{' and '.join(kinds)} subscribers" if kinds else "All subscribers"
    if selection.query is not None:
        text += f" matching “{selection.query}”"
    return text[:1].upper() + text[1:]
