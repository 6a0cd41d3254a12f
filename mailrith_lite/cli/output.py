"""The options of every command that say how it prints: --json, --quiet and --no-color."""

import os
from collections.abc import Callable, Iterable
from typing import Any

import click
import msgspec

JSON_FLAG = "--json"
_PREFIX = "mailrith_lite.output."  # of the keys in the context of click


class Output(msgspec.Struct, frozen=True, kw_only=True):
    """`quiet`: only what the user asked for, and errors. `color`: also other styles, such as bold."""

    as_json: bool = False
    quiet: bool = False
    color: bool = True


def current() -> Output:
    """The options of the command that runs."""
    context = click.get_current_context(silent=True)
    given = {} if context is None else context.meta
    return Output(
        as_json=_PREFIX + "as_json" in given,
        quiet=_PREFIX + "quiet" in given,
        color=_PREFIX + "no_color" not in given and not os.environ.get("NO_COLOR"),
    )


def _remember(context: click.Context, parameter: click.Parameter, value: bool) -> None:
    if value:
        context.meta[f"{_PREFIX}{parameter.name}"] = True


def _flag(*names: str, text: str) -> Callable[[Any], Any]:
    return click.option(*names, is_flag=True, expose_value=False, callback=_remember, help=text)


OPTIONS = (
    _flag(JSON_FLAG, "as_json", text="print JSON: one document, or a line for each item of a list"),
    _flag("-q", "--quiet", text="print only what you ask for, and errors"),
    _flag("--no-color", text="print without colors and styles, as NO_COLOR=1 does"),
)


def add_options(commands: Iterable[click.Command], options: Iterable[Callable[[Any], Any]]) -> None:
    """Adds the options to each command, and to the commands of each group."""
    for command in commands:
        if isinstance(command, click.Group):
            add_options(command.commands.values(), options)
            continue
        for option in options:
            option(command)
