"""What commands that use the HTTP API of a running service have in common."""

import os
import sys
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, TypeVar

import click

from mailrith_lite import settings
from mailrith_lite.cli import output, profiles
from mailrith_lite.errors import StartError
from mailrith_lite.settings import ClientSettings

if TYPE_CHECKING:
    from mailrith_lite.cli.http_client import ApiClient

T = TypeVar("T")


_PROFILE = "mailrith_lite.profile"  # a key in the context of click
_VARIABLES = ("MAILRITH_API_KEY", "MAILRITH_API_BASE_URL")


def _remember(context: click.Context, _: click.Parameter, name: str | None) -> None:
    if name is not None:
        context.meta[_PROFILE] = profiles.check_name(name)


yes_option = click.option("--yes", is_flag=True, help="do not ask")
profile_option = click.option(
    "--profile",
    metavar="NAME",
    expose_value=False,
    callback=_remember,
    help=f"of `mailrith-lite login`  [{profiles.DEFAULT}]",
)


def chosen_profile() -> str | None:
    """The name that `--profile` gives."""
    name: str | None = click.get_current_context().meta.get(_PROFILE)
    return name


def client_settings() -> ClientSettings:
    """From the environment, or else from a profile. The two never mix: a key goes to its own service only.

    Raises:
        BadSetting: a variable is not valid.
        StartError: there is no such profile, or the environment contradicts `--profile`.
    """
    stated = [name for name in _VARIABLES if os.environ.get(name)]
    name = chosen_profile()
    if stated and name is not None:
        raise StartError(f"{stated[0]} is set and goes before a profile; unset it, or leave out --profile")
    if not stated and name is not None:
        return profiles.find(name).settings
    saved = {} if stated else profiles.read()
    return saved[profiles.DEFAULT].settings if profiles.DEFAULT in saved else settings.load_client(os.environ)


def run(work: Callable[["ApiClient"], Awaitable[T]]) -> T:
    """Runs `work` with a client made from the environment or from a profile."""
    from mailrith_lite.cli.http_client import call

    return call(client_settings(), work)


def confirm(question: str, *, yes: bool) -> None:
    """Asks on the terminal, unless `yes`.

    Raises:
        StartError: the answer is no, or nobody can answer.
    """
    if yes:
        return
    if not sys.stdin.isatty() or output.current().as_json:
        raise StartError("nothing was changed; say --yes to do it without a question")
    if not click.confirm(question, err=True):
        raise StartError("nothing was changed")


def parse_status(text: str | None) -> str | None:
    """
    Raises:
        UsageError: it is not a status.
    """
    from mailrith_lite.audience import values

    try:
        return None if text is None else values.status(text)
    except values.Refused as refusal:
        raise click.UsageError(f"--status: {refusal.message}") from refusal


def parse_field(text: str) -> tuple[str, str]:
    """The label and the value of `LABEL=VALUE`.

    Raises:
        UsageError: the text has another form.
    """
    label, equals, value = text.partition("=")
    if not equals or not label.strip():
        raise click.UsageError(f"--field takes LABEL=VALUE, not {text}")
    return label.strip(), value
