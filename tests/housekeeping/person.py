"""A person whose address, name and cells occur in no other test data, and files that contain the person."""

import contextlib
import sqlite3
from pathlib import Path
from typing import Any

from plain_sqlite import read_in_use

EMAIL = "zqxwv.kjq@wvzqx-mail.example"
NAME = "Zqxwvina Jqkzh"
EARLIER_NAME = "Vwxqzina Hzkjq"
"""The name of the person until an import or an edit changes it."""
CELL = "jqxz-cell-7313"
NEEDLES = tuple(text.lower().encode() for text in (EMAIL, NAME, EARLIER_NAME, CELL, "zqxwv", "jqkzh"))
IMPORTS = "/v1/jobs/subscriber-imports"


def mapped(column: str, field: str, **members: Any) -> dict[str, Any]:
    return {"csv_column": column, "field": {"type": field, **members}}


MAPPINGS = [mapped("Email", "email"), mapped("Name", "name"), mapped("Country", "country")]
REFUSED = f"Email,Name,Country\n{EMAIL.upper()},{NAME.upper()} {CELL},Nowhere\nada@example.com,Ada,Nowhere\n"
"""Refuses the row of the person and the row of another one."""
WARNED = f"Email,Name,Status\n{EMAIL},{NAME},Active\n"
"""For a person who has unsubscribed."""
CHANGED = f"Email,Name\n{EMAIL},{NAME}\n"
WITHOUT_HEADER = f"{EMAIL},{NAME}\nada@example.com,Ada\nbroken,Bob\n"


def traces(directory: Path) -> list[str]:
    """The files of the data directory that have bytes of the person, in upper or lower case."""
    found = []
    for path in sorted(directory.rglob("*")):
        if path.is_file():
            content = read_in_use(path).lower()
            found += [
                f"{path.relative_to(directory)}: {needle.decode()}" for needle in NEEDLES if needle in content
            ]
    return found


def indexed_trigrams(directory: Path) -> set[str]:
    """The trigrams of the search index, and those that are counted."""
    with contextlib.closing(sqlite3.connect(f"file:{directory / 'mailrith.db'}?mode=ro", uri=True)) as connection:
        connection.execute("CREATE VIRTUAL TABLE temp.terms USING fts5vocab (main, subscriber_search, row)")
        rows = connection.execute("SELECT term FROM temp.terms UNION SELECT trigram FROM search_trigrams")
        return {row[0] for row in rows}
