"""`python -m benchmarks [NAME]...`"""

from importlib import import_module

import click

NAMES = (
    *("speed", "latency", "fairness", "memory", "start", "lists", "uploads", "sandbox", "hostile", "moving_in"),
    *("undo", "webhooks", "exports", "requests", "console"),
)


@click.command()
@click.argument("names", nargs=-1, metavar="[NAME]...", type=click.Choice(NAMES))
def measure(names: tuple[str, ...]) -> None:
    """Run the benchmarks of these names: speed, latency, fairness, memory, start, lists, uploads, sandbox,
    hostile, moving_in, undo, webhooks, exports, requests, console.

    Without a name, run all of them.
    """
    for name in names or NAMES:
        import_module(f"benchmarks.{name}").measure()


measure(prog_name="python -m benchmarks")
