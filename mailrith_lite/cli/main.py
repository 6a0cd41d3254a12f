"""The entry point and the group of all commands.

A command imports the rooms that it needs when it runs, so that `--help` stays quick.
"""

import io
import os
import sys
from collections.abc import Sequence
from typing import Any

import click

from mailrith_lite import __version__
from mailrith_lite.cli import (
    audit,
    backup,
    catalog_commands,
    client_command,
    dependencies,
    doctor,
    health_check,
    import_command,
    job_commands,
    keys,
    login_commands,
    maintenance,
    openapi,
    output,
    sandbox,
    subscriber_commands,
    webhook_commands,
    workspaces,
)
from mailrith_lite.errors import ServiceError, StartError
from mailrith_lite.settings import ENVIRONMENT_PREFIX, SETTINGS, BadSetting, default_text, load

_HELP = {setting.name: setting.help for setting in SETTINGS}


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="mailrith-lite")
def cli() -> None:
    """Mailrith's import and export jobs on one box.

    \b
    Start with:
      mailrith-lite serve
      mailrith-lite import subscribers.csv
    """


def main(arguments: Sequence[str] | None = None) -> None:
    """Runs the command of `arguments`, by default of the process.

    Raises:
        SystemExit: there is an error, which is one line on stderr, or the exit code is not zero.
    """
    if arguments is None:
        arguments = sys.argv[1:]
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")  # the terminal's encoding may lack letters of a name
    try:
        _run(arguments)
    except _Failure as failure:
        _print(failure, as_json=output.JSON_FLAG in arguments)
        sys.exit(failure.exit_code)
    except BrokenPipeError:
        sys.stderr.close()  # the reader of our output has gone: no message can reach it
        sys.exit(1)


class _Failure(Exception):
    """`document`: the error for a program."""

    def __init__(self, message: str, document: dict[str, Any], exit_code: int = 1) -> None:
        super().__init__(message)
        self.document = document
        self.exit_code = exit_code


def _run(arguments: Sequence[str]) -> None:
    """
    Raises:
        _Failure, SystemExit, BrokenPipeError
    """
    try:
        "".join(arguments).encode()
    except UnicodeEncodeError:
        raise _failure("an argument is not valid text in this locale", "invalid_usage", 2) from None
    try:
        cli.main(args=arguments, prog_name="mailrith-lite", standalone_mode=False)
    except click.exceptions.Exit as result:
        sys.exit(result.exit_code)
    except click.Abort:
        raise _failure("stopped", "stopped", 130) from None
    except click.exceptions.NoArgsIsHelpError as error:
        click.echo(error.format_message(), err=True)
        sys.exit(error.exit_code)
    except click.ClickException as error:
        raise _failure(error.format_message(), "invalid_usage", error.exit_code) from error
    except BadSetting as error:
        raise _failure(str(error), "invalid_setting") from error
    except StartError as error:
        raise _Failure(str(error), error.document(), error.exit_code) from error
    except ServiceError as error:
        raise _failure(str(error), error.error_code) from error
    except BrokenPipeError:
        raise
    except OSError as error:  # a file that cannot be read or written, wherever a command meets it
        message = f"{error.filename}: {error.strerror}" if error.filename else str(error)
        raise _failure(message, "file_error") from error


def _failure(message: str, code: str, exit_code: int = 1) -> _Failure:
    return _Failure(message, {"code": code, "message": message}, exit_code)


def _print(failure: _Failure, *, as_json: bool) -> None:
    from mailrith_lite.cli.printing import print_error

    print_error(f"mailrith-lite: {' '.join(str(failure).split())}", failure.document, as_json=as_json)


class _Serve(click.Command):
    """Its help ends with all settings."""

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        rows = [
            (
                ENVIRONMENT_PREFIX + setting.name.upper(),
                f"{setting.help}  [{default_text(setting)}]".removesuffix("  []"),
            )
            for setting in SETTINGS
        ]
        with formatter.section("Settings, as environment variables"):
            formatter.write_dl(rows, col_max=42)


@cli.command(cls=_Serve)
@click.option("--host", help=f"{_HELP['host']}  [127.0.0.1]")
@click.option("--port", help=f"{_HELP['port']}  [8787]")
@click.option("--socket", metavar="PATH", help=_HELP["socket"])
@click.option("--metrics-port", metavar="PORT", help=_HELP["metrics_port"])
@click.option("--data-dir", help=f"{_HELP['data_dir']}  [data]")
@click.option("--public-url", metavar="URL", help=_HELP["public_url"])
@click.option("--log-format", metavar="text|json", help=f"{_HELP['log_format']}  [text]")
def serve(**flags: str | None) -> None:
    """Run the service until Ctrl-C or SIGTERM.

    \b
    Example:
      mailrith-lite serve --port 8787 --data-dir data
    """
    if problems := dependencies.missing_or_old():
        raise StartError(f"a package does not fit: {', '.join(problems)}; {dependencies.how_to_install()}")
    from mailrith_lite.cli.serve import run

    run(load(os.environ, **flags), notify_socket=os.environ.get("NOTIFY_SOCKET"))


REMOTE: tuple[click.Command, ...] = (
    import_command.import_file,
    *job_commands.COMMANDS,
    *subscriber_commands.COMMANDS,
    *catalog_commands.COMMANDS,
    *webhook_commands.COMMANDS,
    *login_commands.COMMANDS,
    *health_check.COMMANDS,
)
"""The commands that use the HTTP API of a service."""
for command in (
    *REMOTE,
    *keys.COMMANDS,
    *workspaces.COMMANDS,
    *audit.COMMANDS,
    *backup.COMMANDS,
    *maintenance.COMMANDS,
    *doctor.COMMANDS,
    login_commands.list_profiles,
    *openapi.COMMANDS,
    *sandbox.COMMANDS,
):
    cli.add_command(command)
output.add_options(REMOTE, [client_command.profile_option])
output.add_options(cli.commands.values(), output.OPTIONS)
