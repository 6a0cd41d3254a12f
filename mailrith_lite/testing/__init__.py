"""A real server for tests: `with mailrith_lite.testing.serve() as mailrith:`, or the pytest fixture `mailrith`."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mailrith_lite.testing.handle import Mailrith as Mailrith
    from mailrith_lite.testing.server import serve as serve

__all__ = ["Mailrith", "serve"]


def __getattr__(name: str) -> Any:
    """Imported when it is asked for: pytest loads this package in every session, also where nobody uses it."""
    if name == "serve":
        from mailrith_lite.testing.server import serve

        return serve
    if name == "Mailrith":
        from mailrith_lite.testing.handle import Mailrith

        return Mailrith
    raise AttributeError(f"module {__name__} has no attribute {name}")
