"""The progress of long work on stderr: a bar on a terminal, else a line every ten seconds."""

import contextlib
import threading
from collections.abc import Callable, Iterator

import click
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeRemainingColumn

from mailrith_lite.cli import output
from mailrith_lite.cli.printing import console, one_line

Show = Callable[[int, int | None], None]
"""Takes the progress and the total, which is None while it is unknown."""

SECONDS_BETWEEN_LINES = 10.0


@contextlib.contextmanager
def progress_bar(label: str) -> Iterator[Show]:
    """Shows progress until the end of the context; nothing with --quiet or --json."""
    target = console(stderr=True)
    if output.current().quiet or output.current().as_json:
        yield lambda done, total: None
    elif target.is_terminal:
        columns = (SpinnerColumn(), TextColumn("{task.description}", markup=False), BarColumn())
        with Progress(*columns, MofNCompleteColumn(), TimeRemainingColumn(), console=target, transient=True) as bar:
            task = bar.add_task(one_line(label), total=None)
            yield lambda done, total: bar.update(task, completed=done, total=total)
    else:
        with _lines(one_line(label)) as show:
            yield show


@contextlib.contextmanager
def spinner(label: str) -> Iterator[None]:
    """As progress_bar, for work of unknown length."""
    target = console(stderr=True)
    if target.is_terminal and not output.current().quiet and not output.current().as_json:
        with target.status(one_line(label)):
            yield
    else:
        with progress_bar(label):
            yield


@contextlib.contextmanager
def _lines(label: str) -> Iterator[Show]:
    """A thread writes the lines, so that one comes also while nothing changes."""
    lines = _Lines(label)
    lines.start()
    try:
        yield lines.show
    finally:
        lines.stop()


class _Lines(threading.Thread):
    def __init__(self, label: str) -> None:
        super().__init__(daemon=True)
        self._label = label
        self._progress = ""
        self._ended = threading.Event()

    def show(self, done: int, total: int | None) -> None:
        self._progress = f": {done:,}" if total is None else f": {done:,} of {total:,}"

    def run(self) -> None:
        while not self._ended.wait(SECONDS_BETWEEN_LINES):
            click.echo(f"{self._label}{self._progress}", err=True)

    def stop(self) -> None:
        self._ended.set()
        self.join()
