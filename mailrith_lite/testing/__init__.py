"""A real server for tests: `with mailrith_lite.testing.serve() as mailrith:`, or the pytest fixture `mailrith`."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mailrith_lite.testing.handle import Mailrith as Mailrith
    from mailrith_lite.testing.server import serve as serve

__all__ = ["Mailrith", "serve"]


def __getattr__(name: str) -> object:
    """Imports on first use: pytest loads this package in every session, also in one without its fixture."""
    if name == "serve":
        from mailrith_lite.testing.server import serve

        return serve
    if name == "Mailrith":
        from mailrith_lite.testing.handle import Mailrith

        return Mailrith
    raise AttributeError(f"module {__name__} has no attribute {name}")
