"""Three workspaces and a pipeline that records its calls."""

import pytest

from jobs.recorder import Recorder
from mailrith_lite.access import workspaces
from mailrith_lite.database import Database


@pytest.fixture
async def recorder(database: Database) -> Recorder:
    async with database.write() as connection:
        for name in "ABC":
            await workspaces.insert_workspace(connection, name, 1)
    return Recorder(database)
