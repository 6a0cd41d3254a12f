"""Services on data directories of their own, and one that has completed an import without a crash."""

from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
import pytest

from crash.service import EXPORTS, IMPORTS, Content, Service, import_request


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Callable[[str], Service]]:
    """`service(name)`: a service that is not started, on a data directory with this name."""
    services: list[Service] = []

    def make(name: str) -> Service:
        services.append(Service(tmp_path / name))
        return services[-1]

    yield make
    for each in services:
        each.kill()


class Reference(msgspec.Struct, frozen=True, kw_only=True):
    """A stopped service whose import completed without a crash. `exported`: the file of an export of everybody."""

    directory: Path
    content: Content
    exported: bytes


@pytest.fixture(scope="session")
def reference(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Reference]:
    service = Service(tmp_path_factory.mktemp("crash") / "data").start()
    try:
        job = service.finish(service.call("POST", IMPORTS, import_request()))
        assert job["status"] == "Completed"
        content = service.content()
        export = service.finish(service.call("POST", EXPORTS))
        (path,) = (service.directory / "exports").iterdir()
        exported = path.read_bytes()
        service.call("DELETE", export["self"])
        service.stop()
        yield Reference(directory=service.directory, content=content, exported=exported)
    finally:
        service.kill()
