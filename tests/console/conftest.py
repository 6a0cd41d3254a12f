"""One service, and one browser, for a whole module of tests that do not get in each other's way."""

from collections.abc import Iterator

import pytest
from conftest import KEY, Server

from mailrith_lite.settings import Settings

from .browser import Browser, launched


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    directory = tmp_path_factory.mktemp("console") / "data"
    with Server(Settings(port=0, data_dir=directory, bootstrap_key=KEY)).serving() as server:
        yield server


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """For a module and not for the session: Playwright has a loop of its own in this thread while it runs."""
    with launched() as found:
        yield found
