"""Whether the installed packages are as new as the service needs.

Each start asks, so this reads only the names of directories: `importlib.metadata` takes 30 ms to import, and as
long to parse the metadata of all packages. It is imported where the names do not suffice.
"""

import re
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

_NAME = "mailrith-lite"
_INSTALLED = re.compile(r"([\w.]+)-([^-]+)(?:-py[\d.]+)?\.(?:dist|egg)-info")
"""The name of the directory that describes an installed package. Debian writes the second form."""
_REQUIREMENT = re.compile(r"([\w.-]+)\s*>=\s*([\d.]+)")


def missing_or_old() -> list[str]:
    """A text for each package that is missing or older than the service needs: `click 8.1.0 (needs 8.2)`."""
    versions = _versions()
    return [
        f"{name} {installed or 'is missing'} (needs {needed})"
        for name, needed in _requirements()
        if (installed := versions.get(_normalized(name)) or _version(name)) is None
        or _release(installed) < _release(needed)
    ]


def how_to_install() -> str:
    return "run `make install`" if _setup_file().exists() else f"run `pip install --upgrade {_NAME}`"


def _setup_file() -> Path:
    """In the source tree. What pip has noted of an editable installation is as old as the installation."""
    return Path(__file__).parents[2] / "setup.cfg"


def _requirements() -> Iterator[tuple[str, str]]:
    """Name and lowest version of each package that is needed without any extra."""
    lines: Iterable[str]
    if _setup_file().exists():
        import configparser  # a wheel has no such file, so the start of a service need not load this

        setup = configparser.ConfigParser(interpolation=None)
        setup.read(_setup_file(), encoding="utf-8")
        lines = setup["options"]["install_requires"].splitlines()
    else:
        from importlib import metadata

        try:
            lines = metadata.requires(_NAME) or ()
        except metadata.PackageNotFoundError:
            lines = ()
    for line in lines:
        if match := _REQUIREMENT.fullmatch(line.strip()):
            yield match[1], match[2]


def _versions() -> dict[str, str]:
    """By normalized name, as far as the names of directories tell. The first directory on the path counts."""
    versions: dict[str, str] = {}
    for folder in sys.path:
        for path in Path(folder).glob("*-info"):
            if match := _INSTALLED.fullmatch(path.name):
                versions.setdefault(_normalized(match[1]), match[2])
    return versions


def _normalized(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def _version(name: str) -> str | None:
    """Of a package whose directory does not tell, such as one in a zip file."""
    from importlib import metadata

    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def _release(version: str) -> tuple[int, ...]:
    """The numbers of `3.14.4rc1` are (3, 14, 4)."""
    return tuple(int(number) for number in re.findall(r"\d+", re.match(r"[\d.]*", version)[0]))  # type: ignore[index]
