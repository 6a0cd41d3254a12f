"""`doctor` compares the counts that lists rely on with what is there."""

import pytest
from conftest import Server

from cli.processes import run
from mailrith_lite.http.services import Services

FOUND = {"subscriber_blocks": (), "tag_blocks": ("tags",), "sequence_blocks": ("sequences",)}
"""The blocks of a table, and what is their sum."""


@pytest.mark.parametrize("table", FOUND)
def test_a_count_that_is_wrong_is_found(server: Server, table: str) -> None:
    client = server.sdk()
    sequence = client.sequences.create(body={"name": "Welcome", "definition": {"emails": []}})["data"]
    server.import_csv("Email,Name\na@example.com,A\n", new_tag_name="New", sequence_ids=[sequence["id"]])
    assert _doctor(server) == "good  database"

    async def spoil(services: Services) -> None:
        async with services.database.write() as connection:
            await connection.execute(f"UPDATE {table} SET members = members + 1")

    server.wait(spoil(server.services))
    wrong = "; ".join(f"{one} has a wrong count" for one in (*FOUND[table], table))
    assert _doctor(server) == f"bad   database: {wrong}"


def _doctor(server: Server) -> str:
    """What it says of the database."""
    directory = server.settings.data_dir
    outcome = run("doctor", "--data-dir", directory, cwd=directory.parent)
    return next(line for line in outcome.stdout.splitlines() if "database" in line)
