"""A database that SQLite cannot read whole."""

from pathlib import Path


def damage(data_dir: Path) -> None:
    """Overwrites three pages in the middle of the database."""
    with (data_dir / "mailrith.db").open("r+b") as file:
        file.seek(3 * 4_096)
        file.write(b"\xee" * 3 * 4_096)
