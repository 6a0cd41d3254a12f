"""Markdown of this project as HTML. HTML in the text stays text, so the result is safe in a page."""

import functools
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from markdown_it import MarkdownIt


@functools.cache
def parser() -> "MarkdownIt":
    """With tables. It keeps the HTML of a text as tokens, which a caller must leave out."""
    from markdown_it import (
        MarkdownIt,
    )  # takes a twentieth of a second, which the start of the service does not need

    return MarkdownIt("commonmark").enable("table")


@functools.cache
def _plain_parser() -> "MarkdownIt":
    from markdown_it import MarkdownIt

    return MarkdownIt("commonmark", {"html": False})


def inline(text: str) -> str:
    """A sentence with code and emphasis."""
    return str(_plain_parser().renderInline(text))
