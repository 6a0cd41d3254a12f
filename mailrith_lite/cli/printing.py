"""How commands print: with rich on a terminal, as plain lines for a file or another program."""

import contextlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TypeVar

import click
import msgspec
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeRemainingColumn
from rich.table import Table
from rich.text import Text

T = TypeVar("T")

Show = Callable[[int, int | None], None]
"""Takes the progress and the total, which is None while it is unknown."""


def stdout_is_terminal() -> bool:
    return Console().is_terminal


def print_table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """A table on a terminal; tab-separated lines when stdout is not a terminal."""
    console = Console()
    if not console.is_terminal:
        for row in rows:
            click.echo("\t".join(map(one_line, row)))  # rich would turn tabs into spaces
        return
    table = Table(box=None, header_style="bold", pad_edge=False)
    rows = list(rows)
    for position, column in enumerate(columns):  # people copy ids, so an id is never folded
        width = max((len(row[position]) for row in rows), default=None) if column == "id" else None
        table.add_column(column, no_wrap=column == "id", min_width=width, overflow="fold")
    for row in rows:
        table.add_row(*(Text(one_line(cell)) for cell in row))
    console.print(table)


def print_text(text: str) -> None:
    """A sentence on stderr. A terminal breaks its lines between words."""
    line = one_line(text)
    console = Console(stderr=True)
    if console.is_terminal:
        line = click.wrap_text(line, console.width, subsequent_indent="  ")
    click.echo(line, err=True)


def print_items(
    columns: Sequence[str], items: Iterable[T], row: Callable[[T], Sequence[str]], *, as_json: bool
) -> None:
    """A table of the items, or each as a line of JSON."""
    if not as_json:
        print_table(columns, map(row, items))
        return
    for item in items:
        click.echo(msgspec.json.encode(item).decode())


def print_fields(fields: Iterable[tuple[str, str]]) -> None:
    """One `name value` a line, without the fields that have no value."""
    for name, value in fields:
        if value:
            click.echo(f"{name:<10} {one_line(value)}")


@contextlib.contextmanager
def progress_bar(label: str) -> Iterator[Show]:
    """A progress bar on stderr until the end of the context; nothing when stderr is not a terminal."""
    console = Console(stderr=True)
    if not console.is_terminal:
        yield lambda done, total: None
        return
    columns = (SpinnerColumn(), TextColumn("{task.description}", markup=False), BarColumn(), MofNCompleteColumn())
    with Progress(*columns, TimeRemainingColumn(), console=console, transient=True) as bar:
        task = bar.add_task(one_line(label), total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)


@contextlib.contextmanager
def spinner(label: str) -> Iterator[None]:
    """Like progress_bar, for work of unknown length."""
    console = Console(stderr=True)
    if not console.is_terminal:
        yield
        return
    with console.status(label):
        yield


def one_line(text: str) -> str:
    """Replaces what is not printable: line ends, tabs, and escape codes that a terminal would obey."""
    return "".join(character if character.isprintable() else " " for character in text)
