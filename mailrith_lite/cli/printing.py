"""How commands print: with rich on a terminal, as plain lines for a file or another program, or as JSON.

Only what needs rich imports it: `serve` prints one line, and rich is a twentieth of its start.
"""

import sys
import textwrap
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any, TextIO, TypeVar

import click
import msgspec

from mailrith_lite.cli import output

if TYPE_CHECKING:
    from rich.console import Console

T = TypeVar("T")

_INDENT = "  "
_GAP = 2  # spaces between the columns of a table


def console(*, stderr: bool = False) -> "Console":
    """A console of rich with the colors of the terminal, or without any if the user wants none."""
    from rich.console import Console

    return Console(stderr=stderr, color_system="auto" if output.current().color else None, highlight=False)


def stdout_is_terminal() -> bool:
    return console().is_terminal


def print_items(columns: Sequence[str], items: Iterable[T], row: Callable[[T], Sequence[str]]) -> None:
    """A list: a table of the items, or with --json each item as a line."""
    if output.current().as_json:
        for item in items:
            print_json(item)
    else:
        print_table(columns, map(row, items))


def print_fields(fields: Iterable[tuple[str, str]], document: Any) -> None:
    """One thing: a `name value` line for each field that has a value, or with --json the document."""
    if output.current().as_json:
        print_json(document)
        return
    for name, value in fields:
        if value:
            _print_wrapped(f"{name:<10} {one_line(value)}", sys.stdout, indent=" " * 11)


def print_value(text: str, document: Any) -> None:
    """What the user asked for, such as a new key: also with --quiet."""
    if output.current().as_json:
        print_json(document)
    else:
        click.echo(text)


def print_result(text: str, document: Any) -> None:
    """What the command did, as lines of a sentence each: not with --quiet."""
    if output.current().as_json:
        print_json(document)
    elif not output.current().quiet:
        for line in text.splitlines():
            _print_wrapped(one_line(line), sys.stdout)


def print_note(text: str) -> None:
    """A sentence on stderr that a program does not need: not with --quiet or --json."""
    if not output.current().quiet:
        print_text(text)


def print_text(text: str) -> None:
    """A sentence on stderr. Prints nothing with --json: then only errors are on stderr."""
    if not output.current().as_json:
        _print_wrapped(one_line(text), sys.stderr)


def print_error(line: str, document: Any, *, as_json: bool) -> None:
    if as_json:
        click.echo(msgspec.json.encode({"error": document}), err=True)
    else:
        _print_wrapped(one_line(line), sys.stderr)


def print_json(document: Any) -> None:
    click.echo(msgspec.json.encode(document))


def print_table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """A table on a terminal; tab-separated lines when stdout is not a terminal.

    A terminal that is too narrow for the longest words of each column gets one `column value` line for each cell.
    """
    target = console()
    if not target.is_terminal:
        for row in rows:
            click.echo("\t".join(map(one_line, row)))  # rich would turn tabs into spaces
        return
    rows = [[one_line(cell) for cell in row] for row in rows]
    widths = _widths([columns, *rows], target.width)
    if widths is None:
        _print_cells(columns, rows)
        return
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, header_style="bold", pad_edge=False)
    for column, width in zip(columns, widths, strict=True):
        table.add_column(column, width=width)
    for row in rows:
        table.add_row(*map(Text, row))
    target.print(table)


def one_line(text: str) -> str:
    """Replaces what is not printable: line ends, tabs, and escape codes that a terminal would obey."""
    return "".join(character if character.isprintable() else " " for character in text)


def _widths(rows: Sequence[Sequence[str]], room: int) -> list[int] | None:
    """The widths of the columns, in terminal cells, so that no word is cut; None if there is too little room."""
    from rich.cells import cell_len

    widths = [max(map(cell_len, column)) for column in zip(*rows, strict=True)]
    words = [[word for cell in column for word in cell.split()] for column in zip(*rows, strict=True)]
    least = [max(map(cell_len, column), default=0) for column in words]
    room -= _GAP * (len(widths) - 1)
    if sum(least) > room:
        return None
    while sum(widths) > room:
        widest = max(range(len(widths)), key=lambda position: widths[position] - least[position])
        widths[widest] -= 1
    return widths


def _print_cells(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    width = max(map(len, columns))
    for number, row in enumerate(rows):
        if number:
            click.echo()
        for name, cell in zip(columns, row, strict=True):
            if cell:
                _print_wrapped(f"{name:<{width}}  {cell}", sys.stdout, indent=" " * (width + 2))


def _print_wrapped(line: str, stream: TextIO, *, indent: str = _INDENT) -> None:
    """A word that is longer than the line, such as an address, stays whole: people copy it."""
    if stream.isatty():
        width = console(stderr=stream is sys.stderr).width
        line = textwrap.fill(line, width, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False)
    click.echo(line, file=stream)
