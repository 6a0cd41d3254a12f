"""The commands `backup` and `restore`."""

import asyncio
import os
import re
from pathlib import Path
from typing import TYPE_CHECKING

import click

from mailrith_lite import clock, settings
from mailrith_lite.cli.local_database import data_dir_option, existing_directory
from mailrith_lite.errors import StartError

if TYPE_CHECKING:
    from mailrith_lite.database import Connection, Restored

_NAME = "mailrith"
_KEEP = 7


@click.command()
@click.argument("file", type=click.Path(path_type=Path), required=False)
@click.option(
    "--to",
    "folder",
    metavar="DIRECTORY",
    type=click.Path(path_type=Path),
    help="write a file with a dated name there",
)
@click.option("--keep", metavar="N", type=click.IntRange(min=1), help=f"how many dated files stay there  [{_KEEP}]")
@data_dir_option
def backup(file: Path | None, folder: Path | None, keep: int | None, data_dir: str | None) -> None:
    """Write a consistent copy of the database.

    The service may run meanwhile. The copy keeps the version of the database. With --to, the oldest copies in the
    directory are deleted after the new one is written.

    \b
    Examples:
      mailrith-lite backup /backups/mailrith-2026-04-11.db
      mailrith-lite backup --to /backups --keep 7
    """
    from mailrith_lite.cli.printing import print_result
    from mailrith_lite.data_directory import DATABASE_FILE
    from mailrith_lite.database import copy_database, dated_path, refusing_unusable

    if (file is None) == (folder is None):
        raise click.UsageError("name a FILE, or a directory with --to")
    if keep is not None and folder is None:
        raise click.UsageError("--keep needs --to")
    database = existing_directory(data_dir) / DATABASE_FILE
    target = file if file is not None else dated_path(_folder(folder), _NAME)
    if target.exists():
        raise StartError(f"{target} exists already; give a new name")
    try:
        with refusing_unusable(database):
            asyncio.run(copy_database(database, target))
    except OSError as error:
        raise StartError(f"cannot write {target}: {error.strerror}") from error
    size = target.stat().st_size
    deleted = [] if folder is None else _delete_older(folder, keep or _KEEP)
    text = "\n".join([f"wrote {target} ({size:,} bytes)", *(f"deleted {old}" for old in deleted)])
    print_result(text, {"file": str(target), "bytes": size, "deleted": [str(old) for old in deleted]})


def _folder(folder: Path | None) -> Path:
    """An existing folder keeps its mode: other backups may be in it."""
    assert folder is not None
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise StartError(f"cannot write to {folder}: {error.strerror}") from error
    return folder


def _delete_older(folder: Path, keep: int) -> list[Path]:
    """Keeps the newest `keep` dated backups, and returns the deleted ones. Files with other names stay."""
    dated = re.compile(rf"{_NAME}-\d{{4}}-\d\d-\d\dT\d\d-\d\d-\d\dZ(?:_\d+)?\.db")
    older = sorted(path for path in folder.iterdir() if dated.fullmatch(path.name))[:-keep]
    for old in older:
        old.unlink()
    return older


@click.command()
@click.argument("file", type=click.Path(path_type=Path))
@click.option(
    "--as-of-backup",
    is_flag=True,
    help="whoever opted out after the backup becomes Active again, and keys revoked after it work again",
)
@data_dir_option
def restore(file: Path, as_of_backup: bool, data_dir: str | None) -> None:
    """Replace the database with a backup. The service must not run.

    The command checks the backup and migrates it if it is older than this program. The database that was there goes
    to the folder backups of the data directory. Whoever opted out after the backup keeps that status, and keys that
    were revoked or rotated after it stay so.

    \b
    Example:
      mailrith-lite restore /backups/mailrith-2026-04-11.db
    """
    from mailrith_lite import data_directory
    from mailrith_lite.database import ReplacedUnreadable
    from mailrith_lite.database import restore as restore_database

    path = settings.load(os.environ, data_dir=data_dir).data_dir
    database = path / data_directory.DATABASE_FILE
    if file.exists() and database.exists() and file.samefile(database):
        raise StartError(f"{file} is the database itself; name a backup")
    with data_directory.lock(path):
        later = _Later(reads_replaced=database.exists() and not as_of_backup)
        restoring = restore_database(
            file, database, path / "backups", reconcile=later.keep, reads_replaced=later.reads_replaced
        )
        try:
            result = asyncio.run(restoring)
        except ReplacedUnreadable as error:
            raise StartError(
                f"{error}; so nobody knows who opted out after the backup, and which keys were revoked: "
                "add --as-of-backup to restore it nevertheless"
            ) from error
    _print_restored(file, path, result, later)


def _print_restored(file: Path, directory: Path, result: "Restored", later: "_Later") -> None:
    from mailrith_lite.cli.printing import print_result

    migrated = f", migrated from version {result.before} to {result.after}" if result.before != result.after else ""
    aside = "" if result.aside is None else f"\nthe database that was there is now {result.aside}"
    document = {
        "file": str(file),
        "data_directory": str(directory),
        "before": result.before,
        "after": result.after,
        "replaced_database": None if result.aside is None else str(result.aside),
        "opted_out_later": later.opted_out,
        "keys_ended_later": later.keys,
    }
    print_result(f"restored {file} to {directory}{migrated}{aside}{later.text()}", document)


class _Later:
    """Opt-outs, ended keys and audit entries after the backup, which the restored database gets."""

    def __init__(self, *, reads_replaced: bool) -> None:
        """`reads_replaced`: they are read from the replaced database."""
        self.reads_replaced = reads_replaced
        self.opted_out = self.keys = 0

    async def keep(self, connection: "Connection") -> None:
        from mailrith_lite.access import audit, key_table
        from mailrith_lite.audience import opt_outs

        if self.reads_replaced:
            self.opted_out = await opt_outs.update_opted_out(connection, clock.now())
            self.keys = await key_table.update_keys_ended(connection)
            await audit.insert_later(connection)
        details = {"opted_out": self.opted_out, "keys_ended": self.keys, "as_of_backup": not self.reads_replaced}
        await audit.record(connection, audit.command_line(), "database.restored", details=details)

    def text(self) -> str:
        text = ""
        if self.opted_out:
            text += f"\nsubscribers who opted out after the backup, and stay so: {self.opted_out:,}"
        if self.keys:
            text += f"\nkeys that were revoked or rotated after the backup, and stay so: {self.keys:,}"
        return text


COMMANDS = (backup, restore)
