"""The command `import`."""

import functools
import re
from pathlib import Path
from typing import Any

import click

from mailrith_lite.cli.client_command import parse_status, run


@click.command("import")
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--map", "maps", multiple=True, metavar="COLUMN=FIELD", help="may be repeated  [proposed]")
@click.option(
    "--answer", "answers", multiple=True, metavar="CODE[:COLUMN]=VALUE", help="to a question; may be repeated"
)
@click.option("--status", metavar="STATUS", help="of everybody whose row has no status of its own")
@click.option(
    "--tag", "tags", multiple=True, metavar="NAME", help="for every row; created if missing; may be repeated"
)
@click.option("--sequence", "sequence_ids", multiple=True, metavar="ID", help="for every row; may be repeated")
@click.option("--like", metavar="JOB", help="import a corrected report with the mappings and options of its import")
@click.option("--leave-out-invalid-cells", is_flag=True, help="keep a row without the cells that cannot be read")
@click.option("--dry-run", is_flag=True, help="print the result of every row, but change nothing")
@click.option("--strict", is_flag=True, help="exit with 1 if a row was refused")
@click.option("--yes", is_flag=True, help="ask nothing; a question about consent still needs --answer")
@click.option(
    "--idempotency-key", metavar="K", help="a repeated command with the same key makes no second job  [random]"
)
def import_file(
    file: Path, maps: tuple[str, ...], answers: tuple[str, ...], status: str | None, yes: bool, **options: Any
) -> None:
    """Import subscribers from FILE, and print the result. FILE may be a CSV file, a gzip or zip of them, or - for
    standard input.

    The service reads the whole file, says what each column becomes, and asks what it cannot know: on a terminal
    you answer there, elsewhere the command ends and names the --answer that it needs.
    FIELD is a field of the subscriber, such as email, first name, status or tags, or the label or id of a custom
    field. COLUMN=new:Text creates a custom field (also Text Area, Number, Date, Checkbox), COLUMN= leaves the
    column out, and COLUMN=FIELD:day-first says how dates are written (also iso, year-first, month-first, excel,
    unix; for numbers point, comma).

    The exit code is 0 when rows were imported, even if others were refused; it is 1 when the import failed or
    every row was refused.

    \b
    Examples:
      mailrith-lite import subscribers.csv --tag "Spring fair"
      mailrith-lite import list.csv --map "E-Mail=email" --map "Plan=new:Text" --map "Notes="
      mailrith-lite import gone.csv --status Unsubscribed
      mailrith-lite import list.csv --dry-run
    """
    from mailrith_lite.cli.import_plan import Wishes
    from mailrith_lite.cli.import_run import ImportOptions, import_all
    from mailrith_lite.cli.open_questions import GivenAnswer

    _check_key(options["idempotency_key"])
    if options["like"] is not None and (maps or answers):
        raise click.UsageError("--like takes the mappings of its job; leave out --map and --answer")
    wishes = Wishes(
        maps=maps,
        answers=[GivenAnswer(text=text) for text in answers],
        status=parse_status(status),
        yes=yes,
    )
    run(functools.partial(import_all, file=file, wishes=wishes, options=ImportOptions(**options)))


def _check_key(key: str | None) -> None:
    if key is not None and not re.fullmatch(r"[ -~]{1,255}", key):
        raise click.UsageError("--idempotency-key takes 1 to 255 printable ASCII characters")
