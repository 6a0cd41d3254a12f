"""The data directory: its lock, its secret, and the upgrade of its database."""

import contextlib
import fcntl
import secrets
from collections.abc import Iterator
from pathlib import Path

from mailrith_lite import disk, errors, logs
from mailrith_lite.database import Upgrade, upgrade

DATABASE_FILE = "mailrith.db"
_SECRET_BYTES = 32  # at least, or signatures could be guessed


@contextlib.contextmanager
def lock(path: Path) -> Iterator[Path]:
    """Creates the directory if needed, and locks it until the context ends.

    Raises:
        StartError: the directory cannot be used, or another process serves it.
    """
    try:
        directory = disk.private_directory(path)
        file = (directory / "lock").open("a")
    except OSError as error:
        raise unusable(path, error) from error
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise errors.StartError(f"another process serves the data directory {path}") from None
        disk.make_private(directory / "lock", 0o600)
        with disk.reserve(directory):
            yield directory


async def upgrade_database(directory: Path) -> Upgrade:
    """Migrates the database of a directory whose lock is held, and says so in the log.

    Raises:
        StartError: the database cannot be used, or its copy cannot be written.
    """
    try:
        result = await upgrade(directory / DATABASE_FILE, directory / "backups")
    except OSError as error:
        raise errors.StartError(
            f"cannot copy the database before its migration: {error.filename}: {error.strerror}"
        ) from error
    if result.copy is not None:
        fields = {"before": result.before, "after": result.after, "copy": str(result.copy)}
        logs.service.info("database migrated", extra={"fields": fields})
    return result


def read_secret(directory: Path) -> bytes:
    """The secret that signs links and console sessions. The first start creates it."""
    path = directory / "secret"
    if not path.exists():
        part = directory / "secret.part"
        with disk.create_private(part) as file:
            file.write(secrets.token_hex(32).encode())
            disk.sync_file(file)
        part.rename(path)
        disk.sync_directory(directory)
    secret = path.read_bytes()
    if problem := secret_problem(path, secret):
        raise errors.StartError(problem)
    return secret


def secret_problem(path: Path, secret: bytes) -> str | None:
    """None if the secret is long enough."""
    if len(secret) >= _SECRET_BYTES:
        return None
    return f"{path} is too short to sign links; put the original back, or delete it to end all links and sessions"


def unusable(directory: Path, error: OSError) -> errors.StartError:
    return errors.StartError(f"cannot use the data directory {directory}: {error.filename}: {error.strerror}")
