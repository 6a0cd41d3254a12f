"""Two modules have the same name only when both are about the same thing."""

import re
from collections import Counter, defaultdict
from pathlib import Path, PurePath

import mailrith_lite

PACKAGE = Path(mailrith_lite.__file__).parent
WIRES = {"api", "console", "cli"}  # their pages and resources are those of another room
SHARED = {
    "audit": "`access` keeps it, the command line and the console show it",
    "bulk_changes": "the room, its API resource and its pages",
    "custom_fields": "`audience` keeps them, the API has a resource for them, the console has pages",
    "exports": "the room, its API resource and its pages",
    "imports": "the room, its API resource and its pages",
    "jobs": "the room, and the pages that list jobs of every kind",
    "keys": "`access` makes and checks API keys, the command line and the console manage them",
    "openapi": "the document, and the command that prints it",
    "reference": "the API reference, which the API serves for a browser and the console as a page of its own",
    "routes": "each of the two wires lists its addresses on one page",
    "sandbox": "the sandbox, and the command that serves it",
    "segments": "the wing of `audience`, and its API resource",
    "sequences": "`audience` keeps them, the API has a resource for them, the console has pages",
    "subscribers": "`audience` keeps them, the API has a resource for them, the console has a page",
    "tags": "`audience` keeps them, the API has a resource for them, the console has pages",
    "undos": "their API resource and their pages",
    "uploads": "the wing of `imports`, and its API resource",
    "webhooks": "the room, its API resource and its pages",
    "workspaces": "`access` keeps them, the command line manages them",
}


def modules() -> list[PurePath]:
    """Paths of modules and packages within mailrith_lite, without suffix: `audience/tags`, `audience`."""
    files = [path.relative_to(PACKAGE) for path in PACKAGE.rglob("*.py") if path.parent != PACKAGE]
    top = [PurePath(path.stem) for path in PACKAGE.glob("[!_]*.py")]
    return top + [path.parent if path.stem == "__init__" else path.with_suffix("") for path in files]


def rooms_by_name() -> dict[str, list[str]]:
    """The rooms that have a module of this name; a room that has the name itself is one of them."""
    rooms = defaultdict(list)
    for path in sorted(set(modules())):
        rooms[path.name].append(path.parts[0])
    return {name: owners for name, owners in rooms.items() if len(owners) > 1}


def is_api_resource(name: str, rooms: list[str]) -> bool:
    """Whether the API alone has another module of this name, and takes what it serves from its namesake."""
    others = [room for room in rooms if room != "api"]
    source = (PACKAGE / "api" / name).with_suffix(".py")
    if len(others) != 1 or not source.is_file():
        return False
    return re.search(rf"^from mailrith_lite\.{others[0]} import .*\b{name}\b", source.read_text(), re.M) is not None


def test_modules_of_one_name_are_about_one_thing() -> None:
    """Add a name to SHARED only with a reason that names the one thing; else rename a module."""
    shared = {name for name, rooms in rooms_by_name().items() if not is_api_resource(name, rooms)}
    assert shared == set(SHARED)


def test_a_module_name_belongs_to_one_room_and_its_interfaces() -> None:
    for name, rooms in rooms_by_name().items():
        counts = Counter(rooms)
        owners = [room for room in counts if room not in WIRES]
        assert len(owners) <= 1, f"{name}: {', '.join(owners)} cannot both own it"
        assert counts.total() == len(counts), f"{name}: two modules of one room"
