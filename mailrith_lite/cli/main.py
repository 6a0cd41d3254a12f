"""The commands, on one page. What a command needs is imported when it runs: `--help` and `serve` stay quick."""

import io
import os
import sys

import click

from mailrith_lite import __version__
from mailrith_lite.errors import StartError
from mailrith_lite.settings import SETTINGS, BadSetting, Settings, load

_HELP = {setting.name: setting.help for setting in SETTINGS}


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="mailrith-lite")
def cli() -> None:
    """Mailrith's import and export jobs on one box.

    \b
    Begin with:
      mailrith-lite serve
    """


def main() -> None:
    """Runs a command; whatever goes wrong is one line on stderr and a non-zero exit."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")  # names may hold letters that the terminal has not
    try:
        "".join(sys.argv).encode()
    except UnicodeEncodeError:
        _fail("an argument is not valid text in this locale", 2)
    try:
        cli.main(standalone_mode=False)
    except click.exceptions.Exit as finished:
        sys.exit(finished.exit_code)
    except click.Abort:
        _fail("stopped", 130)
    except click.exceptions.NoArgsIsHelpError as error:
        click.echo(error.format_message(), err=True)
        sys.exit(error.exit_code)
    except click.ClickException as error:
        _fail(error.format_message(), error.exit_code)
    except (StartError, BadSetting) as error:
        _fail(str(error), 1)
    except BrokenPipeError:
        sys.stderr.close()  # who reads our output has gone; nothing is left to say
        sys.exit(1)


def load_settings(**flags: str | None) -> Settings:
    return load(os.environ, **flags)


def _fail(message: str, exit_code: int) -> None:
    click.echo(f"mailrith-lite: {' '.join(message.split())}", err=True)
    sys.exit(exit_code)


@cli.command()
@click.option("--host", help=f"{_HELP['host']}  [127.0.0.1]")
@click.option("--port", help=f"{_HELP['port']}  [8787]")
@click.option("--data-dir", help=f"{_HELP['data_dir']}  [data]")
@click.option("--public-url", metavar="URL", help=_HELP["public_url"])
@click.option("--log-format", metavar="text|json", help=f"{_HELP['log_format']}  [text]")
def serve(**flags: str | None) -> None:
    """Run the service until SIGINT or SIGTERM.

    \b
    Example:
      mailrith-lite serve --port 8787 --data-dir data
    """
    from mailrith_lite.cli.serve import run

    run(load_settings(**flags))


def _register() -> None:
    from mailrith_lite.cli import job_commands, openapi, operator, sandbox, workspaces

    for command in (
        *job_commands.COMMANDS,
        *operator.COMMANDS,
        *workspaces.COMMANDS,
        *openapi.COMMANDS,
        *sandbox.COMMANDS,
    ):
        cli.add_command(command)


_register()
