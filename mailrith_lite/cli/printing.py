"""How commands print, with rich."""

from collections.abc import Iterable, Sequence

from rich.console import Console
from rich.table import Table


def print_table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """A table on a terminal; tab-separated lines, for other programs, where stdout is none."""
    console = Console()
    if not console.is_terminal:
        for row in rows:
            console.out("\t".join(row), highlight=False)
        return
    table = Table(*columns, box=None, header_style="bold", pad_edge=False)
    for row in rows:
        table.add_row(*row)
    console.print(table)
