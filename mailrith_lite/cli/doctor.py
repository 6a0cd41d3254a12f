"""The command `doctor`: checks a data directory, also while the service runs, and changes nothing."""

import asyncio
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from time import time
from typing import TYPE_CHECKING, Literal

import click
import msgspec

from mailrith_lite import clock
from mailrith_lite.cli.local_database import data_dir_option, existing_directory
from mailrith_lite.errors import StartError

if TYPE_CHECKING:
    from mailrith_lite.database import Connection

_LEAST_FREE = 1 << 30  # bytes
_LARGEST_WAL = 1 << 30  # bytes
_EARLIEST = 1_767_225_600_000  # 2026-01-01: a clock before this is wrong
_TOLERANCE = clock.MINUTE  # by which a clock may be set back
_IN_WORK = 3600.0  # seconds: a job or a request may still write to a file that changed since then
_FOLDERS = ("imports", "exports", "uploads", "backups")
_PRIVATE = ("mailrith.db", "secret", "lock", "reserve")
_NAMED_PROBLEMS = 3


class Check(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """`problem`: what is wrong, or why nothing was checked."""

    subject: str
    status: Literal["good", "bad", "not checked"]
    problem: str | None = None


@click.command()
@data_dir_option
def doctor(data_dir: str | None) -> None:
    """Check data directory, database, disk and clock.

    It prints one line for each subject, and changes nothing. The exit code is 1 when something is wrong.

    \b
    Example:
      mailrith-lite doctor --data-dir data
    """
    from mailrith_lite.cli.printing import print_items

    checks = list(_checks(existing_directory(data_dir)))
    print_items(
        ("status", "subject", "problem"), checks, lambda check: (check.status, check.subject, check.problem or "")
    )
    if any(check.status == "bad" for check in checks):
        raise StartError("something is wrong; see above")


def _checks(directory: Path) -> Iterator[Check]:
    from mailrith_lite.data_directory import DATABASE_FILE
    from mailrith_lite.database import sqlite_problem

    yield _check("SQLite", sqlite_problem())
    yield _check("data directory", _permission_problem(directory))
    yield _check("secret", _secret_problem(directory / "secret"))
    yield from asyncio.run(_database_checks(directory / DATABASE_FILE))
    yield _check("WAL", _wal_problem(directory / f"{DATABASE_FILE}-wal"))
    yield _check("disk space", _space_problem(directory))


def _check(subject: str, problem: str | None) -> Check:
    return Check(subject=subject, status="bad" if problem else "good", problem=problem)


def _permission_problem(directory: Path) -> str | None:
    """Sample files that come with the source may be readable for everybody; what the service writes may not.

    The group of a directory with another owner, such as a mounted volume, may read it.
    """
    owner = (directory / "mailrith.db").stat().st_uid
    for path in _private_paths(directory):
        try:
            status = path.stat()
        except FileNotFoundError:  # a job has just deleted it
            continue
        others = 0o077 if status.st_uid == os.geteuid() else 0o007
        if status.st_mode & others:
            return f"others may read {path}; chmod go-rwx {path}"
        if _is_ours(path, directory) and owner not in (0, status.st_uid):
            return f"the owner of the database is not the owner of {path}; chown {owner} {path}"
    return None


def _private_paths(directory: Path) -> Iterator[Path]:
    yield directory
    for path in directory.iterdir():
        if path.is_dir() or path.name.startswith(_PRIVATE):
            yield path
    for name in _FOLDERS:
        if (directory / name).is_dir():
            yield from (directory / name).iterdir()


def _is_ours(path: Path, directory: Path) -> bool:
    """Whether the service must be able to write to the path. Litestream, for example, has a folder of its own."""
    name = path.relative_to(directory).parts[:1]
    return bool(name) and (name[0] in _FOLDERS or name[0].startswith(_PRIVATE))


def _secret_problem(path: Path) -> str | None:
    """The first start makes the file, so a directory that only commands have used has none."""
    from mailrith_lite.data_directory import secret_problem

    try:
        return secret_problem(path, path.read_bytes())
    except FileNotFoundError:
        return None
    except OSError as error:
        return f"{path}: {error.strerror}"


async def _database_checks(path: Path) -> list[Check]:
    from mailrith_lite.audience.blocks import select_miscounts
    from mailrith_lite.database import check_database, check_version, connect_to_read, refusing_unusable
    from mailrith_lite.jobs import queue

    try:
        with refusing_unusable(path):
            if problems := await check_database(path):
                raise StartError("; ".join(problems))
            async with connect_to_read(path) as connection:
                await check_version(connection, path)
                return [
                    _check("database", None),
                    _check("counts", "; ".join(await select_miscounts(connection)) or None),
                    _check("files", await _file_problem(connection, path.parent)),
                    _check("clock", _clock_problem(await queue.select_latest_change(connection))),
                ]
    except StartError as error:
        reason = "the database cannot be used"
        return [
            _check("database", str(error)),
            *(Check(subject=subject, status="not checked", problem=reason) for subject in ("counts", "files")),
            _check("clock", _clock_problem(0)),
        ]


async def _file_problem(connection: "Connection", directory: Path) -> str | None:
    """Files that the database names must exist; the service's other files should not."""
    from mailrith_lite.exports import export_pipeline
    from mailrith_lite.imports import import_pipeline
    from mailrith_lite.imports.uploads import upload_store

    problems = []
    for name, room in (("imports", import_pipeline), ("exports", export_pipeline), ("uploads", upload_store)):
        folder = directory / name
        named = await room.named_files(connection)
        missing = {file for file in named.required if not (folder / file).exists()}
        if missing:  # a job that has ended meanwhile does not need its file any more
            missing &= (await room.named_files(connection)).required
        problems += [f"{folder / file} is missing" for file in sorted(missing)]
        if folder.is_dir():
            orphans = [path for path in sorted(named.orphans(folder)) if _is_left(path)]
            problems += [f"{path} belongs to nothing; the next start deletes it" for path in orphans]
    more = len(problems) - _NAMED_PROBLEMS
    return "; ".join([*problems[:_NAMED_PROBLEMS], *([f"and {more} more"] if more > 0 else [])]) or None


def _is_left(path: Path) -> bool:
    try:
        return time() - path.stat().st_mtime > _IN_WORK
    except FileNotFoundError:
        return False


def _wal_problem(wal: Path) -> str | None:
    size = wal.stat().st_size if wal.exists() else 0
    if size <= _LARGEST_WAL:
        return None
    return (
        f"{wal} has {_mebibytes(size)}: a long export or another program reads the database;"
        " if nothing does, restart the service"
    )


def _space_problem(directory: Path) -> str | None:
    free = shutil.disk_usage(directory).free
    return f"only {_mebibytes(free)} are free" if free < _LEAST_FREE else None


def _clock_problem(latest: int) -> str | None:
    """`latest`: the time of the newest change of a job."""
    now = clock.now()
    if now < _EARLIEST:
        return "it is before 2026; links and keys would expire wrongly"
    if now < latest - _TOLERANCE:
        return f"a job has changed at {clock.rfc3339(latest)}, which is in the future"
    return None


def _mebibytes(size: int) -> str:
    return f"{size / (1 << 20):,.0f} MiB"


COMMANDS = (doctor,)
