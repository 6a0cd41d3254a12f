"""The profiles of `login`: address and key of a service, in the user's configuration directory."""

import os
import re
import stat
from pathlib import Path

import click
import msgspec

from mailrith_lite.errors import StartError
from mailrith_lite.settings import ClientSettings

DEFAULT = "default"
_NAME = re.compile(r"[A-Za-z0-9._-]{1,40}")


class Profile(msgspec.Struct, frozen=True, kw_only=True):
    """`api_base_url`: the only address that gets the key."""

    api_base_url: str
    api_key: str

    @property
    def settings(self) -> ClientSettings:
        return ClientSettings(api_key=self.api_key, api_base_url=self.api_base_url)


def file() -> Path:
    return Path(click.get_app_dir("mailrith-lite")) / "profiles.json"


def read() -> dict[str, Profile]:
    """The profiles by name. Empty before the first login, and if the home directory cannot be read.

    Raises:
        StartError: the file cannot be read, is damaged, or others may read it.
    """
    path = file()
    try:
        with path.open("rb") as opened:
            if stat.S_IMODE(os.fstat(opened.fileno()).st_mode) & 0o077:
                raise StartError(f"others may read the keys in {path}; chmod 600 {path}")
            return msgspec.json.decode(opened.read(), type=dict[str, Profile])
    except (FileNotFoundError, NotADirectoryError, PermissionError):
        return {}
    except OSError as error:
        raise StartError(f"cannot read {path}: {error.strerror}") from error
    except (msgspec.DecodeError, UnicodeError) as error:
        raise StartError(f"{path} is damaged; delete it and log in again") from error


def save(name: str, profile: Profile) -> None:
    """
    Raises:
        StartError: the file cannot be written.
    """
    _write(read() | {name: profile})


def remove(name: str) -> Profile:
    """
    Raises:
        StartError: there is no such profile, or the file cannot be written.
    """
    profiles = read()
    profile = find(name)
    del profiles[name]
    _write(profiles)
    return profile


def find(name: str) -> Profile:
    """
    Raises:
        StartError: there is no such profile.
    """
    profiles = read()
    if name not in profiles:
        option = "" if name == DEFAULT else f" --profile {name}"
        raise StartError(f"there is no profile {name}; `mailrith-lite login URL{option}` makes it")
    return profiles[name]


def check_name(name: str) -> str:
    """
    Raises:
        UsageError: no profile can have this name.
    """
    if not _NAME.fullmatch(name):
        raise click.UsageError("--profile takes 1 to 40 letters, digits, dots, _ or -")
    return name


def _write(profiles: dict[str, Profile]) -> None:
    """The rename comes last: a file with the final name is whole. No other user can read it at any time."""
    path = file()
    part = path.with_name(f"{path.name}.{os.getpid()}.part")
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        try:
            with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as opened:
                opened.write(msgspec.json.format(msgspec.json.encode(profiles)))
            part.replace(path)
        finally:
            part.unlink(missing_ok=True)
    except OSError as error:
        raise StartError(f"cannot write {path}: {error.strerror}") from error
