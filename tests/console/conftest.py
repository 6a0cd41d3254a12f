"""One service and one browser for all tests of a module that do not disturb each other."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest
from conftest import KEY, Server

from mailrith_lite.settings import Settings

if TYPE_CHECKING:
    from playwright.sync_api import Browser


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    directory = tmp_path_factory.mktemp("console") / "data"
    with Server(Settings(port=0, data_dir=directory, bootstrap_key=KEY)).serving() as server:
        yield server


@pytest.fixture(scope="module")
def browser() -> Iterator["Browser"]:
    """Not for the whole session: while Playwright runs, it occupies the event loop of this thread."""
    from .browser import launched  # its import takes long, and the quick tests use no browser

    with launched() as browser:
        yield browser
